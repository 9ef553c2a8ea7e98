"""`evaluate` as a whole: labels, numbers and written texts against other libraries; bad input."""

import json
import math

import numpy as np
import pytest
import sklearn.metrics as reference
import torch
import transformers

from cutaway.errors import InputError, WrongKind
from cutaway.evaluation import Evaluation, PhraseTable, evaluate
from cutaway.models.text_model import Model
from cutaway.saved_results import load_result
from tests.conftest import ALPHABET
from tests.unit.test_evaluation_losses import gpt2, lines, texts, with_specials

RANDOM = np.random.default_rng(9)


@pytest.fixture
def tokenizer():
    from cutaway.tokens import characters

    return with_specials(characters([ALPHABET]), ["<s>"], ["</s>"])


def classifier(tokenizer, labels, problem, **changes):
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=max(tokenizer.vocabulary.values()) + 1, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, initializer_range=0.6, problem_type=problem,
        id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)}, **changes,
    )  # fmt: skip
    return Model("bert", None, transformers.BertForSequenceClassification(config).eval(), tokenizer)


def outputs(model, sequences):
    with torch.no_grad():
        return np.stack(
            [
                model.module(input_ids=torch.tensor([model.tokenizer.encode(text).ids])).logits[0].numpy()
                for text in sequences
            ]
        ).astype(float)


def softmax(logits):
    chances = np.exp(logits - logits.max(1, keepdims=True))
    return chances / chances.sum(1, keepdims=True)


def test_labels(tokenizer, tmp_path):
    model, some = classifier(tokenizer, ["no", "yes", "maybe"], None), texts(120)
    said = RANDOM.choice(["no", "yes", "maybe"], size=120, p=[0.6, 0.3, 0.1])
    records = [{"sequence": text, "label": label} for text, label in zip(some, said, strict=True)]
    test, train = lines(tmp_path / "test.jsonl", records[:80]), lines(tmp_path / "train.jsonl", records[80:])
    found = evaluate(model, test, train_data=train, label_column="label", draws=200)
    chance = softmax(outputs(model, some[:80]))
    number = {"no": 0, "yes": 1, "maybe": 2}
    truth = np.array([number[label] for label in said[:80]])
    guess = chance.argmax(1)
    values = {name: measured.value for name, measured in found.metrics.items()}
    assert values["accuracy"] == pytest.approx(reference.accuracy_score(truth, guess))
    assert values["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(truth, guess))
    assert values["mcc"] == pytest.approx(reference.matthews_corrcoef(truth, guess))
    assert values["f1"] == pytest.approx(reference.f1_score(truth, guess, average="macro"))
    assert values["auroc"] == pytest.approx(reference.roc_auc_score(truth, chance, multi_class="ovr"), abs=1e-6)
    assert values["brier"] == pytest.approx(np.mean(((chance - np.eye(3)[truth]) ** 2).sum(1)), abs=1e-6)
    assert found.confusion == reference.confusion_matrix(truth, guess).tolist()
    assert sum(one.count for one in found.calibration) == 80
    share = np.bincount([number[label] for label in said[80:]], minlength=3) / 40
    majority = {name: measured.value for name, measured in found.baselines["majority"].items()}
    assert majority["accuracy"] == pytest.approx((truth == share.argmax()).mean())
    assert majority["brier"] == pytest.approx(np.mean(((share - np.eye(3)[truth]) ** 2).sum(1)))
    assert (majority["mcc"], majority["auroc"]) == (0, 0.5)
    gap = found.differences["accuracy"]
    assert gap.value == pytest.approx(
        values["accuracy"] - max(found.baselines[name]["accuracy"].value for name in found.baselines)
    )
    assert found.objective == "classes" and found.n == 80 and found.units == "records"
    assert load_result(found.save(tmp_path / "e.json")) == found
    assert {row["by"] for row in found.rows()} == {"bert", "majority", "nearest neighbour", "k-mer logistic"}


def test_several_labels(tokenizer, tmp_path):
    names = ["cold", "wet", "dark"]
    model, some = classifier(tokenizer, names, "multi_label_classification"), texts(60)
    has = RANDOM.integers(2, size=(60, 3))
    records = [
        {"sequence": text, "label": ";".join(n for n, h in zip(names, row, strict=True) if h) or " "}
        for text, row in zip(some, has, strict=True)
    ]
    records = [record for record in records if record["label"].strip()]
    kept = [i for i, row in enumerate(has) if row.any()]
    test, train = lines(tmp_path / "test.jsonl", records[:40]), lines(tmp_path / "train.jsonl", records[40:])
    found = evaluate(model, test, train_data=train, label_column="label", draws=100)
    chance, truth = 1 / (1 + np.exp(-outputs(model, [some[i] for i in kept[:40]]))), has[kept[:40]]
    assert found.objective == "many" and found.headline == "f1"
    assert found.metrics["accuracy"].value == pytest.approx(reference.accuracy_score(truth, chance > 0.5))
    assert found.metrics["f1"].value == pytest.approx(reference.f1_score(truth, chance > 0.5, average="macro"))
    assert found.metrics["auroc"].value == pytest.approx(reference.roc_auc_score(truth, chance, average="macro"))
    assert sum(one.count for one in found.calibration) == 120


def test_numbers_of_a_model_that_knows_no_padding(tokenizer, tmp_path):
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=max(tokenizer.vocabulary.values()) + 1, n_layer=1, n_head=2, n_embd=16, n_positions=64, num_labels=1,
        initializer_range=0.5,
    )  # fmt: skip
    model = Model("gpt2", None, transformers.GPT2ForSequenceClassification(config).eval(), tokenizer)
    some, truth = texts(50), RANDOM.normal(3, 2, size=50)
    records = [{"sequence": text, "y": str(y)} for text, y in zip(some, truth, strict=True)]
    test, train = lines(tmp_path / "test.jsonl", records[:30]), lines(tmp_path / "train.jsonl", records[30:])
    found = evaluate(model, test, train_data=train, label_column="y", draws=100)
    guess = outputs(model, some[:30])[:, 0]
    assert found.metrics["mae"].value == pytest.approx(reference.mean_absolute_error(truth[:30], guess), rel=1e-5)
    assert found.metrics["r2"].value == pytest.approx(reference.r2_score(truth[:30], guess), rel=1e-5)
    mean = found.baselines["mean"]
    assert mean["mae"].value == pytest.approx(np.abs(truth[:30] - truth[30:].mean()).mean())
    assert mean["spearman"].value is None
    assert {(p.truth, round(p.predicted, 4)) for p in found.points} == {
        (y, round(g, 4)) for y, g in zip(truth[:30].tolist(), guess.tolist(), strict=True)
    }


