"""No leak: what a model says about packed records, and learns from them, is what it does with each alone.

The reference is the record alone in a batch of one, with no mask and no positions of ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from cutaway.errors import InputError
from cutaway.shards import Row
from cutaway.training import Batcher, train
from cutaway.training.batches import IGNORED
from cutaway.training.isolation import check_isolated
from cutaway.training.objectives import logits_of, losses_of
from cutaway.training.trials import set_attention
from tests.unit.training_runs import TINY

SIZE: dict[str, Any] = {"vocab_size": 60, "num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16}
LENGTHS = ([5, 9, 3, 12], [20], [2, 2, 2, 17, 4], [11, 15])
"""The pieces of four rows, of 29, 20, 27 and 26 places: three are packed, and padded to the longest."""


def model(kind: str, attention: str = "sdpa") -> Any:
    torch.manual_seed(0)
    configs: dict[str, Any] = {
        "gpt2": lambda: transformers.GPT2Config(
            vocab_size=60, n_layer=2, n_head=2, n_embd=16, n_positions=64, attn_pdrop=0.0, embd_pdrop=0.0,
            resid_pdrop=0.0, initializer_range=0.3,
        ),
        "llama": lambda: transformers.LlamaConfig(
            **SIZE, intermediate_size=32, num_key_value_heads=1, max_position_embeddings=64, initializer_range=0.3
        ),
        "bert": lambda: transformers.BertConfig(
            **SIZE, intermediate_size=32, max_position_embeddings=64, hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0, initializer_range=0.3,
        ),
        "roberta": lambda: transformers.RobertaConfig(
            **SIZE, intermediate_size=32, max_position_embeddings=64, hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0, initializer_range=0.3,
        ),
        "mamba": lambda: transformers.MambaConfig(vocab_size=60, hidden_size=16, num_hidden_layers=2, state_size=4),
        "bloom": lambda: transformers.BloomConfig(vocab_size=60, hidden_size=16, n_layer=2, n_head=2),
        "t5": lambda: transformers.T5Config(
            vocab_size=60, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, dropout_rate=0.0,
            decoder_start_token_id=0,
        ),
    }  # fmt: skip
    config = configs[kind]()
    both_sides = kind in ("bert", "roberta")
    name = "Seq2SeqLM" if kind == "t5" else "MaskedLM" if both_sides else "CausalLM"
    module: Any = getattr(transformers, f"AutoModelFor{name}").from_config(config)
    if attention:
        set_attention(module, attention)
    return module


def rows_of(lengths: Any = LENGTHS) -> list[Row]:
    """Rows of pieces whose ids all differ, so that a leak can't hide."""
    random = np.random.default_rng(1)
    return [
        Row(random.integers(3, 60, sum(row)), tuple(row), tuple(range(len(row))), sum(row)) for row in lengths
    ]  # fmt: skip


def pieces_of(row: Row) -> list[np.ndarray]:
    return np.split(row.ids, np.cumsum(row.lengths)[:-1])


def gradients(module: Any) -> dict[str, torch.Tensor]:
    found = {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}
    module.zero_grad()
    return found


def alone(module: Any, ids: torch.Tensor) -> torch.Tensor:
    """Return the logits (T, V) of some ids by themselves: no mask, no positions, nothing of ours."""
    return module(input_ids=ids[None]).logits[0]


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("attention", ["sdpa", "eager", "plain"])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert"])
def test_packed_rows_are_their_records_alone(kind: str, attention: str, mode: str) -> None:
    module = model(kind, attention).train(mode == "train")
    rows = rows_of()
    if kind == "bert":
        batcher = Batcher("masked", pad=0, mask=2, vocabulary=60, specials=frozenset({0, 1, 2}), mask_share=0.3)
    else:
        batcher = Batcher("causal", pad=0)
    batch = batcher.batch(rows, 0, range(len(rows)))
    losses = losses_of(module, batch)
    losses.sum().backward()
    packed = gradients(module)
    logits_BTV = logits_of(module, batch.inputs)

    set_attention(module, "eager")
    expected: list[torch.Tensor] = []
    for number, row in enumerate(rows):
        shown = batch.inputs["input_ids"][number][: len(row.ids)] if kind == "bert" else torch.from_numpy(row.ids)
        start = 0
        for length in row.lengths:
            ids = shown[start : start + length]
            reference = alone(module, ids)
            kept = min(length, logits_BTV.shape[1] - start)  # the last token of the longest row is only predicted
            torch.testing.assert_close(logits_BTV[number, start : start + kept], reference[:kept], atol=1e-5, rtol=0)
            if kind == "bert":
                targets = batch.targets[number, start : start + length]
                chosen = targets != IGNORED
                expected.append(torch.nn.functional.cross_entropy(reference[chosen], targets[chosen], reduction="none"))
            else:
                expected.append(torch.nn.functional.cross_entropy(reference[:-1], ids[1:], reduction="none"))
            start += length
    reference_losses = torch.cat(expected)
    assert batch.predictions == len(reference_losses) == len(losses)
    torch.testing.assert_close(losses, reference_losses, atol=1e-5, rtol=0)
    reference_losses.sum().backward()
    unpacked = gradients(module)
    assert packed.keys() == unpacked.keys()
    for name, gradient in packed.items():
        # Sums over 94 tokens: relative to the largest gradient of the parameter.
        scale = max(1.0, float(unpacked[name].abs().max()))
        torch.testing.assert_close(gradient / scale, unpacked[name] / scale, atol=1e-5, rtol=0, msg=name)


