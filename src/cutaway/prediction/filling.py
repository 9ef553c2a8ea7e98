"""`fill`: what most likely stands in the marked places of a text or a sequence.

A masked model predicts every marked place at once, from both sides: the softmax over what may stand there. A causal
model reads from the left, so each way to fill the places is put into the whole sequence and scored with it: Bayes' rule
over whole sequences gives the probability of each, from both sides as well.

Axis letters: P places, V vocabulary.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from cutaway.errors import ModelError, PromptTooLong, at_least
from cutaway.models.prompt import fit_context
from cutaway.models.shelf import DEFAULT
from cutaway.models.text_model import Model, ModelLike
from cutaway.prediction.language_model import Trunk, check_finite, masked_or_causal
from cutaway.prediction.marks import Marked, Site, marks_in
from cutaway.progress import step
from cutaway.result import Result
from cutaway.shards.record_rows import frame_of


@dataclasses.dataclass(frozen=True)
class Candidate:
    """What may stand in a place, its token's id, and its probability given everything else.

    `from_left` is its probability given only what is before it, for a causal model.
    """

    element: str
    id: int
    probability: float
    from_left: float | None


@dataclasses.dataclass(frozen=True)
class FilledPlace:
    """A marked place: element number `position` (from 1), marked by the characters `start` to `end` of the text.

    `probability`s sum to 1 over all `choices` elements that may stand there. A masked model gives them the share
    `share` of the whole probability; the rest is for other tokens.
    """

    position: int
    start: int
    end: int
    choices: int
    share: float | None
    candidates: list[Candidate]


@dataclasses.dataclass(frozen=True)
class Filling:
    """One way to fill all places together; `logprob` is that of the whole sequence, nats."""

    elements: list[str]
    probability: float
    logprob: float


@dataclasses.dataclass(frozen=True, repr=False)
class Filled(Result):
    """The likeliest elements in each marked place of a text, and the text with the likeliest ones in it.

    `kind` says what one element is (word, letter, codon, …). `method` is "masked softmax" or "whole sequences". With
    whole sequences, `compared` of them were scored, and `fillings` are the likeliest; `exact` says whether these were
    all that are possible. With a masked model each place is predicted while all marked ones are masked.
    """

    schema: ClassVar[str] = "filling"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")

    model: str
    text: str
    kind: str
    alphabet: str
    method: str
    exact: bool
    compared: int
    places: list[FilledPlace]
    filled: str
    fillings: list[Filling]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each candidate: its place, its rank from 1, and its fields."""
        return [
            {"position": place.position, "start": place.start, "end": place.end, "rank": rank}
            | dataclasses.asdict(candidate)
            for place in self.places
            for rank, candidate in enumerate(place.candidates, 1)
        ]


def fill(
    text: str, model: ModelLike = DEFAULT, *, top_k: int = 5, alphabet: str | None = None, width: int = 64
) -> Filled:
    """Say what most likely stands in the marked places of a text, with the `top_k` likeliest for each.

    Marks: `_` is a word of a text (a character, if the model reads characters); `?` or `_` is a letter, an atom or a
    number of a sequence, and a base of a codon, so that ATG???TAA lacks a codon and ATGA?GTAA a base of one; the
    tokenizer's mask token is one element. Each place is filled with one token. `alphabet` (protein, dna or rna) is for
    tokenizers that don't say what they read. A causal model compares at most `width` whole sequences: all, if there are
    no more, or the likeliest from the left. Raises `MissingText`, `InputError`, `PromptTooLong` or a `ModelError`.

    >>> fill("The capital of France is _.").filled  # doctest: +SKIP
    'The capital of France is Paris.'
    """
    at_least(1, top_k=top_k, width=width)
    loaded, mask = masked_or_causal(model, DEFAULT, "what may stand in a place")
    marked = marks_in(loaded.tokenizer, text, alphabet)
    elements = marked.elements
    ids, starts = elements.encode(elements.units)
    spans = [(starts[site.unit], starts[site.unit + 1]) for site in marked.sites]
    try:
        fit_context(loaded, ids)
    except PromptTooLong as error:
        raise PromptTooLong(error.message, hint="give a part of it") from error
    if mask is not None:
        return _masked(loaded, marked, _replaced(ids, spans, [mask] * len(spans)), spans, top_k)
    return _causal(loaded, marked, ids, spans, top_k, width)


def _replaced(ids: list[int], spans: Sequence[tuple[int, int]], new: Sequence[int]) -> list[int]:
    """Return the ids with one id in the place of each span; the spans are in their order."""
    found, at = list[int](), 0
    for (start, end), i in zip(spans, new, strict=True):
        found += [*ids[at:start], i]
        at = end
    return [*found, *ids[at:]]


@step("filling")
@torch.inference_mode()
def _masked(model: Model, marked: Marked, ids: list[int], spans: list[tuple[int, int]], top_k: int) -> Filled:
    logits_TV = model.module(input_ids=torch.tensor([ids], device=model.device)).logits[0].double()
    check_finite(model, logits_TV)
    places, shift = list[FilledPlace](), 0
    for site, (start, end) in zip(marked.sites, spans, strict=True):
        names, of = list(site.choices), torch.tensor(list(site.choices.values()), device=model.device)
        share_A = logits_TV[start - shift].softmax(-1)[of]
        shift += end - start - 1
        share = float(share_A.sum())
        if not share > 0:
            raise ModelError(f"{model.name} gives no probability to what may stand there", hint="use another model")
        chances = {name: (float(p) / share, None) for name, p in zip(names, share_A, strict=True)}
        places.append(_place(marked, site, chances, top_k, min(1.0, share)))
    return _filled(model, marked, "masked softmax", exact=True, compared=0, places=places, fillings=[])


