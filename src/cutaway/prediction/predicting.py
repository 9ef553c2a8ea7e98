"""`predict`: the number or the label of many records, each with how far the model is from what it knows.

Axis letters: `N` records, `K` labels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from cutaway.errors import BadSequence, InputError, MissingText, PromptTooLong, counted
from cutaway.models.loading import shared
from cutaway.models.shelf import DEFAULT_PREDICTOR
from cutaway.models.text_model import Model, ModelLike
from cutaway.prediction.basis import Basis, read_basis
from cutaway.prediction.fingerprints import fingerprints, most_similar
from cutaway.prediction.head_outputs import Floats, chances, head_objective, head_outputs
from cutaway.prediction.record_ids import alphabet_for, record_ids
from cutaway.progress import step
from cutaway.result import Result
from cutaway.sequences.alphabets import CHECKS
from cutaway.sequences.records import Paths, read_records

MARK = ";"  # between the labels of a record that has several


@dataclasses.dataclass(frozen=True)
class PredictedRecord:
    """What a model says of one record.

    A regression gives `number`, and `low` and `high` if the model has a basis; a classifier gives `label`, its
    probability `score` and `probabilities`, one for each label. `similarity` is that to the nearest training record
    (Tanimoto, 0 to 1), `nearest` that record's number or label. `unseen` counts tokens that the vocabulary
    lacks or, if there is a basis, that no training record has; `cut` tokens that were cut off. `warnings` say why to
    distrust the prediction.
    """

    id: str
    sequence: str
    number: float | None
    low: float | None
    high: float | None
    label: str | None
    score: float | None
    probabilities: list[float]
    similarity: float | None
    nearest: str | None
    unseen: int
    cut: int
    warnings: list[str]


@dataclasses.dataclass(frozen=True)
class RefusedRecord:
    """A record that was left out, and why."""

    id: str
    sequence: str
    why: str


@dataclasses.dataclass(frozen=True, repr=False)
class Prediction(Result):
    """Predictions for records; `objective` is "numbers", "classes" (one label a record) or "many" (several).

    Intervals hold the truth with the probability `level` if the records are like those that were held out. `quantity`
    and `unit` say what a number is, as far as it is known. `refused` are the records that `skip_bad` left out.
    """

    schema: ClassVar[str] = "prediction"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")
    table: ClassVar[str] = "records"

    model: str
    objective: str
    alphabet: str
    labels: list[str]
    quantity: str
    unit: str
    level: float | None
    records: list[PredictedRecord]
    refused: list[RefusedRecord]
    notes: list[str]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each record: what applies to the model, and the probability of each label."""
        numbers = self.objective == "numbers"
        kept = ["number", "low", "high"] if numbers else ["label", "score"]
        found = []
        for one in self.records:
            row = {"id": one.id, "sequence": one.sequence} | {name: getattr(one, name) for name in kept}
            row |= {f"p({label})": p for label, p in zip(self.labels, one.probabilities, strict=False)}
            row |= {"similarity": one.similarity, "nearest": one.nearest, "warnings": "; ".join(one.warnings)}
            found.append(row)
        return found


@dataclasses.dataclass(frozen=True)
class _Asked:
    """A record to predict: its ids, and how many were cut off."""

    id: str
    sequence: Any
    ids: list[int]
    cut: int


def predict(
    sequences: str | Sequence[str] = (),
    model: ModelLike = DEFAULT_PREDICTOR,
    *,
    data: Paths = (),
    column: str | Sequence[str] | None = None,
    alphabet: str | None = None,
    format: str | None = None,  # noqa: A002
    skip_bad: bool = False,
    truncate: str | None = None,
) -> Prediction:
    """Predict the number or the label of one or more sequences, and of the records of the files `data`.

    The model has a head for labels or numbers: a shelf model such as melting-point, or one of your own from `finetune`
    with `label_column`. If it has a basis (see `calibrate`), a number comes with an interval, and each record with its
    similarity to the nearest training record. `alphabet` is what the tokenizer was made for unless it is given;
    `column` and `format` are those of `read_records`. With `skip_bad` a record that is refused is listed and left out.

    Raises `MissingText` without a record, `InputError` for a sequence that is not of the alphabet (of a molecule, that
    RDKit refuses), `PromptTooLong` for one longer than the model reads unless `truncate` allows cutting, and a
    `ModelError` for a model without a head.

    >>> predict(["CCO", "c1ccccc1"]).records[0].number  # doctest: +SKIP
    171.4
    """
    given = [sequences] if isinstance(sequences, str) else list(sequences)
    loaded = shared(model, "any")
    objective = head_objective(loaded)
    chosen = alphabet or alphabet_for(loaded.tokenizer)
    if chosen not in CHECKS:
        raise InputError(f"there is no alphabet {chosen!r}", hint=f"choose from {', '.join(CHECKS)}")
    refused = list[RefusedRecord]()
    asked = list[_Asked]()
    with step("reading records"):
        for name, sequence in _records(given, data, chosen, column, format, skip_bad, refused):
            try:
                asked.append(_Asked(name, sequence, *record_ids(loaded, sequence, chosen, truncate=truncate)))
            except PromptTooLong as error:
                if not skip_bad:
                    raise PromptTooLong(f"record {name!r}: {error.message}", hint=error.hint) from error
                refused.append(RefusedRecord(name, _shown(sequence), error.message))
    if not asked:
        raise MissingText(
            "there is nothing to predict" if not refused else f"all {counted(len(refused), 'record')} were refused",
            hint=refused[0].why if refused else 'give a sequence: cutaway predict "CCO"',
        )
    basis = None if chosen == "series" else read_basis(loaded.path)
    outputs_NK = head_outputs(loaded, [one.ids for one in asked])
    names = [] if objective == "numbers" else [str(loaded.config.id2label[i]) for i in range(outputs_NK.shape[1])]
    return Prediction(
        model=loaded.name,
        objective=objective,
        alphabet=chosen,
        labels=names,
        quantity=basis.quantity if basis else "",
        unit=basis.unit if basis else "",
        level=basis.level if basis and basis.bands else None,
        records=_predicted(asked, outputs_NK, objective, names, basis, loaded.tokenizer.special_id("unk")),
        refused=refused,
        notes=_notes(loaded, objective, basis),
    )


