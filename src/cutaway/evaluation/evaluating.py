"""`evaluate`: what a model is worth on records that it has not seen, beside baselines on the same records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cutaway.errors import InputError, WrongKind, counted
from cutaway.evaluation.descriptions import HEADLINE, MetricNote, notes_for
from cutaway.evaluation.encoding import Encoder
from cutaway.evaluation.examples import Parts, Reading, alphabet_for, parts_of_files
from cutaway.evaluation.likelihood import room
from cutaway.evaluation.objectives import Limits, Outcome, encoder_decoder, labelled, language_model
from cutaway.evaluation.request import RECORDS, TRAIN_SYMBOLS, Request
from cutaway.evaluation.resampling import DRAWS, Measured, measured, resampled
from cutaway.evaluation.result import Evaluation
from cutaway.evaluation.run_parts import learned_examples, parts_of_run, run_record
from cutaway.evaluation.tasks import MODEL
from cutaway.evaluation.verdict import differences, verdict
from cutaway.models.loading import shared
from cutaway.models.text_model import Model, ModelLike
from cutaway.prediction.head_outputs import head_objective
from cutaway.progress import step
from cutaway.sequences.records import Paths


def evaluate(
    model: ModelLike,
    data: Paths = (),
    *,
    train_data: Paths = (),
    held_out: float = 0.2,
    label_column: str | None = None,
    target_column: str | None = None,
    column: str | Sequence[str] | None = None,
    alphabet: str | None = None,
    format: str | None = None,  # noqa: A002
    skip_bad: bool = False,
    records: int = RECORDS,
    tokens: int | None = None,
    window: int | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    train_symbols: int = TRAIN_SYMBOLS,
) -> Evaluation:
    """Measure a model on the records of files, with 95 % intervals and beside baselines on the same records.

    What is measured follows from the model. A causal or masked language model: bits per token, bits per original symbol
    (letter, number, byte) and perplexity. An encoder-decoder, with a `target_column`: these for the target, BLEU and
    chrF. A classifier, with a `label_column`: accuracy, balanced accuracy, MCC, F1, AUROC, calibration error and Brier
    score. A regression: mean absolute error, RMSE, Spearman and R².

    Without `data` the model must be the folder of a run of `train`: it is measured on what the run held out, or on new
    text of a known source. Otherwise baselines learn from `train_data`; without it from what a run was trained on; or
    else from the records that are left when the share `held_out` is the test part; from `train_symbols` letters,
    numbers or bytes at most. At most `records` records and `tokens` tokens (by default 20,000, or 2,000 masked ones)
    are scored, chosen by a hash. The model reads `window` tokens at once, at most 1,024 by default. Intervals come from
    `draws` bootstrap draws of records, or of clusters of similar records if a run knows them.

    Raises `InputError` for a label that is missing or that the model lacks, an empty part, and whatever `read_records`
    refuses; a `ModelError` if the model has nothing to measure.

    >>> evaluate("smollm2-135m", "letters.txt").metrics["bits_per_symbol"].value  # doctest: +SKIP
    1.31
    """
    request = Request(
        data, train_data, held_out, label_column, target_column, column, alphabet, format, skip_bad, records, tokens,
        window, draws, seed, train_symbols,
    )  # fmt: skip
    return measure(request, model)


def measure(request: Request, model: ModelLike) -> Evaluation:
    """Return what `evaluate` returns for a request."""
    loaded, objective = _opened(model)
    run = run_record(loaded.path)
    wanted = None
    if request.files:
        wanted = request.column_for(type(loaded.module).__name__, objective == "seq2seq")
        parts = _parts_of_files(loaded, request, wanted, run or {})
    elif run is None:
        raise InputError(
            f"there is no data, and {loaded.name!r} is not the folder of a run, which would name its own",
            hint="give files as `data`",
        )
    else:
        context = room(loaded, request.window)
        most = request.train_symbols
        parts = parts_of_run(run, loaded, context, records=request.records, seed=request.seed, train_symbols=most)
    if wanted is not None:
        _check_labels(parts, wanted)
    data = _shown(request.files) if request.files else str((run or {}).get("source", ""))
    return _measured(loaded, objective, parts, request, data, edges=run is not None)


def _parts_of_files(model: Model, request: Request, wanted: str | None, run: dict[str, Any]) -> Parts:
    files = request.files
    alphabet = request.alphabet or run.get("alphabet") or alphabet_for(files, model.tokenizer, request.format)
    learned = [] if request.train_files else learned_examples(run, model, request.seed, request.train_symbols)
    return parts_of_files(
        files,
        request.train_files,
        Reading(alphabet, request.format, request.column, wanted, request.skip_bad),
        held_out=request.held_out,
        records=request.records,
        seed=request.seed,
        labelled=wanted is not None,
        train_symbols=request.train_symbols,
        learned=learned,
    )


def _measured(model: Model, objective: str, parts: Parts, request: Request, data: str, *, edges: bool) -> Evaluation:
    encoder = Encoder(
        model.tokenizer, parts.alphabet, (one.sequence for one in [*parts.test, *parts.train]), edges=edges
    )
    limits = Limits(request.tokens, request.window, request.seed)
    if objective in ("classes", "many", "numbers"):
        found = labelled(model, objective, parts, encoder, limits)
    elif objective == "seq2seq":
        found = encoder_decoder(model, parts, encoder, limits)
    else:
        found = language_model(model, parts, encoder, limits, masked=objective == "masked")
    by, count = found.task.by, found.task.count
    flat = {(who, key): measure for who, measures in by.items() for key, measure in measures.items()}
    with step("drawing intervals"):
        values = resampled(flat, count, seed=request.seed, draws=request.draws, groups=found.task.groups)
    drawn = {who: {key: values[who, key] for key in measures} for who, measures in by.items()}
    about = [note for note in notes_for(objective, encoder.symbol) if note.key in drawn[MODEL]]
    against = differences(drawn, about, MODEL)
    own = {note.key: measured(drawn[MODEL][note.key]) for note in about}
    others = {
        who: {note.key: measured(measures[note.key]) for note in about if note.key in measures}
        for who, measures in drawn.items()
        if who != MODEL
    }
    return Evaluation(
        model=model.name,
        data=data,
        objective=objective,
        alphabet=parts.alphabet,
        symbol=encoder.symbol,
        n=count,
        units=found.task.units,
        draws=request.draws,
        seed=request.seed,
        verdict=verdict(HEADLINE[objective], own, against, about),
        headline=HEADLINE[objective],
        metrics=own,
        baselines=others,
        differences=against,
        about=about,
        made=found.task.made,
        counts=found.counts,
        notes=[f"Parts: {parts.split}.", *found.notes, *_how(found, own, about, request.draws)],
        labels=found.labels,
        calibration=found.calibration,
        confusion=found.confusion,
        points=found.points,
        texts=found.texts,
    )


def _opened(model: ModelLike) -> tuple[Model, str]:
    """Return the model and its objective."""
    loaded = shared(model, "any")
    built, config = type(loaded.module).__name__, loaded.config
    if "ForSequenceClassification" in built:
        return loaded, head_objective(loaded)
    if "ForMaskedLM" in built or "ForPreTraining" in built:
        return loaded, "masked"
    if getattr(config, "is_encoder_decoder", False):
        return shared(model, "pair"), "seq2seq"
    try:
        return shared(model, "causal"), "causal"
    except WrongKind as error:
        raise WrongKind(
            f"{loaded.name} is a {built}, which predicts nothing that can be measured", hint=_OTHER
        ) from error


def _check_labels(parts: Parts, column: str) -> None:
    for one in [*parts.test, *parts.train]:
        if one.label is None or not one.label.strip():
            raise InputError(
                f"record {one.id!r} has nothing in {column!r}", hint="give every record a label, or leave such ones out"
            )


def _how(outcome: Outcome, own: Mapping[str, Measured], about: Sequence[MetricNote], draws: int) -> list[str]:
    """Return the sentences on what was measured and how."""
    task, counts = outcome.task, outcome.counts
    drawn = f"{task.count:,} {task.units}"
    if task.groups is not None and len(set(task.groups)) < task.count:
        drawn = f"{len(set(task.groups)):,} clusters of similar records"
    found = [
        f"Intervals: 95 %, the 2.5 and 97.5 percentiles of {draws:,} bootstrap draws of {drawn}; "
        "the same draws for the model and all baselines."
    ]
    if task.count < 20:
        found.append(f"With only {drawn} the intervals are rough, or none can be drawn.")
    if counts["records"] < counts["of"]:
        found.append(f"Measured on {counts['records']:,} of {counted(counts['of'], 'record')}, chosen by a hash.")
    if counts["in the train part"]:
        found.append(f"{counted(counts['in the train part'], 'test record')} also in the train part: a leak.")
    if counts["unknown tokens"]:
        found.append(
            f"{counted(counts['unknown tokens'], 'token')} stand for what the vocabulary lacks; the model did not have "
            "to spell it, so its loss is too low."
        )
    if counts.get("cut"):
        found.append(f"{counted(counts['cut'], 'record')} longer than the model reads: cut on the right.")
    missing = [note.title for note in about if own[note.key].value is None]
    if missing:
        found.append(f"Not defined on these records: {', '.join(missing)} (all have the same label or number).")
    return found


def _shown(files: Sequence[str]) -> str:
    return ", ".join(Path(file).name for file in files[:3]) + (", …" if len(files) > 3 else "")


_OTHER = "evaluate a language model, an encoder-decoder, a classifier or a regression"
