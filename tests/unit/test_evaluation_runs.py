"""A run of training is measured on what it held out: its own split, in its own layout, with its own clusters."""

import json
import math

import numpy as np
import pytest
import torch
import transformers

from cutaway.errors import InputError
from cutaway.evaluation import evaluate
from cutaway.models import cache
from cutaway.models.text_model import Model
from cutaway.sequences import known_source
from cutaway.shards import RecordRows, prepare_shards
from cutaway.tokens import characters, save_tokenizer, train_tokenizer
from tests.unit.commands import run as run_command
from tests.unit.test_evaluation_losses import gpt2, lines, with_specials

RANDOM = np.random.default_rng(6)


def folder_of(model, path, data):
    """Save a model as a run of training leaves it."""
    save_tokenizer(model.tokenizer, path)
    model.module.save_pretrained(path)
    (path / "run.json").write_text(json.dumps({"schema": "cutaway.run/1", "data": data}))
    return str(path)


def dna(count, low=20, high=40):
    return ["".join(RANDOM.choice(list("ACGT"), RANDOM.integers(low, high))) for _ in range(count)]


def shards_of(lines, tokenizer, tmp_path, name="digest", **settings):
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    folder = cache.folder(name, "shards") / "ids"
    folder.parent.mkdir(parents=True, exist_ok=True)
    return prepare_shards(str(tmp_path / "data.jsonl"), folder, tokenizer, **settings)


def test_the_loss_is_that_of_the_rows_of_training(tmp_path):
    tokenizer = characters(["ACGT"])
    model = gpt2(tokenizer, n_positions=256)
    records = dna(60, 150, 200)
    lines = [{"sequence": text} for text in [*records, *(f"{text[:-1]}A" for text in records[:40])]]
    shards = shards_of(lines, tokenizer, tmp_path, alphabet="dna", held_out=0.3)
    data = {"source": "data.jsonl", "shards": "digest", "alphabet": "dna", "counts": {}}
    found = evaluate(folder_of(model, tmp_path / "run", data), draws=200)
    rows = RecordRows(shards, tokenizer, context=256, layout="single").held_out(1000)
    nats = tokens = symbols = 0
    for row in rows:
        ids = torch.from_numpy(row.ids)[None]
        with torch.no_grad():
            nats += float(model.module(input_ids=ids, labels=ids).loss) * (len(row.ids) - 1)
        tokens, symbols = tokens + len(row.ids) - 1, symbols + row.symbols
    assert found.counts["records"] == len(rows) == len(shards.held_out) and found.counts["symbols"] == symbols
    assert found.counts["scored tokens"] == tokens
    assert found.metrics["bits_per_token"].value == pytest.approx(nats / math.log(2) / tokens, rel=1e-5)
    assert found.metrics["bits_per_symbol"].value == pytest.approx(nats / math.log(2) / symbols, rel=1e-5)
    assert found.counts["train of"] == len(shards.train) and found.data == "data.jsonl"
    clusters = len(set(shards.clusters[shards.held_out[:, 0]].tolist()))
    drawn = f"{clusters} clusters of similar records" if clusters < len(rows) else f"{clusters} records"
    assert any(f"bootstrap draws of {drawn};" in note for note in found.notes)


def test_files_for_a_run_are_measured_beside_what_it_was_trained_on(tmp_path):
    tokenizer = characters(["ACGT"])
    records = list(dict.fromkeys(dna(80)))
    shards = shards_of([{"sequence": text} for text in records], tokenizer, tmp_path, alphabet="dna", held_out=0.3)
    data = {"source": "data.jsonl", "shards": "digest", "alphabet": "dna", "counts": {}}
    run = folder_of(gpt2(tokenizer), tmp_path / "run", data)
    new = lines(tmp_path / "new.jsonl", [{"sequence": text} for text in dna(20, 41, 50)])
    found = evaluate(run, new, draws=100)
    assert found.counts["records"] == 20 and found.counts["train records"] == len(shards.train)
    assert found.counts["in the train part"] == 0 and found.symbol == "letter"
    leaked = evaluate(run, str(tmp_path / "data.jsonl"), draws=100)
    assert leaked.counts["in the train part"] == len(shards.train)
    assert any("a leak" in note for note in leaked.notes)


