"""The words that a translator met in training, kept in a file of its folder: they tell which language it reads.

A word is what stands between spaces, without signs around it, in small letters; a number is not a word. What occurred
once is left out, because it is often a name or a mistake.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cutaway.errors import CorruptFile, cannot_write

FILE: Final = "known_words.json"
_SCHEMA: Final = "cutaway.known_words/1"
_MOST = 30_000  # words of a language, the most frequent ones
_LEAST = 2  # occurrences


@dataclasses.dataclass(frozen=True)
class KnownWords:
    """The words of the language that is read, `source`, and of the one that is written, `target`."""

    source: frozenset[str]
    target: frozenset[str]

    @classmethod
    def counted(cls, pairs: Iterable[tuple[str, str]]) -> KnownWords:
        """Return the words of pairs of texts that occur at least twice.

        >>> words = KnownWords.counted([("the file", "le fichier"), ("the box", "la boîte"), ("the door", "la porte")])
        >>> sorted(words.source), sorted(words.target)
        (['the'], ['la'])
        """
        source, target = collections.Counter[str](), collections.Counter[str]()
        for one, other in pairs:
            source.update(words_of(one))
            target.update(words_of(other))
        return cls(_frequent(source), _frequent(target))

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write them into a model's folder. Raises `OutputError`."""
        path = Path(folder) / FILE
        part = path.with_name(f"{FILE}.part")
        content = {"schema": _SCHEMA, "source": sorted(self.source), "target": sorted(self.target)}
        try:
            part.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise cannot_write(
                f"can't write to {str(path)!r}: {error.strerror or error}", error, hint="name another folder"
            ) from error


def words_of(text: str) -> list[str]:
    """Return the words of a text.

    >>> words_of("Click OK, then press F4 - twice (2 times).")
    ['click', 'ok', 'then', 'press', 'f4', 'twice', 'times']
    """
    found = []
    for part in text.lower().split():
        first = next((i for i, letter in enumerate(part) if letter.isalnum()), len(part))
        last = next((i for i in range(len(part), first, -1) if part[i - 1].isalnum()), first)
        if any(letter.isalpha() for letter in part[first:last]):
            found.append(part[first:last])
    return found


def read_known_words(folder: Path | None) -> KnownWords | None:
    """Return the words of a model's folder, None if it has no such file. Raises `CorruptFile` for a damaged one."""
    if folder is None or not (folder / FILE).is_file():
        return None
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if content["schema"] != _SCHEMA:
            raise ValueError(f"its schema is {content['schema']!r}")
        return KnownWords(frozenset(content["source"]), frozenset(content["target"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptFile(
            f"{str(folder / FILE)!r} can't be read: {error}", hint="copy the folder again, or remove that file"
        ) from error


def _frequent(counts: collections.Counter[str]) -> frozenset[str]:
    return frozenset(word for word, count in counts.most_common(_MOST) if count >= _LEAST)
