"""Every kind of tokenizer: what it cuts, that it comes back, and that AutoTokenizer gives the same ids without us."""

from __future__ import annotations

import errno
import itertools
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import transformers

from cutaway.errors import InputError, MissingText, OutputError
from cutaway.tokens import (
    Tokenizer,
    adversarial_input,
    atom_bpe,
    atoms,
    bins_of,
    check_tokenizer,
    codon_bpe,
    codons,
    kmer_text,
    kmers,
    letter_bpe,
    save_tokenizer,
    train_tokenizer,
)
from cutaway.tokens.molecules import ATOM

MOLECULES = r"""
CC(=O)Oc1ccccc1C(=O)O
CN1C=NC2=C1C(=O)N(C(=O)N2C)C
C[C@H](N)C(=O)[O-].[Na+]
C[C@@](O)(F)C(=O)O
F/C=C/F
F/C=C\F
N#Cc1ccc(Br)cc1
ClCCl
[13CH4]
[2H]OC([2H])([2H])[2H]
[nH]1cccc1
c1cc[se]c1
c1cc[te]c1
c1cc[as]cc1
C1CC%12CCCC%12C1
C%(123)CCC%(123)
[Fe+2].[O-]S(=O)(=O)[O-]
[Co@OH5](F)(Cl)(Br)(I)(C)N
[Pt@SP1](Cl)(Cl)(N)N
S(=O)(=O)(N)c1ccc(N)cc1
OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O
CC(C)CC1=CC=C(C=C1)C(C)C(=O)O
O=C1c2ccccc2C(=O)c2ccccc12
C[N+](C)(C)CC([O-])=O
B(O)(O)c1ccccc1
P(=O)(O)(O)O
[Si](C)(C)(C)C
I[I-]I
[U+6]
[CH3:1][OH:2]>>[CH2:1]=[O:2]
CCO.CC(=O)O>[H+]>CCOC(C)=O.O
*c1ccccc1
[*:1]C
C~C
[Rh-](Cl)(Cl)$[C]
[H][H]
[OH-]
C1=CC=CC=C1
c1ccc2c(c1)ccc1ccccc12
[18F]CCN1C(=O)c2ccccc2C1=O
N[C@@H](Cc1c[nH]c2ccccc12)C(=O)O
CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O
""".split()  # noqa: SIM905
GENES = ["ATGGCTAGCTAGGATCGATCGATCGGATCGCTAGATCGAATGGCTAGC" * 6, "ATGNNNGCTAGCTAGR", "ATGGCTAGCTAGGAT" * 9]
TEXT = ["The cat sat, on the mat. It's naïve!\n" * 30, "日本語 text, 😀\n", "#hash ##tag\n"]
DATA: dict[str, list[Any]] = {
    "text": TEXT, "dna": GENES, "rna": [gene.replace("T", "U") for gene in GENES], "codon": GENES,
    "protein": ["MKVLAAGIVWQERTYHNDCFSPMKVLAAGIVMKVLAAX" * 6, "MKU*"], "smiles": MOLECULES,
    "series": [[[1.0, 2.0, 3.0, -4.0] * 20, [0.1, 0.2, 0.3, float("nan")] * 20]],
}  # fmt: skip
MADE = {
    **{f"bpe {alphabet}": ("bpe", alphabet, {"vocab_size": size})
       for alphabet, size in {"text": 320, "dna": 40, "rna": 40, "protein": 60, "codon": 100, "smiles": 170}.items()},
    "wordpiece text": ("wordpiece", "text", {"vocab_size": 560}),
    "wordpiece dna": ("wordpiece", "dna", {"vocab_size": 60}),
    "wordpiece protein": ("wordpiece", "protein", {"vocab_size": 90}),
    "unigram text": ("unigram", "text", {"vocab_size": 300}), "unigram rna": ("unigram", "rna", {"vocab_size": 40}),
    "unigram protein": ("unigram", "protein", {"vocab_size": 60}),
    "word": ("word", "text", {}), "few words": ("word", "text", {"vocab_size": 9}),
    "char text": ("char", "text", {}), "char dna": ("char", "dna", {}), "char smiles": ("char", "smiles", {}),
    "codon": ("codon", "dna", {}), "codon 1": ("codon", "dna", {"frame": 1}), "codon 2": ("codon", "rna", {"frame": 2}),
    "kmer": ("kmer", "dna", {"k": 4}), "kmer protein": ("kmer", "protein", {"k": 2}),
    "overlapping": ("kmer", "dna", {"k": 3, "overlapping": True}),
    "smiles": ("smiles", "smiles", {}), "closed": ("smiles", "smiles", {"closed": True}),
    "bins": ("bins", "series", {"vocab_size": 400}), "quantile": ("bins", "series", {"method": "quantile"}),
}  # fmt: skip


