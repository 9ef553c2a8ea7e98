"""TensorBoard's event files of a run, so that `tensorboard --logdir DIR` shows it; written without TensorFlow.

Each start of a run writes a file of its own. Its first event says from which step on it holds, so that TensorBoard
leaves out what an earlier start recorded of the steps that are repeated.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import time
from pathlib import Path
from typing import Any, Final

from cutaway.errors import InputError
from cutaway.extras import install_line, library
from cutaway.training.records import Record, SampleRecord, StepRecord, ValidationRecord

_FLUSH: Final = 2.0  # seconds


def events_wanted(asked: bool | None, output: object) -> bool:
    """Return whether to write event files: as asked, by default if there is a folder and TensorBoard is installed.

    Raises `InputError` if they are asked for and one of these is missing.
    """
    installed = importlib.util.find_spec("tensorboard") is not None
    if asked and output is None:
        raise InputError("TensorBoard's event files are written into the folder of a run", hint="give `output`")
    if asked and not installed:
        raise InputError(
            "event files need tensorboard, which is not installed",
            hint=f"{install_line('train')}, or leave `tensorboard` out",
        )
    return output is not None and (installed if asked is None else asked)


class EventFile:
    """Writes the records of a run as scalars and texts; the file begins with the first record."""

    def __init__(self, directory: Path) -> None:
        why = "event files need tensorboard"
        records = library("tensorboard.summary.writer.record_writer", why, extra="train")
        self._events = library("tensorboard.compat.proto.event_pb2", why, extra="train")
        self._summaries = library("tensorboard.compat.proto.summary_pb2", why, extra="train")
        self._tensors = library("tensorboard.compat.proto.tensor_pb2", why, extra="train")
        self._types = library("tensorboard.compat.proto.types_pb2", why, extra="train")
        self._directory, self._make = directory, records.RecordWriter
        self._writer: Any = None
        self._flushed = time.monotonic()

    def add(self, record: Record) -> None:
        """Write a record; what is written is on the disk within about 2 s."""
        if self._writer is None:
            self._begin(record.step)
        self._write(record.step, summary=self._summaries.Summary(value=self._values(record)))
        if time.monotonic() - self._flushed >= _FLUSH or isinstance(record, ValidationRecord):
            self._writer.flush()
            self._flushed = time.monotonic()

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._writer is not None:
            self._writer.close()

    def _values(self, record: Record) -> list[Any]:
        if isinstance(record, SampleRecord):
            return [self._text(f"samples/{i}", text) for i, text in enumerate(record.texts)]
        part, names = (
            ("train", ("loss", "learning_rate", "gradient_norm", "tokens_per_second"))
            if isinstance(record, StepRecord)
            else ("held-out", ("loss", "bits_per_symbol", "floor"))
        )
        found = {name: getattr(record, name) for name in names}
        return [self._scalar(f"{part}/{name}", value) for name, value in found.items() if value is not None]

    def _begin(self, first: int) -> None:
        before = len(list(self._directory.glob("events.out.tfevents.*")))  # a resume begins a file of its own
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{before}"
        self._writer = self._make((self._directory / name).open("xb"))
        self._write(first, file_version="brain.Event:2")
        self._write(first, session_log=self._events.SessionLog(status=self._events.SessionLog.START))

    def _write(self, step: int, **content: Any) -> None:
        event = self._events.Event(wall_time=time.time(), step=step, **content)
        self._writer.write(event.SerializeToString())

    def _scalar(self, tag: str, value: float) -> Any:
        return self._summaries.Summary.Value(tag=tag, simple_value=value)

    def _text(self, tag: str, text: str) -> Any:
        """Return a text as it stands: TensorBoard reads texts as Markdown, and four spaces are a block of code."""
        plain = "\n".join(f"    {line}" for line in text.split("\n"))
        tensor = self._tensors.TensorProto(dtype=self._types.DT_STRING, string_val=[plain.encode("utf-8", "replace")])
        data = self._summaries.SummaryMetadata.PluginData(plugin_name="text")
        metadata = self._summaries.SummaryMetadata(plugin_data=data)
        return self._summaries.Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
