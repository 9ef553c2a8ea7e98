"""Fast drawing: the next token of many rows at once, from the `distribution` of each row (see `samplers.py`).

Axis letters: B rows, V vocabulary, C candidates (the largest of the vocabulary), G groups of the vocabulary.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from cutaway.errors import ModelError
from cutaway.generation.rows import Row
from cutaway.generation.samplers import COLDEST, penalised
from cutaway.generation.settings import Sampling

FEW, MANY = 64, 256  # candidates sorted for top-k and top-p; if they are too few, the whole row is used
_GROUP = 16  # tokens
_PART = 1 << 20  # most logits at a time, in whole rows, so that they stay in the processor's cache
_RARE = -80.0  # nats


@dataclasses.dataclass(frozen=True)
class SampledTokens:
    """For each of B rows the chosen id, its log-probability and the entropy, both in nats and before any sampler.

    The entropy is None for a row that is neither measured nor traced.
    """

    ids: list[int]
    logprobs: list[float]
    entropies: list[float | None]


def choose(
    logits_BV: torch.Tensor, rows: Sequence[Row], end_ids: frozenset[int], scores_BV: torch.Tensor | None = None
) -> SampledTokens:
    """Choose every row's next id by its own settings and its own stream, from `scores_BV` if processors made them.

    One uniform number for each row, in float64, is looked up in the cumulative `distribution` of that row. So the id
    does not depend on the other rows of the batch. A row below its `min_new_tokens` can't choose an id that ends it.
    Raises `ModelError` if logits are not finite.
    """
    logits_BV = logits_BV.float()
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
        self.kept: dict[str, torch.Tensor] = {}

    def of(self, name: str, rows: int, size: int) -> torch.Tensor:
        """Return the memory of that name as [rows, size]; its old contents are lost."""
        if name not in self.kept or self.kept[name].numel() < rows * size:
            with torch.inference_mode(False):  # a tensor made in inference mode can't be written to outside it
                self.kept[name] = torch.empty(rows * size)
        return self.kept[name][: rows * size].view(rows, size)


_space = _Space()


def _choose(
    logits_BV: torch.Tensor, scores_BV: torch.Tensor, rows: Sequence[Row], end_ids: frozenset[int]
) -> SampledTokens:
    size = logits_BV.shape[-1]
    model_BV = torch.softmax(logits_BV, -1, out=_space.of("model", len(rows), size))
    _check_numbers(model_BV[:, 0], rows)  # one NaN makes the whole row NaN
    untouched = scores_BV.data_ptr() == logits_BV.data_ptr()
    edited_BV = _edited(scores_BV, rows, end_ids)
    ids_B = torch.empty(len(rows), dtype=torch.long)
    drawing = [b for b, row in enumerate(rows) if row.sampling.temperature > 0]
    for b in set(range(len(rows))) - set(drawing):
        ids_B[b] = int(edited_BV[b].numpy().argmax())  # the first of equals
    if drawing:
        as_model = untouched and edited_BV is scores_BV and all(rows[b].sampling.temperature == 1 for b in drawing)
        _draw(edited_BV, rows, drawing, model_BV if as_model else None, ids_B)
    said_B, logprobs_B = (x.gather(1, ids_B[:, None])[:, 0].double() for x in (logits_BV, model_BV))
    logprobs_B = logprobs_B.log()
    for b in (logprobs_B < _RARE).nonzero()[:, 0].tolist():  # float32 has few or no digits for so small a number
        logprobs_B[b] = said_B[b] - logits_BV[b].double().logsumexp(-1)
    entropies: list[float | None] = [None] * len(rows)
    for b, row in enumerate(rows):
        if row.measured or row.traced:
            # H = log Z - sum of p times the logit; a logit of -inf has p = 0 and adds nothing.
            mean = float((model_BV[b] * logits_BV[b].clamp_min(-1e30)).sum())
            entropies[b] = max(0.0, float(said_B[b] - logprobs_B[b]) - mean)
    return SampledTokens(ids_B.tolist(), logprobs_B.tolist(), entropies)


def _check_numbers(first_B: torch.Tensor, rows: Sequence[Row]) -> None:
    if not bool(first_B.isfinite().all()):
        first = rows[int((~first_B.isfinite()).nonzero()[0])].prompt
        short = first if len(first) <= 40 else f"{first[:39]}…"
        raise ModelError(
            f"the model's logits after {short!r} are not finite numbers, so no token can be chosen",
            hint="try `dtype='float32'` or `tier='exact'`; if that does not help, the weights have NaN or infinity",
        )


def _edited(logits_BV: torch.Tensor, rows: Sequence[Row], end_ids: frozenset[int]) -> torch.Tensor:
    """Return the logits after the ban on ending early and the penalties; the same tensor if nothing changes."""
    changed = [b for b, row in enumerate(rows) if row.sampling.penalises or len(row.ids) < row.min_new_tokens]
    if not changed:
        return logits_BV
    scores_BV = _space.of("scores", *logits_BV.shape).copy_(logits_BV)
    ends = np.array(sorted(end_ids), dtype=np.int64)
    for b in changed:
        row, scores_V = rows[b], scores_BV[b].numpy()
        if len(row.ids) < row.min_new_tokens:
            scores_V[ends] = -np.inf
        penalised(scores_V, row.sampling, row.seen, row.ids)
    return scores_BV


def _draw(
    scores_BV: torch.Tensor,
    rows: Sequence[Row],
    drawing: list[int],
    model_BV: torch.Tensor | None,
    ids_B: torch.Tensor,
) -> None:
    """Draw an id for each row of `drawing` into `ids_B`.

    `model_BV` are the probabilities of the scores, if all rows are drawn at temperature 1.
    """
    size, settings = scores_BV.shape[-1], [row.sampling for row in rows]
    uniform_B = torch.zeros(len(rows), dtype=torch.float64)
    for b in drawing:
        uniform_B[b] = rows[b].chance.random()
    cut = [b for b in drawing if settings[b].top_k is not None or (settings[b].top_p or 1.0) < 1]
    # A row that keeps few tokens needs no sum over the whole vocabulary.
    summed = [b for b in drawing if (settings[b].top_k or MANY) >= MANY]
    shares_BV = _shares(scores_BV, settings, summed, _space.of("shares", len(summed), size), model_BV)
    at = {b: i for i, b in enumerate(summed)}
    masses_B = torch.ones(len(rows), dtype=torch.float64)
    masses_B[summed] = 1 / shares_BV.amax(-1).double()
    done = set[int]()
    for most in (FEW, MANY):
        if some := [b for b in cut if b not in done and (settings[b].top_k or 0) < most]:
            values_BC, ids_BC = _largest(scores_BV, some, min(most, size))
            limits = [settings[b] for b in some]
            index_B, enough = _draw_sorted(values_BC, size, limits, masses_B[some], uniform_B[some])
            ids_B[some] = ids_BC.gather(1, index_B[:, None])[:, 0]
            done |= {b for b, good in zip(some, enough, strict=True) if good}
    whole = [b for b in drawing if b not in done]
    if whole:
        weights_BV = shares_BV
        if whole != summed or any(settings[b].min_p or b in cut for b in whole):
            weights_BV = _space.of("weights", len(whole), size)
            for weights_V, b in zip(weights_BV, whole, strict=True):
                # A row with a small top-k was not summed; it comes here only if there are very many ties.
                weights_V[:] = shares_BV[at[b]] if b in at else _shares(scores_BV, settings, [b], weights_V[None])[0]
                _truncate(weights_V.numpy(), settings[b])
        ids_B[whole] = _draw_whole(weights_BV, uniform_B[whole])


def _shares(
    scores_BV: torch.Tensor,
    settings: Sequence[Sampling],
    rows: list[int],
    room_BV: torch.Tensor,
    model_BV: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the probabilities of those rows at their temperature."""
    if model_BV is not None and len(rows) == len(model_BV):
        return model_BV
    room_BV = torch.index_select(scores_BV if model_BV is None else model_BV, 0, torch.tensor(rows).long(), out=room_BV)
    if model_BV is not None:
        return room_BV
    # Subtracting the largest changes no probability, and a tiny temperature then can't overflow.
    room_BV -= room_BV.amax(-1, keepdim=True)
    room_BV /= torch.tensor([max(settings[b].temperature, COLDEST) for b in rows], dtype=torch.float32)[:, None]
    return torch.softmax(room_BV, -1, out=room_BV)


