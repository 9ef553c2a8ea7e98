"""`load_result`: read a result back from what `-o x.json`, `--json` or `save` wrote."""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import os
import types
import typing
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cutaway.errors import InputError
from cutaway.result import Result, Results

_ROOMS = ("sequences", "tokens", "prediction", "generation", "inside", "training", "evaluation", "models", "lessons")


def load_result(path: str | os.PathLike[str]) -> Any:
    """Read a saved result from a `.json` or `.jsonl` file; several results come as `Results`.

    It equals the result that was saved, except for what JSON can't hold: an infinite number becomes NaN, and a field
    that only `.npz` saves is None. Raises `InputError` if the file can't be read or is not a result of cutaway.

    >>> import cutaway
    >>> tokens = cutaway.tokenize("No, I am your father", model="gpt2-vocab")
    >>> load_result(tokens.save("tokens.json")) == tokens
    True
    """
    name = os.fspath(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(
            f"can't read {name!r}: {why}", hint="give a .json or .jsonl file that cutaway wrote"
        ) from error
    try:
        records = _parsed(text)
    except ValueError as error:
        raise InputError(
            f"{name!r} is not JSON: {error}", hint="give a .json or .jsonl file that cutaway wrote"
        ) from error
    results = Results(_result(record, name) for record in records)
    return results[0] if len(results) == 1 and not text.lstrip().startswith("[") else results


def _parsed(text: str) -> list[Any]:
    if text.lstrip().startswith("["):
        whole: list[Any] = json.loads(text)
        return whole
    # Only a newline ends a record: texts may hold other characters that end lines.
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def _result(record: Any, name: str) -> Result:
    schema = record.get("schema") if isinstance(record, dict) else None
    kind = _result_class(str(schema))
    if kind is None:
        raise InputError(
            f"{name!r} is not a result of cutaway: its schema is {schema!r}",
            hint="give a .json or .jsonl file that cutaway wrote",
        )
    try:
        result: Result = _built(kind, record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"{name!r} is not a complete {schema!r}: {type(error).__name__}: {error}"
        raise InputError(
            why, hint="it was changed, or another version of cutaway wrote it; run the command again"
        ) from error
    return result


def _result_class(schema: str) -> type[Result] | None:
    for name in _ROOMS:
        room = importlib.import_module(f"cutaway.{name}")
        for exported in room.__all__:
            found = getattr(room, exported)
            if isinstance(found, type) and issubclass(found, Result) and f"cutaway.{found.schema}/1" == schema:
                return found
    return None


def _built(kind: Any, record: Mapping[str, Any]) -> Any:
    """Return a dataclass from the plain values of its fields."""
    hints = typing.get_type_hints(kind)
    return kind(
        **{
            field.name: _value(hints[field.name], record[field.name]) if field.metadata.get("json", True) else None
            for field in dataclasses.fields(kind)
            if field.init
        }
    )


def _value(hint: Any, value: Any) -> Any:
    """Return a plain value as what its type hint says."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _value(_fitting([one for one in arguments if one is not type(None)], value), value)
    if dataclasses.is_dataclass(hint):
        return _built(hint, value)
    if hint is float and value is None:
        return math.nan
    if origin is list:
        return [_value(arguments[0], item) for item in value]
    if origin is tuple:
        each = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
        return tuple(_value(one, item) for one, item in zip(each, value, strict=True))
    if origin is dict:
        return {_key(arguments[0], key): _value(arguments[1], item) for key, item in value.items()}
    if hint is array:
        return array("d", [math.nan if x is None else x for x in value])
    if origin is np.ndarray:
        return np.array(value, typing.get_args(arguments[1])[0])
    return value


def _key(hint: Any, key: str) -> Any:
    return int(key) if hint is int else key


def _fitting(hints: list[Any], value: Any) -> Any:
    """Return the hint of a union that the value fits: a number, a text, a list, or a list of arrays."""
    if isinstance(value, list):
        lists = [hint for hint in hints if typing.get_origin(hint) in (list, tuple, np.ndarray)]
        nested = value and isinstance(value[0], list) and value[0] and isinstance(value[0][0], list)
        return lists[-1] if nested else lists[0]
    plain = [hint for hint in hints if typing.get_origin(hint) not in (list, tuple, np.ndarray)]
    return next((hint for hint in plain if isinstance(hint, type) and isinstance(value, hint)), (plain or hints)[0])
