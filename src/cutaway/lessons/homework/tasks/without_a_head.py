"""Without a head: what each head of a model is worth on the learner's own lines."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Final

from cutaway.lessons.homework.direction import Direction
from cutaway.lessons.homework.task import (
    WAYS,
    Choice,
    Given,
    Number,
    Once,
    Pairs,
    Record,
    Records,
    Task,
    again_by,
    larger,
    moved,
)
from cutaway.lessons.homework.tasks.lines import two_lines

_MODEL: Final = "shakespeare-micro"
_FILE: Final = "ablation.json"


def _given(seed: int) -> Given:
    text = two_lines(seed + 1)
    return {"text": text, "files": {"line.txt": f"{text}\n"}}


def _text(given: Given) -> str:
    return f"""Silence one head of `{_MODEL}` after the other, and measure the loss of your lines each time:

> {given["text"]}

Guess first: is there a head that the model can't do without? Look at what the most important head attends to
(`cutaway attention -f line.txt -m {_MODEL} -o attention.html`). Why might a head that looks interesting not matter, and
why may the loss even fall without a head?"""


def _files(_given: Given) -> dict[str, str]:
    return {_FILE: f"cutaway ablate -f line.txt -m {_MODEL} -o {_FILE}"}


def _again(name: str, given: Given, records: Sequence[Record], once: Once) -> Pairs:
    from cutaway.inside.ablation import ablate

    text = given["text"]
    must = {"model": _MODEL, "text": text, "method": "zero"}
    return again_by(name, records, "ablation", _files(given)[name], must, lambda: once(ablate, text, _MODEL).to_dict())


def _changes(records: Records) -> list[tuple[int, float]]:
    return [(head["layer"], float(head["change"])) for head in records[_FILE][0]["heads"]]


def _most(records: Records) -> float:
    """Return the change of the loss with the largest size."""
    return max((change for _, change in _changes(records)), key=abs)


def _layers(records: Records) -> tuple[float, float]:
    """Return how much the heads of the first and of the last layer matter on average."""
    changes = _changes(records)
    last = max(layer for layer, _ in changes)
    first, second = (statistics.fmean(abs(c) for layer, c in changes if layer == at) for at in (0, last))
    return first, second


def _quoted(_given: Given, records: Records) -> dict[str, float]:
    found = {"the loss with all heads": float(records[_FILE][0]["loss"])}
    for head in records[_FILE][0]["heads"]:
        found[f"the loss without {head['layer']}.{head['head']}"] = head["loss"]
        found[f"the change without {head['layer']}.{head['head']}"] = head["change"]
    return found


TASK = Task(
    name="without-a-head",
    title="Without a head",
    notebook=4,
    minutes=25,
    given=_given,
    text=_text,
    files=_files,
    again=_again,
    quoted=_quoted,
    choices=(
        Choice(
            "loss",
            "When the head that matters most (the largest change, up or down) is silenced, the loss …?",
            tuple(WAYS),
            lambda _, records: moved(0.0, _most(records), 0.003),
            Direction(
                r"without|silenc\w*|remov\w*|switch\w*\soff|ablat\w*",
                r"with\sall",
                r"loss|perplexity",
                WAYS,
                "Without the most important head, the loss {way}.",
            ),
        ),
        Choice(
            "layer",
            "Whose heads matter more on average (the size of `change`), those of the first layer or of the last?",
            ("first", "last"),
            lambda _, records: larger(*_layers(records), ("first", "last")),
        ),
    ),
    numbers=(
        Number(
            "factor",
            "By what factor does the perplexity change without the head that matters most? e to the power of `change`.",
            "times",
            lambda _, records: math.exp(_most(records)),
        ),
    ),
    words=60,
    models=(_MODEL,),
)
