"""See every attention call of a model while it runs, without changing what it computes.

Models of transformers pass their queries, keys and values to the attention function named in their configuration.
`watch` puts our function there for a while. It shows each call to an observer and computes the output with
scaled-dot-product attention (sdpa), as the model would have done. It never stores n × n numbers: `Call.tiles` computes
the weights some rows at a time.

Axis letters: B batch, H heads, G heads of keys and values (H is a multiple of G), T queries, S keys, K head width,
N rows of a tile.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import torch
import transformers
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from cutaway.errors import AttentionHidden
from cutaway.models.text_model import Model
from cutaway.models.tokenizer_files import quiet_transformers

KINDS = ("self", "encoder", "decoder", "cross")
ROWS = 64  # rows of a tile: at 9 heads of 2,048 keys its weights stay in the processor's cache

_CROSS = re.compile(r"cross|EncDec|encoder_attn", re.IGNORECASE)
_ENCODER = re.compile(r"(^|\.)encoder\.")


@dataclasses.dataclass(frozen=True)
class Tile:
    """Rows `start` to `end` of a call: their logits over the first `seen` keys, and the weights these become."""

    start: int
    end: int
    seen: int
    logits: torch.Tensor  # [B, H, N, seen]; hidden keys hold the lowest finite number
    weights: torch.Tensor  # [B, H, N, seen]


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One attention call: `query` [B, H, T, K], `key` and `value` [B, G, S, K], after rotary, as the model has them.

    weights = softmax(softcap(scale × q·k) + bias) over the visible keys. A `sink` is one more logit for each head,
    whose weight goes to no token. `first_row` and `first_key` are the positions of the first query and key in the text.
    """

    kind: str
    layer: int
    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    scale: float
    softcap: float | None
    sink: torch.Tensor | None
    bias: torch.Tensor | None
    visible: torch.Tensor | None
    causal: bool
    first_row: int
    first_key: int
    sdpa: Callable[[], torch.Tensor]

    @property
    def rows(self) -> int:
        """How many queries T."""
        return self.query.shape[2]

    @property
    def keys(self) -> int:
        """How many keys S."""
        return self.key.shape[2]

    @property
    def heads(self) -> int:
        """How many heads H."""
        return self.query.shape[1]

    @functools.cached_property
    def looks_ahead(self) -> bool:
        """Whether a query may see keys after its own position."""
        ahead = self.first_row - self.first_key + 1
        if self.kind == "cross":
            return self.keys > 1
        if self.causal:
            return False
        if self.visible is not None:
            return bool(self.visible[..., 0, ahead:].any())
        if self.bias is not None:
            return bool((self.bias[..., 0, ahead:] > torch.finfo(self.bias.dtype).min / 2).any())
        return ahead < self.keys

    def tiles(self, rows: range | None = None, size: int = ROWS) -> Iterator[Tile]:
        """Compute logits and weights `size` rows at a time; the next tile overwrites the numbers of the last one."""
        rows = range(self.rows) if rows is None else rows
        batch, heads, _, width = self.query.shape
        size = min(size, max(1, len(rows)))
        # Keys are repeated for every head: nine products of 64 rows keep two cores busier than three of 192. A tile's
        # arrays share one block: at 8,192 tokens it is so large that the allocator returns it to the system.
        lengths = [batch * heads * size * self.keys] * 2 + [batch * heads * self.keys * width]
        *room, key = torch.split(self.query.new_empty(sum(lengths)), lengths)
        key_NSK = key.view(batch * heads, self.keys, width)
        groups = self.key.shape[1]
        key.view(batch, groups, heads // groups, self.keys, width).copy_(self.key[:, :, None])
        for start in range(rows.start, rows.stop, size):
            end = min(rows.stop, start + size)
            count, seen = end - start, min(self.keys, end) if self.causal else self.keys
            logits, weights = (part[: batch * heads * count * seen].view(batch, heads, count, seen) for part in room)
            query_NRK = (self.query[:, :, start:end] * self.scale).reshape(batch * heads, count, width)
            torch.bmm(query_NRK, key_NSK[:, :seen].transpose(1, 2), out=logits.view(batch * heads, count, seen))
            self._hide(logits, start, end)
            self._softmax(logits, weights)
            yield Tile(start, end, seen, logits, weights)

    def row(self, position: int) -> torch.Tensor:
        """Return the weights [B, H, S] of one row."""
        tile = next(self.tiles(range(position, position + 1)))
        return torch.nn.functional.pad(tile.weights[:, :, 0], (0, self.keys - tile.seen))

    def times_value(self, tile: Tile) -> torch.Tensor:
        """Return weights × values of a tile, [B, H, N, K]."""
        batch, heads, count, seen = tile.weights.shape
        value_NSK = self._values.reshape(batch * heads, self.keys, -1)[:, :seen]
        return torch.bmm(tile.weights.view(batch * heads, count, seen), value_NSK).view(batch, heads, count, -1)

    @functools.cached_property
    def _values(self) -> torch.Tensor:
        return self._for_heads(self.value).contiguous()

    def _for_heads(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.repeat_interleave(self.heads // tensor.shape[1], dim=1)

    def _hide(self, logits_BHNS: torch.Tensor, start: int, end: int) -> None:
        seen, lowest = logits_BHNS.shape[-1], torch.finfo(logits_BHNS.dtype).min
        if self.softcap is not None:
            logits_BHNS.div_(self.softcap).tanh_().mul_(self.softcap)
        if self.bias is not None:
            logits_BHNS += _part(self.bias, start, end, seen)
            logits_BHNS.clamp_(min=lowest)  # -inf would turn weight × logit into NaN
        if self.visible is not None:
            logits_BHNS.masked_fill_(~_part(self.visible, start, end, seen), lowest)
        elif self.causal and end - start > 1:
            corner = torch.ones(end - start, seen - start, dtype=torch.bool, device=logits_BHNS.device).triu_(1)
            logits_BHNS[..., start:].masked_fill_(corner, lowest)

    def _softmax(self, logits_BHNS: torch.Tensor, out: torch.Tensor) -> None:
        if self.sink is None:
            torch.softmax(logits_BHNS, -1, out=out)
            return
        most = torch.maximum(logits_BHNS.amax(-1, keepdim=True), self.sink)
        torch.sub(logits_BHNS, most, out=out).exp_()
        out /= out.sum(-1, keepdim=True) + (self.sink - most).exp_()

    def output(self) -> torch.Tensor:
        """Return the call's output [B, T, H, K]: by sdpa, or in tiles if there is a soft cap or a sink."""
        if self.softcap is None and self.sink is None:
            return self.sdpa()
        return torch.cat([self.times_value(tile) for tile in self.tiles()], 2).transpose(1, 2).contiguous()


Observer = Callable[[Call], torch.Tensor | None]


def _part(tensor: torch.Tensor, start: int, end: int, seen: int) -> torch.Tensor:
    return tensor[:, :, start if tensor.shape[2] > 1 else 0 : end, :seen]


class Watch:
    """A model's attention while it is watched; after a run `shape` has the layers and heads of each kind."""

    def __init__(self, model: Model, observer: Observer) -> None:
        self.model = model
        self.observer = observer
        self.shape: dict[str, tuple[int, int]] = {}
        self._paths = _attention_modules(model)
        self._called: set[int] = set()
        self._layers: dict[str, set[int]] = {}
        self._lengths: dict[tuple[str, int], int] = {}

    def begin(self, *_: Any) -> None:
        """Start a forward pass: layers are counted from 0 again."""
        self._layers = {}

    def see(self, module: torch.nn.Module, make: Callable[..., Call], rows: int, keys: int) -> Call | None:
        """Return the call with its place in the model, or None if the module is not part of the watched model."""
        path = self._paths.get(id(module))
        if path is None:
            return None
        self._called.add(id(module))
        kind = self._kind(path)
        taken = self._layers.setdefault(kind, set())
        number = next((int(part) for part in path.split(".") if part.isdecimal()), 0)
        layer = number if number not in taken else max(taken) + 1  # ALBERT runs one module many times
        taken.add(layer)
        before = 0 if keys == rows or kind == "cross" else self._lengths.get((kind, layer), 0)
        self._lengths[kind, layer] = before + rows
        first_key = 0 if kind == "cross" else max(0, before + rows - keys)  # a sliding cache drops old keys
        return make(kind=kind, layer=layer, first_row=before, first_key=first_key)

    def check(self) -> None:
        """Raise `AttentionHidden` if a layer did not pass its attention through the interface."""
        crossed = any(self._kind(self._paths[i]) == "cross" for i in self._called)
        for key, path in self._paths.items():
            if key not in self._called and (crossed or self._kind(path) != "cross"):
                seen = f"{len(self._called)} of {len(self._paths)} attention modules were seen, {path} was not"
                raise _hidden(self.model, seen)

    def _kind(self, path: str) -> str:
        if _CROSS.search(path):
            return "cross"
        if not getattr(self.model.config, "is_encoder_decoder", False):
            return "self"
        return "encoder" if _ENCODER.search(path) else "decoder"


@contextlib.contextmanager
def watch(model: Model, observer: Observer) -> Iterator[Watch]:
    """Show every attention call of a model to `observer` until the block ends; the model is then as it was.

    An observer that returns a tensor [B, T, H, K] replaces the call's output; None leaves it to sdpa. Raises
    `AttentionHidden` at the start if the model does not use the attention interface, and at the end if a layer did not.

    >>> import torch, cutaway
    >>> model, shapes = cutaway.load("smollm2-135m"), []
    >>> with watch(model, lambda call: shapes.append((call.layer, tuple(call.query.shape)))), torch.no_grad():
    ...     _ = model.module(torch.tensor([[504, 3575, 282]]))
    >>> len(shapes), shapes[-1]
    (30, (29, (1, 9, 3, 64)))
    """
    active = Watch(model, observer)
    before = model.config._attn_implementation
    with quiet_transformers():
        model.module.set_attn_implementation(_NAME)
    hooks = [m.register_forward_pre_hook(active.begin) for m in {model.module, model.module.base_model}]
    token = _ACTIVE.set(active)
    try:
        yield active
        active.check()
    finally:
        _ACTIVE.reset(token)
        for hook in hooks:
            hook.remove()
        with quiet_transformers():
            model.module.set_attn_implementation(before)


def _attention_modules(model: Model) -> dict[int, str]:
    """Return the paths of the innermost modules called attention, by id."""

    named = [(path, module) for path, module in model.module.named_modules() if "Attention" in type(module).__name__]
    inner = {id(m): p for p, m in named if not any(other.startswith(f"{p}.") for other, _ in named)}
    if not inner:
        raise AttentionHidden(
            f"{model.name} is a {type(model.module).__name__}: it has no attention",
            hint="use a transformer, for example `model='smollm2-135m'`",
        )
    if not model.module._can_set_attn_implementation():
        raise _hidden(model, "it does not use transformers' attention interface")
    return inner


def _hidden(model: Model, why: str) -> AttentionHidden:
    return AttentionHidden(
        f"the attention of {model.name} ({model.config.model_type}) cannot be recorded: {why}",
        hint="use a model of another architecture, for example gpt2, llama, bert or t5",
    )


_NAME = "cutaway"
_ACTIVE: contextvars.ContextVar[Watch | None] = contextvars.ContextVar("cutaway_watch", default=None)


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    position_bias: torch.Tensor | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    softcap, sink = kwargs.pop("softcap", None), kwargs.get("s_aux")
    causal = is_causal if is_causal is not None else getattr(module, "is_causal", True)
    causal = bool(causal) and attention_mask is None and query.shape[2] > 1
    if causal:
        key, value = (
            key[:, :, : query.shape[2]],
            value[:, :, : query.shape[2]],
        )  # as sdpa does with an empty static cache
    rows, keys = query.shape[2], key.shape[2]
    masked_by_bool = attention_mask is not None and attention_mask.dtype == torch.bool
    bias = None if masked_by_bool else attention_mask
    if position_bias is not None:
        bias = position_bias if bias is None else bias + position_bias

    def sdpa() -> torch.Tensor:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, is_causal=is_causal,
            position_bias=position_bias, **kwargs,
        )[0]  # fmt: skip

    make = functools.partial(
        Call,
        query=query.detach(),
        key=key.detach(),
        value=value.detach(),
        scale=float(scaling) if scaling is not None else query.shape[-1] ** -0.5,
        softcap=softcap,
        sink=None if sink is None else sink.detach().view(1, -1, 1, 1),
        bias=None if bias is None else bias.detach(),
        visible=attention_mask if masked_by_bool else None,
        causal=causal,
        sdpa=sdpa,
    )
    active = _ACTIVE.get()
    call = active.see(module, make, rows, keys) if active is not None else None
    if call is None or active is None:  # another model that shares a configuration with the one we watch
        return make(kind="self", layer=0, first_row=0, first_key=0).output(), None
    result = active.observer(call)
    known = active.shape.get(call.kind, (0, 0))
    active.shape[call.kind] = (max(known[0], call.layer + 1), call.heads)
    return (call.output() if result is None else result), None


transformers.AttentionInterface.register(_NAME, _attend)
transformers.AttentionMaskInterface.register(_NAME, sdpa_mask)  # without it padding is attended to, silently