def test_a_long_text_is_measured_in_pieces(tmp_path):
    text = "".join(RANDOM.choice(list("abc de\n"), 60_000))
    tokenizer = characters([text])
    (tmp_path / "book.txt").write_text(text)
    folder = cache.folder("book", "shards") / "ids"
    folder.parent.mkdir(parents=True)
    shards = prepare_shards(str(tmp_path / "book.txt"), folder, tokenizer, held_out=0.2, whole_text=True)
    data = {"source": "book.txt", "shards": "book", "alphabet": "text", "counts": {}}
    found = evaluate(folder_of(gpt2(tokenizer), tmp_path / "run", data), draws=100, tokens=9000)
    assert found.units == "pieces" and found.n > 20 and found.symbol == "byte"
    assert found.counts["symbols"] <= 9000 < len(text) * 0.2 < int(shards.held_out[0, 2] - shards.held_out[0, 1]) + 9
    assert found.baselines["unigram"]["bits_per_symbol"].value == pytest.approx(math.log2(7), abs=0.01)


def test_a_text_for_a_run_is_measured_whole(tmp_path):
    text = "".join(RANDOM.choice(list("abc de\n"), 20_000))
    tokenizer = characters([text])
    (tmp_path / "book.txt").write_text(text)
    (tmp_path / "new.txt").write_text(text[:3000])
    folder = cache.folder("book", "shards") / "ids"
    folder.parent.mkdir(parents=True)
    prepare_shards(str(tmp_path / "book.txt"), folder, tokenizer, held_out=0.2, whole_text=True)
    data = {"source": "book.txt", "shards": "book", "alphabet": "text", "counts": {}}
    run = folder_of(gpt2(tokenizer), tmp_path / "run", data)
    found = evaluate(run, str(tmp_path / "new.txt"), draws=100)
    assert found.counts["symbols"] == 3000
    assert any("what the model was trained on" in note for note in found.notes)


def test_labels_numbers_and_series_of_a_run(tmp_path):
    tokenizer = with_specials(characters(["ACGT"]), ["<s>"], ["</s>"])
    tokenizer.config.update(bos_token="<s>", eos_token="</s>")
    texts = list(dict.fromkeys(dna(90)))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=max(tokenizer.vocabulary.values()) + 1, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, id2label={0: "high", 1: "low"},
        label2id={"high": 0, "low": 1},
    )  # fmt: skip
    model = Model("bert", None, transformers.BertForSequenceClassification(config).eval(), tokenizer)
    lines = [{"sequence": text, "label": "high" if text.count("G") > 7 else "low"} for text in texts]
    shards_of(lines, tokenizer, tmp_path, "labels", alphabet="dna", label_column="label", held_out=0.3)
    data = {"source": "data.jsonl", "shards": "labels", "alphabet": "dna", "counts": {}}
    found = evaluate(folder_of(model, tmp_path / "classes", data), draws=100)
    assert found.objective == "classes" and found.labels == ["high", "low"]
    truth = [0 if line["label"] == "high" else 1 for line in lines]
    assert sum(map(sum, found.confusion)) == found.n < len(truth)

    series = [{"sequence": RANDOM.normal(size=30).round(3).tolist()} for _ in range(60)]
    bins = train_tokenizer([[line["sequence"]] for line in series], "bins", alphabet="series", vocab_size=110)
    shards_of(series, bins, tmp_path, "series", alphabet="series", held_out=0.3)
    data = {"source": "data.jsonl", "shards": "series", "alphabet": "series", "counts": {}}
    found = evaluate(folder_of(gpt2(bins), tmp_path / "series", data), draws=100)
    assert found.symbol == "number" and found.counts["symbols"] == 30 * found.counts["records"]
    assert "persistence" in found.baselines


def test_a_part_of_a_series_keeps_the_tokens_of_the_run(tmp_path):
    """Written alone it would have another scale, and other bins."""
    steps = np.concatenate([RANDOM.normal(size=400), 64 * RANDOM.normal(size=100)])
    series = [{"sequence": [steps.tolist(), (steps * 3).tolist()]}]
    bins = train_tokenizer([line["sequence"] for line in series], "bins", alphabet="series", vocab_size=140)
    shards = shards_of(series, bins, tmp_path, "long", alphabet="series", held_out=0.2)
    model = gpt2(bins)
    data = {"source": "data.jsonl", "shards": "long", "alphabet": "series", "counts": {}}
    found = evaluate(folder_of(model, tmp_path / "run", data), draws=100)
    [(record, start, end)] = shards.held_out.tolist()
    assert 0 < start < end == len(shards.ids(record))
    first = torch.tensor([[0, *shards.ids(record)[start : start + 63].tolist()]])
    whole = torch.tensor([0, *shards.ids(record)[start:].tolist(), 0])
    nats = []
    for at in range(1, len(whole)):
        if at < 64:
            context = first[:, :at]
        else:
            begin = 64 + (at - 64) // 32 * 32
            context = torch.cat([whole[:1], whole[begin - 31 : at]])[None]
        with torch.no_grad():
            nats.append(-float(model.module(input_ids=context).logits[0, -1].log_softmax(-1)[whole[at]]))
    assert found.counts["scored tokens"] == len(nats)
    assert found.metrics["bits_per_token"].value == pytest.approx(sum(nats) / len(nats) / math.log(2), rel=1e-4)


