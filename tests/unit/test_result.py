"""Every result prints short and readable, however much it holds; several show themselves as a list."""

from __future__ import annotations

import dataclasses
import importlib
import json
import pkgutil
import types
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cutaway
from cutaway.result import Result, Results
from cutaway.value_text import shortened

for module in pkgutil.walk_packages(cutaway.__path__, "cutaway."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
KINDS = sorted(
    (kind for kind in Result.__subclasses__() if kind.__module__.startswith("cutaway.")), key=lambda kind: kind.__name__
)


def filled(hint: Any, size: int) -> Any:
    """Return a value of a type, with `size` of whatever it holds."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return filled(arguments[0], size)
    if origin in (list, tuple):
        return origin([filled(arguments[0], size)] * size)
    if origin is dict:
        return {f"key {number}": filled(arguments[1], size) for number in range(size)}
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        made = object.__new__(hint)  # what it checks is not the matter here
        for field in dataclasses.fields(hint):
            object.__setattr__(made, field.name, filled(hints[field.name], size))
        return made
    values = {str: "long words " * size, int: 123_456_789, float: 0.12345678901234567, bool: True}
    return values.get(hint, np.zeros((size, 7), np.float32))


def test_there_are_results():
    assert len(KINDS) > 20


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_result_prints_short(kind):
    result = filled(kind, 60)
    assert len(repr(result)) < 2000
    assert repr(result).startswith(f"{kind.__name__}(") and "\n" not in repr(result)
    first, *lines = str(result).splitlines()
    shown = [field.name for field in dataclasses.fields(kind) if field.repr]
    assert first == kind.__name__
    assert [line.split()[0] for line in lines] == shown
    assert max(map(len, lines)) < 120
    several = Results([result] * 1000)
    assert len(repr(several)) < 2000 * 8 and repr(several).endswith("… and 992 more]")
    assert str(several).endswith("\n\n… and 992 more")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (0.1 + 0.2, "0.3"),
        (np.float32(1.5), "1.5"),
        ("short", "'short'"),
        ("x" * 100, f"{'x' * 60!r}… (100 characters)"),
        ([], "[]"),
        ([1, 2.5, "a"], "[1, 2.5, 'a']"),
        (list(range(100_000)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, … (100,000)]"),
        ([[1], [2]], "2 × list"),
        (np.zeros((2, 3)), "array of 2 × 3 float64"),
        ({"a": 1, "b": [1]}, "{'a': 1, 'b': …}"),
        (None, "None"),
    ],
)
def test_values_are_shortened_to_one_line(value, line):
    assert shortened(value) == line


def test_responses_are_a_list_that_saves_and_turns_into_json_lines(tiny_gpt2, tmp_path: Path):
    responses = cutaway.generate("No", tiny_gpt2, num_return_sequences=2, max_new_tokens=3)
    assert isinstance(responses, list) and len(responses) == 2 and responses == list(responses)
    lines = responses.to_json().splitlines()
    assert [json.loads(line) for line in lines] == [response.to_dict() for response in responses]
    assert responses.save(tmp_path / "both.jsonl").read_text() == responses.to_json()
    assert responses._repr_html_().count("<iframe") == 1
    assert str(responses) == f"{responses[0]}\n\n{responses[1]}"
    assert Results([])._repr_html_() is None and repr(Results([])) == "[]"


def test_numbers_of_numpy_are_plain_numbers_in_json(tiny_llama):
    settings = {"temperature": np.float32(0.7), "top_k": np.int64(5), "top_p": np.float64(0.9), "chat": np.bool_(False)}
    [found] = cutaway.generate("No, I am", tiny_llama, max_new_tokens=np.int64(2), seed=np.int64(3), **settings)
    record = json.loads(found.to_json())
    assert record["settings"]["temperature"] == pytest.approx(0.7) and record["settings"]["top_k"] == 5
    assert record["settings"]["max_new_tokens"] == 2 and record["seed"] == 3 and record["settings"]["chat"] is False

    @dataclasses.dataclass(frozen=True, repr=False)
    class Odd(Result):
        schema = "odd"
        values: dict[str, object]

    odd = Odd({"a": np.float32("nan"), "b": [np.float16(0.5)], "c": np.str_("x")})
    assert odd.to_dict()["values"] == {"a": None, "b": [0.5], "c": "x"}
