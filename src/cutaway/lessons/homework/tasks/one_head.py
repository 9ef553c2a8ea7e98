"""One head by hand: from queries, keys and values to weights and an output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from cutaway.errors import InputError
from cutaway.lessons.homework.direction import Direction
from cutaway.lessons.homework.task import WAYS, Choice, Given, Number, Once, Pairs, Record, Task, moved
from cutaway.random_streams import stream

_WIDTH: Final = 4
_TOKENS: Final = ("The", "animal", "was", "tired")


def _given(seed: int) -> Given:
    random = stream(seed, "head")
    query = [int(x) for x in random.integers(-2, 3, _WIDTH)]
    query[int(random.integers(_WIDTH))] = 3
    keys = [[int(x) for x in random.integers(-2, 3, _WIDTH)] for _ in _TOKENS]
    values = [int(x) for x in random.integers(-9, 10, len(_TOKENS))]
    if len({sum(q * k for q, k in zip(query, key, strict=True)) for key in keys}) == 1:  # no weight would differ
        keys[0] = [k + (q > 0) for q, k in zip(query, keys[0], strict=True)]
    return {"query": query, "keys": keys, "values": values, "factor": float(random.choice((0.5, 2.0)))}


def _text(given: Given) -> str:
    rows = "\n".join(
        f"| {token} | {key} | {value} |"
        for token, key, value in zip(_TOKENS, given["keys"], given["values"], strict=True)
    )
    return f"""A head of width {_WIDTH} looks from the last token, “{_TOKENS[-1]}”, at itself and at the tokens before
it. Its query there is **{given["query"]}**; the keys and values (one number each) are:

| token | key | value |
|---|---|---|
{rows}

Work out by hand, or with a calculator, what the head does: the scores query · key, divided by √{_WIDTH}; the weights,
which are the softmax of the scores; the output, which is the sum of weights times values. The notebook does the same
with a real head, and compares it with the model's own numbers.

Then all keys are multiplied by {given["factor"]:g}. Guess what happens to the weights before you work it out."""


def _weights(given: Given, factor: float = 1.0) -> list[float]:
    query = given["query"]
    scores = [factor * sum(q * k for q, k in zip(query, key, strict=True)) / math.sqrt(_WIDTH) for key in given["keys"]]
    parts = [math.exp(score - max(scores)) for score in scores]
    return [part / sum(parts) for part in parts]


def _output(given: Given) -> float:
    return math.fsum(w * v for w, v in zip(_weights(given), given["values"], strict=True))


def _no_file(name: str, _given: Given, _records: Sequence[Record], _once: Once) -> Pairs:
    raise InputError(f"the task has no file {name!r}")


TASK = Task(
    name="one-head",
    title="One head by hand",
    notebook=3,
    minutes=25,
    given=_given,
    text=_text,
    files=lambda _: {},
    again=_no_file,
    quoted=lambda given, _: {f"weight of {token!r}": w for token, w in zip(_TOKENS, _weights(given), strict=True)},
    choices=(
        Choice(
            "sharper",
            "When all keys are multiplied by the factor, the largest weight …?",
            tuple(WAYS),
            lambda given, _: moved(max(_weights(given)), max(_weights(given, given["factor"])), 1e-3),
            Direction(
                r"keys\s(?:are|were|is|get|being)?\s?multiplied|multipl\w*|factor|scal\w*",
                r"(?!)",
                r"(?:largest|biggest|highest|greatest|maximum)\s(?:attention\s)?weight|weight",
                WAYS,
                "When the keys are multiplied by the factor, the largest weight {way}.",
            ),
        ),
    ),
    numbers=(
        Number("score", f"The score of “{_TOKENS[1]}”: query · key divided by √{_WIDTH}.", "no unit",
               lambda given, _: sum(q * k for q, k in zip(given["query"], given["keys"][1], strict=True)) / 2),
        Number("weight", f"The weight of “{_TOKENS[1]}”.", "from 0 to 1", lambda given, _: _weights(given)[1]),
        Number("output", "The output of the head.", "the unit of the values", lambda given, _: _output(given)),
        Number("weight_after", f"The weight of “{_TOKENS[1]}” after all keys are multiplied by the factor.",
               "from 0 to 1", lambda given, _: _weights(given, given["factor"])[1]),
    ),
    words=50,
    quotes=2,
)  # fmt: skip