def test_a_source_is_measured_on_new_text_beside_its_floor(tmp_path):
    source = known_source("built-in:markov-dna")
    tokenizer = with_specials(characters([source.alphabet]), ["<|end|>"], [])
    model = folder_of(gpt2(tokenizer, n_positions=200), tmp_path / "run", {"source": source.name})
    found = evaluate(model, draws=100, tokens=6000)
    floor = found.baselines["floor"]["bits_per_symbol"]
    assert floor.value == pytest.approx(source.nats_per_character / math.log(2), abs=0.05)
    others = {name: values["bits_per_symbol"].value for name, values in found.baselines.items() if name != "floor"}
    assert min(others.values()) > floor.value - 0.01
    assert found.differences["bits_per_symbol"].baseline == min(others, key=others.get) == "n-gram"
    assert found.metrics["bits_per_symbol"].value > floor.value


def test_without_data_a_folder_must_be_that_of_a_run(tmp_path, capsys):
    tokenizer = characters(["ACGT"])
    folder_of(gpt2(tokenizer), tmp_path / "plain", {})
    (tmp_path / "plain" / "run.json").unlink()
    with pytest.raises(InputError, match="no data"):
        evaluate(str(tmp_path / "plain"))
    code, _, err = run_command(capsys, "evaluate", str(tmp_path / "plain"))
    assert code == 2 and "there is no data" in err and "FILE" in err
    gone = folder_of(gpt2(tokenizer), tmp_path / "run", {"source": "x.fa", "shards": "gone", "alphabet": "dna"})
    with pytest.raises(InputError, match="not in the cache any more"):
        evaluate(gone)


def test_the_command_prints_a_table_and_saves_a_page(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tokenizer = characters(["ACGT"])
    shards_of([{"sequence": text} for text in dna(60)], tokenizer, tmp_path, alphabet="dna", held_out=0.3)
    folder_of(gpt2(tokenizer), tmp_path / "run", {"source": "d.fa", "shards": "digest", "alphabet": "dna"})
    code, out, _ = run_command(capsys, "evaluate", "run", "--draws", "100")
    assert code == 0 and "bits per letter ↓" in out and "uniform" in out and "2.2" in out and " to " in out
    code, out, _ = run_command(capsys, "evaluate", "run", "--draws", "100", "--json")
    found = json.loads(out)
    assert code == 0 and found["schema"] == "cutaway.evaluation/1" and found["metrics"]["perplexity"]["value"] > 1
    for name in ("x.html", "x.svg", "x.png", "x.csv"):
        assert run_command(capsys, "evaluate", "run", "--draws", "100", "-o", name)[0] == 0
        assert (tmp_path / name).stat().st_size > 500


def test_baselines_of_a_run_learn_from_more_of_a_long_record_if_asked_to(tmp_path, monkeypatch):
    from cutaway.evaluation import run_parts

    monkeypatch.setattr(run_parts, "_SLICE", 9_000)
    tokenizer = characters(["ACGT"])
    shards_of(
        [{"sequence": "".join(RANDOM.choice(list("ACGT"), 40_000))}], tokenizer, tmp_path, alphabet="dna", held_out=0.1
    )
    data = {"source": "data.jsonl", "shards": "digest", "alphabet": "dna", "counts": {}}
    folder = folder_of(gpt2(tokenizer, n_positions=64), tmp_path / "run", data)
    few, many = (evaluate(folder, draws=100, tokens=500, train_symbols=most).counts for most in (9_000, 100_000))
    assert few["train records"] == 2 and many["train records"] == 5  # pieces of 8,190 letters of 9,000 and 36,000
