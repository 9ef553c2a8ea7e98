"""What a model's files say, by whatever name: chat templates, limits, ids without an embedding, missing packages."""

import json
import shlex
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from cutaway import generate, inside, models, prediction
from cutaway.errors import CorruptFile, InputError, MissingPackage, ModelError, PromptTooLong
from cutaway.extras import pip_install
from cutaway.models.context_limit import context_of
from cutaway.models.missing_packages import missing_package
from cutaway.models.prompt import render_chat
from tests.unit import tokenizer_layouts

PLAIN = "{% for m in messages %}<{{m['role']}}>{{m['content']}}{% endfor %}<assistant>"
PARTS = (
    "{% for m in messages %}<{{m['role']}}>{% for c in m['content'] %}{% if c['type'] == 'text' %}{{c['text']}}"
    "{% endif %}{% endfor %}{% endfor %}<assistant>"
)
NEEDS = (
    "{% if messages[0]['role'] != 'system' %}{{raise_exception('a system message must come first')}}{% endif %}" + PLAIN
)
USER = "{% for m in messages %}{% if m['role'] == 'user' %}<user>{{m['content']}}{% endif %}{% endfor %}<assistant>"
NOTHING = "<assistant>"
BOTH, ALONE = "<system>Be brief.<user>Hello<assistant>", "<user>Hello<assistant>"


@pytest.fixture
def copy(tmp_path):
    return lambda folder: Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.fixture
