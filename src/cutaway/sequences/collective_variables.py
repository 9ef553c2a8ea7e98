"""Collective variables of molecular dynamics: distances and dihedral angles.

Frames are coordinates in any unit of length, an array F × A × 3; a variable has one number per frame. `boxes` are
F × 3 × 3, one box vector per row, in the same unit. With boxes, the vector between two atoms leads to the nearest
periodic image (minimum image convention), so that a molecule across the boundary counts as whole. A box without
volume is ignored.

Axis letters: `F` frames, `A` atoms, `C` collective variables.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cutaway.errors import InputError

_Floats = NDArray[np.float64]

_LINE = 1e-6
"""Two bonds are on a line if the sine between them is at most this, the precision of float32 coordinates."""
_FLAT = 1e-6
"""A box is ignored as flat if its volume is at most this fraction of the product of its lengths."""


def distances(frames: ArrayLike, pairs: ArrayLike, boxes: ArrayLike | None = None) -> _Floats:
    """Return the F × C distances between C pairs of atoms (from 0), in the unit of the coordinates.

    Raises `InputError` for frames or boxes of another shape and for atoms that do not exist.

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

    The sign follows IUPAC: positive if the far bond is turned clockwise. If three of the atoms are on a line, to a
    millionth of a radian, the angle is undefined: NaN. Raises `InputError` as `distances` does.

    >>> dihedrals([[[1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 1, 1]]], [[0, 1, 2, 3]]).round(3)
    array([[1.571]])
    """
    frames_FA3, atoms_C4 = _frames(frames, quadruples, 4)
    bonds = np.moveaxis(np.diff(frames_FA3[:, atoms_C4], axis=2), 2, 0)
    first, second, third = (_nearest(bonds_FC3, boxes) for bonds_FC3 in bonds)
    left, right = np.cross(first, second), np.cross(second, third)
    lengths = [np.linalg.norm(bonds_FC3, axis=-1) for bonds_FC3 in (first, second, third)]
    sine, cosine = lengths[1] * (first * right).sum(-1), (left * right).sum(-1)
    bent = np.linalg.norm(left, axis=-1) > _LINE * lengths[0] * lengths[1]
    bent &= np.linalg.norm(right, axis=-1) > _LINE * lengths[1] * lengths[2]
    angle: _Floats = np.where(bent, np.arctan2(sine, cosine), np.nan)
    return angle


def _nearest(ways_FC3: _Floats, boxes: ArrayLike | None) -> _Floats:
    """Return each vector to the nearest periodic image of its end.

    First the shortest vectors that span the same lattice replace the box vectors, and whole ones are subtracted. In a
    box that is not rectangular another image may still be nearer, if the vector is long: then the 26 images around it
    are tried. With the shortest lattice vectors the nearest image is one of these.
    """
    if boxes is None:
        return ways_FC3
    boxes_F33 = np.asarray(boxes, dtype=np.float64)
    if boxes_F33.shape != (len(ways_FC3), 3, 3):
        raise InputError(
            f"`boxes` has the shape {' x '.join(map(str, boxes_F33.shape))}", hint="it must be frames x 3 x 3"
        )
    boxes_F33 = np.where(np.isfinite(boxes_F33).all(axis=(1, 2), keepdims=True), boxes_F33, 0.0)
    lengths_F = np.linalg.norm(boxes_F33, axis=2).prod(axis=1)
    there_F = np.flatnonzero(np.abs(np.linalg.det(boxes_F33)) > _FLAT * lengths_F)
    boxes_F33, found_FC3 = _reduced(boxes_F33[there_F]), ways_FC3.copy()
    ways_FC3 = ways_FC3[there_F]
    turned_F33 = np.linalg.inv(boxes_F33)
    ways_FC3 = ways_FC3 - np.rint(ways_FC3 @ turned_F33) @ boxes_F33
    heights_F = 1 / np.linalg.norm(turned_F33, axis=1).max(axis=1, initial=0)  # smallest distance of opposite faces
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


def _reduced(boxes_F33: _Floats) -> _Floats:
    """Return the shortest vectors that span the same lattices (Minkowski reduction); each step shortens a vector.

    In three dimensions a basis is reduced if no vector gets shorter by adding or subtracting the others (Nguyen and
    Stehlé 2009, Low-dimensional lattice basis reduction revisited).
    """
    boxes_F33, shorter = boxes_F33.copy(), True
    while shorter:
        shorter = False
        for i, j, k in ((2, 1, 0), (1, 0, 2), (0, 1, 2)):
            own_F3, *others = (boxes_F33[:, at] for at in (i, j, k))
            steps = [np.rint((own_F3 * to).sum(-1) / (to * to).sum(-1))[:, None] * to for to in others]
            steps += [a * others[0] + b * others[1] for a, b in itertools.product((-1, 1), repeat=2)]
            tried_FN3 = own_F3[:, None] - np.stack(steps, axis=1)
            lengths_FN = np.linalg.norm(tried_FN3, axis=-1)
            better_F = lengths_FN.min(axis=1) < np.linalg.norm(own_F3, axis=-1) * (
                1 - 1e-9
            )  # without the factor, ties never end
            boxes_F33[better_F, i] = tried_FN3[better_F, lengths_FN.argmin(axis=1)[better_F]]
            shorter |= bool(better_F.any())
    return boxes_F33


def _frames(frames: ArrayLike, atoms: ArrayLike, width: int) -> tuple[_Floats, NDArray[Any]]:
    frames_FA3, atoms_Cn = np.asarray(frames, dtype=np.float64), np.asarray(atoms, dtype=np.int64)
    if frames_FA3.ndim != 3 or frames_FA3.shape[2] != 3:
        raise InputError(
            f"`frames` has the shape {' x '.join(map(str, frames_FA3.shape))}", hint="it must be frames x atoms x 3"
        )
    if atoms_Cn.ndim != 2 or atoms_Cn.shape[1] != width:
        raise InputError(f"each variable needs {width} atoms", hint="give rows of that many indices")
    if atoms_Cn.size and not 0 <= atoms_Cn.min() <= atoms_Cn.max() < frames_FA3.shape[1]:
        raise InputError(
            f"`atoms` are {atoms_Cn.min()} to {atoms_Cn.max()}",
            hint=f"they must be from 0 to {frames_FA3.shape[1] - 1}: there are {frames_FA3.shape[1]} atoms",
        )
    return frames_FA3, atoms_Cn