def test_texts_that_an_encoder_decoder_writes(tokenizer, tmp_path):
    metrics = pytest.importorskip("sacrebleu.metrics")
    torch.manual_seed(0)
    config = transformers.T5Config(
        vocab_size=max(tokenizer.vocabulary.values()) + 1, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2,
        num_decoder_layers=1, decoder_start_token_id=0, pad_token_id=0, eos_token_id=tokenizer.vocabulary["</s>"],
        initializer_factor=3.0,
    )  # fmt: skip
    model = Model("t5", None, transformers.T5ForConditionalGeneration(config).eval(), tokenizer)
    some, wanted = texts(16), texts(16)
    wanted[3] = some[3]
    records = [{"source": a, "target": b} for a, b in zip(some, wanted, strict=True)]
    test, train = lines(tmp_path / "test.jsonl", records[:10]), lines(tmp_path / "train.jsonl", records[10:])
    found = evaluate(model, test, train_data=train, column="source", target_column="target", draws=100)
    longest = 2 * max(len(tokenizer.encode(text).ids) for text in wanted[:10]) + 8
    said = []
    for text in some[:10]:
        ids = torch.tensor([tokenizer.encode(text).ids])
        written = model.module.generate(input_ids=ids, max_new_tokens=longest, do_sample=False)
        said.append(tokenizer.decode(written[0].tolist()))
    assert found.metrics["chrf"].value == pytest.approx(metrics.CHRF().corpus_score(said, [wanted[:10]]).score)
    assert found.metrics["bleu"].value == pytest.approx(metrics.BLEU().corpus_score(said, [wanted[:10]]).score)
    copied = found.baselines["copying the source"]
    assert copied["chrf"].value == pytest.approx(metrics.CHRF().corpus_score(some[:10], [wanted[:10]]).score)
    assert copied["exact"].value == pytest.approx(0.1)
    phrases = PhraseTable([(one["source"], one["target"]) for one in records[10:]])
    looked_up = [phrases.translate(text) for text in some[:10]]
    found_by_phrases = found.baselines["phrase lookup"]["chrf"].value
    assert found_by_phrases == pytest.approx(metrics.CHRF().corpus_score(looked_up, [wanted[:10]]).score)
    shown = {(one.source, one.target, one.written) for one in found.texts}
    assert shown == set(zip(some[:10], wanted[:10], said, strict=True))
    assert "bits_per_symbol" in found.baselines["n-gram" if "n-gram" in found.baselines else "unigram"]
    assert any("nrefs:1|case:mixed|eff:no|tok:13a" in note for note in found.notes)


