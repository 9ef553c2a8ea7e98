"""Collective variables of molecular dynamics: a few numbers that say what many atoms do.

Frames are coordinates in any unit of length, an array F × A × 3; a variable gives each frame one number. With `boxes`,
F × 3 × 3 (a row a box vector, in the same unit), the way from atom to atom leads to the nearest periodic image, so that
a molecule which the box cuts in two is whole; a box without volume is none.

Axis letters: `F` frames, `A` atoms, `C` collective variables.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cutaway.errors import InputError

__all__ = ["dihedrals", "distances"]

_Floats = NDArray[np.float64]


def distances(frames: ArrayLike, pairs: ArrayLike, boxes: ArrayLike | None = None) -> _Floats:
    """Return the F × C distances between C pairs of atoms (from 0), in the unit of the coordinates.

    Raises `InputError` for frames or boxes of another shape and for atoms that there aren't.

    >>> distances([[[0, 0, 0], [3, 4, 0]]], [[0, 1]])
    array([[5.]])
    >>> distances([[[0, 0, 0], [3, 4, 0]]], [[0, 1]], boxes=[[[4, 0, 0], [0, 5, 0], [0, 0, 5]]]).round(3)
    array([[1.414]])
    """
    frames_FA3, atoms_C2 = _frames(frames, pairs, 2)
    apart: _Floats = np.linalg.norm(_nearest(np.diff(frames_FA3[:, atoms_C2], axis=2)[:, :, 0], boxes), axis=-1)
    return apart


def dihedrals(frames: ArrayLike, quadruples: ArrayLike, boxes: ArrayLike | None = None) -> _Floats:
    """Return the F × C dihedral angles of C quadruples of atoms (from 0), in radians from -π to π.

    The sign is IUPAC's: positive where the far bond is turned clockwise. NaN where three of the atoms lie on a line:
    then there is no angle. Raises `InputError` as `distances` does.

    >>> dihedrals([[[1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 1, 1]]], [[0, 1, 2, 3]]).round(3)
    array([[1.571]])
    """
    frames_FA3, atoms_C4 = _frames(frames, quadruples, 4)
    bonds = np.moveaxis(np.diff(frames_FA3[:, atoms_C4], axis=2), 2, 0)
    first, second, third = (_nearest(bonds_FC3, boxes) for bonds_FC3 in bonds)
    left, right = np.cross(first, second), np.cross(second, third)
    sine = np.linalg.norm(second, axis=-1) * (first * right).sum(-1)
    cosine = (left * right).sum(-1)
    angle: _Floats = np.where(left.any(-1) & right.any(-1), np.arctan2(sine, cosine), np.nan)
    return angle


def _nearest(ways_FC3: _Floats, boxes: ArrayLike | None) -> _Floats:
    """Return each way to the nearest of the periodic images of where it leads.

    Whole box vectors are taken off until it lies around the middle of the box. In a box that isn't square another image
    may still be nearer where that is far off: then the 26 around it are tried.
    """
    if boxes is None:
        return ways_FC3
    boxes_F33 = np.asarray(boxes, dtype=np.float64)
    if boxes_F33.shape != (len(ways_FC3), 3, 3):
        raise InputError(f"boxes are F x 3 x 3, not {' x '.join(map(str, boxes_F33.shape))}")
    boxes_F33 = np.where(np.isfinite(boxes_F33).all(axis=(1, 2), keepdims=True), boxes_F33, 0.0)
    there_F = np.flatnonzero(np.linalg.det(boxes_F33))
    boxes_F33, found_FC3 = boxes_F33[there_F], ways_FC3.copy()
    ways_FC3 = ways_FC3[there_F]
    turned_F33 = np.linalg.inv(boxes_F33)
    ways_FC3 = ways_FC3 - np.rint(ways_FC3 @ turned_F33) @ boxes_F33
    heights_F = 1 / np.linalg.norm(turned_F33, axis=1).max(axis=1, initial=0)  # between the nearest opposite faces
    frames, columns = np.nonzero(np.linalg.norm(ways_FC3, axis=-1) > heights_F[:, None] / 2)
    far_N3, boxes_N33 = ways_FC3[frames, columns], boxes_F33[frames]
    best_N3 = far_N3
    for shift in itertools.product((-1, 0, 1), repeat=3):
        other_N3 = far_N3 + np.array(shift) @ boxes_N33
        nearer_N = np.linalg.norm(other_N3, axis=-1) < np.linalg.norm(best_N3, axis=-1)
        best_N3 = np.where(nearer_N[:, None], other_N3, best_N3)
    ways_FC3[frames, columns] = best_N3
    found_FC3[there_F] = ways_FC3
    return found_FC3


def _frames(frames: ArrayLike, atoms: ArrayLike, width: int) -> tuple[_Floats, NDArray[Any]]:
    frames_FA3, atoms_Cn = np.asarray(frames, dtype=np.float64), np.asarray(atoms, dtype=np.int64)
    if frames_FA3.ndim != 3 or frames_FA3.shape[2] != 3:
        raise InputError(f"frames are F x atoms x 3, not {' x '.join(map(str, frames_FA3.shape))}")
    if atoms_Cn.ndim != 2 or atoms_Cn.shape[1] != width:
        raise InputError(f"each variable is of {width} atoms", hint="give rows of that many indices")
    if atoms_Cn.size and not 0 <= atoms_Cn.min() <= atoms_Cn.max() < frames_FA3.shape[1]:
        raise InputError(f"there are atoms 0 to {frames_FA3.shape[1] - 1}, not {atoms_Cn.min()} to {atoms_Cn.max()}")
    return frames_FA3, atoms_Cn
