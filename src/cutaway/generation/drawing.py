"""Fast drawing: the next token of many rows at once, from the `distribution` of each row (see `samplers.py`).

Axis letters: B rows, V vocabulary, C candidates (the largest of the vocabulary), G groups of the vocabulary.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cutaway.errors import ModelError
from cutaway.generation.rows import Row
from cutaway.generation.samplers import COLDEST, penalised
from cutaway.generation.settings import Sampling

Floats = npt.NDArray[np.float32]
Array = npt.NDArray[Any]

FEW, MANY = 64, 256  # candidates sorted for top-k and top-p; if they are too few, the whole row is used
_GROUP = 16  # tokens
_PART = 1 << 20  # most logits at a time, in whole rows, so that they stay in the processor's cache


@dataclasses.dataclass(frozen=True)
class SampledTokens:
    """For each of B rows the id that was chosen, its log-probability and the entropy, nats, both before any sampler.

    The entropy is None for a row that is neither measured nor traced.
    """

    ids: list[int]
    logprobs: list[float]
    entropies: list[float | None]


def choose(
    logits_BV: Floats, rows: Sequence[Row], end_ids: frozenset[int], scores_BV: Floats | None = None
) -> SampledTokens:
    """Choose every row's next id by its own settings and its own stream, from `scores_BV` if processors made some.

    One uniform number for each row, in float64, is looked up in the cumulative `distribution` of that row. So the id
    does not depend on the other rows of the batch. A row below its `min_new_tokens` can't choose an id that ends it.
    Raises `ModelError` if logits are not finite.
    """
    some = max(1, _PART // logits_BV.shape[-1])
    scores_BV = logits_BV if scores_BV is None else scores_BV
    parts = [
        _choose(logits_BV[at : at + some], scores_BV[at : at + some], rows[at : at + some], end_ids)
        for at in range(0, len(rows), some)
    ]
    columns = ([p.ids for p in parts], [p.logprobs for p in parts], [p.entropies for p in parts])
    return SampledTokens(*(list(itertools.chain(*column)) for column in columns))


class _Space(threading.local):
    """Memory that is reused from step to step: allocating megabytes takes longer than writing to them."""

    def __init__(self) -> None:
        self.kept: dict[str, Floats] = {}

    def of(self, name: str, rows: int, size: int) -> Floats:
        """Return the memory of that name as [rows, size]; its old contents are lost."""
        if name not in self.kept or self.kept[name].size < rows * size:
            self.kept[name] = np.empty(rows * size, np.float32)
        return self.kept[name][: rows * size].reshape(rows, size)


_space = _Space()


def _choose(logits_BV: Floats, scores_BV: Floats, rows: Sequence[Row], end_ids: frozenset[int]) -> SampledTokens:
    each, size = np.arange(len(rows)), logits_BV.shape[-1]
    top_B1 = logits_BV.max(-1, keepdims=True)
    model_BV = _space.of("model", len(rows), size)
    with np.errstate(invalid="ignore"):
        np.subtract(logits_BV, top_B1, out=model_BV)
    np.exp(model_BV, out=model_BV)
    total_B = model_BV.sum(-1)
    _check_numbers(total_B, rows)
    edited_BV = _edited(scores_BV, rows, end_ids)
    if edited_BV is not logits_BV:
        _check_numbers(edited_BV.max(-1), rows)  # of processors; NaN is the largest of all
    ids_B = np.empty(len(rows), np.int64)
    drawing = [b for b, row in enumerate(rows) if row.sampling.temperature > 0]
    for b in set(range(len(rows))) - set(drawing):
        ids_B[b] = edited_BV[b].argmax()  # the first of equals
    if drawing:
        _draw(edited_BV, rows, drawing, model_BV if edited_BV is logits_BV else None, ids_B)
    log_total_B = np.log(total_B.astype(np.float64))
    logprobs_B = logits_BV[each, ids_B].astype(np.float64) - top_B1[:, 0] - log_total_B
    entropies: list[float | None] = [None] * len(rows)
    for b, row in enumerate(rows):
        if row.measured or row.traced:
            # H = log Z - sum of p times the logit, both less the largest; a logit of -inf has p = 0 and adds nothing.
            mean = float((model_BV[b] * np.maximum(logits_BV[b] - top_B1[b], np.float32(-1e30))).sum()) / float(
                total_B[b]
            )
            entropies[b] = max(0.0, float(log_total_B[b]) - mean)
    return SampledTokens(ids_B.tolist(), logprobs_B.tolist(), entropies)


def _check_numbers(total_B: Floats, rows: Sequence[Row]) -> None:
    if not np.isfinite(total_B).all():  # one NaN or infinity is enough
        first = rows[int(np.flatnonzero(~np.isfinite(total_B))[0])].prompt
        short = first if len(first) <= 40 else f"{first[:39]}…"
        raise ModelError(
            f"the model's logits after {short!r} are not finite numbers, so no token can be chosen",
            hint="try `dtype='float32'` or `tier='exact'`; if that does not help, the weights have NaN or infinity",
        )


def _edited(scores_BV: Floats, rows: Sequence[Row], end_ids: frozenset[int]) -> Floats:
    """Return the logits after the ban on ending early and the penalties; the same array if nothing changes."""
    changed = [b for b, row in enumerate(rows) if row.sampling.penalises or len(row.ids) < row.min_new_tokens]
    if not changed:
        return scores_BV
    edited_BV = _space.of("scores", *scores_BV.shape)
    edited_BV[:] = scores_BV
    ends = np.array(sorted(end_ids), dtype=np.int64)
    for b in changed:
        row = rows[b]
        if len(row.ids) < row.min_new_tokens:
            edited_BV[b][ends] = -np.inf
        penalised(edited_BV[b], row.sampling, row.seen, row.ids)
    return edited_BV


def _draw(scores_BV: Floats, rows: Sequence[Row], drawing: list[int], model_BV: Floats | None, ids_B: Array) -> None:
    """Draw an id for each row of `drawing` into `ids_B`.

    `model_BV` are exp(score - largest score) of all rows, if they are known.
    """
    size, settings = scores_BV.shape[-1], [row.sampling for row in rows]
    uniform_B = np.zeros(len(rows))
    for b in drawing:
        uniform_B[b] = rows[b].chance.random()
    cut = [b for b in drawing if settings[b].top_k is not None or (settings[b].top_p or 1.0) < 1]
    # A row that keeps few tokens needs no sum over the whole vocabulary.
    summed = [b for b in drawing if (settings[b].top_k or size) >= min(MANY, size)]
    shares_BV = _space.of("shares", len(summed), size)
    for shares_V, b in zip(shares_BV, summed, strict=True):
        if model_BV is not None and settings[b].temperature == 1:
            shares_V[:] = model_BV[b]
        else:
            _shares(scores_BV[b], settings[b], shares_V)
    at = {b: i for i, b in enumerate(summed)}
    masses_B = np.ones(len(rows))
    masses_B[summed] = shares_BV.sum(-1)
    done = set[int]()
    for most in (FEW, MANY):
        if some := [b for b in cut if b not in done and (settings[b].top_k or 0) < most]:
            values_BC, ids_BC = _largest(scores_BV, some, min(most, size))
            limits = [settings[b] for b in some]
            index_B, enough = _draw_sorted(values_BC, size, limits, masses_B[some], uniform_B[some])
            ids_B[some] = ids_BC[np.arange(len(some)), index_B]
            done |= {b for b, good in zip(some, enough, strict=True) if good}
    whole = [b for b in drawing if b not in done]
    if whole:
        weights_BV = _space.of("weights", len(whole), size)
        for weights_V, b in zip(weights_BV, whole, strict=True):
            # What top-k leaves of a row was not summed where it is little, but for ties in great number.
            if b in at:
                weights_V[:] = shares_BV[at[b]]
            else:
                _shares(scores_BV[b], settings[b], weights_V)
            _truncate(weights_V, settings[b])
        ids_B[whole] = _draw_whole(weights_BV, uniform_B[whole])


def _shares(scores_V: Floats, sampling: Sampling, shares_V: Floats) -> None:
    """Write what a row's probabilities at its temperature are in proportion to; the largest is 1."""
    # Subtracting the largest changes no probability, and a tiny temperature then can't overflow.
    np.subtract(scores_V, scores_V.max(), out=shares_V)
    np.divide(shares_V, np.float32(max(sampling.temperature, COLDEST)), out=shares_V)
    np.exp(shares_V, out=shares_V)


