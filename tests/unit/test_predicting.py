"""`predict`: numbers and labels of many records against transformers; intervals that cover; what is far or refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

import cutaway
from cutaway.errors import CorruptFile, InputError, MissingText, PromptTooLong, WrongKind
from cutaway.prediction.basis import Band, Basis, bands_of, read_basis
from cutaway.prediction.fingerprints import fingerprints, most_similar
from cutaway.sequences.alphabets import CHECKS
from cutaway.tokens import save_tokenizer, train_tokenizer
from tests.unit.commands import run

MOLECULES = ["CCO", "CCN", "c1ccccc1", "CC(=O)O", "ClCCl", "CC(C)C", "CCCC", "OCCO", "NCCN", "c1ccncc1"]


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT that gives one number for a SMILES."""
    from cutaway.training.run_tokenizer import ready

    folder = tmp_path_factory.mktemp("models") / "numbers"
    tokenizer = ready(train_tokenizer(MOLECULES, "smiles", alphabet="smiles"), "numbers")
    save_tokenizer(tokenizer, folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer.vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=24, num_labels=1, problem_type="regression",
        initializer_range=0.4, pad_token_id=tokenizer.special_id("pad"),
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def by_transformers(folder: Path, texts: list[str]) -> list[float]:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    module = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return [float(module(torch.tensor([tokenizer(text)["input_ids"]])).logits[0, 0]) for text in texts]


def test_numbers_are_those_of_transformers_one_by_one(regression):
    result = cutaway.predict(MOLECULES, regression)
    assert result.objective == "numbers" and result.alphabet == "smiles"
    assert [one.number for one in result.records] == pytest.approx(by_transformers(regression, MOLECULES), abs=1e-5)
    assert [(one.low, one.similarity, one.label) for one in result.records] == [(None, None, None)] * len(MOLECULES)
    assert "calibrate" in result.notes[0]


def test_labels_are_those_of_classify(tiny_bert_classifier, tmp_path):
    texts = ["a dull film", "lovely", "no"]
    (tmp_path / "said.txt").write_text("\n".join(texts))
    result = cutaway.predict(data=tmp_path / "said.txt", model=tiny_bert_classifier)
    for one, text in zip(result.records, texts, strict=True):
        alone = cutaway.classify(text, str(tiny_bert_classifier))
        assert one.sequence == text and (one.label, one.number) == (alone.label, None)
        assert one.probabilities == pytest.approx(alone.probabilities, abs=1e-6)
        assert one.score == pytest.approx(alone.score, abs=1e-6)
    result.save(tmp_path / "said.csv")
    with (tmp_path / "said.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [one.label for one in result.records]
    assert float(rows[0]["p(POSITIVE)"]) == pytest.approx(result.records[0].probabilities[1])


def test_a_morgan_fingerprint_is_rdkits_and_so_is_the_similarity():
    rdkit = pytest.importorskip("rdkit")
    from rdkit import Chem, DataStructs
    from rdkit.Chem import rdFingerprintGenerator

    assert rdkit
    made = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    own = [made.GetFingerprint(Chem.MolFromSmiles(smiles)) for smiles in MOLECULES]
    bits = fingerprints(MOLECULES, "smiles")
    assert [sorted(np.flatnonzero(row)) for row in np.unpackbits(bits, axis=1)] == [list(f.GetOnBits()) for f in own]
    at, similarity = most_similar(bits[:3], bits[3:])
    for i in range(3):
        alike = DataStructs.BulkTanimotoSimilarity(own[i], own[3:])
        assert similarity[i] == pytest.approx(max(alike)) and alike[at[i]] == max(alike)


def test_intervals_cover_new_records_and_are_wider_for_unlike_ones():
    """Errors that grow as records get less similar: each band covers by itself."""
    rng = np.random.default_rng(0)

    def drawn(count):
        similarity = rng.random(count)
        return similarity, rng.normal(size=count) * (2 - similarity)

    bands = bands_of(*drawn(600), level=0.9)
    assert len(bands) == 3 and [band.records for band in bands] == [200] * 3
    assert bands[0].width > bands[1].width > bands[2].width
    basis = Basis("text", np.zeros((1, 128), np.uint8), ["x"], frozenset(), 0.9, bands, 0.0)
    similarity, errors = drawn(6000)
    inside = np.array([abs(error) <= basis.width(one) for one, error in zip(similarity, errors, strict=True)])
    for part in (similarity < 1 / 3, similarity > 2 / 3, similarity >= 0):
        assert 0.85 < inside[part].mean() < 0.95
    assert bands_of(np.ones(99), np.arange(99.0)) == [Band(0.0, 89.0, 99)]
    with pytest.raises(InputError, match="49 held-out records"):
        bands_of(np.ones(49), np.ones(49))


def test_a_calibrated_model_gives_intervals_and_says_what_is_far(regression, tmp_path):
    pytest.importorskip("rdkit")
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in regression.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    held = [f"{'C' * (1 + i % 12)}{'ON'[i // 12 % 2]}{'C' * (i // 24)}" for i in range(60)]
    true = by_transformers(folder, held)
    with (tmp_path / "held.csv").open("w") as file:
        file.write(
            "smiles,y\n" + "".join(f"{s},{y + i / 59:.6f}\n" for i, (s, y) in enumerate(zip(held, true, strict=True)))
        )
    (tmp_path / "train.csv").write_text("smiles,y\n" + "".join(f"{s},{i}\n" for i, s in enumerate(MOLECULES)))
    cutaway.calibrate(
        folder, tmp_path / "train.csv", tmp_path / "held.csv", label_column="y", column="smiles", unit="K",
        quantity="melting point",
    )  # fmt: skip
    assert not list(folder.glob("*.part"))
    result = cutaway.predict(["CCO", "FC(F)(F)F"], folder)
    known, far = result.records
    assert (result.unit, result.quantity, result.level) == ("K", "melting point", 0.9)
    assert known.similarity == 1 and known.nearest == "0" and not known.warnings
    assert known.high - known.number == pytest.approx(known.number - known.low) == pytest.approx(54 / 59, abs=1e-4)
    assert any("unlike the training records" in warning for warning in far.warnings)
    assert far.unseen == 4 and any("no training record has 4" in warning for warning in far.warnings)
    (folder / "basis.npz").write_bytes(b"cut off")
    with pytest.raises(CorruptFile, match=r"basis\.npz"):
        read_basis(folder)


def test_a_classifier_has_similarities_but_no_interval(tiny_bert_classifier, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in tiny_bert_classifier.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    for name, texts in (("train", ["good film", "bad film"]), ("held", ["good cat", "poor cat"])):
        (tmp_path / f"{name}.csv").write_text("text,label\n" + "".join(f"{text},POSITIVE\n" for text in texts))
    cutaway.calibrate(folder, tmp_path / "train.csv", tmp_path / "held.csv", label_column="label", column="text")
    result = cutaway.predict("bad film", folder)
    assert result.level is None and result.records[0].similarity == 1 and result.records[0].nearest == "POSITIVE"


def test_what_is_refused_is_one_clear_line(regression, tiny_gpt2, tiny_bert_classifier, tmp_path):
    pytest.importorskip("rdkit")
    assert CHECKS["smiles"]("CC")  # RDKit is there
    with pytest.raises(InputError, match=r"sequence 2: RDKit refuses 'C\(C\)\(C\)\(C\)\(C\)C'"):
        cutaway.predict(["CC", "C(C)(C)(C)(C)C"], regression)
    result = cutaway.predict(["CC", "C(C)(C)(C)(C)C", "", "C" * 40], regression, skip_bad=True)
    assert [one.id for one in result.records] == ["1"] and [one.id for one in result.refused] == ["2", "3", "4"]
    with pytest.raises(PromptTooLong, match="record '1'"):
        cutaway.predict("C" * 40, regression)
    cut = cutaway.predict("C" * 40, regression, truncate="right").records[0]
    assert cut.cut == 40 + 2 - 24 and "cut off" in cut.warnings[0]
    with pytest.raises(MissingText):
        cutaway.predict([], regression)
    with pytest.raises(MissingText, match="were refused"):
        cutaway.predict(["CX"], regression, skip_bad=True)
    with pytest.raises(WrongKind, match="no head"):
        cutaway.predict("CC", tiny_gpt2)
    with pytest.raises(InputError, match="alphabet 'runes'"):
        cutaway.predict("CC", regression, alphabet="runes")
    (tmp_path / "two.smi").write_text("CC one\nCXC two\n")
    with pytest.raises(InputError, match="two"):
        cutaway.predict(data=tmp_path / "two.smi", model=regression)
    left = cutaway.predict(data=tmp_path / "two.smi", model=regression, skip_bad=True)
    assert [one.id for one in left.records] == ["one"] and "CXC" in left.refused[0].why


def test_the_command_prints_a_line_a_record(regression, capsys):
    pytest.importorskip("rdkit")
    code, out, err = run(capsys, "predict", "CCO", "CCN", "-m", str(regression), "--json")
    assert code == 0, err
    said = json.loads(out)
    assert said["schema"] == "cutaway.prediction/1" and len(said["records"]) == 2
    code, out, err = run(capsys, "predict", "CCO", "-m", str(regression))
    assert code == 0 and "CCO" in out and "number" in out, err
    code, out, err = run(capsys, "predict", "C(C)(C)(C)(C)C", "-m", str(regression))
    assert code == 2 and "RDKit refuses" in err and "Traceback" not in err


def test_classify_takes_the_sentiment_model_unless_told_otherwise(tiny_bert_classifier, tmp_path, monkeypatch, capsys):
    """Without model and labels; a tiny classifier stands in the package for the one that ships."""
    monkeypatch.setattr("cutaway.models.shipped_models.FOLDER", tmp_path)
    folder = tmp_path / "movie-sentiment"
    folder.mkdir()
    for file in tiny_bert_classifier.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "cutaway.json").write_text(json.dumps({
        "name": "movie-sentiment", "kind": "classifier", "domain": "text", "task": "classify", "parameters": 1,
        "description": "a test", "headline": "", "licence": "MIT", "citation": "",
    }))  # fmt: skip
    result = cutaway.classify("lovely film")
    assert result.model == "movie-sentiment" and result.labels == ["NEGATIVE", "POSITIVE"]
    code, out, err = run(capsys, "classify", "lovely film", "--json")
    assert code == 0, err
    assert json.loads(out)["logits"] == pytest.approx(result.logits)
    monkeypatch.setenv("CUTAWAY_MODEL", "./nowhere")  # somebody chose
    code, _, err = run(capsys, "classify", "lovely film")
    assert code != 0 and "nowhere" in err
