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
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import torch
import torch.distributed as dist
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter

from cutaway.errors import CorruptFile, OutputError, cannot_write
from cutaway.log import get_logger
from cutaway.training.optimizers import state_tensors
from cutaway.training.processes import Processes

FOLDER: Final = "checkpoints"
_PART: Final = ".part"
_logger = get_logger(__name__)


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint: after which step, where, how long it had trained, and the step of the best loss."""

    step: int
    path: Path
    seconds: float
    best_step: int


class Checkpoints:
    """Writes, lists and reads the checkpoints of a run's folder."""

    def __init__(self, directory: Path, processes: Processes, keep: int) -> None:
        self._folder, self._processes, self._keep = directory / FOLDER, processes, keep
        self._thread: threading.Thread | None = None
        self._failed: BaseException | None = None
        self._group = dist.new_group(backend="gloo") if processes.size > 1 else None

    def clean(self) -> None:
        """Remove what an interrupted save left."""
        if self._processes.first and self._folder.is_dir():
            for path in self._folder.glob(f"*{_PART}"):
                shutil.rmtree(path, ignore_errors=True)

    def all(self) -> list[Checkpoint]:
        """Return the complete checkpoints, oldest first. One whose files are cut short is named and left out."""
        found = []
        for path in sorted(self._folder.glob("step-*")) if self._folder.is_dir() else []:
            if re.fullmatch(r"step-\d+", path.name) and (checkpoint := _complete(path)) is not None:
                found.append(checkpoint)
        return found

    def save(self, module: Any, optimizers: list[torch.optim.Optimizer], *, now: bool = False, **facts: Any) -> None:
        """Save the state after a step; `facts` are the fields of `Checkpoint`. It goes on in a thread unless `now`.

        Raises `OutputError` if this save (with `now`) or the one before it failed; what was complete stays.
        """
        self.wait()
        state = {name: _copied(tensor) for name, tensor in _tensors(module, optimizers).items()}
        self._thread = threading.Thread(target=self._guarded, args=(state, facts), daemon=True)
        self._thread.start()
        if now:
            self.wait()

    def wait(self) -> None:
        """Wait for the save that is going on. Raises `OutputError` if it failed."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        [failed] = self._processes.sums([float(self._failed is not None)])
        if failed:
            error, self._failed = self._failed, None
            if isinstance(error, OutputError):
                raise error
            raise cannot_write(
                f"can't save a checkpoint in {str(self._folder)!r}: {error or 'another rank failed'}",
                error or OSError("another rank failed"),
                hint="free some space, then run the same command again: it goes on from the last complete checkpoint",
            ) from error

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
        if self._processes.first:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
        if self._group is not None:
            dist.barrier(self._group)
        writer = HuggingFaceStorageWriter(str(part), save_distributed=True)
        with _no_warning():
            state_dict_saver.save(state, storage_writer=writer, process_group=self._group, no_dist=self._group is None)
        if self._processes.first and not final.exists():
            files = {path.name: path.stat().st_size for path in sorted(part.glob("*.safetensors"))}
            record = facts | {"tensors": len(state), "files": files}
            _written(part / "checkpoint.json", json.dumps(record, indent=1))
            part.rename(final)
            self._prune(facts["best_step"])
        if self._group is not None:
            dist.barrier(self._group)

    def _prune(self, best: int) -> None:
        """Remove all but the last few checkpoints and the best."""
        names = sorted(path.name for path in self._folder.glob("step-*") if not path.name.endswith(_PART))
        for name in names[: -self._keep]:
            if name != f"step-{best:08d}":
                gone = self._folder / f"{name}{_PART}"
                with contextlib.suppress(OSError):
                    (self._folder / name).rename(gone)  # so that it is never seen half removed
                shutil.rmtree(gone, ignore_errors=True)


def _tensors(module: Any, optimizers: list[torch.optim.Optimizer]) -> dict[str, torch.Tensor]:
    """Return everything that a run goes on from: weights and buffers (tied ones once), and the optimizers' state."""
    seen: set[int] = set()
    state = {}
    kept = module.state_dict(keep_vars=True)
    for name, tensor in kept.items():
        if id(tensor) not in seen:
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
    """Return the checkpoint of a folder if every file that it lists is there and whole; else say what is wrong."""
    try:
        record = json.loads((path / "checkpoint.json").read_text())
        short = [name for name, size in record["files"].items() if (path / name).stat().st_size != size]
        if not short and record["files"]:
            return Checkpoint(record["step"], path, record["seconds"], record["best_step"])
        wrong = f"{short[0]!r} is cut short" if short else "it has no files"
    except (OSError, ValueError, KeyError) as error:
        wrong = str(error)
    _logger.warning(f"the checkpoint {str(path)!r} is damaged and is not used: {wrong}")
    return None


def _written(path: Path, text: str) -> None:
    """Write a small file and make sure that it is on the disk."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