def _records(
    given: Sequence[str],
    data: Paths,
    alphabet: str,
    column: str | Sequence[str] | None,
    format: str | None,  # noqa: A002
    skip_bad: bool,
    refused: list[RefusedRecord],
) -> Iterator[tuple[str, Any]]:
    """Yield the name and the checked sequence of every record; those left out are added to `refused`."""
    for number, sequence in enumerate(given, 1):
        text = sequence if alphabet == "text" else sequence.strip()
        try:
            if not text.strip():
                raise MissingText(f"sequence {number} is empty", hint="give at least one letter")
            yield str(number), CHECKS[alphabet](text)[0]
        except (BadSequence, MissingText) as error:
            if not skip_bad:
                if isinstance(error, MissingText):
                    raise
                raise InputError(f"sequence {number}: {error.message}", hint=error.hint) from error
            refused.append(RefusedRecord(str(number), text, error.message))
    if data:
        read = read_records(data, alphabet, format=format, column=column, skip_bad=skip_bad, rename_duplicates=True)
        for record in read:
            yield record.id, record.sequence
        refused += [RefusedRecord("", "", why) for why in read.first_skipped]
        if (left := read.counts["skipped"] - len(read.first_skipped)) > 0:
            refused.append(RefusedRecord("", "", f"and {counted(left, 'more record')}"))


def _predicted(
    asked: Sequence[_Asked],
    outputs_NK: Floats,
    objective: str,
    names: Sequence[str],
    basis: Basis | None,
    unknown: int | None,
) -> list[PredictedRecord]:
    chance_NK = chances(outputs_NK, objective)
    near, alike = (None, None)
    if basis is not None:
        near, alike = most_similar(fingerprints([str(one.sequence) for one in asked], basis.alphabet), basis.bits)
    found = []
    for i, one in enumerate(asked):
        similarity = None if alike is None else float(alike[i])
        unseen = sum(token == unknown or (basis is not None and token not in basis.seen) for token in one.ids)
        number = low = high = label = score = None
        probabilities = list[float]()
        if objective == "numbers":
            number = float(outputs_NK[i, 0])
            width = None if basis is None or similarity is None else basis.width(similarity)
            if width is not None:
                low, high = number - width, number + width
        else:
            probabilities = chance_NK[i].tolist()
            best = max(range(len(names)), key=probabilities.__getitem__)
            label, score = names[best], probabilities[best]
            if objective == "many":
                label = MARK.join(name for name, p in zip(names, probabilities, strict=True) if p > 0.5)
        found.append(
            PredictedRecord(
                id=one.id,
                sequence=_shown(one.sequence),
                number=number,
                low=low,
                high=high,
                label=label,
                score=score,
                probabilities=probabilities,
                similarity=similarity,
                nearest=None if near is None or basis is None else basis.labels[int(near[i])],
                unseen=unseen,
                cut=one.cut,
                warnings=_warnings(one, unseen, similarity, basis),
            )
        )
    return found


def _warnings(one: _Asked, unseen: int, similarity: float | None, basis: Basis | None) -> list[str]:
    found = []
    if unseen:
        who = "the vocabulary lacks" if basis is None else "no training record has"
        found.append(f"{who} {unseen:,} of {counted(len(one.ids), 'token')}")
    if one.cut:
        found.append(f"{counted(one.cut, 'token')} cut off")
    if basis is not None and similarity is not None and similarity < basis.far:
        found.append(f"unlike the training records: less similar than 95 % of the held-out ones ({basis.far:.2f})")
    return found


def _notes(model: Model, objective: str, basis: Basis | None) -> list[str]:
    if basis is None:
        what = "intervals and similarities" if objective == "numbers" else "similarities"
        return [f"No {what}: {model.name} has no record of what it was trained on (see `calibrate`)."]
    kind = "Morgan fingerprints of radius 2" if basis.alphabet == "smiles" else "sets of k-mers"
    found = [f"Similarity: Tanimoto of {kind} to the nearest of {len(basis.labels):,} training records."]
    if basis.bands:
        held = sum(band.records for band in basis.bands)
        found.append(
            f"Intervals: {basis.level:.0%}, from the errors on {held:,} held-out records of about the same similarity "
            "(split conformal prediction); they hold for records like these."
        )
    return found


def _shown(sequence: Any) -> str:
    if isinstance(sequence, str):
        return sequence
    return f"{counted(len(sequence), 'channel')} of {counted(len(sequence[0]), 'number')}"
