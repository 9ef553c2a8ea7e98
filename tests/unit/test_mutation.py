"""`mutate` against loops written by hand with transformers, and the column profile against its formula."""

import gzip
import json
import math

import numpy as np
import pytest
import torch
import transformers
from click.testing import CliRunner

import cutaway
from cutaway.cli import cli
from cutaway.errors import InputError, MissingText, ModelError, PromptTooLong, WrongKind
from cutaway.inside import contacts
from cutaway.models import pickled
from cutaway.models.text_model import Model
from cutaway.prediction import mutate
from cutaway.prediction.profile import spearman
from cutaway.tokens import codons, train_tokenizer
from cutaway.tokens.encoding import encode_text

AMINO = "ACDEFGHIKLMNPQRSTVWY"
SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQ"


def tokenizer(tokens, roles=pickled._BERT, split="."):
    return pickled._tokenizer(tokens, roles, split, 40)


def save(module, made, folder):
    torch.manual_seed(3)
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    module.save_pretrained(folder)
    made.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    """A random BERT that fills in amino acids."""
    tokens = [*pickled._BERT.values(), *AMINO]
    config = transformers.BertConfig(
        vocab_size=len(tokens), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=40,
    )  # fmt: skip
    return save(transformers.BertForMaskedLM(config), tokenizer(tokens), tmp_path_factory.mktemp("masked"))


@pytest.fixture(scope="module")
def causal(tmp_path_factory):
    """A random GPT-2 that continues DNA; its tokenizer puts a token before the text and one behind it."""
    tokens = [*pickled._BERT.values(), *"ACGTN"]
    config = transformers.GPT2Config(
        vocab_size=len(tokens), n_layer=2, n_head=2, n_embd=16, n_positions=40, bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    return save(transformers.GPT2LMHeadModel(config), tokenizer(tokens), tmp_path_factory.mktemp("causal"))


def test_masked_marginals_are_those_of_a_loop(masked):
    found = mutate(SEQUENCE, masked)
    model = transformers.AutoModelForMaskedLM.from_pretrained(masked).eval()
    theirs = transformers.AutoTokenizer.from_pretrained(masked)
    ids = theirs(SEQUENCE, return_tensors="pt")["input_ids"]
    for p, wild in enumerate(SEQUENCE):
        changed = ids.clone()
        changed[0, p + 1] = theirs.mask_token_id
        with torch.no_grad():
            logprobs = model(changed).logits[0, p + 1].log_softmax(-1)
        own = float(logprobs[theirs.convert_tokens_to_ids(wild)])
        assert found.wild_logprobs[p] == pytest.approx(own, abs=1e-5)
        for a, letter in enumerate(AMINO):
            expected = float(logprobs[theirs.convert_tokens_to_ids(letter)]) - own
            assert found.effects[p][a] == pytest.approx(expected, abs=1e-5)
    assert (found.method, found.unit, found.alphabet) == ("masked marginals", "nats", "protein")
    assert found.positions == list(range(1, 23)) and "".join(found.wild) == SEQUENCE and found.unscored == 0
    assert np.ptp(found.effects) > 1


def test_a_model_of_words_gets_letters_separated_by_spaces(tmp_path):
    """ProtBERT's tokenizer: a sequence without spaces is one unknown word to it."""
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *AMINO, "X"]))
    theirs = transformers.BertTokenizer(str(tmp_path / "vocab.txt"), do_lower_case=False)
    config = transformers.BertConfig(
        vocab_size=len(theirs), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=40,
    )  # fmt: skip
    folder = save(transformers.BertForMaskedLM(config), theirs, tmp_path / "protbert")
    ids = theirs(" ".join(SEQUENCE), return_tensors="pt")["input_ids"]
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()
    ids[0, 3], own = theirs.mask_token_id, int(ids[0, 3])
    with torch.no_grad():
        logprobs = model(ids).logits[0, 3].log_softmax(-1)
        ids[0, 3] = own
        maps = torch.stack(model(ids, output_attentions=True).attentions)[:, 0, :, 1:-1, 1:-1].double()
    letters = theirs.convert_tokens_to_ids(list(AMINO))
    expected = (logprobs[letters] - logprobs[own]).tolist()
    for text in (SEQUENCE, " ".join(SEQUENCE)):
        found = mutate(text, folder)
        assert found.text == SEQUENCE and found.wild == list(SEQUENCE) and found.unscored == 0
        np.testing.assert_allclose(found.effects[2], expected, atol=1e-5)
        seen = contacts(text, folder, correct=False)
        assert seen.text == SEQUENCE and seen.residues == list(SEQUENCE)
        right = (maps + maps.transpose(-1, -2)).mean((0, 1))
        both = np.triu_indices(len(SEQUENCE), 1)
        np.testing.assert_allclose(seen.arrays()["scores"][both], right.numpy()[both], rtol=1e-4, atol=1e-6)