@step("filling")
def _causal(
    model: Model, marked: Marked, ids: list[int], spans: list[tuple[int, int]], top_k: int, width: int
) -> Filled:
    if spans[0][0] == 0:  # nothing is before the first place: begin as if the model wrote a text of its own
        begin = next((i for i in frame_of(model.tokenizer) if i is not None), None)
        if begin is None:
            raise ModelError(
                f"{model.name} needs something before the first place", hint="write something before the first mark"
            )
        ids, spans = [begin, *ids], [(start + 1, end + 1) for start, end in spans]
    trunk = Trunk(model, ids[: spans[0][0]])
    beam, left, exact = _beam(trunk, marked.sites, ids, spans, width)
    wholes = [
        _replaced(ids, spans, [site.choices[e] for site, e in zip(marked.sites, way, strict=True)]) for way in beam
    ]
    scores = [math.fsum(logprobs) for logprobs in trunk.branches(wholes, len(trunk.ids))]
    before = math.fsum(trunk.own)
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    total = math.fsum(weights)
    places = []
    for number, site in enumerate(marked.sites):
        chances = dict.fromkeys(site.choices, 0.0) if exact else {}
        for way, weight in zip(beam, weights, strict=True):
            chances[way[number]] = chances.get(way[number], 0.0) + weight / total
        both = {name: (p, left[number].get(name, 0.0)) for name, p in chances.items()}
        places.append(_place(marked, site, both, top_k, None))
    order = sorted(range(len(beam)), key=lambda i: -weights[i])[:top_k]
    fillings = [Filling([e.strip() or e for e in beam[i]], weights[i] / total, before + scores[i]) for i in order]
    best = beam[order[0]]
    return _filled(model, marked, "whole sequences", exact, len(beam), places, fillings, best)


def _beam(
    trunk: Trunk, sites: list[Site], ids: list[int], spans: list[tuple[int, int]], width: int
) -> tuple[list[list[str]], list[dict[str, float]], bool]:
    """Return ways to fill the places, what each place's elements have from the left, and whether these are all ways.

    After each place the `width` ways that are likeliest so far go on.
    """
    beam: list[tuple[float, list[str], list[int]]] = [(0.0, [], list(trunk.ids))]
    lefts, exact = list[dict[str, float]](), True
    for number, (site, (_, end)) in enumerate(zip(sites, spans, strict=True)):
        names, of_A = list(site.choices), torch.tensor(list(site.choices.values()), device=trunk.model.device)
        after = spans[number + 1][0] if number + 1 < len(spans) else end
        grown = list[tuple[float, list[str], list[int]]]()
        left = dict.fromkeys(names, 0.0)
        most = max(score for score, _, _ in beam)
        total = math.fsum(math.exp(score - most) for score, _, _ in beam)
        next_BA = trunk.next_of([row for _, _, row in beam], of_A)
        for (score, way, row), logprobs_A in zip(beam, next_BA, strict=True):
            weight = math.exp(score - most) / total
            chances = (logprobs_A - logprobs_A.logsumexp(0)).exp().tolist()
            best = logprobs_A.topk(min(width, len(names)))
            exact = exact and len(names) <= width
            for name, chance in zip(names, chances, strict=True):
                left[name] += weight * chance
            for logprob, a in zip(best.values.tolist(), best.indices.tolist(), strict=True):
                grown.append((score + logprob, [*way, names[a]], [*row, site.choices[names[a]]]))
        lefts.append(left)
        grown.sort(key=lambda one: -one[0])
        exact = exact and len(grown) <= width
        del grown[width:]
        between = ids[end:after]
        rows = [[*row, *between] for _, _, row in grown]
        if between:
            scored = trunk.branches(rows, len(trunk.ids))
            gains = [math.fsum(logprobs[len(logprobs) - len(between) :]) for logprobs in scored]
        else:
            gains = [0.0] * len(rows)
        beam = [(score + gain, way, row) for (score, way, _), gain, row in zip(grown, gains, rows, strict=True)]
    return [way for _, way, _ in beam], lefts, exact


def _place(
    marked: Marked, site: Site, chances: Mapping[str, tuple[float, float | None]], top_k: int, share: float | None
) -> FilledPlace:
    best = sorted(chances, key=lambda name: -chances[name][0])[:top_k]
    shown = marked.elements.shown
    candidates = [
        Candidate(shown(name, site.unit).strip() or name, site.choices[name], *chances[name]) for name in best
    ]
    return FilledPlace(site.unit + 1, site.start, site.end, len(site.choices), share, candidates)


def _filled(
    model: Model,
    marked: Marked,
    method: str,
    exact: bool,
    compared: int,
    places: list[FilledPlace],
    fillings: list[Filling],
    best: list[str] | None = None,
) -> Filled:
    elements = marked.elements
    new = [place.candidates[0].element for place in places]
    if best is not None:
        new = [elements.shown(e, site.unit).strip() or e for e, site in zip(best, marked.sites, strict=True)]
    if elements.kind.name in ("codon", "state"):
        units = list(elements.units)
        for site, element in zip(marked.sites, new, strict=True):
            units[site.unit] = element
        filled = elements.joined(units)
    else:
        filled, at = "", 0
        for site, element in zip(marked.sites, new, strict=True):
            filled += marked.text[at : site.start] + element
            at = site.end
        filled += marked.text[at:]
    return Filled(
        model=model.name, text=marked.text, kind=elements.kind.name, alphabet=elements.kind.alphabet, method=method,
        exact=exact, compared=compared, places=places, filled=filled, fillings=fillings,
    )  # fmt: skip
