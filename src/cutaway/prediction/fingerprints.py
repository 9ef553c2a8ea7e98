"""Records as sets of bits, to find the most similar one: a molecule's atom environments, another sequence's k-mers.

Axis letters: `N` records, `B` bits.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from cutaway.extras import library

BITS = 1024
K = {"dna": 6, "rna": 6, "codon": 6, "protein": 3, "smiles": 4, "text": 5, "series": 3}
"""How many letters of each alphabet make a k-mer."""
_RADIUS = 2
_AT_ONCE = 256

Bits = NDArray[np.uint8]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def fingerprints(sequences: Sequence[str], alphabet: str) -> Bits:
    """Return the fingerprints of N sequences as packed bits, shape (N, BITS / 8).

    Molecules have RDKit's Morgan fingerprint of radius 2 (Rogers and Hahn 2010, doi:10.1021/ci100050t); of other
    sequences each k-mer sets the bit that the CRC-32 of its letters names. Raises `InputError` if RDKit is missing.

    >>> fingerprints(["MKV", "MKV"], "protein").shape
    (2, 128)
    """
    bits_NB = np.zeros((len(sequences), BITS), np.uint8)
    if alphabet == "smiles":
        library("rdkit", "comparing molecules needs RDKit")
        from rdkit import Chem, rdBase
        from rdkit.Chem import rdFingerprintGenerator

        made = rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=BITS)
        with rdBase.BlockLogs():
            for row_B, smiles in zip(bits_NB, sequences, strict=True):
                if (molecule := Chem.MolFromSmiles(smiles)) is not None:
                    row_B[:] = made.GetFingerprintAsNumPy(molecule)
    else:
        for row_B, sequence in zip(bits_NB, sequences, strict=True):
            row_B[list(_kmers(sequence, K[alphabet]))] = 1
    return np.packbits(bits_NB, axis=1)


def most_similar(asked: Bits, known: Bits) -> tuple[Ints, Floats]:
    """Return for each asked fingerprint the number of the most similar known one and their Tanimoto similarity.

    That is the share of the bits of either that both have; of equally similar ones the first is taken.

    >>> at, similarity = most_similar(fingerprints(["MKVL"], "protein"), fingerprints(["GGGG", "MKVL"], "protein"))
    >>> at.tolist(), similarity.tolist()
    ([1], [1.0])
    """
    known_NB = np.unpackbits(known, axis=1).astype(np.float32)
    size_N = known_NB.sum(1)
    at, similarity = np.zeros(len(asked), np.int64), np.zeros(len(asked))
    for start in range(0, len(asked), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        asked_NB = np.unpackbits(asked[some], axis=1).astype(np.float32)
        both = asked_NB @ known_NB.T
        alike = both / np.maximum(asked_NB.sum(1)[:, None] + size_N - both, 1)
        at[some], similarity[some] = alike.argmax(1), alike.max(1)
    return at, similarity


def _kmers(sequence: str, k: int) -> Iterable[int]:
    parts = {sequence[i : i + k] for i in range(max(1, len(sequence) - k + 1))}
    return {zlib.crc32(part.encode()) % BITS for part in parts}
