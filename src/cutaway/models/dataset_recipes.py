"""Tables made from the files of a package that no reader can read directly; the data stay unchanged.

Each function takes the folder of an unpacked package and writes the table to `target`.
"""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

_PARTS = {"movie": "movieReviewSnippets", "amazon": "amazonReviewSnippets", "tweets": "tweets"}


def sentiment(folder: Path, target: Path) -> None:
    """Write text, label, rating and part of every rated snippet, except newspapers', which must not be republished."""
    [inner] = folder.glob("*/additional_resources/hutto_ICWSM_2014.tar.gz")
    rows = []
    with tarfile.open(inner) as archive:
        for part, name in _PARTS.items():
            stream = archive.extractfile(f"hutto_ICWSM_2014/{name}_GroundTruth.txt")
            assert stream is not None  # noqa: S101
            for line in stream.read().decode("utf-8", "replace").splitlines():
                _, rating, text = line.split("\t", 2)
                value = float(rating)
                label = "positive" if value > 0 else "negative" if value < 0 else "neutral"
                rows.append((text, label, rating, part))
    _write_csv(target, ("text", "label", "rating", "part"), rows)


def peptides(folder: Path, target: Path) -> None:
    """Write sequence and label of modlAMP's antimicrobial peptides and of its peptides from UniProt."""
    lines = (folder / "modlamp/data/AMPvsUniProt.csv").read_text(encoding="utf-8").splitlines()
    other, antimicrobial = (name.strip() for name in lines[0].split(",")[2:4])
    assert (other, antimicrobial) == ("UniProt", "AMP")  # noqa: S101
    found = [line.split(",") for line in lines[1:] if line.strip()]
    label = {"0": "other", "1": "antimicrobial"}
    _write_csv(target, ("sequence", "label"), [(sequence.strip(), label[kind.strip()]) for sequence, kind in found])


def melting_points(folder: Path, target: Path) -> None:
    """Write SMILES, melting point (kelvin) and CAS number of every molecule whose structure the package knows."""
    smiles: dict[str, str] = {}
    for size in ("large", "small"):  # the smaller list is better curated, so it overrides the larger
        path = folder / f"chemicals/Identifiers/chemical identifiers pubchem {size}.tsv"
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                fields = line.rstrip("\n").split("\t")
                if len(fields) > 4 and fields[4]:
                    smiles[fields[1]] = fields[4]
    points = (folder / "chemicals/Phase Change/OpenNotebook Melting Points.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in points.splitlines()[1:])
    _write_csv(target, ("smiles", "kelvin", "cas"), [(smiles[cas], tm, cas) for cas, tm in rows if cas in smiles])


def weather_year(folder: Path, target: Path) -> None:
    """Write the years at Greensboro and, in a file beside it, at Sand Point, without the station's line at the top."""
    for name, path in (("723170TYA.CSV", target), ("703165TY.csv", target.with_name("sand-point.csv"))):
        _, _, table = (folder / "pvlib/data" / name).read_text(encoding="utf-8").partition("\n")
        assert table.startswith("Date (MM/DD/YYYY),Time (HH:MM),")  # noqa: S101
        path.write_text(table, encoding="utf-8")


def help_pairs(folder: Path, target: Path) -> None:
    """Write the paragraphs with the same id in both languages: each English one once, if it has at least three words.

    Paragraphs that are equal in both languages (code, names) are left out.
    """
    english, french = (_paragraphs(folder / "usr/share/libreoffice/help" / language) for language in ("en-US", "fr"))
    pairs: dict[str, str] = {}
    for name in sorted(english.keys() & french.keys()):
        one, other = english[name], french[name]
        if one != other and other and len(one.split()) >= 3:
            pairs.setdefault(one, other)
    rows = [("en", "fr"), *pairs.items()]
    target.write_text("".join(f"{one}\t{other}\n" for one, other in rows), encoding="utf-8")


def _paragraphs(folder: Path) -> dict[tuple[str, str], str]:
    found = {}
    for path in folder.rglob("*.html"):
        reader = _Paragraphs()
        reader.feed(path.read_text(encoding="utf-8", errors="replace"))
        for name, text in reader.found.items():
            found[str(path.relative_to(folder)), name] = text
    return found


class _Paragraphs(HTMLParser):
    """Gathers the text of every paragraph and heading that has an id."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.open: tuple[str, str] | None = None
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = dict(attrs).get("id")
        if name and tag in {"p", "h1", "h2", "h3", "h4"}:
            self.open, self.said = (tag, name), []

    def handle_endtag(self, tag: str) -> None:
        if self.open is not None and self.open[0] == tag:
            self.found.setdefault(self.open[1], " ".join("".join(self.said).split()))
            self.open = None

    def handle_data(self, data: str) -> None:
        if self.open is not None:
            self.said.append(data)


def _write_csv(target: Path, head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    target.write_text(text.getvalue(), encoding="utf-8")
