"""`embed`: a vector for each sequence, or for each of its tokens, from any layer of a model.

Layers are counted as in transformers' `output_hidden_states`: layer 0 is what enters the first block (the token
embeddings, with positions and a norm if the model has them there), layer l is the output of block l, and the last layer
is taken after the final norm, if there is one. In an encoder–decoder the encoder is read.

If a model's folder holds a recipe of sentence-transformers (Reimers & Gurevych 2019), it is the default.

Axis letters: N sequences, B of them in a batch, T positions, D width, L layers.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from cutaway.errors import InputError, MissingText, ModelError, WrongKind, counted
from cutaway.inside.pooling_recipe import apply_recipe, recipe_of
from cutaway.models.loading import shared
from cutaway.models.shelf import DEFAULT_ENCODER
from cutaway.models.text_model import Model, ModelLike
from cutaway.progress import step
from cutaway.result import Result

POOLINGS = ("mean", "cls", "last", "max")
RECIPE = "recipe"  # pool as the model's makers do, or take the mean if they do not say
TOKENS_A_BATCH = 4096  # all L + 1 layers of a batch are held at once: 31 × 4,096 × 576 numbers are 0.3 GB

Vectors = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Embeddings(Result):
    """Vectors and their texts: `vectors` is [N, D]; row n belongs to `texts[n]` and comes from `counts[n]` tokens.

    Without pooling, `vectors` is a list of N arrays [T, D] and `tokens` has their pieces. `space` says in words what
    the vectors are; `layer` and `layers` are None if no model made them. `cut[n]` counts the tokens of `texts[n]` that
    were not read, because a text is read up to `max_tokens` (None: the whole context). Numbers are float32; JSON has
    the shortest decimals that read back as the same float32.
    """

    schema: ClassVar[str] = "embeddings"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv", ".npz")

    model: str
    space: str
    layer: int | None
    layers: int | None
    pooling: str | None
    normalized: bool
    width: int
    texts: list[str]
    counts: list[int]
    tokens: list[list[str]] | None
    vectors: Vectors | list[Vectors]
    max_tokens: int | None = None
    cut: list[int] = dataclasses.field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values, the vectors as lists."""
        listed = [_lists(rows) for rows in self.vectors] if self.tokens is not None else _lists(self.matrix())
        return super().to_dict() | {"vectors": listed}

    def matrix(self) -> Vectors:
        """Return all vectors as one array: [N, D], or without pooling one row for each token of all texts."""
        return self.vectors if isinstance(self.vectors, np.ndarray) else np.concatenate(self.vectors)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the vectors, their texts and, without pooling, the tokens and the number of each token's text."""
        found: dict[str, npt.NDArray[Any]] = {"vectors": self.matrix(), "texts": np.array(self.texts)}
        if self.tokens is not None:
            found["tokens"] = np.array([piece for pieces in self.tokens for piece in pieces])
            found["text_of_token"] = np.repeat(np.arange(len(self.texts)), self.counts)
        return found

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each vector: its text (and token), then its D numbers as d0, d1, …"""
        if self.tokens is None:
            names: list[dict[str, Any]] = [{"text": text} for text in self.texts]
        else:
            named = zip(self.texts, self.tokens, strict=True)
            names = [{"text": text, "position": t, "token": p} for text, pieces in named for t, p in enumerate(pieces)]
        numbers = _lists(self.matrix())
        return [name | {f"d{i}": x for i, x in enumerate(row)} for name, row in zip(names, numbers, strict=True)]


@dataclasses.dataclass(frozen=True, eq=False)
class TextVectors:
    """One text's ids, their offsets in it and, at `layer` of `layers`, their `vectors` [T, D].

    `cut` tokens of the text were not read. The first `unpooled` belong to a prompt of the recipe, not to the text.
    """

    index: int
    ids: list[int]
    offsets: list[tuple[int, int]]
    vectors: torch.Tensor
    layer: int
    layers: int
    cut: int = 0
    unpooled: int = 0


def embed(
    texts: str | Sequence[str],
    model: ModelLike = DEFAULT_ENCODER,
    *,
    layer: int = -1,
    pooling: str | None = RECIPE,
    normalize: bool | None = None,
    max_tokens: int | None = None,
    batch_size: int = 32,
    truncate: str | None = None,
) -> Embeddings:
    """Turn texts into vectors [N, D]: the hidden states of one layer, pooled over each text's tokens.

    `pooling` is "recipe" (as the model's makers do, or the mean if its folder does not say), "mean" or "max" over all
    tokens (with special tokens, without padding), "cls" (the classification token in front), "last" (the last token) or
    None (a vector for each token). `normalize` scales each vector to length 1; by default the recipe decides. A text is
    read up to `max_tokens`, by default the recipe's limit; the result counts what was cut. If there is no limit, a text
    longer than the context is refused, unless `truncate` ("left" or "right") says which side to cut. minilm-l6's recipe
    is the mean over up to 256 tokens, scaled to length 1. Raises `InputError`, `MissingText` for a text without tokens,
    `PromptTooLong` or a `ModelError`.

    >>> found = embed(["A dog barks.", "A puppy yaps.", "Stocks fell."])
    >>> found.vectors.shape, [round(float(found.vectors[0] @ other), 2) for other in found.vectors[1:]]
    ((3, 384), [0.34, 0.04])
    >>> embed("word " * 300).cut, embed("word " * 300, max_tokens=512).cut
    ([46], [0])
    """
    texts = [texts] if isinstance(texts, str) else list(texts)
    if not texts:
        raise MissingText("there is no text to embed", hint='give some: cutaway embed "A dog barks." "A puppy yaps."')
    if pooling is not None and pooling not in {*POOLINGS, RECIPE}:
        raise InputError(f"there is no pooling {pooling!r}", hint=f"choose {RECIPE}, {', '.join(POOLINGS)} or none")
    loaded = shared(model, "any")
    recipe = recipe_of(loaded)
    if pooling == RECIPE and recipe.missing is not None:
        raise InputError(
            f"the pooling recipe of {loaded.name} has a step that embed does not support: {recipe.missing}",
            hint="choose a pooling yourself, for example `pooling='mean'`",
        )
    by_recipe = pooling == RECIPE and recipe.own
    chosen = recipe.pooling if pooling == RECIPE else pooling
    scaled = normalize if normalize is not None else by_recipe and recipe.normalize
    ids: list[list[int]] = [[] for _ in texts]
    found: list[Vectors] = [np.empty(0, np.float32) for _ in texts]
    cut = [0] * len(texts)
    at = layers = 0
    for text in hidden_vectors(
        loaded, texts, layer=layer, batch_size=batch_size, truncate=truncate, max_tokens=max_tokens
    ):
        vectors_TD = text.vectors if chosen is None else pooled(loaded, text, chosen, checked=not by_recipe)[None]
        if scaled:
            vectors_TD = torch.nn.functional.normalize(vectors_TD, dim=-1)
        found[text.index] = vectors_TD.numpy()
        ids[text.index], at, layers, cut[text.index] = text.ids, text.layer, text.layers, text.cut
    limit = max_tokens or recipe.max_tokens
    return Embeddings(
        model=loaded.name,
        space=_space(at, layers, chosen, scaled) + said_cut(cut, limit),
        layer=at,
        layers=layers,
        pooling=chosen,
        normalized=scaled,
        width=found[0].shape[-1],
        texts=texts,
        counts=[len(row) for row in ids],
        tokens=[[loaded.tokenizer.piece(i) for i in row] for row in ids] if chosen is None else None,
        vectors=found if chosen is None else np.concatenate(found),
        max_tokens=limit,
        cut=cut,
    )


def said_cut(cut: Sequence[int], limit: int | None) -> str:
    """Return the end of a sentence that says how many texts were cut, or "" if none was.

    >>> said_cut([0, 46, 3], 256)
    '; 2 of 3 texts cut to 256 tokens, 49 tokens not read'
    """
    count, tokens = sum(n > 0 for n in cut), sum(cut)
    if not count:
        return ""
    which = f"{count:,} of {len(cut):,} texts" if len(cut) > 1 else "the text"
    to = f" to {counted(limit, 'token')}" if limit else ""
    return f"; {which} cut{to}, {counted(tokens, 'token')} not read"


def pooled(model: Model, text: TextVectors, pooling: str, *, checked: bool = True) -> torch.Tensor:
    """Return one vector [D] for a text's T vectors [T, D].

    "cls" takes the first token. If `checked`, it raises `InputError` unless that is a classification token.
    """
    vectors_TD = text.vectors[text.unpooled :]
    if pooling == "mean":
        return vectors_TD.mean(0)
    if pooling == "max":
        return vectors_TD.amax(0)
    # In a decoder the first token sees only itself, so it can't stand for the text.
    if pooling == "cls" and checked and model.tokenizer.special_id("cls") != text.ids[0]:
        raise InputError(
            f"`pooling='cls'` needs a classification token, but {model.name} puts none in front of a text",
            hint="use mean, last or max instead",
        )
    return vectors_TD[0 if pooling == "cls" else -1]


def hidden_vectors(
    model: Model,
    texts: Sequence[str],
    *,
    layer: int = -1,
    batch_size: int = 32,
    truncate: str | None = None,
    max_tokens: int | None = None,
) -> Iterator[TextVectors]:
    """Run texts through a model in batches of similar length and yield the vectors of each at a layer, shortest first.

    Every text is checked before the first one runs. Each is read up to `max_tokens`, by default the limit of the
    model's recipe. The vectors are float32 on the CPU, without padding.
    """
    if batch_size < 1:
        raise InputError(f"`batch_size` is {batch_size}", hint="it must be 1 or above")
    recipe = recipe_of(model)
    if max_tokens is not None:
        if max_tokens < 1 or (model.context is not None and max_tokens > model.context):
            most = "it must be 1 or above" if model.context is None else f"it must be from 1 to {model.context:,}"
            raise InputError(f"`max_tokens` is {max_tokens:,}", hint=most)
        recipe = dataclasses.replace(recipe, max_tokens=max_tokens)
    encoded = [apply_recipe(model, recipe, text, number, truncate) for number, text in enumerate(texts, 1)]
    body = _body(model)
    pad = model.tokenizer.special_id("pad") or 0
    lengths = [len(one.ids) for one in encoded]
    with step(f"reading {len(texts):,} text{'' if len(texts) == 1 else 's'}", sum(lengths)) as reading:
        for batch in _batches(lengths, batch_size):
            longest = max(lengths[i] for i in batch)
            ids_BT = torch.full((len(batch), longest), pad)
            mask_BT = torch.zeros_like(ids_BT)
            for row, i in enumerate(batch):  # padded on the right, so that no token's position changes
                ids_BT[row, : lengths[i]] = torch.tensor(encoded[i].ids)
                mask_BT[row, : lengths[i]] = 1
            states_BTD, at, layers = _states(model, body, ids_BT, mask_BT, layer)
            for row, i in enumerate(batch):
                one = encoded[i]
                vectors_TD = states_BTD[row, : len(one.ids)].clone()
                yield TextVectors(i, one.ids, one.offsets, vectors_TD, at, layers, one.cut, one.unpooled)
            reading.advance(sum(lengths[i] for i in batch))


def _batches(lengths: list[int], batch_size: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) == batch_size or lengths[i] * (len(batch) + 1) > TOKENS_A_BATCH):
            yield batch
            batch = []
        batch.append(i)
    yield batch


def _body(model: Model) -> Any:
    # Without the head: logits over the vocabulary would take more memory than all the layers.
    return model.module.get_encoder() if model.config.is_encoder_decoder else model.module.base_model


def _states(
    model: Model, body: Any, ids_BT: torch.Tensor, mask_BT: torch.Tensor, layer: int
) -> tuple[torch.Tensor, int, int]:
    extra = {"use_cache": False} if "use_cache" in inspect.signature(body.forward).parameters else {}
    try:
        with torch.inference_mode():
            output = body(
                input_ids=ids_BT.to(model.device),
                attention_mask=mask_BT.to(model.device),
                output_hidden_states=True,
                **extra,
            )
    except (TypeError, ValueError) as error:  # it needs an image or a sound, or takes no such mask
        said = str(error).splitlines()[0]
        raise WrongKind(
            f"{model.name} does not run on text alone: {said}", hint="use a model that reads text"
        ) from error
    states = getattr(output, "hidden_states", None)
    if not states:
        raise ModelError(f"{model.name} ({model.config.model_type}) returns no hidden states", hint="use another model")
    layers = len(states) - 1
    if not -layers - 1 <= layer <= layers:
        raise InputError(
            f"{model.name} has no layer {layer}",
            hint=f"its layers are 0 (what enters the first block) to {layers}; -1 is the last",
        )
    states_BTD = states[layer].float().cpu()
    if not states_BTD[mask_BT.bool()].isfinite().all():
        raise ModelError(
            f"layer {layer} of {model.name} gives NaN or infinity",
            hint="its weights may be damaged, or float16 overflows: try `dtype='float32'`",
        )
    return states_BTD, layer % (layers + 1), layers


def _space(layer: int, layers: int, pooling: str | None, normalize: bool) -> str:
    of = {
        "mean": "mean of the tokens",
        "max": "maximum over the tokens in each dimension",
        "cls": "classification token",
        "last": "last token",
        None: "each token",
    }[pooling]
    return f"layer {layer} of {layers}, {of}" + (", length 1" if normalize else "")


def _lists(rows: Vectors) -> list[list[float]]:
    # str of a float32 is the shortest decimal that reads back as the same float32.
    return [[float(str(x)) for x in row] for row in rows]
