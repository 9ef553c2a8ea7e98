"""`generate --count`: N records, each with a random stream of its own, in a file that the readers read back."""

import csv
import itertools
import json
import math
from collections import Counter

import numpy as np
import pytest
import scipy.stats
import torch

import cutaway
from cutaway.cli.generate import RECORD_FILES
from cutaway.errors import InputError, ModelError
from cutaway.generation import SampledRecord, Sampling, sample_records, write_records
from cutaway.generation.record_files import SUFFIXES, check_alphabet, printed
from cutaway.sequences import read_records
from cutaway.tokens import Tokenizer, characters, train_tokenizer
from tests.unit.commands import run
from tests.unit.test_evaluation_losses import chain, gpt2
from tests.unit.test_evaluation_runs import folder_of


def texts(records):
    return [record.sequence for record in records]


def test_record_r_is_the_response_of_seed_plus_r_in_any_batch():
    model = gpt2(characters(["ACGT"]))
    records = list(sample_records(9, model, prompt="AC", seed=40, max_new_tokens=12, tier="exact"))
    for r, record in enumerate(records):
        [alone] = cutaway.generate("AC", model, seed=40 + r, temperature=1.0, max_new_tokens=12, tier="exact")
        assert record.sequence == "AC" + alone.completion and record.seed == 40 + r and record.number == r + 1
        assert record.tokens == len(alone.token_ids) and record.finished == (alone.finish_reason == "eos")
        assert record.logprob == pytest.approx(math.fsum(alone.logprobs))
    for size in (1, 4):
        again = sample_records(9, model, prompt="AC", seed=40, max_new_tokens=12, batch_size=size, tier="exact")
        assert texts(again) == texts(records)
    assert len(set(texts(records))) > 6


def test_records_are_drawn_from_the_model():
    model, chance, letters, end = chain()
    records = list(sample_records(1500, model, max_new_tokens=30, seed=3))
    spell = dict(zip(letters, "ACGT", strict=True))
    first = Counter(record.sequence[0] for record in records if record.sequence)
    expected = [chance[end, i] * 1500 for i in letters]
    assert scipy.stats.chisquare([first[spell[i]] for i in letters], expected, sum_check=False).pvalue > 1e-4
    pairs = Counter(pair for record in records for pair in itertools.pairwise(record.sequence))
    for i in letters:
        row = np.array([pairs[spell[i], spell[j]] for j in letters], float)
        wanted = np.array([chance[i, j] for j in letters])
        assert row / row.sum() == pytest.approx(wanted / wanted.sum(), abs=0.03)
    ended = [record for record in records if record.finished]
    assert len(ended) / 1500 == pytest.approx(1 - 0.98**30, abs=0.06)
    assert all(record.tokens == 30 and len(record.sequence) == 30 for record in records if not record.finished)
    one = ended[0]
    ids = [end, *(dict(zip("ACGT", letters, strict=True))[letter] for letter in one.sequence), end]
    exact = sum(math.log(chance[a, b]) for a, b in itertools.pairwise(ids))
    assert one.logprob == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_of_records_is_read_back(suffix, tmp_path):
    model = chain()[0]
    records = list(sample_records(40, model, max_new_tokens=25))
    path = tmp_path / f"x{suffix}"
    written = write_records(iter(records), path)
    kept = [record for record in records if record.sequence]
    assert (written.records, written.sampled) == (len(kept), 40)
    assert written.unfinished == sum(not record.finished for record in records) > 0
    assert written.different == len(set(texts(kept)))
    again = list(read_records(str(path), "dna"))
    assert [one.sequence for one in again] == texts(kept)
    if suffix != ".txt":
        assert [one.id.split("-")[1] for one in again] == [str(record.number) for record in kept]
    content = path.read_text()
    marked = content.count("unfinished") if suffix in (".fasta", ".fa", ".smi") else content.lower().count("false")
    assert marked == (written.unfinished if suffix != ".txt" else 0)
    if suffix == ".csv":
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [float(row["logprob"]) for row in rows] == pytest.approx([record.logprob for record in kept], abs=1e-5)


def test_series_are_written_as_numbers(tmp_path):
    series = [[np.sin(np.arange(40) / 5).tolist()] for _ in range(4)]
    tokenizer = train_tokenizer(series, "bins", alphabet="series", vocab_size=110)
    model = gpt2(tokenizer)
    bins = [i for token, i in tokenizer.vocabulary.items() if token[0] == "b" and token[1:].isdecimal()]
    with torch.no_grad():  # bins mostly, sometimes a word that makes no series
        model.module.lm_head.weight = torch.nn.Parameter(0.2 * model.module.lm_head.weight.clone())
        hidden = model.module.transformer.ln_f
        hidden.bias.fill_(1.0)
        model.module.lm_head.weight[bins] += 0.35
    records = list(sample_records(40, model, prompt="s d15 d40 b5", max_new_tokens=8, seed=1))
    readable = [record for record in records if record.sequence is not None]
    assert 0 < len(readable) < 40
    written = write_records(records, tmp_path / "x.jsonl")
    assert written.records == len(readable) and written.left_out == {"unreadable": 40 - len(readable)}
    again = list(read_records(str(tmp_path / "x.jsonl"), "series"))
    assert [list(one.sequence[0]) for one in again] == [list(record.sequence[0]) for record in readable]
    from_numbers = next(sample_records(1, model, prompt="1 2 3", max_new_tokens=2))
    assert from_numbers.sequence is None or from_numbers.sequence.shape[1] >= 3
    for suffix in (".csv", ".txt", ".fasta", ".smi"):
        with pytest.raises(InputError, match="series"):
            check_alphabet(f"x{suffix}", "series")
    with pytest.raises(InputError, match="smiles"):
        check_alphabet("x.fasta", "smiles")
    check_alphabet("x.smi", "smiles")


