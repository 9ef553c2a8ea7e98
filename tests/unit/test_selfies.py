"""Molecules through SELFIES: the same molecule comes back, what can't be written is named, nothing is lost unsaid."""

from __future__ import annotations

import itertools
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import selfies
import transformers
from rdkit import Chem
from tokenizers import normalizers

from cutaway.errors import BadSequence, InputError
from cutaway.extras import install_line
from cutaway.tokens import (
    Sample,
    Tokenizer,
    adversarial_input,
    check_tokenizer,
    compare_tokenizers,
    read_sample,
    save_tokenizer,
    selfies_smiles,
    selfies_symbols,
    selfies_text,
    tokenize,
    train_tokenizer,
)
from cutaway.tokens.selfies import SYMBOL, places
from tests.unit import molecules
from tests.unit.commands import run

LEARNED = molecules.MEDICINES + molecules.CHARGES_AND_SALTS
UNWRITABLE = [
    ("*c1ccccc1", 1, r"unrecognized symbol '\*'"),
    ("C[*:1]", 2, r"invalid atom symbol '\[\*:1\]'"),
    ("[Rh-](Cl)(Cl)$[C]", 14, r"unrecognized symbol '\$'"),
    ("C[C@TH1H](F)Cl", 2, "invalid atom symbol"),
    ("C%(123)CCC%(123)", 2, "invalid ring number"),
    ("CCO.CC(=O)O>[H+]>CCOC(C)=O.O", 12, "unrecognized symbol '>'"),
    ("OCl(=O)(=O)=O", 1, "Cl has 7 bonds; at most 1"),
    ("CN(=O)=O", 1, "N has 5 bonds; at most 3"),
    ("c1ccccc1c", 1, "kekulization failed"),
    ("C1CC", 2, "hanging ring number '1'"),
    ("[CH3:1][OH:2]", 1, r"decoded as '\[CH3\]\[OH1\]', which RDKit reads as a different"),
    ("[C+10]", 1, r"invalid symbol '\[C\+10\]'"),
    ("C11", 1, "not a SMILES"),
    ("(" * 2000 + "C", 1, "non-atom"),
    ("C(" * 2000 + "C" + ")C" * 2000, 1, "nested too deeply"),
    ("C²CC²", 1, "RDKit reads as a different"),
    ("[c-]1[p-][c-][o+]b1", 1, "RDKit reads as a different"),
    ("CC O", 3, "unrecognized symbol ' '"),
]


def canonical(smiles: str) -> str:
    molecule = Chem.MolFromSmiles(smiles)
    assert molecule is not None, smiles
    return str(Chem.MolToSmiles(molecule))


def back(tokenizer: Tokenizer, smiles: str) -> str:
    """Return a SMILES after the whole way: SELFIES, ids, SELFIES, SMILES."""
    written = selfies_text(smiles)
    ids = tokenizer.encode(written).ids
    text = tokenizer.decode(ids, skip_special_tokens=False)
    assert text == written
    return selfies_smiles(text)


def chance_molecules(count: int, seed: int, more: list[str]) -> list[str]:
    """Return SMILES of random strings of symbols, those that RDKit takes, in RDKit's own random spelling."""
    chance = random.Random(seed)  # noqa: S311
    symbols = sorted(selfies.get_semantic_robust_alphabet()) + more
    found: list[str] = []
    while len(found) < count:
        molecule = Chem.MolFromSmiles(selfies.decoder("".join(chance.choices(symbols, k=chance.randint(1, 40)))))
        smiles = "" if molecule is None else Chem.MolToSmiles(molecule, doRandom=True, canonical=False)
        if smiles and ">" not in smiles and "<" not in smiles:
            found.append(smiles)
    return found


@pytest.mark.parametrize(
    "tokenizer",
    [selfies_symbols(molecules.ALL), selfies_symbols(LEARNED), selfies_symbols(molecules.ALL, closed=True)],
    ids=["all", "some", "closed"],
)
def test_every_molecule_comes_back(tokenizer: Tokenizer) -> None:
    assert len(set(molecules.ALL)) > 300
    for smiles in molecules.ALL:
        assert canonical(back(tokenizer, smiles)) == canonical(smiles)
        assert 1 not in tokenizer.encode(selfies_text(smiles)).ids