def made(name: str) -> Tokenizer:
    kind, alphabet, options = MADE[name]
    return train_tokenizer(DATA[alphabet], kind, alphabet=alphabet, **options)


def inputs(tokenizer: Tokenizer, seed: int, count: int) -> list[str]:
    """Return adversarial texts as the tokenizer takes them."""
    declared = tokenizer.config["cutaway"]
    if declared["alphabet"] == "series":
        bins = bins_of(tokenizer)
        return [bins.write(channels) for channels in itertools.islice(adversarial_input.numbers(seed), count)]
    texts = list(itertools.islice(adversarial_input.strings(declared["alphabet"], seed, ["<|end|>", "<mask>"]), count))
    return [kmer_text(text, "dna", 3) for text in texts] if "written" in declared else texts


@pytest.mark.parametrize("name", MADE)
def test_auto_tokenizer_gives_the_same_ids(name: str, tmp_path: Path) -> None:
    ours = made(name)
    saved = save_tokenizer(ours, tmp_path / "t")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "t")
    assert len(theirs) == saved.vocab_size == len(ours.vocabulary)
    assert (theirs.unk_token_id, theirs.pad_token_id, theirs.mask_token_id) == (1, 2, 3)
    again = Tokenizer.from_directory(tmp_path / "t")
    for text in inputs(ours, 7, 60):
        ids = ours.encode(text).ids
        assert theirs(text)["input_ids"] == ids == again.encode(text).ids
        assert theirs.decode(ids) == ours.decode(ids, skip_special_tokens=False)
    assert again.config["cutaway"] == ours.config["cutaway"]


def test_without_cutaway_in_the_process(tmp_path: Path) -> None:
    save_tokenizer(made("bpe codon"), tmp_path / "t")
    code = (
        "import sys; sys.modules['cutaway'] = None\n"
        f"import transformers; t = transformers.AutoTokenizer.from_pretrained({str(tmp_path / 't')!r})\n"
        "print(t.decode(t('AUGgctAGCTAGGATCGNCC')['input_ids']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "ATGGCTAGCTAGGATCGNCC"


@pytest.mark.parametrize("name", MADE)
def test_adversarial_input_comes_back_or_is_lost_as_declared(name: str) -> None:
    found = check_tokenizer(made(name), number=400 if name in {"bins", "quantile"} else 2_000, seed=11)
    assert found.passed, found.lost
    assert {loss.rule for loss in found.lost} <= set(found.loses)


@pytest.mark.parametrize("name", ["bpe text", "wordpiece text", "unigram text"])
def test_subwords_of_text_lose_nothing(name: str) -> None:
    tokenizer = made(name)
    found = check_tokenizer(tokenizer, number=6_000, seed=5)
    assert found.exact == found.tried and found.loses == {}
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x11000)]))
    assert tokenizer.decode(tokenizer.encode(every).ids) == every


def test_molecules_come_back() -> None:
    assert len(MOLECULES) >= 40
    for tokenizer in (made("smiles"), made("closed"), made("bpe smiles"), atoms(["C"]), atom_bpe(["C"], 120)):
        for text in MOLECULES:
            ids = tokenizer.encode(text).ids
            assert tokenizer.decode(ids) == text
            assert 1 not in ids


def test_atoms_are_those_of_schwaller_and_more() -> None:
    schwaller = re.compile(
        r"(\[[^\]]+]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\(|\)|\.|=|#|-|\+|\\|\/|:|~|@|\?|>|\*|\$|\%[0-9]{2}|[0-9])"
    )
    pattern = re.compile(ATOM)
    for text in MOLECULES:
        assert "".join(pattern.findall(text)) == text
        if "%(" not in text and ">>" not in text:
            assert pattern.findall(text) == schwaller.findall(text)
    assert pattern.findall("C%(123)[se]%12Br>>[Na+]") == ["C", "%(123)", "[se]", "%12", "Br", ">>", "[Na+]"]


def test_closed_atoms_know_only_what_occurs() -> None:
    tokenizer = atoms(["CCO", "[Na+]"], closed=True)
    assert sorted(tokenizer.vocabulary, key=tokenizer.vocabulary.get)[4:] == ["C", "O", "[Na+]"]  # type: ignore[arg-type]
    assert tokenizer.encode("C[Na+]N").tokens == ["C", "[Na+]", "<unk>"]
    assert len(atoms(MOLECULES, 110).vocabulary) == 110
    with pytest.raises(InputError, match="is 90, too small: 94 fixed tokens and 4 special tokens are 98"):
        atoms(MOLECULES, 90)
    few = atoms(["CCCOON"], 6, closed=True)
    assert set(few.vocabulary) == {"<|end|>", "<unk>", "<pad>", "<mask>", "C", "O"}


