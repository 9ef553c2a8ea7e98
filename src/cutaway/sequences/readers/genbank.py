"""Read GenBank flat files with Biopython, entry by entry: whole entries, coding sequences, or their proteins."""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Iterator
from typing import Any

from cutaway.errors import BadSequence
from cutaway.extras import library
from cutaway.sequences.readers.line_blocks import text_lines
from cutaway.sequences.readers.request import Raw, Request

_HEADLESS = "a GenBank entry must begin with LOCUS"


def read_genbank(request: Request) -> Iterator[Raw | BadSequence]:
    """Yield the records of each entry. What a record is depends on the alphabet:

    - dna, rna, text: the entry; its id is accession and version;
    - codon: each CDS, spliced, on its own strand, starting at `codon_start` (the letters before it are counted under
      "codon_start letters left out"); its label is its /translation, if it has one;
    - protein: the /translation of each CDS, or the whole entry if the entry is a protein.

    The id of a CDS is the first of protein_id, locus_tag and gene that no earlier CDS of the entry has; its line is the
    first line of its feature. A `label_column` names a qualifier of the CDS, or an annotation of the entry
    ("organism"). Lines before LOCUS are counted and left out. Memory is bounded by the longest entry.
    """
    from_biopython = need_biopython()
    for start, rows in _entries(request):
        if isinstance(rows, BadSequence):
            yield rows
            continue
        entry = _parsed(request, from_biopython, rows, start)
        if isinstance(entry, BadSequence):
            yield entry
            continue
        is_protein = entry.annotations.get("molecule_type") == "protein"
        if request.alphabet == "codon" and is_protein:
            yield request.bad("this entry is a protein: it has no codons", start)
        elif request.alphabet == "codon" or (request.alphabet == "protein" and not is_protein):
            yield from _genes(request, entry, start, rows)
        elif not entry.seq.defined:
            yield request.bad("this entry has no sequence", start)
        else:
            label = request.label(entry.annotations.get(request.label_column)) if request.label_column else None
            origin = next((i for i, row in enumerate(rows, start) if row.startswith("ORIGIN")), start)
            yield Raw(entry.id, str(entry.seq), label, start, functools.partial(_in_origin, origin))


def _parsed(request: Request, from_biopython: Any, rows: list[str], start: int) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            entry = from_biopython.read(io.StringIO("\n".join(rows) + "\n"), "genbank")
        except Exception as error:  # whatever the parser fails on is the file's fault
            return request.bad(f"Biopython cannot read this entry: {' '.join(str(error).split())[:160]}", start)
    if caught:
        request.counts["warnings from Biopython"] += len(caught)
    return entry


def _entries(request: Request) -> Iterator[tuple[int, list[str] | BadSequence]]:
    """Yield the first line number of each entry, and its lines or its error."""
    rows, start, broken = list[str](), 0, None
    before, first = 0, 0  # lines before LOCUS, which are not held
    for number, line in text_lines(request):
        if not rows and not (isinstance(line, str) and line.startswith("LOCUS")):
            if isinstance(line, BadSequence) or line.strip():
                first, before = first or number, before + 1
                if isinstance(line, str) and line.rstrip() == "//":
                    yield first, request.bad(_HEADLESS, first)
                    before = first = 0
            continue
        if isinstance(line, BadSequence):
            broken = broken or line
            continue
        if not rows:
            start = number
            if before:
                request.counts["lines before LOCUS left out"] += before
                before = first = 0
        rows.append(line)
        if line.rstrip() == "//":
            yield start, broken or rows
            rows, broken = [], None
    if rows:
        hint = "is the file truncated? download it again, or skip its last entry with `skip_bad=True`"
        yield start, broken or request.bad("this entry does not end with a line //", start, hint=hint)
    elif before:
        yield first, request.bad(_HEADLESS, first)


def _genes(request: Request, entry: Any, start: int, rows: list[str]) -> Iterator[Raw | BadSequence]:
    lines = [number for number, row in enumerate(rows, start) if row.startswith("     CDS ")]
    genes = [feature for feature in entry.features if feature.type == "CDS"]
    names = set[str]()
    if len(lines) != len(genes):
        lines = [start] * len(genes)
    if not genes:
        request.counts["entries without CDS"] += 1
    for number, gene in zip(lines, genes, strict=True):
        said = gene.qualifiers
        name = next(
            (said[key][0] for key in ("protein_id", "locus_tag", "gene") if key in said and said[key][0] not in names),
            None,
        )
        names |= {name} if name else set()
        translation = said.get("translation", [None])[0]
        label = translation if request.alphabet == "codon" else None
        if request.label_column is not None:
            label = request.label(said.get(request.label_column, [None])[0])
        if request.alphabet == "protein":
            if translation is None:
                request.counts["CDS without translation left out"] += 1
                continue
            yield Raw(name, translation, label, number, functools.partial(_in_gene, number))
            continue
        try:
            letters = str(gene.extract(entry.seq))
            skipped = int(said.get("codon_start", ["1"])[0]) - 1
        except Exception as error:  # a part in another entry, or an unreadable location
            yield request.bad(f"this CDS cannot be spliced: {' '.join(str(error).split())[:160]}", number, 22)
            continue
        if skipped:
            request.counts["codon_start letters left out"] += skipped
        if translation is None:
            request.counts["CDS without translation"] += 1
        yield Raw(name, letters[skipped:], label, number, functools.partial(_in_gene, number))


def _in_origin(origin: int, letter: int) -> str:
    row, place = divmod(letter - 1, 60)  # a number, then sixty letters per line in groups of ten
    return f"line {origin + 1 + row:,}, column {11 + place + place // 10:,}"


def _in_gene(line: int, letter: int) -> str:
    return f"line {line:,}, letter {letter:,} of the CDS"


def need_biopython() -> Any:
    """Return Biopython's SeqIO. Raises `InputError` if it is not installed."""
    return library("Bio.SeqIO", "reading GenBank needs Biopython")
