"""What a section of the tour is made of, and how its lines for Python and the shell are written."""

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
    writer: ModelLike | None = None  # the model by its name, if it was given so: it then starts from its kept weights


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
    """Return a token as it can stand between backticks."""
    return token.strip().replace("`", "'") or "a blank"


def listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def python_line(call: str) -> str:
    return f"python -c {shlex.quote(f'import cutaway; {call}')}"


def shell_word(text: str) -> str:
    """Return the text as one word of a shell, in double quotes if it can be: a person would write it so."""
    return shlex.quote(text) if set(text) & set('"$`\\!\n') else f'"{text}"'


def python_text(text: str) -> str:
    # A Python string in double quotes: it then needs no escape inside the shell's single ones.
    return json.dumps(text, ensure_ascii=False)


def model_option(lesson: Lesson) -> str:
    return "" if lesson.model.name == DEFAULT else f" -m {shlex.quote(lesson.model.name)}"
