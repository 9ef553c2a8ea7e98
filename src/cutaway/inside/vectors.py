"""The vectors of a vocabulary: which tokens lie near which, and a map of some of them.

Axis letters: V vocabulary, D width, N chosen tokens.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch

from cutaway.errors import InputError
from cutaway.models.loading import Model, ModelLike, load
from cutaway.models.shelf import DEFAULT
from cutaway.result import Result

__all__ = ["EmbeddingMap", "MapPoint", "Neighbour", "Neighbours", "Query", "embedding_map", "neighbours"]


@dataclasses.dataclass(frozen=True)
class Neighbour:
    """A token and the cosine between its vector and the query's."""

    token: str
    id: int
    cosine: float


@dataclasses.dataclass(frozen=True)
class Query:
    """One token asked for, and its nearest neighbours, nearest first."""

    token: str
    id: int
    neighbours: list[Neighbour]


@dataclasses.dataclass(frozen=True, repr=False)
class Neighbours(Result):
    """The nearest tokens of each query among all V input embeddings, by cosine."""

    schema: ClassVar[str] = "neighbours"

    model: str
    queries: list[Query]


@dataclasses.dataclass(frozen=True)
class MapPoint:
    """A token's place on the map."""

    token: str
    id: int
    group: str
    x: float
    y: float


@dataclasses.dataclass(frozen=True, repr=False)
class EmbeddingMap(Result):
    """A flat map of token vectors; `explained` is the share of their variance that x and y each show."""

    schema: ClassVar[str] = "map"

    model: str
    method: str
    explained: list[float]
    points: list[MapPoint]


def neighbours(words: Sequence[str], model: ModelLike = DEFAULT, *, k: int = 8) -> Neighbours:
    """Find the k tokens whose input embeddings point most nearly the same way as each word's.

    A word is looked up as it stands (" ocean" with its space is another token than "ocean"). Raises `InputError`
    where a word is not a single token.

    >>> [n.token for n in neighbours([" Monday"], k=2).queries[0].neighbours]
    [' Tuesday', ' Wednesday']
    """
    if k < 1:
        raise InputError(f"k is {k}", hint="ask for 1 neighbour or more")
    words = [words] if isinstance(words, str) else list(words)
    loaded = load(model, "any")
    weights_VD = _embeddings(loaded)
    unit_VD = torch.nn.functional.normalize(weights_VD, dim=-1)
    special = sorted(i for i in loaded.tokenizer.special_ids if i < len(unit_VD))
    queries = []
    for word in words:
        token_id = _single_token(loaded, word)
        cosines_V = unit_VD @ unit_VD[token_id]
        cosines_V[[*special, token_id]] = -2.0  # neither itself nor tokens that stand for no text
        top = cosines_V.topk(min(k, len(cosines_V) - len(special) - 1))
        near = zip(top.values.tolist(), top.indices.tolist(), strict=True)
        found = [Neighbour(loaded.tokenizer.piece(i), i, cosine) for cosine, i in near]
        queries.append(Query(loaded.tokenizer.piece(token_id), token_id, found))
    return Neighbours(model=loaded.name, queries=queries)


def embedding_map(groups: Mapping[str, Sequence[str]], model: ModelLike = DEFAULT) -> EmbeddingMap:
    """Lay the input embeddings of some words flat by their first two principal components.

    `groups` maps a group's name to its words. Raises `InputError` where a word is not a single token, or for fewer
    than three words.
    """
    loaded = load(model, "any")
    chosen = [(group, _single_token(loaded, word)) for group, words in groups.items() for word in words]
    if len(chosen) < 3:
        raise InputError(f"a map of {len(chosen)} words is none", hint="give three or more")
    vectors_ND = torch.nn.functional.normalize(_embeddings(loaded)[[i for _, i in chosen]], dim=-1)
    centred_ND = vectors_ND - vectors_ND.mean(0)
    left, singular, _ = torch.linalg.svd(centred_ND, full_matrices=False)
    flat_N2 = left[:, :2] * singular[:2]
    flat_N2 = flat_N2 * torch.sign(flat_N2[flat_N2.abs().argmax(0), [0, 1]])  # the sign of a component is arbitrary
    variance = singular.square()
    places = zip(chosen, flat_N2.tolist(), strict=True)
    return EmbeddingMap(
        model=loaded.name,
        method="principal components of the unit vectors",
        explained=(variance[:2] / variance.sum()).tolist(),
        points=[MapPoint(loaded.tokenizer.piece(i), i, group, x, y) for (group, i), (x, y) in places],
    )


def _embeddings(model: Model) -> torch.Tensor:
    weights_VD: torch.Tensor = model.module.get_input_embeddings().weight.detach().float().cpu()
    return weights_VD


def _single_token(model: Model, word: str) -> int:
    ids = model.tokenizer.encode(word, add_special_tokens=False).ids
    if len(ids) != 1:
        pieces = " + ".join(repr(model.tokenizer.piece(i)) for i in ids) or "nothing"
        raise InputError(f"{word!r} is not one token of {model.name} but {pieces}", hint="choose a more common word")
    return ids[0]
