"""The logit lens against formulas written out by hand, on tiny random models of many makes."""

import copy
import json
import math

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

import cutaway
from cutaway.cli import main
from cutaway.errors import InputError, MissingText, ModelError, PromptTooLong, WrongKind
from cutaway.inside import layer_states, lens, logit_lens
from cutaway.models import Model, load
from tests.conftest import ALPHABET

TEXT = "The animal didn't cross the street."
V = len(ALPHABET) + 2

SMALL = {
    "vocab_size": V, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128, "initializer_range": 0.4,
    "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip
GPT = {"vocab_size": V, "n_layer": 3, "n_head": 2, "n_embd": 16, "n_positions": 64, "initializer_range": 0.4}

DECODERS = {
    "gpt2": GPT,
    "llama": SMALL,
    "mistral": SMALL,
    "qwen3": SMALL,
    "phi3": SMALL,
    "gemma2": SMALL | {"final_logit_softcapping": 5.0, "layer_types": ["sliding_attention", "full_attention"] * 2},
    "gemma3_text": SMALL,
    "granite": SMALL | {"logits_scaling": 3.0, "embedding_multiplier": 3.0, "residual_multiplier": 0.5},
    "cohere": SMALL | {"logit_scale": 0.25},
    "olmo2": SMALL,
    "gpt_neox": SMALL,
    "opt": SMALL | {"ffn_dim": 48, "word_embed_proj_dim": 16},
    "falcon": {"vocab_size": V, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4},
    "bloom": {"vocab_size": V, "hidden_size": 32, "n_layer": 3, "n_head": 4, "initializer_range": 0.4},
    "mpt": {"vocab_size": V, "d_model": 32, "n_layers": 3, "n_heads": 4},
    "gptj": GPT | {"rotary_dim": 4},
    "gpt_oss": SMALL | {"num_local_experts": 4, "num_experts_per_tok": 2},
    "mixtral": SMALL | {"num_local_experts": 4},
}
MASKED = {
    "bert": SMALL,
    "roberta": SMALL,
    "distilbert": {"vocab_size": V, "dim": 32, "hidden_dim": 48, "n_layers": 3, "n_heads": 4},
    "albert": SMALL | {"embedding_size": 16},
    "electra": SMALL | {"embedding_size": 16},
    "modernbert": SMALL | {"cls_token_id": 0, "sep_token_id": 0},
}


def build(kind, tokenizer, **changes):
    torch.manual_seed(3)
    found = {**DECODERS, **MASKED}[kind]
    auto = AutoModelForMaskedLM if kind in MASKED else AutoModelForCausalLM
    if kind == "gemma2":
        found = found | {"layer_types": found["layer_types"][:3]}
    module = auto.from_config(transformers.AutoConfig.for_model(kind, **(found | changes)))
    for weight in module.parameters():  # no family starts small, and no norm is the identity
        weight.data.normal_(0, 0.4) if weight.ndim > 1 else weight.data.add_(torch.randn_like(weight) / 4)
    module.tie_weights()
    return Model(f"tiny-{kind}", None, module.eval(), tokenizer)


@pytest.fixture(scope="module")
def tokenizer(tiny_llama):
    return load(tiny_llama).tokenizer


@pytest.fixture(params=["tiny_gpt2", "tiny_llama"])
def model(request):
    return load(request.getfixturevalue(request.param), "any")


def states_of(module, ids):
    with torch.inference_mode():
        output = module(input_ids=torch.tensor([ids]), output_hidden_states=True)
    return [state[0] for state in output.hidden_states], output.logits[0].double()


def test_every_layer_is_norm_and_head_of_transformers_hidden_states(model):
    """The formula by hand: logits_l = head(norm(h_l)); transformers' last hidden state is normed already."""
    result = lens(TEXT, model, top=4)
    body = model.module.base_model
    norm = body.ln_f if hasattr(body, "ln_f") else body.norm
    states, logits_TV = states_of(model.module, result.ids)
    assert result.layers == [0, 1, 2] == [row.layer for row in result.grid]
    assert result.predicts == "next token"
    with torch.inference_mode():
        every = [model.module.lm_head(norm(state)).double() for state in states[:-1]] + [logits_TV]
    final_TV = logits_TV.log_softmax(-1)
    for row, layer_TV in zip(result.grid, every, strict=True):
        logprobs_TV = layer_TV.log_softmax(-1)
        likely_TV = logprobs_TV.exp()
        entropy_T = -(likely_TV * logprobs_TV).sum(-1) / math.log(2)
        kl_T = (final_TV.exp() * (final_TV - logprobs_TV)).sum(-1) / math.log(2)
        assert [cell.entropy_bits for cell in row.cells] == pytest.approx(entropy_T.tolist(), abs=1e-4)
        assert [cell.kl_bits for cell in row.cells] == pytest.approx(kl_T.tolist(), abs=1e-4)
        answer_T = likely_TV.gather(1, final_TV.argmax(-1, keepdim=True))[:, 0]
        assert [cell.answer_probability for cell in row.cells] == pytest.approx(answer_T.tolist(), abs=1e-5)
        for t, cell in enumerate(row.cells):
            best = likely_TV[t].topk(4)
            assert [top.id for top in cell.top] == best.indices.tolist()
            assert [top.probability for top in cell.top] == pytest.approx(best.values.tolist(), abs=1e-5)
            if t + 1 == len(result.ids):
                assert cell.target is None
                continue
            target, order = result.ids[t + 1], likely_TV[t].argsort(descending=True).tolist()
            assert (cell.target.id, order[cell.target.rank - 1]) == (target, target)
            assert cell.target.probability == pytest.approx(likely_TV[t, target].item(), abs=1e-5)
            assert cell.target.surprisal_bits == pytest.approx(-logprobs_TV[t, target].item() / math.log(2), abs=1e-4)
    assert [cell.kl_bits for cell in result.grid[-1].cells] == [0.0] * len(result.ids)


@pytest.mark.parametrize("kind", [*DECODERS, *MASKED])
def test_the_last_layer_is_the_models_own_output(kind, tokenizer):
    model = build(kind, tokenizer)
    result = lens(TEXT, model, top=V)
    assert result.layers == [0, 1, 2, 3]
    with torch.inference_mode():
        logits_TV = model.module(input_ids=torch.tensor([result.ids])).logits[0]
    likely_TV = logits_TV.double().softmax(-1)
    assert likely_TV.max() > 3 / V  # not flat: a wrong scale would show
    for t, cell in enumerate(result.grid[-1].cells):
        given_V = torch.zeros(V, dtype=torch.float64)
        given_V[[top.id for top in cell.top]] = torch.tensor([top.probability for top in cell.top]).double()
        assert (given_V - likely_TV[t]).abs().max() < 1e-5
    assert result.predicts == ("same token" if kind in MASKED else "next token")
    assert all(sum(cell.kl_bits for cell in row.cells) > 0.01 * len(row.cells) for row in result.grid[:-1])


@pytest.mark.parametrize("kind", [*DECODERS, *MASKED])
def test_the_states_equal_transformers_hidden_states(kind, tokenizer):
    """Layer l is what enters block l: the same as `output_hidden_states`, but for the last, which is normed there."""
    model = build(kind, tokenizer)
    ids = tokenizer.encode(TEXT).ids
    with torch.inference_mode():
        ours, head = layer_states.layer_states(model, ids, list(range(len(ids))))
        theirs, logits_TV = states_of(model.module, ids)
        assert len(ours) == len(theirs) == 4
        for state, other in zip(ours[:-1], theirs[:-1], strict=True):
            torch.testing.assert_close(state, other)
        torch.testing.assert_close(head(ours[-1]).double(), logits_TV, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["llama", "gemma2", "granite", "bert"])
def test_the_lens_of_a_shorter_model_is_that_models_output(kind, tokenizer):
    """Layer 2 of three is what a model that ends after its second block says: the same weights, one block fewer."""
    model = build(kind, tokenizer)
    result = lens(TEXT, model, top=V)
    cut = copy.deepcopy(model.module)
    body = cut.base_model.encoder.layer if kind == "bert" else cut.base_model.layers
    del body[2]
    cut.config.num_hidden_layers = 2
    with torch.inference_mode():
        likely_TV = cut(input_ids=torch.tensor([result.ids])).logits[0].softmax(-1)
    for t, cell in enumerate(result.grid[2].cells):
        best = likely_TV[t].topk(V)
        assert [top.probability for top in cell.top] == pytest.approx(best.values.tolist(), abs=1e-5)


def test_settled_is_the_first_layer_of_the_last_run_of_the_answer(model):
    result = lens(TEXT, model)
    for t, settled in enumerate(result.settled):
        firsts = [row.cells[t].top[0].id for row in result.grid]
        assert all(first == firsts[-1] for first in firsts[settled:])
        assert settled == 0 or firsts[settled - 1] != firsts[-1]
    assert len(set(result.settled)) > 1


def test_chunks_positions_and_one_token(model, monkeypatch):
    whole = lens(TEXT, model)
    monkeypatch.setattr(logit_lens, "BLOCK", 5 * V)
    parts = lens(TEXT, model)
    assert parts.settled == whole.settled
    for name, value in whole.arrays().items():
        np.testing.assert_allclose(parts.arrays()[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
    some = lens(TEXT, model, positions=[-1, 3, 3])
    assert some.positions == [3, len(TEXT) - 1]
    assert some.tokens == whole.tokens
    assert some.settled == [whole.settled[3], whole.settled[-1]]
    assert some.grid[1].cells[0].kl_bits == pytest.approx(whole.grid[1].cells[3].kl_bits, abs=1e-5)
    assert some.grid[1].cells[1].target is None
    one = lens("a", model)
    assert (one.tokens, len(one.grid[0].cells), one.grid[0].cells[0].target) == (["a"], 1, None)


def test_the_model_is_not_changed(model):
    before = {name: id(part) for name, part in model.module.named_modules()}
    ids = torch.tensor([model.tokenizer.encode(TEXT).ids])
    with torch.inference_mode():
        logits = model.module(input_ids=ids).logits
        lens(TEXT, model)
        assert torch.equal(model.module(input_ids=ids).logits, logits)
    assert {name: id(part) for name, part in model.module.named_modules()} == before
    assert all("forward" not in vars(part) for part in model.module.modules())


def test_a_hook_that_steers_a_block_acts_once(tokenizer):
    model = build("llama", tokenizer)
    plain = lens(TEXT, model)
    model.module.base_model.layers[1].register_forward_hook(lambda _module, _args, output: output * 3)
    result = lens(TEXT, model, top=1)
    with torch.inference_mode():
        likely_TV = model.module(input_ids=torch.tensor([result.ids])).logits[0].softmax(-1)
    firsts = [cell.top[0].probability for cell in result.grid[-1].cells]
    assert firsts == pytest.approx(likely_TV.amax(-1).tolist(), abs=1e-5)
    assert result.grid[1].cells[4].kl_bits != plain.grid[1].cells[4].kl_bits
    assert result.grid[0].cells[4].entropy_bits == plain.grid[0].cells[4].entropy_bits


def test_rows_and_arrays_hold_the_numbers_of_the_record(model):
    result = lens("A cat.", model, top=2)
    rows, arrays = result.rows(), result.arrays()
    assert len(rows) == 3 * 6 and len({tuple(row) for row in rows}) == 1
    assert all(isinstance(value, (str, int, float, type(None))) for row in rows for value in row.values())
    record = result.to_dict()
    for row in rows:
        cell = record["grid"][row["layer"]]["cells"][row["position"]]
        assert [row["top1"], row["top2"]] == [top["token"] for top in cell["top"]]
        assert row["top2_probability"] == cell["top"][1]["probability"]
        assert row["target_rank"] == (cell["target"] and cell["target"]["rank"])
        assert row["target"] == (cell["target"] and cell["target"]["token"])
        at = (row["layer"], row["position"])
        assert arrays["kl_bits"][at] == np.float32(row["kl_bits"])
        assert arrays["top_ids"][at].tolist() == [row["top1_id"], row["top2_id"]]
    assert arrays["target_id"][0].tolist() == [*result.ids[1:], -1]
    assert np.isnan(arrays["target_probability"][:, -1]).all()
    assert {name: value.shape for name, value in arrays.items()}["top_probabilities"] == (3, 6, 2)


def test_a_masked_model_is_asked_for_the_token_in_the_same_place(tokenizer):
    result = lens(TEXT, build("bert", tokenizer))
    assert [cell.target.id for cell in result.grid[0].cells] == result.ids


def test_half_precision_passes_its_own_check(tokenizer):
    model = build("llama", tokenizer)
    model.module.to(torch.bfloat16)
    assert lens(TEXT, model).layers == [0, 1, 2, 3]


@pytest.mark.parametrize("text", ["", None])
def test_an_empty_text_is_refused(model, text):
    with pytest.raises(MissingText):
        lens(text, model)


def test_bad_numbers_and_long_texts(tiny_gpt2):
    model = load(tiny_gpt2, "any")
    with pytest.raises(InputError, match="`top` is 0"):
        lens("abc", model, top=0)
    with pytest.raises(InputError, match="no position 3"):
        lens("abc", model, positions=[3])
    with pytest.raises(InputError, match="no position -4"):
        lens("abc", model, positions=[-4])
    with pytest.raises(InputError, match="`positions` is empty"):
        lens("abc", model, positions=[])
    with pytest.raises(PromptTooLong, match=r"80 tokens.*takes 64.*16 too many"):
        lens("a" * 80, model)
    assert len(lens("a" * 80, model, truncate="left", positions=[0]).tokens) == 64


def test_models_without_an_output_vocabulary_are_refused(tiny_bert_classifier, tokenizer):
    with pytest.raises(WrongKind, match="no output vocabulary") as caught:
        lens(TEXT, tiny_bert_classifier)
    assert "smollm2-135m" in caught.value.hint
    bare = Model("bare", None, build("llama", tokenizer).module.base_model, tokenizer)
    with pytest.raises(WrongKind, match="no output vocabulary"):
        lens(TEXT, bare)
    config = transformers.T5Config(vocab_size=V, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2)
    with pytest.raises(WrongKind, match="an encoder-decoder"):
        lens(TEXT, Model("t5", None, transformers.T5ForConditionalGeneration(config).eval(), tokenizer))


def test_nan_weights_are_refused(tokenizer):
    model = build("llama", tokenizer)
    model.module.base_model.layers[1].mlp.up_proj.weight.data[0, 0] = math.nan
    with pytest.raises(ModelError, match="NaN"):
        lens(TEXT, model)


def test_a_last_layer_that_is_not_the_models_output_is_refused(tokenizer):
    """A model that takes something from inside its blocks past the last one can't be read block by block."""
    model, heard = build("llama", tokenizer), []

    class Skips(type(model.module)):
        def forward(self, input_ids=None, **kwargs):
            output = super().forward(input_ids=input_ids, **kwargs)
            output.logits = output.logits + len(heard) / 100
            heard.clear()
            return output

    model.module.__class__ = Skips
    model.module.model.layers[0].mlp.register_forward_hook(lambda *_: heard.append(1))
    with pytest.raises(ModelError, match=r"its logits differ from the model's own by 0\.01"):
        lens(TEXT, model)


def test_command(capsys, tiny_gpt2, tmp_path):
    def run(*args):
        with pytest.raises(SystemExit) as done:
            main(["lens", *args, "-m", str(tiny_gpt2)])
            raise SystemExit(0)
        return done.value.code or 0, capsys.readouterr()

    code, said = run("A cat.", "--json", "--top", "2", "--positions", "0,-1")
    record = json.loads(said.out)
    assert code == 0
    assert record == cutaway.lens("A cat.", str(tiny_gpt2), top=2, positions=[0, -1]).to_dict()
    assert record["schema"] == "cutaway.lens/1"
    assert {"model", "text", "predicts", "tokens", "positions", "layers", "grid", "settled"} <= set(record)
    code, said = run("A cat.")
    assert code == 0 and "settled" in said.out and "output" in said.out
    code, said = run("A cat.", "--positions", "0;1")
    assert (code, said.out) == (2, "")
    code, said = run("A cat.", "-o", str(tmp_path / "lens.html"))
    assert code == 0 and "cutaway.lens/1" in (tmp_path / "lens.html").read_text()
