"""How written molecules compare with held-out ones: the measures of MOSES.

Source: Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644; the definitions are those of molsets 0.3.1. Measures
other than `valid` are of the valid molecules in their canonical form.

Axis letters: `N` molecules.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import InputError
from cutaway.evaluation import chemnet
from cutaway.evaluation.descriptions import MetricNote
from cutaway.evaluation.molecule_filters import passes_filters
from cutaway.evaluation.molecules import Molecules, canonical, cosine, mean_similarities, molecules_of, nearest
from cutaway.evaluation.sample_measures import SampleMeasure, average, jackknifed, share
from cutaway.progress import step

HEADLINE: Final = "fcd"
_Z: Final = 1.959963984540054
_ASKED: Final = 1000  # molecules of the train part whose spelling is looked at

NOTES: Final = [
    MetricNote("valid", "valid", "", "higher", 1.0, "Share of the records that RDKit accepts as a molecule."),
    MetricNote(
        "unique_1k",
        "unique@1k",
        "",
        "higher",
        1.0,
        "Share of the first 1,000 molecules that differ from all before.",
    ),
    MetricNote("unique_10k", "unique@10k", "", "higher", 1.0, "The same of the first 10,000."),
    MetricNote("novel", "novel", "", "higher", 1.0, "Share of the different molecules that are not in the train part."),
    MetricNote(
        "fcd",
        "FCD",
        "",
        "lower",
        0.0,
        "Fréchet ChemNet distance to the test molecules: do both have the same kinds of molecules in the same shares, "
        "as ChemNet sees them? With few molecules it is larger.",
    ),
    MetricNote(
        "fcd_statistics",
        "FCD to statistics",
        "",
        "lower",
        0.0,
        "The same to the statistics of a file.",
    ),
    MetricNote(
        "snn",
        "nearest neighbour (SNN)",
        "",
        "higher",
        1.0,
        "Mean Tanimoto similarity of a molecule to the most similar test molecule.",
    ),
    MetricNote(
        "fragments",
        "fragments",
        "",
        "higher",
        1.0,
        "Cosine between the counts of fragments (BRICS) of the molecules and of the test molecules.",
    ),
    MetricNote(
        "scaffolds",
        "scaffolds",
        "",
        "higher",
        1.0,
        "Cosine between the counts of scaffolds (Bemis and Murcko; two rings or more). Most scaffolds are rare: even "
        "two samples of one source are far from 1.",
    ),
    MetricNote(
        "diversity", "internal diversity", "", "test", None, "1 minus the mean Tanimoto similarity of two molecules."
    ),
    MetricNote(
        "diversity_2",
        "internal diversity 2",
        "",
        "test",
        None,
        "1 minus the root mean square of that similarity: lower if there are a few groups of molecules that are alike.",
    ),
    MetricNote(
        "filters",
        "passes filters",
        "",
        "higher",
        1.0,
        "Share of molecules without charge, large rings, unusual atoms, or groups that medicinal chemists avoid.",
    ),
]


def measures(
    samples: Sequence[Any], test: Sequence[Any], train: Sequence[Any], statistics: chemnet.Normal | None = None
) -> dict[str, SampleMeasure]:
    """Return the measures of written SMILES; with `statistics` also the distance to them. See `NOTES`.

    Raises `InputError` if a test record is not a molecule, or if RDKit or fcd_torch is not installed.
    """
    made, wanted = _read(tuple(samples)), _read(tuple(test))
    if len(wanted.smiles) < len(test):
        wrong = next(text for text in test if canonical(text) is None)
        raise InputError(f"a test record is not a molecule: {wrong!r}", hint="take it out of the file")
    count = len(made.smiles)
    different = list(dict.fromkeys(made.smiles))
    known = _known(tuple(train))
    seen_ND, normal = _seen(tuple(made.smiles)), _normal(tuple(wanted.smiles))
    found = {
        "valid": share([True] * count + [False] * (len(samples) - count)),
        "unique_1k": _unique(made.smiles[:1000]),
        "unique_10k": _unique(made.smiles[:10_000]),
        "novel": share(smiles not in known for smiles in different),
        "fcd": _distance(seen_ND, normal),
        "snn": average(nearest(made.fingerprints, wanted.fingerprints).tolist()),
        "fragments": _cosine(made.fragments, wanted.fragments),
        "scaffolds": _cosine(_counted(made), _counted(wanted)),
        "diversity": _diversity(mean_similarities(made.fingerprints, 1), 1),
        "diversity_2": _diversity(mean_similarities(made.fingerprints, 2), 2),
        "filters": share(passes_filters(one) for one in made.found),
    }
    if statistics is not None:
        found["fcd_statistics"] = _distance(seen_ND, statistics)
    return found


@functools.lru_cache(maxsize=1)
def _normal(smiles: tuple[str, ...]) -> chemnet.Normal | None:
    return chemnet.normal_of(_seen(smiles)) if len(smiles) > 1 else None


# The test molecules are read once for all that is compared with them.
_read = functools.lru_cache(maxsize=2)(molecules_of)
_seen = functools.lru_cache(maxsize=2)(chemnet.activations)


@functools.lru_cache(maxsize=1)
def _known(train: tuple[str, ...]) -> frozenset[str | None]:
    """Return the SMILES of the train part: as they stand if they are canonical but for a few, else made canonical."""
    asked = [train[i] for i in range(0, len(train), max(1, len(train) // _ASKED))]
    if sum(canonical(text) != text for text in asked) <= len(asked) / 100:
        return frozenset(train)
    with step("making the train part canonical", len(train)) as making:
        names = set[str | None]()
        for text in train:
            names.add(canonical(text))
            making.advance(1)
        return frozenset(names)


def _unique(smiles: Sequence[str]) -> SampleMeasure:
    return SampleMeasure(len(set(smiles)) / len(smiles) if smiles else None, None, None)


def _distance(seen_ND: NDArray[np.float64], other: chemnet.Normal | None) -> SampleMeasure:
    if other is None:
        return SampleMeasure(None, None, None)
    return jackknifed(lambda chosen_N: chemnet.distance(seen_ND[chosen_N], other), len(seen_ND), 0.0)


def _counted(molecules: Molecules) -> list[list[str]]:
    return [[] if scaffold is None else [scaffold] for scaffold in molecules.scaffolds]


def _cosine(parts: Sequence[Sequence[str]], others: Sequence[Sequence[str]]) -> SampleMeasure:
    wanted = Counter(name for one in others for name in one)

    def of(chosen_N: NDArray[np.int64]) -> float:
        return cosine(Counter(name for i in chosen_N for name in parts[i]), wanted)

    return jackknifed(of, len(parts), 0.0, 1.0)


def _diversity(mean_N: NDArray[np.float64], power: int) -> SampleMeasure:
    """Return 1 minus the mean of a power of similarities to the power of 1 / power.

    Each pair counts for two molecules, so the mean of all pairs varies twice as much as one over molecules (Hoeffding
    1948, doi:10.1214/aoms/1177730196).
    """
    count = len(mean_N)
    if count < 2:
        return SampleMeasure(None, None, None)
    mean, half = float(mean_N.mean()), 2 * _Z * float(mean_N.std(ddof=1)) / math.sqrt(count)
    value, low, high = (1 - max(0.0, one) ** (1 / power) for one in (mean, mean + half, mean - half))
    return SampleMeasure(value, max(0.0, low), high)
