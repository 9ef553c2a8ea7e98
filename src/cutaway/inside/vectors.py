"""`neighbours`: the nearest vectors to those of a token, a word in its context, a text, or a word in a table.

Axis letters: V vocabulary, N candidates, D width.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from cutaway.errors import InputError, ModelError, counted
from cutaway.inside.cooccurrence import span_vector, words_of
from cutaway.inside.embeddings import RECIPE, Embeddings, embed, hidden_vectors, said_cut
from cutaway.inside.pooling_recipe import recipe_of
from cutaway.models.loading import shared
from cutaway.models.shelf import DEFAULT, DEFAULT_ENCODER
from cutaway.models.text_model import Model, ModelLike
from cutaway.result import Result


@dataclasses.dataclass(frozen=True)
class Neighbour:
    """A token, word or text and the cosine between its vector and the query's; `context` is the text of a word."""

    token: str
    id: int
    cosine: float
    context: str | None = None


@dataclasses.dataclass(frozen=True)
class Query:
    """A query and its neighbours, nearest first; `context` is the text in which a word was asked for."""

    token: str
    id: int
    neighbours: list[Neighbour]
    context: str | None = None


@dataclasses.dataclass(frozen=True, repr=False)
class Neighbours(Result):
    """The nearest candidates of each query by cosine.

    `space` says which vectors are compared. An `id` is a token's in the vocabulary, a record's number in `among`
    (from 0), or a word's row in its table; -1 if a query is not one of them.
    """

    schema: ClassVar[str] = "neighbours"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv", ".npz")

    model: str
    queries: list[Query]
    space: str = "input embeddings"

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the queries, and for each pair of query and neighbour its numbers."""
        rows = self.rows()
        return {"queries": np.array([query.token for query in self.queries])} | {
            key: np.array([row[key] for row in rows]) for key in ("query_number", "rank", "neighbour", "id", "cosine")
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each neighbour."""
        return [
            {
                "query_number": number,
                "query": query.token,
                "query_id": query.id,
                "query_context": query.context,
                "rank": rank,
                "neighbour": found.token,
                "id": found.id,
                "context": found.context,
                "cosine": found.cosine,
            }
            for number, query in enumerate(self.queries)
            for rank, found in enumerate(query.neighbours, 1)
        ]


def neighbours(
    words: str | Sequence[str],
    model: ModelLike | Embeddings | None = None,
    *,
    k: int = 8,
    among: Sequence[str] | None = None,
    word: str | None = None,
    layer: int = -1,
    pooling: str = RECIPE,
    truncate: str | None = None,
) -> Neighbours:
    """Find for each query the k candidates whose vectors have the largest cosine with its own.

    - Words alone are compared with the input embeddings of the vocabulary. A word must be a single token as it is
      written (" ocean" with a space is another token than "ocean").
    - Words, with a table of vectors (from `static_vectors`, `contextual_vectors` or `embed`) as the model, are compared
      with the words of the table.
    - Texts, with records (`among`), are compared with the records. Each has one vector, as `embed` makes it with
      `layer` and `pooling`.
    - A `word`, with texts and records: the first occurrence of the word in each text is compared with every word of
      every record. A vector is the mean over the word's tokens at `layer`, in its context.

    A query is not its own neighbour. `truncate` ("left" or "right") cuts texts that are too long. The default model is
    smollm2-135m for words and minilm-l6 for texts. Raises `InputError`, `MissingText`, `PromptTooLong` or a
    `ModelError`.

    >>> [n.token for n in neighbours([" Monday"], k=2).queries[0].neighbours]
    [' Tuesday', ' Wednesday']
    >>> records = ["We fished from the bank of the river.", "The bank lends money."]
    >>> neighbours("She opened an account at a bank.", among=records).queries[0].neighbours[0].token
    'The bank lends money.'
    """
    if k < 1:
        raise InputError(f"`k` is {k}", hint="it must be 1 or above")
    words = [words] if isinstance(words, str) else list(words)
    if isinstance(model, Embeddings):
        return _in_table(words, model, k)
    if among is None:
        if word is not None:
            raise InputError(f"`word` is {word!r}, but there are no records to search", hint="give some: `among=[…]`")
        return _in_vocabulary(words, shared(model or DEFAULT, "any"), k)
    if isinstance(among, str) or not among:
        raise InputError(f"`among` is {among!r}", hint="give a list of texts")
    loaded = shared(model or DEFAULT_ENCODER, "any")
    if word is not None and pooling != RECIPE:
        raise InputError("`pooling` has no effect with `word`: vectors of words are not pooled", hint="leave it out")
    if word is not None:
        return _in_context(words, word, list(among), loaded, k, layer, truncate)
    return _among_records(words, list(among), loaded, k, layer, pooling, truncate)