def borders(tokenizer: Tokenizer, text: str) -> set[int]:
    """Return where in the text its tokens end, by what they read as."""
    ends = itertools.accumulate(len(tokenizer.piece(i)) for i in tokenizer.encode(text).ids)
    return set(ends)


def test_no_merge_crosses_a_codon() -> None:
    tokenizer = codon_bpe(GENES, "dna", 140)
    merged = [tokenizer.piece(i) for i in range(len(tokenizer.vocabulary)) if len(tokenizer.piece(i)) > 3]
    assert len(merged) > 20
    for text in itertools.islice(adversarial_input.strings("codon", 2), 400):
        if set(text) <= set("ACGTRYSWKMBDHVN"):
            assert borders(tokenizer, text) >= set(range(3, len(text) + 1, 3)) - inside(tokenizer, text)
    units = re.findall("...", GENES[0])
    pieces = [tokenizer.piece(i) for i in tokenizer.encode(GENES[0]).ids]
    assert all(len(piece) % 3 == 0 for piece in pieces) and len(pieces) < len(units)


def inside(tokenizer: Tokenizer, text: str) -> set[int]:
    """Return the places inside tokens of whole codons that begin in frame: where no border has to be."""
    at, found = 0, set()
    for i in tokenizer.encode(text).ids:
        size = len(tokenizer.piece(i))
        assert size == 1 or (at % 3 == 0 and size % 3 == 0)
        found |= set(range(at + 3, at + size, 3))
        at += size
    return found


def test_no_merge_crosses_an_atom() -> None:
    tokenizer = atom_bpe(MOLECULES * 3, 200)
    assert sum(len(re.findall(ATOM, tokenizer.piece(i))) > 1 for i in range(len(tokenizer.vocabulary))) > 20
    for text in MOLECULES:
        ends = set(itertools.accumulate(map(len, re.findall(ATOM, text))))
        assert borders(tokenizer, text) <= ends
    # A bracket atom that never occurred is written sign by sign, and nothing in it is merged.
    assert [tokenizer.piece(i) for i in tokenizer.encode("C[13Cs]C").ids] == ["C", *"[13Cs]", "C"]


def test_a_long_molecule_takes_time_in_proportion() -> None:
    backend = atom_bpe(MOLECULES, 170).backend
    start = time.process_time()
    assert len(backend.encode("C" * 300_000).ids) >= 1
    assert time.process_time() - start < 5  # in proportion to its square: five minutes


def test_codons_keep_their_frame() -> None:
    tokens = codons().encode
    assert tokens("ATGNAACCCGG").tokens == ["ATG", "N", "A", "A", "CCC", "G", "G"]
    assert tokens("augGCU").tokens == ["ATG", "GCT"]
    assert codons("rna").encode("ATGgct").tokens == ["AUG", "GCU"]
    assert codons("dna", 2).encode("GGATGC").tokens == ["G", "G", "ATG", "C"]
    assert codons("dna", 1).encode("").tokens == []
    ids = codons().vocabulary
    words = [first + second + third for first in "ACGT" for second in "ACGT" for third in "ACGT"]
    assert [ids[word] for word in words] == list(range(4, 68))


def test_overlapping_words_are_one_a_letter() -> None:
    tokenizer = kmers("dna", 3, overlapping=True)
    text = kmer_text("ATGCNATGC", "dna", 3)
    assert text == "A T ATG TGC N A T ATG TGC"
    assert len(tokenizer.encode(text).ids) == 9
    assert tokenizer.decode(tokenizer.encode(text).ids) == "ATGCNATGC"


