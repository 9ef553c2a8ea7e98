"""`correct` against plain transformers: what edits gain, which is best, and mistakes planted in a language that a tiny
model has learned by heart."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
import transformers
from click.testing import CliRunner

import cutaway
from cutaway.cli import cli
from cutaway.errors import InputError, MissingText, PromptTooLong, WrongKind
from cutaway.models import load
from cutaway.prediction import correct, mutate
from cutaway.prediction.causal_edits import CausalEdits, _between, _instead
from cutaway.prediction.elements import elements_of
from cutaway.prediction.masked_edits import MaskedEdits
from cutaway.prediction.noisy_channel import Channel, Edit, meant, slips
from cutaway.tokens import train_tokenizer
from cutaway.tokens.codon_kmer import codons
from tests.unit.small_models import causal_model, masked_model, rotary_masked_model, saved

CYCLE = "GATTACACCGTGAGTC"  # each letter follows from the three before it
DNA = "GATTNACAGC"


@pytest.fixture(scope="module")
def causal(tmp_path_factory):
    return causal_model(train_tokenizer(["ACGT"], "char", alphabet="dna"), tmp_path_factory.mktemp("causal"))


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    return masked_model(train_tokenizer(["ACGT"], "char", alphabet="dna"), tmp_path_factory.mktemp("masked"))


def learned(folder, objective, ids_of):
    """Train a tiny model on windows of one cycle, until it knows what follows, or what is hidden."""
    torch.manual_seed(0)
    if objective == "causal":
        module = transformers.AutoModelForCausalLM.from_pretrained(folder)
    else:
        module = transformers.AutoModelForMaskedLM.from_pretrained(folder)
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.08) if weight.ndim > 1 else torch.nn.init.ones_(weight)
    for name, weight in module.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.zeros_(weight)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.01 if objective == "causal" else 0.004)
    chance = np.random.default_rng(1)
    mask = transformers.AutoTokenizer.from_pretrained(folder).mask_token_id
    for _ in range(220 if objective == "causal" else 700):
        rows = torch.tensor([ids_of(int(start)) for start in chance.integers(0, len(CYCLE), 24)])
        if objective == "causal":
            logits, wanted = module(rows).logits[:, :-1], rows[:, 1:]
        else:
            hidden = torch.tensor(chance.random(rows.shape) < 0.15)
            logits, wanted = module(torch.where(hidden, mask, rows)).logits[hidden], rows[hidden]
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), wanted.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    module.save_pretrained(folder)
    return load(str(folder), "any" if objective == "masked" else "causal")


def cycle_ids(folder, letters=36):
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    end = theirs.eos_token_id
    return lambda start: [end, *theirs((CYCLE * 5)[start : start + letters])["input_ids"], end]


@pytest.fixture(scope="module", params=["causal", "masked"])
def knows_the_cycle(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    make = causal_model if request.param == "causal" else rotary_masked_model
    make(train_tokenizer(["ACGT"], "char", alphabet="dna"), folder)
    return learned(folder, request.param, cycle_ids(folder))


RIGHT = (CYCLE * 4)[5:41]
SLIPS = {
    "substitute": RIGHT[:17] + ("A" if RIGHT[17] != "A" else "C") + RIGHT[18:],
    "insert": RIGHT[:17] + RIGHT[18:],
    "delete": RIGHT[:17] + ("A" if RIGHT[17] != "A" and RIGHT[16] != "A" else "T") + RIGHT[17:],
}


@pytest.mark.parametrize("kind", SLIPS)
def test_planted_mistakes_are_mended(knows_the_cycle, kind):
    found = correct(SLIPS[kind], knows_the_cycle)
    [one] = found.corrections
    assert found.corrected == RIGHT and one.kind == kind
    assert one.gain > one.required and one.probability == pytest.approx(1 / (1 + math.exp(one.required - one.gain)))
    assert SLIPS[kind][one.start : one.end] == one.found
    assert abs(one.position - 18) <= 2  # of equal letters side by side any one may be meant
    rebuilt = SLIPS[kind][: one.start] + one.put + SLIPS[kind][one.end :]
    assert rebuilt == RIGHT and found.gain > one.required


def test_a_right_sequence_has_no_mistakes(knows_the_cycle):
    found = correct(RIGHT, knows_the_cycle)
    assert found.corrections == [] and found.corrected == RIGHT and found.gain == 0
    assert [element.text for element in found.elements] == list(RIGHT)


def test_two_mistakes_are_mended(knows_the_cycle):
    at = 26
    wrong = RIGHT[:8] + RIGHT[9:at] + ("A" if RIGHT[at] != "A" else "C") + RIGHT[at + 1 :]
    found = correct(wrong, knows_the_cycle)
    assert found.corrected == RIGHT and [one.kind for one in found.corrections] == ["insert", "substitute"]
    assert sum(one.gain for one in found.corrections) == pytest.approx(found.gain, rel=0.5)


def test_without_lengths_only_wrong_elements_are_found(knows_the_cycle):
    assert correct(SLIPS["substitute"], knows_the_cycle, lengths=False).corrected == RIGHT
    found = correct(SLIPS["insert"], knows_the_cycle, lengths=False)
    assert all(one.kind == "substitute" for one in found.corrections)
    assert set(found.required) == {"substitute"} and not found.lengths


def test_the_error_rate_sets_what_is_required(knows_the_cycle):
    [one] = correct(SLIPS["substitute"], knows_the_cycle).corrections
    for rate in (0.2, 0.02):
        [other] = correct(SLIPS["substitute"], knows_the_cycle, error_rate=rate).corrections
        assert other.gain == pytest.approx(one.gain, abs=1e-4)
        assert other.required == pytest.approx(math.log(3 / rate))
    assert correct(SLIPS["substitute"], knows_the_cycle, error_rate=1e-30).corrections == []


# Gains


def likelihood(folder, text):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    end = theirs.eos_token_id
    ids = [end, *theirs(text)["input_ids"], end]
    with torch.no_grad():
        logprobs = model(torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1)
    return float(logprobs.gather(1, torch.tensor(ids[1:])[:, None]).sum())


def every_edit(units, letters):
    for at, unit in enumerate(units):
        if unit in letters:
            yield from (Edit("substitute", at, letter) for letter in letters if letter != unit)
            yield Edit("delete", at)
    yield from (Edit("insert", at, letter) for at in range(len(units) + 1) for letter in letters)


def test_gains_of_a_causal_model_are_log_likelihood_ratios_and_none_is_better(causal):
    loaded = load(str(causal))
    elements = elements_of(loaded.tokenizer, DNA)
    scan = CausalEdits(loaded, elements, elements.units)
    channel = Channel(0.01, 4, words=False)
    found = dict(scan.gains(scan.suspects(), [unit in "ACGT" for unit in elements.units], channel, lengths=True))
    whole = likelihood(causal, DNA)
    assert scan.total == pytest.approx(whole, abs=1e-4)
    exact = {edit: likelihood(causal, "".join(edit.of(elements.units))) - whole for edit in every_edit(DNA, "ACGT")}
    assert len(found) == 12
    for edit, gain in found.items():
        assert gain == pytest.approx(exact[edit], abs=1e-4)
    margins = {edit: gain - channel.required(edit, elements.units) for edit, gain in exact.items()}
    best = max(margins, key=margins.__getitem__)
    assert best in found and max(found, key=lambda edit: margins[edit]) == best


def test_the_surprisal_of_elements_is_that_of_their_tokens(causal):
    found = correct(DNA, str(causal))
    theirs = transformers.AutoTokenizer.from_pretrained(causal)
    model = transformers.AutoModelForCausalLM.from_pretrained(causal).eval()
    ids = [theirs.eos_token_id, *theirs(DNA)["input_ids"]]
    with torch.no_grad():
        logprobs = model(torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1)
    expected = (-logprobs.gather(1, torch.tensor(ids[1:])[:, None])[:, 0] / math.log(2)).tolist()
    assert [element.surprisal_bits for element in found.elements] == pytest.approx(expected, abs=1e-5)


def pseudo(folder, text):
    """Return the sum of the logprobs of all letters, each masked alone."""
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder).eval()
    end = theirs.eos_token_id
    ids, total = [end, *theirs(text)["input_ids"], end], 0.0
    for at in range(1, len(ids) - 1):
        hidden = [*ids[:at], theirs.mask_token_id, *ids[at + 1 :]]
        with torch.no_grad():
            total += float(model(torch.tensor([hidden])).logits[0, at].double().log_softmax(-1)[ids[at]])
    return total


def test_gains_of_a_masked_model(masked):
    loaded = load(str(masked), "any")
    text = "GATTAC"  # six elements: each is masked alone
    elements = elements_of(loaded.tokenizer, text)
    scan = MaskedEdits(loaded, loaded.tokenizer.special_id("mask"), elements, elements.units)
    assert scan.total == pytest.approx(pseudo(masked, text), abs=1e-4)
    found = scan.gains(scan.suspects(), [True] * 6, Channel(0.01, 4, words=False), lengths=True)
    marginals = mutate(text, loaded, letters="ACGT")
    kinds = {edit.kind for edit, _ in found}
    for edit, gain in found:
        if edit.kind == "substitute":
            effects = dict(zip("ACGT", marginals.effects[edit.at], strict=True))
            del effects[text[edit.at]]
            assert edit.put == max(effects, key=effects.__getitem__)
        else:
            changed = "".join(edit.of(elements.units))
            assert gain == pytest.approx(pseudo(masked, changed) - scan.total, abs=1e-4)
    assert kinds == {"substitute", "insert", "delete"} and len(found) == 6 + 2 + 2


# The noisy channel


def test_what_an_edit_must_gain():
    letters = Channel(0.01, 20, words=False)
    assert letters.required(Edit("substitute", 0, "C"), "AC") == pytest.approx(math.log(19 / 0.01))
    assert letters.required(Edit("insert", 0, "C"), "AC") == pytest.approx(math.log(100))
    assert letters.required(Edit("delete", 1), "AAC") == pytest.approx(math.log(2000))
    words = Channel(0.02, 5000, words=True)
    units = ["teh", " the", " the", " cat"]
    assert words.required(Edit("substitute", 0, "the"), units) == pytest.approx(
        -math.log(0.01 * (1 / len(slips("the")) + 1 / 4999))
    )
    assert words.required(Edit("substitute", 0, "cat"), units) == pytest.approx(math.log(2 * 4999 / 0.02))
    assert words.required(Edit("delete", 2), units) == pytest.approx(-math.log(0.01 * (1 + 1 / 5000)))
    assert words.required(Edit("delete", 3), units) == pytest.approx(math.log(2 * 5000 / 0.02))


def test_slips_are_all_single_ones():
    """All words up to four letters over three letters, by trying: one is a slip of the other by one of four ways."""

    def slip(a, b):
        dropped = {a[:i] + a[i + 1 :] for i in range(len(a))}
        swapped = {a[:i] + a[i + 1] + a[i] + a[i + 2 :] for i in range(len(a) - 1)}
        replaced = len(a) == len(b) and sum(x != y for x, y in zip(a, b, strict=True)) == 1
        added = a in {b[:i] + b[i + 1 :] for i in range(len(b))}
        return b != a and (b in dropped | swapped or replaced or added)

    words = ["".join(word) for size in (1, 2, 3, 4) for word in itertools.product("abc", repeat=size)]
    for a in ("ab", "abc", "aab"):
        assert slips(a) & {*words} == {b for b in words if slip(a, b)}
        assert slips(f" {a}") == {f" {one}" for one in slips(a)}
    assert meant(" teh", {" the": 1, "the": 2, " cat": 3}) == [" the"]


# Other elements


def test_words_codons_numbers(tmp_path, knows_the_cycle):
    words = causal_model(train_tokenizer(["the cat sat on the mat, the dog sat there"] * 9, "bpe"), tmp_path / "words")
    found = correct("the cat sat on teh mat.", str(words))
    assert found.kind == "word" and [element.text for element in found.elements][:2] == ["the", " cat"]
    assert {"slip", "repeat"} < set(found.required) and found.required["slip"] < found.required["substitute"]
    genes = correct("ATGGCCNNNTAA", str(causal_model(codons(), tmp_path / "codons")), error_rate=0.4)
    assert genes.kind == "codon" and len(genes.elements) == 6 and set(genes.corrected) <= {*"ACGTN"}
    bins = train_tokenizer([[[1.0]]], "bins", vocab_size=120)
    for maker, name in ((causal_model, "one"), (masked_model, "two")):
        model = str(maker(bins, tmp_path / name))
        assert correct("1.5 2.5 900\n2.5 3 1", model).lengths is False  # a missing number would move the channels
        one = correct("1.5 2.50 nan 3 900", model, error_rate=0.4)
        assert one.lengths and one.kind == "number" and [e.text for e in one.elements][1] == "2.50"
        for edit in one.corrections:
            assert edit.kind == "delete" or math.isfinite(float(edit.put))


def test_words_are_never_glued_together(tmp_path):
    """What is put in keeps its space, signs replace signs, and a text does not begin with the space of a lost word."""
    model = str(causal_model(train_tokenizer(["the cat sat on the mat, the dog sat there"] * 9, "bpe"), tmp_path / "w"))
    loaded = load(model)
    text = "the cat, (the dog) sat there"
    elements = elements_of(loaded.tokenizer, text)
    scan = CausalEdits(loaded, elements, elements.units)
    edits = [edit for place in range(len(elements.units) + 1) for edit in scan._at(place, place < 8, lengths=True)]
    assert {edit.kind for edit in edits} == {"substitute", "insert", "delete"} and len(edits) > 50
    for edit in edits:
        again = elements_of(loaded.tokenizer, elements.joined(edit.of(elements.units))).units
        expected = [*edit.of(elements.units)]
        expected[0] = expected[0].removeprefix(" ")
        signs = edit.put and not edit.put.strip()[0].isalnum()
        assert signs or again == expected, edit
    assert not _between("cat", " the") and _between(" cat", " the") and not _between(" cat", "the")
    assert _between(",", " the") and not _instead("cat", ",") and _instead("cat", "the")
    assert elements.joined(elements.units[1:]).startswith("cat,")


@pytest.mark.parametrize(
    ("text", "options", "error", "words"),
    [
        (" ", {}, MissingText, "no text to correct"),
        ("A", {}, InputError, "is a single letter to"),
        ("GAT1", {}, InputError, "letter 4 of the sequence: '1' is not a letter of dna"),
        ("MKVLE", {}, InputError, "is not a letter of dna"),
        ("GATT", {"error_rate": 0}, InputError, "`error_rate` is 0"),
        ("GATT", {"error_rate": 0.5}, InputError, "`error_rate` is 0.5"),
        ("GATT", {"error_rate": math.nan}, InputError, "`error_rate` is nan"),
        ("GATT", {"alphabet": "protein"}, InputError, "does not read protein"),
        ("G" * 70, {}, PromptTooLong, "72 tokens"),
        ("GA\udcffT", {}, InputError, "lone surrogate"),
    ],
)
def test_bad_input(causal, text, options, error, words):
    with pytest.raises(error, match=words):
        correct(text, str(causal), **options)


def test_models_of_the_wrong_kind(tiny_bert_classifier, tmp_path):
    with pytest.raises(WrongKind, match="gives no probabilities"):
        correct("a b", tiny_bert_classifier)
    words = ["the", "cat", "##s"]
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    theirs = transformers.BertTokenizer(str(tmp_path / "vocab.txt"))
    config = transformers.BertConfig(
        vocab_size=len(theirs), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    folder = saved(transformers.BertForMaskedLM(config), theirs, tmp_path / "bert")
    with pytest.raises(WrongKind, match="reads words as several tokens"):
        correct("the cats", str(folder))


def test_a_full_context_can_still_be_corrected(causal):
    found = correct("GATC" * 15, str(causal), error_rate=0.4)  # 62 of 64 ids
    ids = elements_of(load(str(causal)).tokenizer, found.corrected).encode(list(found.corrected))[0]
    assert len(ids) <= 64


def test_the_command(knows_the_cycle, tmp_path):
    folder = str(knows_the_cycle.path)
    shell = CliRunner()
    got = shell.invoke(cli, ["correct", SLIPS["insert"], "-m", folder, "--json"])
    assert got.exit_code == 0, got.output
    record = json.loads(got.stdout)
    assert record["schema"] == "cutaway.corrections/1" and record["corrected"] == RIGHT
    seen = shell.invoke(cli, ["correct", SLIPS["insert"], "-m", folder])
    assert "missing" in seen.stdout and RIGHT in seen.stdout and "▲" in seen.stdout
    file = tmp_path / "c.csv"
    shell.invoke(cli, ["correct", SLIPS["insert"], "-m", folder, "-o", str(file)])
    assert file.read_text().splitlines()[0] == "kind,position,start,end,found,put,gain,required,probability"
    assert cutaway.correct is correct
