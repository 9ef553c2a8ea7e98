"""A model of your own: trained, saved, handed in, and loaded again by whoever checks it."""

from __future__ import annotations

import functools
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cutaway.errors import InputError
from cutaway.lessons.homework.direction import Direction
from cutaway.lessons.homework.packed import unpack
from cutaway.lessons.homework.task import WAYS, Choice, Given, Number, Once, Pairs, Record, Records, Task, moved
from cutaway.random_streams import stream
from cutaway.sequences.synthetic_text import SENTENCES

_STEPS: Final = {"early": 10, "late": 200}
_SCORE: Final = "score.json"
_SENTENCES: Final = 400
_TEST: Final = 2  # sentences
_LEARNED: Final = 2.5  # bits per character; evenly spread letters take about 4.7
_FLOOR: Final = SENTENCES.nats_per_character / math.log(2)


def _given(seed: int) -> Given:
    random = stream(seed, "sentences")
    train = "".join(SENTENCES.sample(random) for _ in range(_SENTENCES))
    test = "".join(SENTENCES.sample(random) for _ in range(_TEST)).rstrip("\n")
    return {"test": test, "seed": seed % 1000, "files": {"train.txt": train, "test.txt": f"{test}\n"}}


def _text(_given: Given) -> str:
    return f"""`train.txt` has {_SENTENCES} sentences from a source whose entropy is known: no model can do better than
{_FLOOR:.3f} bits per character on average. `test.txt` has others, which the model does not see.

Train a small model for {_STEPS["early"]} steps and for {_STEPS["late"]} steps. Each is saved in a folder, loaded again,
and scored on the test. Guess first what each will give. Then look at what the models write
(`cutaway generate "The" -m ./late`). What has the model learned after {_STEPS["early"]} steps, and what only later?

You may change the size and the length of the training, as long as the folder stays below 1 MB; your folders go into
the page that you hand in, and the teacher's machine loads your models and computes the scores again."""


def _files(given: Given) -> dict[str, str]:
    return {
        name: f"cutaway train train.txt --as-text --layers 2 --heads 2 --width 32 --context 160 --steps {steps} "
        f"--precision float32 --samples 0 --seed {given['seed']} -o {name} && "
        f"cutaway score -f test.txt -m ./{name} -o {name}/{_SCORE} --force"
        for name, steps in _STEPS.items()
    }


def _again(name: str, given: Given, records: Sequence[Record], once: Once) -> Pairs:
    command = _files(given)[name]
    score = records[0].get("results", {}).get(_SCORE)
    if not isinstance(score, dict) or score.get("schema") != "cutaway.score/1":
        raise InputError(f"{name}/{_SCORE} is missing or is not a score", hint=f"run: {command}")
    if score["text"] != given["test"]:
        raise InputError(f"{name}/{_SCORE} is of another text", hint=f"run: {command}")
    found = once(_scored, given["test"], records[0]["files"])
    if name == "late" and found["bits_per_token"] > _LEARNED:
        bits = f"the model takes {found['bits_per_token']:.2f} bits per character, and {_LEARNED} or less are asked for"
        raise InputError(bits, hint="train it longer, on your own train.txt")
    return [(score, found)]


def _scored(text: str, files: dict[str, str]) -> dict[str, Any]:
    """Load the model that was handed in, and return its score of the test."""
    from cutaway.prediction.scoring import score

    with tempfile.TemporaryDirectory() as folder:
        unpack(files, Path(folder))
        found = score(text, folder).to_dict()
    return {key: value for key, value in found.items() if key != "model"}


def _bits(_given: Given, records: Records, *, name: str) -> float:
    return float(records[name][0]["results"][_SCORE]["bits_per_token"])


_early, _late = (functools.partial(_bits, name=name) for name in _STEPS)


def _quoted(given: Given, records: Records) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in _STEPS:
        score = records[name][0]["results"][_SCORE]
        found[f"bits per character of {name}"] = score["bits_per_token"]
        found[f"perplexity of {name}"] = score["perplexity"]
        found[f"bits of the test by {name}"] = score["total_bits"]
    return found | {"bits above the floor of late": _late(given, records) - _FLOOR}


TASK = Task(
    name="own-model",
    title="A model of your own",
    notebook=7,
    minutes=30,
    given=_given,
    text=_text,
    files=_files,
    again=_again,
    quoted=_quoted,
    choices=(
        Choice(
            "steps",
            "With more steps of training, the bits per character of the test …?",
            tuple(WAYS),
            lambda given, records: moved(_early(given, records), _late(given, records), 0.05),
            Direction(
                r"(?:more|longer|further)\s(?:steps|training)|steps|training|trained|late",
                r"(?:fewer|less)\s(?:steps|training)|early",
                r"bits|surprise|loss|perplexity",
                WAYS,
                "With more steps of training, the bits per character {way}.",
            ),
        ),
    ),
    numbers=(
        Number("above_floor", f"How far is the late model from the floor of {_FLOOR:.4f} bits per character?",
               "bits per character", lambda given, records: _late(given, records) - _FLOOR, 0.02),
        Number("factor", "How many times more probable is the test, per character, to the late model than to the early "
               "one? 2 to the power of the difference in bits.", "times",
               lambda given, records: 2 ** (_early(given, records) - _late(given, records)), 0.03),
    ),
    words=60,
)  # fmt: skip
