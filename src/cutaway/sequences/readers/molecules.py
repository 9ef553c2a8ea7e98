"""Read molecules: files with one SMILES per line, and SDF, which RDKit converts to SMILES."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from cutaway.errors import BadSequence
from cutaway.extras import library
from cutaway.sequences.alphabets.smiles import rdkit_says
from cutaway.sequences.readers.line_blocks import text_lines
from cutaway.sequences.readers.request import Raw, Request, in_line

_COMMA = re.compile(r"\s*,\s*")
_HEADERS = frozenset({"smiles", "smi", "canonical_smiles"})
_NAMES = 1000
_PROPERTY = re.compile(r"\s*>[^<]*<(.+)>")


def read_smi(request: Request) -> Iterator[Raw | BadSequence]:
    """Yield the SMILES of each line, up to the first space or comma; the rest of the line is the record's id.

    Counted and left out are a header (a first line that begins with the word SMILES), comments (lines that begin with
    #), and CXSMILES extensions ("|…|" after a SMILES).
    """
    begun = False
    for number, line in text_lines(request):
        if isinstance(line, BadSequence):
            yield line
            continue
        words = line.split(None, 1)
        if not words:
            request.counts["blank lines"] += 1
            continue
        if words[0][0] == "#":
            request.counts["comment lines"] += 1
            continue
        if "," in words[0]:  # a SMILES contains no comma
            words = _COMMA.split(line.strip(), maxsplit=1)
        first, begun = not begun, True
        if first and words[0].lower() in _HEADERS:
            request.counts["header lines left out"] += 1
            continue
        name = words[1].strip() if len(words) > 1 else ""
        if name.startswith("|") and "|" in name[1:]:
            request.counts["CXSMILES extensions left out"] += 1
            name = name[1:].partition("|")[2].strip()
        yield Raw(name or None, words[0], None, number, in_line(number, len(line) - len(line.lstrip())))


def read_sdf(request: Request) -> Iterator[Raw | BadSequence]:
    """Yield each molecule as RDKit's canonical SMILES with stereo marks; its id is its title.

    A `label_column` names a property ("> <NAME>"). As in RDKit, the name runs from the first "<" of its line to the
    last ">", and the value continues to the next empty line; spaces around its lines are removed. A molecule without
    the property has no label. If no molecule has it, that is an error at the end of the file. Coordinates and other
    properties are not read.
    """
    chem = need_rdkit()
    rows, start, number, broken, ended = list[str](), 1, 0, None, False
    names = dict[str, None]()  # of properties
    for number, line in text_lines(request):
        if isinstance(line, BadSequence):
            broken = broken or line
        elif line.rstrip() == "$$$$":
            yield broken or _molecule(request, chem, rows, start, names)
            rows, start, broken, ended = [], number + 1, None, False
        else:
            if line.startswith("M  END"):
                if ended:
                    why = "this molecule is not ended by '$$$$': a second one follows"
                    broken = broken or request.bad(why, start)
                ended = True
            rows.append(line)
    if broken:
        yield broken
    elif any(row.strip() for row in rows):
        if not any(row.startswith("M  END") for row in rows):
            hint = "is the file truncated? download it again, or skip its last molecule with `skip_bad=True`"
            yield request.bad("the file ends inside this molecule", start, hint=hint)
        else:
            yield _molecule(request, chem, rows, start, names)
    if request.label_column is not None and number and request.label_column not in names:
        raise request.absent(request.label_column, list(names))


def _molecule(request: Request, chem: Any, rows: list[str], start: int, names: dict[str, None]) -> Raw | BadSequence:
    found: list[Any] = []
    block = "\n".join(rows)
    said = rdkit_says(lambda: found.append(chem.MolFromMolBlock(block)))
    if not found or found[0] is None:
        at = re.search(r"on line (\d+)", said)
        why = re.sub(r" on line \d+.*| line: \d+", "", said.splitlines()[0]) if said else "it cannot be read"
        return request.bad(f"RDKit refuses this molecule: {why[:160]}", start + (int(at[1]) - 1 if at else 0))
    request.counts["molecules to canonical SMILES"] += 1
    label = None
    if request.label_column is not None:
        properties = _properties(request, rows)
        if len(names) < _NAMES:
            names.update(dict.fromkeys(properties))
        if request.label_column in properties:
            names[request.label_column] = None
        label = request.label(properties.get(request.label_column))
    title = rows[0].strip() if rows else ""
    return Raw(title or None, chem.MolToSmiles(found[0]), label, start, functools.partial(_in_smiles, start))


def _properties(request: Request, rows: list[str]) -> dict[str, str]:
    """Return the properties below a molecule by name; if a name occurs twice, the last value."""
    found, value = dict[str, list[str]](), None
    end = next((at for at, row in enumerate(rows) if row.startswith("M  END")), len(rows))
    for row in rows[end + 1 :]:
        if not row:
            value = None
        elif value is not None:
            value.append(row.strip())
        elif name := _PROPERTY.match(row):
            value = found[name[1]] = []
        elif row.strip():
            request.counts["lines outside of properties left out"] += 1
    return {name: "\n".join(value).strip() for name, value in found.items()}


def _in_smiles(line: int, letter: int) -> str:
    return f"line {line:,}, letter {letter:,} of its SMILES"


def need_rdkit() -> Any:
    """Return RDKit's Chem. Raises `InputError` if it is not installed."""
    return library("rdkit.Chem", "reading SDF needs RDKit")
