"""The Fréchet ChemNet distance (FCD): how far two sets of molecules are apart in what ChemNet sees.

ChemNet was trained to predict what thousands of assays say of a molecule; its last layer but one has 512 numbers. The
distance is that of two normal distributions with the means and covariances of these numbers:
|m - m'|² + tr(C + C' - 2 (C C')^½). Source: Preuer et al. 2018, doi:10.1021/acs.jcim.8b00234. The network is that of
the library fcd_torch.

Axis letters: `N` molecules, `D` numbers of a molecule.
"""

from __future__ import annotations

import dataclasses
import io
import os
import pickle
import warnings
import zipfile
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError
from cutaway.extras import library
from cutaway.progress import step

Floats = NDArray[np.float64]
_WIDTH: Final = 512
_BATCH: Final = 256
_BROKEN: Final = (
    OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, zipfile.BadZipFile, pickle.PickleError,
)  # fmt: skip
_PLAIN: Final = {
    ("numpy", "ndarray"), ("numpy", "dtype"), ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"), ("_codecs", "encode"), ("collections", "Counter"),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Normal:
    """A mean and a covariance, with the square root of the covariance."""

    mean: Floats
    covariance: Floats
    root: Floats


def activations(smiles: Sequence[str]) -> Floats:
    """Return what ChemNet sees in each molecule. Raises `InputError` if fcd_torch is not installed."""
    fcd_torch = library("fcd_torch", "the Fréchet ChemNet distance needs fcd_torch", extra="train")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = fcd_torch.FCD(batch_size=_BATCH, canonize=False)
        found = [np.zeros((0, _WIDTH))]
        with step("reading molecules with ChemNet", len(smiles)) as reading:
            for start in range(0, len(smiles), _BATCH):
                part = list(smiles[start : start + _BATCH])
                found.append(network.get_predictions(part))
                reading.advance(len(part))
    return np.concatenate(found).astype(np.float64)


def normal_of(seen_ND: Floats) -> Normal:
    """Return the normal distribution with the mean and covariance of some molecules, at least two."""
    return _normal(seen_ND.mean(0), np.cov(seen_ND.T))


def distance(seen_ND: Floats, other: Normal) -> float:
    """Return the Fréchet distance between molecules and a distribution; NaN of fewer than two molecules."""
    if len(seen_ND) < 2:
        return float("nan")
    covariance_DD = np.cov(seen_ND.T)
    # (C C')^½ has the trace of (C'^½ C C'^½)^½, which is symmetric.
    values_D = np.linalg.eigvalsh(other.root @ covariance_DD @ other.root)
    gap_D = seen_ND.mean(0) - other.mean
    traces = np.trace(covariance_DD) + np.trace(other.covariance)
    return max(0.0, round(float(gap_D @ gap_D + traces - 2 * np.sqrt(values_D.clip(0)).sum()), 6))


def read_statistics(path: str | os.PathLike[str]) -> Normal:
    """Return the distribution in a file of statistics as MOSES publishes it, such as test_stats.npz.

    The file holds pickled objects: arrays, dictionaries, counts and numbers are read, nothing else. Raises `InputError`
    for a file that is not such a file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            packed = io.BytesIO(archive.read(archive.namelist()[0]))
        version = np.lib.format.read_magic(packed)
        {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version](packed)
        found = _Plain(packed, encoding="latin1").load()
        known = (found.item() if isinstance(found, np.ndarray) else found)["FCD"]
        mean_D, covariance_DD = np.asarray(known["mu"], np.float64), np.asarray(known["sigma"], np.float64)
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
        pickle.PickleError,
    ) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{str(path)!r} is not a file of statistics as MOSES publishes them: {why}",
            hint="give test_stats.npz of `cutaway data get moses`",
        ) from error
    if mean_D.shape != (_WIDTH,) or covariance_DD.shape != (_WIDTH, _WIDTH):
        why = f"{str(path)!r} has no mean and covariance of {_WIDTH} numbers"
        raise InputError(why, hint="give test_stats.npz of `cutaway data get moses`")
    return _normal(mean_D, covariance_DD)


class _Plain(pickle.Unpickler):
    """Builds arrays, counts and plain containers, and nothing that could run."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few classes that statistics are made of."""
        if (module.replace("numpy._core", "numpy.core"), name) not in _PLAIN:
            raise pickle.UnpicklingError(f"it holds a {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _normal(mean_D: Floats, covariance_DD: Floats) -> Normal:
    values_D, vectors_DD = np.linalg.eigh(covariance_DD)
    root_DD = (vectors_DD * np.sqrt(values_D.clip(0))) @ vectors_DD.T
    return Normal(mean_D, covariance_DD, root_DD)
