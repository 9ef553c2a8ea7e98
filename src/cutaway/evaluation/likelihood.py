"""How surprising records are to a language model: causal, masked, or from one sequence to another.

Axis letters: `B` rows, `T` positions, `V` vocabulary.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from cutaway.errors import ModelError
from cutaway.evaluation.encoding import Encoded
from cutaway.models.text_model import Model
from cutaway.progress import step
from cutaway.random_streams import stream

WINDOW = 1024  # tokens that are read at once at most, unless the caller says otherwise
_LOGITS = 32_000_000  # of a batch: 128 MB
_ROWS = 64
_BLOCK = 128  # tokens of a long record that are one piece


@dataclasses.dataclass(frozen=True)
class Piece:
    """Scored tokens of one record: their surprisal in nats, and which of the record's symbols they cover."""

    record: int
    nats: float
    tokens: int
    start: int
    stop: int


@dataclasses.dataclass(frozen=True)
class _Row:
    """Ids to run, and which of them are scored: `ids`[`first`:], or the one at `first` alone, which is masked.

    The first one that is scored is token `at` of its record.
    """

    record: int
    ids: list[int]
    first: int
    at: int


def room(model: Model, window: int | None) -> int:
    """Return how many tokens the model is to read at once."""
    return min(model.context or WINDOW, window or WINDOW)


def causal_pieces(model: Model, records: Sequence[Encoded], window: int | None = None) -> list[Piece]:
    """Return the surprisal of every token given all before it.

    A record that is longer than the context is read in windows; each but the first repeats half a window, so that every
    token has at least that much before it. The first token is scored only if a special token is before it.
    """
    rows = [row for number, one in enumerate(records) for row in _windows(number, one, room(model, window))]
    with step("scoring", sum(len(row.ids) - row.first for row in rows)) as scoring, torch.inference_mode():
        pieces = list[Piece]()
        for batch in _batches(rows, model):
            ids_BT, mask_BT = _padded([row.ids for row in batch], model)
            logits_BTV = model.module(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False).logits
            for row, logits_TV, ids_T in zip(batch, logits_BTV, ids_BT, strict=True):
                for first in range(row.first, len(row.ids), _BLOCK):
                    last, at = min(first + _BLOCK, len(row.ids)), row.at + first - row.first
                    nats = _nats(logits_TV[first - 1 : last - 1], ids_T[first:last])
                    pieces.append(_piece(model, row.record, records[row.record], at, nats, last - first))
                scoring.advance(len(row.ids) - row.first)
    return sorted(pieces, key=lambda piece: (piece.record, piece.start))


def masked_pieces(
    model: Model, records: Sequence[Encoded], mask: int, sites: int, seed: int, window: int | None = None
) -> list[Piece]:
    """Return the surprisal of tokens, each predicted from all others of its record while it alone is masked.

    All tokens are scored, or `sites` of them, drawn evenly. The sum over a record is its pseudo-log-likelihood.
    Source: Salazar et al. 2020, doi:10.18653/v1/2020.acl-main.240.
    """
    rows = [row for number, one in enumerate(records) for row in _sites(number, one, mask, room(model, window))]
    if len(rows) > sites:
        rows = [rows[i] for i in sorted(stream(seed, "sites").choice(len(rows), sites, replace=False))]
    with step("masking tokens", len(rows)) as masking, torch.inference_mode():
        pieces = list[Piece]()
        for batch in _batches(rows, model):
            ids_BT, mask_BT = _padded([row.ids for row in batch], model)
            at_B, rows_B = torch.tensor([row.first for row in batch], device=model.device), torch.arange(len(batch))
            wanted_B = ids_BT[rows_B, at_B].clone()
            ids_BT[rows_B, at_B] = mask
            logits_BV = model.module(input_ids=ids_BT, attention_mask=mask_BT).logits[rows_B, at_B]
            for row, logits_V, wanted in zip(batch, logits_BV, wanted_B, strict=True):
                nats = _nats(logits_V[None], wanted[None])
                pieces.append(_piece(model, row.record, records[row.record], row.at, nats, 1))
            masking.advance(len(batch))
    return sorted(pieces, key=lambda piece: (piece.record, piece.start))


