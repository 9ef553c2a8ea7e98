"""The parts of a section of the tour, and helpers that write its lines for Python and the shell."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path

from cutaway.models import DEFAULT, Model
from cutaway.models.text_model import ModelLike
from cutaway.result import Result
from cutaway.training import Settings


@dataclasses.dataclass
class Lesson:
    """What the sections share: the model, the prompt, and what earlier sections made."""

    model: Model
    prompt: str
    seed: int
    settings: Settings  # of the training run
    folder: Path | None = None  # where the trained model is kept
    trained: Model | None = None
    writer: ModelLike | None = None  # the model as it was given; by its name it starts fast, from prepared weights


@dataclasses.dataclass
class Draft:
    """A section before it is timed; `results` are pairs of caption and result."""

    key: str
    title: str
    paragraphs: list[str]
    python: str
    shell: str
    results: list[tuple[str, Result]]


def bare(token: str) -> str:
    """Return a token so that it can stand between backticks."""
    return token.strip().replace("`", "'") or "a blank"


def listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def python_line(call: str) -> str:
    return f"python -c {shlex.quote(f'import cutaway; {call}')}"


def shell_word(text: str) -> str:
    """Return the text as one word for a shell, if possible in double quotes, as a person would write it."""
    return shlex.quote(text) if set(text) & set('"$`\\!\n') else f'"{text}"'


def python_text(text: str) -> str:
    # A Python string in double quotes needs no escape inside the single quotes of the shell.
    return json.dumps(text, ensure_ascii=False)


def model_option(lesson: Lesson) -> str:
    return "" if lesson.model.name == DEFAULT else f" -m {shlex.quote(lesson.model.name)}"
