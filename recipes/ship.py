"""Make of a trained model the folder that lies in the package: 16-bit weights, tokenizer, card and record.

    python recipes/ship.py RUN NAME --evaluation FILE.json --cannot "what it can't do" [--sample TEXT|FILE] [-o FOLDER]

RUN is the folder of `cutaway train`, or any folder of a model. NAME is one of `ship_models.py`. Without `-o` the folder
is `shipped/NAME` beside RUN. What the 16-bit weights say is compared with what the run's say.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import cutaway
from cutaway.errors import CutawayError, InputError, counted
from cutaway.models import Model, load
from cutaway.models.datasets import DATASETS
from cutaway.models.saving import RUN_FILES
from cutaway.models.shelf import SHELF
from cutaway.models.shipped_models import KINDS, RECORD, ShippedModel
from cutaway.training import Training, is_run, read_run
from ship_card import card, titles_of, value_of
from ship_models import MODELS, About

LARGEST = 12_000_000  # bytes of a folder
_OBJECTIVES = {
    "ForSequenceClassification": "classes", "ForMaskedLM": "masked", "ForConditionalGeneration": "seq2seq",
}  # fmt: skip
_TYPES = {"gpt2": "GPT-2", "llama": "Llama", "bert": "BERT", "modernbert": "ModernBERT", "t5": "T5"}
_FAR, _FAR_NUMBERS = 1e-4, 5e-3  # nats of KL divergence; a share of the spread of what is predicted


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments, make the folder, say where it is."""
    parser = argparse.ArgumentParser(description="Make the folder of a model that lies in the package.")
    parser.add_argument("run", type=Path, help="the folder of the trained model")
    parser.add_argument("name", help=f"one of {', '.join(MODELS)}")
    parser.add_argument("--evaluation", type=Path, action="append", default=[], metavar="FILE", required=True)
    parser.add_argument("--cannot", action="append", default=[], metavar="TEXT", required=True)
    parser.add_argument("--sample", action="append", default=[], metavar="TEXT|FILE")
    parser.add_argument("--headline", metavar="MEASURE", help="a measure of the first evaluation")
    parser.add_argument("--licence", default="Apache-2.0", help="of the weights")
    parser.add_argument("--start", metavar="NAME", help="the model of the shelf that it was trained further from")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER")
    options = parser.parse_args(arguments)
    try:
        target = ship(
            options.run, options.name, options.evaluation, options.cannot, options.sample,
            headline=options.headline, licence=options.licence, start=options.start, output=options.output,
        )  # fmt: skip
    except CutawayError as error:
        sys.exit(f"ship: {error}")
    print(target)