def test_without_train_data_the_parts_are_disjoint_and_do_not_depend_on_the_order(tokenizer, tmp_path):
    model, some = gpt2(tokenizer), list(dict.fromkeys(texts(80)))
    records = [{"sequence": text} for text in some]
    one = evaluate(model, lines(tmp_path / "a.jsonl", records), draws=100)
    assert one.counts["of"] + one.counts["train of"] == len(some) and one.counts["in the train part"] == 0
    other = evaluate(model, lines(tmp_path / "b.jsonl", records[::-1]), draws=100)
    assert other.metrics["bits_per_symbol"].value == pytest.approx(one.metrics["bits_per_symbol"].value)
    leaked = evaluate(model, lines(tmp_path / "c.jsonl", records), train_data=str(tmp_path / "a.jsonl"), draws=100)
    assert leaked.counts["in the train part"] == len(some)
    assert any("a leak" in note for note in leaked.notes)


def test_a_text_and_a_single_series_are_cut(tokenizer, tmp_path):
    from cutaway.tokens import train_tokenizer

    (tmp_path / "a.txt").write_text("abc dé " * 400, encoding="utf-8")
    found = evaluate(gpt2(tokenizer), str(tmp_path / "a.txt"), draws=100)
    assert found.units == "pieces" and found.symbol == "byte" and found.counts["symbols"] == 560 + 80
    days = np.sin(np.arange(600) / 9)
    (tmp_path / "wind.csv").write_text("wind\n" + "".join(f"{x:.3f}\n" for x in days))
    bins = train_tokenizer([[days.tolist()]], "bins", alphabet="series", vocab_size=120)
    series = evaluate(gpt2(bins), str(tmp_path / "wind.csv"), column="wind", draws=100)
    assert series.symbol == "number" and series.counts["symbols"] == 120
    assert {"climatology", "persistence"} <= set(series.baselines)


def test_the_same_seed_gives_the_same_numbers(tokenizer, tmp_path):
    data = lines(tmp_path / "a.jsonl", [{"sequence": text} for text in texts(60)])
    model = gpt2(tokenizer)
    first = evaluate(model, data, draws=100, seed=5)
    assert evaluate(model, data, draws=100, seed=5) == first
    assert evaluate(model, data, draws=100, seed=6).metrics != first.metrics


def test_a_few_of_many_records_are_counted(tokenizer, tmp_path):
    data = lines(tmp_path / "a.jsonl", [{"sequence": text} for text in texts(100)])
    train = lines(tmp_path / "t.jsonl", [{"sequence": text} for text in texts(10)])
    found = evaluate(gpt2(tokenizer), data, train_data=train, records=12, draws=100)
    assert (found.n, found.counts["of"]) == (12, 100)
    assert any("12 of 100 records" in note for note in found.notes)
    assert evaluate(gpt2(tokenizer), data, train_data=train, tokens=100, draws=100).counts["tokens"] <= 100
    few = evaluate(gpt2(tokenizer), train, train_data=data, train_symbols=200, draws=100).counts
    many = evaluate(gpt2(tokenizer), train, train_data=data, draws=100).counts
    assert 0 < few["train records"] < many["train records"] == many["train of"] == 100