@pytest.mark.parametrize(
    "more",
    [[], ["[C@H1]", "[C@@H1]", "[/C]", "[\\C]", "[=C]", "[/F]", "[\\F]", "[N@+1]", "[13C]", "[2H]", "[Se]", "."]],
)
def test_random_molecules_come_back(more: list[str]) -> None:
    tokenizer, refused = selfies_symbols(molecules.STEREO), 0
    for smiles in chance_molecules(1200, 4, more):
        try:
            assert canonical(back(tokenizer, smiles)) == canonical(smiles)
        except BadSequence as error:  # the library finds other bonds than RDKit in some odd rings: [c-]1[p-][c-][o+]b1
            refused += 1
            assert "which RDKit reads as a different molecule" in error.message and re.search("[bcnops]", smiles)
    assert refused < 12


def test_a_symbol_is_a_token() -> None:
    tokenizer = selfies_symbols(["C[C@H](N)C(=O)O", "[Na+].[Cl-]"])
    tokens = tokenizer.encode("[C][C@H1].[Na+1][Xe]").tokens
    assert tokens == ["[C]", "[C@H1]", ".", "[Na+1]", "[", "X", "e", "]"]
    robust = selfies.get_semantic_robust_alphabet()
    assert robust < set(tokenizer.vocabulary) and len(tokenizer.vocabulary) == 4 + len(robust) + 94 + 3
    closed = selfies_symbols(["C[C@H](N)C(=O)O"], closed=True)
    assert closed.encode("[C][C@H1].[Na+1][Xe]").tokens == ["[C]", "[C@H1]", ".", "<unk>", "<unk>"]
    few = selfies_symbols(["[Na+].[Cl-].[Na+]"], len(robust) + 6, closed=True)
    assert "[Na+1]" in few.vocabulary and "[Cl-1]" not in few.vocabulary
    with pytest.raises(InputError, match="is 90, too small: 163 fixed tokens and 4 special tokens are 167"):
        selfies_symbols(["C"], 90)


@pytest.mark.parametrize("closed", [False, True])
def test_auto_tokenizer_gives_the_same_ids(closed: bool, tmp_path: Path) -> None:
    ours = train_tokenizer(LEARNED, "selfies", closed=closed)
    saved = save_tokenizer(ours, tmp_path / "t")
    assert (saved.kind, saved.alphabet, set(saved.loses)) == ("selfies", "smiles", {"unknown", "spelling"})
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "t")
    again = Tokenizer.from_directory(tmp_path / "t")
    assert len(theirs) == saved.vocab_size == len(ours.vocabulary)
    texts = [selfies_text(smiles) for smiles in molecules.ALL]
    for text in texts + list(itertools.islice(adversarial_input.strings("selfies", 7, ["<|end|>", "<mask>"]), 200)):
        ids = ours.encode(text).ids
        assert theirs(text)["input_ids"] == ids == again.encode(text).ids
        assert theirs.decode(ids) == ours.decode(ids, skip_special_tokens=False)
    assert again.config["cutaway"] == ours.config["cutaway"]


