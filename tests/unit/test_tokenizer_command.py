"""cutaway tokenizer train and check: files in, folders and reports out; and that a check finds what is wrong."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import models, normalizers, pre_tokenizers

from cutaway.errors import InputError
from cutaway.tokens import Tokenizer, bins_tokenizer, check_tokenizer, save_tokenizer, train_tokenizer, uniform_bins
from tests.unit.commands import run


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text("the cat sat on the mat\nthe dog\n")
    Path("genes.fa").write_text(">a\nATGAAAGCGTTTAAAGCGTAA\n>b\natgNNN\n")
    Path("series.csv").write_text("day,wind,rain\n1,1.5,2\n2,3,\n3,-1e300,6\n")
    Path("protein.fa").write_text(">p\nMKVLAAGG\n")
    Path("empty.txt").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["text.txt", "--vocab-size", 280], "the dog"),
        (["text.txt", "--kind", "char"], "the dog\n"),
        (["text.txt", "--kind", "word"], "dog the mat\n"),
        (["genes.fa", "--alphabet", "dna", "--vocab-size", 24], "ATGAAANN"),
        (["genes.fa", "--kind", "codon", "--frame", 1], "GATGAAANN"),
        (["genes.fa", "--kind", "kmer", "--k", 2], "ATGAAANN"),
    ],
)
def test_train_then_use(capsys: Any, files: Path, words: list[Any], text: str) -> None:
    code, out, err = run(capsys, "tokenizer", "train", *words, "-o", "made", "--json")
    assert code == 0 and err == ""
    record = json.loads(out)
    assert record["schema"] == "cutaway.saved_tokenizer/1" and record["records"] == 2
    assert record["special_tokens"] == ["<|end|>", "<unk>", "<pad>", "<mask>"]
    code, out, _ = run(capsys, "tokenize", text, "-m", "./made", "--json")
    assert code == 0 and json.loads(out)["vocab_size"] == record["vocab_size"]
    assert json.loads(out)["round_trip"] and json.loads(out)["text"] == text
    code, out, _ = run(capsys, "tokenizer", "check", "made", "-n", 300)
    assert code == 0 and "passed" in out
    code, out, _ = run(capsys, "tokenizer", "check", "made", "-n", 300, "-o", "check.csv")
    assert code == 0 and Path("check.csv").read_text().startswith(("rule,count", "\n"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["text.txt", "--vocab-size", 280],
         ["259, each a letter, a byte or a piece", "2 records of text", "every text comes back"]),
        (["text.txt", "--kind", "char"],
         ["13, each a character", "4 more that stand for no text: <|end|> <unk> <pad> <mask>", "become <unk>"]),
        (["genes.fa", "--alphabet", "dna", "--vocab-size", 24], ["20, each a letter", "2 records of DNA"]),
        (["genes.fa", "--kind", "codon"], ["each a codon", "checked on", "2 records of DNA"]),
        (["genes.fa", "--kind", "kmer", "--alphabet", "dna", "--overlapping"],
         ["each a k-mer", "other programs have to"]),
        (["protein.fa", "--kind", "char", "--alphabet", "protein"], ["each a character", "1 record of protein"]),
        (["series.csv", "--kind", "bins", "--column", "rain"], ["each a bin", "missing numbers: 1"]),
    ],
)  # fmt: skip
def test_the_report_says_what_was_learned_and_what_to_try(
    capsys: Any, files: Path, words: list[Any], said: list[str]
) -> None:
    for directory in ("made", str(files / "it's mine")):
        code, out, _ = run(capsys, "tokenizer", "train", *words, "-o", directory)
        told = " ".join(out.split())
        assert code == 0 and f"saved in {directory} (" in told
        assert [part for part in said if part not in told] == []
        _, found, line = told.partition("try next cutaway ")
        assert found
        code, out, err = run(capsys, *shlex.split(line))
        assert code == 0 and out, err


def test_train_on_series(capsys: Any, files: Path) -> None:
    words = ["series.csv", "--kind", "bins", "--column", "wind", "--column", "rain", "--bins", "quantile"]
    code, out, _ = run(capsys, "tokenizer", "train", *words, "-o", "bins")
    assert code == 0 and "missing numbers: 1" in out and "rounded by at most" in " ".join(out.split())
    code, out, _ = run(capsys, "tokenizer", "check", "bins", "-n", 200, "--json")
    found = json.loads(out)
    assert code == 0 and found["passed"] and 0 < found["worst"] <= 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["text.txt", "--vocab-size", 30, "-o", "x"], 2, "--vocab-size 260 or more"),
        (["empty.txt", "-o", "x"], 2, "empty"),
        (["nowhere.txt", "-o", "x"], 2, "there is no file 'nowhere.txt'"),
        (["text.txt", "--kind", "nonsense", "-o", "x"], 2, "'nonsense' is not one of"),
        (["text.txt"], 2, "Missing option '-o'"),
        (["text.txt", "-o", "text.txt"], 2, "not the name of a folder"),
        (["text.txt", "-o", "taken"], 2, "'taken' exists"),
        (["protein.fa", "--kind", "codon", "-o", "x"], 2, "line 2, column 4"),
        (["genes.fa", "protein.fa", "--kind", "codon", "-o", "x"], 2, "protein.fa"),
    ],
)
def test_bad_input_is_named(capsys: Any, files: Path, words: list[Any], code: int, said: str) -> None:
    Path("taken").mkdir()
    Path("taken/notes.txt").write_text("mine")
    found, out, err = run(capsys, "tokenizer", "train", *words)
    assert (found, out) == (code, "") and said in err
    assert not Path("x").exists() and Path("taken/notes.txt").read_text() == "mine"


def test_a_record_is_tokenized_and_not_its_file(capsys: Any, files: Path) -> None:
    assert run(capsys, "tokenizer", "train", "genes.fa", "--kind", "kmer", "--k", 3, "-o", "t")[0] == 0
    code, out, _ = run(capsys, "tokenize", "-f", "genes.fa", "--record", "a", "-m", "./t", "--json")
    assert code == 0 and json.loads(out)["text"] == "ATGAAAGCGTTTAAAGCGTAA" and json.loads(out)["round_trip"]
    code, _, err = run(capsys, "tokenize", "-f", "genes.fa", "-m", "./t")
    assert code == 2 and "several records, such as 'a' and 'b'" in err
    code, _, err = run(capsys, "tokenize", "atg", "-m", "./t")
    assert code == 0 and "write the sequence in capitals" in err
    code, _, err = run(capsys, "tokenize", "ATG", "-m", "./t")
    assert code == 0 and err == ""
    for given in (["ATG"], ["-f", "text.txt"]):
        code, _, err = run(capsys, "tokenize", *given, "--record", "a", "-m", "./t")
        assert code == 2 and "there is no record 'a' in a text" in err


def test_duplicates_are_renamed_on_request(capsys: Any, files: Path) -> None:
    Path("twice.fa").write_text(">a\nATGAAA\n>a\nGCGTTT\n")
    train = ["tokenizer", "train", "twice.fa", "--kind", "codon", "-o", "t"]
    assert run(capsys, *train)[0] == 2
    assert run(capsys, *train, "--rename-duplicates")[0] == 0
    compare = ["tokenizer", "compare", "twice.fa=dna", "-t", "./t", "--json"]
    assert run(capsys, *compare)[0] == 2
    assert run(capsys, *compare, "--rename-duplicates")[0] == 0
    code, _, err = run(capsys, "tokenizer", "compare", "ACGT" * 200 + "=dna", "-t", "./t")
    assert code == 2 and "there is no file" in err


@pytest.mark.parametrize("kind", ["bins", "states"])
def test_text_that_is_not_a_series_is_an_error(capsys: Any, files: Path, kind: str) -> None:
    Path("steps.txt").write_text("1\n2\n5\n")
    assert run(capsys, "tokenizer", "train", "steps.txt", "--kind", kind, "-o", "t")[0] == 0
    code, _, err = run(capsys, "tokenize", "-f", "series.csv", "-m", "./t")
    assert code == 2 and "is not a series of numbers" in err and "cutaway records" in err
    word = "b7" if kind == "bins" else "c1"
    assert run(capsys, "tokenize", word, "-m", "./t")[0] == 0


def test_molecules_are_read_unchecked_as_text(capsys: Any, files: Path) -> None:
    Path("molecules.smi").write_text("CCO ethanol\n[Na+].[Cl-] salt\n")
    words = ["molecules.smi", "--kind", "smiles", "--alphabet", "text", "--closed", "-o", "t"]
    code, out, err = run(capsys, "tokenizer", "train", *words, "--json")
    assert code == 0 and err == "" and json.loads(out)["alphabet"] == "smiles"
    vocabulary = json.loads(Path("t/tokenizer.json").read_text())["model"]["vocab"]
    assert list(vocabulary)[4:] == [".", "C", "O", "[Cl-]", "[Na+]"]


@pytest.mark.parametrize("kind", ["bpe", "char", "wordpiece", "word"])
def test_records_are_not_read_as_text_unless_requested(capsys: Any, files: Path, kind: str) -> None:
    code, _, err = run(capsys, "tokenizer", "train", "genes.fa", "--kind", kind, "--vocab-size", 700, "-o", "t")
    assert code == 2 and "'genes.fa' holds sequences, not text" in err and not Path("t").exists()
    assert ("dna" in err) == (kind != "word")
    said = ["--alphabet", "text", "--kind", kind, "--vocab-size", 700 if kind in ("bpe", "wordpiece") else 6]
    assert run(capsys, "tokenizer", "train", "genes.fa", *said, "-o", "t")[0] == 0
    Path("drugs.smi").write_text("CCO\nC[C@H](N)Cl\n")
    code, out, err = run(capsys, "tokenizer", "train", "drugs.smi", "--kind", kind, "-o", "s", "--json")
    assert (
        (json.loads(out)["alphabet"] == "smiles")
        if kind in ("bpe", "char")
        else (code == 2 and "holds sequences, not text" in err)
    )


def test_force_writes_over_a_tokenizer(capsys: Any, files: Path) -> None:
    assert run(capsys, "tokenizer", "train", "text.txt", "-o", "t")[0] == 0
    assert run(capsys, "tokenizer", "train", "genes.fa", "--kind", "codon", "-o", "t")[0] == 2
    assert run(capsys, "tokenizer", "train", "genes.fa", "--kind", "codon", "-o", "t", "--force")[0] == 0
    assert json.loads(Path("t/tokenizer_config.json").read_text())["cutaway"]["kind"] == "codon"


def test_skipped_records_are_reported(capsys: Any, files: Path) -> None:
    words = ["genes.fa", "protein.fa", "--kind", "codon", "--skip-bad", "-o", "t"]
    code, out, err = run(capsys, "tokenizer", "train", *words)
    assert code == 0 and "1 broken one left out" in out and "protein.fa" in err


def lower_casing() -> Tokenizer:
    backend = Backend(models.BPE({chr(i): i for i in range(256)}, [], unk_token="\x00"))
    backend.normalizer = normalizers.Lowercase()
    return Tokenizer(backend, {}, "lower")


def test_the_shortest_loss_is_found() -> None:
    found = check_tokenizer(lower_casing(), number=300)
    assert not found.passed
    [loss] = found.lost
    assert loss.rule == "failed" and len(loss.text) == 1 and loss.decoded != loss.text
    assert found.exact + loss.count == found.tried == 300


def test_a_rare_loss_is_shrunk_to_its_cause() -> None:
    backend = Backend(models.WordLevel({chr(i): i for i in range(1, 0x3000)}, unk_token="\x01"))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    backend = train_tokenizer(["x"], "bpe", vocab_size=261).backend
    backend.normalizer = normalizers.Replace("it's", "it is")
    found = check_tokenizer(Tokenizer(backend, {}, "contractions"), number=3_000)
    assert [loss.text for loss in found.lost] == ["it's"]
    assert found.lost[0].decoded == "it is"


def test_a_declared_loss_covers_only_its_own_kind() -> None:
    """An unknown letter is declared; what stands around it still has to come back."""
    tokenizer = train_tokenizer(["ACGT"], "char", alphabet="dna")
    tokenizer.backend.normalizer = normalizers.Replace("GG", "G")
    found = check_tokenizer(tokenizer, number=3_000)
    assert not found.passed and {loss.rule for loss in found.lost} == {"failed", "unknown"}
    assert [loss.text for loss in found.lost if loss.rule == "failed"] == ["GG"]


def test_a_wrong_bound_is_found() -> None:
    tokenizer = bins_tokenizer(uniform_bins(101))
    tokenizer.config["cutaway"]["edges"] = [2 * edge for edge in uniform_bins(101).edges]
    assert check_tokenizer(tokenizer, number=50).passed  # other bins, but the same words for them
    ids = dict(tokenizer.vocabulary)
    swapped = Backend(models.WordLevel(ids | {"b50": ids["b51"], "b51": ids["b50"]}, unk_token="<unk>"))
    swapped.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.backend = swapped
    assert check_tokenizer(tokenizer, number=50).passed  # ids are names: exchanged twice
    backwards = models.WordLevel({word: i for i, word in enumerate(sorted(ids)) if word != "b50"}, unk_token="b51")
    tokenizer.backend = Backend(backwards)
    tokenizer.backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    found = check_tokenizer(tokenizer, number=200)
    assert not found.passed and found.worst is not None and found.worst > 1
    assert found.lost[0].rule == "failed"


def test_a_failed_check_exits_with_1(capsys: Any, tmp_path: Path) -> None:
    tokenizer = lower_casing()
    save_tokenizer(tokenizer, tmp_path / "t")
    code, out, err = run(capsys, "tokenizer", "check", tmp_path / "t", "-n", 200)
    assert code == 1 and "FAILED" in out and err == ""
    code, out, _ = run(capsys, "tokenizer", "check", tmp_path / "t", "-n", 200, "--json")
    assert code == 1 and json.loads(out)["lost"][0]["rule"] == "failed"


def test_the_same_seed_tries_the_same() -> None:
    tokenizer = train_tokenizer(["a cat"], "char")
    first, second, other = (check_tokenizer(tokenizer, number=500, seed=seed).to_json() for seed in (1, 1, 2))
    assert first == second != other


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"alphabet": "runes"}, "no alphabet"),
        ({"number": 0}, "must be 1 or above"),
        ({"alphabet": "series"}, "is not a tokenizer"),
    ],
)
def test_what_can_not_be_checked_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_tokenizer(train_tokenizer(["a"], "char"), **options)


def test_a_molecule_of_a_file_is_tokenized(capsys: Any, files: Path) -> None:
    Path("two.smi").write_text("CCO ethanol\nClC=C vinyl\n")
    assert run(capsys, "tokenizer", "train", "two.smi", "--kind", "smiles", "-o", "t")[0] == 0
    code, out, _ = run(capsys, "tokenize", "-f", "two.smi", "--record", "vinyl", "-m", "./t", "--json")
    assert code == 0 and json.loads(out)["tokens"] == ["Cl", "C", "=", "C"]


def test_unknown_tokens_are_counted_and_shown(capsys: Any, files: Path) -> None:
    assert run(capsys, "tokenizer", "train", "text.txt", "--kind", "word", "-o", "t")[0] == 0
    code, out, err = run(capsys, "tokenize", "the bird sat, bird", "-m", "./t")
    assert code == 0 and "3 of them: not in the vocabulary" in out and err == ""  # bird, the comma, bird
    code, out, _ = run(capsys, "tokenize", "the bird sat, bird", "-m", "./t", "--json")
    assert json.loads(out)["unknown"] == 3 and json.loads(out)["ids"].count(json.loads(out)["unknown_id"]) == 3
    code, out, _ = run(capsys, "tokenize", "the cat", "-m", "./t")
    assert "not in the vocabulary" not in out


def test_a_written_form_is_reported(capsys: Any, files: Path) -> None:
    code, out, _ = run(capsys, "tokenizer", "train", "series.csv", "--kind", "bins", "-o", "t", "--json")
    assert code == 0 and json.loads(out)["written"] == "series of numbers, as cutaway.tokens.Bins.write writes them"
    code, out, _ = run(capsys, "tokenizer", "train", "genes.fa", "--kind", "codon", "-o", "c", "--json")
    assert code == 0 and json.loads(out)["written"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "text.txt", "genes.fa", "-o", "t"], "'genes.fa' holds sequences, not text"),
        (["compare", "text.txt=txt", "-t", "t"], "there is no alphabet 'txt'"),
        (
            ["train", "series.csv", "--kind", "states", "--angles", "--column", "distance 1 2", "-o", "t"],
            "'distance 1 2' is not an angle",
        ),
    ],
)
def test_what_is_asked_for_wrongly(capsys: Any, files: Path, words: list[str], said: str) -> None:
    assert run(capsys, "tokenizer", "train", "text.txt", "--kind", "char", "-o", "x")[0] == 0
    words = ["./x" if word == "t" and words[0] == "compare" else word for word in words]
    code, _, err = run(capsys, "tokenizer", *words)
    assert code == 2 and said in err
