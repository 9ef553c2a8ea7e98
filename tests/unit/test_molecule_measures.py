"""The measures of MOSES against other libraries, and on molecules whose values are known."""

import zipfile
from collections import Counter

import numpy as np
import pytest
from scipy.spatial.distance import cosine as cosine_distance

from cutaway.errors import InputError
from cutaway.evaluation import chemnet, evaluate_samples
from cutaway.evaluation.molecule_filters import passes_filters
from cutaway.evaluation.molecule_measures import NOTES, measures
from cutaway.evaluation.molecules import molecules_of, read_molecule
from tests.unit import molecules

Chem = pytest.importorskip("rdkit.Chem")
fcd_torch = pytest.importorskip("fcd_torch")
from rdkit import DataStructs  # noqa: E402
from rdkit.Chem import AllChem, FilterCatalog  # noqa: E402
from rdkit.Chem.Scaffolds import MurckoScaffold  # noqa: E402

ALL = sorted({Chem.MolToSmiles(Chem.MolFromSmiles(one)) for one in molecules.ALL if Chem.MolFromSmiles(one)})
ALL = [ALL[i] for i in np.random.default_rng(3).permutation(len(ALL))]
TEST, TRAIN, MADE = ALL[:60], ALL[60:120], ALL[120:180]


def values(samples, test=TEST, train=TRAIN):
    return {key: one.value for key, one in measures(samples, test, train).items()}


def test_the_test_molecules_against_themselves_have_the_best_values():
    found = values(TEST)
    best = {note.key: note.best for note in NOTES if note.key in found and note.best is not None}
    assert set(found) == {note.key for note in NOTES} - {"fcd_statistics"}
    for key in set(best) - {"filters", "fcd"}:
        assert found[key] == pytest.approx(best[key]), key
    assert found["fcd"] == 0 and measures(TEST, TEST, TRAIN)["scaffolds"].high <= 1
    assert values(TRAIN)["novel"] == 0


def test_invalid_and_repeated_records_count_as_the_definitions_say():
    broken = ["C1CC", "", None, "c1cc", "CC(C)(C)(C)C", "hello", "CCO CCN"]
    found = values([*MADE[:50], *broken, *MADE[:43]])
    assert found["valid"] == 93 / 100
    assert found["unique_1k"] == found["unique_10k"] == 50 / 93
    assert found["novel"] == 1
    assert values([*TRAIN[:20], *MADE[:20], *MADE[:20]])["novel"] == 0.5
    other = [Chem.MolToSmiles(Chem.MolFromSmiles(one), doRandom=True) for one in TRAIN[:20]]
    assert any(one not in TRAIN for one in other)
    assert values(other)["novel"] == 0, "another spelling of a known molecule is known"
    same = values([TEST[0]] * 40)
    assert same["diversity"] == pytest.approx(0) and same["snn"] == 1 and same["unique_1k"] == 1 / 40


def test_what_is_not_defined_has_no_value():
    found = values(["C1CC"] * 3)
    assert found["valid"] == 0
    assert {key for key, value in found.items() if value is None} == set(found) - {"valid"}
    with pytest.raises(InputError, match="a test record is not a molecule: 'C1CC'"):
        measures(MADE, [*TEST, "C1CC"], TRAIN)


def test_a_train_part_that_is_not_canonical_is_made_so():
    spelled = [Chem.MolToSmiles(Chem.MolFromSmiles(one), doRandom=True) for one in TRAIN]
    assert values(TRAIN, train=spelled)["novel"] == 0


def test_similarities_fragments_and_scaffolds_are_those_of_rdkit_and_scipy():
    def prints(smiles):
        return [AllChem.GetMorganFingerprintAsBitVect(Chem.MolFromSmiles(one), 2, nBits=1024) for one in smiles]

    def counted(smiles, parts):
        return Counter(part for one in smiles for part in parts(Chem.MolFromSmiles(one)))

    def scaffold(molecule):
        found = MurckoScaffold.GetScaffoldForMol(molecule)
        return [Chem.MolToSmiles(found)] if found.GetRingInfo().NumRings() >= 2 else []

    def cosine(one, other):
        names = sorted(set(one) | set(other))
        return 1 - cosine_distance([one[name] for name in names], [other[name] for name in names])

    def fragments(molecule):
        return Chem.MolToSmiles(AllChem.FragmentOnBRICSBonds(molecule)).split(".")

    found = values(MADE)
    made, test = prints(MADE), prints(TEST)
    assert found["snn"] == pytest.approx(np.mean([max(DataStructs.BulkTanimotoSimilarity(one, test)) for one in made]))
    similar = np.array([DataStructs.BulkTanimotoSimilarity(one, made) for one in made])
    assert found["diversity"] == pytest.approx(1 - similar.mean(), abs=1e-6)
    assert found["diversity_2"] == pytest.approx(1 - np.sqrt((similar**2).mean()), abs=1e-6)
    assert found["fragments"] == pytest.approx(cosine(counted(MADE, fragments), counted(TEST, fragments)))
    assert found["scaffolds"] == pytest.approx(cosine(counted(MADE, scaffold), counted(TEST, scaffold)))


