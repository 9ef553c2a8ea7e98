"""`recipes/ship.py`: the folder of a model that lies in the package, and its card."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import transformers

import cutaway
from cutaway.errors import InputError
from cutaway.models import model_info, save
from cutaway.models.datasets import DATASETS
from cutaway.models.shipped_models import shipped_models
from cutaway.models.text_model import Model
from tests.unit.training_runs import TINY

RECIPES = Path(__file__).parents[2] / "recipes"
NAME = "shakespeare-nano"
CANNOT = ["it knows no plot", "It speaks no modern English."]
SAMPLE = "To be, or ```not``` to be | that *is*\n\n<b>the question</b>\n"


@pytest.fixture(scope="module")
def shipping() -> Any:
    sys.path.insert(0, str(RECIPES))
    try:
        import ship

        yield ship
    finally:
        sys.path.remove(str(RECIPES))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its evaluation beside it."""
    folder = tmp_path_factory.mktemp("shipping") / "run"
    cutaway.train(**TINY, output=folder)
    cutaway.evaluate(folder, tokens=200, draws=100).save(folder.with_name("evaluation.json"))
    return folder


@pytest.fixture
def shipped_folder(shipping, run, tmp_path, monkeypatch):
    (run / "residuals.json").write_text("[0.5]", encoding="utf-8")  # what a verb keeps beside its model goes with it
    (tmp_path / "sample.txt").write_text(SAMPLE, encoding="utf-8")
    folder = shipping.ship(
        run, NAME, [run.with_name("evaluation.json")], CANNOT, [str(tmp_path / "sample.txt"), "A text\nof two lines"],
        output=tmp_path / "shipped" / NAME,
    )  # fmt: skip
    monkeypatch.setattr("cutaway.models.shipped_models.FOLDER", folder.parent)
    return folder


