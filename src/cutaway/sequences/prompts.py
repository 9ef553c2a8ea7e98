"""Read a file of prompts, one per line; errors name the lines that cannot be read."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cutaway.errors import InputError, MissingText
from cutaway.sequences.text_files import read_bytes


def read_prompts(path: str | os.PathLike[str], *, skip_bad: bool = False) -> tuple[list[str], list[int]]:
    """Return the prompts of a file, and the numbers of the bad lines that were skipped.

    Each line is a prompt; in a .jsonl file it is an object with the key "prompt" (other keys are ignored). Blank lines
    are ignored. A line is bad if it is not UTF-8, or in a .jsonl file not such an object. Raises `InputError` if the
    file cannot be read, or for bad lines unless `skip_bad` (the message names the first and counts them). Raises
    `MissingText` if no prompt is left.

    Example:
        >>> read_prompts("prompts.txt")  # doctest: +SKIP
    """
    name = os.fspath(path)
    data = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
    as_json = Path(name).suffix in {".jsonl", ".ndjson"}
    prompts, bad, why = list[str](), list[int](), ""
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            prompts.append(_prompt(line, as_json))
        except ValueError as error:
            bad.append(number)
            why = why or str(error)
    if bad and not skip_bad:
        others = f"; {len(bad):,} lines are broken" if len(bad) > 1 else ""
        raise InputError(
            f"line {bad[0]:,} of {name!r} is not a prompt: {why}{others}",
            hint="fix it, or skip it with `skip_bad=True`",
        )
    if not data:
        raise MissingText(f"{name!r} is empty", hint="write one prompt per line")
    if not prompts:
        raise MissingText(f"{name!r} has no prompts", hint="write one prompt per line")
    return prompts, bad


def _prompt(line: bytes, as_json: bool) -> str:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text: byte {line[error.start]:#04x} at position {error.start}") from error
    if not as_json:
        return text
    try:
        record = json.loads(text)
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from error
    prompt = record.get("prompt") if isinstance(record, dict) else None
    if not isinstance(prompt, str) or not prompt:
        raise ValueError('"prompt" is missing or is not a text')
    return prompt
