"""`compare`: two models on one text: their tokens, surprisal, heads by depth, and attention head by head.

Axis letters: A heads of the first model, B heads of the second, C cells of the text.
"""

from __future__ import annotations

import collections
import math

import torch

from cutaway.array_codec import pack_maps
from cutaway.errors import MissingText
from cutaway.inside.comparison_findings import findings
from cutaway.inside.comparison_result import ComparedLayer, ComparedModel, Comparison, HeadMatch, HeadPair, Segment
from cutaway.inside.comparison_sentences import differences, names_of
from cutaway.inside.forward import Reading, read
from cutaway.inside.head_roles import Head
from cutaway.inside.head_similarity import similarities
from cutaway.inside.measure_descriptions import MEASURES
from cutaway.inside.measurement import DIGITS, LN2, Measured, measure
from cutaway.inside.token_alignment import Stretch, align
from cutaway.models.loading import shared
from cutaway.models.text_model import ModelLike
from cutaway.tokens.encoding import encode_text

CELLS = 512  # most rows of the maps that are matched: in longer texts a row is a block of segments
WEIGHTS = 1e8  # most weights in the maps of one model
PAIRS = 6  # pairs of heads whose maps are in the record
MEANS = ("entropy_bits", "distance", "sink", "previous", "duplicate", "induction")