def _in_vocabulary(words: list[str], loaded: Model, k: int) -> Neighbours:
    weights_VD = input_embeddings(loaded)
    unit_VD = torch.nn.functional.normalize(weights_VD, dim=-1)
    special = sorted(i for i in loaded.tokenizer.special_ids if i < len(unit_VD))
    queries = []
    for word in words:
        token_id = single_token(loaded, word)
        cosines_V = unit_VD @ unit_VD[token_id]
        cosines_V[[*special, token_id]] = -2.0  # neither itself nor tokens that stand for no text
        top = cosines_V.topk(min(k, len(cosines_V) - len(special) - 1))
        near = zip(top.values.tolist(), top.indices.tolist(), strict=True)
        found = [Neighbour(loaded.tokenizer.piece(i), i, cosine) for cosine, i in near]
        queries.append(Query(loaded.tokenizer.piece(token_id), token_id, found))
    return Neighbours(model=loaded.name, queries=queries)


def _in_table(words: list[str], table: Embeddings, k: int) -> Neighbours:
    if table.tokens is not None:
        raise InputError(
            "the table has a vector for each token, but one for each text is needed",
            hint="embed with a pooling, for example `pooling='mean'`",
        )
    unit_ND = _unit(table.matrix())
    queries = []
    for word in words:
        at = find_row(table, word)
        near = _nearest(unit_ND, unit_ND[at], k, [at])
        queries.append(Query(table.texts[at], at, [Neighbour(table.texts[i], i, cosine) for i, cosine in near]))
    return Neighbours(model=table.model, queries=queries, space=table.space)


def _among_records(
    texts: list[str], records: list[str], loaded: Model, k: int, layer: int, pooling: str, truncate: str | None
) -> Neighbours:
    if pooling is None:
        raise InputError(
            "comparing records needs one vector for each", hint="choose a pooling, for example `pooling='mean'`"
        )
    # Together, so that a text that is also a record runs only once.
    table = embed(list(dict.fromkeys([*records, *texts])), loaded, layer=layer, pooling=pooling, truncate=truncate)
    row = {text: i for i, text in enumerate(table.texts)}
    unit_ND = _unit(table.matrix())
    unit_records_ND = unit_ND[[row[record] for record in records]]
    queries = []
    for text in texts:
        same = [i for i, record in enumerate(records) if record == text]
        near = _nearest(unit_records_ND, unit_ND[row[text]], k, same)
        found = [Neighbour(records[i], i, cosine) for i, cosine in near]
        queries.append(Query(text, same[0] if same else -1, found))
    return Neighbours(model=loaded.name, queries=queries, space=table.space)


