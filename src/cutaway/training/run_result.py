"""From the record of a run (`run.json`) and its lines to the result `Training`, also while it goes on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cutaway.errors import InputError
from cutaway.training.records import SampleRecord, StepRecord, ValidationRecord
from cutaway.training.result import Training
from cutaway.training.run_folder import FILES, RECORD, lines_of, read_record

ENDED = "the end"
CUT_OFF = "it was interrupted"


def result_of(
    record: Mapping[str, Any], directory: Path | None, metrics: Sequence[StepRecord],
    validation: Sequence[ValidationRecord], samples: Sequence[SampleRecord], *, stopped: str,
    resumed_at: int | None = None,
) -> Training:  # fmt: skip
    """Return the result of a run from its record and what it recorded; at least one validation must be there."""
    settings, decided = record["settings"], record["decided"]
    best = min(validation, key=lambda check: check.loss)
    patience = settings.get("patience")
    early = patience is not None and sum(check.step > best.step for check in validation) >= patience
    last = best if early else validation[-1]  # of the weights that are kept
    facts = {name: record[name] for name in (
        "architecture", "parameters", "trained_parameters", "vocab_size", "context", "peak_learning_rate", "floor",
        "floor_label", "baselines", "ranks", "data",
    )}  # fmt: skip
    chosen = {name: settings[name] for name in ("objective", "batch_size", "optimizer")}
    done = metrics[-1] if metrics else None
    return Training(
        **facts, **chosen, **decided, name=record["name"] if directory is None else directory.resolve().name,
        source=record["data"]["source"], directory=None if directory is None else str(directory),
        steps=done.step if done else 0, tokens_seen=done.tokens if done else 0, seconds=done.seconds if done else 0.0,
        hurried_at=hurried(metrics, record["planned_steps"]), resumed_at=resumed_at, stopped=stopped,
        metrics=tuple(metrics), validation=tuple(validation), samples=tuple(samples), final_loss=last.loss,
        final_floor=last.floor, bits_per_symbol=last.bits_per_symbol,
        best_step=best.step,
    )  # fmt: skip


def read_run(directory: str | os.PathLike[str]) -> Training:
    """Read a run from its folder, whether it is complete, was cut off or is still going on.

    Raises `InputError` if the folder is not that of a run, is damaged, or has no validation yet.
    """
    folder = Path(directory)
    record = read_record(folder)
    if record is None:
        raise InputError(
            f"{str(folder)!r} has no {RECORD}", hint="give the folder of a run: train writes one with `output`"
        )
    metrics, validation, samples = (lines_of(folder / name) for name in FILES)
    if not validation:
        raise InputError(f"the run in {str(folder)!r} has not validated yet", hint="wait for its first validation")
    ended = bool(metrics) and (metrics[-1]["place"] >= 1 or (folder / "config.json").is_file())
    try:
        return result_of(
            record, folder, [StepRecord(**line) for line in metrics],
            [ValidationRecord(**line) for line in validation],
            [SampleRecord(line["step"], tuple(line["texts"])) for line in samples],
            stopped=ENDED if ended else CUT_OFF,
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise InputError(
            f"the run in {str(folder)!r} can't be read: {type(error).__name__}: {error}",
            hint="another version of cutaway wrote it, or it was changed; train it again",
        ) from error


def hurried(metrics: Sequence[StepRecord], steps: int | None) -> int | None:
    """Return the first step whose place followed from the clock and not from its number."""
    return next((m.step for m in metrics if m.place != (min(1.0, m.step / steps) if steps else 0.0)), None)