@pytest.mark.filterwarnings("ignore")
def test_the_distance_is_that_of_fcd_torch():
    wanted = fcd_torch.FCD(canonize=True)(ref=TEST, gen=MADE)
    assert values(MADE)["fcd"] == pytest.approx(wanted, rel=1e-3)


def test_the_distance_of_normal_distributions_is_the_formula_of_one_dimension():
    random_ND = np.random.default_rng(0).normal(size=(500, 3)) * [1.0, 2.0, 0.5] + [0, 1, -1]
    other = chemnet.normal_of(random_ND * [1.0, 3.0, 1.0])
    whole = chemnet.distance(random_ND, other)
    # Along the second axis the deviation is three times as large, and so is the mean; the rest is the same.
    spread, middle = random_ND[:, 1].std(ddof=1), random_ND[:, 1].mean()
    assert whole == pytest.approx((2 * spread) ** 2 + (2 * middle) ** 2, rel=0.02)
    assert chemnet.distance(random_ND, chemnet.normal_of(random_ND)) == pytest.approx(0, abs=1e-9)


def test_the_filters_refuse_what_they_say():
    catalog = FilterCatalog.FilterCatalogParams()
    catalog.AddCatalog(FilterCatalog.FilterCatalogParams.FilterCatalogs.PAINS)
    pains = FilterCatalog.FilterCatalog(catalog)
    passed = {smiles: passes_filters(Chem.MolFromSmiles(smiles)) for smiles in ALL}
    assert 20 < sum(passed.values()) < len(ALL) - 20
    assert not any(pains.HasMatch(Chem.MolFromSmiles(smiles)) for smiles, well in passed.items() if well)
    for bad in ("CC=O", "C1CO1", "CN=C=O", "CSSC", "CC[N+](C)(C)C", "C1CCCCCCC1", "C[Si](C)(C)C", "CC1CN1", "CN=NC"):
        assert not passes_filters(read_molecule(bad)), bad
    for good in ("CCO", "c1ccccc1", "CC(=O)Nc1ccccc1", "C1CCCCCC1"):
        assert passes_filters(read_molecule(good)), good


def test_statistics_are_read_without_running_anything(tmp_path):
    seen_ND = chemnet.activations(TEST)
    stats = {"FCD": {"mu": seen_ND.mean(0), "sigma": np.cov(seen_ND.T)}, "Frag": {"frag": Counter("ab")}}
    np.savez(tmp_path / "stats.npz", stats=np.array(stats, dtype=object))
    found = measures(MADE, TEST, TRAIN, chemnet.read_statistics(tmp_path / "stats.npz"))
    assert found["fcd_statistics"].value == pytest.approx(found["fcd"].value, rel=1e-6)

    class Harmful:
        def __reduce__(self):
            return (print, ("it ran",))

    np.savez(tmp_path / "bad.npz", stats=np.array({"FCD": Harmful()}, dtype=object))
    (tmp_path / "text.npz").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "empty.npz", "w") as archive:
        archive.writestr("a.npy", b"")
    np.savez(tmp_path / "small.npz", stats=np.array({"FCD": {"mu": np.zeros(3), "sigma": np.eye(3)}}, dtype=object))
    for name, said in (
        ("bad", "it holds a"),
        ("text", "not a file of"),
        ("empty", "not a file of"),
        ("small", "no mean"),
    ):
        with pytest.raises(InputError, match=said):
            chemnet.read_statistics(tmp_path / f"{name}.npz")


def test_intervals_narrow_with_the_number_of_molecules():
    few, many = measures(MADE[:45], TEST, TRAIN), measures(ALL, TEST, TRAIN)
    for key in ("valid", "snn", "filters", "diversity"):
        assert few[key].low <= few[key].value <= few[key].high
        assert few[key].high - few[key].low > many[key].high - many[key].low, key


def test_molecules_are_evaluated_by_these_measures(tmp_path):
    for name, lines in (("test", TEST), ("train", TRAIN), ("made", [*MADE, "C1CC"])):
        (tmp_path / f"{name}.smi").write_text("".join(f"{one} {name}{i}\n" for i, one in enumerate(lines)))
    files = {name: str(tmp_path / f"{name}.smi") for name in ("test", "train", "made")}
    found = evaluate_samples(None, files["test"], train_data=files["train"], samples=files["made"])
    assert found.alphabet == "smiles" and found.metrics["valid"].value == 60 / 61
    assert found.baselines["test"]["snn"].value == 1 and found.baselines["train"]["novel"].value == 0
    assert found.baselines["shuffled"]["valid"].value < 0.3
    assert found.baselines["shuffled"]["valid"].value < found.baselines["markov"]["valid"].value
    assert "the last 10 letters" in found.made["markov"]
    assert found.verdict.startswith("FCD: ")


def test_molecules_of_no_text_are_none():
    assert molecules_of([]).fingerprints.shape == (0, 1024)
