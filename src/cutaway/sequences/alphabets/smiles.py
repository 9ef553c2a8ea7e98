"""Molecules as SMILES, checked with RDKit.

Rules, each counted under the name in quotation marks:

- a SMILES is kept exactly as written: it is not made canonical, and no hydrogen or charge is moved;
- "stereo" (records): '@', '/' and '\\\\' are kept;
- "several components" (records): a salt or mixture, with parts separated by '.', is kept whole;
- "reactions" (records): reactants>agents>products is kept whole; each of the three is checked as a molecule. The '>' of
  a dative bond, '->', does not separate.

A SMILES is an error if RDKit cannot read it or if the molecule is impossible (a carbon with five bonds, a ring that
cannot be aromatic). To read SMILES without this check, and without RDKit, use the alphabet text.
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
from collections.abc import Callable

from cutaway.errors import BadSequence
from cutaway.extras import library
from cutaway.sequences.alphabets.letter_checks import ascii_letters

_ATOM = re.compile(r"\[[^\]]*\]|Br|Cl|[BCNOPSFI*]|[bcnops]")
_SPACE = re.compile(r"[\s|]")
_STEREO = re.compile(r"[@/\\]")
_PARTS = re.compile(r"(?<!-)>")


def check(sequence: str) -> tuple[str, dict[str, int]]:
    r"""Return the SMILES as it is, and what was found in it.

    Raises `BadSequence` if RDKit refuses it, with the column or atom that RDKit names, and `InputError` if RDKit is not
    installed. SMILES: Weininger, *J. Chem. Inf. Comput. Sci.* 28, 31 (1988).

    >>> check("C[C@H](N)C(=O)[O-].[Na+]")  # doctest: +SKIP
    ('C[C@H](N)C(=O)[O-].[Na+]', {'stereo': 1, 'several components': 1})
    """
    ascii_letters(sequence, "smiles")
    changes = dict.fromkeys(["stereo"] if _STEREO.search(sequence) else [], 1)
    parts = _PARTS.split(sequence)
    if len(parts) not in (1, 3) or not any(parts):
        column = len(parts[0]) + 1
        why = "a reaction is written reactants>agents>products"
        raise BadSequence(why, hint="write it with two '>'", column=column)
    if "." in sequence:
        changes["several components"] = 1
    if len(parts) == 3:
        changes["reactions"] = 1
    start = 0
    for part in parts:
        if part and not reader()(part):
            raise _refused(part, start)
        start += len(part) + 1
    return sequence, changes


@functools.cache
def reader() -> Callable[[str], bool]:
    """Return a function that tells whether RDKit accepts a SMILES.

    It runs RDKit's parser and only those sanitisation steps that can refuse a molecule. The other steps (aromaticity,
    conjugation, hybridisation, stereo) would take as long again and never refuse.
    """
    library("rdkit", "checking SMILES needs RDKit", "read them without the check: `alphabet='text'`")
    from rdkit import Chem, rdBase

    steps = Chem.SANITIZE_CLEANUP | Chem.SANITIZE_CLEANUP_ORGANOMETALLICS
    steps |= Chem.SANITIZE_PROPERTIES | Chem.SANITIZE_KEKULIZE

    def takes(smiles: str) -> bool:
        with rdBase.BlockLogs():
            if _SPACE.search(smiles):
                return False
            molecule = Chem.MolFromSmiles(smiles, sanitize=False)
            if molecule is not None and Chem.SanitizeMol(molecule, steps, catchErrors=True) == 0:
                return True
            return Chem.MolFromSmiles(smiles) is not None  # this one removes hydrogens first, so that [HH]O passes

    return takes


def canonical(smiles: str) -> str | None:
    """Return RDKit's canonical SMILES, or None if RDKit refuses it. Raises `InputError` if RDKit is not installed.

    >>> canonical("OC")  # doctest: +SKIP
    'CO'
    """
    reader()
    from rdkit import Chem, rdBase

    if _SPACE.search(smiles):
        return None
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    return None if molecule is None else str(Chem.MolToSmiles(molecule))


def _refused(smiles: str, start: int) -> BadSequence:
    from rdkit import Chem

    said = rdkit_says(lambda: Chem.MolFromSmiles(smiles))
    place = re.search(r"around position (\d+)", said)
    atom = re.search(r"atom (?:# )?(\d+)|[Uu]nkekulized atoms: (\d+)", said)
    column = 1
    if space := _SPACE.search(smiles):
        said, column = f"{space[0]!r} is not allowed in SMILES", space.start() + 1
    elif place:
        column = int(place[1])
    elif atom:
        atoms = list(_ATOM.finditer(smiles))
        number = int(atom[1] or atom[2])
        column = atoms[number].start() + 1 if number < len(atoms) else 1
    first = re.sub(r" (while parsing|for input).*", "", said.splitlines()[0]) if said else "it cannot be read"
    shown = smiles if len(smiles) <= 80 else smiles[:77] + "..."
    return BadSequence(
        f"RDKit refuses {shown!r}: {first.removeprefix('SMILES Parse Error: ')}",
        hint="fix it, or skip such records with `skip_bad=True`",
        column=start + column,
    )


def rdkit_says(work: Callable[[], object]) -> str:
    """Return what RDKit logs while `work` runs, without the times."""
    from rdkit import rdBase

    log = io.StringIO()
    rdBase.LogToPythonStderr()
    try:
        with contextlib.redirect_stderr(log):
            work()
    finally:
        rdBase.LogToCppStreams()
    return re.sub(r"(?m)^\[[\d:]+\] ", "", log.getvalue())
