"""`summarize_records`: how many records there are, how long they are, and what reading them changed."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from cutaway.result import Result
from cutaway.sequences.records import Record, Records


@dataclasses.dataclass(frozen=True, repr=False)
class RecordSummary(Result):
    """What an iterator of records held.

    `first` has the first records. Lengths are in letters, or in time steps for series. `counts` and `first_skipped` are
    those of `Records`.
    """

    schema: ClassVar[str] = "record_summary"

    first: list[Record]
    shortest: int
    longest: int
    total_length: int
    counts: dict[str, int]
    first_skipped: list[str]


def summarize_records(records: Records, first: int = 5) -> RecordSummary:
    """Read all records and return how many there are and how long they are, with the `first` of them.

    Raises what reading the records raises.

    Example:
        >>> from pathlib import Path
        >>> from cutaway.sequences import read_records
        >>> file = Path("genes.fa")
        >>> _ = file.write_text(">one\\nACGT\\n>two\\nGA\\n")
        >>> summary = summarize_records(read_records(file, "dna"))
        >>> summary.counts["records"], summary.shortest, summary.longest, summary.total_length
        (2, 2, 4, 6)
    """
    shown: list[Record] = []
    shortest = longest = total = 0
    for record in records:
        length = len(record.sequence) if isinstance(record.sequence, str) else len(record.sequence[0])
        shortest = min(shortest, length) if total else length
        longest = max(longest, length)
        total += length
        if len(shown) < first:
            shown.append(record)
    return RecordSummary(shown, shortest, longest, total, dict(records.counts), list(records.first_skipped))
