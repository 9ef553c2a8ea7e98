"""What is on the shelf and in the cache: list, get, info, card, rm."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any, ClassVar

from cutaway.errors import CorruptFile, InputError, UnknownModel
from cutaway.models import cache, residency
from cutaway.models.prepared import Divergence, divergence_of
from cutaway.models.shelf import SHELF
from cutaway.models.sources import resolve
from cutaway.models.tokenizer_files import forget_tokenizer
from cutaway.result import Result


@dataclasses.dataclass(frozen=True)
class FileEntry:
    """One file of a model's folder."""

    name: str
    bytes: int


@dataclasses.dataclass(frozen=True)
class Listed:
    """One line of the list; `bytes` is the size on disk if `cached`, else the size of the download."""

    name: str
    kind: str
    licence: str | None
    bytes: int
    parameters: int | None
    cached: bool
    source: str
    description: str
    upstream: str | None = None
    citation: str | None = None


@dataclasses.dataclass(frozen=True, repr=False)
class ModelList(Result):
    """The shelf, and the GGUF files that were converted into the cache."""

    schema: ClassVar[str] = "models"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")
    table: ClassVar[str] = "models"

    cache: str
    models: list[Listed]


@dataclasses.dataclass(frozen=True, repr=False)
class ModelInfo(Result):
    """A model on this disk; `path` is a folder that plain transformers loads.

    `divergence` says for each tier of `generate` how far its numbers are from float32. It is measured when the model
    first generates on a processor that multiplies bfloat16.
    """

    schema: ClassVar[str] = "model"

    name: str
    path: str
    source: str
    licence: str | None
    citation: str | None
    bytes: int
    kind: str | None
    model_type: str | None
    divergence: dict[str, Divergence]
    files: list[FileEntry]


def list_models() -> ModelList:
    """List the shelf, cached or not, and the GGUF files converted so far; fetches nothing."""
    listed = []
    for entry in SHELF.values():
        key = entry.key
        cached = cache.record(key) is not None
        size = (
            sum(file.bytes for file in files_in(cache.folder(key)))
            if cached
            else sum(package.download_bytes for package in entry.packages)
        )
        listed.append(
            Listed(
                name=entry.name,
                kind=entry.kind,
                licence=entry.licence,
                bytes=size,
                parameters=entry.parameters or None,
                cached=cached,
                source=f"package {entry.requirement}",
                description=entry.description,
                upstream=entry.upstream,
                citation=entry.citation,
            )
        )
    home = cache.home()
    shown = Path("~") / home.relative_to(Path.home()) if home.is_relative_to(Path.home()) else home
    return ModelList(cache=str(shown), models=listed + _converted())


def _converted() -> list[Listed]:
    shelf = {entry.key for entry in SHELF.values()}
    root = cache.home() / "models"
    keys = sorted(p.name for p in root.iterdir() if not p.name.startswith(".")) if root.is_dir() else []
    found = []
    for key in keys:
        known = cache.record(key)
        if known is None or key in shelf:
            continue
        size = sum(file.bytes for file in files_in(cache.folder(key)))
        source = str(known["source"])
        found.append(
            Listed(key, known["kind"], known["licence"], size, None, True, source, "converted from a GGUF file")
        )
    return found


def get_model(name: str | os.PathLike[str], *, revision: str | None = None, accept_licence: bool = False) -> ModelInfo:
    """Return a model's folder and facts; fetches and converts the model if it is not in the cache.

    `accept_licence` says that you have read and accept the model's terms (few models have any). Raises a `ModelError`:
    `GatedModel` if they are not accepted.
    """
    resolve(name, "all", revision, accept_licence=accept_licence)
    return model_info(name, revision=revision)


def model_info(name: str | os.PathLike[str], *, revision: str | None = None) -> ModelInfo:
    """Return a model's folder, source, licence and files."""
    text = os.fspath(name)
    path = resolve(name, "all", revision)
    known = cache.record(path.name) if path.parent == cache.home() / "models" else None
    files = files_in(path)
    return ModelInfo(
        name=text,
        path=str(path),
        source=known["source"]
        if known
        else ("Hugging Face Hub" if not Path(text).expanduser().exists() else "this disk"),
        licence=known["licence"] if known else _licence(path),
        citation=known.get("citation") if known else None,
        bytes=sum(file.bytes for file in files),
        kind=known["kind"] if known else None,
        model_type=_config(path).get("model_type"),
        divergence=divergence_of(path),
        files=files,
    )


def model_card(name: str | os.PathLike[str], *, revision: str | None = None) -> str:
    """Return the model's card (README.md) or, if it has none, the known facts."""
    known = model_info(name, revision=revision)
    path = Path(known.path) / "README.md"
    if path.is_file():
        return path.read_text(encoding="utf-8", errors="replace")
    lines = [f"# {known.name}", "", "This model came without a card. What is known:", ""]
    facts = {"source": known.source, "licence": known.licence or "unknown", "type": known.model_type or "unknown"}
    if entry := SHELF.get(known.name):
        facts = {"model": entry.description, "upstream": entry.upstream, **facts}
        facts |= {"citation": entry.citation} if entry.citation else {}
    return "\n".join(lines + [f"- {key}: {value}" for key, value in facts.items()]) + "\n"


def remove_model(name: str) -> int:
    """Remove a model from cutaway's cache and return the bytes freed; other folders are never touched.

    Raises `UnknownModel` if the cache has no such model.
    """
    entry = SHELF.get(name)
    key = entry.key if entry else name
    if cache.record(key) is None:
        if Path(name).exists():
            raise InputError(f"{name!r} is a path on your disk, not a model in the cache", hint="remove it yourself")
        raise UnknownModel(
            f"the cache has no model {name!r}",
            hint="cutaway models list shows what it has; to remove a model of the Hugging Face Hub, use hf cache rm",
        )
    target = cache.folder(key)
    residency.evict(target)
    from cutaway.models import prepared

    freed = sum(file.bytes for file in files_in(target)) + prepared.forget(target) + forget_tokenizer(target)
    (target / cache.RECORD).unlink()  # incomplete from here on, even if we are interrupted
    shutil.rmtree(target)
    return freed


def files_in(directory: Path) -> list[FileEntry]:
    """List the files of a folder and its subfolders, by name."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    return [FileEntry(str(path.relative_to(directory)), path.stat().st_size) for path in paths]


def _config(path: Path) -> dict[str, Any]:
    config = path / "config.json"
    try:
        loaded = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    except ValueError as error:
        raise CorruptFile(f"{str(config)!r} is not JSON: {error}", hint="copy or fetch the folder again") from error
    return loaded if isinstance(loaded, dict) else {}


def _licence(path: Path) -> str | None:
    readme = path / "README.md"
    if not readme.is_file():
        return None
    import huggingface_hub

    try:
        said = huggingface_hub.ModelCard.load(readme).data.to_dict().get("license")
    except Exception:  # front matter that is not YAML or not a mapping: the parser raises errors of many kinds
        return None
    return ", ".join(map(str, said)) if isinstance(said, list) else said and str(said)