def _draw_sorted(
    values_BC: torch.Tensor, size: int, settings: Sequence[Sampling], masses_B: torch.Tensor, uniform_B: torch.Tensor
) -> tuple[torch.Tensor, list[bool]]:
    """Draw from the largest of `size` scores, in falling order; also say for which rows these were enough.

    `masses_B` are the sums over the whole vocabulary of exp((score - largest score) / T); unused with top-k.
    """
    # Tokens tied with the last candidate may be missing: only those above it are known to be complete.
    known_BC = values_BC > (values_BC[:, -1:] if values_BC.shape[-1] < size else -torch.inf)
    temperature_B1 = torch.tensor([[s.temperature] for s in settings], dtype=torch.float64)
    weights_BC = ((values_BC - values_BC[:, :1]).double() / temperature_B1).exp()
    k_B1 = torch.tensor([[min(s.top_k or size, size)] for s in settings])
    limited_B = k_B1[:, 0] < size
    kth_B1 = (k_B1 - 1).clamp_max(values_BC.shape[-1] - 1)
    weights_BC = weights_BC.where(~limited_B[:, None] | (values_BC >= values_BC.gather(1, kth_B1)), 0.0)
    running_BC = weights_BC.cumsum(-1)
    top_p_B = torch.tensor([1.0 if s.top_p is None else s.top_p for s in settings], dtype=torch.float64)
    nucleus_B = (top_p_B * torch.where(limited_B, running_BC[:, -1], masses_B)).where(top_p_B < 1, torch.inf)
    # Top-k needs all ties at its edge, a nucleus everything up to its edge.
    top_k_known_B = known_BC.gather(1, kth_B1)[:, 0] & (k_B1[:, 0] <= values_BC.shape[-1])
    top_p_known_B = (weights_BC * known_BC).sum(-1) >= nucleus_B
    enough_B = torch.where(limited_B, top_k_known_B, top_p_known_B)
    min_p_B1 = torch.tensor([[s.min_p or 0.0] for s in settings], dtype=torch.float64)
    kept_BC = (running_BC - weights_BC < nucleus_B[:, None]) & (weights_BC >= min_p_B1)
    index_B, _ = _look_up(weights_BC.where(kept_BC, 0.0), uniform_B)
    return index_B, enough_B.tolist()


