"""Checkpoints of a run: `checkpoints/step-00000120`, each complete or absent.

A checkpoint is written by torch's distributed checkpoint (DCP) as safetensors files, one for each rank, so it can be
read at another number of ranks and holds no pickle. Its folder ends in `.part` until every rank has written its file;
then `checkpoint.json` says what must be there, and the folder gets its name. Writing runs in a thread from a copy.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

import torch
import torch.distributed as dist
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter

from cutaway.errors import CorruptFile, cannot_write
from cutaway.log import get_logger
from cutaway.training.optimizers import state_tensors
from cutaway.training.processes import Processes

FOLDER: Final = "checkpoints"
_PART: Final = ".part"
_PATIENCE: Final = 30.0  # seconds; other ranks, which a save needs, may be gone
_NAME: Final = r"step-\d+"
_logger = get_logger(__name__)


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint: after which step and where; the time trained, what was predicted, the place of the run.

    `best_step` is the step of the best validation so far.
    """

    step: int
    path: Path
    seconds: float
    tokens: int
    symbols: int
    place: float
    best_step: int


class Checkpoints:
    """Writes, lists and reads the checkpoints of a run's folder."""

    def __init__(self, directory: Path, processes: Processes, keep: int) -> None:
        self._folder, self._processes, self._keep = directory / FOLDER, processes, keep
        self._thread: threading.Thread | None = None
        self._failed: BaseException | None = None
        self._group = dist.new_group(backend="gloo") if processes.size > 1 else None

    def newest(self) -> Checkpoint | None:
        """Return the newest complete checkpoint, the same on every rank: the first one looks.

        What an interrupted save left is removed. A damaged checkpoint is named and set aside.
        """
        return self._processes.from_first(self._newest)  # type: ignore[no-any-return]

    def _newest(self) -> Checkpoint | None:
        for path in self._folder.glob(f"*{_PART}"):
            shutil.rmtree(path, ignore_errors=True)
        for path in sorted(self._folder.glob("step-*"), reverse=True):
            if re.fullmatch(_NAME, path.name) and (checkpoint := _complete(path)) is not None:
                return checkpoint
        return None

    def at(self, step: int) -> Checkpoint | None:
        """Return the complete checkpoint after a step, or None, the same on every rank."""
        path = self._folder / f"step-{step:08d}"
        found: Checkpoint | None = self._processes.from_first(lambda: _complete(path) if path.is_dir() else None)
        return found

    def save(self, module: Any, optimizers: list[torch.optim.Optimizer], **facts: Any) -> None:
        """Save the state after a step, in a thread; `facts` are the fields of `Checkpoint`.

        Raises `OutputError` if the save before it failed; what was complete stays.
        """
        self.wait()
        state = {name: _copied(tensor) for name, tensor in _tensors(module, optimizers).items()}
        self._thread = threading.Thread(target=self._guarded, args=(state, facts), daemon=True, name="checkpoint")
        self._thread.start()

    def wait(self) -> None:
        """Wait for the save that is going on. Raises `OutputError` if it failed."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        [failed] = self._processes.sums([float(self._failed is not None)])
        if failed:
            error, self._failed = _cause(self._failed), None
            raise cannot_write(
                f"can't save a checkpoint in {str(self._folder)!r}: {getattr(error, 'strerror', None) or error}",
                error,
                hint="free some space, then run the same command again: it goes on from the last complete checkpoint",
            ) from error

    def finish(self) -> None:
        """Let a save that is going on come to its end, after an error elsewhere."""
        if self._thread is not None:
            self._thread.join(None if self._group is None else _PATIENCE)

    def load(self, checkpoint: Checkpoint, module: Any, optimizers: list[torch.optim.Optimizer]) -> None:
        """Read a checkpoint into a model and its optimizers, at any number of ranks.

        Raises `CorruptFile` if a tensor is missing, is left over or has another shape.
        """
        state = _tensors(module, optimizers)
        reader = HuggingFaceStorageReader(str(checkpoint.path))
        stored = {
            name: tuple(cast(Any, meta).size) for name, meta in reader.read_metadata().state_dict_metadata.items()
        }
        wanted = {name: tuple(tensor.shape) for name, tensor in state.items()}
        if stored != wanted:
            name = next(iter(sorted(set(stored.items()) ^ set(wanted.items()))))[0]
            raise CorruptFile(
                f"the checkpoint {str(checkpoint.path)!r} does not fit: {name!r} is {stored.get(name, 'missing')} in "
                f"it, and {wanted.get(name, 'not part of the run')} here",
                hint="remove that folder to go on from the checkpoint before it",
            )
        with _no_warning():
            state_dict_loader.load(
                state, storage_reader=HuggingFaceStorageReader(str(checkpoint.path)), no_dist=self._group is None
            )

    def _guarded(self, state: dict[str, Any], facts: dict[str, Any]) -> None:
        try:
            self._write(state, facts)
        except BaseException as error:
            self._failed = error

    def _write(self, state: dict[str, Any], facts: dict[str, Any]) -> None:
        part = self._folder / f"step-{facts['step']:08d}{_PART}"
        final = part.with_suffix("")

        def begin() -> None:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)

        def complete() -> None:
            files = {path.name: path.stat().st_size for path in sorted(part.glob("*.safetensors"))}
            record = facts | {"tensors": len(state), "files": files}
            _written(part / "checkpoint.json", json.dumps(record, indent=1))
            part.rename(final)
            self._prune(facts["best_step"])

        self._on_first(begin)
        writer = HuggingFaceStorageWriter(str(part), save_distributed=True)
        with _no_warning():
            state_dict_saver.save(state, storage_writer=writer, process_group=self._group, no_dist=self._group is None)
        self._on_first(complete)

    def _on_first(self, action: Callable[[], None]) -> None:
        """Do something on the first rank, for which all wait; if it fails there, it fails on every rank."""
        failed: list[OSError | None] = [None]
        if self._processes.first:
            try:
                action()
            except OSError as error:
                failed = [error]
        if self._group is not None:
            dist.broadcast_object_list(failed, src=0, group=self._group)
        if failed[0] is not None:
            raise failed[0]

    def _prune(self, best: int) -> None:
        """Remove all but the last few checkpoints and the best."""
        names = sorted(path.name for path in self._folder.glob("step-*") if re.fullmatch(_NAME, path.name))
        for name in names[: -self._keep]:
            if name != f"step-{best:08d}":
                gone = self._folder / f"{name}{_PART}"
                with contextlib.suppress(OSError):
                    (self._folder / name).rename(gone)  # so that it is never seen half removed
                shutil.rmtree(gone, ignore_errors=True)


def _tensors(module: Any, optimizers: list[torch.optim.Optimizer]) -> dict[str, torch.Tensor]:
    """Return everything that a run goes on from: trained weights and buffers (tied ones once), and optimizers' state.

    Weights that are not trained come from the model that the run started from.
    """
    seen: set[int] = set()
    state = {}
    kept = module.state_dict(keep_vars=True)
    for name, tensor in kept.items():
        frozen = isinstance(tensor, torch.nn.Parameter) and not tensor.requires_grad
        if id(tensor) not in seen and not frozen:
            seen.add(id(tensor))
            state[f"model.{name}"] = tensor.detach()
    return state | {f"optimizer.{name}": tensor for name, tensor in state_tensors(module, optimizers)}


@contextlib.contextmanager
def _no_warning() -> Iterator[None]:
    """Leave out torch's warning that one process saves for itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


def _copied(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().clone()


def _complete(path: Path) -> Checkpoint | None:
    """Return the checkpoint of a folder if every file that it lists is there and whole; else say so, set it aside."""
    try:
        record = json.loads((path / "checkpoint.json").read_text())
        short = [name for name, size in record["files"].items() if (path / name).stat().st_size != size]
        if not short and record["files"]:
            fields = [field.name for field in dataclasses.fields(Checkpoint) if field.name != "path"]
            return Checkpoint(path=path, **{name: record[name] for name in fields})
        wrong = f"{short[0]!r} is cut short" if short else "it has no files"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        wrong = str(error)
    aside = path.with_name(f"{path.name}.damaged")
    _logger.warning(f"the checkpoint {str(path)!r} is damaged and is not used: {wrong}; it is now {aside.name!r}")
    with contextlib.suppress(OSError):
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
    return None


def _cause(error: BaseException | None) -> BaseException:
    """Return what went wrong; DCP wraps the errors of all ranks, each with its traceback, into one."""
    failures = getattr(error, "failures", None)
    return next(iter(failures.values()))[0] if failures else error or OSError("another rank failed")


def _written(path: Path, text: str) -> None:
    """Write a small file and make sure that it is on the disk."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
