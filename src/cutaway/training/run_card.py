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
library_name: {"transformers" if model.lora is None else "peft"}
pipeline_tag: {_PIPELINES[training.objective]}
tags:
- cutaway
---

# {training.name}

{_what(training, settings)} on {source}{counted_records}.
{_DOES[training.objective]}{"" if model.start else " and knows nothing else"}.

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

{loading(training.objective) if model.lora is None else _loading_adapters(training.objective, _start(settings))}
"""


def loading(objective: str) -> str:
    """Return how plain transformers loads a saved model, as Markdown."""
    return f"""```python
from transformers import AutoTokenizer, {OBJECTIVES[objective]}

tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")
model = {OBJECTIVES[objective]}.from_pretrained("path/to/this/folder")
```"""


def _loading_adapters(objective: str, start: str) -> str:
    several = {"classes": ", num_labels=N", "numbers": ", num_labels=1"}.get(objective, "")
    return f"""The folder has the adapters alone; `cutaway models merge` makes a model of them and {start}.

```python
from peft import PeftModel
from transformers import {OBJECTIVES[objective]}

base = {OBJECTIVES[objective]}.from_pretrained("path/to/{start}"{several})
model = PeftModel.from_pretrained(base, "path/to/this/folder")
```"""


def _start(settings: Settings) -> str:
    return Path(settings.model.start or "").name


def _what(training: Training, settings: Settings) -> str:
    """Return the beginning of the first sentence: what was trained."""
    model = settings.model
    size = f"A {training.architecture} with {training.parameters:,} parameters"
    if model.start is None:
        return f"{size}, trained"
    how = f" by LoRA adapters of rank {model.lora}" if model.lora else ""
    return f"{size}: {_start(settings)}, trained further{how} ({training.trained_parameters:,} parameters)"
