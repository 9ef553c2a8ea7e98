"""What predictions about single places of a sequence ask of a language model, masked or causal.

Axis letters: B rows, T positions of the ids, P places, V vocabulary.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch

from cutaway.errors import ModelError, WrongKind
from cutaway.models.loading import shared
from cutaway.models.text_model import Model, ModelLike
from cutaway.progress import step

_LOGITS = 64_000_000  # most logits of a batch: 256 MB


def masked_or_causal(model: ModelLike, instead: str, what: str = "letters") -> tuple[Model, int | None]:
    """Return the model and the id of its mask, or None if it is causal.

    Raises `WrongKind` for a model that gives no probabilities of `what`; its hint names the model `instead`.
    """
    loaded = shared(model, "any")
    if "ForMaskedLM" in type(loaded.module).__name__:
        if (mask := loaded.tokenizer.special_id("mask")) is None:
            raise WrongKind(
                f"{loaded.name} is a masked model, but its tokenizer has no mask token",
                hint=f"use another model, for example `model={instead!r}`",
            )
        return loaded, mask
    try:
        return shared(model, "causal"), None
    except WrongKind as error:
        raise WrongKind(
            f"{loaded.name} is a {type(loaded.module).__name__}, which gives no probabilities of {what}",
            hint=f"use a masked or a causal language model of sequences, for example `model={instead!r}`",
        ) from error


def rows_at_once(model: Model, length: int, most: int = 16) -> int:
    """Return how many rows of `length` ids to run together, at most `most`."""
    vocabulary: int = model.config.get_text_config().vocab_size
    return max(1, min(most, _LOGITS // (length * vocabulary)))


@torch.inference_mode()
def masked_logprobs(
    model: Model, ids_T: torch.Tensor, sites: Sequence[int], mask: int, letters_A: torch.Tensor, room: int
) -> torch.Tensor:
    """Return the letters' logprobs [P, A] at each site when that site alone is masked, nats."""
    found = []
    with step("masking sites", len(sites)) as masking:
        for start in range(0, len(sites), room):
            at_B = torch.tensor(sites[start : start + room], device=model.device)
            rows_B = torch.arange(len(at_B), device=model.device)
            ids_BT = ids_T.repeat(len(at_B), 1)
            ids_BT[rows_B, at_B] = mask
            logits_BV = model.module(input_ids=ids_BT).logits[rows_B, at_B]
            found.append(logits_BV.double().log_softmax(-1)[:, letters_A].cpu())
            masking.advance(len(at_B))
    return torch.cat(found)


@torch.inference_mode()
def causal_logprobs(model: Model, ids_BT: torch.Tensor) -> torch.Tensor:
    """Return the logprob [B, T - 1] of every id but the first, given those before it, nats."""
    logits_BTV = model.module(input_ids=ids_BT, use_cache=False).logits[:, :-1]
    chosen_BT = logits_BTV.gather(2, ids_BT[:, 1:, None])[..., 0].double()
    logprobs_BT: torch.Tensor = chosen_BT - logits_BTV.double().logsumexp(-1)
    return logprobs_BT.cpu()


