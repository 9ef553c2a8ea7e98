"""Molecular dynamics as tokens: frames → collective variables → bins or clusters.

Frames are coordinates in any unit of length, a NumPy array F × A × 3. Collective variables F × C (distances in that
unit, dihedrals in radians) go through `Bins` as C channels, or each frame becomes the word of the nearest cluster.

Axis letters: `F` frames, `A` atoms, `C` collective variables, `K` clusters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tokenizers import models, pre_tokenizers

from cutaway.errors import InputError
from cutaway.tokens.assembly import UNKNOWN, assemble, numbered
from cutaway.tokens.tokenizer import Tokenizer

__all__ = ["clusters", "dihedrals", "distances", "state_text", "state_values", "states_tokenizer"]

_Floats = NDArray[np.float64]


def distances(frames: ArrayLike, pairs: ArrayLike) -> _Floats:
    """Return the F × C distances between C pairs of atoms, in the unit of the coordinates.

    >>> distances([[[0, 0, 0], [3, 4, 0]]], [[0, 1]])
    array([[5.]])
    """
    frames_FA3, atoms_C2 = _frames(frames, pairs, 2)
    apart: _Floats = np.linalg.norm(frames_FA3[:, atoms_C2[:, 0]] - frames_FA3[:, atoms_C2[:, 1]], axis=-1)
    return apart


def dihedrals(frames: ArrayLike, quadruples: ArrayLike) -> _Floats:
    """Return the F × C dihedral angles of C quadruples of atoms, in radians from -π to π, IUPAC's sign.

    >>> dihedrals([[[1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 1, 1]]], [[0, 1, 2, 3]]).round(3)
    array([[1.571]])
    """
    frames_FA3, atoms_C4 = _frames(frames, quadruples, 4)
    first, second, third = np.moveaxis(np.diff(frames_FA3[:, atoms_C4], axis=2), 2, 0)
    axis = second / np.linalg.norm(second, axis=-1, keepdims=True)
    left, right = np.cross(first, second), np.cross(second, third)
    angle: _Floats = np.arctan2((np.cross(left, right) * axis).sum(-1), (left * right).sum(-1))
    return angle


def clusters(values: ArrayLike, count: int, *, seed: int = 0) -> _Floats:
    """Return the K × C centres of k-means on F × C collective variables; the same ones for the same seed.

    Give angles as their cosines and sines, which have no seam. Source: Arthur and Vassilvitskii 2007 (k-means++).

    >>> sorted(clusters([[0.0], [0.1], [9.9], [10.0]], 2).ravel().round(2).tolist())
    [0.05, 9.95]
    """
    from scipy.cluster.vq import kmeans2

    values_FC = _values(values)
    distinct = len(np.unique(values_FC, axis=0))
    if not 1 <= count <= distinct:
        raise InputError(f"{distinct:,} different frames make no {count:,} clusters", hint="ask for fewer")
    centres_KC, _ = kmeans2(values_FC, count, iter=100, minit="++", rng=np.random.default_rng(seed), missing="warn")
    return np.asarray(centres_KC, dtype=np.float64)


def states_tokenizer(centres: ArrayLike) -> Tokenizer:
    """Make a tokenizer with one token for each of K clusters; the centres are kept in its configuration.

    >>> states_tokenizer([[0.0], [10.0]]).encode("c1 c0 c1").ids
    [5, 4, 5]
    """
    centres_KC = _values(centres)
    return assemble(
        models.WordLevel(numbered(f"c{i}" for i in range(len(centres_KC))), unk_token=UNKNOWN),
        "states",
        "series",
        splitter=pre_tokenizers.WhitespaceSplit(),
        loses={
            "unknown": "a word that is no cluster's, as <unk>",
            "rounding": "frames: each comes back as the centre of its cluster, at the distance from it that it has",
        },
        written="one word a frame, as cutaway.tokens.state_text writes them",
        centres=centres_KC.tolist(),
    )


def state_text(values: ArrayLike, centres: ArrayLike) -> str:
    """Write F frames as the words of their nearest centres; of equally near ones the first.

    >>> state_text([[1.0], [9.0]], [[0.0], [10.0]])
    'c0 c1'
    """
    values_FC, centres_KC = _values(values), _values(centres)
    nearest = [int(((centres_KC - frame_C) ** 2).sum(axis=1).argmin()) for frame_C in values_FC]
    return " ".join(f"c{i}" for i in nearest)


def state_values(text: str, centres: ArrayLike) -> _Floats:
    """Return F × C, the centres that the words name. Raises `InputError` for a word that names none.

    >>> state_values("c1 c1", [[0.0], [10.0]]).tolist()
    [[10.0], [10.0]]
    """
    centres_KC = _values(centres)
    words = text.split()
    for word in words:
        if word[:1] != "c" or not word[1:].isdecimal() or int(word[1:]) >= len(centres_KC):
            raise InputError(f"{word!r} is no cluster", hint=f"there are c0 to c{len(centres_KC) - 1}")
    return centres_KC[[int(word[1:]) for word in words]].reshape(-1, centres_KC.shape[1])


def _frames(frames: ArrayLike, atoms: ArrayLike, width: int) -> tuple[_Floats, NDArray[Any]]:
    frames_FA3, atoms_Cn = np.asarray(frames, dtype=np.float64), np.asarray(atoms, dtype=np.int64)
    if frames_FA3.ndim != 3 or frames_FA3.shape[2] != 3:
        raise InputError(f"frames are F x atoms x 3, not {' x '.join(map(str, frames_FA3.shape))}")
    if atoms_Cn.ndim != 2 or atoms_Cn.shape[1] != width:
        raise InputError(f"each variable is of {width} atoms", hint="give rows of that many indices")
    if atoms_Cn.size and not 0 <= atoms_Cn.min() <= atoms_Cn.max() < frames_FA3.shape[1]:
        raise InputError(f"there are atoms 0 to {frames_FA3.shape[1] - 1}, not {atoms_Cn.min()} to {atoms_Cn.max()}")
    return frames_FA3, atoms_Cn


def _values(values: ArrayLike) -> _Floats:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 2 or not found.size or not np.isfinite(found).all():
        raise InputError("collective variables are F x C finite numbers", hint="one row a frame")
    return found
