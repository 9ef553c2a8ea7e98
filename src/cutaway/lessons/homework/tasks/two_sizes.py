"""Attention of two models of one family and two sizes, on lines that are the learner's own."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Final

from cutaway.lessons.homework.direction import Direction
from cutaway.lessons.homework.task import Choice, Given, Once, Pairs, Record, Records, Task, again_by, larger
from cutaway.lessons.homework.tasks.lines import two_lines

SMALL, LARGE = "shakespeare-nano", "shakespeare-micro"
_FILES: Final = {"small.json": SMALL, "large.json": LARGE}
_MEASURES: Final = {
    "entropy": ("entropy_bits", "mean entropy of the heads", r"entropy|spread"),
    "distance": ("distance", "mean distance of the heads", r"distance|(?:look|reach|attend)\w*\sback|look|reach"),
}
_CAUSE: Final = (
    r"(?:larger|bigger|large|big)\s(?:model|one)|shakespeare-micro|micro|model\s(?:\w+\s){0,2}?(?:larger|bigger|grows)"
    r"|(?:larger|more|growing|greater)\s(?:size|parameters)|with\ssize",
    r"(?:smaller|small)\s(?:model|one)|shakespeare-nano|nano|(?:smaller|fewer)\s(?:size|parameters)",
)


def _given(seed: int) -> Given:
    text = two_lines(seed)
    return {"text": text, "files": {"line.txt": text + "\n"}}


def _text(given: Given) -> str:
    return f"""Two Llama models learned the same plays with the same tokens: `{SMALL}` has about 0.3 million parameters,
`{LARGE}` about 2 million. Compare what their heads do on your own lines (`line.txt`):

> {given["text"]}

Look at both first: `cutaway attention -f line.txt -m {SMALL} -o small.html`, and the same with
`{LARGE}`. Then take the numbers of all heads from the results below;
`cutaway heads -f line.txt -m {SMALL}` prints them as a table. Means are over all heads of a model.

How does attention change with size? Do both models have a head that looks at the token before? Is what you see a rule,
or could it be this one text?"""


def _files(_given: Given) -> dict[str, str]:
    return {name: f"cutaway heads -f line.txt -m {model} -o {name}" for name, model in _FILES.items()}


def _again(name: str, given: Given, records: Sequence[Record], once: Once) -> Pairs:
    from cutaway.inside.head_roles import heads

    model, text = _FILES[name], given["text"]
    must = {"model": model, "text": text}
    command = _files(given)[name]
    return again_by(name, records, "heads", command, must, lambda: once(heads, text, model).to_dict())


def _means(records: Sequence[Record]) -> dict[str, float]:
    """Return the means over all heads, and the largest share of attention that a head gives to the token before."""
    every = records[0]["heads"]
    return {
        "mean entropy": statistics.fmean(head["entropy_bits"] for head in every),
        "mean distance": statistics.fmean(head["distance"] for head in every),
        "mean share on the first token": statistics.fmean(head["sink"] or 0.0 for head in every),
        "largest share on the token before": max(head["previous"] or 0.0 for head in every),
    }


def _compared(key: str) -> Choice:
    field, name, effect = _MEASURES[key]

    def truth(_given: Given, records: Records) -> tuple[str, ...]:
        small, large = (_means(records[file])[f"mean {key}"] for file in _FILES)
        return larger(small, large, (SMALL, LARGE))

    says = {LARGE: 1, SMALL: -1}
    example = f"In the larger model, the {name} {{way}}."
    question = f"Which model has the larger {name} (`{field}`)?"
    return Choice(key, question, (SMALL, LARGE), truth, Direction(*_CAUSE, effect, says, example))


def _previous() -> Choice:
    def truth(_given: Given, records: Records) -> tuple[str, ...]:
        small, large = (_means(records[file])["largest share on the token before"] for file in _FILES)
        return larger(small, large, (SMALL, LARGE))

    question = "Which model has the head that looks most at the token before (`previous`)?"
    return Choice("previous", question, (SMALL, LARGE), truth)


def _quoted(_given: Given, records: Records) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, model in _FILES.items():
        found |= {f"{key} of {model}": value for key, value in _means(records[name]).items()}
    for name, model in _FILES.items():
        for head in records[name][0]["heads"]:
            for key in ("entropy_bits", "distance", "previous"):
                if head[key] is not None:
                    found[f"{key} of head {head['layer']}.{head['head']} of {model}"] = head[key]
    return found


TASK = Task(
    name="two-sizes",
    title="Attention of two sizes",
    notebook=4,
    minutes=40,
    given=_given,
    text=_text,
    files=_files,
    again=_again,
    quoted=_quoted,
    choices=(_compared("entropy"), _compared("distance"), _previous()),
    words=80,
    quotes=4,
    models=(SMALL, LARGE),
)
