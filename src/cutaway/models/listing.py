"""What is in cutaway itself, on the shelf and in the cache: list, get, info, card, rm."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any, ClassVar

from cutaway.errors import CorruptFile, InputError, UnknownModel, sized
from cutaway.models import cache, residency
from cutaway.models.prepared import Divergence, divergence_of
from cutaway.models.shelf import SHELF
from cutaway.models.shipped_models import ShippedModel, shipped, shipped_at, shipped_models
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
    """One line of the list; `bytes` is the size on disk if `cached`, else the size of the download.

    `domain` is what the model's sequences are, `task` the command that it is first of all for; both are None if that is
    not known. A model in the package itself (`built_in`) is neither downloaded nor removed.
    """

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
    domain: str | None = None
    task: str | None = None
    built_in: bool = False


@dataclasses.dataclass(frozen=True, repr=False)
class ModelList(Result):
    """The models in cutaway itself, the shelf, and the GGUF files that were converted into the cache."""

    schema: ClassVar[str] = "models"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")
    table: ClassVar[str] = "models"

    cache: str
    models: list[Listed]


@dataclasses.dataclass(frozen=True, repr=False)
class ModelInfo(Result):
    """A model on this disk; `path` is a folder that plain transformers loads.

    `description`, `domain`, `task` and `headline` (the most telling held-out measure, in words) are known of some
    models.
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
    description: str | None = None
    domain: str | None = None
    task: str | None = None
    headline: str | None = None


def list_models() -> ModelList:
    """List the models in cutaway itself, the shelf, and the GGUF files converted so far; fetches nothing."""
    listed = [_built_in(model) for model in shipped_models()]
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
                domain=entry.domain,
                task=entry.task,
            )
        )
    home = cache.home()
    shown = Path("~") / home.relative_to(Path.home()) if home.is_relative_to(Path.home()) else home
    return ModelList(cache=str(shown), models=listed + _converted())


def _built_in(model: ShippedModel) -> Listed:
    return Listed(
        name=model.name,
        kind=model.kind,
        licence=model.licence,
        bytes=sum(file.bytes for file in files_in(model.path)),
        parameters=model.parameters,
        cached=True,
        source=model.source,
        description=model.description,
        citation=model.citation,
        domain=model.domain,
        task=model.task,
        built_in=True,
    )


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
    files, known = files_in(path), _known(path)
    disk = "this disk" if Path(text).expanduser().exists() else "Hugging Face Hub"
    return ModelInfo(
        name=text,
        path=str(path),
        source=known.get("source", disk),
        licence=known["licence"] if known else _licence(path),
        citation=known.get("citation"),
        bytes=sum(file.bytes for file in files),
        kind=known.get("kind"),
        model_type=_config(path).get("model_type"),
        divergence=divergence_of(path),
        files=files,
        description=known.get("description"),
        domain=known.get("domain"),
        task=known.get("task"),
        headline=known.get("headline"),
    )


def _known(path: Path) -> dict[str, Any]:
    """Return what cutaway knows of a model's folder beside its files: of one in itself, or of one in its cache."""
    if (model := shipped_at(path)) is not None:
        return dataclasses.asdict(model) | {"source": model.source}
    known = (cache.record(path.name) if path.parent == cache.home() / "models" else None) or {}
    entry = SHELF.get(str(known.get("name")))
    more = {"description": entry.description, "domain": entry.domain, "task": entry.task} if entry else {}
    return more | known


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

    Raises `UnknownModel` if the cache has no such model, and `InputError` for a path and for a model in cutaway itself.
    """
    if (model := shipped(name)) is not None:
        raise InputError(
            f"{name} is a part of cutaway itself, not a model in the cache",
            hint=f"it stays as long as cutaway is installed; it takes {sized(_built_in(model).bytes)}",
        )
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
