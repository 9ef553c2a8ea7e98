"""A text as a model reads it: ids, pieces, words, and the forward pass without the language model head.

The head is left out because its logits alone would take 1.6 GB at 8,192 tokens.
"""

from __future__ import annotations

import dataclasses

import torch

from cutaway.errors import InputError, MissingText, ModelError
from cutaway.models.loading import shared
from cutaway.models.prompt import fit_context
from cutaway.models.text_model import Model, ModelLike
from cutaway.progress import step
from cutaway.random_streams import stream
from cutaway.tokens.encoding import encode_text

TARGET = 64  # most tokens that an encoder-decoder writes if no target is given


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """A model and the ids it reads; an encoder-decoder also reads `target_ids` on its decoder's side.

    The last `added` ids follow those of the text.
    """

    model: Model
    text: str
    ids: list[int]
    target_ids: list[int] | None = None
    added: int = 0

    def pieces(self, ids: list[int]) -> list[str]:
        """Return the text of each token."""
        return [self.model.tokenizer.piece(i) for i in ids]

    def words(self, ids: list[int]) -> list[int]:
        """Return for each token the number of its word, from 0; special tokens and punctuation count as words."""
        tokens = [self.model.tokenizer.token(i) for i in ids]
        pieced = self.model.tokenizer.kind == "WordPiece" or any(token.startswith("##") for token in tokens)
        return words_of(self.pieces(ids), tokens, self._special(ids), pieced=pieced)

    def ids_of(self, kind: str) -> tuple[list[int], list[int]]:
        """Return the ids of the queries and those of the keys for a kind of attention."""
        target = self.target_ids or []
        return {"decoder": (target, target), "cross": (target, self.ids)}.get(kind, (self.ids, self.ids))

    @step("running the model")
    @torch.inference_mode()
    def run(self) -> None:
        """Run the model over the text without its head; observers set by `watch` see its attention.

        Raises `ModelError` if the model computes NaN or infinity.
        """
        device = self.model.device
        given = {"input_ids": torch.tensor([self.ids], device=device)}
        if self.target_ids is not None:
            given["decoder_input_ids"] = torch.tensor([self.target_ids], device=device)
        base = self.model.module.base_model
        last = base(**given, use_cache=False)[0]  # hidden states, or logits if the model can't run without its head
        if not last.isfinite().all():
            raise not_finite(self.model)

    def _special(self, ids: list[int]) -> list[bool]:
        return [i in self.model.tokenizer.special_ids for i in ids]


def read(
    text: str,
    model: ModelLike,
    *,
    target: str | None = None,
    continuation: list[int] | None = None,
    max_new_tokens: int = 0,
    truncate: str | None = None,
) -> Reading:
    """Load a model and encode a text for it; `continuation` are ids that follow those of the text.

    With `max_new_tokens` the model goes on from there and adds up to so many tokens, greedily.
    `target` is what the decoder of an encoder-decoder reads; without it the decoder writes its own, greedily. Raises
    `MissingText`, `InputError`, `PromptTooLong` or a `ModelError`.
    """
    if not text:
        raise MissingText("there is no text", hint='give some, for example "No, I am your father"')
    loaded = shared(model, "causal" if max_new_tokens else "any")
    ids = encode_text(text, loaded.tokenizer).ids
    if not ids:
        raise no_tokens(loaded, text)
    more = continuation or []
    ids = fit_context(loaded, ids, truncate=truncate, room=len(more) + max_new_tokens)
    pair = bool(getattr(loaded.config, "is_encoder_decoder", False))
    if target is not None and not pair:
        raise InputError(f"`target` is for encoder-decoders; {loaded.name} is not one", hint="leave `target` out")
    target_ids = _target(loaded, ids, target) if pair else None
    if max_new_tokens:
        more = more + _written(loaded, ids + more, max_new_tokens)[len(ids + more) :]
    return Reading(loaded, text, ids + more, target_ids, len(more))


def _target(model: Model, ids: list[int], target: str | None) -> list[int]:
    if target is None:
        written = _written(model, ids, TARGET)
        return written[:-1] if len(written) > 1 and written[-1] in model.end_ids else written
    start = model.config.decoder_start_token_id
    encoded = [i for i in encode_text(target, model.tokenizer).ids if i not in model.end_ids]
    return fit_context(model, encoded if start is None else [start, *encoded])


@torch.inference_mode()
def _written(model: Model, ids: list[int], max_new_tokens: int) -> list[int]:
    """Return the ids that transformers' `generate` returns for these, greedily and without penalties."""
    ids_BT = torch.tensor([ids], device=model.device)
    made = model.module.generate(
        ids_BT,
        attention_mask=torch.ones_like(ids_BT),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
    )
    written: list[int] = made[0].tolist()
    return written


def random_repeated(model: ModelLike, length: int, *, seed: int = 0) -> Reading:
    """Return `length` random tokens, repeated once: the second half can be predicted only by looking back.

    The standard probe for induction heads (Olsson et al. 2022). Raises `InputError` if they don't fit the context.
    """
    chance = stream(seed, "tokens to repeat")
    loaded = shared(model, "any")
    if length < 2:
        raise InputError(f"`random` is {length}; it must be 2 or above", hint="for example `random=64`")
    vocabulary = min(loaded.tokenizer.backend.get_vocab_size(), loaded.config.get_text_config().vocab_size)
    plain = [i for i in range(vocabulary) if i not in loaded.tokenizer.special_ids]
    drawn = [plain[i] for i in chance.integers(len(plain), size=length).tolist()]
    return Reading(loaded, "", fit_context(loaded, drawn + drawn))


def no_tokens(model: Model, text: str) -> MissingText:
    """Return the error for a text that the tokenizer turns into nothing."""
    return MissingText(
        f"the tokenizer of {model.name} turns the text {text[:40]!r} into zero tokens",
        hint="give a text with at least one letter that the model knows",
    )


def not_finite(model: Model) -> ModelError:
    """Return the error for a model that computes NaN or infinity."""
    return ModelError(
        f"{model.name} computes numbers that are not finite (NaN or infinity)",
        hint="its weights are damaged, or `dtype` is too small for it: try `dtype='float32'`",
    )


def words_of(pieces: list[str], tokens: list[str], special: list[bool], *, pieced: bool = False) -> list[int]:
    """Return the number of each token's word.

    A new word begins after a space, at a special token, and between letters and punctuation. `pieced`: the tokens are
    WordPiece's, which mark a token that continues a word ("##").

    >>> words_of([" un", "related", ",", " yes"], ["Ġun", "related", ",", "Ġyes"], [False] * 4)
    [0, 0, 1, 2]
    """
    found: list[int] = []
    for at, (piece, token) in enumerate(zip(pieces, tokens, strict=True)):
        if at == 0:
            found.append(0)
            continue
        before = pieces[at - 1]
        starts = special[at] or special[at - 1] or piece[:1].isspace() or before[-1:].isspace()
        if pieced:
            starts = starts or not token.startswith("##")
        else:
            starts = starts or _is_sign(before[-1:]) != _is_sign(piece[:1])
        found.append(found[-1] + starts)
    return found


def _is_sign(character: str) -> bool:
    return not (character.isalnum() or character in "�_'’")  # U+FFFD: a part of a character goes with its neighbours
