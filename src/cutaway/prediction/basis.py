"""What a model with a head was trained on, kept beside its weights in `basis.npz`: how far to trust its predictions.

It holds fingerprints of the training records with their labels or numbers, not the records themselves, and the errors
on records that were held out: from these come intervals (split conformal prediction: Lei et al. 2018,
doi:10.1080/01621459.2017.1307116), for bands of similarity each its own (Vovk et al. 2005, Mondrian).
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import CorruptFile, InputError
from cutaway.prediction.fingerprints import BITS, Bits

FILE = "basis.npz"
LEVEL = 0.9
FEWEST = 50  # held-out records in a band
_BANDS = 3
_FAR = 0.05


@dataclasses.dataclass(frozen=True)
class Band:
    """Held-out records whose similarity to the nearest training record is at least `least`: how many, and `width`.

    The share `level` of their errors is at most `width`.
    """

    least: float
    width: float
    records: int


@dataclasses.dataclass(frozen=True, eq=False)
class Basis:
    """Fingerprints and labels (or numbers) of N training records, and what the held-out records say.

    `bands` go from the least similar records to the most similar; a classifier has none. Below the similarity `far` are
    5 % of the held-out records. `seen` are the ids of tokens that training records have. `quantity` and `unit` say what
    a number is.
    """

    alphabet: str
    bits: Bits
    labels: list[str]
    seen: frozenset[int]
    level: float
    bands: list[Band]
    far: float
    quantity: str = ""
    unit: str = ""

    def width(self, similarity: float) -> float | None:
        """Return the half-width of the interval of a record of this similarity; None for a classifier."""
        found = [band.width for band in self.bands if similarity >= band.least] or [b.width for b in self.bands[:1]]
        return found[-1] if found else None

    def save(self, folder: Path) -> None:
        """Write the basis into a model's folder, whole or not at all."""
        about = {key: value for key, value in dataclasses.asdict(self).items() if key not in ("bits", "labels", "seen")}
        names = sorted(set(self.labels))
        held = {
            "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
            "names": np.frombuffer("\n".join(names).encode(), np.uint8),
            "labels": np.searchsorted(np.array(names), np.array(self.labels)).astype(np.uint16),
            "bits": self.bits,
            "seen": np.array(sorted(self.seen), np.int32),
        }
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **held)  # type: ignore[arg-type]
        aside = folder / f"{FILE}.part"
        aside.write_bytes(buffer.getvalue())
        aside.rename(folder / FILE)


def bands_of(similarity: NDArray[np.float64], errors: NDArray[np.float64], level: float = LEVEL) -> list[Band]:
    """Return at most three bands of equally many held-out records, each of at least 50.

    The width is the ⌈(n + 1) · level⌉-th smallest absolute error: a new record like these is within it with at least
    the probability `level`. Raises `InputError` if there are too few records for that.

    >>> bands_of(np.linspace(0, 1, 99), np.arange(99.0), 0.9)
    [Band(least=0.0, width=89.0, records=99)]
    """
    if len(errors) < FEWEST:
        raise InputError(
            f"there are {len(errors)} held-out records",
            hint=f"give at least {FEWEST}: intervals come from their errors",
        )
    count = max(1, min(_BANDS, len(errors) // FEWEST // 2))
    edges = np.quantile(similarity, np.arange(1, count) / count)
    at = np.searchsorted(edges, similarity, side="right")
    found = []
    for band in range(count):
        inside = np.sort(np.abs(errors[at == band]))
        if len(inside) < FEWEST:  # many records of the same similarity: they are in one band
            return [_band(0.0, np.sort(np.abs(errors)), level)]
        found.append(_band(float(edges[band - 1]) if band else 0.0, inside, level))
    return found


def _band(least: float, sorted_errors: NDArray[np.float64], level: float) -> Band:
    rank = min(len(sorted_errors), math.ceil((len(sorted_errors) + 1) * level))
    return Band(least, float(sorted_errors[rank - 1]), len(sorted_errors))


def far_from(similarity: NDArray[np.float64]) -> float:
    """Return the similarity below which are 5 % of the held-out records."""
    return float(np.quantile(similarity, _FAR))


def read_basis(folder: Path | None) -> Basis | None:
    """Return the basis in a model's folder, or None if there is none. Raises `CorruptFile` for a damaged one."""
    if folder is None or not (file := folder / FILE).is_file():
        return None
    try:
        with np.load(file) as held:
            about: dict[str, Any] = json.loads(held["about"].tobytes())
            names = held["names"].tobytes().decode().split("\n")
            labels = [names[i] for i in held["labels"]]
            bits, seen = held["bits"], frozenset(held["seen"].tolist())
        if bits.shape != (len(labels), BITS // 8):
            raise ValueError(f"{len(labels)} labels for fingerprints of shape {bits.shape}")
        bands = [Band(**band) for band in about.pop("bands")]
        return Basis(bits=bits, labels=labels, seen=seen, bands=bands, **about)
    except Exception as error:  # numpy, zipfile and json have errors of their own
        raise CorruptFile(
            f"{str(file)!r} is damaged: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            hint="remove it to predict without intervals, or get the model anew",
        ) from error
