"""`fill` against plain transformers: the masked softmax, and all variants of a sequence one by one."""

import itertools
import json
import math

import pytest
import torch
import transformers
from click.testing import CliRunner

import cutaway
from cutaway.cli import cli
from cutaway.errors import InputError, MissingText, PromptTooLong, WrongKind
from cutaway.prediction import fill
from cutaway.tokens import train_tokenizer
from cutaway.tokens.codon_kmer import codons, kmers
from tests.unit.small_models import causal_model, masked_model

AMINO = "ACDEFGHIKLMNPQRSTVWY"
TEXT = ["the cat sat on the mat, the dog sat there"] * 9


@pytest.fixture(scope="module")
def protein(tmp_path_factory):
    """A masked model of proteins, with one of our own tokenizers."""
    letters = train_tokenizer(["ACD"], "char", alphabet="protein")
    return masked_model(letters, tmp_path_factory.mktemp("protein"))


@pytest.fixture(scope="module")
def dna(tmp_path_factory):
    return causal_model(train_tokenizer(["ACGT"], "char", alphabet="dna"), tmp_path_factory.mktemp("dna"))


@pytest.fixture(scope="module")
def genes(tmp_path_factory):
    return causal_model(codons(), tmp_path_factory.mktemp("genes"))


def likelihood(folder, ids):
    """Return ln P of ids given the first, by transformers alone."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        logprobs = model(torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1)
    return float(logprobs.gather(1, torch.tensor(ids[1:])[:, None]).sum())


def softmax(values):
    top = max(values)
    weights = [math.exp(value - top) for value in values]
    return [weight / math.fsum(weights) for weight in weights]


def test_a_masked_model_gives_its_softmax(protein):
    found = fill("MKT?YIA_QRQ", protein, top_k=20)
    theirs = transformers.AutoTokenizer.from_pretrained(protein)
    model = transformers.AutoModelForMaskedLM.from_pretrained(protein).eval()
    end = theirs.bos_token_id
    ids = [end, *theirs("MKTAYIAAQRQ")["input_ids"], end]
    for at in (4, 8):
        ids[at] = theirs.mask_token_id
    with torch.no_grad():
        shares = model(torch.tensor([ids])).logits[0].double().softmax(-1)
    assert [(place.position, place.start, place.end) for place in found.places] == [(4, 3, 4), (8, 7, 8)]
    for place in found.places:
        expected = {letter: float(shares[place.position][theirs.convert_tokens_to_ids(letter)]) for letter in AMINO}
        assert place.share == pytest.approx(sum(expected.values()), abs=1e-6) and place.choices == 20
        for candidate in place.candidates:
            assert candidate.probability * place.share == pytest.approx(expected[candidate.element], abs=1e-6)
        assert sum(candidate.probability for candidate in place.candidates) == pytest.approx(1)
        ranked = [candidate.probability for candidate in place.candidates]
        assert ranked == sorted(ranked, reverse=True)
    best = [place.candidates[0].element for place in found.places]
    assert found.filled == f"MKT{best[0]}YIA{best[1]}QRQ" and found.method == "masked softmax"


def test_words_of_a_masked_model_are_those_of_transformers(tmp_path):
    words = ["the", "cat", "dog", "sat", "##s", "un", ".", ","]
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    theirs = transformers.BertTokenizer(str(tmp_path / "vocab.txt"))
    folder = masked_model(theirs, tmp_path / "bert")
    pipeline = transformers.pipeline("fill-mask", model=str(folder), top_k=len(theirs))
    expected = {one["token_str"]: one["score"] for one in pipeline("the cats [MASK], the [MASK] sat.")[1]}
    for text in ("the cats [MASK], the [MASK] sat.", "The cats _, the ___ sat."):
        place = fill(text, folder, top_k=99).places[1]
        assert {candidate.element for candidate in place.candidates} == {*words} - {"##s"}  # ##s is no word
        for candidate in place.candidates:
            assert candidate.probability * place.share == pytest.approx(expected[candidate.element], abs=1e-6)


@pytest.mark.parametrize(("text", "width"), [("GA?TACA", 64), ("?ATTA?A", 64), ("GATTAC??", 16), ("G__T?CA", 64)])
def test_a_causal_model_compares_all_whole_sequences(dna, text, width):
    found = fill(text, dna, top_k=4, width=width)
    theirs = transformers.AutoTokenizer.from_pretrained(dna)
    marks = [at for at, letter in enumerate(text) if letter in "?_"]
    ways = list(itertools.product("ACGT", repeat=len(marks)))
    wholes = []
    for way in ways:
        letters = list(text)
        for at, letter in zip(marks, way, strict=True):
            letters[at] = letter
        wholes.append("".join(letters))
    end = theirs.eos_token_id
    scores = [likelihood(dna, [end, *theirs(whole)["input_ids"], end]) for whole in wholes]
    chances = softmax(scores)
    assert found.exact and found.compared == 4 ** len(marks) and found.method == "whole sequences"
    for number, place in enumerate(found.places):
        for candidate in place.candidates:
            expected = sum(p for p, way in zip(chances, ways, strict=True) if way[number] == candidate.element)
            assert candidate.probability == pytest.approx(expected, abs=1e-6)
        assert sum(candidate.from_left for candidate in place.candidates) == pytest.approx(1)
    best = max(range(len(ways)), key=scores.__getitem__)
    assert found.filled == wholes[best]
    assert tuple(found.fillings[0].elements) == ways[best]
    assert found.fillings[0].logprob == pytest.approx(scores[best], abs=1e-4)
    assert found.fillings[0].probability == pytest.approx(chances[best], abs=1e-6)


def test_what_a_causal_model_says_from_the_left(dna):
    place = fill("GA?TACA", dna, top_k=4).places[0]
    theirs = transformers.AutoTokenizer.from_pretrained(dna)
    model = transformers.AutoModelForCausalLM.from_pretrained(dna).eval()
    with torch.no_grad():
        logits = model(torch.tensor([[theirs.eos_token_id, *theirs("GA")["input_ids"]]])).logits[0, -1].double()
    expected = logits[theirs.convert_tokens_to_ids(list("ACGT"))].softmax(-1).tolist()
    found = {candidate.element: candidate.from_left for candidate in place.candidates}
    assert [found[letter] for letter in "ACGT"] == pytest.approx(expected, abs=1e-6)


def test_a_narrow_comparison_says_so(dna):
    whole, narrow = fill("GA??ACA", dna, top_k=4), fill("GA??ACA", dna, top_k=4, width=6)
    assert (whole.exact, narrow.exact, narrow.compared) == (True, False, 6)
    all_of = {tuple(way.elements): way.logprob for way in fill("GA??ACA", dna, top_k=16).fillings}
    fillings = fill("GA??ACA", dna, top_k=6, width=6).fillings
    for way, chance in zip(fillings, softmax([way.logprob for way in fillings]), strict=True):
        assert way.logprob == pytest.approx(all_of[tuple(way.elements)], abs=1e-4)
        assert way.probability == pytest.approx(chance, abs=1e-6)


def test_whole_codons_and_single_bases(genes):
    theirs = transformers.AutoTokenizer.from_pretrained(genes)
    end = theirs.eos_token_id
    some = ["".join(three) for three in itertools.product("ACGT", repeat=3)]
    for text, fits in (("ATG???GCCTAA", some), ("ATGA?GGCCTAA", ["AAG", "ACG", "AGG", "ATG"])):
        found = fill(text, genes, top_k=64)
        wholes = [f"ATG{codon}GCCTAA" for codon in fits]
        expected = softmax([likelihood(genes, [end, *theirs(whole)["input_ids"], end]) for whole in wholes])
        [place] = found.places
        assert place.choices == len(fits) and place.position == 2 and found.exact
        got = {candidate.element: candidate.probability for candidate in place.candidates}
        assert [got[codon] for codon in fits] == pytest.approx(expected, abs=1e-6)
        assert found.filled == f"ATG{place.candidates[0].element}GCCTAA"
    masked, marked = (fill(text, genes).places[0] for text in ("AUG<mask>GCCUAA", "ATG???GCCTAA"))
    assert masked.candidates == marked.candidates and (masked.start, masked.end) == (3, 9)


def test_words_of_a_causal_model(tmp_path):
    model = causal_model(train_tokenizer(TEXT, "bpe", vocab_size=290), tmp_path / "words")
    found = fill("the _ sat", model, top_k=99, width=999)
    [place] = found.places
    theirs = transformers.AutoTokenizer.from_pretrained(model)
    end = theirs.eos_token_id
    words = [candidate.element for candidate in place.candidates]
    assert {"cat", "dog", "the", "sat"} <= set(words) and place.position == 2
    scores = []
    for word in words:
        ids = theirs(f"the {word} sat")["input_ids"]
        assert len(ids) == 3, word
        scores.append(likelihood(model, [end, *ids, end]))
    assert [c.probability for c in place.candidates] == pytest.approx(softmax(scores), abs=1e-6)


def test_characters_numbers_and_states(tmp_path):
    found = fill("the c_t", causal_model(train_tokenizer(TEXT, "char"), tmp_path / "char"), top_k=99)
    assert found.kind == "character" and len(found.filled) == 7 and found.places[0].start == 5
    bins = train_tokenizer([[[1.0, 2.0, 3.0]]], "bins", vocab_size=120)
    numbers = fill("1.5 ? 3.25", masked_model(bins, tmp_path / "bins"), top_k=3)
    assert numbers.kind == "number" and numbers.places[0].choices == 47
    first = numbers.places[0].candidates[0].element
    assert numbers.filled == f"1.5 {first} 3.25" and math.isfinite(float(first))
    states = train_tokenizer([[[1.0, 2.0, 9.0, 10.0], [1.0, 2.0, 0.0, 0.0]]], "states", vocab_size=8)
    steps = fill("1 1\n? 2\n9 0", masked_model(states, tmp_path / "states"))
    assert steps.kind == "state" and steps.places[0].position == 2 and steps.places[0].choices == 3


def test_atoms_are_filled_whole(tmp_path):
    model = masked_model(
        train_tokenizer(["c1ccccc1Cl", "C=O", "[Na+].Br"], "smiles", alphabet="smiles"), tmp_path / "m"
    )
    found = fill("CC(=?)O", model)
    assert found.kind == "atom" and found.alphabet == "smiles" and found.places[0].position == 5
    with pytest.raises(InputError, match="a mark is inside"):
        fill("CC?l", model)
    with pytest.raises(InputError, match="does not occur in a SMILES"):
        fill("C C?", model)


@pytest.mark.parametrize(
    ("text", "options", "error", "words"),
    [
        (" ", {}, MissingText, "no text to fill"),
        ("MKTA", {}, InputError, "no place of 'MKTA' is marked"),
        ("M", {}, InputError, "no place of 'M' is marked"),
        ("MK1?", {}, InputError, "letter 3 of the sequence: '1' is not a letter of protein"),
        ("MK?", {"top_k": 0}, InputError, "`top_k` is 0"),
        ("MK?", {"width": 0}, InputError, "`width` is 0"),
        ("MK?", {"alphabet": "dna"}, InputError, "does not read dna"),
        ("M" * 70 + "?", {}, PromptTooLong, "73 tokens"),
        ("MK\udcff?", {}, InputError, "lone surrogate"),
    ],
)
def test_bad_input(protein, text, options, error, words):
    with pytest.raises(error, match=words):
        fill(text, protein, **options)


def test_models_of_the_wrong_kind(tiny_bert_classifier, tmp_path):
    with pytest.raises(WrongKind, match="gives no probabilities of what may stand"):
        fill("a _", tiny_bert_classifier)
    with pytest.raises(WrongKind, match="reads several letters as one token"):
        fill("ATG?ATGC", causal_model(kmers("dna", 3, overlapping=True), tmp_path / "kmers"))


def test_one_symbol_is_enough(dna):
    found = fill("?", dna, top_k=4)
    assert found.exact and sum(candidate.probability for candidate in found.places[0].candidates) == pytest.approx(1)


def test_the_command(protein, tmp_path):
    shell = CliRunner()
    got = shell.invoke(cli, ["fill", "MKT?YIA", "-m", str(protein), "--json", "-k", "2"])
    assert got.exit_code == 0, got.output
    record = json.loads(got.stdout)
    assert record["schema"] == "cutaway.filling/1" and record == fill("MKT?YIA", protein, top_k=2).to_dict() | {
        "model": str(protein)
    }
    hidden = shell.invoke(cli, ["fill-mask", "MKT?YIA", "-m", str(protein), "--json", "-k", "2"])
    assert json.loads(hidden.stdout) == record and "fill-mask" not in shell.invoke(cli, ["--help"]).stdout
    seen = shell.invoke(cli, ["fill", "MK??YIA", "-m", str(protein)])
    assert "softmax over both sides, among 20 letters" in seen.stdout
    file = tmp_path / "f.csv"
    shell.invoke(cli, ["fill", "MKT?YIA", "-m", str(protein), "-o", str(file)])
    assert file.read_text().splitlines()[0] == "position,start,end,rank,element,id,probability,from_left"
    assert cutaway.fill is fill