def _in_context(
    texts: list[str], word: str, records: list[str], loaded: Model, k: int, layer: int, truncate: str | None
) -> Neighbours:
    asked = [next(((a, b) for found, a, b in words_of(text) if found == word.lower()), None) for text in texts]
    if None in asked:
        raise InputError(
            f"the word {word!r} is not in the text {texts[asked.index(None)][:60]!r}",
            hint="give a text that has it as a whole word",
        )
    places: list[tuple[str, int]] = []  # each candidate word and the number of its record
    vectors: list[npt.NDArray[Any]] = []
    queries_ND: list[npt.NDArray[Any]] = [np.empty(0)] * len(texts)
    at = layers = 0
    cut = [0] * (len(texts) + len(records))
    for text in hidden_vectors(loaded, [*texts, *records], layer=layer, truncate=truncate):
        at, layers, cut[text.index] = text.layer, text.layers, text.cut
        span = asked[text.index] if text.index < len(texts) else None
        if span is not None:
            vector_D = span_vector(text, *span)
            if vector_D is None:
                raise InputError(
                    f"the word {word!r} was cut off from {texts[text.index][:60]!r}", hint="give a shorter text"
                )
            queries_ND[text.index] = vector_D
        if text.index >= len(texts):
            number = text.index - len(texts)
            for found, a, b in words_of(records[number]):
                if (vector_D := span_vector(text, a, b)) is not None:
                    places.append((found, number))
                    vectors.append(vector_D)
    if not vectors:
        raise InputError("the records have no words", hint="give records of text")
    unit_ND = _unit(np.stack(vectors))
    queries = []
    for text_, query_D in zip(texts, queries_ND, strict=True):
        same = [i for i, (found, n) in enumerate(places) if found == word.lower() and records[n] == text_]
        near = _nearest(unit_ND, _unit(query_D[None])[0], k, same)
        found_ = [Neighbour(places[i][0], places[i][1], cosine, records[places[i][1]]) for i, cosine in near]
        queries.append(Query(word, -1, found_, text_))
    space = f"layer {at} of {layers}, words in their contexts{said_cut(cut, recipe_of(loaded).max_tokens)}"
    return Neighbours(model=loaded.name, queries=queries, space=space)


def _nearest(
    unit_ND: npt.NDArray[Any], query_D: npt.NDArray[Any], k: int, without: list[int]
) -> list[tuple[int, float]]:
    cosines_N = unit_ND @ query_D
    order = np.argsort(-cosines_N, kind="stable")
    banned = set(without)
    return [(int(i), float(cosines_N[i])) for i in order if int(i) not in banned][:k]


def _unit(vectors_ND: npt.NDArray[Any]) -> npt.NDArray[Any]:
    lengths_N1 = np.linalg.norm(vectors_ND, axis=-1, keepdims=True)
    unit_ND: npt.NDArray[Any] = vectors_ND / np.where(lengths_N1 > 0, lengths_N1, 1)
    return unit_ND


def find_row(table: Embeddings, word: str) -> int:
    """Return a word's row in a table of vectors: as it is written, or in lower case without spaces around it."""
    for spelling in (word, word.strip().lower()):
        if spelling in table.texts:
            return table.texts.index(spelling)
    raise InputError(
        f"{word!r} is not one of the {counted(len(table.texts), 'word')} of {table.model}",
        hint=f"it has, for example, {', '.join(text[:30] for text in table.texts[:5])}",
    )


def input_embeddings(model: Model) -> torch.Tensor:
    """Return the input embeddings [V, D] in float32 on the CPU; raises `ModelError` if they hold NaN or infinity."""
    weights_VD: torch.Tensor = model.module.get_input_embeddings().weight.detach().float().cpu()
    if not weights_VD.isfinite().all():
        raise ModelError(f"the input embeddings of {model.name} hold NaN or infinity", hint="its weights are damaged")
    return weights_VD


def single_token(model: Model, word: str) -> int:
    """Return the id of a word that is a single token; raises `InputError` if it is several tokens, or none."""
    ids = model.tokenizer.encode(word, add_special_tokens=False).ids
    if len(ids) != 1:
        pieces = " + ".join(repr(model.tokenizer.piece(i)) for i in ids) or "nothing"
        raise InputError(f"{word!r} is not one token of {model.name}, but {pieces}", hint="choose a more common word")
    return ids[0]