def chatty(tiny_gpt2, copy):
    def make(template):
        folder = copy(tiny_gpt2)
        config = json.loads((folder / "tokenizer_config.json").read_text())
        (folder / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": template}))
        return models.load(folder)

    return make


@pytest.mark.parametrize(
    ("template", "system", "rendered"),
    [
        (PLAIN, "Be brief.", BOTH),
        (PLAIN, None, ALONE),
        (PARTS, "Be brief.", BOTH),
        (PARTS, None, ALONE),
        (NEEDS, "Be brief.", BOTH),
        ([{"name": "default", "template": PARTS}, {"name": "tool_use", "template": USER}], "Be brief.", BOTH),
        ([{"name": "tool_use", "template": USER}, {"name": "rag", "template": PLAIN}], "Be brief.", BOTH),
        ([{"name": "tool_use", "template": USER}, {"name": "rag", "template": PLAIN}], None, ALONE),
    ],
)
def test_both_messages_are_in_the_prompt(chatty, template, system, rendered):
    assert render_chat(chatty(template), "Hello", system) == rendered


@pytest.mark.parametrize("message", ["user", "t", "{{m}}", "'type': 'text'", " a\nb "])
def test_a_message_that_looks_like_the_template_is_in_the_prompt_too(chatty, message):
    assert render_chat(chatty(PARTS), message) == f"<user>{message}<assistant>"


@pytest.mark.parametrize(
    ("template", "system", "said", "hint"),
    [
        (NEEDS, None, "a system message must come first", "system="),
        (USER, "Be brief.", "takes no system message", "into the message"),
        (NOTHING, None, "leaves the message out", "`chat`"),
        (NOTHING, "Be brief.", "leaves the message out", "`chat`"),
        ("{% for %}", None, "can't render the message", "`chat`"),
    ],
)
def test_a_message_is_never_dropped_without_a_word(chatty, template, system, said, hint):
    with pytest.raises(ModelError, match=said) as raised:
        render_chat(chatty(template), "Hello", system)
    assert hint in raised.value.hint


# Limits

SMALL = {
    **{"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 40},
    **{"max_position_embeddings": 20, "pad_token_id": 1, "n_positions": 20, "n_embd": 16, "n_head": 2, "n_layer": 1},
    **{"emb_dim": 16, "n_layers": 1, "n_heads": 2, "dim": 16, "hidden_dim": 16, "word_embed_proj_dim": 16},
    **{"ffn_dim": 16, "attention_window": 4, "embedding_size": 16, "max_2d_position_embeddings": 16},
    **{"coordinate_size": 2, "shape_size": 4, "position_embedding_type": "absolute", "token_dropout": False},
    **{"mask_token_id": 3, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1},
}


@pytest.mark.parametrize(
    "kind",
    [
        *("bert", "distilbert", "electra", "albert", "opt", "gpt2", "openai-gpt", "ctrl", "biogpt", "flaubert", "xlm"),
        *("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer", "data2vec-text", "ibert", "mpnet"),
        *("roberta-prelayernorm", "layoutlmv3", "luke", "markuplm", "esm", "deberta", "nystromformer", "roformer"),
    ],
)
def test_a_text_of_that_length_runs_and_a_longer_one_does_not(kind):
    default = CONFIG_MAPPING[kind]()
    known = {**default.to_dict(), **default.attribute_map}
    config = CONFIG_MAPPING[kind](**{name: value for name, value in SMALL.items() if name in known})
    module, limit = transformers.AutoModel.from_config(config).eval(), context_of(config)
    with torch.no_grad():
        module(input_ids=torch.full((1, limit), 5))
        with pytest.raises((IndexError, RuntimeError)):
            module(input_ids=torch.full((1, limit + 1), 5))


@pytest.mark.parametrize(
    ("config", "limit"),
    [
        (transformers.MptConfig(max_seq_len=128), 128),
        (transformers.Gemma3Config(text_config={"max_position_embeddings": 128}), 128),
        (transformers.WhisperConfig(max_target_positions=448), 448),
        (transformers.LEDConfig(max_encoder_position_embeddings=512), 512),
        (transformers.BloomConfig(), None),
        (transformers.T5Config(), None),
        (transformers.XLNetConfig(), None),
        (transformers.MambaConfig(), None),
    ],
)
def test_limits_by_other_names(config, limit):
    assert context_of(config) == limit


def test_every_text_configuration_gives_its_limit_or_none():
    """What is told is the value of an attribute whose name means a length in positions, for each type of model."""
    without = set()
    for kind in CONFIG_MAPPING:
        try:
            config = CONFIG_MAPPING[kind]()
        except Exception:  # noqa: S112  some can't be made without more
            continue
        limit = context_of(config)
        if limit is None and transformers.MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None) is not None:
            without.add(kind)
    # ALiBi, recurrence, relative positions
    assert without <= {
        *("bloom", "mamba", "mamba2", "falcon_mamba", "xlstm", "recurrent_gemma", "xlnet", "cpmant"),
    }


def test_a_text_that_is_too_long_for_a_nested_limit(tmp_path, tiny_gpt2):
    config = transformers.MptConfig(vocab_size=300, d_model=16, n_heads=2, n_layers=1, max_seq_len=12)
    transformers.MptForCausalLM(config).save_pretrained(tmp_path / "mpt")
    transformers.AutoTokenizer.from_pretrained(tiny_gpt2).save_pretrained(tmp_path / "mpt")
    with pytest.raises(PromptTooLong, match="takes 12"):
        prediction.score("a text of more than twelve", tmp_path / "mpt")


# Ids, packages


def test_every_verb_reports_an_id_without_an_embedding(tiny_gpt2, copy):
    folder = copy(tiny_gpt2)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<new>"] + [f"<more{i}>" for i in range(3)])
    tokenizer.save_pretrained(folder)
    rows = json.loads((folder / "config.json").read_text())["vocab_size"]
    loaded = models.load(folder)
    first = next(i for i in range(10_000) if loaded.tokenizer.token(i) == "<more2>")
    assert first >= rows
    for verb in (
        lambda: prediction.score("a <more2> b", loaded),
        lambda: inside.embed(["a <more2> b"], loaded),
        lambda: models.encode_prompt(loaded, "a <more2> b"),
    ):
        with pytest.raises(InputError, match=f"'<more2>' has the id {first}.* {rows} rows"):
            verb()
    assert models.tokenize("a <more2> b", str(folder)).ids  # which feeds no model


QUANTISED = [
    "gptq",
    "awq",
    "bitsandbytes",
    "aqlm",
    "hqq",
    "eetq",
    "quanto",
    "compressed-tensors",
    "fbgemm_fp8",
    "higgs",
]


@pytest.mark.parametrize("method", QUANTISED)
def test_quantised_weights_are_not_called_damaged(method, tiny_gpt2, copy):
    folder = copy(tiny_gpt2)
    config = json.loads((folder / "config.json").read_text())
    declared = {"quant_method": method, "bits": 4, "group_size": 128, "load_in_4bit": True, "weights": "int4"}
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": declared}))
    with pytest.raises(ModelError) as raised:
        models.load(folder)
    assert not isinstance(raised.value, CorruptFile), raised.value
    assert "damaged" not in str(raised.value) and "\n" not in raised.value.message
    if method == "gptq":
        assert raised.value.hint.startswith(pip_install())


@pytest.mark.parametrize(
    ("said", "package"),
    [
        ("Loading a GPTQ quantized model requires gptqmodel (`pip install gptqmodel`) library.", "gptqmodel"),
        ("Using `b` requires accelerate: `pip install 'accelerate>=1'`", "accelerate"),
        ("requires bitsandbytes: `pip install -U bitsandbytes>=0.46`", "bitsandbytes"),
        ("Using `aqlm` quantization requires AQLM: `pip install aqlm[gpu,cpu]`", "aqlm[gpu,cpu]"),
        ("\nX requires the SentencePiece library but it was not found in your environment.", "sentencepiece"),
        ("You need to install sacremoses to use X. See https://…", "sacremoses"),
    ],
)
def test_the_missing_package_is_found_in_the_error(said, package):
    assert missing_package("m", ImportError(said)).hint == f"{pip_install()} {shlex.quote(package)}"


def test_other_errors_are_not_called_a_missing_package():
    assert missing_package("m", ValueError("a header is too short")) is None
    try:
        try:
            raise ImportError("No module named 'elsewhere'")
        except ImportError:
            raise ValueError("a header is too short")  # noqa: B904
    except ValueError as error:
        assert missing_package("m", error) is None
    versions = missing_package("m", ImportError("cannot import name 'x' from 'y'"))
    assert versions is not None and "pip install" not in str(versions) and "other versions" in versions.message
    assert isinstance(missing_package("m", ModuleNotFoundError("…", name="optimum.gptq")), MissingPackage)


# Verbs on tokenizers in Python


@pytest.fixture
def esm(tmp_path):
    config = transformers.EsmConfig(
        **{"vocab_size": 33, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
        **{"intermediate_size": 16, "pad_token_id": 1, "mask_token_id": 32, "position_embedding_type": "rotary"},
    )
    config.architectures = ["EsmForMaskedLM"]
    transformers.EsmForMaskedLM(config).save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(tokenizer_layouts.AMINO))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "EsmTokenizer"}')
    return tmp_path


def test_esm_in_the_verbs(esm):
    found = prediction.mutate("MKTAYIW", esm)
    assert found.text == "MKTAYIW"
    ids_BT = torch.tensor([[0, 20, 15, 11, 5, 19, 12, 22, 2]])
    module = transformers.EsmForMaskedLM.from_pretrained(esm, attn_implementation="eager").eval()
    with torch.no_grad():
        theirs = module(ids_BT, output_hidden_states=True).hidden_states[-1][0, 0]
    vectors = torch.tensor(inside.embed(["MKTAYIW"], esm, pooling="cls", normalize=False).vectors)
    assert torch.allclose(vectors[0].float(), theirs, atol=1e-5)
    assert inside.attention("MKTAYIW", esm).stacks[0].queries[1:-1] == [*"MKTAYIW"]


def test_bytes_are_generated_and_scored(tmp_path):
    config = transformers.GPT2Config(vocab_size=384, n_embd=16, n_layer=1, n_head=2, n_positions=64)
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "ByT5Tokenizer"}')
    assert [token.id for token in prediction.score("aé", tmp_path).tokens][-2:] == [0xA9 + 3, 1]
    assert len(generate("aé", tmp_path, max_new_tokens=3)[0].token_ids) == 3
