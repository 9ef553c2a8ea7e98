"""Collective variables of molecular dynamics: a few numbers that say what many atoms do.

Frames are coordinates in any unit of length, an array F × A × 3; a variable gives each frame one number. Atoms are
taken as they stand: periodic images are not looked for, so molecules that a box cuts in two are made whole beforehand.

Axis letters: `F` frames, `A` atoms, `C` collective variables.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cutaway.errors import InputError

__all__ = ["dihedrals", "distances"]

_Floats = NDArray[np.float64]


def distances(frames: ArrayLike, pairs: ArrayLike) -> _Floats:
    """Return the F × C distances between C pairs of atoms (from 0), in the unit of the coordinates.

    Raises `InputError` for frames of another shape and for atoms that there aren't.

    >>> distances([[[0, 0, 0], [3, 4, 0]]], [[0, 1]])
    array([[5.]])
    """
    frames_FA3, atoms_C2 = _frames(frames, pairs, 2)
    apart: _Floats = np.linalg.norm(frames_FA3[:, atoms_C2[:, 0]] - frames_FA3[:, atoms_C2[:, 1]], axis=-1)
    return apart


def dihedrals(frames: ArrayLike, quadruples: ArrayLike) -> _Floats:
    """Return the F × C dihedral angles of C quadruples of atoms (from 0), in radians from -π to π.

    The sign is IUPAC's: positive where the far bond is turned clockwise. NaN where three of the atoms lie on a line:
    then there is no angle. Raises `InputError` as `distances` does.

    >>> dihedrals([[[1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 1, 1]]], [[0, 1, 2, 3]]).round(3)
    array([[1.571]])
    """
    frames_FA3, atoms_C4 = _frames(frames, quadruples, 4)
    first, second, third = np.moveaxis(np.diff(frames_FA3[:, atoms_C4], axis=2), 2, 0)
    left, right = np.cross(first, second), np.cross(second, third)
    sine = np.linalg.norm(second, axis=-1) * (first * right).sum(-1)
    cosine = (left * right).sum(-1)
    angle: _Floats = np.where(left.any(-1) & right.any(-1), np.arctan2(sine, cosine), np.nan)
    return angle


def _frames(frames: ArrayLike, atoms: ArrayLike, width: int) -> tuple[_Floats, NDArray[Any]]:
    frames_FA3, atoms_Cn = np.asarray(frames, dtype=np.float64), np.asarray(atoms, dtype=np.int64)
    if frames_FA3.ndim != 3 or frames_FA3.shape[2] != 3:
        raise InputError(f"frames are F x atoms x 3, not {' x '.join(map(str, frames_FA3.shape))}")
    if atoms_Cn.ndim != 2 or atoms_Cn.shape[1] != width:
        raise InputError(f"each variable is of {width} atoms", hint="give rows of that many indices")
    if atoms_Cn.size and not 0 <= atoms_Cn.min() <= atoms_Cn.max() < frames_FA3.shape[1]:
        raise InputError(f"there are atoms 0 to {frames_FA3.shape[1] - 1}, not {atoms_Cn.min()} to {atoms_Cn.max()}")
    return frames_FA3, atoms_Cn
