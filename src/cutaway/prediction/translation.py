"""`translate`: a text in another language, with the beams that were compared and the attention of the translation.

The attention is the decoder's on the encoder (cross-attention): row t says where the model looked in the source when it
wrote token t. The beams are those of `cutaway.generation.beams`.

Axis letters: L layers, H heads, T tokens of the translation, S tokens of the source.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from cutaway.array_codec import PackedMaps, pack_maps
from cutaway.errors import MissingText, PromptTooLong, at_least
from cutaway.generation.generating import respond
from cutaway.generation.request import Request
from cutaway.inside.capture import Call, watch
from cutaway.inside.forward import Reading, no_tokens
from cutaway.models.known_words import read_known_words
from cutaway.models.loading import shared
from cutaway.models.prompt import fit_context
from cutaway.models.shelf import DEFAULT_TRANSLATOR
from cutaway.models.text_model import Model, ModelLike
from cutaway.prediction.familiarity import Familiarity, doubt, familiarity
from cutaway.progress import step
from cutaway.result import Result
from cutaway.tokens.encoding import encode_text

Weights = npt.NDArray[np.float32]
_UNLIMITED = 512  # most tokens of a translation if the model sets no limit


@dataclasses.dataclass(frozen=True)
class TranslatedToken:
    """A token of the translation: its `logprob` (nats), and the source token it looked at most.

    `source` is that token's place in the text (special tokens are left out), `weight` the mean of all heads and layers.
    """

    token: str
    id: int
    logprob: float
    source: int
    weight: float


@dataclasses.dataclass(frozen=True)
class TranslationBeam:
    """A whole translation that the search compared; `score` is its logprob (nats) divided by length^length_penalty."""

    text: str
    score: float
    logprob: float
    tokens: int
    ended: bool


@dataclasses.dataclass(frozen=True, repr=False)
class Translation(Result):
    """A translation, the beams from best to worst (the first is the translation), and the attention behind it.

    `familiarity` says how many words of the text the model could know, and `warnings` what may be wrong, in sentences.
    `attention` has a map [H, T, S] a layer, in bytes; `cross_weights` has them exactly [L, H, T, S] and is not part of
    the JSON. Row t is that of `tokens[t]`, which it helped to write; columns are the `source` tokens.
    """

    schema: ClassVar[str] = "translation"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv", ".svg", ".png", ".npz")

    model: str
    text: str
    translation: str
    source: list[str]
    source_ids: list[int]
    tokens: list[TranslatedToken]
    beams: list[TranslationBeam]
    settings: dict[str, Any]
    familiarity: Familiarity | None
    warnings: list[str]
    heads: int
    attention: PackedMaps
    cross_weights: Weights = dataclasses.field(repr=False, compare=False, metadata={"json": False})

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each token of the translation, with the source token it looked at most."""
        return [
            dataclasses.asdict(token) | {"source_token": self.source[token.source] if self.source else ""}
            for token in self.tokens
        ]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the cross-attention [L, H, T, S] and the tokens of both sides."""
        return {
            "cross_weights": self._only_in_memory("cross_weights"),
            "source": np.array(self.source),
            "tokens": np.array([token.token for token in self.tokens]),
        }


def translate(
    text: str,
    model: ModelLike = DEFAULT_TRANSLATOR,
    *,
    num_beams: int = 4,
    length_penalty: float = 1.0,
    max_new_tokens: int | None = None,
) -> Translation:
    """Translate a text with an encoder-decoder (T5, Marian, BART and their like).

    `num_beams` unfinished translations are followed, and the best whole one is returned; 1 takes the likeliest token
    each time. `length_penalty` above 0 favours long texts. A translation has at most `max_new_tokens` tokens: by
    default twice those of the text and 16 more, as far as the model allows. A text in a language that the model never
    saw is translated all the same, and `warnings` says so.

    Raises `MissingText`, `PromptTooLong`, `InputError`, `WrongKind` or another `ModelError`.

    >>> translate("Open the file.").translation  # doctest: +SKIP
    'Ouvrez le fichier.'
    """
    if not text.strip():
        raise MissingText("there is no text", hint='give some: cutaway translate "Open the file."')
    at_least(1, num_beams=num_beams)
    loaded = shared(model, "pair")
    ids = encode_text(text, loaded.tokenizer).ids
    if not ids:
        raise no_tokens(loaded, text)
    try:
        fit_context(loaded, ids)
    except PromptTooLong as error:
        raise PromptTooLong(error.message, hint="translate one sentence at a time") from error
    longest = max_new_tokens or min(loaded.context or _UNLIMITED, 2 * len(ids) + 16)
    request = Request(
        text, num_beams=num_beams, num_return_sequences=num_beams, length_penalty=length_penalty,
        max_new_tokens=longest, tier="exact",
    )  # fmt: skip
    with step("translating"):
        found = respond(request, loaded)
    beams = [
        TranslationBeam(
            one.completion.strip(), one.score if one.score is not None else _mean(one.logprobs),
            math.fsum(one.logprobs), len(one.token_ids), one.finish_reason == "eos",
        )
        for one in found
    ]  # fmt: skip
    best = found[0]
    cross_LHTS = _cross_attention(loaded, text, ids, best.token_ids)
    known = familiarity(text, read_known_words(loaded.path), loaded.tokenizer, ids)
    doubts = [doubt(known, loaded.name)]
    if not beams[0].ended:
        doubts.append(f"the translation was cut off after {len(best.token_ids):,} tokens, before it came to an end")
    return Translation(
        model=loaded.name,
        text=text,
        translation=beams[0].text,
        source=[loaded.tokenizer.piece(i) for i in ids],
        source_ids=ids,
        tokens=_tokens(loaded, ids, best.token_ids, best.logprobs, cross_LHTS),
        beams=beams,
        settings={"num_beams": num_beams, "length_penalty": length_penalty, "max_new_tokens": longest},
        familiarity=known,
        warnings=[one for one in doubts if one is not None],
        heads=cross_LHTS.shape[1],
        attention=pack_maps(list(cross_LHTS), causal=False),
        cross_weights=cross_LHTS,
    )


def _mean(logprobs: list[float]) -> float:
    return math.fsum(logprobs) / max(1, len(logprobs))


def _cross_attention(model: Model, text: str, ids: list[int], written: list[int]) -> Weights:
    """Return the decoder's attention on the source [L, H, T, S]: it reads all but the last token it wrote."""
    settings = model.module.generation_config
    named = (settings.decoder_start_token_id, getattr(model.config, "decoder_start_token_id", None))
    start = next(i for i in (*named, settings.bos_token_id) if i is not None)  # there is one: it has written
    maps: dict[int, Weights] = {}

    def observe(call: Call) -> None:
        if call.kind == "cross":
            # Copied, because the next tile overwrites the numbers of the last one.
            tiles = [tile.weights[0].float().cpu().numpy().copy() for tile in call.tiles()]
            maps[call.layer] = np.concatenate(tiles, axis=1)

    with watch(model, observe):
        Reading(model, text, ids, [int(start), *written[:-1]]).run()
    return np.stack([maps[layer] for layer in sorted(maps)])


def _tokens(
    model: Model, ids: list[int], written: list[int], logprobs: list[float], cross_LHTS: Weights
) -> list[TranslatedToken]:
    """Return each token of the translation with the source token that all heads together looked at most."""
    mean_TS = cross_LHTS.mean((0, 1))
    special_S = np.array([i in model.tokenizer.special_ids for i in ids])
    candidates_TS = mean_TS if special_S.all() else np.where(special_S, -1, mean_TS)
    best_T = candidates_TS.argmax(1).tolist()
    return [
        TranslatedToken(model.tokenizer.piece(i), i, logprob, best, float(mean_TS[t, best]))
        for t, (i, logprob, best) in enumerate(zip(written, logprobs, best_T, strict=True))
    ]
