"""Respell parameters as flags: errors name Python parameters, and the person at the prompt needs the options."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Sequence
from typing import Any

import click

_QUOTED = re.compile(r"`([^`\n]+)`")


def respell(text: str, parameters: Sequence[click.Parameter]) -> str:
    """Return the text with each parameter in backticks spelled as a command with these parameters takes it.

    A name that the command does not have stays as it is, without the backticks. Other text in backticks stays whole.

    >>> options = [click.Option(["-m", "--model"]), click.Option(["--chat"], is_flag=True), click.Option(["--labels"])]
    >>> respell("give `chat=True`, or take `model='gpt2'`", options)
    'give --chat, or take -m gpt2'
    >>> respell("leave `stop` out, or give `labels=['a', 'b c']`; `cutaway heads` needs none", options)
    "leave stop out, or give --labels 'a,b c'; `cutaway heads` needs none"
    """
    known = {name: parameter for parameter in parameters for name in _names(parameter)}
    return _QUOTED.sub(lambda found: _respelled(found[1], known) or found[0], text)


def _names(parameter: click.Parameter) -> set[str]:
    long = {option.lstrip("-").replace("-", "_") for option in parameter.opts if option.startswith("--")}
    return long | {parameter.name or ""}


def _respelled(quoted: str, known: dict[str, click.Parameter]) -> str | None:
    """Return what a parameter or several, `name` or `name=value, name=value`, look like; None for any other text."""
    if quoted.isidentifier():
        return _spelling(known[quoted]) if quoted in known else quoted
    try:
        call = ast.parse(f"f({quoted.replace('…', '...')})", mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(call, ast.Call) or call.args or not all(keyword.arg for keyword in call.keywords):
        return None
    if not {keyword.arg for keyword in call.keywords} <= known.keys():
        return quoted
    return " ".join(_with_value(known[keyword.arg or ""], keyword.value) for keyword in call.keywords)


def _spelling(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        return (parameter.metavar or (parameter.name or "").upper()).strip("[]").removesuffix("...")
    return parameter.opts[0]


def _with_value(parameter: click.Parameter, value: ast.expr) -> str:
    name = _spelling(parameter)
    try:
        values: Any = ast.literal_eval(value)
    except ValueError:  # a name that stands for a value: column=NAME
        values = ast.unparse(value)
    if values is True:
        return name
    if values is False and parameter.secondary_opts:
        return parameter.secondary_opts[0]
    if values is False:
        return f"no {name}"
    if values is None:
        return f"{name} none"
    if values in (..., [...]):
        values = str(parameter.metavar or "…")
    values = list(values) if isinstance(values, list | tuple) else [values]
    words = [str(word) for word in values]
    if isinstance(parameter, click.Argument):
        return shlex.join(words)
    if parameter.multiple:
        return " ".join(f"{name} {_word(word)}" for word in words)
    return f"{name} {_word(','.join(words))}"


def _word(word: str) -> str:
    return word if word == "…" else shlex.quote(word)
