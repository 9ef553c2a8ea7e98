"""`contacts` against transformers' own attentions, the formula of the correction, and contacts that were planted."""

import numpy as np
import pytest
import torch
import transformers
from click.testing import CliRunner

import cutaway
from cutaway.cli import cli
from cutaway.errors import InputError, MissingText, PromptTooLong, WrongKind
from cutaway.inside import apc, contacts
from cutaway.inside.contact_precision import precision
from cutaway.models import pickled
from cutaway.sequences import read_contacts

AMINO = "ACDEFGHIKLMNPQRSTVWY"
SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLG"
TOKENS = [*pickled._BERT.values(), *AMINO]
PLANTED = [(1, 26), (2, 25), (4, 20), (7, 15), (10, 19)]  # residues from 0


def save(module, folder):
    module.save_pretrained(folder)
    pickled._tokenizer(TOKENS, pickled._BERT, ".", 40).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def random_bert(tmp_path_factory):
    config = transformers.BertConfig(
        vocab_size=len(TOKENS), hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=40, initializer_range=0.6,
    )  # fmt: skip
    torch.manual_seed(4)
    return save(transformers.BertForMaskedLM(config), tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def random_gpt2(tmp_path_factory):
    config = transformers.GPT2Config(
        vocab_size=len(TOKENS), n_layer=2, n_head=2, n_embd=16, n_positions=40, bos_token_id=2, eos_token_id=3,
        initializer_range=0.6,
    )  # fmt: skip
    torch.manual_seed(5)
    return save(transformers.GPT2LMHeadModel(config), tmp_path_factory.mktemp("gpt2"))


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A BERT of one layer and two heads: in head 1 each planted residue looks at its partner, in head 0 all at all."""
    config = transformers.BertConfig(
        vocab_size=len(TOKENS), hidden_size=80, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        max_position_embeddings=40,
    )  # fmt: skip
    model = transformers.BertForMaskedLM(config)
    inside = model.bert
    for weight in inside.parameters():
        weight.data.zero_()
    for name, norm in model.named_modules():
        if name.endswith("LayerNorm"):
            norm.weight.data.fill_(1)
    inside.embeddings.position_embeddings.weight.data[:, :40] = torch.eye(40)  # a token says only where it stands
    attention = inside.encoder.layer[0].attention.self
    attention.key.weight.data[40:, :40] = torch.eye(40)
    looks = torch.zeros(40, 40)
    for i, j in PLANTED:
        looks[j + 1, i + 1] = looks[i + 1, j + 1] = 0.6  # behind the first special token
    attention.query.weight.data[40:, :40] = looks
    return save(model, tmp_path_factory.mktemp("planted"))


def eager(folder, text, causal=False):
    """Return transformers' attentions [L, H, P, P] of the residues."""
    auto = transformers.AutoModelForCausalLM if causal else transformers.AutoModelForMaskedLM
    model = auto.from_pretrained(folder, attn_implementation="eager").eval()
    ids = transformers.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        found = torch.stack(model(ids, output_attentions=True).attentions)[:, 0]
    return found[..., 1:-1, 1:-1].double().numpy()


def corrected(scores):
    """The average product correction as the paper writes it, element by element."""
    size = len(scores)
    out = np.empty_like(scores)
    mean = scores.mean()
    for i in range(size):
        for j in range(size):
            out[i, j] = scores[i, j] - scores[i].mean() * scores[:, j].mean() / mean
    return out


def test_apc_equals_its_formula():
    scores = np.random.default_rng(1).random((9, 9))
    scores += scores.T
    assert np.allclose(apc(scores), corrected(scores), rtol=0, atol=1e-12)
    assert np.allclose(apc(scores).sum(0), 0)  # nothing is left of what a row has in all
    assert np.array_equal(apc(np.zeros((3, 3))), np.zeros((3, 3)))


@pytest.mark.parametrize(("kind", "causal"), [("random_bert", False), ("random_gpt2", True)])
@pytest.mark.parametrize("correct", [True, False])
def test_the_map_equals_one_from_eager_attention(request, kind, causal, correct):
    folder = request.getfixturevalue(kind)
    found = contacts(SEQUENCE, folder, correct=correct)
    maps = eager(folder, SEQUENCE, causal)
    expected = maps + maps.swapaxes(-1, -2)
    if correct:
        expected = np.array([[corrected(head) for head in layer] for layer in expected])
    assert np.allclose(found.scores.array(), expected.mean((0, 1)), rtol=0, atol=1e-5)
    assert np.ptp(expected.mean((0, 1))) > 0.01 and found.looks_ahead is not causal
    assert [(one.layer, one.head) for one in found.heads] == [(i, j) for i in range(len(maps)) for j in range(2)]
    assert np.allclose(found.head(1, 1), expected[1, 1], rtol=0, atol=2e-3)  # kept as half floats
    best = max(found.heads, key=lambda one: one.score)
    values = expected[best.layer, best.head]
    assert best.score == pytest.approx(values[best.i - 1, best.j - 1], abs=1e-5)
    assert best.score == pytest.approx(max(values[i, j] for i in range(28) for j in range(i + 6, 28)), abs=1e-5)
    assert list(found.residues) == list(SEQUENCE) and found.truth is None and found.best is None


def test_a_repeated_head_counts_once(random_bert, tiny_gpt2):
    once, twice = (contacts(SEQUENCE, random_bert, layers=[0], heads=heads) for heads in ([1, 0], [1, 0, 1]))
    assert twice.heads == once.heads and len(twice.heads) == 2
    assert np.array_equal(once.scores.array(), twice.scores.array())
    once, twice = (cutaway.attention("No, I am", tiny_gpt2, heads=heads) for heads in ([1, 0], [1, 0, 1]))
    assert twice.stacks[0].heads == once.stacks[0].heads == [1, 0]
    assert twice.to_json() == once.to_json()


def test_planted_contacts_come_out_first(planted):
    truth = [(i + 1, j + 1) for i, j in PLANTED]
    found = contacts(SEQUENCE, planted, truth=truth)
    assert {(pair.i, pair.j) for pair in found.pairs[:5]} == set(truth)
    assert all(pair.known for pair in found.pairs[:5]) and not any(pair.known for pair in found.pairs[5:])
    assert (found.best.layer, found.best.head) == (0, 1)
    top = {(one.separation, one.top): one for one in found.best_precisions}
    assert top[6, "L/5"].precision == 1.0 and top[6, "L/5"].taken == 5
    assert top[6, "L"].precision == pytest.approx(5 / 28) and top[6, "L"].chance == pytest.approx(5 / 253)
    assert top[24, "L/5"].precision == pytest.approx(1 / 5)  # one of the five is that far apart
    assert [[1 + i, 1 + j] for i, j in PLANTED] == found.truth
    assert found.pairs[0].first == SEQUENCE[found.pairs[0].i - 1]
    one = contacts(SEQUENCE, planted, truth=truth, heads=[1])
    assert len(one.heads) == 1 and np.allclose(one.scores.array(), found.best_scores.array(), atol=1e-6)


def test_precision_by_hand():
    scores, known = np.zeros((8, 8)), np.zeros((8, 8), bool)
    for i, j, score in ((0, 6, 3.0), (0, 7, 2.0), (1, 7, 1.0), (0, 1, 9.0)):
        scores[i, j] = scores[j, i] = score
    known[0, 7] = known[7, 0] = known[0, 1] = known[1, 0] = True
    assert precision(scores, known, 6, 4) == (2, 0.5, pytest.approx(1 / 3))
    assert precision(scores, known, 6) == (3, pytest.approx(1 / 3), pytest.approx(1 / 3))  # no more pairs than three
    assert precision(scores, known, 1, 8) == (1, 1.0, pytest.approx(2 / 28))
    assert precision(scores, known, 9)[0] == 0


def test_arrays_and_rows(random_bert, tmp_path):
    truth = np.zeros((28, 28))
    truth[2, 20] = 1.0  # one triangle is enough
    found = contacts(SEQUENCE, random_bert, truth=truth)
    kept = np.load(found.save(tmp_path / "c.npz"))
    assert kept["scores"].shape == (28, 28) and np.allclose(kept["scores"], kept["scores"].T)
    assert kept["truth"].sum() == 2 and kept["truth"][20, 2] and kept["head_maps"].shape == (6, 28, 28)
    assert kept["heads"].tolist() == [[i, j] for i in range(3) for j in range(2)]
    lines = found.save(tmp_path / "c.csv").read_text().splitlines()
    assert lines[0] == "i,j,first,second,score,known" and len(lines) == 29
    scores = [float(line.split(",")[4]) for line in lines[1:]]
    assert scores == sorted(scores, reverse=True)
    assert all(pair.j - pair.i >= 12 for pair in contacts(SEQUENCE, random_bert, separation=12).pairs)


# What is known, from a file


def test_files_of_contacts(tmp_path):
    matrix = np.zeros((4, 4))
    matrix[0, 2] = 0.5
    expected = (matrix + matrix.T) > 0
    np.save(tmp_path / "truth.npy", matrix)
    (tmp_path / "matrix.csv").write_text("0,0,0.5,0\n0,0,0,0\n0,0,0,0\n0,0,0,0\n")
    (tmp_path / "pairs.csv").write_text("i,j\n3,1\n\n")
    (tmp_path / "bare.tsv").write_text("1\t3\n")
    for name in ("truth.npy", "matrix.csv", "pairs.csv", "bare.tsv"):
        assert np.array_equal(read_contacts(tmp_path / name, 4), expected), name


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "1,9\n", "line 1: 1,9 is not a pair of positions"),
        ("a.csv", "i,j\n1,2\n0,2\n", "line 3: 0,2 is not a pair"),
        ("a.csv", "1,2\n1.5,2\n", "line 2: 1.5,2 is not a pair"),
        ("a.csv", "1,2\n1,2,3\n", "line 2: '1,2,3' is not 2 numbers"),
        ("a.csv", "1,2\nx,y\n", "line 2: 'x,y' is not 2 numbers"),
        ("a.csv", "1,0,0\n0,1,0\n0,0,1\n", "holds 3 × 3 of type float64; the sequence has 4 positions"),
        ("a.csv", "i,j\n", "holds 0 of type float64"),
        ("a.npy", "not numpy", "is not an array of numbers"),
    ],
)
def test_files_without_contacts_are_refused(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        read_contacts(tmp_path / name, 4)


@pytest.mark.parametrize("mark", [",", ", ", ";", "\t", " ; "])
def test_a_header_of_several_words_is_skipped(tmp_path, mark):
    for head in (("Residue 1", "Residue 2"), ('"Residue 1"', '"Residue 2"')):
        (tmp_path / "a.csv").write_text("\n".join([mark.join(head), mark.join("13"), "2 4", ""]))
        assert np.argwhere(np.triu(read_contacts(tmp_path / "a.csv", 4))).tolist() == [[0, 2], [1, 3]]
    (tmp_path / "a.csv").write_text(mark.join(["Residue 1", "2 4"]) + "\n")
    with pytest.raises(InputError, match="line 1: 'Residue 1,2 4' is not 2 numbers"):
        read_contacts(tmp_path / "a.csv", 4)


def test_a_pickle_in_npy_is_not_opened(tmp_path):
    np.save(tmp_path / "truth.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="is not an array of numbers"):
        read_contacts(tmp_path / "truth.npy", 4)
    with pytest.raises(InputError, match=r"no file .*nothing\.npy"):
        read_contacts(tmp_path / "nothing.npy", 4)


@pytest.mark.parametrize(
    ("text", "options", "error", "words"),
    [
        ("", {}, MissingText, "no text"),
        ("M", {}, InputError, "1 residue; contacts need at least 2"),
        ("M" * 39, {}, PromptTooLong, "41 tokens"),
        (SEQUENCE, {"separation": 0}, InputError, "`separation` is 0"),
        (SEQUENCE, {"layers": [3]}, InputError, "no layer 3"),
        (SEQUENCE, {"heads": [0, 2]}, InputError, "no head 2"),
        (SEQUENCE, {"truth": [(1, 29)]}, InputError, "array of 1 × 2, but the sequence has 28"),
        (SEQUENCE, {"truth": np.ones((3, 3))}, InputError, "array of 3 × 3"),
        (SEQUENCE, {"truth": np.full((28, 28), 7.5)}, InputError, "looks like a matrix of distances"),
    ],
)
def test_bad_input(random_bert, text, options, error, words):
    with pytest.raises(error, match=words):
        contacts(text, random_bert, **options)


def test_white_space_is_not_a_residue(random_bert, tiny_gpt2):
    found, whole = contacts("mktay\niaKQ RQ*", random_bert), contacts("MKTAYIAKQRQ", random_bert)
    assert found.residues == list("MKTAYIAKQRQ") and found.pairs == whole.pairs
    assert found.changes == {"lower case to upper": 7, "end stops removed": 1} and whole.changes == {}
    found = contacts("MKTAY\nIAkQ RQ", tiny_gpt2)  # it reads texts as well: they stay as they are
    assert found.residues == list("MKTAYIAkQRQ") and found.text == "MKTAY\nIAkQ RQ" and found.changes == {}


def test_a_short_sequence_has_no_distant_pairs(random_bert):
    found = contacts("MKTAY", random_bert, truth=[(1, 5)])
    assert found.pairs == [] and found.precisions == [] and found.best is None
    assert cutaway.contacts("MKTAY", random_bert, separation=2).pairs[0].j >= 3


def test_an_encoder_decoder(tmp_path):
    config = transformers.T5Config(
        vocab_size=len(TOKENS), d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    save(transformers.T5ForConditionalGeneration(config), tmp_path)
    with pytest.raises(WrongKind, match="is an encoder-decoder"):
        contacts(SEQUENCE, tmp_path)


def test_the_command(planted, tmp_path):
    (tmp_path / "truth.csv").write_text("".join(f"{i + 1},{j + 1}\n" for i, j in PLANTED))
    asked = ["contacts", SEQUENCE, "-m", str(planted), "--truth", str(tmp_path / "truth.csv")]
    said = CliRunner().invoke(cli, asked)
    assert said.exit_code == 0, said.output
    assert "best head" in said.output and "head 0.1" in said.output and "L/5 1.00" in said.output
    assert said.output.count(" yes ") == 5
    for suffix in (".html", ".json", ".csv", ".npz", ".svg", ".png"):
        done = CliRunner().invoke(cli, [*asked, "-o", str(tmp_path / f"out{suffix}")])
        assert done.exit_code == 0 and (tmp_path / f"out{suffix}").stat().st_size > 100, done.output
    done = CliRunner().invoke(cli, ["contacts", SEQUENCE, "-m", str(planted), "--no-apc", "--layers", "0", "--json"])
    assert done.exit_code == 0 and '"apc": false' in done.stdout and '"best": null' in done.stdout
