"""Beam search: the likeliest whole continuations, not the likeliest token each time.

The steps and the scores are those of transformers' `generate(num_beams=k, do_sample=False)`: a beam's score is the sum
of its log-probabilities in nats, divided by its length to the power of `length_penalty`. Axis letters: K beams, C
candidates, V vocabulary.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from cutaway.errors import ModelError
from cutaway.generation.engine import Decoder, alternatives_of, processed
from cutaway.generation.rows import Alternative, Row
from cutaway.generation.settings import check_beams

_NEVER = -1e9  # the score of what may not be chosen, as transformers has it


@dataclasses.dataclass(frozen=True)
class Beam:
    """One continuation: its ids, the log-probability of each (nats, the model's own), and its score (nats)."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    alternatives: tuple[list[Alternative], ...]
    score: float
    ended: bool


def beam_search(
    decoder: Decoder,
    rows: Sequence[Row],
    num_beams: int,
    *,
    length_penalty: float = 1.0,
    early_stopping: bool | str = False,
    num_return_sequences: int = 1,
    batch_size: int = 64,
) -> list[list[Beam]]:
    """Return for each row its best continuations, the best one first.

    A row gives its prompt, lengths, repetition penalty, processors and the number of alternatives; it is not changed.
    A `length_penalty` above 0 favours long texts. `early_stopping` ends a search as soon as `num_beams` texts have
    ended. Without it, the search goes on while the best open beam, scored at its present length (with "never": at the
    longest allowed), scores more than the worst finished one. Prompts are searched together as long as their beams fit
    into `batch_size`. Raises `InputError` and `ModelError`.
    """
    for row in rows:
        check_beams(num_beams, num_return_sequences, length_penalty, row.sampling, row.stop)
    found: list[list[Beam]] = []
    together = max(1, batch_size // num_beams)
    for at in range(0, len(rows), together):
        found += _search(decoder, rows[at : at + together], num_beams, length_penalty, early_stopping)
    return [beams[:num_return_sequences] for beams in found]


def finished_rows(decoder: Decoder, row: Row, beams: Sequence[Beam]) -> list[Row]:
    """Return one finished row for each beam, as the engine would have left it."""
    finished = []
    for beam in beams:
        one = dataclasses.replace(row, ids=[], logprobs=[], entropies=[], alternatives=[], steps=[])
        decoder.begin(one)
        for token_id in beam.ids:
            one.take(token_id, decoder.model.tokenizer, decoder.model.end_ids)
        one.logprobs, one.alternatives = list(beam.logprobs), list(beam.alternatives)
        one.finish = "eos" if beam.ended else "length"
        finished.append(one)
    return finished


_NONE = Beam((), (), (), _NEVER, False)


@dataclasses.dataclass
class _Search:
    """One prompt's open beams, and the best that have ended so far."""

    row: Row
    longest: int
    open: list[Beam]
    done: list[Beam]
    improvable: bool = True


def _search(
    decoder: Decoder, rows: Sequence[Row], num_beams: int, length_penalty: float, early_stopping: bool | str
) -> list[list[Beam]]:
    searches = []
    for row in rows:
        row = dataclasses.replace(row, ids=[])
        decoder.begin(row)
        context = decoder.model.context
        room = row.max_new_tokens if context is None else max(1, context - len(row.seen))
        # All beams but the first start with a hopeless score, so that the first step does not choose equal beams.
        empty = [dataclasses.replace(_NONE, score=0.0)] + [_NONE] * (num_beams - 1)
        searches.append(_Search(row, min(row.max_new_tokens, room), empty, [_NONE] * num_beams))
    try:
        logits_BV = torch.from_numpy(decoder.add([row.prompt_ids for row in rows], [num_beams] * len(rows)))
        active = list(searches)
        while True:
            order, going = [], []
            for number, search in enumerate(active):
                at = number * num_beams
                parents = _step(
                    search, logits_BV[at : at + num_beams], decoder, length_penalty, early_stopping=early_stopping
                )
                if parents is not None:
                    going.append(search)
                    order += [at + parent for parent in parents]
            if not going:
                break
            active = going
            decoder.keep(order)
            logits_BV = torch.from_numpy(decoder.step([beam.ids[-1] for search in active for beam in search.open]))
    finally:
        decoder.keep([])
    # Places that were never filled are left out. If no beam could end, the open ones are returned.
    return [[beam for beam in search.done if beam.ids] or search.open for search in searches]


def _step(
    search: _Search, logits_KV: torch.Tensor, decoder: Decoder, length_penalty: float, *, early_stopping: bool | str
) -> list[int] | None:
    """Choose the open beams of the next step; return the slot that each one continues, or None when all is done."""
    ends, num_beams = decoder.model.end_ids, len(search.open)
    logprobs_KV = logits_KV.log_softmax(-1)
    if logprobs_KV.isnan().any():
        raise ModelError("the model's logits are NaN", hint="try `dtype='float32'`, or fetch the weights again")
    step = len(search.open[0].ids) + 1
    scores_KV = _ruled(search, logprobs_KV, ends)
    before_K = torch.tensor([beam.score for beam in search.open])
    candidates = max(2, 1 + len(ends)) * num_beams  # enough even if the best token of every beam ends it
    total_KV = scores_KV + before_K[:, None]
    best_C, index_C = total_KV.flatten().topk(min(candidates, total_KV.numel()))
    parents, tokens = (index_C // total_KV.shape[1]).tolist(), (index_C % total_KV.shape[1]).tolist()
    ended = [token in ends or step >= search.longest for token in tokens]
    ended_C = torch.tensor(ended)

    def beam(candidate: int, score: float) -> Beam:
        slot, token = parents[candidate], tokens[candidate]
        parent, alternatives = search.open[slot], search.open[slot].alternatives
        if search.row.keep:
            alternatives = (*alternatives, alternatives_of(decoder.model, logits_KV[slot].numpy(), search.row.keep))
        logprobs = (*parent.logprobs, float(logprobs_KV[slot, token]))
        return Beam((*parent.ids, token), logprobs, alternatives, score, token in ends)

    # The open beams that go on.
    running_C = best_C + ended_C.float() * _NEVER
    chosen_K = running_C.topk(num_beams).indices.tolist()
    opened = [beam(c, float(running_C[c])) for c in chosen_K]

    # Beams that end now, if they are among the first `num_beams`, compete with those that ended before.
    mean_C = best_C / step**length_penalty
    full = early_stopping is True and all(b.score > _NEVER / 2 for b in search.done)
    may_end_C = ended_C & (torch.arange(len(ended)) < num_beams)
    mean_C = mean_C + (float(full) + float(not search.improvable)) * _NEVER + (~may_end_C).float() * _NEVER
    merged = torch.cat([torch.tensor([b.score for b in search.done]), mean_C])
    search.done = [
        search.done[i]
        if i < num_beams
        else beam(i - num_beams, float(merged[i]))
        if may_end_C[i - num_beams]
        else _NONE
        for i in merged.topk(num_beams).indices.tolist()
    ]
    search.open = opened

    # Can an open beam still score more than the worst finished one?
    length = search.longest if early_stopping == "never" and length_penalty > 0 else step
    possible = float(torch.tensor(opened[0].score) / length**length_penalty)
    finished = [b.score > _NEVER / 2 for b in search.done]
    worst = min(b.score for b in search.done) if all(finished) else _NEVER
    search.improvable = search.improvable and possible > worst
    if not search.improvable or (early_stopping is True and all(finished)) or all(ended):
        return None
    return [parents[c] for c in chosen_K]


def _ruled(search: _Search, logprobs_KV: torch.Tensor, ends: frozenset[int]) -> torch.Tensor:
    row, open_ = search.row, search.open
    as_rows = [dataclasses.replace(row, ids=list(beam.ids)) for beam in open_]
    scores_KV = logprobs_KV
    if (penalty := row.sampling.repetition_penalty) not in {None, 1.0}:
        ids_KT = torch.tensor([one.seen for one in as_rows])
        seen_KT = scores_KV.gather(1, ids_KT)  # none is above 0
        scores_KV = scores_KV.scatter(1, ids_KT, seen_KT * penalty)
    if len(open_[0].ids) < row.min_new_tokens:
        scores_KV = scores_KV.index_fill(1, torch.tensor(sorted(ends), dtype=torch.long), -torch.inf)
    return torch.from_numpy(processed(scores_KV.numpy(), as_rows))
