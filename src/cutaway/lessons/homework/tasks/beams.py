"""Beams: the likeliest next token again and again, and a search for the likeliest text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from cutaway.lessons.homework.direction import Direction
from cutaway.lessons.homework.task import Choice, Given, Number, Once, Pairs, Record, Records, Task, again_by, larger
from cutaway.random_streams import stream

_MODEL: Final = "shakespeare-micro"
_PROMPTS: Final = (
    "The king shall", "My lord, the duke", "What is the matter", "O let me", "I have no", "Come hither and",
    "The night is", "If thou be", "She is not", "We are the", "This is my", "Let him that", "When I was",
)  # fmt: skip
_BEAMS: Final = {"greedy.json": 1, "beams.json": 4}


def _given(seed: int) -> Given:
    random = stream(seed, "prompt")
    return {"prompt": _PROMPTS[int(random.integers(len(_PROMPTS)))], "length": int(random.integers(16, 32))}


def _text(given: Given) -> str:
    return f"""Let `{_MODEL}` continue “{given["prompt"]} …” by {given["length"]} tokens in two ways. Greedy decoding
takes the likeliest token at each step. Beam search keeps {_BEAMS["beams.json"]} unfinished texts and returns the
likeliest whole one.

Guess first: which text is more probable, and which one do you like better? The log-probability of a text is the sum
of the `logprobs` of its tokens (nats). Then try sampling, too: `--temperature 1`. Is the most
probable text a good text?"""


def _files(given: Given) -> dict[str, str]:
    return {
        name: f'cutaway generate "{given["prompt"]}" -m {_MODEL} --temperature 0 --num-beams {beams} '
        f"--max-new-tokens {given['length']} --tier exact -o {name}"
        for name, beams in _BEAMS.items()
    }


def _again(name: str, given: Given, records: Sequence[Record], once: Once) -> Pairs:
    must = {"model": _MODEL, "prompt": given["prompt"]}
    return again_by(
        name,
        records,
        "generation",
        _files(given)[name],
        must,
        lambda: once(_written, given["prompt"], given["length"], _BEAMS[name]),
    )


def _written(prompt: str, length: int, beams: int) -> dict[str, Any]:
    from cutaway.generation.generating import generate

    [found] = generate(prompt, _MODEL, temperature=0, num_beams=beams, max_new_tokens=length, tier="exact")
    record: dict[str, Any] = found.to_dict()
    return record


def _nats(records: Records, name: str) -> float:
    return math.fsum(records[name][0]["logprobs"])


def _distinct(records: Records, name: str) -> float:
    ids = records[name][0]["token_ids"]
    return len(set(ids)) / len(ids)


def _likelier(_given: Given, records: Records) -> tuple[str, ...]:
    greedy, beams = (_nats(records, name) for name in _BEAMS)
    return ("beams", "greedy") if abs(beams - greedy) < 0.01 else ("beams",) if beams > greedy else ("greedy",)


def _quoted(_given: Given, records: Records) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in _BEAMS:
        found[f"log-probability of the text in {name}"] = _nats(records, name)
        found[f"share of different tokens in {name}"] = _distinct(records, name)
        for at, logprob in enumerate(records[name][0]["logprobs"], 1):
            found[f"logprob of token {at} in {name}"] = logprob
    return found


TASK = Task(
    name="beams",
    title="Greedy or beams",
    notebook=5,
    minutes=20,
    given=_given,
    text=_text,
    files=_files,
    again=_again,
    quoted=_quoted,
    choices=(
        Choice(
            "likelier",
            "Which text has the higher log-probability?",
            ("beams", "greedy"),
            _likelier,
            Direction(
                r"beams?",
                r"greedy",
                r"log-?\s?probability|probab\w*|likel\w*",
                {"beams": 1, "greedy": -1},
                "With beams, the probability of the text {way}.",
            ),
        ),
        Choice(
            "variety",
            "Which text has the larger share of different tokens?",
            ("beams", "greedy"),
            lambda _, records: larger(_distinct(records, "beams.json"), _distinct(records, "greedy.json"),
                                      ("beams", "greedy")),
        ),
    ),
    numbers=(
        Number("greedy", "The log-probability of the greedy text: the sum of its `logprobs`.", "nats",
               lambda _, records: _nats(records, "greedy.json")),
        Number("beams", "The log-probability of the text of beam search.", "nats",
               lambda _, records: _nats(records, "beams.json")),
    ),
    words=50,
    models=(_MODEL,),
)  # fmt: skip