def test_what_a_line_can_not_hold_is_left_out_and_counted(tmp_path):
    model = gpt2(characters(["ab\n "]))
    records = list(sample_records(60, model, max_new_tokens=6))
    lines = [record for record in records if "\n" not in record.sequence.strip("\n") and record.sequence.strip()]
    written = write_records(records, tmp_path / "x.txt")
    assert written.records + sum(written.left_out.values()) == 60 and written.left_out["of several lines"] > 0
    assert written.records <= len(lines) and len((tmp_path / "x.txt").read_text().splitlines()) == written.records
    assert write_records(records, tmp_path / "x.jsonl").records == 60
    assert texts(records) == [json.loads(line)["sequence"] for line in (tmp_path / "x.jsonl").read_text().splitlines()]


def test_the_command_writes_the_file_and_says_how_many(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder_of(gpt2(characters(["ACGT"])), tmp_path / "model", {})
    code, out, err = run(capsys, "generate", "-m", "model", "--count", "7", "-o", "x.fasta", "--seed", "5")
    assert code == 0 and out == "" and " in x.fasta" in err and "unfinished" in err
    first = (tmp_path / "x.fasta").read_text()
    assert first.count(">") == int(err.split(" record")[0].split()[-1])
    assert run(capsys, "generate", "-m", "model", "--count", "7", "-o", "x.fasta")[0] == 2  # it is there already
    code, _, _ = run(capsys, "generate", "-m", "model", "--count", "7", "-o", "x.fasta", "--seed", "5", "--force")
    assert code == 0 and (tmp_path / "x.fasta").read_text() == first
    assert max(len(line) for line in first.splitlines() if line[0] != ">") <= 64  # the context is 64 tokens
    code, _, _ = run(capsys, "generate", "ACG", "-m", "model", "--count", "4", "-o", "y.txt", "--max-new-tokens", "5")
    assert code == 0 and all(line.startswith("ACG") for line in (tmp_path / "y.txt").read_text().splitlines())
    for wrong in (["-n", "2"], ["--json"], ["--num-beams", "2"], ["--temperature", "0"], ["--top-p", "7"]):
        code, _, err = run(capsys, "generate", "-m", "model", "--count", "4", "-o", "z.txt", *wrong)
        assert code == 2 and wrong[0].strip("-").replace("-", " ")[:4] in err.replace("_", " ").replace("-", " "), err
    assert not (tmp_path / "z.txt").exists()


def test_without_a_file_records_are_printed_as_they_come(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = gpt2(characters(["ACGT"]))
    folder_of(model, tmp_path / "model", {})
    given = ("generate", "-m", "model", "--count", "6", "--seed", "5", "--max-new-tokens", "9")
    wanted = list(sample_records(6, "model", seed=5, max_new_tokens=9))
    code, out, _ = run(capsys, *given)
    assert code == 0 and out.split("\n") == [*texts(wanted), ""]
    code, out, _ = run(capsys, *given, "--json")
    assert [json.loads(line)["seed"] for line in out.splitlines()] == list(range(5, 11))
    assert [json.loads(line)["sequence"] for line in out.splitlines()] == texts(wanted)
    assert printed(SampledRecord(1, None, True, 3, -1.0, 0), as_json=False) == "(no sequence)"
    assert printed(SampledRecord(1, ([1.0, math.nan],), True, 3, -1.0, 0), as_json=False) == "[1.0, null]"
    long = SampledRecord(1, ([3.15634736, 20.0], [1e-9 / 3, 5.0]), True, 3, -1.0, 0)
    assert printed(long, as_json=False) == "[[3.156, 20.0], [3.333e-10, 5.0]]" and "3.15634736" in printed(
        long, as_json=True
    )


def test_a_model_without_a_beginning_needs_a_prompt(tmp_path):
    plain = characters(["ACGT"])
    model = gpt2(Tokenizer(plain.backend, {}, "bare"))
    with pytest.raises(ModelError, match="no token from which"):
        list(sample_records(2, model))
    assert len(list(sample_records(2, model, prompt="A", max_new_tokens=3))) == 2
    with pytest.raises(InputError, match="greedy"):
        list(sample_records(2, model, prompt="A", sampling=Sampling(temperature=0.0)))


def test_both_lists_of_suffixes_are_one():
    assert RECORD_FILES == SUFFIXES
