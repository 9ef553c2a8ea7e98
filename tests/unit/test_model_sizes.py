"""The size dial and the configurations of new models: counted by hand, and run."""

import dataclasses
import json
import math

import pytest
import torch
import transformers

from cutaway.errors import InputError
from cutaway.training.model_sizes import ARCHITECTURES, OBJECTIVES, SIZES, configuration, model_class, shaped_like

V, T = 30, 24
IDS = {"bos": 0, "eos": 1, "pad": 2, "mask": 3}
PAIRS = [(arch, objective) for arch, objectives in ARCHITECTURES.items() for objective in objectives]


def _labels(objective):
    return ("cold", "mild", "warm") if objective in ("classes", "numbers") else ()


def _new(arch, objective, size="nano", **changes):
    settings = {**dataclasses.asdict(SIZES[size]), "context": T, "vocab_size": V, **IDS, **changes}
    return configuration(arch, objective=objective, **{"labels": _labels(objective), **settings})


def _built(config, objective, device="cpu"):
    with torch.device(device):
        return model_class(objective).from_config(config)


def _by_hand(arch, size):
    """Parameters of the arch with its first objective; a norm of GPT-2 and BERT has a scale and a shift."""
    L, D = size.layers, size.width
    if arch == "gpt2":
        layer = (D + 1) * 3 * D + (D + 1) * D + (D + 1) * 4 * D + (4 * D + 1) * D + 2 * 2 * D
        return V * D + T * D + L * layer + 2 * D
    if arch == "llama":
        inner = math.ceil(8 * D / 3 / 8) * 8
        return V * D + L * (4 * D * D + 3 * D * inner + 2 * D) + D
    if arch == "bert":
        layer = 4 * (D + 1) * D + (D + 1) * 4 * D + (4 * D + 1) * D + 2 * 2 * D
        head = (D + 1) * D + 2 * D + V  # a matrix, a norm, a bias for each token
        return (V + T + 2) * D + 2 * D + L * layer + head
    reads = 4 * D * D + 2 * 4 * D * D + 2 * D
    writes = 2 * 4 * D * D + 2 * 4 * D * D + 3 * D
    return V * D + L * (reads + writes) + 2 * 32 * size.heads + 2 * D  # 32 classes of distance a side


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("size", SIZES)
def test_parameters_by_hand(arch, size):
    objective = ARCHITECTURES[arch][0]
    model = _built(_new(arch, objective, size), objective, "meta")
    assert sum(weight.numel() for weight in model.parameters()) == _by_hand(arch, SIZES[size])


def test_the_dial_is_what_it_says():
    """0.2, 1.8, 10.6 and 85 million beside the embeddings, heads of 32 to 64 from micro on."""
    for (name, size), millions in zip(SIZES.items(), (0.2, 1.8, 10.6, 85), strict=True):
        assert 12 * size.layers * size.width**2 == pytest.approx(millions * 1e6, rel=0.02)
        assert name == "nano" or 32 <= size.width // size.heads <= 64


def _inputs(arch, objective, ids_BT):
    if objective == "classes":
        return {"input_ids": ids_BT, "labels": torch.tensor([0, 2])}
    if objective == "numbers":
        return {"input_ids": ids_BT, "labels": torch.tensor([[0.5, 1, -1], [0, 2, 3]])}
    return {"input_ids": ids_BT, "labels": ids_BT}


@pytest.mark.parametrize(("arch", "objective"), PAIRS)
@pytest.mark.parametrize("equal", [False, True], ids=["four ids", "one id"])
def test_every_pair_runs_and_learns(arch, objective, equal):
    ids = dict.fromkeys(IDS, 5) if equal else IDS
    config = _new(arch, objective, **ids)
    torch.manual_seed(0)
    model = _built(config, objective).train()
    ids_BT = torch.randint(6, V, (2, T))
    ids_BT[:, 0] = ids["bos"]
    out = model(**_inputs(arch, objective, ids_BT))
    out.loss.backward()
    assert out.loss.isfinite()
    assert all(weight.dtype == torch.float32 for weight in model.parameters())
    # The beginning of a row is read, so its embedding must learn: not so if it also is the embedding of padding.
    if objective in ("causal", "masked"):
        assert model.get_input_embeddings().padding_idx == (None if equal or arch == "gpt2" else IDS["pad"])
    # No dropout: the same numbers twice.
    assert torch.equal(out.loss, model(**_inputs(arch, objective, ids_BT)).loss)


def test_several_labels_and_numbers_have_their_losses():
    several = _new("bert", "classes", many=True)
    assert several.problem_type == "multi_label_classification" and several.num_labels == 3
    assert _new("gpt2", "numbers", labels=("melting point",)).num_labels == 1
    assert _new("gpt2", "numbers").problem_type == "regression"
    one = _new("llama", "classes")
    assert one.problem_type == "single_label_classification" and one.label2id == {"cold": 0, "mild": 1, "warm": 2}


