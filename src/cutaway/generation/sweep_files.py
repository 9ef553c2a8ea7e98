"""The runs of a sweep in a JSON-lines file: reading them, and resuming a sweep that was interrupted."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path

from cutaway.errors import InputError
from cutaway.generation.sweep_runs import SweepPlan, SweepRun


def resume_runs(plan: SweepPlan, path: str | os.PathLike[str]) -> Iterator[SweepRun]:
    """Yield the runs of a plan that are already in a file, each once; more can then be appended to the file.

    If the last line is incomplete, it is cut off the file. A file that does not exist has no runs. Raises `InputError`
    for a line that is not a run and for a run of another sweep.
    """
    if not Path(path).is_file():
        return
    keep_whole_lines(path)
    done = set[str]()
    for run in read_runs(path):
        plan.check(run)
        if run.key not in done:
            done.add(run.key)
            yield run


def read_runs(path: str | os.PathLike[str]) -> Iterator[SweepRun]:
    """Yield the runs of a JSON-lines file; an incomplete last line is left out.

    Raises `InputError`, with the line's number, for a line that is not a run.
    """
    names = {field.name for field in dataclasses.fields(SweepRun)}
    with Path(path).open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
                if record.pop("schema") != "cutaway.run/1" or set(record) != names:
                    raise ValueError("it does not have the keys of a run")
                yield SweepRun(**record)
            except (ValueError, KeyError, AttributeError, TypeError) as error:
                raise InputError(
                    f"line {number} of {str(path)!r} is not a run of a sweep: {error}",
                    hint="give a file that cutaway sweep wrote, or write to another file",
                ) from error


def keep_whole_lines(path: str | os.PathLike[str]) -> int:
    """Cut off an incomplete last line, so that more can be appended; return the number of bytes kept."""
    with Path(path).open("r+b") as stream:
        end = stream.seek(0, os.SEEK_END)
        kept = end
        while kept:
            start = max(0, kept - 65536)
            stream.seek(start)
            if (found := stream.read(kept - start).rfind(b"\n")) >= 0:
                kept = start + found + 1
                break
            kept = start
        if kept < end:
            stream.truncate(kept)
        return kept
