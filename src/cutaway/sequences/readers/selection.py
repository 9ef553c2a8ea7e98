"""Select which numbers of each frame become channels: coordinates of some or all atoms, or collective variables.

A `column` of a trajectory is one of

- a selection of atoms in mdtraj's language, like "name CA": x, y and z of each of them, in nanometres;
- `distance A B`: the distance between two atoms, in nanometres;
- `dihedral A B C D`: the dihedral angle of four atoms, in radians from -π to π;
- `phi` or `psi`: this backbone angle of every residue that has one, in order.

Atoms are numbered from 1 in the order of the file (as in a .pdb in which no TER has a number of its own). Coordinates
of all selections come first, then the variables in the order of the columns. If a trajectory has a box, distances and
angles use the nearest periodic images; the cell of a .pdb is that of a crystal and is ignored.

Selections, phi and psi need the names of the atoms. For a trajectory these come from a .pdb, .gro or .psf file of the
same name beside it.
"""

from __future__ import annotations

import dataclasses
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cutaway.errors import InputError, counted
from cutaway.extras import library
from cutaway.sequences.collective_variables import dihedrals, distances
from cutaway.sequences.readers.request import Request

_VARIABLES = {"distance": 2, "dihedral": 4}
_EXAMPLE = {"distance": "distance 1 10", "dihedral": "dihedral 5 7 9 15"}
_BACKBONE = ("phi", "psi")

Topology = Callable[[], tuple[str, Any]]
"""Returns the name of the file that has the names of the atoms, and its topology as mdtraj reads it."""


@dataclasses.dataclass(frozen=True)
class Selection:
    """The atoms to read, ascending from 0 (None: all of them), and the channels to make of them.

    `places` are the indices among these atoms whose coordinates become channels; `variables` has rows of two (distance)
    or four (dihedral) such indices. `named` is the file with the names of the atoms, if one was read, and its number of
    atoms.
    """

    atoms: npt.NDArray[np.int64] | None
    places: npt.NDArray[np.int64]
    variables: list[npt.NDArray[np.int64]]
    named: tuple[str, int] | None = None

    def width(self, atoms: int) -> int:
        """Return the number of channels, given the number of atoms in the file."""
        return 3 * atoms if self.atoms is None else 3 * len(self.places) + sum(map(len, self.variables))

    def check(self, request: Request, atoms: int) -> None:
        """Raise `InputError` if a selected atom does not exist, or if the file of names has another number of atoms."""
        if self.named and self.named[1] != atoms:
            file, names = self.named
            raise InputError(
                f"{request.file!r} has {counted(atoms, 'atom')}, but mdtraj finds {names:,} in {file!r}",
                hint="the file with the names must have the same atoms as the trajectory",
            )
        if self.atoms is not None and self.atoms[-1] >= atoms:
            raise InputError(
                f"{request.file!r} has {counted(atoms, 'atom')}; atom {self.atoms[-1] + 1:,} does not exist",
                hint="atoms are numbered from 1",
            )

    def of(
        self, frames_FA3: npt.NDArray[np.float64], boxes_F33: npt.NDArray[np.float64] | None = None
    ) -> npt.NDArray[np.float64]:
        """Return C channels of F numbers each, from frames of the atoms to read."""
        frames = len(frames_FA3)
        if self.atoms is None:
            return frames_FA3.reshape(frames, -1).T
        parts = [frames_FA3[:, self.places].reshape(frames, -1)]
        for rows in self.variables:
            parts.append((distances if rows.shape[1] == 2 else dihedrals)(frames_FA3, rows, boxes_F33))
        return np.concatenate(parts, axis=1).T


def selection_of(request: Request, topology: Topology) -> Selection:
    """Return the selection that the columns request. Raises `InputError` for a column that is not valid."""
    if not request.columns:
        return Selection(None, np.empty(0, np.int64), [])
    queries = [column for column in request.columns if _kind(column) is None]
    named = topology() if queries or any(_kind(column) in _BACKBONE for column in request.columns) else None
    picked = _selected(queries, *named) if queries and named else np.empty(0, np.int64)
    variables = [rows for column in request.columns if (rows := _variable(column, named)) is not None]
    atoms = np.unique(np.concatenate([picked, *(rows.ravel() for rows in variables)]))
    places, rows_of = np.searchsorted(atoms, picked), [np.searchsorted(atoms, rows) for rows in variables]
    return Selection(atoms, places, rows_of, (named[0], named[1].n_atoms) if named else None)


