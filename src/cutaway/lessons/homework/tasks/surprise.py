"""Surprise: how probable a text is, token by token, and what the order of the words is worth."""

from __future__ import annotations

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
from cutaway.lessons.homework.tasks.lines import two_lines
from cutaway.random_streams import stream

_MODEL: Final = "shakespeare-micro"
_WRITTEN, _SHUFFLED = "written.json", "shuffled.json"


def _given(seed: int) -> Given:
    text = two_lines(seed)
    words = text.split()
    shuffled = " ".join(words[i] for i in stream(seed, "order").permutation(len(words)))
    texts = {_WRITTEN: text, _SHUFFLED: shuffled}
    return {"texts": texts, "files": {"written.txt": f"{text}\n", "shuffled.txt": f"{shuffled}\n"}}


def _text(given: Given) -> str:
    return f"""A model of sequences gives every next token a probability. The surprise of a token is
−log2 of this probability, in bits. Here are two texts of the same words; the second has them in a random order:

> {given["texts"][_WRITTEN]}
>
> {given["texts"][_SHUFFLED]}

Guess first: which one surprises `{_MODEL}` more, and where is it surprised most? Then measure it. What does the model
know of the order of words, and how can you tell?"""


def _files(given: Given) -> dict[str, str]:
    return {name: f"cutaway score -f {name.replace('.json', '.txt')} -m {_MODEL} -o {name}" for name in given["texts"]}


def _again(name: str, given: Given, records: Sequence[Record], once: Once) -> Pairs:
    from cutaway.prediction.scoring import score

    text = given["texts"][name]
    must = {"model": _MODEL, "text": text}
    return again_by(name, records, "score", _files(given)[name], must, lambda: once(score, text, _MODEL).to_dict())


def _bits(records: Records, name: str) -> float:
    return float(records[name][0]["bits_per_token"])


def _most(records: Records) -> float:
    return max(float(token["surprisal_bits"]) for token in records[_WRITTEN][0]["tokens"])


def _quoted(_given: Given, records: Records) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in (_WRITTEN, _SHUFFLED):
        for key in ("bits_per_token", "total_bits", "perplexity", "bits_per_byte"):
            found[f"{key} in {name}"] = records[name][0][key]
        for token in records[name][0]["tokens"]:
            found[f"surprise of {token['token']!r} in {name}"] = token["surprisal_bits"]
    return found


TASK = Task(
    name="surprise",
    title="What surprises a model",
    notebook=1,
    minutes=20,
    given=_given,
    text=_text,
    files=_files,
    again=_again,
    quoted=_quoted,
    choices=(
        Choice(
            "order",
            "When the words are shuffled, the surprise per token (`bits_per_token`) …?",
            tuple(WAYS),
            lambda _, records: moved(_bits(records, _WRITTEN), _bits(records, _SHUFFLED), 0.05),
            Direction(
                r"shuffl\w*|scrambl\w*|random\sorder|mix\w*",
                r"as\swritten|(?:original|right|proper|real)\s(?:text|line|lines|order)",
                r"surpris\w*|bits|perplexity",
                WAYS,
                "When the words are shuffled, the surprise per token {way}.",
            ),
        ),
    ),
    numbers=(
        Number(
            "probability",
            "What probability did the model give the token of written.txt that surprised it most? 2 to the power of "
            "minus its bits.",
            "a probability",
            lambda _, records: 2.0 ** -_most(records),
            0.03,
        ),
        Number(
            "times",
            "How many times less probable is a token of shuffled.txt than one of written.txt, on average? 2 to the "
            "power of the difference of their bits per token.",
            "times",
            lambda _, records: 2.0 ** (_bits(records, _SHUFFLED) - _bits(records, _WRITTEN)),
            0.03,
        ),
    ),
    words=50,
    models=(_MODEL,),
)
