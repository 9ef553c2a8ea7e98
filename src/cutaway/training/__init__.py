"""Training a model from nothing: rows of a text or of the built-in source, a GPT-2 or a Llama, and a loop.

A row depends on nothing but the seed, the step and its place in the batch, so a run can be repeated, or cut over any
number of processes, without a loader that remembers where it was.

Exports are imported on first use: torch comes with the verb that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutaway.lazy import exports

if TYPE_CHECKING:
    from cutaway.training.config import Settings, configuration
    from cutaway.training.loop import StepRecord, ValidationRecord, fit, learning_rate
    from cutaway.training.rows import Rows, SourceRows, TextRows
    from cutaway.training.run import Run, Training, train
    from cutaway.training.vocabulary import END, UNKNOWN, character_tokenizer, text_ids

__all__ = [
    "END",
    "UNKNOWN",
    "Rows",
    "Run",
    "Settings",
    "SourceRows",
    "StepRecord",
    "TextRows",
    "Training",
    "ValidationRecord",
    "character_tokenizer",
    "configuration",
    "fit",
    "learning_rate",
    "text_ids",
    "train",
]

__getattr__ = exports(
    __name__,
    {
        "config": ["Settings", "configuration"],
        "loop": ["StepRecord", "ValidationRecord", "fit", "learning_rate"],
        "rows": ["Rows", "SourceRows", "TextRows"],
        "run": ["Run", "Training", "train"],
        "vocabulary": ["END", "UNKNOWN", "character_tokenizer", "text_ids"],
    },
)
