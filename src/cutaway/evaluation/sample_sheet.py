"""`sample_sheet`: the records that a model wrote, each with what can be told of it, for a page to look at."""

from __future__ import annotations

import base64
import dataclasses
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from cutaway.errors import BadSequence, counted
from cutaway.evaluation.examples import Reading
from cutaway.evaluation.molecules import canonical, read_molecule
from cutaway.extras import library
from cutaway.generation.sampled_records import SampledRecord
from cutaway.progress import step
from cutaway.result import Result
from cutaway.sequences.alphabets import CHECKS
from cutaway.sequences.alphabets.codon import AMINO_ACIDS, STOPS
from cutaway.sequences.records import Paths

PICTURES: Final = 300  # molecules that are drawn; a page of more would be slow to open
_WIDE, _HIGH, _BOND = 220, 150, 26  # pixels of a drawing, and of a bond if it has room
_INKS: Final = {  # of atoms, by number: dark, so that they are light if the drawing is inverted for a dark page
    7: (0.1, 0.25, 0.7), 8: (0.7, 0.15, 0.1), 9: (0.05, 0.4, 0.35), 15: (0.6, 0.3, 0.0), 16: (0.45, 0.38, 0.0),
    17: (0.05, 0.42, 0.1), 35: (0.48, 0.2, 0.0), 53: (0.4, 0.1, 0.5),
}  # fmt: skip
_DRESSING = re.compile(r"<\?xml[^>]*>|<!--.*?-->| class='[^']*'", re.DOTALL)
_LETTERS = ("dna", "rna", "protein")


@dataclasses.dataclass(frozen=True)
class SheetRecord:
    """One record. `valid` says whether it is a sequence of its alphabet, `why` it is not if it isn't.

    `same_as` is the number of an earlier record that is the same, `known` says whether it is in the train part; both
    compare molecules, not their spelling. `picture` is the address of a drawing that holds all its data, `translation`
    the protein of a gene, `values` the numbers of a series, channel by channel. `about` are facts in words.
    """

    number: int
    sequence: str
    valid: bool
    why: str
    same_as: int | None
    known: bool | None
    finished: bool
    tokens: int
    logprob: float
    seed: int
    about: list[str]
    picture: str
    translation: str
    values: list[list[float | None]]


@dataclasses.dataclass(frozen=True, repr=False)
class SampleSheet(Result):
    """Records that a model wrote, how many are valid, different and known, and how often each letter occurs.

    `counts` has written, valid, unfinished, repeated, and with a train part known and train records. `letters` are
    shares of all letters of DNA, RNA and proteins, `train_letters` those of the train part.
    """

    schema: ClassVar[str] = "samples"
    table: ClassVar[str] = "records"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")

    model: str
    alphabet: str
    train: str
    seed: int
    counts: dict[str, int]
    letters: dict[str, float]
    train_letters: dict[str, float]
    records: list[SheetRecord]


def sample_sheet(
    records: Iterable[SampledRecord],
    model: str,
    alphabet: str,
    *,
    train_data: Paths = (),
    column: str | Sequence[str] | None = None,
) -> SampleSheet:
    """Tell of records that `sample_records` yields what can be told: validity, repeats, and what is known already.

    `alphabet` is what they are made of. With `train_data` those that are in it are marked; tables need the `column`.
    Raises `InputError` for molecules without RDKit, and what reading the files raises.

    >>> from cutaway.generation import sample_records
    >>> sheet = sample_sheet(sample_records(9, "molecules"), "molecules", "smiles")  # doctest: +SKIP
    >>> sheet.counts["valid"]  # doctest: +SKIP
    8
    """
    written = list(records)
    files = [train_data] if isinstance(train_data, (str, os.PathLike)) else list(train_data)
    train = _train(files, alphabet, column)
    known = None if train is None else set(train)
    seen: dict[Any, int] = {}
    found = []
    with step("looking at the records", len(written)) as looking:
        for record in written:
            found.append(_looked_at(record, alphabet, seen, known))
            looking.advance(1)
    counts = {
        "written": len(found),
        "valid": sum(one.valid for one in found),
        "unfinished": sum(not one.finished for one in found),
        "repeated": sum(one.same_as is not None for one in found),
    }
    if train is not None:
        counts |= {"known": sum(bool(one.known) for one in found), "train records": len(train)}
    return SampleSheet(
        model=model,
        alphabet=alphabet,
        train=", ".join(Path(file).name for file in files),
        seed=written[0].seed if written else 0,
        counts=counts,
        letters=_shares(one.sequence for one in found) if alphabet in _LETTERS else {},
        train_letters=_shares(train or ()) if alphabet in _LETTERS else {},
        records=found,
    )


def _train(files: Sequence[Any], alphabet: str, column: str | Sequence[str] | None) -> list[Any] | None:
    """Return the records of the train part; SMILES as they are written, since there are many."""
    if not files:
        return None
    reading = Reading("text" if alphabet == "smiles" else alphabet, column=column)
    with step("reading records"):
        return [_key(record.sequence) for record in reading.records(files)]


