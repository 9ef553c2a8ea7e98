"""Tiny models under the names of the shipped ones, and right answers to every task, made by the task's own commands."""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import transformers

from cutaway.cli import main
from cutaway.lessons import read_answer
from cutaway.lessons.homework.answers import Answer
from cutaway.lessons.homework.task import Choice

_KINDS = {"decoder": "generate", "classifier": "classify"}


def ship(folder: Path, name: str, made: Path, kind: str = "decoder") -> None:
    """Put a model into what stands for the folder of the package."""
    shutil.copytree(made, folder / name)
    record = {
        "name": name, "kind": kind, "domain": "text", "task": _KINDS[kind], "parameters": 5_000,
        "description": "a model of a test", "headline": "", "licence": "Apache-2.0", "citation": "Nobody",
    }  # fmt: skip
    (folder / name / "cutaway.json").write_text(json.dumps(record), encoding="utf-8")


def random_gpt2(folder: Path, layers: int, heads: int, seed: int) -> Path:
    """Save a random GPT-2 with a context of 512, one token a character."""
    import torch

    from tests.conftest import ALPHABET, _save

    torch.manual_seed(seed)
    config = transformers.GPT2Config(
        vocab_size=len(ALPHABET) + 2, n_layer=layers, n_head=heads, n_embd=8 * heads, n_positions=512, bos_token_id=0,
        eos_token_id=0, initializer_range=0.4,
    )  # fmt: skip
    return _save(transformers.GPT2LMHeadModel(config), folder)


def run_commands(folder: Path, answer: Answer) -> None:
    """Run the commands of the task's text in its folder, as a learner does; each must succeed."""
    with contextlib.chdir(folder):
        for command in answer.task.files(answer.given).values():
            for part in command.split(" && "):
                words = shlex.split(part)
                assert words[0] == "cutaway"
                try:
                    main([*words[1:], "-q"])
                except SystemExit as done:
                    assert not done.code, part


def true_choices(answer: Answer) -> dict[str, str]:
    """Return a right choice for each question."""
    records = {name: found for name, found in answer.records.items() if found is not None}
    return {one.key: one.truth(answer.given, records)[0] for one in answer.task.choices}


def sentence(choice: Choice, chosen: str) -> str:
    """Return a sentence that says which way the effect of a choice goes."""
    assert choice.direction is not None
    return choice.direction.example.format(way="rises" if choice.direction.says[chosen] > 0 else "falls")


def explanation(answer: Answer, chosen: dict[str, str], numbers: dict[str, float], about: str = "sea") -> str:
    """Return an explanation that meets the requirements: long enough, with numbers and directions."""
    records = {name: found for name, found in answer.records.items() if found is not None}
    task = answer.task
    known = {**task.quoted(answer.given, records), **numbers}
    quoted = [f"For {name} I found {_written(value)}." for name, value in list(known.items())[:12]]
    ways = [sentence(one, chosen[one.key]) for one in task.choices if one.direction is not None]
    filler = (
        f"I believe that the {about} has something to do with it, since the {about} of this text is quite special. "
    )
    return "\n\n".join([*ways, " ".join(quoted), filler * (1 + task.words // 12)])


def _written(value: float) -> str:
    if value == round(value):
        return str(round(value))
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:.5f}"


def fill_in(folder: Path, about: str = "sea") -> None:
    """Fill in answer.json and explain.md with what is right for the result files in the folder."""
    answer = read_answer(folder)
    records = {name: found for name, found in answer.records.items() if found is not None}
    numbers = {one.key: one.truth(answer.given, records) for one in answer.task.numbers}
    chosen = true_choices(answer)
    edit(folder, choices=chosen, numbers=numbers)
    (folder / "explain.md").write_text(explanation(answer, chosen, numbers, about), encoding="utf-8")


def edit(folder: Path, **changes: Any) -> None:
    """Change entries of answer.json."""
    path = folder / "answer.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")