def test_dropout_is_an_option():
    for arch, objectives in ARCHITECTURES.items():
        plain, dropped = _built(_new(arch, objectives[0]), objectives[0], "meta"), None
        dropped = _built(_new(arch, objectives[0], dropout=0.25), objectives[0], "meta")
        rates = [
            {layer.p for layer in model.modules() if isinstance(layer, torch.nn.Dropout)} for model in (plain, dropped)
        ]
        assert (rates[0] <= {0.0} and rates[1] >= {0.25}) or arch == "llama"
    assert _new("llama", "causal", dropout=0.25).attention_dropout == 0.25


@pytest.mark.parametrize(
    ("arch", "objective", "said"),
    [
        ("bert", "causal", "gpt2 or llama"),
        ("gpt2", "masked", "take bert"),
        ("llama", "seq2seq", "take t5"),
        ("t5", "classes", "gpt2 or llama or bert"),
        ("t5", "causal", "gpt2 or llama"),
        ("mamba", "causal", "gpt2, llama, bert, t5"),
        ("gpt2", "diffusion", "causal, masked"),
    ],
)
def test_what_cannot_be_says_what_works(arch, objective, said):
    with pytest.raises(InputError) as error:
        _new(arch, objective)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"heads": 7}, "7 heads"),
        ({"bos": V}, "bos token is 30"),
        ({"context": 0}, "context"),
        ({"dropout": 1.0}, "dropout"),
        ({"objective": "classes", "labels": ("one",)}, "at least two classes"),
        ({"objective": "classes", "labels": ("one", "one")}, "each once"),
        ({"objective": "numbers", "labels": ()}, "one or more"),
    ],
)
def test_bad_numbers(changes, said):
    with pytest.raises(InputError, match=said):
        configuration("gpt2", **{**dataclasses.asdict(SIZES["nano"]), "context": T, "vocab_size": V, **IDS, **changes})


def test_the_objective_decides_which_tokens_it_needs():
    with pytest.raises(InputError, match="no mask token"):
        _new("bert", "masked", mask=None)
    with pytest.raises(InputError, match="no padding or end token"):
        _new("t5", "seq2seq", pad=None, eos=None)
    assert _new("gpt2", "classes", pad=None).pad_token_id == IDS["eos"]  # to find the last token of a row


@pytest.mark.parametrize(
    ("shape", "objective"),
    [
        ("gpt2", "causal"),
        ("qwen3", "causal"),
        ("roberta", "masked"),
        ("esm", "masked"),
        ("modernbert", "masked"),
        ("distilbert", "classes"),
        ("deberta-v2", "masked"),
        ("bart", "seq2seq"),
    ],
)
def test_the_shape_of_any_configuration(shape, objective):
    """Small versions of the types run forward over a whole row, with our vocabulary and our ids."""
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    if shape == "qwen3":
        small["num_key_value_heads"] = 1
    if shape in ("gpt2", "distilbert", "bart"):
        small = {
            "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2},
            "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64},
            "bart": {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
                     "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64},
        }[shape]  # fmt: skip
    published = transformers.CONFIG_MAPPING[shape](**small, vocab_size=1000)
    if shape == "esm":
        published.position_embedding_type = "absolute"
    before = published.to_dict()
    long = 600  # longer than the 512 positions that several of these have
    ids = {"bos": 20, "eos": 21, "pad": 22, "mask": 23}
    config = shaped_like(
        published,
        context=long,
        vocab_size=V,
        **ids,
        objective=objective,
        labels=("a", "b") if objective == "classes" else (),
        dropout=0.0,
    )
    assert published.to_dict() == before
    model = _built(config, objective).train()
    ids_BT = torch.randint(0, 20, (1, long))
    first, second = (model(input_ids=ids_BT).logits for _ in range(2))
    assert torch.equal(first, second) and first.isfinite().all()
    assert first.shape[-1] == (2 if objective == "classes" else V)
    assert (config.bos_token_id, config.eos_token_id, config.pad_token_id) == (20, 21, 22)
    assert model.get_input_embeddings().weight.shape[0] == V


def test_a_file_or_folder_gives_the_shape_too(tmp_path):
    transformers.LlamaConfig(
        hidden_size=48, num_attention_heads=4, num_hidden_layers=3, dtype="bfloat16"
    ).save_pretrained(tmp_path)
    for path in (tmp_path, tmp_path / "config.json"):
        config = shaped_like(path, context=T, vocab_size=V, **IDS)
        assert (config.hidden_size, config.num_hidden_layers, config.vocab_size) == (48, 3, V)
        assert config.dtype is None  # new weights are trained in float32
    assert json.loads((tmp_path / "config.json").read_text())["hidden_size"] == 48


@pytest.mark.parametrize(
    ("shape", "objective"),
    [("bert", "causal"), ("roberta", "causal"), ("gpt2", "masked"), ("bart", "causal"), ("llama", "seq2seq")],
)
def test_a_shape_that_cannot_learn_this(shape, objective):
    with pytest.raises(InputError, match=f"can't be trained for '{objective}'"):
        shaped_like(shape, context=T, vocab_size=V, **IDS, objective=objective)


def test_every_objective_has_its_class():
    assert {objective for objectives in ARCHITECTURES.values() for objective in objectives} == set(OBJECTIVES)
    assert model_class("numbers") is transformers.AutoModelForSequenceClassification
