"""`embedding_map`: tokens, words or records on a 2-D map, with a measure of how far the map can be trusted.

Axis letters: N points, D width.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from cutaway.errors import InputError
from cutaway.inside.embeddings import RECIPE, Embeddings, embed
from cutaway.inside.map_points import METHODS, map_points
from cutaway.inside.vectors import find_row, input_embeddings, single_token
from cutaway.models.loading import shared
from cutaway.models.shelf import DEFAULT, DEFAULT_ENCODER
from cutaway.models.text_model import Model, ModelLike
from cutaway.progress import step
from cutaway.random_streams import seed32
from cutaway.result import Result

KINDS = ("tokens", "words", "texts")
NEAR = 5  # how many neighbours of a point trustworthiness looks at
MOST = 5000  # most points for which it is computed, because it holds N × N distances
FEW = 200  # most points for which t-SNE is computed exactly
LABEL = 32  # most characters of a record's name on the map


@dataclasses.dataclass(frozen=True)
class MapPoint:
    """A token, word or record and its place on the map; `text` is the whole record if `token` is only its beginning."""

    token: str
    id: int
    group: str
    x: float
    y: float
    text: str | None = None


@dataclasses.dataclass(frozen=True, repr=False)
class EmbeddingMap(Result):
    """A 2-D map of vectors; `explained` is the share of their variance that x and y each show (empty for t-SNE).

    `trustworthiness` (Venna & Kaski 2001) is 1 if the `near` nearest points on the map are also near in the vectors'
    own space, and about 0.5 by chance; None beyond 5,000 points.
    """

    schema: ClassVar[str] = "map"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".svg", ".png", ".csv", ".npz")

    model: str
    method: str
    explained: list[float]
    points: list[MapPoint]
    space: str = "input embeddings"
    trustworthiness: float | None = None
    near: int | None = None
    perplexity: float | None = None

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the places [N, 2], the names and the groups."""
        return {
            "places": np.array([(point.x, point.y) for point in self.points]),
            "names": np.array([point.text or point.token for point in self.points]),
            "groups": np.array([point.group for point in self.points]),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each point."""
        return [dataclasses.asdict(point) | {"text": point.text or point.token} for point in self.points]


def embedding_map(
    groups: Mapping[str, Sequence[str]] | Sequence[str],
    model: ModelLike | Embeddings | None = None,
    *,
    kind: str = "tokens",
    method: str = "pca",
    layer: int = -1,
    pooling: str = RECIPE,
    truncate: str | None = None,
    perplexity: float | None = None,
    seed: int = 0,
) -> EmbeddingMap:
    """Show vectors on a 2-D map. They are scaled to length 1 first, so near on the map means a small angle.

    `groups` maps the name of each group to its members, or is a list. `kind` says what these are. "tokens": words that
    are single tokens as they are written; their input embeddings are mapped. "words": the same, but as inside a text,
    with a space in front if that is a single token. "texts": texts, whose vectors at `layer` are mapped; `pooling` and
    `truncate` as in `embed`. If the model is a table of vectors (`Embeddings`), the words are looked up in it.

    `method` "pca" shows the two directions of most variance. "tsne" only keeps neighbours together (van der Maaten &
    Hinton 2008): distances between clusters say little. Its `perplexity` is 30 by default, or (N - 1) / 3 for few
    points. Raises `InputError` for fewer than three points.

    >>> days, numbers = [" Monday", " Tuesday", " Friday"], [" one", " two", " three"]
    >>> plane = embedding_map({"days": days, "numbers": numbers})
    >>> [round(share, 2) for share in plane.explained], round(plane.trustworthiness, 2)
    ([0.71, 0.17], 1.0)
    """
    if kind not in KINDS:
        raise InputError(f"`kind` is {kind!r}", hint=f"choose one of {', '.join(KINDS)}")
    chosen = map_points(groups, method, perplexity, seed)
    words = [word for _, word in chosen]
    if isinstance(model, Embeddings):
        ids = [find_row(model, word) for word in words]
        name, space, names = model.model, model.space, [model.texts[i] for i in ids]
        vectors_ND = torch.from_numpy(model.matrix()[ids])
    elif kind != "texts":
        loaded = shared(model or DEFAULT, "any")
        ids = [single_token(loaded, _inside_text(loaded, word) if kind == "words" else word) for word in words]
        name, space, names = loaded.name, "input embeddings", [loaded.tokenizer.piece(i) for i in ids]
        vectors_ND = input_embeddings(loaded)[ids]
    else:
        table = embed(words, model or DEFAULT_ENCODER, layer=layer, pooling=pooling, truncate=truncate)
        ids, name, space, names = list(range(len(words))), table.model, table.space, words
        vectors_ND = torch.from_numpy(table.matrix())
    unit_ND = torch.nn.functional.normalize(vectors_ND, dim=-1)
    explained: list[float] = []
    if method == "pca":
        flat_N2, explained = _principal(unit_ND)
    else:
        perplexity = perplexity or min(30.0, (len(words) - 1) / 3)
        flat_N2 = _neighbourly(unit_ND, perplexity, seed)
    trust, near = _trustworthiness(unit_ND, flat_N2)
    places = zip(chosen, names, ids, flat_N2.tolist(), strict=True)
    return EmbeddingMap(
        model=name,
        method=METHODS[method],
        explained=explained,
        points=[
            MapPoint(_short(label), i, group, x, y, label if len(label) > LABEL else None)
            for (group, _), label, i, (x, y) in places
        ],
        space=space,
        trustworthiness=trust,
        near=near,
        perplexity=perplexity if method == "tsne" else None,
    )


def _principal(unit_ND: torch.Tensor) -> tuple[torch.Tensor, list[float]]:
    centred_ND = unit_ND - unit_ND.mean(0)
    left, singular, _ = torch.linalg.svd(centred_ND, full_matrices=False)
    flat_N2 = torch.zeros(len(unit_ND), 2)
    flat_N2[:, : min(2, left.shape[1])] = left[:, :2] * singular[:2]
    flat_N2 = flat_N2 * torch.sign(flat_N2[flat_N2.abs().argmax(0), [0, 1]])  # the sign of a component is arbitrary
    variance = singular.square()
    # All points are in one place, except for rounding: no variance.
    if variance.sum() <= 1e-10 * len(unit_ND):
        return torch.zeros_like(flat_N2), [0.0, 0.0]
    return flat_N2, (variance[:2] / variance.sum()).tolist()


@step("computing the map")
def _neighbourly(unit_ND: torch.Tensor, perplexity: float, seed: int) -> torch.Tensor:
    from sklearn.manifold import TSNE

    start_N2, explained = _principal(unit_ND)
    if explained == [0.0, 0.0]:  # all points are equal: t-SNE would divide by their spread, which is 0
        return start_N2
    # scikit-learn's default step is made for thousands of points: it scatters a few dozen, even equal ones.
    few = len(unit_ND) <= FEW
    method, rate = ("exact", 10.0) if few else ("barnes_hut", "auto")
    seed = seed32(seed, "layout")
    tsne = TSNE(perplexity=perplexity, init="pca", method=method, learning_rate=rate, random_state=seed)
    flat_N2: torch.Tensor = torch.from_numpy(tsne.fit_transform(unit_ND.numpy()))
    return flat_N2


def _trustworthiness(unit_ND: torch.Tensor, flat_N2: torch.Tensor) -> tuple[float | None, int | None]:
    from sklearn.manifold import trustworthiness

    near = min(NEAR, (len(unit_ND) - 1) // 2)
    if len(unit_ND) > MOST or flat_N2.abs().max() == 0:
        return None, None
    return float(trustworthiness(unit_ND.numpy(), flat_N2.numpy(), n_neighbors=near)), near


def _inside_text(model: Model, word: str) -> str:
    """Return a word as inside a text: with a space in front, if that is one token of the vocabulary."""
    ids = model.tokenizer.encode(f" {word}", add_special_tokens=False).ids
    return f" {word}" if len(ids) == 1 else word


def _short(text: str) -> str:
    return text if len(text) <= LABEL else text[: LABEL - 1] + "…"