def _draw_sorted(
    values_BC: Floats, size: int, settings: Sequence[Sampling], masses_B: Array, uniform_B: Array
) -> tuple[Array, list[bool]]:
    """Draw from the largest of `size` scores, in falling order; also say for which rows these were enough.

    `masses_B` are the sums over the whole vocabulary of exp((score - largest score) / T); unused with top-k.
    """
    # Tokens tied with the last candidate may be missing: only those above it are known to be complete.
    known_BC = values_BC > (values_BC[:, -1:] if values_BC.shape[-1] < size else -np.inf)
    temperature_B1 = np.array([[s.temperature] for s in settings])
    weights_BC = np.exp((values_BC - values_BC[:, :1]).astype(np.float64) / temperature_B1)
    k_B1 = np.array([[min(s.top_k or size, size)] for s in settings])
    limited_B = k_B1[:, 0] < size
    kth_B1 = np.minimum(k_B1 - 1, values_BC.shape[-1] - 1)
    kept_BC = ~limited_B[:, None] | (values_BC >= np.take_along_axis(values_BC, kth_B1, 1))
    weights_BC = np.where(kept_BC, weights_BC, 0.0)
    running_BC = weights_BC.cumsum(-1)
    top_p_B = np.array([1.0 if s.top_p is None else s.top_p for s in settings])
    nucleus_B = np.where(top_p_B < 1, top_p_B * np.where(limited_B, running_BC[:, -1], masses_B), np.inf)
    # Top-k needs all ties at its edge, a nucleus everything up to its edge.
    top_k_known_B = np.take_along_axis(known_BC, kth_B1, 1)[:, 0] & (k_B1[:, 0] <= values_BC.shape[-1])
    top_p_known_B = (weights_BC * known_BC).sum(-1) >= nucleus_B
    enough_B = np.where(limited_B, top_k_known_B, top_p_known_B)
    min_p_B1 = np.array([[s.min_p or 0.0] for s in settings])
    kept_BC = (running_BC - weights_BC < nucleus_B[:, None]) & (weights_BC >= min_p_B1)
    index_B, _ = _look_up(np.where(kept_BC, weights_BC, 0.0), uniform_B)
    return index_B, enough_B.tolist()


