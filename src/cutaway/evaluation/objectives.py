"""What each objective measures: language models their losses, encoder-decoders texts, too, classifiers their labels.

Axis letters: `N` records, `K` labels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from cutaway.errors import InputError, WrongKind
from cutaway.evaluation import tasks
from cutaway.evaluation.encoding import Encoded, Encoder
from cutaway.evaluation.examples import Example, Parts
from cutaway.evaluation.kmer_models import kmer_logistic, kmer_ridge
from cutaway.evaluation.labels import class_numbers, label_sets, numbers
from cutaway.evaluation.likelihood import causal_pieces, cut_ids, masked_pieces, room, target_pieces
from cutaway.evaluation.neighbours import nearest
from cutaway.evaluation.phrase_lookup import PhraseTable
from cutaway.evaluation.result import CalibrationBin, Point, WrittenText
from cutaway.evaluation.symbol_baselines import SymbolBaseline, symbol_baselines
from cutaway.evaluation.verdict import FLOOR
from cutaway.evaluation.written_texts import written_texts
from cutaway.models.text_model import Model
from cutaway.prediction.fingerprints import K
from cutaway.prediction.head_outputs import chances, head_outputs
from cutaway.progress import step

TOKENS, SITES = 20_000, 2000
_CONFUSION = 20  # labels that a table of confusions has room for
_POINTS = 2000
_TEXTS = 20  # that a page shows


@dataclasses.dataclass(frozen=True)
class Limits:
    """At most so many tokens in all, of which the model reads `window` at once; the seed of what is drawn."""

    tokens: int | None
    window: int | None
    seed: int


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Measures, counts, and what a page draws of labels, numbers or texts."""

    task: tasks.Task
    counts: dict[str, int]
    notes: list[str] = dataclasses.field(default_factory=list)
    labels: list[str] = dataclasses.field(default_factory=list)
    calibration: list[CalibrationBin] = dataclasses.field(default_factory=list)
    confusion: list[list[int]] = dataclasses.field(default_factory=list)
    points: list[Point] = dataclasses.field(default_factory=list)
    texts: list[WrittenText] = dataclasses.field(default_factory=list)


def language_model(model: Model, parts: Parts, encoder: Encoder, limits: Limits, *, masked: bool) -> Outcome:
    """Return the losses of a causal or a masked language model."""
    encoded = _within(parts.test, encoder, TOKENS if masked else limits.tokens or TOKENS)
    most, notes = room(model, limits.window), list[str]()
    if masked:
        mask = model.tokenizer.special_id("mask")
        if mask is None:
            raise WrongKind(
                f"{model.name} is a masked model, but its tokenizer has no mask token",
                hint="take the model and the tokenizer from one folder",
            )
        pieces = masked_pieces(model, encoded, mask, limits.tokens or SITES, limits.seed, limits.window)
        notes.append(
            "Masking: each token is replaced by the mask alone, all others stay, and it is predicted "
            "(pseudo-log-likelihood; Salazar et al. 2020). Special tokens are not masked."
        )
        total = sum(len(one.body) for one in encoded)
        if len(pieces) < total:
            notes.append(f"Of {total:,} tokens {len(pieces):,} were masked, drawn evenly.")
        notes.append(
            "The baselines that count what follows see only what is before a letter; the model sees both sides."
        )
    else:
        pieces = causal_pieces(model, encoded, limits.window)
        if any(len(one) > most for one in encoded):
            notes.append(
                f"Records longer than {most:,} tokens are read in windows; each repeats half a window, so that every "
                "token has at least that much before it."
            )
        if not any(one.prefix for one in encoded):
            notes.append("The first token of a record is not scored, because nothing is before it.")
    if not pieces:
        raise InputError("no token could be scored: every record is a single token", hint="give longer records")
    baselines = symbol_baselines(
        [encoder.symbols(one) for one in parts.train],
        [one.symbols for one in encoded],
        size=encoder.size,
        what="token" if encoder.binned else encoder.symbol,
        ends=not masked and any(one.suffix for one in encoded),
        codons=encoder.alphabet == "codon",
    )
    test = parts.test[: len(encoded)]
    if not masked and all(one.exact is not None for one in test):
        said = "the exact surprisal of the source: a model below it has seen what it must not see"
        baselines.append(SymbolBaseline(FLOOR, said, [one.exact for one in test]))
    groups = [one.group for one in test]
    task = tasks.loss_task(pieces, encoded, baselines, whole=not parts.text, masked=masked, groups=groups)
    counts = _counts(parts, encoded) | {"longer than the window": sum(len(one) > most for one in encoded)}
    return Outcome(task, counts | {"scored tokens": sum(piece.tokens for piece in pieces)}, notes)


