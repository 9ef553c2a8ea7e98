"""`load_result` gives back the result that was saved."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path

import numpy as np
import pytest
import transformers

import cutaway
from cutaway import sequences
from cutaway.errors import InputError
from cutaway.lessons.tour import Section, Tour
from cutaway.models.text_model import Model
from cutaway.result import Result, Results, save_results
from cutaway.saved_results import _result_class, load_result
from cutaway.tokens import read_sample, train_from_files
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


def test_results_of_sequences_come_back(tiny_gpt2, tiny_bert_classifier):
    model = str(tiny_gpt2)
    pairs = [(1, 9), (2, 8)]
    comes_back(cutaway.contacts(TEXT, model, separation=1))
    comes_back(cutaway.contacts(TEXT, model, truth=pairs, separation=1, layers=[1]))
    letters = cutaway.train_tokenizer(["MKTAY"], "char", alphabet="protein")
    config = transformers.GPT2Config(
        vocab_size=len(letters.vocabulary), n_layer=1, n_head=1, n_embd=8, bos_token_id=0, eos_token_id=0
    )
    protein = Model("letters", None, transformers.GPT2LMHeadModel(config).eval(), letters)
    Path("a.fa").write_text(">a\nMKTAY\n>b\nMKSAY\n")
    comes_back(cutaway.mutate("MKTAY", protein))
    comes_back(cutaway.fill("MK?AY", protein))
    comes_back(cutaway.correct("MKTAYMKTAY", protein, error_rate=0.4))
    comes_back(cutaway.mutate("MKTAY", protein, alignment="a.fa"))


def test_exact_arrays_are_not_in_json_and_the_error_says_so(tiny_gpt2):
    model = str(tiny_gpt2)
    maps = load_result(cutaway.attention(TEXT, model).save("x.json"))
    compared = load_result(cutaway.compare(model, model, TEXT).save("x.json"))
    found = load_result(cutaway.contacts(TEXT, model, separation=1).save("x.json"))
    for result in (maps, compared, found):
        for suffix in {*result.formats} - {".npz"}:
            assert result.save(f"again{suffix}").stat().st_size > 0
    for wanted in (
        lambda: maps.row(0, 0, 1),
        lambda: maps.weights(0, 0),
        lambda: maps.save("x.npz"),
        lambda: compared.save("x.npz"),
        lambda: found.head(0, 0),
    ):
        with pytest.raises(InputError, match="was read from a file"):
            wanted()
    assert not Path("x.npz").exists()


def test_results_of_tokenizers_come_back(tiny_gpt2):
    Path("a.txt").write_text("some words\nand more words\n")
    Path("a.csv").write_text("wind,rain\n4.5,0\n5,1\n")
    comes_back(train_from_files(["a.txt"], "words", "bpe", vocab_size=270))
    comes_back(train_from_files(["a.csv"], "bins", "bins", column=["wind"], vocab_size=100))
    comes_back(cutaway.save_tokenizer(cutaway.train_tokenizer(["some words"], "char"), "characters"))
    lossy = cutaway.train_tokenizer(["abc"], "char")
    comes_back(cutaway.check_tokenizer(lossy, number=50))
    comes_back(cutaway.check_tokenizer(cutaway.train_tokenizer([[[1.0, 2.0]]], "bins", vocab_size=90), number=50))
    samples = [read_sample("a.txt"), read_sample("a.csv", "series", column="wind")]
    comes_back(cutaway.compare_tokenizers([lossy, str(tiny_gpt2)], samples, edits=5))


def test_a_tour_and_its_sections_come_back(tiny_gpt2):
    tokens = cutaway.tokenize(TEXT, str(tiny_gpt2))
    shown = [{**tokens.to_dict(), "caption": "a text"}, {**cutaway.lens(TEXT, str(tiny_gpt2)).to_dict(), "caption": ""}]
    section = Section("tokens", "Tokens", ["Some words."], "python", "shell", 0.5, shown)
    comes_back(Tour("m", 12, TEXT, 1.5, {"torch": "2"}, [section, section]))


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
