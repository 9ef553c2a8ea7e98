"""From logits to a label: a softmax by hand, and what one word does to it."""

from __future__ import annotations

import math
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
    moved,
)
from cutaway.random_streams import stream

_MODEL: Final = "movie-sentiment"
_PLAIN, _CHANGED = "plain.json", "changed.json"
_SUBJECTS: Final = ("The story", "The acting", "This movie", "The ending", "The script", "The music", "The cast")
_WORDS: Final = (
    "funny",
    "boring",
    "moving",
    "clever",
    "dull",
    "beautiful",
    "convincing",
    "tedious",
    "original",
    "great",
)


def _given(seed: int) -> Given:
    random = stream(seed, "sentence")
    subject, word = (str(some[int(random.integers(len(some)))]) for some in (_SUBJECTS, _WORDS))
    return {"texts": {_PLAIN: f"{subject} is {word}.", _CHANGED: f"{subject} is not {word}."}}


def _text(given: Given) -> str:
    return f"""`{_MODEL}` gives a text two logits, one for NEGATIVE and one for POSITIVE. The softmax turns them into
probabilities, and the larger one is the label. Here are two texts, which differ by one word:

> {given["texts"][_PLAIN]}
>
> {given["texts"][_CHANGED]}

Guess first what “not” does to the probability of POSITIVE. Then take the logits from the results, and work out the
probabilities yourself. Does the model understand the word? Try other sentences before you answer:
`cutaway classify "…" -m {_MODEL}`."""


def _files(given: Given) -> dict[str, str]:
    return {name: f'cutaway classify "{text}" -m {_MODEL} -o {name}' for name, text in given["texts"].items()}


def _again(name: str, given: Given, records: Sequence[Record], once: Once) -> Pairs:
    from cutaway.prediction.classification import classify

    text = given["texts"][name]
    must = {"model": _MODEL, "text": text}
    return again_by(
        name, records, "classification", _files(given)[name], must, lambda: once(classify, text, _MODEL).to_dict()
    )


def _positive(records: Records, name: str, temperature: float = 1.0) -> float:
    """Return the probability of the second label, with the logits divided by a temperature."""
    negative, positive = (logit / temperature for logit in records[name][0]["logits"])
    return 1 / (1 + math.exp(negative - positive))


def _quoted(_given: Given, records: Records) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in (_PLAIN, _CHANGED):
        labels, logits, shares = (records[name][0][key] for key in ("labels", "logits", "probabilities"))
        found |= {f"logit of {label} in {name}": logit for label, logit in zip(labels, logits, strict=True)}
        found |= {f"probability of {label} in {name}": p for label, p in zip(labels, shares, strict=True)}
    return found


TASK = Task(
    name="label",
    title="From logits to a label",
    notebook=6,
    minutes=20,
    given=_given,
    text=_text,
    files=_files,
    again=_again,
    quoted=_quoted,
    choices=(
        Choice(
            "not",
            "When “not” is put in, the probability of POSITIVE …?",
            tuple(WAYS),
            lambda _, records: moved(_positive(records, _PLAIN), _positive(records, _CHANGED), 0.02),
            Direction(
                r"not[”\"'’`*]+(?:\sput\sin)?|negat\w*|word\snot",
                r"(?!)",
                r"(?:probab\w*\sof\s)?positive|probab\w*",
                WAYS,
                "With “not” put in, the probability of POSITIVE {way}.",
            ),
        ),
    ),
    numbers=(
        Number("odds", "How many times more probable is POSITIVE than NEGATIVE in plain.json? e to the power of the "
               "difference of the logits.", "times",
               lambda _, records: math.exp(records[_PLAIN][0]["logits"][1] - records[_PLAIN][0]["logits"][0])),
        Number("halved", "The probability of POSITIVE in plain.json if both logits are divided by 2.", "from 0 to 1",
               lambda _, records: _positive(records, _PLAIN, 2.0)),
    ),
    words=50,
    models=(_MODEL,),
)  # fmt: skip