def test_log_likelihood_ratios_are_those_of_a_loop(causal):
    text = "GATTNACA"
    found = mutate(text, causal)
    model = transformers.AutoModelForCausalLM.from_pretrained(causal).eval()
    theirs = transformers.AutoTokenizer.from_pretrained(causal)

    def likelihood(sequence):
        ids = theirs(sequence, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            logprobs = model(ids).logits[0, :-1].log_softmax(-1)
        return float(logprobs.gather(1, ids[0, 1:, None]).sum())

    whole = likelihood(text)
    assert found.positions == [1, 2, 3, 4, 6, 7, 8] and found.unscored == 1  # N is nobody's letter
    assert (found.method, found.alphabet, found.wild_logprobs) == ("log-likelihood ratio", "dna", None)
    for p, position in enumerate(found.positions):
        for a, letter in enumerate("ACGT"):
            mutant = text[: position - 1] + letter + text[position:]
            assert found.effects[p][a] == pytest.approx(likelihood(mutant) - whole, abs=1e-5)
    assert np.ptp(found.effects) > 1


@pytest.mark.parametrize("batch_size", [1, 3, 64])
@pytest.mark.parametrize(("kind", "text"), [("masked", SEQUENCE), ("causal", "GATTACA")])
def test_batches_do_not_matter(request, kind, text, batch_size):
    folder = request.getfixturevalue(kind)
    whole = np.array(mutate(text, folder).effects)
    assert np.allclose(np.array(mutate(text, folder, batch_size=batch_size).effects), whole, rtol=0, atol=1e-5)


def test_rows_and_arrays(masked, tmp_path):
    found = mutate("MK TA", masked)  # white space is no letter and takes no number
    rows = found.rows()
    assert len(rows) == 4 * 19 and rows[0]["mutation"] == "M1A" and rows[-1]["mutation"] == "A4Y"
    assert rows[0]["effect_nats"] == found.effects[0][0] and "profile_nats" not in rows[0]
    assert all(found.effects[p][AMINO.index(wild)] == 0 for p, wild in enumerate("MKTA"))
    found.save(tmp_path / "m.npz")
    kept = np.load(tmp_path / "m.npz")
    assert np.array_equal(kept["effects"], np.array(found.effects)) and kept["positions"].tolist() == [1, 2, 3, 4]
    found.save(tmp_path / "m.csv")
    assert (tmp_path / "m.csv").read_text().splitlines()[0] == "mutation,position,wild,letter,effect_nats"
    with pytest.raises(AttributeError):
        found.text = ""


def test_given_letters_are_used(masked):
    found = mutate("MKTA", masked, letters="KM")
    assert found.letters == ["K", "M"] and found.positions == [1, 2] and found.unscored == 2
    assert found.alphabet == "letters"
    assert mutate("MKTA", masked, letters=["M", "K"]).effects[0][1] == found.effects[0][0]


# The column profile


def alignment(tmp_path, text, name="family.fasta"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


FAMILY = ">query\nMK-TA\n>one\nMRGTA\n>two\nLKGT-\n>three\nMKGSA\n"


def test_the_profile_is_log_odds_of_counts(masked, tmp_path):
    found = mutate("MKTA", masked, alignment=alignment(tmp_path, FAMILY), pseudocount=0.5)
    profile = found.profile
    assert (profile.rows, profile.pairs, profile.pseudocount) == (4, 76, 0.5)
    column = dict(zip(AMINO, profile.effects[0], strict=True))
    assert column["L"] == pytest.approx(math.log(1.5 / 3.5)) and column["M"] == 0
    assert column["W"] == pytest.approx(math.log(0.5 / 3.5))
    third = dict(zip(AMINO, profile.effects[2], strict=True))  # its column is the fourth: the query has a gap
    assert third["S"] == pytest.approx(math.log(1.5 / 3.5)) and third["G"] == pytest.approx(math.log(0.5 / 3.5))

    from scipy.stats import spearmanr

    rows = found.rows()
    expected = spearmanr([row["effect_nats"] for row in rows], [row["profile_nats"] for row in rows]).statistic
    assert profile.spearman == pytest.approx(float(expected)) and abs(profile.spearman) > 0.001


def test_a3m_leaves_insertions_out(masked, tmp_path):
    a3m = alignment(tmp_path, ">query\nMKTA\n>one\nMRggT.A\n>two\nLK-A\n", "family.a3m")
    found = mutate("MKTA", masked, alignment=a3m)
    assert dict(zip(AMINO, found.profile.effects[1], strict=True))["R"] == pytest.approx(math.log(2 / 3))


def test_rank_correlation_with_ties_and_of_a_constant():
    assert spearman(np.array([1.0, 2, 2, 3]), np.array([4.0, 3, 3, 1])) == pytest.approx(-1)
    assert spearman(np.array([1.0, 2]), np.array([1.0, 1])) is None


# Bad input


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("MKTA\n>one\nMKTA\n", "line 1: there is a sequence before the first header"),
        ("\n# nothing\n", "has no sequences"),
        (">one\nMKTA\n>two\nMKT\n", "line 3: 'two' has 3 columns, but the first row has 4"),
        (">one\nMKTW\n", "no row .* is the sequence"),
    ],
)
def test_files_that_do_not_align_the_sequence_are_refused(masked, tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        mutate("MKTA", masked, alignment=alignment(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "options", "error", "words"),
    [
        (" ", {}, MissingText, "no sequence"),
        ("MK1A", {}, InputError, "letter 3 of the sequence: '1' is not a letter of protein"),
        ("MKTA", {"alphabet": "rna", "letters": "MK"}, InputError, "letters and an alphabet"),
        ("MKTA", {"alphabet": "text"}, InputError, "no alphabet 'text'"),
        ("ACGU", {"alphabet": "rna"}, InputError, "U is not a single token"),
        ("MKTA", {"letters": "M"}, InputError, "`letters` are 'M'"),
        ("MKTA", {"letters": "MZ"}, InputError, "Z is not a single token"),
        ("MKTA", {"batch_size": 0}, InputError, "`batch_size` is 0"),
        ("MKTA", {"alignment": "no-such-file"}, InputError, "no-such-file"),
        ("M" * 39, {}, PromptTooLong, "41 tokens"),
        ("MK\udcff", {}, InputError, "lone surrogate"),
    ],
)
def test_bad_input(masked, text, options, error, words):
    with pytest.raises(error, match=words):
        mutate(text, masked, **options)


def test_a_pseudocount_of_0_is_refused(masked, tmp_path):
    with pytest.raises(InputError, match="`pseudocount` is 0"):
        mutate("MKTA", masked, alignment=alignment(tmp_path, FAMILY), pseudocount=0)


def test_models_of_the_wrong_kind(tiny_bert_classifier, tiny_gpt2):
    with pytest.raises(WrongKind, match="gives no probabilities of letters"):
        mutate("MKTA", tiny_bert_classifier)


@pytest.mark.parametrize(
    ("text", "alphabet"),
    [
        ("GATTACA", "dna"),
        ("GATTACAGATTRACA", "dna"),  # an ambiguity code among ten
        ("GATTACAnnn", "protein"),  # three of ten are none of the four
        ("gattacan", "protein"),
        ("gattacagattacan", "dna"),
        ("GAUUACA", "rna"),
        ("GARTACA", "protein"),
        ("MKT", "protein"),
    ],
)
def test_a_model_of_all_characters_reads_what_the_text_is(tiny_gpt2, text, alphabet):
    assert mutate(text, tiny_gpt2).alphabet == alphabet


def test_white_space_does_not_count_as_a_position(tiny_gpt2, masked):
    assert " " in cutaway.load(tiny_gpt2).tokenizer.vocabulary
    for folder, text in ((tiny_gpt2, "GATT\nAC A"), (masked, "MKTA\nYI A")):
        whole, broken = mutate(text.replace("\n", "").replace(" ", ""), folder), mutate(text, folder)
        assert broken == whole and broken.positions == list(range(1, 8)) and broken.unscored == 0


def test_given_letters_leave_the_text_as_it_is(tiny_gpt2):
    found = mutate("a cat\nsat", tiny_gpt2, letters="ab")
    assert found.text == "a cat\nsat" and found.changes == {}
    assert found.positions == [1, 3, 6] and found.unscored == 4  # c, t, s, t
    assert found.effects != mutate("acatsat", tiny_gpt2, letters="ab").effects


def test_the_rules_of_the_alphabet_are_those_of_records(masked):
    found = mutate("mktayIA*", masked)
    assert found.changes == {"lower case to upper": 5, "end stops removed": 1}
    assert found.text == "MKTAYIA" and found.effects == mutate("MKTAYIA", masked).effects
    assert mutate("MKTA", masked).changes == {}


def test_dna_for_a_protein_model_is_refused(masked, capfd):
    mutate("MKTA", masked)
    assert "looks like" not in capfd.readouterr().err
    mutate("ACGTACGTTGCA", masked)
    assert "the sequence looks like DNA or RNA" in capfd.readouterr().err


def test_tokens_of_several_letters(tmp_path):
    tokens = [*pickled._BERT.values(), *AMINO, "MK"]
    config = transformers.BertConfig(
        vocab_size=len(tokens), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    save(transformers.BertForMaskedLM(config), tokenizer(tokens, split="MK|."), tmp_path)
    with pytest.raises(WrongKind, match="reads 'MK' as one token"):
        mutate("MKTA", tmp_path)


def test_nan_weights_are_refused(masked):
    loaded = cutaway.load(masked, "any")
    broken = cutaway.models.loading.Model("broken", None, transformers.BertForMaskedLM(loaded.config), loaded.tokenizer)
    broken.module.cls.predictions.bias.data.fill_(math.nan)
    with pytest.raises(ModelError, match="not finite"):
        mutate("MKTA", broken)


def test_the_command(masked, tmp_path):
    asked = ["mutate", "MKTA", "-m", str(masked), "--alignment", str(alignment(tmp_path, FAMILY))]
    said = CliRunner().invoke(cli, asked)
    assert said.exit_code == 0, said.output
    ranked = sorted(mutate("MKTA", masked).rows(), key=lambda row: -row["effect_nats"])
    lines = said.output.splitlines()
    assert ranked[0]["mutation"] in lines[2] and f"{ranked[0]['effect_nats']:+.3f}" in lines[2]
    assert "Spearman" in said.output and "above 0 the model prefers the mutant" in said.output
    for suffix in (".html", ".json", ".csv", ".npz", ".svg", ".png"):
        done = CliRunner().invoke(cli, [*asked, "-o", str(tmp_path / f"out{suffix}")])
        assert done.exit_code == 0 and (tmp_path / f"out{suffix}").stat().st_size > 100, done.output


def test_a_record_of_a_fasta(masked, tmp_path):
    (tmp_path / "one.fasta").write_text(">a protein of some kind\nMK\nTA\n")
    (tmp_path / "two.fa.gz").write_bytes(gzip.compress(b">a\nMKTA\n>b\nMKT\nW*\n"))
    asked = ["mutate", "-m", str(masked), "--json"]

    def text(*more, **piped):
        said = CliRunner().invoke(cli, [*asked, *more], **piped)
        assert said.exit_code == 0, said.exception
        return json.loads(said.stdout)["text"]

    assert text("-f", str(tmp_path / "one.fasta")) == "MKTA"
    assert text("-f", str(tmp_path / "two.fa.gz"), "--record", "b") == "MKTW"
    piped = b">a\nMKTA\n>b c\nMKT\nW\n"
    assert text("-", "--record", "b", input=piped) == "MKTW"
    for more, words in (
        ((), "several records, such as 'a' and 'b'"),
        (("--record", "c"), "no record 'c'"),
    ):
        for given in ({"args": ["-f", str(tmp_path / "two.fa.gz")]}, {"args": ["-"], "input": piped}):
            said = CliRunner().invoke(cli, [*asked, *given["args"], *more], input=given.get("input"))
            assert isinstance(said.exception, InputError) and words in said.exception.message
    said = CliRunner().invoke(cli, [*asked, "MKTA", "--record", "a"])
    assert "in a bare sequence" in said.exception.message


@pytest.fixture
def chemical(tmp_path):
    """A masked model of SMILES that no table says is one."""
    tokens = [*pickled._BERT.values(), "C", "c", "N", "O", "Cl", "=", "(", ")", "1", "[nH]", ">"]
    config = transformers.BertConfig(
        vocab_size=len(tokens), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    save(transformers.BertForMaskedLM(config), tokenizer(tokens, split=r"\[[^\]]*\]|Cl|."), tmp_path / "chemical")
    return tmp_path / "chemical"


def test_a_broken_smiles_is_refused_before_the_weights_are_loaded(chemical, tmp_path, monkeypatch):
    pytest.importorskip("rdkit")
    assert mutate("CC(=O)Cl", chemical, letters=["C", "N", "O"]).wild == ["C", "C", "O"]
    with pytest.raises(InputError, match="letter 3: RDKit refuses 'CC\\(=O'"):
        mutate("CC(=O", chemical, letters=["C", "N"])
    (tmp_path / "two.smi").write_text("CCO good\nCC(=O bad\n")
    loads = []
    monkeypatch.setattr("cutaway.models.load", lambda *args, **options: loads.append(args))
    asked = ["mutate", "-m", str(chemical), "--letters", "C,N"]
    for more in (["CC(=O"], ["-f", str(tmp_path / "two.smi"), "--record", "bad"]):
        said = CliRunner().invoke(cli, [*asked, *more])
        assert isinstance(said.exception, InputError) and "RDKit refuses" in said.exception.message
    assert not loads


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["MKTA", "--letters", "M"], "letters are 'M'"),
        (["MK1A", "--alphabet", "protein"], "'1' is not a letter of protein"),
        (["ACGT", "--alphabet", "dna", "--letters", "ACGT"], "letters and an alphabet"),
        (["MKTA", "--alignment", "nowhere.a3m"], "no file 'nowhere.a3m'"),
        ([" "], "no sequence"),
    ],
)
def test_mistakes_are_reported_before_the_model_is_looked_up(more, words):
    said = CliRunner().invoke(cli, ["mutate", "-m", "./no-such-model", *more])
    assert isinstance(said.exception, InputError | MissingText) and words in said.exception.message