def test_its_16_bits_say_what_the_run_said(shipped_folder, run):
    weights = safetensors.torch.load_file(shipped_folder / "model.safetensors")
    trained = safetensors.torch.load_file(run / "model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float16} and weights.keys() == trained.keys()
    assert all(torch.equal(value, trained[key].half()) for key, value in weights.items())

    auto = transformers.AutoModelForCausalLM
    first, second = (auto.from_pretrained(folder, dtype=torch.float32) for folder in (run, shipped_folder))
    assert auto.from_pretrained(shipped_folder).dtype == torch.float16  # as its configuration says
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        logits = [model(ids).logits.log_softmax(-1) for model in (first, second)]
    assert 0 < (logits[0] - logits[1]).abs().max() < 5e-3
    assert cutaway.tokenize("The cat", shipped_folder).ids == cutaway.tokenize("The cat", run).ids


def test_the_folder_has_the_model_and_nothing_of_the_run(shipped_folder):
    assert {path.name for path in shipped_folder.iterdir()} == {
        "README.md", "config.json", "cutaway.json", "generation_config.json", "model.safetensors", "residuals.json",
        "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip


def test_the_shelf_reads_its_record(shipped_folder, run):
    [model] = shipped_models()
    assert (model.name, model.kind, model.domain, model.task) == (NAME, "decoder", "text", "generate")
    assert model.citation == DATASETS["shakespeare"].citation
    assert model.parameters == cutaway.architecture(run).parameters
    assert model.description.endswith("the smaller one of a pair: a GPT-2 of 1 layer × 2 heads")
    evaluation = json.loads(run.with_name("evaluation.json").read_text(encoding="utf-8"))
    bits = evaluation["metrics"]["bits_per_symbol"]["value"]
    others = {who: by["bits_per_symbol"]["value"] for who, by in evaluation["baselines"].items()}
    best = min(others, key=others.__getitem__)
    assert model.headline.startswith("bits per ") and f" {bits:.4g} [" in model.headline
    assert f"; {best} {others[best]:.4g}" in model.headline and len(others) > 1
    assert not any(f"{who} " in model.headline for who in others if who != best)
    assert model_info(NAME).headline == model.headline


def test_its_card_says_all(shipped_folder, run, shipping):
    card = (shipped_folder / "README.md").read_text(encoding="utf-8")
    data = DATASETS["shakespeare"]
    assert card.startswith("---\nlicense: apache-2.0\n") and f"\n# {NAME}\n" in card
    assert data.licence in card and data.citation in card and data.origin in card
    assert "It knows no plot.\n" in card and "- It speaks no modern English.\n" in card
    assert f"````text\n{SAMPLE.rstrip()}\n````" in card and "```text\nA text\nof two lines\n```" in card
    recipe = (RECIPES / "shakespeare-pair.sh").read_text(encoding="utf-8")
    assert recipe.strip() in card  # the one that makes both
    for fact in ("| parameters |", "| seed | 0 |", "| took |", "in 4 steps of 4 rows", "commit ", "| licence | Apache"):
        assert fact in card, fact
    evaluation = json.loads(run.with_name("evaluation.json").read_text(encoding="utf-8"))
    heading = next(line for line in card.splitlines() if line.startswith("| | this model |"))
    assert heading == f"| | this model | {' | '.join(evaluation['baselines'])} |"
    row = next(line for line in card.splitlines() if line.startswith("| bits per"))
    values = [evaluation["metrics"], *evaluation["baselines"].values()]
    for cell, measures in zip(row.strip("| ").split(" | ")[1:], values, strict=True):
        found = measures["bits_per_symbol"]
        value, low, high = (None if found[end] is None else f"{found[end]:.4g}" for end in ("value", "low", "high"))
        assert cell == (value if low is None or value == low == high else f"{value} [{low}, {high}]")
    assert str(run.parent) not in card  # no folder of this machine
    assert cutaway.model_card(NAME) == card


def test_what_it_began_with_is_said_and_cited(shipping, run, tmp_path):
    evaluation = [run.with_name("evaluation.json")]
    for start, words in (
        ("molecules", ["of `molecules`, which also lies in cutaway", DATASETS["moses"].citation]),
        ("minilm-l6", ["of `minilm-l6` (sentence-transformers/all-MiniLM-L6-v2, Apache-2.0)"]),
    ):
        folder = shipping.ship(run, "melting-point", evaluation, CANNOT, start=start, output=tmp_path / "melting-point")
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert all(word in card for word in [*words, DATASETS["melting-points"].citation])
    with pytest.raises(InputError, match="the shelf has no model 'molecule'"):
        shipping.ship(run, "melting-point", evaluation, CANNOT, start="molecule", output=tmp_path / "melting-point")


def test_again_replaces_it_and_nothing_else(shipped_folder, shipping, run, tmp_path):
    (shipped_folder / "README.md").write_text("old", encoding="utf-8")
    evaluation = [run.with_name("evaluation.json")]
    assert shipping.ship(run, NAME, evaluation, CANNOT, output=shipped_folder) == shipped_folder
    assert (shipped_folder / "README.md").read_text(encoding="utf-8") != "old"
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="holds something else"):
        shipping.ship(run, NAME, evaluation, CANNOT, output=tmp_path / "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "sample.txt", "shipped"]  # no leftovers
    assert shipping.ship(run, NAME, evaluation, CANNOT) == run.parent / "shipped" / NAME


def test_numbers_that_16_bits_can_not_hold_are_refused(shipping, run, tmp_path):
    model = cutaway.load(run)
    with torch.no_grad():
        model.module.transformer.ln_f.weight.mul_(1e9)
    save(Model("far", run, model.module, model.tokenizer), tmp_path / "far")
    with pytest.raises(InputError, match="has numbers that 16 bits can't hold"):
        shipping.ship(tmp_path / "far", NAME, [run.with_name("evaluation.json")], CANNOT)
    assert list(tmp_path.rglob(f"*{NAME}*")) == []


def test_weights_that_say_something_else_are_refused(shipping, run, tmp_path, monkeypatch):
    def halve(weights: Path, target: Path) -> None:
        changed = {key: value.half() * 1.05 for key, value in safetensors.torch.load_file(weights).items()}
        safetensors.torch.save_file(changed, target, metadata={"format": "pt"})

    monkeypatch.setattr(shipping, "_halve", halve)
    with pytest.raises(InputError, match="the 16-bit weights say something else"):
        shipping.ship(run, NAME, [run.with_name("evaluation.json")], CANNOT, output=tmp_path / NAME)
    assert list(tmp_path.iterdir()) == []


def _tables(folder: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
    pairs = "en,fr\n" + "".join(f"the word {n},le mot {n}\n" for n in range(60))
    labels = "text,label\n" + "".join(f"word {n},{'odd' if n % 2 else 'even'}\n" for n in range(60))
    numbers = "text,label\n" + "".join(f"word {n},{n / 7:.2f}\n" for n in range(60))
    for name, text in (("pairs", pairs), ("labels", labels), ("numbers", numbers)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return {
        "seq2seq": (folder / "pairs.csv", {"column": "en", "target_column": "fr"}),
        "masked": (folder / "pairs.csv", {"column": "en"}),
        "classes": (folder / "labels.csv", {"column": "text", "label_column": "label"}),
        "numbers": (folder / "numbers.csv", {"column": "text", "label_column": "label"}),
    }


@pytest.mark.parametrize(
    ("objective", "name", "kind"),
    [
        ("seq2seq", "english-french", "translator"), ("masked", "proteins", "encoder"),
        ("classes", "movie-sentiment", "classifier"), ("numbers", "melting-point", "regression"),
    ],
)  # fmt: skip
def test_models_of_every_kind(shipping, tmp_path, monkeypatch, objective, name, kind):
    data, columns = _tables(tmp_path)[objective]
    run = tmp_path / "run"
    cutaway.train(data, **columns, **TINY, objective=objective, tokenizer="char", output=run)
    cutaway.evaluate(run, tokens=100, draws=100).save(tmp_path / "evaluation.json")
    folder = shipping.ship(run, name, [tmp_path / "evaluation.json"], CANNOT)
    monkeypatch.setattr("cutaway.models.shipped_models.FOLDER", folder.parent)
    [model] = shipped_models()
    assert (model.kind, model.name) == (kind, name) and model.headline
    class_ = transformers.AutoConfig.from_pretrained(folder).architectures[0]
    assert cutaway.load(name, "any").module.__class__.__name__ == class_
    auto = {"seq2seq": "AutoModelForSeq2SeqLM", "masked": "AutoModelForMaskedLM"}
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"{auto.get(objective, 'AutoModelForSequenceClassification')}.from_pretrained" in card


def test_bad_input(shipping, run, tmp_path, capsys):
    evaluation = run.with_name("evaluation.json")
    (tmp_path / "other.json").write_text('{"schema": "cutaway.tokens/1"}', encoding="utf-8")
    for arguments, words in (
        ((run, "no-such-name", [evaluation]), "there is no model 'no-such-name'"),
        ((run, NAME, [tmp_path / "other.json"]), "is not an evaluation: it has no metrics"),
        ((run, NAME, [tmp_path / "missing.json"]), "is not an evaluation"),
    ):
        with pytest.raises(InputError, match=words):
            shipping.ship(*arguments, CANNOT)
    with pytest.raises(InputError, match="the evaluation has no measure 'beauty'"):
        shipping.ship(run, NAME, [evaluation], CANNOT, headline="beauty")
    with pytest.raises(SystemExit) as ended:
        shipping.main([str(run), "no-such-name", "--evaluation", str(evaluation), "--cannot", "x"])
    assert str(ended.value).startswith("ship: there is no model 'no-such-name'")
    with pytest.raises(SystemExit):
        shipping.main([str(run), NAME, "--evaluation", str(evaluation)])
    assert "--cannot" in capsys.readouterr().err  # every card says what the model can't do


def test_a_model_that_is_too_large_is_refused(shipping, run, tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "LARGEST", 10_000)
    with pytest.raises(InputError, match="MB is the most"):
        shipping.ship(run, NAME, [run.with_name("evaluation.json")], CANNOT, output=tmp_path / "large")
    assert not (tmp_path / "large").exists()