def _kind(column: str) -> str | None:
    words = column.split()
    return words[0] if words and (words[0] in _VARIABLES or (len(words) == 1 and words[0] in _BACKBONE)) else None


def _variable(column: str, named: tuple[str, Any] | None) -> npt.NDArray[np.int64] | None:
    """Return the atoms of each variable as rows, or None if the column is a selection of atoms."""
    kind = _kind(column)
    if kind is None:
        return None
    if kind in _VARIABLES:
        return np.array([_numbers(column, kind, column.split()[1:])], dtype=np.int64) - 1
    assert named is not None  # noqa: S101 (read by selection_of)
    file, topology = named
    from mdtraj.geometry import dihedral

    rows = (dihedral.indices_phi if kind == "phi" else dihedral.indices_psi)(topology)
    if not len(rows):
        hint = f"{kind} needs the atoms N, CA and C of two neighbouring residues"
        raise InputError(f"no residue in {file!r} has a {kind} angle", hint=hint)
    return np.asarray(rows, dtype=np.int64)


def _numbers(column: str, kind: str, words: Sequence[str]) -> list[int]:
    count, hint = _VARIABLES[kind], f"atoms are numbered from 1, like {_EXAMPLE[kind]!r}"
    if len(words) != count or not all(word.isascii() and word.isdecimal() for word in words):
        raise InputError(f"a {kind} needs the numbers of {count} atoms; got {column!r}", hint=hint)
    numbers = [int(word) for word in words]
    if min(numbers) < 1 or max(numbers) >= 1 << 31:
        wrong = next(number for number in numbers if not 1 <= number < 1 << 31)
        raise InputError(f"{column!r}: there is no atom {wrong}", hint=hint)
    if len(set(numbers)) < count:
        raise InputError(f"{column!r} names one atom twice", hint=hint)
    return numbers


def _selected(columns: Sequence[str], file: str, topology: Any) -> npt.NDArray[np.int64]:
    query = " or ".join(f"({column})" for column in columns)
    hint = (
        'write a selection like "name CA" or "protein and not element H", or a variable like "distance 1 10" or "phi"'
    )
    try:
        atoms: npt.NDArray[np.int64] = np.asarray(topology.select(query), dtype=np.int64)
    except Exception as error:  # of its parser
        said = " ".join(str(error).split())[:120]
        raise InputError(f"mdtraj cannot select {query!r} in {file!r}: {said}", hint=hint) from error
    if not len(atoms):
        raise InputError(f"no atom of {file!r} matches {query!r}", hint=hint)
    return atoms


def topology_beside(request: Request) -> Topology:
    """Return a function that reads the topology file beside a trajectory."""

    def read() -> tuple[str, Any]:
        for suffix in (".pdb", ".gro", ".psf"):
            file = Path(request.file).parent / (request.stem + suffix)
            if file.is_file():
                return str(file), _topology(str(file), str(file))
        raise InputError(
            f"{request.file!r} stores no atom names, so {request.columns[0]!r} cannot be resolved",
            hint=f"put a file with the names beside it: {request.stem}.pdb, .gro or .psf",
        )

    return read


def topology_of_model(request: Request, atoms: Sequence[str]) -> Topology:
    """Return a function that reads the topology of the first model of a .pdb file."""

    def read() -> tuple[str, Any]:
        with tempfile.TemporaryDirectory(prefix="cutaway-") as folder:
            model = Path(folder) / "model.pdb"
            model.write_text("\n".join([*atoms, "END", ""]), encoding="utf-8")
            return request.file, _topology(request.file, str(model))

    return read


def _topology(name: str, file: str) -> Any:
    mdtraj = need_mdtraj()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about bonds, elements and unit cells: only the names are needed
            return mdtraj.load_topology(file)
    except Exception as error:  # its parsers fail in many ways
        said = " ".join(str(error).split())[:120]
        raise InputError(f"mdtraj cannot read the atoms of {name!r}: {said}", hint="check its format") from error


def need_mdtraj() -> Any:
    """Return mdtraj. Raises `InputError` if it is not installed."""
    return library("mdtraj", "reading trajectories needs mdtraj")
