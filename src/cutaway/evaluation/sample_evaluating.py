"""`evaluate_samples`: how records that a model writes compare with held-out ones and with what it learned from."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from cutaway.errors import BadSequence, InputError, counted
from cutaway.evaluation import gene_measures, molecule_measures, sequence_measures, state_measures
from cutaway.evaluation.chemnet import read_statistics
from cutaway.evaluation.descriptions import MetricNote
from cutaway.evaluation.examples import Example, Kept, Reading, alphabet_for
from cutaway.evaluation.markov_records import markov_records, order_for
from cutaway.evaluation.resampling import Measured
from cutaway.evaluation.sample_request import SAMPLES, SampleRequest
from cutaway.evaluation.sample_result import SampleEvaluation
from cutaway.evaluation.state_measures import AsPath, exact_state_measures
from cutaway.generation.sampled_records import sample_records
from cutaway.generation.settings import Sampling
from cutaway.models.loading import shared
from cutaway.models.text_model import ModelLike, TextModel
from cutaway.progress import step
from cutaway.random_streams import stream
from cutaway.sequences.alphabets import CHECKS
from cutaway.sequences.hidden_markov import HiddenMarkovSource
from cutaway.sequences.known_sources import known_source
from cutaway.sequences.records import Paths
from cutaway.tokens.codec import Codec
from cutaway.tokens.states import States

_EXAMPLES: Final = 20
_MADE: Final = {
    "test": "the test records themselves: the best values there are",
    "train": "records of the train part, as many as were written: what a model would write that only remembers",
    "shuffled": "these records of the train part, the symbols of each in a random order",
    "markov": "as many records, each letter drawn from what followed the last {order} letters in the train part",
}
_HOW: Final = (
    "Intervals: 95 %. Shares: Wilson's; means: Student's; distances between distributions: a jackknife that leaves "
    "out a twentieth of the records at a time. They are about the written records; the test records are fixed.",
)
_MADE_OF_SOURCE: Final = {
    "exact": "from the transition matrix of the source itself",
    "test": "as many new texts of the source, and as long: what chance alone makes of the exact values",
    "shuffled": "these texts, the letters of each in a random order",
}


def evaluate_samples(
    model: ModelLike | None,
    data: Paths,
    *,
    train_data: Paths = (),
    samples: int | str | os.PathLike[str] = SAMPLES,
    column: str | Sequence[str] | None = None,
    alphabet: str | None = None,
    format: str | None = None,  # noqa: A002
    skip_bad: bool = False,
    records: int = SAMPLES,
    seed: int = 0,
    statistics: str | os.PathLike[str] | None = None,
) -> SampleEvaluation:
    """Measure records that a model writes against test records and the records that it learned from.

    With a number of `samples` the model writes so many, at temperature 1: record r draws from the random stream of
    `seed + r`. With a file of `samples` its records are measured, and `model` may be None if `alphabet` says what they
    are made of. At most `records` test records count, chosen by a hash; whether a record is new is told by all of
    `train_data`. What is measured follows from the alphabet: for molecules the FCD to a file of `statistics`, such as
    MOSES' test_stats.npz, too; of texts of at most 8 letters, and of series if the tokenizer of `model` has states, the
    shares of the states, the times from one to another and the timescales.

    `data` may also be the name of a known source: its values are exact, and there are no `train_data`.

    Raises `InputError` for a file that is missing or has no records, or a kind of sequence that has no measures; a
    `ModelError` if the model can't write records.

    >>> found = evaluate_samples("my-model", "test.smi", train_data="train.smi")  # doctest: +SKIP
    >>> found.metrics["valid"].value  # doctest: +SKIP
    0.95
    """
    request = SampleRequest(data, train_data, samples, column, alphabet, format, skip_bad, records, seed, statistics)
    return measure_samples(request, model)


def measure_samples(request: SampleRequest, model: ModelLike | None) -> SampleEvaluation:
    """Return what `evaluate_samples` returns for a request."""
    loaded = None if model is None else shared(model, "any" if request.count is None else "causal")
    if loaded is None:
        request.check_without_model()
    said = request.stated_alphabet
    if loaded is not None and request.count is not None:
        _check_alphabet(loaded, request.alphabet)
    kind = said or alphabet_for(request.files, loaded.tokenizer, request.format)  # type: ignore[union-attr]
    source = None if request.source is None else _source_of_states(request.source)
    exact = None if source is None else exact_state_measures(source)
    (test, test_of), train = (([], 0), []) if source else (_test(request, kind), _train(request, kind))
    as_path = list if source else _as_path(kind, test, loaded)
    chosen, measures = _measures_of(kind, request.statistics, as_path, exact)
    written, unfinished = _written(request, loaded, kind)
    if source:
        length = max((len(one) for one in written if one), default=1)
        test = [source.sample(stream(request.seed, "test", i), length) for i in range(len(written))]
        test_of, made_of = len(test), {"test": test, "shuffled": _shuffled(test, kind, request.seed)}
    else:
        beside = _chosen(train, len(written), request.seed)
        made_of = {"test": test, "train": beside, "shuffled": _shuffled(beside, kind, request.seed)}
        if as_path is None:
            made_of["markov"] = markov_records(train, len(written), order=order_for(kind), seed=request.seed)
    name = loaded.name if loaded is not None else Path(str(request.file)).name
    others, made = ({}, _MADE) if exact is None else ({"exact": exact}, _MADE_OF_SOURCE)
    with step("measuring", len(made_of) + 1) as measuring:
        own = measures(written, test, train)
        measuring.advance(1)
        for who, records in made_of.items():
            others[who] = measures(records, test, train)
            measuring.advance(1)
    about = [note for note in chosen.NOTES if note.key in own] if as_path is None else state_measures.notes(own, others)
    own = {note.key: own[note.key] for note in about}
    others = {who: {note.key: by[note.key] for note in about if note.key in by} for who, by in others.items()}
    origin = request.file and Path(request.file).name
    counts = {"written": len(written), "test records": len(test), "of": test_of, "train records": len(train)}
    if unfinished is not None:
        counts["unfinished"] = unfinished
    return SampleEvaluation(
        model=name,
        source=origin or f"written at temperature 1, seeds {request.seed} to {request.seed + len(written) - 1}",
        data=", ".join(Path(file).name for file in request.files),
        alphabet=kind,
        n=len(written),
        units="records",
        seed=request.seed,
        verdict=_verdict(next(note for note in about if note.key == chosen.HEADLINE), own, others),
        headline=chosen.HEADLINE,
        metrics=own,
        baselines=others,
        about=about,
        made={who: made[who].format(order=order_for(kind)) for who in others},
        counts=counts,
        notes=_notes(counts, _HOW if as_path is None else state_measures.HOW),
        examples=[_shown(record) for record in written[:_EXAMPLES]],
    )


def _source_of_states(name: str) -> HiddenMarkovSource:
    """Return a source whose letters are states of which everything is known. Raises `InputError` for another one."""
    source = known_source(name)
    if not isinstance(source, HiddenMarkovSource):
        why = f"the letters of {name!r} are too many to be states"
        raise InputError(why, hint="give a file of records, or leave `samples` out: then the loss is measured")
    return source


def _as_path(alphabet: str, test: Sequence[Any], model: TextModel | None) -> AsPath | None:
    """Return how records are read as paths through states; None if they are not.

    A few letters are states, and so are the time steps of a series if the model's tokenizer has states.
    """
    if alphabet == "text" and len(set().union(*test)) <= state_measures.MOST:
        return list
    states = Codec.of(model.tokenizer).numbers if model is not None else None
    if alphabet == "series" and isinstance(states, States):
        return lambda channels: states.write(channels).split()
    return None


def _measures_of(
    alphabet: str, statistics: str | os.PathLike[str] | None, as_path: AsPath | None, exact: dict[str, Measured] | None
) -> tuple[Any, Any]:
    """Return the file of measures for an alphabet, and its function."""
    if alphabet == "smiles":
        known = None if statistics is None else read_statistics(statistics)
        return molecule_measures, functools.partial(molecule_measures.measures, statistics=known)
    if statistics is not None:
        raise InputError("`statistics` are of molecules, and these records are not", hint="leave `statistics` out")
    if as_path is not None:
        return state_measures, functools.partial(state_measures.measures, as_path=as_path, exact=exact)
    if alphabet == "series":
        raise InputError(
            "there are no measures of written numbers, only of states",
            hint="name a model whose tokenizer has states, or evaluate the model on `data` without samples",
        )
    chosen = gene_measures if alphabet == "codon" else sequence_measures
    return chosen, chosen.measures


def _check_alphabet(model: TextModel, alphabet: str | None) -> None:
    own = Codec.of(model.tokenizer).alphabet
    if alphabet is None or own in (None, "text", alphabet) or {own, alphabet} == {"dna", "codon"}:
        return
    raise InputError(f"{model.name} writes records of the alphabet {own}, not {alphabet}", hint="leave `alphabet` out")


def _written(request: SampleRequest, model: ModelLike | None, alphabet: str) -> tuple[list[Any], int | None]:
    """Return the records to measure, and how many of them the model did not end, if it is known."""
    if request.file is not None:
        return list(_sequences([request.file], alphabet, request, strict=False)), None
    found = list(
        sample_records(request.count or 0, model, sampling=Sampling(temperature=1.0), seed=request.seed)  # type: ignore[arg-type]
    )
    return [_as_in(alphabet, record.sequence) for record in found], sum(not record.finished for record in found)


def _test(request: SampleRequest, alphabet: str) -> tuple[list[Any], int]:
    kept = Kept(request.records, None, request.seed)
    for sequence in _sequences(request.files, alphabet, request):
        kept.add(Example("", sequence))
    return [example.sequence for example in kept.examples()], kept.of


def _train(request: SampleRequest, alphabet: str) -> list[Any]:
    return list(_sequences(request.train_files, alphabet, request))


def _sequences(files: Sequence[str], alphabet: str, request: SampleRequest, strict: bool = True) -> Iterator[Any]:
    """Yield the sequences of files. SMILES are not checked here: their measures do, and the train part has many.

    With `strict` off a record that the alphabet refuses comes as it is written: a model may write anything.
    """
    read_as = "text" if alphabet == "smiles" or (alphabet != "series" and not strict) else alphabet
    reading = Reading(read_as, request.format, request.column_of(files), None, request.skip_bad)
    with step("reading records"):
        for record in reading.records(files):
            yield record.sequence if read_as == alphabet else _as_in(alphabet, record.sequence)


def _as_in(alphabet: str, text: Any) -> Any:
    """Return a text in the letters of an alphabet; anything else, and a text with other letters, as it is."""
    if alphabet == "smiles" or not isinstance(text, str):
        return text
    try:
        return str(CHECKS[alphabet](text)[0])
    except BadSequence:
        return text


def _chosen(train: Sequence[Any], count: int, seed: int) -> list[Any]:
    if len(train) <= count:
        return list(train)
    return [train[i] for i in stream(seed, "records of the train part").choice(len(train), count, replace=False)]


def _shuffled(records: Iterable[Any], alphabet: str, seed: int) -> list[Any]:
    random, width = stream(seed, "shuffled records"), 3 if alphabet == "codon" else 1

    def one(sequence: Any) -> Any:
        if isinstance(sequence, str):
            return "".join(random.permutation([sequence[i : i + width] for i in range(0, len(sequence), width)]))
        order_T = random.permutation(len(sequence[0]))
        return tuple(type(channel)(channel.typecode, np.asarray(channel)[order_T]) for channel in sequence)

    return [one(sequence) for sequence in records]


def _verdict(note: MetricNote, own: dict[str, Measured], others: dict[str, dict[str, Measured]]) -> str:
    """Return one sentence: the telling measure of the records, and of those that the model learned from."""
    value, known = own[note.key], others.get("train", others["test"])[note.key]
    title = note.title[0].upper() + note.title[1:]
    if value.value is None:
        return f"{title}: not defined for these records."
    said = f"{title}: {_number(value.value)}"
    if value.low is not None and value.high is not None:
        said += f" [{_number(value.low)}, {_number(value.high)}]"
    beside = "records of the train part" if "train" in others else "as many new texts of the source"
    return said if known.value is None else f"{said}; of {beside} {_number(known.value)}."


def _number(value: float) -> str:
    return f"{value:,.3f}".replace("-", "−")


def _notes(counts: dict[str, int], how: Sequence[str]) -> list[str]:
    found = list(how)
    if counts["test records"] < counts["of"]:
        found.append(f"Compared with {counts['test records']:,} of {counted(counts['of'], 'test record')}.")
    if counts.get("unfinished"):
        found.append(f"{counted(counts['unfinished'], 'record')} not ended by the model: cut at the longest length.")
    return found


def _shown(record: Any) -> str:
    if record is None:
        return "(no sequence)"
    if isinstance(record, str):
        return record if len(record) <= 300 else f"{record[:299]}…"
    return "; ".join(", ".join(f"{x:.4g}" for x in islice(channel, 40)) for channel in record)