def _key(sequence: Any) -> Any:
    return sequence if isinstance(sequence, str) else tuple(tuple(channel) for channel in sequence)


def _looked_at(record: SampledRecord, alphabet: str, seen: dict[Any, int], known: set[Any] | None) -> SheetRecord:
    sequence = record.sequence
    text = sequence if isinstance(sequence, str) else ""
    why = _refusal(sequence, alphabet)
    same = None
    key = _key(sequence) if sequence is not None else None
    about, picture, translation = list[str](), "", ""
    if not why:
        if alphabet == "smiles":
            molecule = read_molecule(text)
            key = canonical(text)
            about = _of_molecule(molecule)
            picture = drawing(molecule) if record.number <= PICTURES else ""
        elif alphabet == "codon":
            about, translation = _of_gene(text)
        elif alphabet in ("dna", "rna"):
            about = [counted(len(text), "letter"), f"G and C {_share(text, 'GC'):.0%}"]
        elif alphabet == "protein":
            about = [counted(len(text), "residue"), f"charge at pH 7 about {_charge(text)}"]
        elif alphabet == "series":
            about = [counted(len(sequence[0]), "step")]
        first = seen.setdefault(key, record.number)
        same = first if first != record.number else None
    values = [] if isinstance(sequence, str) or sequence is None else _numbers(sequence)
    return SheetRecord(
        number=record.number,
        sequence=text,
        valid=not why,
        why=why,
        same_as=same,
        known=None if known is None or why else key in known or text in known,
        finished=record.finished,
        tokens=record.tokens,
        logprob=record.logprob,
        seed=record.seed,
        about=about,
        picture=picture,
        translation=translation,
        values=values,
    )


def _refusal(sequence: Any, alphabet: str) -> str:
    """Return why something is not a sequence of its alphabet; nothing if it is."""
    if sequence is None:
        return "its tokens are no sequence"
    if isinstance(sequence, str) and not sequence.strip():
        return "it is empty"
    if alphabet == "smiles" and read_molecule(sequence) is None:
        try:
            CHECKS["smiles"](sequence)
        except BadSequence as error:
            return error.message
        return "RDKit refuses it"
    if isinstance(sequence, str) and alphabet != "smiles":
        try:
            CHECKS[alphabet](sequence)
        except BadSequence as error:
            return error.message
    return ""


def drawing(molecule: Any) -> str:
    """Return the address of an SVG of a molecule, as RDKit draws it; the address holds the drawing itself.

    A page shows it as an image, in which no script runs and nothing is fetched.
    """
    drawer = library("rdkit.Chem.Draw.rdMolDraw2D", "drawing molecules needs RDKit").MolDraw2DSVG(_WIDE, _HIGH)
    look = drawer.drawOptions()
    look.clearBackground, look.bondLineWidth, look.padding = False, 1, 0.06
    look.fixedBondLength = _BOND
    look.updateAtomPalette(_INKS)
    drawer.DrawMolecule(molecule)
    drawer.FinishDrawing()
    drawn = _DRESSING.sub("", drawer.GetDrawingText()).strip()
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.encode()).decode()


def _of_molecule(molecule: Any) -> list[str]:
    from rdkit.Chem import Crippen, Descriptors, rdMolDescriptors

    partition: Any = Crippen.MolLogP  # type: ignore[attr-defined]
    return [
        rdMolDescriptors.CalcMolFormula(molecule),
        f"{Descriptors.MolWt(molecule):.0f} g/mol",  # type: ignore[attr-defined]
        f"log P {partition(molecule):.1f}".replace("-", "−"),
    ]


def _of_gene(gene: str) -> tuple[list[str], str]:
    """Return what makes a gene of codons, and its protein by the standard genetic code."""
    gene = gene.upper().replace("U", "T")
    codons = [gene[i : i + 3] for i in range(0, len(gene) - len(gene) % 3, 3)]
    if not codons:
        return [], ""
    protein = "".join(AMINO_ACIDS.get(codon, "X") for codon in codons)
    inside = sum(codon in STOPS for codon in codons[:-1])
    about = [
        counted(len(codons), "codon"),
        f"begins with {codons[0]}",
        f"ends with {codons[-1]}{', a stop' if codons[-1] in STOPS else ', not a stop'}",
        f"{counted(inside, 'stop')} inside" if inside else "no stop inside",
    ]
    return about, protein


def _share(text: str, letters: str) -> float:
    return sum(text.count(letter) for letter in letters) / max(1, len(text))


def _charge(protein: str) -> str:
    """Return lysines and arginines minus aspartates and glutamates."""
    charge = sum(protein.count(letter) for letter in "KR") - sum(protein.count(letter) for letter in "DE")
    return f"{charge:+d}".replace("-", "−") if charge else "0"


def _shares(texts: Iterable[str]) -> dict[str, float]:
    counts = Counter[str]()
    for text in texts:
        counts.update(text)
    total = sum(counts.values())
    return {letter: number / total for letter, number in sorted(counts.items())}


def _numbers(sequence: Any) -> list[list[float | None]]:
    return [[None if np.isnan(x) else float(x) for x in channel] for channel in sequence]
