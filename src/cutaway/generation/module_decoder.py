"""Any transformers model as a `Decoder`, unmodified: its own forward, its own cache.

Causal models read prompts padded on the left and take new rows in while others run. What keeps no cache that rows can
share is run over whole rows again at each step. Encoder-decoders are in `encoder_decoder`. Axis letters: B rows,
T positions, V vocabulary.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import cache_utils

from cutaway.errors import UnsupportedArchitecture
from cutaway.generation.encoder_decoder import PairDecoder
from cutaway.generation.engine import Decoder
from cutaway.generation.inputs import PROBE, agree, last_logits, own_rules, padded
from cutaway.generation.rows import Row
from cutaway.models.shelf import DEFAULT
from cutaway.models.text_model import Model


def open_module(model: Model) -> Decoder:
    """Return a decoder for a model of any build.

    A causal model whose padding or cache is of a rare kind is tried on a few tokens first, against its plain forward.
    Raises `UnsupportedArchitecture` if its predictions depend on later tokens.
    """
    if model.config.is_encoder_decoder:
        return PairDecoder(model)
    decoder = ModuleDecoder(model)
    layers = [type(layer) for layer in cache_utils.DynamicCache(config=model.config).layers]
    plain = set(layers) <= {cache_utils.DynamicLayer, cache_utils.DynamicSlidingWindowLayer}
    if plain and {"position_ids", "past_key_values", "attention_mask"} <= decoder.accepted.keys():
        return decoder
    for shifts in (decoder.shifts, False):
        decoder.shifts = shifts
        if _agrees(decoder):
            return decoder
    return RecomputingDecoder(model)


class ModuleDecoder:
    """A causal transformers model with a cache; rows come and go one by one."""

    tier = divergence = None

    def __init__(self, model: Model) -> None:
        self.model = model
        self.accepted = inspect.signature(model.module.forward).parameters
        self._cache_name = "cache_params" if "cache_params" in self.accepted else "past_key_values"
        # Whether a row may move to other columns of the cache: not where chunks or positions are counted in columns.
        self.shifts = getattr(model.config, "attention_chunk_size", None) is None
        self._cache: Any = None
        self._mask_BT = torch.empty(0, 0)

    @property
    def joins(self) -> bool:
        """Whether rows may be added while others run: where every layer's cache can be padded."""
        return self.shifts and self._cache is not None and {type(layer) for layer in self._cache.layers} <= _PADDABLE

    def begin(self, row: Row) -> None:
        """Hand a row the tokens that the model's own generation settings force or forbid."""
        row.processors = [*own_rules(self.model, row), *row.processors]

    @torch.inference_mode()
    def add(self, prompts: Sequence[Sequence[int]], copies: Sequence[int]) -> npt.NDArray[np.float32]:
        """Read each prompt once, repeat its cache, and put it behind the rows that run."""
        running = None if self._cache is None else (self._cache, self._mask_BT)
        ids_BT, self._mask_BT = padded(prompts, self.model, left=True)
        self._cache = None
        logits_BV = self._forward(ids_BT, (self._mask_BT.cumsum(-1) - 1).clamp_min(0))
        slots = [p for p, n in enumerate(copies) for _ in range(n)]
        if slots != list(range(len(prompts))):
            self._select(slots)
        if running is not None:
            cache, mask_BT = running
            for layer, added in zip(cache.layers, self._cache.layers, strict=True):
                _join(layer, added)
            self._cache, longest = cache, max(mask_BT.shape[1], self._mask_BT.shape[1])
            self._mask_BT = torch.cat([_fill_left(m, longest, 1) for m in (mask_BT, self._mask_BT)])
        return logits_BV[slots]

    @torch.inference_mode()
    def keep(self, slots: Sequence[int]) -> None:
        """Select rows of the cache, and cut off the columns that held longer rows' beginnings."""
        if not slots:
            self._cache = None
            return
        self._select(slots)
        unused = int(self._mask_BT.argmax(-1).min())  # the column where the longest row begins
        if unused and self.joins:
            self._mask_BT = self._mask_BT[:, unused:]
            for layer in self._cache.layers:
                _cut_left(layer, unused)

    @torch.inference_mode()
    def step(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Run one token a row."""
        ids_BT = torch.tensor(ids, device=self.model.device)[:, None]
        positions_BT = self._mask_BT.sum(-1, keepdim=True)
        self._mask_BT = torch.cat([self._mask_BT, torch.ones_like(ids_BT)], dim=1)
        return self._forward(ids_BT, positions_BT)

    def _select(self, slots: Sequence[int]) -> None:
        index_B = torch.tensor(slots, device=self.model.device)
        self._cache.reorder_cache(index_B)
        self._mask_BT = self._mask_BT[index_B]

    def _forward(self, ids_BT: torch.Tensor, positions_BT: torch.Tensor) -> npt.NDArray[np.float32]:
        inputs: dict[str, Any] = {"input_ids": ids_BT, "use_cache": True, self._cache_name: self._cache}
        # A state-space model keeps no columns: a mask is for what it reads now.
        reads_mask = self._cache is None or self._cache_name == "past_key_values"
        inputs |= {"attention_mask": self._mask_BT} if reads_mask else {}
        # Models with relative positions (ALiBi) take none; all others must not count the padding.
        inputs |= {"position_ids": positions_BT} if "position_ids" in self.accepted else {}
        inputs |= {"logits_to_keep": 1} if "logits_to_keep" in self.accepted else {}
        output = self.model.module(**inputs)
        self._cache = output[self._cache_name]
        return last_logits(output)


class RecomputingDecoder:
    """A causal model without a cache that rows can share: at each step whole rows are read, one length after another.

    Slow (the work grows with the square of the length) and right for every model that looks only back.
    """

    joins = True

    tier = divergence = None

    def __init__(self, model: Model) -> None:
        self.model = model
        self._rows: list[list[int]] = []
        # What comes after may not change what is said of a beginning, nor what was read before it.
        parts = [(self._run([PROBE[:length]]), self._run([PROBE], at=length - 1)) for length in (3, 1)]
        if not all(np.isnan(short).any() or agree(model, short, long) for short, long in parts):
            raise UnsupportedArchitecture(
                f"the predictions of {model.name} ({model.config.model_type}) depend on later tokens or on an earlier "
                "text, so it can't generate token by token",
                hint=f"take another decoder, for example `model={DEFAULT!r}`",
            )

    def begin(self, row: Row) -> None:
        """Hand a row the tokens that the model's own generation settings force or forbid."""
        row.processors = [*own_rules(self.model, row), *row.processors]

    @torch.inference_mode()
    def add(self, prompts: Sequence[Sequence[int]], copies: Sequence[int]) -> npt.NDArray[np.float32]:
        """Read each prompt once."""
        self._rows += [list(ids) for ids, n in zip(prompts, copies, strict=True) for _ in range(n)]
        logits_BV = self._run(prompts)
        return logits_BV[[p for p, n in enumerate(copies) for _ in range(n)]]

    def keep(self, slots: Sequence[int]) -> None:
        """Select rows."""
        self._rows = [list(self._rows[slot]) for slot in slots]

    @torch.inference_mode()
    def step(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Put a token behind each row, and read all of it again."""
        for row, token_id in zip(self._rows, ids, strict=True):
            row.append(token_id)
        return self._run(self._rows)

    def _run(self, rows: Sequence[Sequence[int]], at: int = -1) -> npt.NDArray[np.float32]:
        found: dict[int, npt.NDArray[np.float32]] = {}
        for length in {len(row) for row in rows}:
            slots = [slot for slot, row in enumerate(rows) if len(row) == length]
            ids_BT = torch.tensor([list(rows[slot]) for slot in slots], device=self.model.device)
            with torch.inference_mode():
                found |= dict(
                    zip(slots, last_logits(self.model.module(input_ids=ids_BT, use_cache=False), at), strict=True)
                )
        return np.stack([found[slot] for slot in range(len(rows))])


_KEYS = {cache_utils.DynamicLayer, cache_utils.DynamicSlidingWindowLayer}
_STATES = {cache_utils.LinearAttentionLayer}
_BOTH = {
    cache_utils.LinearAttentionAndFullAttentionLayer,
    cache_utils.LinearAttentionAndSlidingWindowAttentionLayer,
}
_PADDABLE = _KEYS | _STATES | _BOTH | {cache_utils.DummyLayer}


def _agrees(decoder: ModuleDecoder) -> bool:
    # Ragged prompts, a step, a new order with a repeat, one more row, another step: as the plain forward says it?
    rows = [PROBE[:2], PROBE]
    try:
        found = [decoder.add(rows, [1, 1])]
        decoder.keep([1, 0, 0])
        rows = [[*rows[i], token] for i, token in ((1, 4), (0, 5), (0, 6))]
        found.append(decoder.step([row[-1] for row in rows]))
        if decoder.joins:
            found.append(decoder.add([PROBE[:3]], [1]))
            rows = [[*row, 3] for row in [*rows, PROBE[:3]]]
            found.append(decoder.step([3, 3, 3, 3]))
        decoder.keep([])
    except Exception:  # whatever a rare model raises on inputs that it does not know
        return False
    plain = RecomputingDecoder(decoder.model)
    wanted = [plain.add([PROBE[:2], PROBE], [1, 1])]
    plain.keep([1, 0, 0])
    wanted.append(plain.step([4, 5, 6]))
    if len(found) > 2:
        wanted += [plain.add([PROBE[:3]], [1]), plain.step([3, 3, 3, 3])]
    return all(agree(decoder.model, a, b) for a, b in zip(found, wanted, strict=True))


def _fill_left(tensor: torch.Tensor, length: int, dim: int) -> torch.Tensor:
    shape = list(tensor.shape)
    shape[dim] = length - shape[dim]
    return torch.cat([tensor.new_zeros(shape), tensor], dim=dim) if shape[dim] else tensor


def _join(layer: Any, added: Any) -> None:
    if type(layer) in _KEYS | _BOTH and added.keys is not None:
        longest = max(layer.keys.shape[-2], added.keys.shape[-2])
        layer.keys = torch.cat([_fill_left(x, longest, -2) for x in (layer.keys, added.keys)])
        layer.values = torch.cat([_fill_left(x, longest, -2) for x in (layer.values, added.values)])
        if layer.is_sliding:
            layer.cumulative_length = max(layer.cumulative_length, added.cumulative_length)
    if type(layer) in _STATES | _BOTH:
        for ours, theirs in ((layer.conv_states, added.conv_states), (layer.recurrent_states, added.recurrent_states)):
            ours |= {i: torch.cat([ours[i], theirs[i]]) for i in ours if ours[i] is not None}


def _cut_left(layer: Any, columns: int) -> None:
    if type(layer) in _KEYS | _BOTH and layer.keys is not None:
        left = layer.get_seq_length() - columns
        if layer.is_sliding:
            layer.cumulative_length, left = left, min(left, layer.sliding_window - 1)
        layer.keys = layer.keys[..., layer.keys.shape[-2] - left :, :]
        layer.values = layer.values[..., layer.values.shape[-2] - left :, :]
