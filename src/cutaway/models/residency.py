"""Models in memory: each is loaded once, even if several threads ask for it, and the two used last stay loaded."""

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
    """A thread-safe store of the values used last, by key.

    >>> squares = Latest(2)
    >>> [squares.get(n, lambda n=n: n * n) for n in (1, 2, 3)], squares.keys()
    ([1, 4, 9], [2, 3])
    """

    def __init__(self, capacity: int, dropped: Callable[[K], object] | None = None) -> None:
        """Keep up to `capacity` values; `dropped` is called with the key of each dropped value."""
        self._capacity = capacity
        self._dropped = dropped
        self._values: dict[K, V] = {}  # the one used last at the end
        self._changing = threading.Lock()
        self._making = threading.Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of a key; if it is missing, `make` makes it.

        One value is made at a time, because transformers changes settings of the whole process while it loads. A stored
        value is returned at once, even while another is being made. If `make` raises, nothing is stored.
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
    """The key of a value in memory: the model's name, folder and folder state (`cache.stamp`), and the value's kind."""

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
    """Return the model of a key; if it is not in memory, `load` loads it, and of three models the oldest is dropped."""
    return _models.get(key, load)


def companions() -> Latest[Resident, Any]:
    """Return a store for values made from models; they are dropped together with their model."""
    _companions.append(Latest(2))
    return _companions[-1]


def residents() -> list[Resident]:
    """List the models in memory, the one used last at the end."""
    return _models.keys()


def evict(model: str | os.PathLike[str] | None = None) -> None:
    """Drop a model, given by its name or its folder; without an argument, drop all.

    The memory is freed once no running code uses the model.
    """
    for store in (_models, *_companions):
        store.drop(lambda key: model is None or key.name == os.fspath(model) or key.path == Path(model))