def _largest(scores_BV: torch.Tensor, rows: list[int], most: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the `most` largest values_BC of those rows in falling order, and their ids_BC; ties in order of their ids.

    If several tokens tie with the last one, it is undefined which are returned.
    """
    size = scores_BV.shape[-1]
    if size <= most:
        return scores_BV[rows].sort(stable=True, dim=-1, descending=True)
    if size < 4 * _GROUP * most:
        values_BC, ids_BC = scores_BV[rows].topk(most)
    else:
        # The largest tokens are in the groups with the largest maxima. Group g has the tokens g, g + G, g + 2 G, …, so
        # that all maxima are found at the speed of memory. Tokens after the last full group are added.
        groups = size // _GROUP
        maxima_BG = scores_BV[:, : _GROUP * groups].view(-1, _GROUP, groups).amax(1)
        top_BC = maxima_BG[rows].topk(most, sorted=False).indices
        ids_BxC = (top_BC[:, None] + groups * torch.arange(_GROUP)[:, None]).flatten(1)
        if size % _GROUP:
            tail = torch.arange(_GROUP * groups, size)
            ids_BxC = torch.cat([ids_BxC, tail.expand(len(rows), -1)], 1)
        found = scores_BV.take(ids_BxC + size * torch.tensor(rows)[:, None])
        values_BC, at_BC = found.topk(most)
        ids_BC = ids_BxC.gather(1, at_BC)
    if bool((values_BC[:, 1:] == values_BC[:, :-1]).any()):
        by_id = ids_BC.argsort(-1)
        values_BC, ids_BC = values_BC.gather(1, by_id), ids_BC.gather(1, by_id)
        values_BC, by_value = values_BC.sort(stable=True, dim=-1, descending=True)
        ids_BC = ids_BC.gather(1, by_value)
    return values_BC, ids_BC


def _truncate(weights_V: npt.NDArray[np.float32], sampling: Sampling) -> None:
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


def _draw_whole(weights_BV: torch.Tensor, uniform_B: torch.Tensor) -> torch.Tensor:
    """Look up each row's number in its whole vocabulary: first the group, then the token in it."""
    size = weights_BV.shape[-1]
    groups = -(-size // _GROUP)
    if size % _GROUP:
        weights_BV = torch.nn.functional.pad(weights_BV, (0, _GROUP * groups - size))
    grouped_BxG = weights_BV.view(-1, _GROUP, groups)
    group_B, rest_B = _look_up(grouped_BxG.sum(1), uniform_B)
    inside_Bx = grouped_BxG.gather(2, group_B[:, None, None].expand(-1, _GROUP, 1))[:, :, 0]
    place_B, _ = _look_up(inside_Bx, rest_B)
    return place_B * groups + group_B


def _look_up(weights_BX: torch.Tensor, uniform_B: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where a number from 0 to 1 falls in each row's cumulative weights, and how far into that weight."""
    running_BX = weights_BX.double().cumsum(-1)
    total_B = running_BX[:, -1]
    # Rounding must not reach the total itself, because no token comes after it.
    aim_B = torch.minimum(uniform_B * total_B, total_B.nextafter(torch.zeros(())))
    index_B1 = torch.searchsorted(running_BX, aim_B[:, None], right=True)
    end_B, weight_B = (x.gather(1, index_B1)[:, 0].double() for x in (running_BX, weights_BX))
    return index_B1[:, 0], (1 - (end_B - aim_B) / weight_B).clamp(0, 1)
