"""Models of the shelf: their losses are those of the verbs that score one sequence."""

import json
import math

import pytest

import cutaway
from cutaway.errors import WrongKind
from tests.real.conftest import _cached
from tests.real.test_sequence_models import ASPIRIN, HEAVY, LIGHT

LN2 = math.log(2)


def files(tmp_path, test, train):
    for name, records in (("test", test), ("train", train)):
        lines = (json.dumps({"sequence": record}) + "\n" for record in records)
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    return str(tmp_path / "test.jsonl"), str(tmp_path / "train.jsonl")


@pytest.mark.parametrize(
    ("name", "sequence"), [pytest.param("antiberty", HEAVY, marks=pytest.mark.nightly), ("sapiens", HEAVY)]
)
def test_the_masked_loss_is_that_of_masked_marginals(name, sequence, tmp_path):
    model = _cached(name)
    data, train = files(tmp_path, [sequence], [LIGHT])
    found = cutaway.evaluate(model, data, train_data=train, alphabet="protein", draws=100)
    nats = -math.fsum(cutaway.mutate(sequence, model).wild_logprobs)
    assert found.metrics["bits_per_symbol"].value == pytest.approx(nats / LN2 / len(sequence), rel=1e-4)
    assert found.metrics["pseudo_perplexity"].value == pytest.approx(math.exp(nats / len(sequence)), rel=1e-4)
    assert found.differences["bits_per_symbol"].clear == "better"
    assert found.baselines["uniform"]["bits_per_symbol"].value == pytest.approx(math.log2(20))


def test_a_model_of_molecules_knows_aspirin(tmp_path):
    data, train = files(tmp_path, [ASPIRIN], ["CCO", "c1ccccc1", "CC(=O)O", "OC(=O)c1ccccc1"])
    found = cutaway.evaluate(_cached("rxnmapper"), data, train_data=train, alphabet="smiles", draws=100)
    assert found.symbol == "letter" and found.counts["symbols"] == len(ASPIRIN)
    assert found.differences["bits_per_symbol"].clear == "better"


def test_the_causal_loss_is_that_of_score(smollm2, tmp_path):
    text = "The library opened at nine. A woman asked for the old maps of the harbour."
    data, train = files(tmp_path, [text], ["Water boils at 100 degrees Celsius; on a mountain it boils sooner."])
    found = cutaway.evaluate(smollm2, data, train_data=train, draws=100)
    known = cutaway.score(text, smollm2)
    assert found.metrics["bits_per_token"].value == pytest.approx(known.bits_per_token, rel=1e-4)
    assert found.metrics["bits_per_symbol"].value == pytest.approx(known.bits_per_byte, rel=1e-4)
    assert found.counts["scored tokens"] == len(known.tokens)
    assert found.differences["bits_per_symbol"].value < -1  # English is easier for it than for counts of one sentence


def test_a_model_of_vectors_is_refused(minilm, tmp_path):
    data, _ = files(tmp_path, ["a text"], ["another"])
    with pytest.raises(WrongKind, match="predicts nothing that can be measured"):
        cutaway.evaluate(minilm, data)