class Trunk:
    """One sequence of T ids, run once by a causal model, so that rows that begin alike need only their own ends run."""

    @torch.inference_mode()
    def __init__(self, model: Model, ids: Sequence[int]) -> None:
        self.model, self.ids = model, list(ids)
        out = model.module(input_ids=torch.tensor([self.ids], device=model.device), use_cache=True)
        self._cache = getattr(out, "past_key_values", None)
        self.logprobs_TV = out.logits[0].double().log_softmax(-1)
        check_finite(model, self.logprobs_TV)

    @property
    def own(self) -> list[float]:
        """The logprob of each id but the first, which is 0, given those before it, nats."""
        chosen = self.logprobs_TV[:-1].gather(1, torch.tensor(self.ids[1:], device=self.model.device)[:, None])
        return [0.0, *chosen[:, 0].tolist()]

    def branches(self, rows: Sequence[Sequence[int]], at: int) -> list[list[float]]:
        """Return, for rows that begin with the trunk's first `at` ids, the logprob of each further id, nats.

        If `at` is 0, the first id of a row has the logprob 0.
        """
        found: list[list[float]] = [[] for _ in rows]
        order = sorted((row for row in range(len(rows)) if len(rows[row]) > at), key=lambda row: len(rows[row]))
        while order:
            room = rows_at_once(self.model, len(rows[order[-1]]), 64)
            some, order = order[:room], order[room:]
            for row, logprobs in zip(some, self._run([list(rows[row][at:]) for row in some], at), strict=True):
                found[row] = logprobs
        return found

    @torch.inference_mode()
    def next_of(self, rows: Sequence[Sequence[int]], of_A: torch.Tensor) -> torch.Tensor:
        """Return the logprobs [B, A] of these ids after each row, nats; the rows are equally long and begin alike."""
        at = len(self.ids)
        if len(rows[0]) == at:
            here_A: torch.Tensor = self.logprobs_TV[-1][of_A]
            return here_A.expand(len(rows), -1).cpu()
        found, room = [], rows_at_once(self.model, len(rows[0]), 64)
        for start in range(0, len(rows), room):
            some = rows[start : start + room]
            cache = self._cropped(at, len(some))
            ids_BT = torch.tensor([row[at if cache is not None else 0 :] for row in some], device=self.model.device)
            more = {} if cache is None else {"past_key_values": cache}
            logits_BV = self.model.module(input_ids=ids_BT, use_cache=cache is not None, **more).logits[:, -1]
            found.append(logits_BV.double().log_softmax(-1)[:, of_A].cpu())
        return torch.cat(found)

    @torch.inference_mode()
    def _run(self, ends: list[list[int]], at: int) -> list[list[float]]:
        longest = max(map(len, ends))
        # Padded on the right: what stands after an id never changes its logprob.
        padded = [[*end, *[0] * (longest - len(end))] for end in ends]
        cache = self._cropped(at, len(ends)) if at and longest > 1 else None
        if at and longest == 1:
            logits_BTV = None
        elif cache is None:
            ids_BT = torch.tensor([[*self.ids[:at], *end] for end in padded], device=self.model.device)
            logits_BTV = self.model.module(input_ids=ids_BT, use_cache=False).logits[:, at:-1]
        else:
            ids_BT = torch.tensor(padded, device=self.model.device)[:, :-1]
            logits_BTV = self.model.module(input_ids=ids_BT, past_key_values=cache, use_cache=True).logits
        ends_BT = torch.tensor(padded, device=self.model.device)
        first_B1 = self.logprobs_TV[at - 1][ends_BT[:, :1]] if at else torch.zeros(len(ends), 1)
        parts = [first_B1.cpu()]
        if logits_BTV is not None:
            chosen_BT = logits_BTV.gather(2, ends_BT[:, 1:, None])[..., 0].double()
            parts.append((chosen_BT - logits_BTV.double().logsumexp(-1)).cpu())
        logprobs_BT = torch.cat(parts, 1)
        check_finite(self.model, logprobs_BT)
        return [logprobs_T[: len(end)] for logprobs_T, end in zip(logprobs_BT.tolist(), ends, strict=True)]

    def _cropped(self, at: int, rows: int) -> Any:
        """Return the cache of the first `at` ids for so many rows; None if this kind of cache can't be cut."""
        if self._cache is None:
            return None
        cache = copy.deepcopy(self._cache)
        try:
            if at < len(self.ids):
                cache.crop(at - len(self.ids))  # a negative number of tokens: so many are taken away
            cache.batch_repeat_interleave(rows)
        except (AttributeError, NotImplementedError, TypeError, ValueError):  # a sliding window that has moved
            return None
        return cache


def check_finite(model: Model, values: torch.Tensor) -> None:
    """Raise `ModelError` if a value is NaN or infinite."""
    if not values.isfinite().all():
        raise ModelError(
            f"{model.name} computes numbers that are not finite (NaN or infinity)",
            hint="its weights are damaged, or `dtype` is too small for it: try `dtype='float32'`",
        )
