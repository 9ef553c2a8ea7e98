"""The objectives: batches and losses, against transformers' own losses and what the saved model says."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from cutaway.shards import Row
from cutaway.training import Batcher, Settings, TrainingRun, train
from cutaway.training.batches import IGNORED
from cutaway.training.objectives import losses_of
from cutaway.training.run import batcher_of
from tests.unit.training_runs import TINY

RANDOM = np.random.default_rng(0)
SMALL: dict[str, Any] = {name: value for name, value in TINY.items() if name != "steps"}


def row(ids: list[int], *, record: int = 0, target: list[int] | None = None) -> Row:
    return Row(
        np.array(ids), (len(ids),), (record,), len(ids), None if target is None else np.array(target),
        () if target is None else (len(target),),
    )  # fmt: skip


def masked(**settings: Any) -> Batcher:
    return Batcher("masked", pad=0, **{"mask": 3, "vocabulary": 100, "specials": frozenset({0, 1, 2, 3}), **settings})


# --- masked


def test_masked_hides_a_share_and_predicts_only_what_is_hidden() -> None:
    rows = [row([1, *RANDOM.integers(4, 100, 500).tolist(), 2]) for _ in range(20)]
    batch = masked().batch(rows, 0, range(20))
    shown, targets = batch.inputs["input_ids"].numpy(), batch.targets.numpy()
    ids = np.stack([one.ids for one in rows])
    hidden = targets != IGNORED
    assert (
        (targets[hidden] == ids[hidden]).all() and (shown[hidden] == 3).all() and (shown[~hidden] == ids[~hidden]).all()
    )
    assert not hidden[:, [0, -1]].any()
    share = hidden.mean()  # 10,000 tokens: a deviation of 0.0036
    assert abs(share - 0.15) < 0.015 and batch.predictions == hidden.sum()


def test_what_is_hidden_depends_on_seed_and_place_alone() -> None:
    rows = [row([1, *range(10, 60), 2]) for _ in range(4)]
    batcher = masked()
    whole = batcher.batch(rows, 5, [0, 1, 2, 3]).targets
    alone = [batcher.batch([one], 5, [number]).targets[0] for number, one in enumerate(rows)]
    assert torch.equal(whole, torch.stack(alone))
    assert len({tuple(line.tolist()) for line in whole}) == 4
    assert not torch.equal(whole, batcher.batch(rows, 6, [0, 1, 2, 3]).targets)
    assert not torch.equal(whole, batcher.batch(rows, 5, [4, 5, 6, 7]).targets)


def test_the_rule_of_80_10_10() -> None:
    rows = [row([1, *RANDOM.integers(4, 100, 500).tolist(), 2]) for _ in range(60)]
    batch = masked(mask_rule="80/10/10", mask_share=0.5).batch(rows, 0, range(60))
    shown, targets = batch.inputs["input_ids"].numpy(), batch.targets.numpy()
    ids = np.stack([one.ids for one in rows])
    hidden = targets != IGNORED
    mask, same = (shown == 3)[hidden].mean(), (shown == ids)[hidden].mean()
    # 15,000 hidden: a deviation of 0.0033; one of a hundred random ids is the mask, and one the id itself.
    assert abs(mask - (0.8 + 0.001)) < 0.013 and abs(same - (0.1 + 0.001)) < 0.01
    swapped = hidden & (shown != 3) & (shown != ids)
    assert abs(swapped.sum() / hidden.sum() - 0.098) < 0.01
    assert np.unique(shown[swapped]).size > 90
    assert (shown[~hidden] == ids[~hidden]).all()


def test_words_and_units_are_hidden_whole() -> None:
    begins = np.zeros(100, dtype=bool)
    begins[::3] = True  # a word: an id that is a multiple of 3, and what follows
    ids = [1, *[i for start in range(6, 96, 3) for i in (start, start + 1, start + 2)], 2]
    batch = masked(begins_word=begins, mask_share=0.3).batch([row(ids)] * 50, 0, range(50))
    hidden = batch.targets.numpy()[:, 1:-1].reshape(50, -1, 3) != IGNORED
    assert (hidden.all(-1) == hidden.any(-1)).all() and 0.2 < hidden.mean() < 0.4
    units = masked(unit=3, mask_share=0.3).batch([row(ids[1:-1])] * 50, 0, range(50))
    hidden = units.targets.numpy().reshape(50, -1, 3) != IGNORED
    assert (hidden.all(-1) == hidden.any(-1)).all() and 0.2 < hidden.mean() < 0.4


def test_a_word_does_not_go_on_after_a_special_token() -> None:
    begins = np.zeros(100, dtype=bool)  # the first word of a piece has no mark that says so
    pieces = Row(np.array([1, 50, 51, 2, 1, 60, 61, 2]), (4, 4), (0, 1), 4)
    seen = set()
    for number in range(200):
        hidden = masked(begins_word=begins, mask_share=0.5).batch([pieces], 0, [number]).targets[0] != IGNORED
        seen.add(tuple(hidden[[1, 2, 5, 6]].tolist()))
    assert seen == {(True, True, False, False), (False, False, True, True), (True,) * 4}


def test_something_is_always_hidden_and_special_tokens_never() -> None:
    for number in range(200):
        batch = masked().batch([row([1, 50, 2])], 0, [number])
        assert batch.targets[0].tolist() == [IGNORED, 50, IGNORED]
    nothing = masked().batch([row([1, 2])], 0, [0])
    assert nothing.predictions == 0


def test_rows_that_predict_nothing_do_not_end_a_run(tmp_path: Path) -> None:
    run_ = TrainingRun(Settings.of(data=_peptides(tmp_path), column="sequence", **MASKED))
    rows = run_.data.rows

    class Empty:
        def row(self, seed: int, index: int) -> Row:
            return row([0, 0]) if index < 8 else rows.row(seed, index)

        held_out = staticmethod(rows.held_out)

    object.__setattr__(run_.data, "rows", Empty())
    result = run_.train()
    assert result.metrics[0].loss == 0 and result.metrics[0].tokens == 0 and math.isfinite(result.final_loss)


# --- sequence to sequence


def test_pairs_have_transformers_own_loss() -> None:
    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=40, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0, pad_token_id=0,
        dropout_rate=0.0,
    )  # fmt: skip
    module = transformers.T5ForConditionalGeneration(config).eval()
    rows = [
        row(RANDOM.integers(2, 40, n).tolist(), target=[*RANDOM.integers(2, 40, m).tolist(), 1])
        for n, m in [(5, 9), (12, 3), (7, 7)]
    ]
    batch = Batcher("seq2seq", pad=0, start=0).batch(rows, 0, range(3))
    labels = torch.full((3, 10), -100)
    for line, one in zip(labels, rows, strict=True):
        assert one.target_ids is not None
        line[: len(one.target_ids)] = torch.from_numpy(one.target_ids)
    expected = module(
        input_ids=batch.inputs["input_ids"], attention_mask=batch.inputs["attention_mask"], labels=labels
    ).loss
    losses = losses_of(module, batch)
    assert len(losses) == batch.predictions == 22
    assert losses.mean().item() == pytest.approx(expected.item(), abs=1e-6)
    alone = [losses_of(module, Batcher("seq2seq", pad=0, start=0).batch([one], 0, [0])) for one in rows]
    torch.testing.assert_close(losses, torch.cat(alone), atol=1e-5, rtol=0)


# --- labels


def classifier(kind: str, labels: int, problem: str, pad: int = 0) -> Any:
    torch.manual_seed(1)
    common: dict[str, Any] = {"vocab_size": 40, "num_labels": labels, "problem_type": problem, "pad_token_id": pad}
    if kind == "bert":
        config: Any = transformers.BertConfig(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0, **common,
        )  # fmt: skip
    elif kind == "llama":
        config = transformers.LlamaConfig(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, **common
        )
    else:
        config = transformers.GPT2Config(
            n_embd=16, n_layer=2, n_head=2, embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0, **common
        )
    return transformers.AutoModelForSequenceClassification.from_config(config).eval()


@pytest.mark.parametrize("kind", ["bert", "gpt2", "llama"])
@pytest.mark.parametrize("problem", ["single_label_classification", "multi_label_classification", "regression"])
def test_labels_have_transformers_own_loss(kind: str, problem: str) -> None:
    labels: Any = {
        "single_label_classification": np.array([2, 0, 1, 1]),
        "multi_label_classification": RANDOM.integers(0, 2, (4, 3)).astype(np.float32),
        "regression": RANDOM.normal(size=4).astype(np.float32),
    }[problem]
    module = classifier(kind, 1 if problem == "regression" else 3, problem)
    rows = [row(RANDOM.integers(2, 40, n).tolist(), record=r) for r, n in [(3, 5), (0, 9), (2, 2), (1, 9)]]
    batch = Batcher("classes", pad=0, labels=labels).batch(rows, 0, range(4))
    losses = losses_of(module, batch)
    expected = []
    for one in rows:  # each alone, unpadded
        label = torch.from_numpy(labels[[one.records[0]]])
        expected.append(module(input_ids=torch.from_numpy(one.ids)[None], labels=label).loss.item())
    factor = 3 if problem.startswith("multi") else 1  # transformers takes the mean over the labels of a record
    np.testing.assert_allclose(losses.tolist(), factor * np.array(expected), atol=1e-5)


MASKED: dict[str, Any] = SMALL | {"steps": 4, "alphabet": "protein", "objective": "masked", "rows": "single"}


def _peptides(folder: Path, name: str = "peptides.csv", label: Any = lambda s: s.count("K")) -> str:
    """Peptides of 5 to 25 residues with a label that follows from them."""
    random = np.random.default_rng(3)
    sequences = {"".join(random.choice(list("ACDEFGHIK"), random.integers(5, 25))) for _ in range(80)}
    path = folder / name
    path.write_text("sequence,label\n" + "".join(f"{s},{label(s)}\n" for s in sorted(sequences)))
    return str(path)


@pytest.mark.parametrize("arch", ["bert", "gpt2", "llama"])
def test_the_saved_model_gives_numbers_in_their_own_unit(arch: str, tmp_path: Path) -> None:
    """Numbers around 500 with a spread of 40: a model that were not scaled back would say something near 0."""
    data = _peptides(tmp_path, label=lambda s: 420 + 30 * s.count("K") + len(s))
    settings = SMALL | {"steps": 60, "alphabet": "protein", "column": "sequence", "label_column": "label", "layers": 1}
    run_ = TrainingRun(Settings.of(data=data, objective="numbers", arch=arch, **settings))
    result = run_.train(output=tmp_path / "out")
    model: Any = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert run_.data.shards is not None and run_.data.shards.labels is not None
    errors, spread, values = [], run_.data.scale[1] if run_.data.scale else 0.0, []
    for held in run_.data.rows.held_out(1000):
        number = run_.data.shards.labels.values[held.records[0]]
        with torch.no_grad():
            values.append(model(input_ids=torch.from_numpy(held.ids)[None]).logits.item())
        errors.append((values[-1] - number) ** 2)
    assert all(300 < value < 700 for value in values)
    assert np.mean(errors) / spread**2 == pytest.approx(result.final_loss, rel=1e-3)
    said = tokenizer("ACDEFGHIK", return_tensors="pt")
    assert model(**said).logits.shape == (1, 1)


def test_gpt2_classifies_by_its_last_token_whatever_pads_the_batch(tmp_path: Path) -> None:
    data = _peptides(tmp_path, label=lambda s: "yes" if "KK" in s else "no")
    settings = SMALL | {"alphabet": "protein", "column": "sequence", "label_column": "label", "steps": 2}
    run_ = TrainingRun(Settings.of(data=data, objective="classes", arch="gpt2", **settings))
    batcher, module = batcher_of(run_), run_.model.module
    rows = [run_.data.rows.row(0, index) for index in range(8)]
    assert len({len(one.ids) for one in rows}) > 1
    together = losses_of(module, batcher.batch(rows, 0, range(8)))
    alone = torch.cat([losses_of(module, batcher.batch([one], 0, [0])) for one in rows])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_a_tokenizer_without_padding_pads_with_what_the_model_takes_for_it(tmp_path: Path, tiny_gpt2: Path) -> None:
    """It has only an end token, which the model takes for padding; another id would be what a classifier reads."""
    data = _peptides(tmp_path, label=lambda s: "yes" if "KK" in s else "no")
    settings = SMALL | {"column": "sequence", "label_column": "label", "steps": 2, "tokenizer": tiny_gpt2}
    run_ = TrainingRun(Settings.of(data=data, objective="classes", arch="gpt2", **settings))
    batcher, module = batcher_of(run_), run_.model.module
    assert batcher.pad == module.config.pad_token_id
    rows = [run_.data.rows.row(0, index) for index in range(8)]
    together = losses_of(module, batcher.batch(rows, 0, range(8)))
    alone = torch.cat([losses_of(module, batcher.batch([one], 0, [0])) for one in rows])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("many", [False, True])
def test_classes_learn_and_keep_their_names(many: bool, tmp_path: Path) -> None:
    def label(s: str) -> str:
        names = [
            name for name, letter in [("lysine", "K"), ("none", ""), ("iso", "I")] if letter in s and (letter or many)
        ]
        return ";".join(names) if many else ("lysine" if "K" in s else "none")

    data = _peptides(tmp_path, label=label)
    settings = SMALL | {"alphabet": "protein", "column": "sequence", "label_column": "label", "steps": 80}
    result = train(data, objective="classes", **settings, output=tmp_path / "out")
    model: Any = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert model.config.problem_type == f"{'multi' if many else 'single'}_label_classification"
    assert set(model.config.id2label.values()) == ({"lysine", "none", "iso"} if many else {"lysine", "none"})
    assert result.final_loss < result.validation[0].loss and result.bits_per_symbol is None


def test_masked_runs_on_words_of_a_tokenizer_with_holes_in_its_ids() -> None:
    from cutaway.tokens import Tokenizer
    from cutaway.training.new_model import size_of
    from cutaway.training.run_tokenizer import word_starts

    class Holes:
        def __init__(self) -> None:
            self.vocabulary = {"a": 0, "##b": 5, "c": 9}

    tokenizer: Tokenizer = Holes()  # type: ignore[assignment]
    starts = word_starts(tokenizer)
    assert starts is not None and len(starts) == size_of(tokenizer)
    assert (starts[0], starts[5], starts[9]) == (True, False, True)
