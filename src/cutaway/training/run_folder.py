"""What a run leaves on the disk: its records line by line while it goes on, and a card beside the model."""

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
    """Make the folder of a run and return it. Raises `OutputError` if the disk does not allow it."""
    with _explained(directory):
        directory.mkdir(parents=True, exist_ok=True)
    return directory


@contextlib.contextmanager
def record_files(directory: Path | None) -> Iterator[Callable[[StepRecord | ValidationRecord], None]]:
    """Give a function that appends a record to its file as one whole line; without a directory it does nothing.

    A `TrainingError` takes the files away again, and the folder with them: the same command can be given once more.
    """
    if directory is None:
        yield lambda record: None
        return
    with contextlib.ExitStack() as files:

        def opened(name: str) -> TextIO:
            # Line-buffered: whoever watches the file, or finds it after an interruption, sees whole lines.
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
            with contextlib.suppress(OSError):  # something else is in it
                directory.rmdir()
            raise


@contextlib.contextmanager
def _explained(directory: Path) -> Iterator[None]:
    """Turn what the disk says into an error that says where."""
    try:
        yield
    except OSError as error:
        raise cannot_write(
            f"can't write to {str(directory)!r}: {error.strerror or error}",
            error,
            hint="name a folder on a disk that you may write to and that has room",
        ) from error


def card(training: Training, settings: Settings) -> str:
    """Return the README.md of a trained model."""
    floor = "" if training.final_floor is None else f" (the source's own, exact: {training.final_floor:.4f})"
    hurried = (
        ""
        if training.hurried_at is None
        else f"; cut short by the clock, which the learning rate followed from step {training.hurried_at:,} on"
    )
    written = "sentences of the built-in source" if training.source == BUILT_IN else f"`{Path(training.source).name}`"
    return f"""---
library_name: transformers
pipeline_tag: text-generation
tags:
- character-level
---

# {training.name}

A {training.architecture} of characters with {training.parameters:,} parameters, trained from nothing on {written}.
It continues text of that kind and knows nothing else.

| | |
|---|---|
| layers × heads × width | {settings.layers} × {settings.heads} × {settings.width} |
| context | {training.context:,} characters |
| vocabulary | one token a character; every text begins with `{END}` |
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
