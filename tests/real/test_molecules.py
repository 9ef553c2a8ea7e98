"""Molecules of MOSES are seen as those who published them saw them: their statistics are the reference."""

import io
import zipfile
from collections import Counter

import numpy as np
import pytest

from cutaway.evaluation import chemnet
from cutaway.evaluation.markov_records import markov_records, order_for
from cutaway.evaluation.molecule_filters import passes_filters
from cutaway.evaluation.molecule_measures import measures
from cutaway.evaluation.molecules import canonical, cosine, molecules_of
from cutaway.models import cache, get_data
from cutaway.sequences import read_records

pytestmark = pytest.mark.real
pytest.importorskip("rdkit")
pytest.importorskip("fcd_torch")
MANY = 600


@pytest.fixture(scope="module")
def moses():
    return {}


@pytest.fixture
def published(_users_cache, moses):
    """Return the test records of MOSES, a sample of them, and what MOSES publishes of all."""
    if cache.record("moses-0.3.1", "data") is None:
        pytest.skip("MOSES is not in the cache: cutaway data get moses")
    if not moses:
        folder = get_data("moses").path
        texts = [record.sequence for record in read_records(f"{folder}/test.csv.gz", "text", column="SMILES")]
        with zipfile.ZipFile(f"{folder}/test_stats.npz") as archive:
            packed = io.BytesIO(archive.read("stats.npy"))
        np.lib.format.read_magic(packed)
        np.lib.format.read_array_header_1_0(packed)
        known = chemnet._Plain(packed, encoding="latin1").load().item()
        rows = np.random.default_rng(0).choice(len(texts), MANY, replace=False)
        moses |= {"folder": folder, "texts": texts, "known": known, "rows": rows}
        moses["molecules"] = molecules_of([texts[i] for i in rows])
    return moses


def test_fingerprints_are_the_published_ones(published):
    wanted = published["known"]["SNN"]["fps"][published["rows"]]
    assert np.array_equal(published["molecules"].fingerprints, wanted)


def test_fragments_and_scaffolds_are_among_the_published_ones(published):
    molecules, known = published["molecules"], published["known"]
    fragments = Counter(name for one in molecules.fragments for name in one)
    assert set(fragments) <= set(known["Frag"]["frag"])
    assert cosine(fragments, known["Frag"]["frag"]) > 0.99
    scaffolds = Counter(name for name in molecules.scaffolds if name)
    assert set(scaffolds) <= set(known["Scaf"]["scaf"])
    # Of all test molecules 163,412 have a scaffold of two rings or more.
    assert sum(scaffolds.values()) / MANY == pytest.approx(163_412 / 176_074, abs=0.04)


def test_all_molecules_of_moses_pass_its_filters(published):
    assert all(passes_filters(one) for one in published["molecules"].found)


def test_chemnet_sees_the_published_mean_and_spread(published):
    seen_ND = chemnet.activations(published["molecules"].smiles)
    known = published["known"]["FCD"]
    gap_D = (seen_ND.mean(0) - known["mu"]) / (np.sqrt(np.diag(known["sigma"]) / MANY) + 1e-6)
    assert np.abs(gap_D).max() < 5 and gap_D.std() == pytest.approx(1, abs=0.35)
    spread_D, wanted_D = seen_ND.var(0, ddof=1), np.diag(known["sigma"])
    assert spread_D.sum() / wanted_D.sum() == pytest.approx(1, abs=0.15)
    statistics = chemnet.read_statistics(f"{published['folder']}/test_stats.npz")
    # The distance of a sample to its own source shrinks as one over its size: 1.2 at 1,000 molecules.
    assert chemnet.distance(seen_ND, statistics) == pytest.approx(1200 / MANY, rel=0.2)


def test_half_of_the_test_molecules_are_as_good_as_the_other_half(published):
    texts = published["molecules"].smiles
    found = {key: one.value for key, one in measures(texts[:300], texts[300:], ["C"]).items()}
    assert found["valid"] == found["unique_1k"] == found["novel"] == found["filters"] == 1
    # MOSES publishes these of 1.6 million; of 300 the pairs of a molecule with itself count for more.
    first, second = 1 - 0.856675535150156, (1 - 0.8507542837548052) ** 2
    assert found["diversity"] == pytest.approx(1 - (first * 299 + 1) / 300, abs=0.005)
    assert found["diversity_2"] == pytest.approx(1 - ((second * 299 + 1) / 300) ** 0.5, abs=0.005)
    assert found["fragments"] > 0.98 and 0.3 < found["snn"] < 0.642


def test_a_markov_chain_of_order_10_writes_as_the_published_n_gram_model(published):
    train = published["texts"]
    written = markov_records(train, 2000, order=order_for("smiles"), seed=0)
    valid = [name for text in written if (name := canonical(text))]
    # MOSES publishes 0.2376 valid, 0.974 unique of 1,000 and 0.969 novel.
    assert len(valid) / 2000 == pytest.approx(0.2376, abs=0.04)
    assert len(set(valid)) / len(valid) > 0.95 and len(set(valid) - set(train)) / len(set(valid)) > 0.9
