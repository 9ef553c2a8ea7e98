"""Matrices small enough for a page: 8 bits a weight, nothing above a causal diagonal, deflated, in base64.

A page of 270 heads and 1,024 tokens holds 142 million weights: as JSON numbers they would take a gigabyte. This file
writes the format; `views/static/packing.js` reads it.

Axis letters: H heads, T rows (queries), S columns (keys), K head width.
"""

from __future__ import annotations

import base64
import dataclasses
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class PackedMaps:
    """Heads' maps, one string of `data` a layer: base64(zlib(uint8)), one head after another, column by column.

    Layout "lower" holds rows s…T-1 of column s (rows == columns); "full" holds all rows. Columns deflate better than
    rows: their neighbours are more alike. A byte b stands for the weight b / 255. With `pool` p > 1 a cell stands for
    p × p tokens: the sum over its keys, averaged over its queries. So rows still sum to 1.
    """

    layout: str
    rows: int
    columns: int
    pool: int
    data: list[str]

    def layer(self, index: int) -> npt.NDArray[np.uint8]:
        """Return a layer's maps as bytes [H, T, S]; what the layout does not hold is zero."""
        flat = np.frombuffer(zlib.decompress(base64.b64decode(self.data[index])), np.uint8)
        if self.layout == "full":
            return flat.reshape(-1, self.columns, self.rows).transpose(0, 2, 1)
        column, row = np.triu_indices(self.rows)
        heads_HN = flat.reshape(-1, len(row))
        maps_HTS = np.zeros((len(heads_HN), self.rows, self.columns), np.uint8)
        maps_HTS[:, row, column] = heads_HN
        return maps_HTS


@dataclasses.dataclass(frozen=True)
class PackedArray:
    """An array as base64(zlib(little-endian numbers)), in row-major order."""

    dtype: str
    shape: list[int]
    data: str

    def array(self) -> Weights:
        """Return the array."""
        flat = np.frombuffer(zlib.decompress(base64.b64decode(self.data)), np.dtype(self.dtype).newbyteorder("<"))
        return flat.reshape(self.shape)


def quantise(weights: Weights) -> npt.NDArray[np.uint8]:
    """Return weights between 0 and 1 as bytes: off by at most 1/510.

    >>> import numpy as np
    >>> quantise(np.array([0.0, 0.5, 1.0]))
    array([  0, 128, 255], dtype=uint8)
    """
    if weights.dtype == np.uint8:
        return weights
    return np.rint(np.clip(weights.astype(np.float32), 0, 1) * 255).astype(np.uint8)


def pack_maps(layers: list[Weights], *, causal: bool, pool: int = 1) -> PackedMaps:
    """Pack a list of layers' maps [H, T, S], weights in 0…1 or bytes.

    >>> import numpy as np
    >>> packed = pack_maps([np.array([[[1.0, 0.0], [0.25, 0.75]]])], causal=True)
    >>> packed.layout, packed.layer(0).tolist()
    ('lower', [[[255, 0], [64, 191]]])
    """
    rows, columns = layers[0].shape[-2:]
    lower = causal and rows == columns
    keep = np.triu_indices(rows) if lower else None  # of the transposed map: the lower triangle, column by column
    data = []
    for maps_HTS in layers:
        bytes_HST = quantise(maps_HTS).transpose(0, 2, 1)
        flat = bytes_HST[:, keep[0], keep[1]] if keep is not None else bytes_HST
        data.append(_deflated(np.ascontiguousarray(flat).tobytes()))
    return PackedMaps("lower" if lower else "full", rows, columns, pool, data)


def _deflated(raw: bytes) -> str:
    # Maps hold runs of zeros and numbers that seldom repeat. Looking only for runs (Z_RLE) is 6 times as fast as
    # level 6 of deflate, and the result is a tenth smaller.
    squeeze = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    return base64.b64encode(squeeze.compress(raw) + squeeze.flush()).decode()


def pack_array(array: Weights) -> PackedArray:
    """Pack any array of numbers.

    >>> import numpy as np
    >>> pack_array(np.arange(3, dtype=np.float16)).array()
    array([0., 1., 2.], dtype=float16)
    """
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    data = base64.b64encode(zlib.compress(little.tobytes(), 6)).decode()
    return PackedArray(array.dtype.name, list(array.shape), data)