def ship(
    run: Path, name: str, evaluations: Sequence[Path], cannot: Sequence[str], samples: Sequence[str] = (), *,
    headline: str | None = None, licence: str = "Apache-2.0", start: str | None = None, output: Path | None = None,
) -> Path:  # fmt: skip
    """Make the folder and return it; an earlier one of the same model is replaced.

    Raises `InputError` for arguments that don't fit, for a folder that is too large, and if the 16-bit weights say
    something else than the run's.
    """
    about = MODELS.get(name)
    if about is None:
        raise InputError(f"there is no model {name!r} in ship_models.py", hint=f"add it, or take {', '.join(MODELS)}")
    if start is not None and start not in {*SHELF, *MODELS}:
        raise InputError(f"the shelf has no model {start!r}", hint="cutaway models list shows all")
    about = about if start is None else dataclasses.replace(about, start=start)
    target = output or run.parent / "shipped" / name
    if target.exists() and not (target / RECORD).is_file():
        raise InputError(f"{str(target)!r} holds something else", hint="name another folder with -o")
    found = [_evaluation(path) for path in evaluations]
    trained = load(run, "any")
    objective = _objective(trained.config)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{name}."))
    try:
        _copy(run, aside)
        _halve(run / "model.safetensors", aside / "model.safetensors")
        far = _difference(trained, load(aside, "any"), numbers=objective == "numbers")
        record = _record(name, about, objective, trained, found, headline, licence)
        (aside / RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        history = read_run(run) if is_run(run) else None
        text = card(
            name, about, _facts(trained, record, far, history), objective, history, licence,
            _recipe(name), found, [_sample(one) for one in samples], cannot,
        )  # fmt: skip
        (aside / "README.md").write_text(text, encoding="utf-8")
        size = sum(file.stat().st_size for file in aside.iterdir())
        if size > LARGEST:
            raise InputError(
                f"{name} takes {size / 1e6:.1f} MB; {LARGEST / 1e6:.0f} MB is the most", hint="make the model smaller"
            )
        aside.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def _evaluation(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not {"metrics", "baselines", "n"} <= set(found):
            raise ValueError("it has no metrics, baselines and n")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{str(path)!r} is not an evaluation: {error}", hint="make it with: cutaway evaluate … -o FILE.json"
        ) from error
    return found


def _objective(config: Any) -> str:
    built = (config.architectures or [""])[0]
    found = next((objective for part, objective in _OBJECTIVES.items() if part in built), "causal")
    return "numbers" if found == "classes" and config.problem_type == "regression" else found


def _copy(run: Path, aside: Path) -> None:
    """Copy what belongs to the model, but for its weights and its card; the configuration says that it has 16 bits."""
    for file in sorted(path for path in run.iterdir() if path.is_file()):
        of_run = any(fnmatch.fnmatch(file.name, pattern) for pattern in RUN_FILES)
        if not of_run and file.name not in {"README.md", RECORD} and file.suffix != ".safetensors":
            shutil.copyfile(file, aside / file.name)
    config = json.loads((aside / "config.json").read_text(encoding="utf-8"))
    config.pop("torch_dtype", None)
    (aside / "config.json").write_text(json.dumps(config | {"dtype": "float16"}, indent=2) + "\n", encoding="utf-8")


def _halve(weights: Path, target: Path) -> None:
    if not weights.is_file():
        hint = "make a whole model of adapters first: cutaway models merge RUN -o NEW"
        raise InputError(f"there is no {str(weights)!r}", hint=hint)
    with safe_open(weights, framework="pt") as opened:
        metadata = opened.metadata()
    halves = {key: value.half() if value.is_floating_point() else value for key, value in load_file(weights).items()}
    if lost := [key for key, value in halves.items() if not torch.isfinite(value).all()]:
        raise InputError(f"{lost[0]} has numbers that 16 bits can't hold", hint="train with more weight decay")
    save_file(halves, target, metadata=metadata or {"format": "pt"})
    target.chmod(0o644)


def _difference(trained: Model, shipped: Model, *, numbers: bool) -> float:
    """Return how far the 16-bit weights are from the run's: their mean KL divergence in nats on random ids.

    For `numbers` it is the largest difference, as a share of the spread of what the model predicts.
    """
    shape, seeded = (8, min(trained.context or 48, 48)), torch.Generator().manual_seed(0)
    ids_BT = torch.randint(0, trained.config.vocab_size, shape, generator=seeded)
    given = {"input_ids": ids_BT, "attention_mask": torch.ones_like(ids_BT)}
    if trained.config.is_encoder_decoder:
        given["decoder_input_ids"] = ids_BT.flip(0)
    with torch.inference_mode():
        before, after = (model.module.eval()(**given).logits.double() for model in (trained, shipped))
    if numbers:
        far = float((before - after).abs().max() / (before.max() - before.min()))
    else:
        first, second = before.log_softmax(-1), after.log_softmax(-1)
        far = float((first.exp() * (first - second)).sum(-1).mean())
    if not far <= (_FAR_NUMBERS if numbers else _FAR):
        raise InputError(f"the 16-bit weights say something else: they differ by {far:.2g}", hint="ship 32 bits")
    return max(far, 0.0)


def _record(
    name: str, about: About, objective: str, model: Model, evaluations: Sequence[dict[str, Any]],
    headline: str | None, licence: str,
) -> dict[str, Any]:  # fmt: skip
    config = model.config
    type_ = _TYPES.get(config.model_type, config.model_type)
    built = f"{type_} of {counted(config.num_hidden_layers, 'layer')} × {counted(config.num_attention_heads, 'head')}"
    start = MODELS.get(about.start)
    cited = [DATASETS[data].citation for data in (*about.data, *(start.data if start else ()))]
    shipped = ShippedModel(
        name=name,
        kind=KINDS[objective],
        domain=about.domain,
        task=about.task,
        description=f"{about.description}: a {built}",
        headline=_headline(evaluations[0], headline),
        licence=licence,
        citation="; ".join(cited) or "a source built into cutaway",
        parameters=model.module.num_parameters(),
    )
    return dataclasses.asdict(shipped) | {"data": list(about.data)}


def _headline(evaluation: dict[str, Any], key: str | None) -> str:
    titles = titles_of(evaluation)
    key = key or evaluation.get("headline") or next(iter(titles))
    if key not in titles:
        raise InputError(f"the evaluation has no measure {key!r}", hint=f"it has {', '.join(titles)}")
    others = [  # the test records themselves are what written records are measured by, not a rival
        (who, by[key])
        for who, by in evaluation["baselines"].items()
        if who != "test" and (by.get(key) or {}).get("value") is not None
    ]
    better = next((note["better"] for note in evaluation.get("about", []) if note["key"] == key), "")
    if better in ("lower", "higher"):  # the best one is enough
        others = sorted(others, key=lambda other: other[1]["value"], reverse=better == "higher")[:1]
    beside = ", ".join(f"{who} {value_of(measured)}" for who, measured in others)
    return f"{titles[key]} {value_of(evaluation['metrics'][key])}" + (f"; {beside}" if beside else "")


def _facts(model: Model, record: dict[str, Any], far: float, run: Training | None) -> dict[str, str]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    ).stdout.strip()
    by = "of the spread of its predictions" if record["kind"] == KINDS["numbers"] else "nats (mean KL divergence)"
    return {
        "parameters": f"{record['parameters']:,}",
        "architecture": record["description"].rpartition(": a ")[2],
        "context": f"{model.context:,} tokens" if model.context else "",
        "vocabulary": f"{model.config.vocab_size:,} tokens",
        "weights": f"16 bits; they differ from the trained ones by {far:.1g} {by}",
        "seed": "" if run is None else str(_seed(run)),
        "made with": f"cutaway {cutaway.__version__}" + (f", commit {commit}" if commit else ""),
        "licence": record["licence"],
    }


def _seed(run: Training) -> int:
    settings = json.loads(Path(run.directory or "", "run.json").read_text(encoding="utf-8"))["settings"]
    return int(settings["seed"])


def _recipe(name: str) -> Path | None:
    """Return the recipe of a model: the file of its name, or that of its family."""
    here, family = Path(__file__).parent, name.rpartition("-")[0]
    paths = [here / f"{stem}{suffix}" for stem in (name, f"{family}-pair", family) for suffix in (".sh", ".py")]
    return next((path for path in paths if path.is_file()), None)


def _sample(given: str) -> str:
    try:
        return Path(given).read_text(encoding="utf-8") if Path(given).is_file() else given
    except OSError:  # a text that is too long for the name of a file
        return given


if __name__ == "__main__":
    main()
