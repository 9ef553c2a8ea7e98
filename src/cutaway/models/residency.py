"""Which models are in memory: each is loaded once, whichever threads ask for it, and the two used last stay loaded."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from cutaway.models.text_model import Model

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Latest(Generic[K, V]):
    """The values used last, by key; safe for threads.

    >>> squares = Latest(2)
    >>> [squares.get(n, lambda n=n: n * n) for n in (1, 2, 3)], squares.keys()
    ([1, 4, 9], [2, 3])
    """

    def __init__(self, capacity: int, dropped: Callable[[K], object] | None = None) -> None:
        """Keep up to `capacity` values; `dropped` is called with the key of each that goes."""
        self._capacity = capacity
        self._dropped = dropped
        self._values: dict[K, V] = {}  # the one used last at the end
        self._changing = threading.Lock()
        self._making = threading.Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of a key, which `make` makes if it is not there.

        One value is made at a time: transformers changes settings of the whole process while it loads. A value that is
        there is returned at once, even if another is being made. If `make` raises, nothing is kept.
        """
        try:
            return self._find(key)
        except KeyError:
            pass
        with self._making:
            try:
                return self._find(key)  # another thread has made it meanwhile
            except KeyError:
                value = make()
            with self._changing:
                self._values[key] = value
                oldest = list(self._values)[: -self._capacity]
            self.drop(oldest.__contains__)
        return value

    def _find(self, key: K) -> V:
        with self._changing:
            self._values[key] = self._values.pop(key)
            return self._values[key]

    def keys(self) -> list[K]:
        """Return the keys, the one used last at the end."""
        with self._changing:
            return list(self._values)

    def drop(self, unwanted: Callable[[K], bool] = lambda _: True) -> None:
        """Drop the values whose key is unwanted; without a condition, all."""
        with self._changing:
            gone = [key for key in self._values if unwanted(key)]
            for key in gone:
                del self._values[key]
        for key in gone:
            if self._dropped is not None:
                self._dropped(key)


class Resident(NamedTuple):
    """What is in memory: the model's name, its folder, the folder's state (`cache.stamp`), and what was made of it."""

    name: str
    path: Path | None
    stamp: Hashable
    kind: str


_companions: list[Latest[Resident, Any]] = []


def _evicted(gone: Resident) -> None:
    for store in _companions:
        store.drop(lambda key: key.name == gone.name)


_models: Latest[Resident, Model] = Latest(2, _evicted)


def keep(key: Resident, load: Callable[[], Model]) -> Model:
    """Return the loaded model of a key; if it is not in memory, `load` loads it, and the oldest of three goes."""
    return _models.get(key, load)


def companions() -> Latest[Resident, Any]:
    """Return a store for what is made of models: what it holds of a model goes when the model goes."""
    _companions.append(Latest(2))
    return _companions[-1]


def residents() -> list[Resident]:
    """List the models in memory, the one used last at the end."""
    return _models.keys()


def evict(model: str | os.PathLike[str] | None = None) -> None:
    """Let go of a model, given by the name it was loaded by or by its folder; without one, of all.

    Its memory is free once nothing that runs uses it.
    """
    for store in (_models, *_companions):
        store.drop(lambda key: model is None or key.name == os.fspath(model) or key.path == Path(model))
