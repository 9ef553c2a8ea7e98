"""Molecules of many SMILES as the measures of MOSES see them: canonical names, fingerprints, fragments and scaffolds.

Source: Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644 (MOSES), whose settings these are.

Axis letters: `N` molecules, `B` bits of a fingerprint.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.extras import library
from cutaway.progress import step

_BITS: Final = 1024
_RADIUS: Final = 2  # bonds around an atom in a Morgan fingerprint
_RINGS: Final = 2  # a scaffold of fewer is not counted
_BLOCK: Final = 1000  # rows of similarities held at once


@dataclasses.dataclass(frozen=True)
class Molecules:
    """The molecules that RDKit accepts, in their order: `smiles` is canonical, `scaffolds` has None if it has none.

    `fragments` are what is left of a molecule if its BRICS bonds are cut; `fingerprints` [N, B] are
    Morgan's.
    """

    smiles: list[str]
    found: list[Any]
    fragments: list[list[str]]
    scaffolds: list[str | None]
    fingerprints: NDArray[np.float32]


def read_molecule(smiles: str | None) -> Any:
    """Return RDKit's molecule, or None if the SMILES is not one, or empty."""
    chemistry = library("rdkit.Chem", "measures of molecules need RDKit")
    base = library("rdkit.rdBase", "measures of molecules need RDKit")
    with base.BlockLogs():
        molecule = chemistry.MolFromSmiles(smiles) if smiles and len(smiles.split()) == 1 else None
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


def canonical(smiles: str) -> str | None:
    """Return RDKit's canonical SMILES of a molecule, or None.

    >>> canonical("OCC"), canonical("C1CC")
    ('CCO', None)
    """
    from rdkit import Chem

    molecule = read_molecule(smiles)
    return None if molecule is None else str(Chem.MolToSmiles(molecule))


def molecules_of(texts: Sequence[str | None]) -> Molecules:
    """Read SMILES and take all that the measures need of those that are molecules."""
    library("rdkit.Chem", "measures of molecules need RDKit")
    from rdkit import Chem, DataStructs
    from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors
    from rdkit.Chem.Scaffolds import MurckoScaffold

    scaffold_of: Any = MurckoScaffold.GetScaffoldForMol

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=_BITS)
    names, found, fragments, scaffolds, rows = list[str](), [], [], list[str | None](), []
    with step("reading molecules", len(texts)) as reading:
        for text in texts:
            molecule = read_molecule(text)
            reading.advance(1)
            if molecule is None:
                continue
            names.append(Chem.MolToSmiles(molecule))
            found.append(molecule)
            fragments.append(Chem.MolToSmiles(Chem.FragmentOnBRICSBonds(molecule)).split("."))
            scaffold = scaffold_of(molecule)
            several = rdMolDescriptors.CalcNumRings(scaffold) >= _RINGS
            scaffolds.append(Chem.MolToSmiles(scaffold) if several else None)
            row_B = np.zeros(_BITS, np.float32)
            DataStructs.ConvertToNumpyArray(generator.GetFingerprint(molecule), row_B)
            rows.append(row_B)
    return Molecules(names, found, fragments, scaffolds, np.array(rows, np.float32).reshape(-1, _BITS))


def nearest(fingerprint_NB: NDArray[np.float32], others_NB: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return for each fingerprint its Tanimoto similarity to the most similar of the others."""
    return np.concatenate([np.zeros(0), *(one.max(1) for one in _similar(fingerprint_NB, others_NB))])


def mean_similarities(fingerprint_NB: NDArray[np.float32], power: int) -> NDArray[np.float64]:
    """Return for each fingerprint the mean power of its Tanimoto similarity to all, itself included."""
    blocks = _similar(fingerprint_NB, fingerprint_NB)
    return np.concatenate([np.zeros(0), *((one**power).mean(1) for one in blocks)])


def _similar(one_NB: NDArray[np.float32], other_NB: NDArray[np.float32]) -> Any:
    """Yield blocks of rows of Tanimoto similarities: bits in both, divided by bits in either; 1 if there are none."""
    for start in range(0, len(one_NB), _BLOCK):
        block_NB = one_NB[start : start + _BLOCK]
        both_NN = block_NB @ other_NB.T
        either_NN = block_NB.sum(1)[:, None] + other_NB.sum(1) - both_NN
        yield np.divide(both_NN, either_NN, out=np.ones_like(both_NN), where=either_NN > 0).astype(np.float64)


def cosine(counts: Counter[str], others: Counter[str]) -> float:
    """Return the cosine of the angle between two counts; NaN if one is empty.

    >>> cosine(Counter("aab"), Counter("aabaab")), cosine(Counter("a"), Counter("b"))
    (1.0, 0.0)
    """
    product = sum(number * others[name] for name, number in counts.items() if name in others)
    first, second = (sum(number**2 for number in one.values()) for one in (counts, others))
    return min(1.0, product / (first * second) ** 0.5) if first and second else float("nan")
