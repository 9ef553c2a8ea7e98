"""`tour`: every step of the lesson, run for real and timed, with the lines that reproduce it."""

from __future__ import annotations

import dataclasses
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
import transformers

from cutaway._version import __version__
from cutaway.generation.cpu import machine_code
from cutaway.lessons.draft import Lesson
from cutaway.lessons.sections_model import architecture, classification, heads
from cutaway.lessons.sections_tokens import embeddings, generation, sequences, tokens
from cutaway.lessons.sections_training import models, saving, training
from cutaway.models.loading import shared
from cutaway.models.shelf import DEFAULT
from cutaway.models.text_model import ModelLike
from cutaway.progress import step
from cutaway.result import Result
from cutaway.training import Settings
from cutaway.training.run_length import DEFAULT_STEPS

PROMPT = "What is the ALCF?"
# After 300 steps the trained model writes words. They take 12 s on one core; a busy machine gets more time.
TRAINING_SECONDS = 45.0

SECTIONS = (
    *(sequences, generation, tokens, embeddings),
    *(architecture, heads, classification),
    *(training, saving, models),
)


@dataclasses.dataclass(frozen=True)
class Section:
    """One step: what it is about, its results in this run, how to repeat it, and how long it took.

    `results` are the results' own JSON objects, each with a `caption`.
    """

    key: str
    title: str
    paragraphs: list[str]
    python: str
    shell: str
    seconds: float
    results: list[dict[str, Any]]


@dataclasses.dataclass(frozen=True, repr=False)
class Tour(Result):
    """The whole lesson on one model."""

    schema: ClassVar[str] = "tour"

    model: str
    parameters: int
    prompt: str
    seconds: float
    versions: dict[str, str]
    sections: list[Section]


def tour(
    model: ModelLike = DEFAULT,
    *,
    prompt: str = PROMPT,
    seed: int = 0,
    steps: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    on_section: Callable[[int, int, Section], None] | None = None,
) -> Tour:
    """Run the hands-on in order on a real model: from the probabilities of a sequence to a trained and saved model.

    `steps` is the length of the training run (None: 500, or as many as fit in 45 s). The trained model is saved in the
    new folder `folder`, if given. `on_section(number, total, section)` is called after each section. Raises
    `MissingText` for an empty prompt, `PromptTooLong`, `OutputError` if the folder exists, or a `ModelError`.

    >>> tour().save("tour.html")  # doctest: +SKIP
    PosixPath('tour.html')
    """
    started = time.perf_counter()
    length = {"minutes": TRAINING_SECONDS / 60, "steps": DEFAULT_STEPS} if steps is None else {"steps": steps}
    settings = Settings.of(seed=seed, **length)
    kept = None if folder is None else Path(folder)
    machine_code.start()  # beside the download
    loaded = shared(model)
    machine_code.wait()
    lesson = Lesson(loaded, prompt, seed, settings, kept, writer=model)
    done: list[Section] = []
    for number, make in enumerate(SECTIONS, 1):
        began = time.perf_counter()
        with step(f"section {number} of {len(SECTIONS)}: {make.__name__}"):
            draft = make(lesson)
        section = Section(
            key=draft.key,
            title=draft.title,
            paragraphs=draft.paragraphs,
            python=draft.python,
            shell=draft.shell,
            seconds=time.perf_counter() - began,
            results=[{**result.to_dict(), "caption": caption} for caption, result in draft.results],
        )
        done.append(section)
        if on_section is not None:
            on_section(number, len(SECTIONS), section)
    return Tour(
        model=lesson.model.name,
        parameters=lesson.model.module.num_parameters(),
        prompt=prompt,
        seconds=time.perf_counter() - started,
        versions={
            "cutaway": __version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "Python": platform.python_version(),
        },
        sections=done,
    )
