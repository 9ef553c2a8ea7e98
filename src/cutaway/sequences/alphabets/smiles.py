"""Molecules as SMILES, checked with RDKit.

Rules, each counted under the name in quotation marks:

- a SMILES is kept to the letter: it is not made canonical, no hydrogen or charge is moved;
- "stereo" (records): '@', '/' and '\\\\' stay as written;
- "several components" (records): a salt or a mixture, its parts parted by '.', stays whole;
- "reactions" (records): reactants>agents>products stay whole; each of the three is checked as a molecule. The '>' of a
  dative bond, '->', parts nothing.

What RDKit can't read, or what no molecule can be (a carbon with five bonds, a ring that can't be aromatic), is an
error. To read SMILES unchecked and without RDKit use the alphabet text.
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
from collections.abc import Callable

from cutaway.errors import BadSequence
from cutaway.sequences.alphabets.letter_checks import ascii_letters
from cutaway.sequences.extras import library

__all__ = ["canonical", "check", "rdkit_says", "reader"]

_ATOM = re.compile(r"\[[^\]]*\]|Br|Cl|[BCNOPSFI*]|[bcnops]")
_SPACE = re.compile(r"[\s|]")
_STEREO = re.compile(r"[@/\\]")
_PARTS = re.compile(r"(?<!-)>")


def check(sequence: str) -> tuple[str, dict[str, int]]:
    r"""Return the SMILES as it is, and what was found in it.

    Raises `BadSequence` where RDKit refuses it, with the column of the place or the atom where it does, and
    `InputError` where there is no RDKit. SMILES: Weininger, *J. Chem. Inf. Comput. Sci.* 28, 31 (1988).

    >>> check("C[C@H](N)C(=O)[O-].[Na+]")  # doctest: +SKIP
    ('C[C@H](N)C(=O)[O-].[Na+]', {'stereo': 1, 'several components': 1})
    """
    ascii_letters(sequence, "smiles")
    changes = dict.fromkeys(["stereo"] if _STEREO.search(sequence) else [], 1)
    parts = _PARTS.split(sequence)
    if len(parts) not in (1, 3) or not any(parts):
        column = len(parts[0]) + 1
        raise BadSequence("a reaction is reactants>agents>products", hint="write both '>'", column=column)
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
    """Return what says whether RDKit takes a SMILES: its parser and the steps of its sanitisation that can refuse.

    The other steps (aromaticity, conjugation, hybridisation, stereo) take half of the time and refuse nothing.
    """
    library("rdkit", "checking SMILES needs RDKit", "read them unchecked: --alphabet text")
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
            return Chem.MolFromSmiles(smiles) is not None  # which takes hydrogens away first: [HH]O passes

    return takes


def canonical(smiles: str) -> str | None:
    """Return RDKit's canonical SMILES, None where RDKit refuses it. Raises `InputError` where there is no RDKit.

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
        said, column = f"{space[0]!r} is no letter of SMILES", space.start() + 1
    elif place:
        column = int(place[1])
    elif atom:
        atoms = list(_ATOM.finditer(smiles))
        number = int(atom[1] or atom[2])
        column = atoms[number].start() + 1 if number < len(atoms) else 1
    first = re.sub(r" (while parsing|for input).*", "", said.splitlines()[0]) if said else "it can't be read"
    shown = smiles if len(smiles) <= 80 else smiles[:77] + "..."
    return BadSequence(
        f"RDKit refuses {shown!r}: {first.removeprefix('SMILES Parse Error: ')}",
        hint="mend it, or leave such records out with --skip-bad",
        column=start + column,
    )


def rdkit_says(work: Callable[[], object]) -> str:
    """Return what RDKit writes to its log while it works, without the times."""
    from rdkit import rdBase

    log = io.StringIO()
    rdBase.LogToPythonStderr()
    try:
        with contextlib.redirect_stderr(log):
            work()
    finally:
        rdBase.LogToCppStreams()
    return re.sub(r"(?m)^\[[\d:]+\] ", "", log.getvalue())