def test_ambiguous_letters_are_never_merged() -> None:
    tokenizer = letter_bpe(["ACGTNNNN" * 50, "N" * 900], "dna", 60)
    assert [token for token in tokenizer.vocabulary if "N" in token] == ["N"]
    assert tokenizer.encode("ACGTNN").tokens == ["ACGT", "N", "N"]
    with pytest.raises(InputError, match="'L' at position 2 is not a letter of dna"):
        letter_bpe(["ALG"], "dna", 60)


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
def test_of_a_sequence_only_the_foreign_letter_is_lost(kind: str) -> None:
    """Found by generated sequences: WordPiece gave up a piece of 64 letters for one, unigram a run of them as one."""
    for alphabet, text in (("dna", "ACGT" * 20), ("rna", "ACGU" * 20), ("protein", "MKV-*" * 16)):
        tokenizer = train_tokenizer([text], kind, alphabet=alphabet, vocab_size=80)
        for given in (f"{text}x{text}", "xx", f"{text[:3]}\nx{text[:2]}", "é-"):
            ids = tokenizer.encode(given).ids
            known = set(text) | set("-")
            expected = "".join(letter if letter in known else "<unk>" for letter in given)
            assert tokenizer.decode(ids, skip_special_tokens=False) == expected


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("bpe text", "wordpiece text", "unigram text", "bpe smiles", "quantile", "word"):
        files = [tmp_path / f"{name} {i}" / "tokenizer.json" for i in range(2)]
        for file in files:
            save_tokenizer(made(name), file.parent)
        assert files[0].read_bytes() == files[1].read_bytes(), name


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("nonsense", {}, "there is no kind 'nonsense'"),
        ("word", {"alphabet": "dna"}, "not for 'dna'"),
        ("bpe", {"frame": 1}, "takes no frame"),
        ("bpe", {"vocab_size": 200}, "256 bytes and 4 special tokens are 260"),
        ("bpe", {"vocab_size": 10, "alphabet": "dna"}, "16 letters"),
        ("bpe", {"vocab_size": 70, "alphabet": "codon"}, "64 codons"),
        ("bpe", {"vocab_size": 20, "alphabet": "smiles"}, "atoms and bonds"),
        ("wordpiece", {"vocab_size": 300}, "letters and 4 special"),
        ("unigram", {"vocab_size": 3}, "too small"),
        ("char", {"vocab_size": 4}, "too small"),
        ("char", {"vocab_size": -1}, "must be 1 or above"),
        ("codon", {"vocab_size": 64}, "has 84 tokens, 4 of them special"),
        ("codon", {"frame": 3}, "`frame` is 3"),
        ("kmer", {"k": 9}, "`k` is 9"),
        ("kmer", {"k": 0}, "`k` is 0"),
        ("bins", {"vocab_size": 40}, "too small"),
        ("bins", {"method": "wavy"}, "no 'wavy' bins"),
        ("bins", {"limit": 0.0}, "limit up to"),
    ],
)
def test_what_can_not_be_made_is_refused(kind: str, options: dict[str, Any], said: str) -> None:
    data = DATA[options.get("alphabet", {"bins": "series", "codon": "dna", "kmer": "dna"}.get(kind, "text"))]
    with pytest.raises(InputError, match=said):
        train_tokenizer(data, kind, **options)


@pytest.mark.parametrize("kind", ["bpe", "word", "codon", "bins", "smiles"])
def test_training_without_sequences_is_refused(kind: str) -> None:
    with pytest.raises(MissingText, match="no sequence"):
        train_tokenizer([], kind)


def test_a_folder_is_written_over_only_on_purpose(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    save_tokenizer(made("codon"), folder)
    with pytest.raises(OutputError, match="exists"):
        save_tokenizer(made("kmer"), folder)
    assert save_tokenizer(made("kmer"), folder, force=True).kind == "kmer"
    assert json.loads((folder / "tokenizer_config.json").read_text())["cutaway"]["kind"] == "kmer"
    (folder / "model.safetensors").write_text("weights")
    with pytest.raises(OutputError, match="more than a tokenizer"):
        save_tokenizer(made("codon"), folder, force=True)
    with pytest.raises(OutputError, match="not the name of a folder"):
        save_tokenizer(made("codon"), folder / "tokenizer.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t"]


def test_the_old_tokenizer_stays_if_it_can_not_be_replaced(tmp_path: Path, monkeypatch: Any) -> None:
    folder = tmp_path / "t"
    save_tokenizer(made("codon"), folder)
    rename = Path.rename

    def full(path: Path, target: Any) -> Path:
        if Path(target) == folder and "before" not in path.name:
            raise OSError(errno.ENOSPC, "no space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OutputError, match="no space left"):
        save_tokenizer(made("kmer"), folder, force=True)
    assert json.loads((folder / "tokenizer_config.json").read_text())["cutaway"]["kind"] == "codon"
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_a_genome_is_refused_as_text() -> None:
    with pytest.raises(InputError, match="a word of 20,001 characters") as raised:
        train_tokenizer(["some words before it", "ACGTA" * 4000 + "C"], "bpe", vocab_size=300)
    assert raised.value.hint is not None and "`alphabet`: dna" in raised.value.hint
    for sign in "7_=":
        with pytest.raises(InputError, match=r"a word of 30,000 characters"):
            train_tokenizer([f"{sign * 30_000} words"], "bpe", vocab_size=300)
    assert train_tokenizer(["ab " * 30_000], "bpe", vocab_size=300).encode("ab ab").tokens == ["ab", "Ġab"]
    assert train_tokenizer([("a" * 19_000 + " ") * 50], "bpe", vocab_size=261).encode("aa").tokens == ["aa"]