def encoder_decoder(model: Model, parts: Parts, encoder: Encoder, limits: Limits) -> Outcome:
    """Return the losses and the written texts of an encoder-decoder."""
    from cutaway.evaluation.text_measures import signatures, text_measures

    labels = [str(one.label) for one in [*parts.test, *parts.train]]
    targets = Encoder(model.tokenizer, parts.alphabet, labels, edges=encoder.edges, targets=True)
    wanted = _within([_target(one) for one in parts.test], targets, limits.tokens or TOKENS)
    test, most = parts.test[: len(wanted)], room(model, limits.window)
    sources = [encoder.encode(one) for one in test]
    baselines = symbol_baselines(
        [targets.symbols(_target(one)) for one in parts.train],
        [one.symbols for one in wanted],
        size=targets.size,
        what=targets.symbol,
        ends=any(one.suffix for one in wanted),
    )
    pieces = target_pieces(model, sources, wanted, limits.window)
    groups = [one.group for one in test]
    losses = tasks.loss_task(pieces, wanted, baselines, whole=True, masked=False, groups=groups)
    longest = min(most, 2 * max(len(one) for one in wanted) + 8)
    near = nearest([one.sequence for one in parts.train], [one.sequence for one in test], K[parts.alphabet])
    others = {
        "copying the source": [str(one.sequence) for one in test],
        "nearest neighbour": [str(parts.train[i].label) for i in near],
    }
    if parts.alphabet == "text":
        with step("learning phrases"):
            phrases = PhraseTable([(str(one.sequence), str(one.label)) for one in parts.train])
        others["phrase lookup"] = [phrases.translate(str(one.sequence)) for one in test]
    texts = written_texts(model, sources, longest, limits.window)
    task = tasks.text_task(losses, texts, [str(one.label) for one in test], others, text_measures)
    notes = [f"Texts are written greedily, in at most {longest:,} tokens."]
    notes += [f"sacrebleu {name}: {said}" for name, said in signatures().items()]
    shown = [
        WrittenText(one.id, str(one.sequence), str(one.label), text)
        for one, text in zip(test[:_TEXTS], texts, strict=False)
    ]
    counts = _counts(parts, wanted) | {"cut": sum(len(one) > most for one in sources)}
    return Outcome(task, counts, notes, texts=shown)


def labelled(model: Model, objective: str, parts: Parts, encoder: Encoder, limits: Limits) -> Outcome:
    """Return the measures of a classifier ("classes", or "many" labels a record) or of a regression ("numbers")."""
    names = [str(model.config.id2label[i]) for i in range(model.config.num_labels)]
    test, train = parts.test, parts.train
    truth, known = (_labels(part, objective, names) for part in (test, train))
    encoded = [encoder.encode(one) for one in test]
    counts = _counts(parts, encoded) | {"cut": sum(len(one) > room(model, limits.window) for one in encoded)}
    learned, asked = ([encoder.codec.write(one.sequence) for one in part] for part in (train, test))
    k = K[parts.alphabet]
    near = nearest(learned, asked, k)

    def grouped(task: tasks.Task) -> tasks.Task:
        return dataclasses.replace(task, groups=tasks.known_groups([one.group for one in test]))

    outputs_NK = head_outputs(model, [cut_ids(one, room(model, limits.window)) for one in encoded])
    if objective == "numbers":
        guess_N = outputs_NK[:, 0]
        at = np.linspace(0, len(test) - 1, min(len(test), _POINTS)).astype(int)
        points = [Point(test[i].id, float(truth[i]), float(guess_N[i])) for i in at]
        return Outcome(
            grouped(tasks.number_task(truth, guess_N, known, near, kmer_ridge(learned, known, asked, k))),
            counts,
            points=points,
        )
    if objective == "many":
        chance_NK = chances(outputs_NK, objective)
        right_NK = ((chance_NK > 0.5) == (truth > 0)).astype(np.float64)
        bins = tasks.reliability(np.maximum(chance_NK, 1 - chance_NK), right_NK)
        each = [kmer_logistic(learned, known[:, label], asked, k, 2)[:, 1] for label in range(len(names))]
        task = tasks.many_task(truth, chance_NK, known, near, np.stack(each, 1))
        return Outcome(grouped(task), counts, labels=names, calibration=bins)
    chance_NK = chances(outputs_NK, objective)
    guess_N, linear_NK = chance_NK.argmax(1), kmer_logistic(learned, known, asked, k, len(names))
    pairs = np.bincount(truth * len(names) + guess_N, minlength=len(names) ** 2).reshape(len(names), -1)
    return Outcome(
        grouped(tasks.class_task(truth, chance_NK, known, near, linear_NK)),
        counts,
        labels=names,
        calibration=tasks.reliability(chance_NK.max(1), (guess_N == truth).astype(np.float64)),
        confusion=pairs.tolist() if len(names) <= _CONFUSION else [],
    )


def _labels(examples: Sequence[Example], objective: str, names: Sequence[str]) -> Any:
    if objective == "numbers":
        return numbers(examples)
    return class_numbers(examples, names) if objective == "classes" else label_sets(examples, names)


def _within(examples: Sequence[Example], encoder: Encoder, tokens: int) -> list[Encoded]:
    """Return the first examples, encoded, as many as have at most so many tokens together; at least one."""
    found, total = list[Encoded](), 0
    with step("encoding records"):
        for example in examples:
            one = encoder.encode(example)
            if found and total + len(one) > tokens:
                break
            total += len(one)
            found.append(one)
    return found


def _target(example: Example) -> Example:
    return Example(example.id, str(example.label))


def _counts(parts: Parts, encoded: Sequence[Encoded]) -> dict[str, int]:
    return {
        "records": len(encoded),
        "of": parts.test_of,
        "tokens": sum(len(one.body) for one in encoded),
        "symbols": sum(int(one.originals.sum()) for one in encoded),
        "unknown tokens": sum(one.unknown for one in encoded),
        "train records": len(parts.train),
        "train of": parts.train_of,
        "in the train part": parts.shared,
        "skipped": parts.skipped,
    }
