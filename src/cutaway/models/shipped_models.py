"""Models that lie in the package itself: small ones, trained by the files in `recipes/`, ready without a download.

Each is a Hugging Face folder in `shipped/` with a card (`README.md`) and a record (`cutaway.json`), which
`recipes/ship.py` writes.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from cutaway._version import __version__

FOLDER = Path(__file__).with_name("shipped")
RECORD = "cutaway.json"
# What a model is for, by the objective that it was trained with.
KINDS = {
    "causal": "decoder",
    "masked": "encoder",
    "seq2seq": "translator",
    "classes": "classifier",
    "numbers": "regression",
}


@dataclasses.dataclass(frozen=True)
class ShippedModel:
    """What the record of a model in the package says.

    `domain` is what its sequences are, `task` the command that it was made for, `headline` its most telling held-out
    measure in words.
    """

    name: str
    kind: str
    domain: str
    task: str
    description: str
    headline: str
    licence: str
    citation: str
    parameters: int

    @property
    def path(self) -> Path:
        """The model's folder."""
        return FOLDER / self.name

    @property
    def source(self) -> str:
        """Where the model comes from."""
        return f"cutaway {__version__} itself"


def shipped(name: str) -> ShippedModel | None:
    """Return the model of this name in the package, or None.

    >>> shipped("no-such-model") is None
    True
    """
    if name not in _names():  # not a path, whatever is in it
        return None
    known = json.loads((FOLDER / name / RECORD).read_text(encoding="utf-8"))
    return ShippedModel(**{field.name: known[field.name] for field in dataclasses.fields(ShippedModel)})


def shipped_models() -> list[ShippedModel]:
    """Return all models in the package, by name."""
    return [found for name in _names() if (found := shipped(name)) is not None]


def shipped_at(path: Path) -> ShippedModel | None:
    """Return the model whose folder this is, or None."""
    return shipped(path.name) if path.parent == FOLDER else None


def _names() -> list[str]:
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{RECORD}"))