def test_letters_are_compared_with_the_tokenizer_before_the_weights_are_loaded(masked, monkeypatch):
    monkeypatch.setattr("cutaway.models.load", lambda *args, **options: pytest.fail("weights were loaded"))
    said = CliRunner().invoke(cli, ["mutate", "MKTA", "-m", str(masked), "--letters", "MZ"])
    assert isinstance(said.exception, InputError) and "Z is not a single token" in said.exception.message


@pytest.mark.parametrize("spelling", ["dna", "rna"])
def test_codons_are_replaced_whole(spelling, tmp_path):
    made, u = codons(spelling), "U" if spelling == "rna" else "T"
    config = transformers.GPT2Config(
        vocab_size=max(made.vocabulary.values()) + 1, n_layer=1, n_head=2, n_embd=16, n_positions=20
    )
    torch.manual_seed(3)
    model = Model("codons", None, transformers.GPT2LMHeadModel(config).eval(), made)
    for weight in model.module.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    found = mutate("atg gct TAA gc", model)
    assert found.wild == [f"A{u}G", f"GC{u}", f"{u}AA"] and found.positions == [1, 2, 3] and found.unscored == 2
    assert (found.alphabet, len(found.letters)) == ("codon", 64) and found.rows()[0]["mutation"] == f"A{u}G1AAA"
    assert found.changes["lower case to upper"] == 8

    frame = made.special_id("bos")  # training puts it at both ends of a record

    def likelihood(words):
        ids = torch.tensor([[frame, *made.encode("".join(words)).ids, frame]])
        with torch.no_grad():
            logprobs = model.module(ids).logits[0, :-1].log_softmax(-1)
        return float(logprobs.gather(1, ids[0, 1:, None]).sum())

    whole = [f"A{u}G", f"GC{u}", f"{u}AA", "GC"]
    for p in range(3):
        for a in (0, 17, 63):
            mutant = [*whole[:p], found.letters[a], *whole[p + 1 :]]
            assert found.effects[p][a] == pytest.approx(likelihood(mutant) - likelihood(whole), abs=1e-5)
    assert mutate("ATGGCT".replace("T", u), model, alphabet=spelling).wild == [f"A{u}G", f"GC{u}"]
    with pytest.raises(WrongKind, match="as one token"):
        mutate(f"A{u}GGC{u}", model, letters=f"ACG{u}")


def test_letters_that_a_model_of_another_alphabet_does_not_know_are_told_once(capfd):
    dna, made = codons(), train_tokenizer(["MKT"], "char", alphabet="protein")
    for _ in range(2):  # as a verb does that looks at its text before the weights are loaded
        encode_text("MKTAYIAKQRPPL", dna)
    said = capfd.readouterr().err
    assert said.count("5 tokens of the text are unknown") == 1 and "reads DNA (the first is 'I')" in said
    encode_text("MKT1", made)
    assert "1 token of the text is unknown" in capfd.readouterr().err
    encode_text("ATGNNNGC", dna)
    encode_text("MKTX", made)
    assert capfd.readouterr().err == ""
