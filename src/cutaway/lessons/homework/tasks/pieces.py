"""Pieces: two vocabularies learned from the learner's own words, and how many tokens a line takes in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cutaway.lessons.homework.direction import Direction, caused_by
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
from cutaway.lessons.homework.tasks.training_words import tokens_of
from cutaway.random_streams import stream

_STARTS: Final = ("un", "re", "in", "out", "over", "under", "mis", "dis", "fore", "be")
_STEMS: Final = ("light", "water", "stone", "fire", "bind", "hold", "turn", "read", "work", "wind", "play", "kind",
                 "form", "port", "press", "struct", "tract", "mark", "land", "wood")  # fmt: skip
_ENDS: Final = ("ing", "ed", "er", "ers", "ness", "able", "ful", "less", "ly", "s")
_SIZES: Final = {"few.json": 280, "many.json": 400}


def _given(seed: int) -> Given:
    random = stream(seed, "words")

    def word() -> str:
        parts = (_STARTS[min(9, int(random.exponential(3)))], _STEMS[int(random.integers(20))],
                 _ENDS[min(9, int(random.exponential(3)))])  # fmt: skip
        kept = random.random(3) < (0.4, 1.0, 0.7)
        return "".join(part for part, keep in zip(parts, kept, strict=True) if keep)

    lines = [" ".join(word() for _ in range(10)) for _ in range(60)]
    text = " ".join(word() for _ in range(12))
    return {"text": text, "words": "".join(f"{line}\n" for line in lines),
            "files": {"words.txt": "".join(f"{line}\n" for line in lines), "line.txt": f"{text}\n"}}  # fmt: skip


def _text(given: Given) -> str:
    return f"""`words.txt` has 600 words, made of a few beginnings, stems and endings. A byte-pair encoding (BPE) starts
from single bytes and merges the most frequent pair, again and again, until its vocabulary is full. Learn two of them,
with {_SIZES["few.json"]} and {_SIZES["many.json"]} tokens, and look at how each cuts this line (`line.txt`):

> {given["text"]}

Guess first: how many tokens will a word take in each? Then read the pieces: `cutaway tokenize -f line.txt -m ./many`.
Which of them are parts that a person would choose, and which are accidents?"""


def _files(_given: Given) -> dict[str, str]:
    return {
        name: f"cutaway tokenizer train words.txt --vocab-size {size} --force -o {name[:-5]} && "
        f"cutaway tokenize -f line.txt -m ./{name[:-5]} -o {name}"
        for name, size in _SIZES.items()
    }


def _again(name: str, given: Given, records: Sequence[Record], once: Once) -> Pairs:
    text = given["text"]
    return again_by(
        name, records, "tokens", _files(given)[name], {"text": text},
        lambda: once(tokens_of, text, given["words"], ".txt", "bpe", {"vocab_size": _SIZES[name]}),
    )  # fmt: skip


def _count(records: Records, name: str) -> int:
    return len(records[name][0]["tokens"])


def _quoted(given: Given, records: Records) -> dict[str, float]:
    words = len(given["text"].split())
    counts = {f"tokens in {name}": float(_count(records, name)) for name in _SIZES}
    return counts | {f"tokens per word in {name}": _count(records, name) / words for name in _SIZES}


TASK = Task(
    name="pieces",
    title="Two vocabularies",
    notebook=2,
    minutes=25,
    given=_given,
    text=_text,
    files=_files,
    again=_again,
    quoted=_quoted,
    choices=(
        Choice(
            "tokens",
            "With the larger vocabulary, the number of tokens of the line …?",
            tuple(WAYS),
            lambda _, records: moved(_count(records, "few.json"), _count(records, "many.json"), 0.5),
            Direction(
                *caused_by(r"vocabular(?:y|ies)"),
                r"tokens|pieces",
                WAYS,
                "With a larger vocabulary, the number of tokens {way}.",
            ),
        ),
    ),
    numbers=(
        Number(
            "per_word",
            f"How many tokens does a word of the line take with {_SIZES['few.json']} tokens, on average?",
            "tokens per word",
            lambda given, records: _count(records, "few.json") / len(given["text"].split()),
        ),
        Number(
            "shorter",
            "By what factor is the line shorter, in tokens, with the larger vocabulary?",
            "times",
            lambda _, records: _count(records, "few.json") / _count(records, "many.json"),
        ),
    ),
    words=50,
    quotes=2,
)