@pytest.mark.parametrize("attention", ["sdpa", "eager", "plain"])
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_no_gradient_flows_between_pieces(kind: str, attention: str) -> None:
    module = model(kind, attention)
    [row] = rows_of([[6, 7, 8]])
    inputs = Batcher("causal", pad=0).batch([row], 0, [0]).inputs
    embedded = module.get_input_embeddings()(inputs["input_ids"]).detach().requires_grad_()
    logits = logits_of(module, {**{k: v for k, v in inputs.items() if k != "input_ids"}, "inputs_embeds": embedded})
    logits[0, 6:13].sum().backward()
    reached = embedded.grad[0].abs().sum(-1) > 0  # type: ignore[index]
    assert reached.tolist() == [6 <= place < 13 for place in range(20)]


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert", "t5"])
@pytest.mark.parametrize("padded", [False, True])
def test_plain_attention_is_eager_attention(kind: str, padded: bool) -> None:
    module = model(kind, "eager").eval()
    ids_BT = torch.from_numpy(np.random.default_rng(2).integers(3, 60, (3, 12)))
    inputs: dict[str, Any] = {"input_ids": ids_BT}
    if padded:
        inputs["attention_mask"] = torch.tensor([[1] * 12, [1] * 7 + [0] * 5, [1] * 3 + [0] * 9])
    if kind == "t5":
        inputs["decoder_input_ids"] = ids_BT.flip(1)[:, :5]
    expected = module(**inputs).logits
    set_attention(module, "plain")
    logits = module(**inputs).logits
    kept = torch.ones_like(logits[..., 0], dtype=torch.bool)
    if padded and kind != "t5":
        kept = inputs["attention_mask"].bool()
    torch.testing.assert_close(logits[kept], expected[kept], atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert", "roberta"])  # roberta counts positions from 2 on
def test_models_that_keep_records_apart_are_let_through(kind: str) -> None:
    check_isolated(model(kind), rows_of(), "masked" if "bert" in kind else "causal")


@pytest.mark.parametrize("kind", ["mamba", "bloom"])
def test_a_model_that_mixes_records_is_refused(kind: str) -> None:
    module = model(kind, "")
    with pytest.raises(InputError, match=rf"a {kind} model does not keep the records of a packed row apart") as caught:
        check_isolated(module, rows_of(), "causal")
    assert caught.value.hint == "use `rows='single'`"
    check_isolated(module, rows_of([[20], [7]]), "causal")


def test_a_run_on_packed_rows_refuses_such_a_model_and_leaves_no_folder(tmp_path: Path) -> None:
    fasta = tmp_path / "reads.fasta"
    letters = np.random.default_rng(0).choice(list("ACGT"), (60, 150))
    fasta.write_text("".join(f">r{n}\n{''.join(line[: 60 + n])}\n" for n, line in enumerate(letters)))
    settings = {**TINY, "alphabet": "dna", "context": 200, "config": transformers.MambaConfig(
        vocab_size=9, hidden_size=16, num_hidden_layers=1, state_size=4)}  # fmt: skip
    folder = tmp_path / "mamba"
    settings["config"].save_pretrained(folder)
    settings |= {"config": folder, "layers": None, "heads": None, "width": None}
    with pytest.raises(InputError, match="a mamba model does not keep the records"):
        train(fasta, **settings, rows="packed", output=tmp_path / "out")
    with pytest.raises(InputError, match="a mamba model"):  # also if the first row that is packed comes late
        train(fasta, **{**settings, "context": 126, "batch_size": 1}, rows="packed")
    assert not (tmp_path / "out").exists()
    result = train(fasta, **settings, rows="single", output=tmp_path / "out")
    assert result.architecture == "mamba" and result.final_loss < result.validation[0].loss


@pytest.mark.parametrize("kind", ["gemma2", "gpt_oss"])
def test_plain_attention_is_not_taken_for_models_that_do_more_to_their_scores(kind: str) -> None:
    from cutaway.training import trials

    torch.manual_seed(0)
    more: dict[str, Any] = {"num_local_experts": 2, "num_experts_per_tok": 1} if kind == "gpt_oss" else {}
    config: Any = transformers.AutoConfig.for_model(
        kind, **SIZE, intermediate_size=32, num_key_value_heads=1, head_dim=8, max_position_embeddings=64, **more
    )
    module = transformers.AutoModelForCausalLM.from_config(config)
    batch = Batcher("causal", pad=0).batch(rows_of([[20], [20]]), 0, [0, 1])
    assert trials._usable(module, batch, "plain") == "eager"
    assert trials._usable(model("gpt2"), batch, "plain") == "plain"


@pytest.mark.parametrize(("window", "fits"), [(8, False), (64, True)])
def test_a_window_shorter_than_a_packed_row_is_refused(window: int, fits: bool) -> None:
    config = transformers.MistralConfig(
        **SIZE, intermediate_size=32, num_key_value_heads=1, max_position_embeddings=64, sliding_window=window
    )
    module = transformers.MistralForCausalLM(config)
    if fits:
        check_isolated(module, rows_of(), "causal")
        return
    with pytest.raises(InputError, match="its attention sees 8 tokens"):
        check_isolated(module, rows_of(), "causal")
