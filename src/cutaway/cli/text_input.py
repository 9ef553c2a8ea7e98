"""Where a text, prompts or records come from: an argument, a file or a pipe."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cutaway.cli.common import F, chain, note
from cutaway.errors import InputError, MissingText, TextError


def text_options(function: F) -> F:
    """Add the text argument and -f."""
    return chain(
        click.argument("text", required=False),
        click.option("-f", "--file", metavar="FILE", help="Read the text from FILE."),
    )(function)


def text_from(text: str | None, file: str | None) -> str:
    """Return the text from the argument, `-` or a pipe, or a file; one newline at its very end is not part of it.

    Raises `MissingText` if there is no text and `TextError` if it is not UTF-8.
    """
    if text is not None and file is not None:
        raise InputError("a text and a file are both given", hint="give one of them")
    if file is not None and file != "-":
        from cutaway.sequences.text_files import read_text

        return _chomp(read_text(Path(file)))
    if text is not None and text != "-" and file is None:
        return text
    if sys.stdin is None or sys.stdin.isatty():
        raise MissingText("there is no text", hint='give it as "TEXT", with -f FILE, or through a pipe')
    data = sys.stdin.buffer.read()
    try:
        return _chomp(data.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise TextError(
            f"the input is not UTF-8: byte 0x{data[error.start]:02x} at position {error.start:,}",
            hint="convert it first, for example: iconv -f latin1 -t utf-8",
        ) from error


def check_file(name: str) -> None:
    """Raise `InputError` if there is no such file, before the slower imports of what reads it; "-" is a pipe.

    What can't be the name of a file, such as a sequence, is for its reader to refuse.
    """
    a_name = len(name) <= 255 and not {"\n", "\0"} & set(name) and Path(name).parent.is_dir()
    if name != "-" and a_name and not Path(name).exists():
        raise InputError(f"there is no file {name!r}", hint="check the name and the folder you are in")


def some_text_from(text: str | None, file: str | None) -> str:
    """Return the text as `text_from` does. Raises `MissingText` if it is empty."""
    if not (given := text_from(text, file)):
        what = "there is no text" if file is None else f"there is no text in {file!r}"
        raise MissingText(what, hint='give some, for example "No, I am your father"')
    return given


def lines_from(text: str | None, file: str | None) -> list[str]:
    """Return the prompts: the argument or a pipe as one, or each line of a file that is not blank."""
    if file is None:
        return [text_from(text, file)]
    lines = [line for line in text_from(text, file).replace("\r\n", "\n").split("\n") if line.strip()]
    if not lines:
        raise MissingText(f"{file!r} holds no prompt", hint="write one prompt per line")
    return lines


def prompts_from(text: str | None, file: str | None, *, skip_bad: bool = False) -> list[str]:
    """Return the prompts: the argument or a pipe as one, or one a line of a file, which may be .jsonl.

    Says on stderr which broken lines `skip_bad` left out.
    """
    if file is None or file == "-" or text is not None:
        return lines_from(text, file)
    from cutaway.sequences import read_prompts

    prompts, bad = read_prompts(file, skip_bad=skip_bad)
    if bad:
        shown = ", ".join(f"{number:,}" for number in bad[:10]) + (", …" if len(bad) > 10 else "")
        note(f"left out {len(bad):,} broken line{'s' if len(bad) > 1 else ''} of {file}: {shown}")
    return prompts


def records_from(file: str) -> list[tuple[str, str]]:
    """Return the records of a file, one a line that is not blank, each with the group that may follow its last tab."""
    found = []
    for line in lines_from(None, file):
        text, tab, group = line.rpartition("\t")
        found.append((text, group.strip()) if tab else (group, ""))
    return found


def _chomp(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