def _largest(scores_BV: Floats, rows: list[int], most: int) -> tuple[Floats, Array]:
    """Return the `most` largest values_BC of those rows in falling order, and their ids_BC; ties in order of their ids.

    If several tokens tie with the last one, it is undefined which are returned.
    """
    size, each = scores_BV.shape[-1], np.array(rows)[:, None]
    if size <= most:
        ids_BC = np.broadcast_to(np.arange(size), (len(rows), size))
    elif size < 4 * _GROUP * most:
        ids_BC = np.argpartition(scores_BV[rows], -most)[:, -most:]
    else:
        # The largest tokens are in the groups with the largest maxima. Group g has the tokens g, g + G, g + 2 G, …, so
        # that all maxima are found at the speed of memory. Tokens after the last full group are added.
        groups = size // _GROUP
        maxima_BG = np.stack([scores_BV[b, : _GROUP * groups].reshape(_GROUP, groups).max(0) for b in rows])
        top_BC = np.argpartition(maxima_BG, -most)[:, -most:]
        ids_BxC = (top_BC[:, None] + groups * np.arange(_GROUP)[:, None]).reshape(len(rows), -1)
        if size % _GROUP:
            tail = np.arange(_GROUP * groups, size)
            ids_BxC = np.concatenate([ids_BxC, np.broadcast_to(tail, (len(rows), len(tail)))], 1)
        best_BC = np.argpartition(scores_BV[each, ids_BxC], -most)[:, -most:]
        ids_BC = np.take_along_axis(ids_BxC, best_BC, 1)
    values_BC = scores_BV[each, ids_BC]
    order_BC = np.lexsort((ids_BC, -values_BC))
    return np.take_along_axis(values_BC, order_BC, 1), np.take_along_axis(ids_BC, order_BC, 1)


def _truncate(weights_V: Floats, sampling: Sampling) -> None:
    """Set to 0, in place, the tokens that top-k, top-p and min-p remove from one row of probabilities."""
    if sampling.top_k is not None and sampling.top_k < len(weights_V):
        weights_V[weights_V < np.partition(weights_V, -sampling.top_k)[-sampling.top_k]] = 0
    if sampling.top_p is not None and sampling.top_p < 1:
        # A histogram instead of a sort: its classes are 1/16 of an octave wide, and only the one at the edge is sorted.
        class_V = weights_V.view(np.int32) >> 19
        above = np.bincount(class_V, weights=weights_V)[::-1].cumsum()[::-1]
        nucleus = sampling.top_p * above[0]
        edge = int((above >= nucleus).nonzero()[0][-1])
        inside = (class_V == edge).nonzero()[0]
        inside = inside[np.argsort(-weights_V[inside], kind="stable")]
        mass = weights_V[inside].astype(np.float64)
        before = mass.cumsum() - mass + (above[edge + 1] if edge + 1 < len(above) else 0.0)
        weights_V[class_V < edge] = 0
        weights_V[inside[before >= nucleus]] = 0
    if sampling.min_p:
        weights_V[weights_V < sampling.min_p * weights_V.max()] = 0


def _draw_whole(weights_BV: Floats, uniform_B: Array) -> Array:
    """Look up each row's number in its whole vocabulary: first the group, then the token in it."""
    rows, size = weights_BV.shape
    groups = -(-size // _GROUP)
    if size % _GROUP:
        weights_BV = np.pad(weights_BV, ((0, 0), (0, _GROUP * groups - size)))
    grouped_BxG = weights_BV.reshape(rows, _GROUP, groups)
    group_B, rest_B = _look_up(grouped_BxG.sum(1), uniform_B)
    place_B, _ = _look_up(grouped_BxG[np.arange(rows), :, group_B], rest_B)
    ids_B: Array = place_B * groups + group_B
    return ids_B


def _look_up(weights_BX: Array, uniform_B: Array) -> tuple[Array, Array]:
    """Return where a number from 0 to 1 falls in each row's cumulative weights, and how far into that weight."""
    running_BX = weights_BX.cumsum(-1, dtype=np.float64)
    total_B = running_BX[:, -1]
    # Rounding must not reach the total itself, because no token comes after it.
    aim_B = np.minimum(uniform_B * total_B, np.nextafter(total_B, 0.0))
    index_B = (running_BX <= aim_B[:, None]).sum(-1)
    each = np.arange(len(index_B))
    end_B, weight_B = running_BX[each, index_B], weights_BX[each, index_B].astype(np.float64)
    return index_B, (1 - (end_B - aim_B) / weight_B).clip(0, 1)
