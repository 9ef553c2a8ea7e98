"""The files of a run: its records, written line by line during training, and the model's card."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from cutaway.errors import TrainingError, cannot_write, counted
from cutaway.tokens.char_word import END
from cutaway.training.config import BUILT_IN, Settings
from cutaway.training.loop import StepRecord, ValidationRecord
from cutaway.training.result import Training


def made(directory: Path) -> Path:
    """Make the folder of a run and return it. Raises `OutputError` if that fails."""
    with _explained(directory):
        directory.mkdir(parents=True, exist_ok=True)
    return directory


@contextlib.contextmanager
def record_files(directory: Path | None) -> Iterator[Callable[[StepRecord | ValidationRecord], None]]:
    """Provide a function that appends a record to its file as one whole line; without a directory it does nothing.

    After a `TrainingError` the files are removed, and the folder if it is empty, so that the command can be repeated.
    """
    if directory is None:
        yield lambda record: None
        return
    with contextlib.ExitStack() as files:

        def opened(name: str) -> TextIO:
            # Line-buffered, so that the file has whole lines at any time, even after an interruption.
            return files.enter_context((directory / name).open("a", encoding="utf-8", buffering=1))

        with _explained(directory):
            streams = {StepRecord: opened("metrics.jsonl"), ValidationRecord: opened("validation.jsonl")}

        def write(record: StepRecord | ValidationRecord) -> None:
            with _explained(directory):
                streams[type(record)].write(json.dumps(dataclasses.asdict(record)) + "\n")

        try:
            yield write
        except TrainingError:
            files.close()
            for name in ("metrics.jsonl", "validation.jsonl"):
                (directory / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # the folder is not empty
                directory.rmdir()
            raise


@contextlib.contextmanager
def _explained(directory: Path) -> Iterator[None]:
    """Turn an `OSError` into an error that names the folder."""
    try:
        yield
    except OSError as error:
        raise cannot_write(
            f"can't write to {str(directory)!r}: {error.strerror or error}",
            error,
            hint="choose a folder that you may write to, on a disk with free space",
        ) from error


def card(training: Training, settings: Settings) -> str:
    """Return the README.md of a trained model."""
    floor = "" if training.final_floor is None else f" (exact loss of the source: {training.final_floor:.4f})"
    hurried = (
        ""
        if training.hurried_at is None
        else f"; time ran short, so the learning rate followed the clock from step {training.hurried_at:,} on"
    )
    written = "sentences of the built-in source" if training.source == BUILT_IN else f"`{Path(training.source).name}`"
    return f"""---
library_name: transformers
pipeline_tag: text-generation
tags:
- character-level
---

# {training.name}

A {training.architecture} of characters with {training.parameters:,} parameters, trained from scratch on {written}.
It continues text of that kind and knows nothing else.

| | |
|---|---|
| layers × heads × width | {settings.layers} × {settings.heads} × {settings.width} |
| context | {training.context:,} characters |
| vocabulary | one token per character; every text begins with `{END}` |
| training | {counted(training.steps, "step")} of {counted(training.batch_size, "row")}, \
{training.tokens_seen:,} characters, seed {settings.seed}, {counted(training.threads, "thread")}{hurried} |
| optimizer | AdamW, learning rate {settings.learning_rate:g} after \
{counted(settings.warmup_steps, "step")} of warm-up, weight decay {settings.weight_decay:g} |
| validation loss | {training.final_loss:.4f} nats per character{floor} |

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")
model = AutoModelForCausalLM.from_pretrained("path/to/this/folder")
```
"""
