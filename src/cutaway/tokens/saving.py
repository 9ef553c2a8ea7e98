"""`save_tokenizer`: an ordinary Hugging Face tokenizer folder, whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from cutaway.errors import OutputError, cannot_write
from cutaway.result import Result
from cutaway.tokens.codec import Codec
from cutaway.tokens.tokenizer import Tokenizer

_FILES = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}


@dataclasses.dataclass(frozen=True, repr=False)
class SavedTokenizer(Result):
    """A saved tokenizer: its folder, its kind, its number of tokens, and the losses that it declares.

    `written` says how a sequence is written before it is tokenized, or is None if it is not changed. cutaway does this;
    another program that loads the folder must do it, too. If the tokenizer was trained from files, `records` counts
    their records, `read` what reading them changed or skipped, and `first_skipped` has the errors of the first five
    skipped records.
    """

    schema: ClassVar[str] = "saved_tokenizer"

    name: str
    directory: str
    kind: str
    alphabet: str
    vocab_size: int
    special_tokens: list[str]
    loses: dict[str, str]
    written: str | None
    records: int | None
    read: dict[str, int]
    first_skipped: list[str]
    seconds: float | None
    bytes: int


def check_folder(directory: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Return the folder as a path. Raises `OutputError` if a tokenizer can't be saved there, before the work is done.

    `force` replaces an existing tokenizer, and nothing else.
    """
    target = Path(directory)
    try:
        if not os.fspath(directory) or target.is_file():
            raise OutputError(
                f"{os.fspath(directory)!r} is not the name of a folder", hint="name a new one: my-tokenizer"
            )
        others = {path.name for path in target.iterdir()} if target.is_dir() else set()
    except (OSError, ValueError) as error:
        raise _cannot(target, error) from error
    if others - _FILES:
        what = sorted(others - _FILES)[0]
        raise OutputError(f"{str(target)!r} exists and holds more than a tokenizer ({what})", hint="name a new folder")
    if others and not force:
        raise OutputError(f"{str(target)!r} exists", hint="name a new folder, or give `force=True` to write over it")
    return target


def save_tokenizer(
    tokenizer: Tokenizer,
    directory: str | os.PathLike[str],
    *,
    force: bool = False,
) -> SavedTokenizer:
    """Save a tokenizer as a folder that `transformers.AutoTokenizer` loads without cutaway.

    It is written to a temporary folder, which is then renamed. Its kind, its alphabet and what it loses are stored
    under "cutaway" in `tokenizer_config.json`. Raises `OutputError` if the folder is taken or can't be written.

    >>> from cutaway.tokens import characters
    >>> save_tokenizer(characters(["abc"]), "letters").vocab_size
    5
    """
    target = check_folder(directory, force=force)
    backend: Any = json.loads(tokenizer.backend.to_str())
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False} | tokenizer.config
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            for name, content in (("tokenizer.json", backend), ("tokenizer_config.json", config)):
                text = json.dumps(content, ensure_ascii=False, indent=1)
                (aside / name).write_text(text + "\n", encoding="utf-8")
            aside.chmod(0o755)
            _replace(target, aside)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise _cannot(target, error) from error
    codec = Codec.of(tokenizer)
    return SavedTokenizer(
        name=tokenizer.name,
        directory=str(target),
        kind=codec.kind,
        alphabet=codec.alphabet or "text",
        vocab_size=len(tokenizer.vocabulary),
        special_tokens=[tokenizer.token(i) for i in sorted(tokenizer.special_ids)],
        loses=codec.loses,
        written=codec.written,
        records=None,
        read={},
        first_skipped=[],
        seconds=None,
        bytes=sum(path.stat().st_size for path in target.iterdir()),
    )


def _replace(target: Path, new: Path) -> None:
    """Replace the old folder by the new one; if that fails, the old one stays."""
    before = Path(f"{new}.before")
    if not target.is_dir():
        new.rename(target)
        return
    target.rename(before)
    try:
        new.rename(target)
    except OSError:
        before.rename(target)
        raise
    shutil.rmtree(before, ignore_errors=True)


def _cannot(target: Path, error: Exception) -> OutputError:
    return cannot_write(
        f"can't save to {str(target)!r}: {getattr(error, 'strerror', None) or error}",
        error,
        hint="name a folder on a disk that you may write to and that has room",
    )
