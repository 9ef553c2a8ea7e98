"""`load_result` gives back the result that was saved."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path

import numpy as np
import pytest

import cutaway
from cutaway import sequences
from cutaway.errors import InputError
from cutaway.result import Result, Results, save_results
from cutaway.saved_results import _result_class, load_result
from tests.unit.commands import run
from tests.unit.test_formats import results_there_are

TEXT = "No, I am your father"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def comes_back(result: Result) -> None:
    again = load_result(result.save("x.json"))
    assert type(again) is type(result) and again.to_json() == result.to_json()
    if type(result).__eq__ is not object.__eq__:
        assert again == result
    again = load_result(save_results([result, result], "x.jsonl"))
    assert isinstance(again, Results) and [one.to_json() for one in again] == [result.to_json()] * 2


def test_every_result_is_found_by_its_schema_and_its_types_are_known():
    for kind in results_there_are():
        assert _result_class(f"cutaway.{kind.schema}/1") is kind
        assert {field.name for field in dataclasses.fields(kind)} <= typing.get_type_hints(kind).keys()


def test_results_of_a_decoder_come_back(tiny_gpt2):
    model = str(tiny_gpt2)
    cutaway_verbs = (
        cutaway.tokenize(TEXT, model),
        cutaway.score(TEXT, model),
        cutaway.architecture(model),
        *cutaway.generate(TEXT, model, max_new_tokens=4, alternatives=2, trace=True, stop=["zz"]),
        *cutaway.generate(TEXT, model, max_new_tokens=4, num_beams=2),
        cutaway.classify(TEXT, model, labels=["a", "b"]),
        cutaway.attention(TEXT, model, neurons=[(0, 0)]),
        cutaway.heads(TEXT, model),
        cutaway.lens(TEXT, model),
        cutaway.ablate(TEXT, model, heads=[(0, 0)]),
        cutaway.compare(model, model, TEXT),
        cutaway.model_info(model),
        cutaway.list_models(),
        cutaway.list_data(),
        cutaway.save(cutaway.load(model), "saved"),
        cutaway.embed(["two words", "three"], model, pooling="mean"),
        cutaway.embed(["two words", "three"], model, pooling=None),
        cutaway.neighbours([TEXT[0]], model),
        cutaway.embedding_map({"some": ["N", "o", "a", "m"]}, model),
    )
    for result in cutaway_verbs:
        comes_back(result)


def test_a_sweep_and_a_training_run_come_back(tiny_gpt2):
    comes_back(
        cutaway.sweep(
            ["one", "two"], str(tiny_gpt2), settings={"temperature": [0.5, 1.0]}, max_new_tokens=3, scorer=None
        )
    )
    comes_back(cutaway.train(steps=2))


def test_records_come_back():
    Path("a.csv").write_text("wind,rain\n4.5,0\n,1\n")
    [series] = sequences.read_records("a.csv", "series", column=["wind", "rain"])
    again = load_result(series.save("x.json"))
    assert again.to_json() == series.to_json() and np.isnan(again.sequence[0][1])
    Path("a.txt").write_text("one\ntwo\n")
    comes_back(next(sequences.read_records("a.txt")))
    comes_back(sequences.summarize_records(sequences.read_records("a.txt")))


def test_what_a_command_prints_comes_back(capsys, tiny_gpt2):
    _, out, _ = run(capsys, "score", TEXT, "-m", tiny_gpt2, "--json")
    Path("x.json").write_text(out)
    assert load_result("x.json") == cutaway.score(TEXT, str(tiny_gpt2))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't read 'x.json'"),
        ("{", "is not JSON"),
        ("{}", "its schema is None"),
        ("3", "is not a result of cutaway"),
        ('{"schema": "cutaway.score/2"}', "its schema is 'cutaway.score/2'"),
        ('{"schema": "cutaway.score/1", "model": "m"}', "is not a complete 'cutaway.score/1'"),
    ],
)
def test_other_files_are_refused(content, said):
    if content is not None:
        Path("x.json").write_text(content)
    with pytest.raises(InputError) as caught:
        load_result("x.json")
    assert said in str(caught.value)


def test_no_results_are_a_list():
    Path("x.json").write_text("[]\n")
    assert load_result("x.json") == []
    Path("x.json").write_text(json.dumps([]))
    assert isinstance(load_result("x.json"), Results)