def compare(a: ModelLike, b: ModelLike, text: str, *, truncate: str | None = None) -> Comparison:
    """Run two models of any size and kind on one text and measure where they differ.

    The text is compared in segments: the smallest parts whose borders are token borders of both models. The similarity
    of two heads is the mean over segments of Σ √(p q) of their rows p and q (Bhattacharyya's coefficient: 1 the same, 0
    nothing shared). Attention to special tokens is left out, and each row is scaled to sum to 1 again. If a model is
    causal, the first row is left out, too, because it can only attend to itself. If a model is an encoder-decoder, its
    encoder is compared. Raises `MissingText`, `PromptTooLong`, `AttentionHidden` or another `ModelError`.

    >>> found = compare("smollm2-135m", "minilm-l6", "The animal didn't cross the street because it was too tired.")
    >>> found.segments[1].text, found.a.tokens, found.b.tokens, found.b.bits
    (' animal', 13, 16, None)
    """
    readings = [read(text, shared(model, "any"), truncate=truncate) for model in (a, b)]
    stretches, whole, special = _aligned(readings, text, truncate)
    seen = [at for at, read_by in enumerate(whole) if all(read_by)]
    if len(seen) < 2:
        raise MissingText(
            f"both models read fewer than two common parts of {text[:40]!r}; a comparison needs two",
            hint="give a longer text" if truncate is None else "cut the other side, or give a shorter text",
        )
    pool = _pool(len(seen), readings)
    runs = []
    for which, reading in enumerate(readings):
        cells = [-1] * len(reading.ids)
        for place, part in enumerate(seen):
            for token in stretches[part].tokens[which]:
                cells[token] = place // pool
        runs.append(measure(reading, cells, -(-len(seen) // pool), special[which]))
    segments = [_segment(text, *found, runs) for found in zip(stretches, whole, strict=True)]
    scoring = [side for side, run in zip("ab", runs, strict=True) if run.nats is not None]
    scored = [part for part in segments if all(getattr(part, f"bits_{side}") is not None for side in scoring)]
    size = sum(len(part.text.encode()) for part in scored) if scoring else 0
    sides = [
        _side(run, math.fsum(getattr(part, f"bits_{side}") or 0 for part in scored) / size if size else None)
        for side, run in zip("ab", runs, strict=True)
    ]
    first = 1 if any(run.causal for run in runs) and runs[0].maps.shape[1] > 1 else 0
    alike_AB = similarities(runs[0].maps[:, first:], runs[1].maps[:, first:])
    matches = _matches(runs, alike_AB)
    pairs = _pairs(matches)
    maps = [
        pack_maps(
            [run.maps[[_place(run, *getattr(pair, side))]].numpy() for pair in pairs], causal=run.causal, pool=pool
        )
        for side, run in zip("ab", runs, strict=True)
    ]
    mean = round(float(alike_AB.mean()), DIGITS)
    return Comparison(
        model=" and ".join(side.name for side in sides),
        text=text,
        summary=[
            *findings(names_of(sides), sides, segments, size, [run.heads for run in runs], matches, pairs, mean),
            *differences(sides, segments, (seen[0], seen[-1] + 1), matches),
        ],
        a=sides[0],
        b=sides[1],
        bytes=size,
        segments=segments,
        compared=[seen[0], seen[-1] + 1],
        similarity_mean=mean,
        matches=matches,
        pairs=pairs,
        maps_a=maps[0],
        maps_b=maps[1],
        measures=list(MEASURES),
        similarity=alike_AB.numpy(),
    )


def _aligned(
    readings: list[Reading], text: str, truncate: str | None
) -> tuple[list[Stretch], list[tuple[bool, bool]], list[list[bool]]]:
    """Return the stretches of the text, which model read all of each, and which of each model's tokens are special.

    Positions of tokens count from the first one that the model read.
    """
    spans, firsts, specials = [], [], []
    for reading in readings:
        encoding = encode_text(text, reading.model.tokenizer)
        own = _side_by_side(encoding.offsets)
        spans.append([None if s else span for span, s in zip(own, encoding.special, strict=True)])
        first = len(encoding.ids) - len(reading.ids) if truncate == "left" else 0
        firsts.append(first)
        specials.append(encoding.special[first : first + len(reading.ids)])
    stretches, whole = [], []
    for part in align(len(text), spans):
        tokens = [
            [token - first for token in some if 0 <= token - first < len(reading.ids)]
            for some, first, reading in zip(part.tokens, firsts, readings, strict=True)
        ]
        stretches.append(Stretch(part.start, part.end, tokens))
        whole.append((len(tokens[0]) == len(part.tokens[0]), len(tokens[1]) == len(part.tokens[1])))
    return stretches, whole, specials


def _side_by_side(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans, each without what the one before it covers: of overlapping words the last letter is left."""
    before, found = 0, []
    for start, end in spans:
        found.append((max(start, before), end) if end > before else (start, end))
        before = max(before, end)
    return found


def _pool(count: int, readings: list[Reading]) -> int:
    """Return how many segments share a cell, so that all heads' maps fit in memory and matching takes seconds."""
    most = 1
    for reading in readings:
        config = reading.model.config.get_text_config()
        most = max(most, getattr(config, "num_hidden_layers", 1) * getattr(config, "num_attention_heads", 1))
    return math.ceil(count / min(CELLS, math.sqrt(WEIGHTS / most)))


def _segment(text: str, part: Stretch, whole: tuple[bool, bool], runs: list[Measured]) -> Segment:
    pieces, bits = [], []
    for run, tokens, read_all in zip(runs, part.tokens, whole, strict=True):
        pieces.append(run.reading.pieces([run.reading.ids[token] for token in tokens]))
        bits.append(run.bits(tokens) if read_all else None)
    return Segment(text[part.start : part.end], part.start, part.end, pieces[0], pieces[1], bits[0], bits[1])


def _side(run: Measured, bits_per_byte: float | None) -> ComparedModel:
    model, nats = run.reading.model, run.nats
    mean = math.fsum(nats) / len(nats) if nats else None
    layers: dict[int, list[Head]] = {}
    for head in run.heads:
        layers.setdefault(head.layer, []).append(head)
    return ComparedModel(
        name=model.name,
        type=model.config.model_type,
        causal=run.causal,
        parameters=sum(weight.numel() for weight in model.module.parameters()),
        layers=len(layers),
        heads_per_layer=len(run.heads) // len(layers),
        tokens=len(run.reading.ids),
        special=sum(run.special),
        scored=len(nats) if nats is not None else None,
        bits=math.fsum(nats) / LN2 if nats is not None else None,
        bits_per_byte=bits_per_byte if nats is not None else None,
        perplexity=None if mean is None else math.exp(mean) if mean < 700 else math.inf,
        outside=round(float(run.outside.mean()), DIGITS),
        ahead=round(float(run.ahead.mean()), DIGITS),
        roles=dict(collections.Counter(head.role for head in run.heads).most_common()),
        depths=[
            ComparedLayer(layer, run.depth(layer), *(_mean([getattr(head, name) for head in some]) for name in MEANS))
            for layer, some in layers.items()
        ],
    )


def _mean(values: list[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return round(math.fsum(there) / len(there), DIGITS) if there else None


def _place(run: Measured, layer: int, head: int) -> int:
    return next(i for i, one in enumerate(run.heads) if (one.layer, one.head) == (layer, head))


def _matches(runs: list[Measured], alike_AB: torch.Tensor) -> list[HeadMatch]:
    best = [alike_AB.argmax(1).tolist(), alike_AB.argmax(0).tolist()]
    found = []
    for which, (run, other) in enumerate(((runs[0], runs[1]), (runs[1], runs[0]))):
        for i, head in enumerate(run.heads):
            j = best[which][i]
            match = other.heads[j]
            found.append(
                HeadMatch(
                    model="ab"[which],
                    layer=head.layer,
                    head=head.head,
                    depth=run.depth(head.layer),
                    role=head.role,
                    certainty=head.certainty,
                    share=round(1 - float(run.outside[i]), DIGITS),
                    best_layer=match.layer,
                    best_head=match.head,
                    best_depth=other.depth(match.layer),
                    best_role=match.role,
                    similarity=round(float(alike_AB[i, j] if which == 0 else alike_AB[j, i]), DIGITS),
                    mutual=best[1 - which][j] == i,
                )
            )
    return found


def _pairs(matches: list[HeadMatch]) -> list[HeadPair]:
    """Choose the pairs to show: mutual matches, the most similar of each role first, then one-sided matches."""
    ranked = sorted((match for match in matches if match.model == "a" or not match.mutual), key=lambda m: -m.similarity)
    mutual = [match for match in ranked if match.mutual]
    firsts = {match.role: match for match in reversed(mutual)}
    ordered = [match for match in mutual if firsts[match.role] is match]
    ordered += [match for match in mutual if firsts[match.role] is not match]
    shown: list[HeadPair] = []
    for m in ordered + [match for match in ranked if not match.mutual]:
        own, other = [m.layer, m.head], [m.best_layer, m.best_head]
        a, b, role_a, role_b = (own, other, m.role, m.best_role)
        if m.model == "b":
            a, b, role_a, role_b = (other, own, m.best_role, m.role)
        if len(shown) < PAIRS and (m.mutual or not any(a == pair.a or b == pair.b for pair in shown)):
            shown.append(HeadPair(a, b, role_a, role_b, m.similarity, m.mutual))
    return sorted(shown, key=lambda pair: (not pair.mutual, -pair.similarity))
