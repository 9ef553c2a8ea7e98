"""Which molecules medicinal chemists would take: the filters of MOSES.

A molecule passes if it has no ring of eight or more atoms, no charge, no other atoms than C, N, O, S, F, Cl, Br and H,
and none of the groups of two lists: 22 medicinal chemistry filters (MCF, below) and the 480 pan-assay interference
compounds (PAINS, Baell and Holloway 2010, doi:10.1021/jm901137j) that RDKit carries.

Axis letters: `G` groups, `W` bytes of a fingerprint.
"""

from __future__ import annotations

import csv
import functools
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_ATOMS: Final = frozenset({"C", "N", "S", "O", "F", "Cl", "Br", "H"})
_LARGEST: Final = 7  # atoms of a ring
# SMARTS as MOSES (molsets 0.3.1, MIT licence, copyright 2018 Insilico Medicine) lists them.
_MCF: Final = (
    "[#6]=&!@[#6]-[#6]#[#7]",
    "[#6]=&!@[#6]-[#16](=[#8])=[#8]",
    "[#6]=&!@[#6&!H0]-&!@[#6](=[#8])-&!@[#7]",
    "[H]C([H])([#6])[F,Cl,Br,I]",
    "[#6]1-[#8]-[#6]-1",
    "[#6]-[#7]=[#6]=[#8]",
    "[#6&!H0]=[#8]",
    "[#6](=&!@[#7&!H0])-&!@[#6,#7,#8,#16]",
    "[#6]1-[#7]-[#6]-1",
    "[#6]~&!@[#7]~&!@[#7]~&!@[#6]",
    "[#7]=&!@[#7]",
    "[H][#6]-1=[#6]([H])-[#6]=[#6](-*)-[#8]-1",
    "[H][#6]-1=[#6]([H])-[#6]=[#6](-*)-[#16]-1",
    "[#17,#35,#53]-c(:*):[!#1!#6]:*",
    "[H][#7]([H])-[#6]-1=[#6]-[#6]=[#6]-[#6]=[#6]-1",
    "[#16]~[#16]",
    "[#7]~&!@[#7]~&!@[#7]",
    "[#7]-&!@[#6&!H0&!H1]-&!@[#7]",
    "[#6&!H0](-&!@[#8])-&!@[#8]",
    "[#35].[#35].[#35]",
    "[#17].[#17].[#17].[#17]",
    "[#9].[#9].[#9].[#9].[#9].[#9].[#9]",
)


def passes_filters(molecule: Any) -> bool:
    """Return whether a molecule of RDKit passes the filters."""
    from rdkit import Chem, DataStructs

    if any(len(ring) > _LARGEST for ring in molecule.GetRingInfo().AtomRings()):
        return False
    if any(atom.GetFormalCharge() or atom.GetSymbol() not in _ATOMS for atom in molecule.GetAtoms()):
        return False
    whole = Chem.AddHs(molecule)
    groups, prints_GW = _groups()
    # A group can be in a molecule only if all bits of its pattern fingerprint are in the molecule's.
    print_W = np.frombuffer(DataStructs.BitVectToBinaryText(Chem.PatternFingerprint(whole)), np.uint8)
    possible = np.flatnonzero(~(prints_GW & ~print_W).any(1))
    return not any(whole.HasSubstructMatch(groups[i]) for i in possible)


@functools.cache
def _groups() -> tuple[list[Any], NDArray[np.uint8]]:
    """Return the groups of both lists and their pattern fingerprints, in bytes."""
    from rdkit import Chem, DataStructs, RDConfig

    with Path(RDConfig.RDDataDir, "Pains", "wehi_pains.csv").open(encoding="utf-8", newline="") as file:
        pains = [row[0] for row in csv.reader(file)]
    groups = [Chem.MolFromSmarts(smarts) for smarts in (*_MCF, *pains)]
    prints = [DataStructs.BitVectToBinaryText(Chem.PatternFingerprint(group)) for group in groups]
    return groups, np.array([np.frombuffer(one, np.uint8) for one in prints])
