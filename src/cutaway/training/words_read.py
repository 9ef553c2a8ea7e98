"""The words of the pairs that a run was trained on, for the folder of its model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cutaway.models.known_words import KnownWords
from cutaway.progress import step
from cutaway.shards import Shards
from cutaway.tokens.codec import Codec
from cutaway.tokens.tokenizer import Tokenizer

_RECORDS: Final = 200_000  # the first ones of a larger file say enough


@step("counting words")
def keep_words(shards: Shards | None, tokenizer: Tokenizer, alphabet: str, directory: Path) -> None:
    """Write the words of a run's pairs of texts into its folder; other data have no such words."""
    if shards is not None and shards.targets is not None and alphabet == "text":
        KnownWords.counted(_pairs(shards, tokenizer)).save(directory)


def _pairs(shards: Shards, tokenizer: Tokenizer) -> Iterator[tuple[str, str]]:
    codec = Codec.of(tokenizer, "text")
    targets = shards.targets
    assert targets is not None  # noqa: S101
    for record in shards.train[:_RECORDS, 0].tolist():
        yield str(codec.decode(shards.ids(record).tolist())), str(codec.decode(targets.ids(record).tolist()))
