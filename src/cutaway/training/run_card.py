"""The card of a trained model: what it is, what it was trained on, and how well it does."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cutaway.errors import counted
from cutaway.training.model_sizes import OBJECTIVES
from cutaway.training.result import Training
from cutaway.training.settings import BUILT_IN, Settings

_PIPELINES: Final = {
    "causal": "text-generation", "masked": "fill-mask", "seq2seq": "text2text-generation",
    "classes": "text-classification", "numbers": "text-classification",
}  # fmt: skip
_DOES: Final = {
    "causal": "It continues sequences of that kind",
    "masked": "It fills in hidden tokens of sequences of that kind",
    "seq2seq": "It writes the second sequence of a pair from the first",
    "classes": "It labels sequences of that kind",
    "numbers": "It predicts a number for sequences of that kind",
}


def card(training: Training, settings: Settings) -> str:
    """Return the README.md of a trained model."""
    model, loop = settings.model, settings.loop
    floor = "" if training.final_floor is None else f" (exact loss of the source: {training.final_floor:.4f})"
    bits = "" if training.bits_per_symbol is None else f", {training.bits_per_symbol:.4f} bits per letter or number"
    hurried = (
        ""
        if training.hurried_at is None
        else f"; the learning rate followed the clock from step {training.hurried_at:,} on"
    )
    named = [Path(name).name for name in settings.data.paths]
    source = (
        "text of the built-in source" if training.source.startswith(BUILT_IN) else ", ".join(f"`{n}`" for n in named)
    )
    records = training.data.get("counts", {}).get("records")
    counted_records = "" if records is None else f" ({counted(records, 'record')})"
    processes = "" if training.ranks == 1 else f"{training.ranks} processes of "
    return f"""---
library_name: transformers
pipeline_tag: {_PIPELINES[training.objective]}
tags:
- cutaway
---

# {training.name}

A {training.architecture} with {training.parameters:,} parameters, trained on {source}{counted_records}.
{_DOES[training.objective]} and knows nothing else.

| | |
|---|---|
| objective | {training.objective} |
| context | {training.context:,} tokens |
| vocabulary | {training.vocab_size:,} tokens |
| training | {counted(training.steps, "step")} of {counted(training.batch_size, "row")}, \
{training.tokens_seen:,} predictions, seed {loop.seed}, {processes}{counted(training.threads, "thread")}, \
{training.precision}{hurried} |
| optimizer | {training.optimizer}, peak learning rate {training.peak_learning_rate:g}, schedule {loop.schedule}, \
weight decay {loop.weight_decay:g} |
| held out | {model.objective}: {training.final_loss:.4f} nats per prediction{floor}{bits} |

```python
from transformers import AutoTokenizer, {OBJECTIVES[training.objective]}

tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")
model = {OBJECTIVES[training.objective]}.from_pretrained("path/to/this/folder")
```
"""
