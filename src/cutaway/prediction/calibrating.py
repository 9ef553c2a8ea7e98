"""`calibrate`: write beside a model how far its predictions can be trusted, from its training and held-out records."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cutaway.errors import InputError
from cutaway.models.loading import shared
from cutaway.models.sources import resolve
from cutaway.prediction.basis import LEVEL, Basis, bands_of, far_from
from cutaway.prediction.fingerprints import fingerprints, most_similar
from cutaway.prediction.head_outputs import head_objective, head_outputs
from cutaway.prediction.record_ids import alphabet_for, record_ids
from cutaway.sequences.records import Paths, read_records


def calibrate(
    model: str | os.PathLike[str],
    train: Paths,
    held_out: Paths,
    *,
    label_column: str,
    column: str | Sequence[str] | None = None,
    quantity: str = "",
    unit: str = "",
) -> Basis:
    """Write `basis.npz` into a model's folder: fingerprints of the training records, and intervals of its numbers.

    `train` are the files that the model was trained on, `held_out` others that played no part in the training. After
    this, `predict` gives intervals and says which predictions are far from what the model knows. Raises `InputError`
    for a record without a label and for fewer than 50 held-out records, and what `read_records` raises.

    >>> calibrate("melting", "train.csv", "held-out.csv", label_column="kelvin", unit="K").level  # doctest: +SKIP
    0.9
    """
    loaded = shared(model, "any")
    objective = head_objective(loaded)
    alphabet = alphabet_for(loaded.tokenizer)
    if alphabet == "series":
        raise InputError("series have no fingerprints", hint="predict them without a basis")

    def read(files: Paths) -> tuple[list[str], list[str]]:
        records = list(read_records(files, alphabet, column=column, label_column=label_column, rename_duplicates=True))
        if empty := [record.id for record in records if not (record.label or "").strip()]:
            raise InputError(f"record {empty[0]!r} has no label", hint="give every record one, or leave it out")
        return [str(record.sequence) for record in records], [str(record.label).strip() for record in records]

    (known, labels), (asked, truth) = read(train), read(held_out)
    bits = fingerprints(known, alphabet)
    _, similarity = most_similar(fingerprints(asked, alphabet), bits)
    bands, ids = (
        [],
        [[record_ids(loaded, one, alphabet, truncate="right")[0] for one in part] for part in (known, asked)],
    )
    if objective == "numbers":
        bands = bands_of(similarity, head_outputs(loaded, ids[1])[:, 0] - np.array(truth, np.float64))
    seen = frozenset(token for row in ids[0] for token in row)
    found = Basis(alphabet, bits, labels, seen, LEVEL, bands, far_from(similarity), quantity, unit)
    found.save(Path(resolve(model)))
    return found
