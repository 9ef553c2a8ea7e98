"""The card (README.md) of a model that lies in the package."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cutaway.models.datasets import DATASETS
from cutaway.models.shelf import SHELF
from cutaway.training.result import Training
from cutaway.training.run_card import loading
from ship_models import MODELS, About

_PIPELINES = {
    "causal": "text-generation", "masked": "fill-mask", "seq2seq": "text2text-generation",
    "classes": "text-classification", "numbers": "text-classification",
}  # fmt: skip


def card(
    name: str, about: About, facts: Mapping[str, str], objective: str, run: Training | None, licence: str,
    recipe: Path | None, evaluations: Sequence[Mapping[str, Any]], samples: Sequence[str], cannot: Sequence[str],
) -> str:  # fmt: skip
    """Return the card: data, making, held-out measures beside baselines, samples as they are, what it can't do.

    `facts` are rows of the table on the model itself; `evaluations` are results of `cutaway evaluate` as JSON.
    """
    parts = [
        f"---\nlicense: {licence.lower()}\nlibrary_name: transformers\npipeline_tag: {_PIPELINES[objective]}\n"
        f"tags:\n- cutaway\n---\n\n# {name}\n\n{_sentence(about.description)}\n\n"
        f"```bash\n{about.example}\n```\n",
        f"| | |\n|---|---|\n{_rows({**facts, **_of_run(run)})}\n",
        f"## Data\n\n{_data(about)}",
        _making(recipe),
        *(_measures(one) for one in evaluations),
        _samples(samples),
        "## What it can't do\n\n" + "".join(f"- {_sentence(line)}\n" for line in cannot),
        f"## In plain transformers\n\n{loading(objective)}\n",
    ]
    return "\n".join(part for part in parts if part)


def value_of(measured: Mapping[str, Any] | None) -> str:
    """Return a measure with its 95 % interval, or a dash."""
    if measured is None or measured["value"] is None:
        return "–"
    value, low, high = (None if measured[end] is None else _number(measured[end]) for end in ("value", "low", "high"))
    return f"{value}" if low is None or value == low == high else f"{value} [{low}, {high}]"


def titles_of(evaluation: Mapping[str, Any]) -> dict[str, str]:
    """Return what each measure of an evaluation is called, in their order."""
    told = {note["key"]: note["title"] for note in evaluation.get("about", [])}
    return {key: told.get(key, key) for key in [*told, *evaluation["metrics"]] if key in evaluation["metrics"]}


def _number(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def _sentence(text: str) -> str:
    text = text.strip()
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _rows(facts: Mapping[str, str]) -> str:
    return "\n".join(f"| {key} | {value} |" for key, value in facts.items() if value)


def _of_run(run: Training | None) -> dict[str, str]:
    if run is None:
        return {}
    return {
        "learned from": f"{run.tokens_seen:,} predictions in {run.steps:,} steps of {run.batch_size} rows",
        "optimizer": f"{run.optimizer}, highest learning rate {run.peak_learning_rate:g}, {run.precision}",
        "took": f"{run.seconds / 60:.0f} min on {run.threads} thread{'s' * (run.threads > 1)} of a machine that also "
        "did other work",
    }


def _data(about: About) -> str:
    start = MODELS.get(about.start)
    found = []
    for name in (*about.data, *(start.data if start else ())):
        data = DATASETS[name]
        found.append(
            f"`{name}` (`cutaway data get {name}`): {data.description}.\n\n"
            f"- licence: {data.licence}\n- cite: {data.citation}\n- comes in: {data.origin}\n"
        )
    if start:
        found.append(f"It began with the weights of `{about.start}`, which also lies in cutaway.\n")
    elif about.start:
        entry = SHELF[about.start]
        found.append(f"It began with the weights of `{about.start}` ({entry.upstream}, {entry.licence}).\n")
    return "\n".join(found or ["A source built into cutaway, whose exact laws are known: there is nothing to cite.\n"])


def _making(recipe: Path | None) -> str:
    if recipe is None:
        return ""
    kind = "bash" if recipe.suffix == ".sh" else "python"
    text = recipe.read_text(encoding="utf-8").rstrip()
    return f"## How it was made\n\n`recipes/{recipe.name}`:\n\n```{kind}\n{text}\n```\n"


def _measures(evaluation: Mapping[str, Any]) -> str:
    baselines = evaluation.get("baselines", {})
    about = f"{evaluation['n']:,} {evaluation.get('units', 'records')}"
    written = evaluation["schema"].startswith("cutaway.sample_evaluation/")
    lines = [
        f"## What it writes: {about} beside {_data_name(evaluation)}"
        if written
        else f"## Held-out measures: {about} of {_data_name(evaluation)}",
        "",
        *([_sentence(evaluation["verdict"]), ""] if evaluation.get("verdict") else []),
        f"Values with 95 % intervals; the baselines were measured {'alike' if written else 'on the same records'}.",
        "",
        f"| | this model | {' | '.join(baselines)} |".replace("|  |", "|"),
        "|---" * (2 + len(baselines)) + "|",
    ]
    for key, title in titles_of(evaluation).items():
        cells = [value_of(evaluation["metrics"][key]), *(value_of(by.get(key)) for by in baselines.values())]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    made = [f"- {who}: {how}" for who, how in evaluation.get("made", {}).items() if who in baselines]
    notes = [f"- {_sentence(note)}" for note in [*evaluation.get("notes", []), *_learned(evaluation)]]
    return "\n".join([*lines, "", *made, *notes]).rstrip() + "\n"


def _learned(evaluation: Mapping[str, Any]) -> list[str]:
    counts = evaluation.get("counts", {})
    some, all_ = counts.get("train records", 0), counts.get("train of", 0)
    return [f"The baselines learned from {some:,} of {all_:,} records of the train part"] if some < all_ else []


def _data_name(evaluation: Mapping[str, Any]) -> str:
    """Return the names of the files, without the folders of the machine that they were on."""
    names = re.split(r", | and (?=\d+ more)", str(evaluation.get("data", "")))
    return ", ".join(Path(name).name for name in names) or "the data"


def _samples(samples: Sequence[str]) -> str:
    if not samples:
        return ""
    shown = "\n\n".join(f"{_fence(text)}text\n{text.rstrip()}\n{_fence(text)}" for text in samples)
    return f"## What it writes, as it is\n\n{shown}\n"


def _fence(text: str) -> str:
    """Return a fence that is longer than any in the text."""
    return "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