def test_one_class_only_leaves_measures_undefined_and_says_so(tokenizer, tmp_path):
    model = classifier(tokenizer, ["no", "yes"], None)
    test = lines(tmp_path / "a.jsonl", [{"sequence": text, "label": "yes"} for text in texts(20)])
    both = [{"sequence": text, "label": "no" if i % 2 else "yes"} for i, text in enumerate(texts(20))]
    train = lines(tmp_path / "b.jsonl", both)
    found = evaluate(model, test, train_data=train, label_column="label", draws=100)
    assert found.metrics["auroc"].value is None and found.metrics["accuracy"].value is not None
    assert any("AUROC" in note and "same label" in note for note in found.notes)
    json.loads(found.to_json())


def refused(match, *args, error=InputError, **kwargs):
    with pytest.raises(error, match=match) as caught:
        evaluate(*args, **kwargs)
    assert caught.value.hint
    return str(caught.value)


def test_bad_labels(tokenizer, tmp_path):
    model = classifier(tokenizer, ["no", "yes"], None)
    good = [{"sequence": text, "label": "yes" if i % 2 else "no"} for i, text in enumerate(texts(30))]
    data = lines(tmp_path / "good.jsonl", good)
    assert "label_column" in refused("labels are missing", model, data)
    empty = lines(tmp_path / "b.jsonl", [*good, {"sequence": "a", "label": ""}])
    refused("nothing in 'label'", model, empty, label_column="label")
    unseen = lines(tmp_path / "c.jsonl", [*good, {"sequence": "a", "label": "perhaps"}])
    assert "'no', 'yes'" in refused("'perhaps' of record", model, unseen, label_column="label")
    number = classifier(tokenizer, ["y"], "regression")
    refused("'no' of record|'yes' of record", number, data, label_column="label")
    refused("has no effect", gpt2(tokenizer), data, label_column="label")
    several = classifier(tokenizer, ["a", "b"], "regression")
    refused("2 numbers", several, data, label_column="label", error=WrongKind)


def test_bad_parts_and_settings(tokenizer, tmp_path):
    model = gpt2(tokenizer)
    one = lines(tmp_path / "one.jsonl", [{"sequence": "a"}])
    refused("part of .* is empty", model, one)
    refused("no file", model, str(tmp_path / "none.jsonl"))
    data = lines(tmp_path / "a.jsonl", [{"sequence": text} for text in texts(30)])
    for settings in (
        {"held_out": 0.0},
        {"held_out": 1.5},
        {"records": 0},
        {"draws": 5},
        {"seed": -1},
        {"window": 1},
        {"train_symbols": 0},
    ):
        refused(str(next(iter(settings))), model, data, **settings)
    refused("alphabet", model, data, alphabet="klingon")
    # A tokenizer that does not fit: an id beyond the embedding.
    small = gpt2(tokenizer)
    small.module.resize_token_embeddings(5)
    small.tokenizer.rows = lambda: 5
    refused("embedding", small, data)
    tokenizer.rows = lambda: None
    torch.nn.init.constant_(model.module.transformer.wte.weight, math.nan)
    from cutaway.errors import ModelError

    refused("not finite", model, data, error=ModelError)


def test_a_model_of_vectors_is_refused(tokenizer, tmp_path):
    config = transformers.BertConfig(
        vocab_size=90, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    model = Model("vectors", None, transformers.BertModel(config).eval(), tokenizer)
    refused("BertModel", model, lines(tmp_path / "a.jsonl", [{"sequence": "abc"}]), error=WrongKind)


def test_a_result_has_the_documented_keys(tokenizer, tmp_path):
    data = lines(tmp_path / "a.jsonl", [{"sequence": text} for text in texts(40)])
    found = json.loads(evaluate(gpt2(tokenizer), data, draws=100).to_json())
    assert found["schema"] == "cutaway.evaluation/1"
    assert set(found["metrics"]["bits_per_symbol"]) == {"value", "low", "high"}
    assert set(found["baselines"]["uniform"]["bits_per_symbol"]) == {"value", "low", "high"}
    assert found["n"] == found["counts"]["records"]
    assert isinstance(found["verdict"], str) and Evaluation.schema == "evaluation"