def test_without_cutaway_in_the_process(tmp_path: Path) -> None:
    save_tokenizer(selfies_symbols(LEARNED), tmp_path / "t")
    text = selfies_text("N[C@@H](Cc1ccccc1)C(=O)[O-].[Xe]")
    code = (
        "import sys; sys.modules['cutaway'] = sys.modules['selfies'] = None\n"
        f"import transformers; t = transformers.AutoTokenizer.from_pretrained({str(tmp_path / 't')!r})\n"
        f"print(t.decode(t({text!r})['input_ids']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == text


@pytest.mark.parametrize(("smiles", "column", "said"), UNWRITABLE, ids=range(len(UNWRITABLE)))
def test_what_can_not_be_written_is_named(smiles: str, column: int, said: str) -> None:
    with pytest.raises(BadSequence, match=f"SELFIES can't write .*{said}") as raised:
        selfies_text(smiles)
    assert raised.value.column == column and repr(smiles)[:20] in raised.value.message
    for call in (lambda: selfies_symbols(["C", smiles]), lambda: tokenize(smiles, selfies_symbols(["C"]))):
        with pytest.raises(BadSequence, match="SELFIES can't write"):
            call()


@pytest.mark.parametrize(
    "text", ["C", "x[C]", "[C]x", "[C", "[[C]]", "[Zz]", "[CH9]", "[C]<unk>", "[Ring9]", "[C] [C]"]
)
def test_text_that_is_not_selfies_is_refused(text: str) -> None:
    with pytest.raises(BadSequence, match="SELFIES"):
        selfies_smiles(text)


def test_an_empty_smiles_is_an_empty_selfies() -> None:
    assert selfies_text("") == selfies_smiles("") == "" and tokenize("", selfies_symbols(["C"])).ids == []


def test_tokens_have_their_places_in_the_smiles() -> None:
    molecule = "CC(=O)N/C=C\\1CC[C@H]1[O-]"
    found = tokenize(f"{molecule}.[Xe]", selfies_symbols([molecule]))
    shown = list(zip(found.tokens, found.pieces, strict=True))
    assert shown == [
        ("[C]", "C"), ("[C]", "C"), ("[=Branch1]", "("), ("[C]", "[C]"), ("[=O]", "=O"), ("[N]", "N"), ("[/C]", "/C"),
        ("[=C]", "=C"), ("[C]", "C"), ("[C]", "C"), ("[C@H1]", "[C@H]"), ("[\\-Ring1]", "1"), ("[Ring2]", "[Ring2]"),
        ("[O-1]", "[O-]"), (".", "."), *((sign, "[Xe]") for sign in "[Xe]"),
    ]  # fmt: skip
    assert found.decoded == "CC(=O)N/C=C\\1CC[C@H1]1[O-1].[Xe]" and not found.round_trip and found.merges is None
    assert tokenize("CC(=O)O", selfies_symbols(LEARNED)).round_trip
    unknown = tokenize("C[2H]", selfies_symbols(["C"], closed=True))
    assert unknown.decoded == "[C]<unk>" and unknown.pieces == ["C", "[2H]"]


def test_places_are_atoms_brackets_and_ring_numbers() -> None:
    for smiles in molecules.ALL:
        symbols = re.findall(SYMBOL, selfies_text(smiles))
        found = list(zip(symbols, (smiles[start:end] for start, end in places(smiles, symbols)), strict=True))
        assert all(piece == "(" for symbol, piece in found if "Branch" in symbol and piece)
        atoms = [(symbol, piece) for symbol, piece in found if piece and not re.search("Branch|Ring", symbol)]
        for symbol, piece in atoms:
            element = re.sub(r"^[=#/\\-]*\[?[=#/\\]?[0-9]*([A-Z][a-z]?).*", r"\1", symbol.strip("[]"))
            assert piece == "." or element.lower() in piece.lower(), (smiles, symbol, piece)
        rings = [piece for symbol, piece in found if "Ring" in symbol and piece]
        assert all(re.fullmatch(r"[-=#:/\\]?(%\d\d|\d)", piece) for piece in rings)
        molecule = Chem.MolFromSmiles(smiles, sanitize=False)
        assert len(atoms) - smiles.count(".") == molecule.GetNumAtoms()
        assert len(rings) == molecule.GetNumBonds() - molecule.GetNumAtoms() + smiles.count(".") + 1


@pytest.mark.parametrize("closed", [False, True])
def test_a_check_tries_selfies_and_molecules(closed: bool) -> None:
    found = check_tokenizer(train_tokenizer(LEARNED, "selfies", closed=closed), number=3_000, seed=11)
    assert found.passed and found.tried == 3_000, found.lost
    assert {loss.rule for loss in found.lost} == {"unknown", "spelling"}
    [respelled] = [loss for loss in found.lost if loss.rule == "spelling"]
    assert canonical(respelled.text) == canonical(respelled.decoded if "[" not in respelled.tokens else respelled.text)
    assert found.exact + sum(loss.count for loss in found.lost) == 3_000 and found.exact > 500


def test_a_check_finds_a_molecule_that_becomes_another() -> None:
    tokenizer = selfies_symbols(LEARNED)
    tokenizer.backend.normalizer = normalizers.Replace("[=S]", "[S]")
    found = check_tokenizer(tokenizer, number=2_000)
    failed = [loss for loss in found.lost if loss.rule == "failed"]
    assert not found.passed and len(failed) == 2
    assert failed[0].text == "[=S]" and "=S" in failed[1].text and len(failed[1].text) < 12


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.smi").write_text("\n".join(molecules.ALL))
    Path("some.smi").write_text("CCO ethanol\n\nCC(C)* wild\nOCl(=O)(=O)=O acid\n[Na+].[Cl-] salt\nC(C thin\n")


@pytest.mark.usefixtures("files")
def test_train_check_and_tokenize(capsys: Any) -> None:
    code, out, err = run(capsys, "tokenizer", "train", "good.smi", "--kind", "selfies", "-o", "t", "--json")
    assert code == 0 and err == "" and json.loads(out)["records"] == len(molecules.ALL)
    code, out, _ = run(capsys, "tokenize", "CC(=O)O", "-m", "./t", "--json")
    record = json.loads(out)
    assert code == 0 and record["round_trip"] and record["tokens"][2] == "[=Branch1]" and record["decoded"] == "CC(=O)O"
    code, out, _ = run(capsys, "tokenize", "Cc1ccccc1", "-m", "./t")
    assert code == 0 and "not exact: 'CC1=CC=CC=C1'" in out
    code, out, err = run(capsys, "tokenize", "C*", "-m", "./t")
    assert code == 2 and out == "" and "SELFIES can't write 'C*'" in err
    code, out, _ = run(capsys, "tokenizer", "check", "t", "-n", 400)
    assert code == 0 and "passed" in out


@pytest.mark.usefixtures("files")
def test_a_molecule_without_selfies_is_named_with_its_line(capsys: Any) -> None:
    words = ["tokenizer", "train", "some.smi", "--kind", "selfies", "-o", "t"]
    code, out, err = run(capsys, *words)
    assert code == 2 and out == "" and not Path("t").exists()
    assert (
        "line 3, column 6 of 'some.smi': SELFIES can't write 'CC(C)*': unrecognized symbol '*' (record 'wild')" in err
    )
    code, out, err = run(capsys, *words, "--skip-bad", "--json")
    record = json.loads(out)
    assert code == 0 and record["records"] == 2 and record["read"]["skipped"] == 3
    assert "line 4, column 1 of 'some.smi': SELFIES can't write" in err and "line 6" in err
    compare = ["tokenizer", "compare", "some.smi=smiles", "some.smi=text", "-t", "./t"]
    code, out, err = run(capsys, *compare)
    assert code == 2 and "line 3, column 6 of 'some.smi'" in err
    code, out, _ = run(capsys, *compare, "--skip-bad", "--json")
    record = json.loads(out)
    assert code == 0 and [sample["skipped"] for sample in record["samples"]] == [3, 0]
    assert record["cells"][0]["tokens"] == 6 and record["cells"][1]["exact"] == 1


def test_compared_with_atoms_on_the_same_molecules() -> None:
    kept = [smiles for smiles in molecules.ALL if len(smiles) < 200]
    tokenizers = [train_tokenizer(kept, kind, alphabet="smiles") for kind in ("selfies", "smiles", "char")]
    found = compare_tokenizers(tokenizers, [Sample("all", "smiles", kept)])
    ours, atoms, _ = found.cells
    symbols = sum(map(len, kept))
    counted = sum(len(re.findall(SYMBOL, selfies_text(smiles))) for smiles in kept)
    assert found.samples[0].symbols == symbols and ours.tokens == counted
    assert ours.fertility == counted / symbols and ours.symbols_per_token == symbols / counted
    letters = sum(selfies_smiles(selfies_text(smiles)) == smiles for smiles in kept)
    assert ours.exact == letters / len(kept) and 0 < ours.exact < 1 and not ours.comparable and atoms.comparable
    assert ours.bits_per_symbol is not None and 1 < ours.bits_per_symbol < 4
    assert ours.substitution is not None and ours.indel is not None and ours.substitution >= 1
    assert not ours.unknown and not ours.byte_fallback


def test_what_can_not_be_cut_is_not_measured(tmp_path: Path) -> None:
    tokenizer = selfies_symbols(["CCO"])
    [cell] = compare_tokenizers([tokenizer], [Sample("one", "smiles", ["c1ccccc1"])], edits=3).cells
    assert cell.bits_per_symbol is None and cell.exact == 0 and cell.tokens == 8
    [alone] = compare_tokenizers([tokenizer], [Sample("one", "smiles", ["[Xe]"])], edits=20).cells
    assert alone.substitution is None  # no one sign of it can be another and leave an atom
    [text] = compare_tokenizers([tokenizer], [Sample("a text", "text", ["a cat", "a dog"])]).cells
    assert text.tokens == 10 and text.unknown == 0.2
    (tmp_path / "x.smi").write_text("CCO\nc1ccccc1\nCC\n")
    found = read_sample(tmp_path / "x.smi", "smiles", symbols=7)
    assert found.sequences == ["CCO"] and not found.whole
    with pytest.raises(InputError, match="2 symbols can't hold one molecule of"):
        read_sample(tmp_path / "x.smi", "smiles", symbols=2)


def test_a_missing_library_is_named_with_its_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = selfies_symbols(["C"])
    selfies_text.cache_clear()
    monkeypatch.setitem(sys.modules, "selfies", None)
    calls: list[Any] = [
        lambda: selfies_text("C"), lambda: selfies_smiles("[C]"), lambda: tokenize("C", tokenizer),
        lambda: train_tokenizer(["C"], "selfies"), lambda: check_tokenizer(tokenizer, number=10),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(InputError, match="need the selfies library") as raised:
            call()
        assert raised.value.hint == install_line("science")
    with pytest.raises(InputError, match="is not for 'text'"):
        train_tokenizer(["C"], "selfies", alphabet="text")
