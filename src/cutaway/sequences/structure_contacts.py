"""Read the contacts of a sequence from a protein structure, a .pdb or .cif file."""

from __future__ import annotations

import dataclasses
import gzip
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cutaway.errors import InputError, counted
from cutaway.extras import library
from cutaway.sequences.text_files import read_bytes

if TYPE_CHECKING:
    import numpy.typing as npt

CONTACT: Final = 8.0  # ångström between Cβ atoms: the definition of a contact in CASP
IDENTITY: Final = 0.9
MISSING: Final = "?"
LONGEST_GAP: Final = 1000  # a larger jump in the residue numbers is not a missing loop
_PARSERS: Final = {".pdb": "PDBParser", ".ent": "PDBParser", ".cif": "MMCIFParser"}


@dataclasses.dataclass(frozen=True)
class StructureContacts:
    """Which of P residues touch, [P, P] booleans, and the chain, which has coordinates for `resolved` of them."""

    chain: str
    resolved: int
    contacts: npt.NDArray[Any]


def is_structure(path: str | Path) -> bool:
    """Return whether the suffix is that of a structure: .pdb, .ent or .cif, gzipped or not.

    >>> is_structure("1igy.cif.gz"), is_structure("pairs.csv")
    (True, False)
    """
    return _suffix(path) in _PARSERS


def read_structure(path: str | Path, sequence: str) -> StructureContacts:
    """Return which residues of a sequence touch in the first model of a structure.

    Two residues touch if their Cβ atoms (Cα for glycine) are less than 8 Å apart. The chain used is the one that
    matches most of the sequence in a global alignment without end-gap penalties. If the residue numbers jump, residues
    may be missing there. A residue without coordinates has no contacts. Raises `InputError` if no chain matches: at
    least 90 % of the aligned residues must be identical, and they must cover half of the sequence.
    """
    import numpy as np

    chains = _chains(path)
    found = [(_aligned(letters, sequence), name, letters, xyz_R3) for name, letters, xyz_R3 in chains if letters]
    if not found:
        raise InputError(f"{str(path)!r} has no protein chain", hint="give a structure of this protein")
    pairs, name, letters, xyz_R3 = max(found, key=lambda one: sum(one[2][r] == sequence[p] for r, p in one[0]))
    same = sum(letters[r] == sequence[p] for r, p in pairs)
    if same < IDENTITY * len(pairs) or 2 * len(pairs) < len(sequence):
        raise InputError(
            f"no chain of {str(path)!r} matches the sequence: the closest, chain {name}, has {same:,} of its "
            f"{counted(len(sequence), 'residue')}",
            hint="give a structure of the same protein, or the sequence of one of its chains",
        )
    rows, places = np.array([r for r, _ in pairs]), np.array([p for _, p in pairs])
    apart_RR = np.linalg.norm(xyz_R3[rows][:, None] - xyz_R3[rows][None], axis=-1)
    contacts = np.zeros((len(sequence),) * 2, bool)
    contacts[np.ix_(places, places)] = (apart_RR < CONTACT) & ~np.eye(len(places), dtype=bool)
    return StructureContacts(name, len(pairs), contacts)


def _chains(path: str | Path) -> list[tuple[str, str, npt.NDArray[Any]]]:
    """Return the name, residue letters and Cβ coordinates of each chain of the first model.

    If the residue numbers jump, `?` stands for each residue that may be missing; its coordinates are NaN.
    """
    import numpy as np

    library("Bio", "reading a structure needs Biopython")
    from Bio import PDB
    from Bio.Data.PDBData import protein_letters_3to1_extended as letters_of

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd chemistry does not move the atoms
        try:
            data = read_bytes(Path(path))
            text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
            parser = getattr(PDB, _PARSERS[_suffix(path)])(QUIET=True)
            models = list(parser.get_structure("", io.StringIO(text)))
        except InputError:
            raise
        except Exception as error:  # the parser fails in many ways on damaged files
            raise InputError(
                f"Biopython cannot read {str(path)!r}: {' '.join(str(error).split())[:120]}",
                hint="check that its format matches its suffix, or download it again",
            ) from error
    found = []
    for chain in models[0] if models else []:
        letters, places, last = list[str](), list[Any](), 0
        for residue in chain:
            if residue.resname in letters_of and ("CB" in residue or "CA" in residue):
                jump = residue.id[1] - last - 1 if letters else 0
                if 0 < jump < LONGEST_GAP:
                    letters += [MISSING] * jump
                    places += [np.full(3, np.nan)] * jump
                letters.append(letters_of[residue.resname])
                places.append((residue["CB"] if "CB" in residue else residue["CA"]).coord)
                last = residue.id[1]
        found.append((chain.id, "".join(letters), np.array(places, dtype=np.float64).reshape(-1, 3)))
    return found


def _aligned(letters: str, sequence: str) -> list[tuple[int, int]]:
    """Return the aligned pairs (residue of the chain, position in the sequence)."""
    from Bio import Align

    make: Any = Align.PairwiseAligner
    aligner = make(mode="global", match_score=1, mismatch_score=-1, open_gap_score=-2, extend_gap_score=-0.1)
    aligner.end_gap_score = 0.0
    aligner.wildcard = MISSING  # neither a match nor a mismatch
    blocks = aligner.align(letters, sequence)[0].aligned
    pairs = [
        (int(a) + i, int(b) + i) for (a, end), (b, _) in zip(*blocks, strict=True) for i in range(int(end) - int(a))
    ]
    return [(r, p) for r, p in pairs if letters[r] != MISSING]


def _suffix(path: str | Path) -> str:
    return Path(str(path).lower().removesuffix(".gz")).suffix