def target_pieces(
    model: Model, sources: Sequence[Encoded], targets: Sequence[Encoded], window: int | None = None
) -> list[Piece]:
    """Return the surprisal of every target token given its source and the target tokens before it."""
    most = room(model, window)
    whole = [(cut_ids(source, most), cut_ids(target, most)) for source, target in zip(sources, targets, strict=True)]
    pieces = list[Piece]()
    with step("scoring targets", len(whole)) as scoring, torch.inference_mode():
        for number, (source, target) in enumerate(whole):
            ids_BT, mask_BT = _padded([source], model)
            labels_BT = torch.tensor([target], device=model.device)
            logits_TV = model.module(input_ids=ids_BT, attention_mask=mask_BT, labels=labels_BT).logits[0]
            first = len(targets[number].prefix)
            # A target that was cut is scored as far as it goes.
            nats = _nats(logits_TV[first:], labels_BT[0, first:])
            pieces.append(_piece(model, number, targets[number], first, nats, len(target) - first))
            scoring.advance(1)
    return pieces


def cut_ids(record: Encoded, most: int) -> list[int]:
    """Return the ids of a record, its text cut on the right so that there are at most so many."""
    body = record.body[: max(1, most - len(record.prefix) - len(record.suffix))].tolist()
    return [*record.prefix, *body, *record.suffix]


def _windows(number: int, record: Encoded, most: int) -> Iterator[_Row]:
    ids = [*record.prefix, *record.body.tolist(), *record.suffix]
    edge = len(record.prefix)
    at = max(edge, 1)
    stop = min(most, len(ids))
    if at < stop:
        yield _Row(number, ids[:stop], at, at)
    while stop < len(ids):
        repeated = max(1, (most - edge) // 2)
        at, before = stop, [*record.prefix, *ids[stop - repeated : stop]]
        stop = min(len(ids), at + most - len(before))
        yield _Row(number, before + ids[at:stop], len(before), at)


def _sites(number: int, record: Encoded, mask: int, most: int) -> Iterator[_Row]:
    inside = max(1, most - len(record.prefix) - len(record.suffix))
    edge = len(record.prefix)
    for begin in range(0, len(record.body), inside):
        body = record.body[begin : begin + inside].tolist()
        ids = [*record.prefix, *body, *record.suffix]
        for t, token in enumerate(body):
            if token != mask:
                yield _Row(number, ids, edge + t, edge + begin + t)


def _batches(rows: Sequence[_Row], model: Model) -> Iterator[list[_Row]]:
    """Yield the rows in batches of about equal length."""
    vocabulary = model.config.get_text_config().vocab_size
    batch = list[_Row]()
    for row in sorted(rows, key=lambda row: len(row.ids)):
        if batch and (len(batch) == _ROWS or (len(batch) + 1) * len(row.ids) * vocabulary > _LOGITS):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _padded(rows: Sequence[list[int]], model: Model) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and mask of rows, padded on the right."""
    length = max(map(len, rows))
    ids_BT, mask_BT = np.zeros((len(rows), length), np.int64), np.zeros((len(rows), length), np.int64)
    for ids_T, mask_T, row in zip(ids_BT, mask_BT, rows, strict=True):
        ids_T[: len(row)], mask_T[: len(row)] = row, 1
    return torch.from_numpy(ids_BT).to(model.device), torch.from_numpy(mask_BT).to(model.device)


def _nats(logits_TV: torch.Tensor, wanted_T: torch.Tensor) -> float:
    """Return the sum of -log P of the wanted ids, added up in float64."""
    logits_TV = logits_TV.float()
    chosen_T = logits_TV.gather(1, wanted_T[:, None])[:, 0]
    return float((logits_TV.logsumexp(-1).double() - chosen_T.double()).sum())


def _piece(model: Model, number: int, record: Encoded, at: int, nats: float, tokens: int) -> Piece:
    if not math.isfinite(nats):
        raise ModelError(
            f"{model.name} gives probabilities that are not finite numbers",
            hint="its weights are damaged, or `dtype` is too small for it: try `dtype='float32'`",
        )
    return Piece(number, nats, tokens, record.symbol_at(at), record.symbol_at(at + tokens))
