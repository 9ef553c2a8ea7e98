"""An encoder-decoder of transformers as a `Decoder`: T5, BART, Marian and their like.

Axis letters: B rows, T positions, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers.modeling_outputs import BaseModelOutput

from cutaway.errors import ModelError
from cutaway.generation.inputs import PROBE, agree, last_logits, own_rules, padded
from cutaway.generation.rows import Row
from cutaway.models.text_model import Model


class PairDecoder:
    """An encoder-decoder of transformers: each prompt is encoded once, the decoder starts from the model's own id."""

    joins = False  # decoders with learned positions count columns: all rows have to be of one length

    tier = divergence = None

    def __init__(self, model: Model) -> None:
        self.model = model
        settings = model.module.generation_config
        named = (settings.decoder_start_token_id, getattr(model.config, "decoder_start_token_id", None))
        start = next((i for i in (*named, settings.bos_token_id) if i is not None), None)
        if start is None:
            raise ModelError(
                f"{model.name} does not say which token its decoder starts from",
                hint="write decoder_start_token_id into its config.json or generation_config.json",
            )
        self._start = int(start)
        self._cached = True
        with torch.inference_mode():
            steps = [self.add([PROBE[:3]], [1]), self.step([4]), self.step([5])]
            self._cached = False
            plain = [self.add([PROBE[:3]], [1]), self.step([4]), self.step([5])]
        self._cached = all(agree(model, a, b) for a, b in zip(steps, plain, strict=True))
        self.keep([])

    def begin(self, row: Row) -> None:
        """Let a row start from the decoder's own first id, with what the model's settings force or forbid."""
        row.start_from([self._start])
        row.processors = [*own_rules(self.model, row), *row.processors]

    @torch.inference_mode()
    def add(self, prompts: Sequence[Sequence[int]], copies: Sequence[int]) -> npt.NDArray[np.float32]:
        """Encode each prompt, run the decoder's first step, and repeat both."""
        ids_BT, self._mask_BT = padded(prompts, self.model, left=False)
        encoder = self.model.module.get_encoder()
        self._hidden_BTD = encoder(input_ids=ids_BT, attention_mask=self._mask_BT).last_hidden_state
        self._cache: Any = None
        self._ids_BT = torch.empty(len(prompts), 0, dtype=torch.long, device=self.model.device)
        logits_BV = self.step([self._start] * len(prompts))
        slots = [p for p, n in enumerate(copies) for _ in range(n)]
        if slots != list(range(len(prompts))):
            self.keep(slots)
        return logits_BV[slots]

    @torch.inference_mode()
    def keep(self, slots: Sequence[int]) -> None:
        """Select rows of both caches and of what the encoder said."""
        if not slots:
            self._cache = self._hidden_BTD = None
            return
        index_B = torch.tensor(slots, device=self.model.device)
        if self._cached:
            self._cache.reorder_cache(index_B)
        self._hidden_BTD, self._mask_BT = self._hidden_BTD[index_B], self._mask_BT[index_B]
        self._ids_BT = self._ids_BT[index_B]

    @torch.inference_mode()
    def step(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Run one token a row through the decoder, or all of the row if its cache can't be used."""
        ids_B1 = torch.tensor(ids, device=self.model.device)[:, None]
        self._ids_BT = torch.cat([self._ids_BT, ids_B1], dim=1)
        output = self.model.module(
            encoder_outputs=BaseModelOutput(last_hidden_state=self._hidden_BTD),
            attention_mask=self._mask_BT,
            decoder_input_ids=ids_B1 if self._cached else self._ids_BT,
            past_key_values=self._cache,
            use_cache=self._cached,
        )
        self._cache = output.past_key_values if self._cached else None
        return last_logits(output)
