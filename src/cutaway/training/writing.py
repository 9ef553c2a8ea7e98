"""What a model writes while it is trained: a few short samples at each validation."""

from __future__ import annotations

import contextlib
from typing import Any, Final

import torch

from cutaway.models.context_limit import context_of
from cutaway.models.tokenizer_files import quiet_transformers
from cutaway.random_streams import seed32
from cutaway.shards import Row
from cutaway.tokens.codec import Codec

WRITERS: Final = ("causal", "seq2seq")
"""The objectives whose models write."""

_TOKENS: Final = 64


@torch.no_grad()
def samples(module: Any, codec: Codec, objective: str, count: int, seed: int, rows: list[Row]) -> tuple[str, ...]:
    """Return `count` texts that a model writes, at most 64 tokens each, at temperature 1 with the same random numbers.

    A causal model begins with the beginning token. A model of pairs gets the first held-out sources and writes its
    likeliest answer; each text is then "source → answer". Other models write nothing.
    """
    if objective not in WRITERS or not count:
        return ()
    module.eval()
    tokenizer = codec.tokenizer
    start = tokenizer.special_id("bos")
    if start is None:
        start = tokenizer.special_id("eos") or 0
    pad = tokenizer.special_id("pad")
    options: dict[str, Any] = {"max_new_tokens": _TOKENS, "pad_token_id": pad, "use_cache": True}
    if objective == "causal":
        limit = context_of(module.config) or _TOKENS + 1
        options |= {"max_new_tokens": max(1, min(_TOKENS, limit - 1)), "do_sample": True, "top_k": 0}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed32(seed, "samples"))
            begin_N1 = torch.full((count, 1), start, device=module.device)
            ids_NT = _quietly(module, begin_N1, options)
        return tuple(_read(codec, ids[1:].tolist()) for ids in ids_NT)
    texts = []
    for row in rows[:count]:
        ids_1T = torch.from_numpy(row.ids)[None].to(module.device)
        answer = _quietly(module, ids_1T, options | {"do_sample": False})[0].tolist()
        texts.append(f"{_read(codec, row.ids.tolist())} → {_read(codec, answer)}")
    return tuple(texts)


def _quietly(module: Any, ids_NT: torch.Tensor, options: dict[str, Any]) -> torch.Tensor:
    """Generate without transformers' warning about padding: the beginning token is also the padding token here."""
    with quiet_transformers():
        written: torch.Tensor = module.generate(ids_NT, attention_mask=torch.ones_like(ids_NT), **options)
    return written


def _read(codec: Codec, ids: list[int]) -> str:
    """Return the text of some ids up to the first end; words that are not yet a sequence are shown as they are."""
    end = codec.tokenizer.special_id("eos")
    ids = ids[: ids.index(end)] if end in ids else ids
    with contextlib.suppress(Exception):
        read = codec.decode(ids)
        if isinstance(read, str):
            return read
    return codec.tokenizer.decode(ids)
