"""Made-up records for the figures, of the sizes that real models give."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cutaway.array_codec import pack_array, pack_maps

TEXT = "The cat sat on the mat because it was tired, not wet."
PIECES = ["The", " cat", " sat", " on", " the", " mat", " because", " it", " was", " tired", ",", " not", " wet", "."]
ROLES = ["first token", "previous token", "next token", "same token", "duplicate token", "induction", "local", "broad"]
ROLES += ["mixed"]
PROTEIN = "ACDEFGHIKLMNPQRSTVWY"
SCORES = ["sink", "current", "previous", "next", "duplicate", "induction", "received"]


def weights(heads: int, rows: int, columns: int, causal: bool, dice: np.random.Generator) -> Any:
    """Rows that add up to 1 [H, T, S], each head with a sink and a favourite distance."""
    query, key = np.mgrid[:rows, :columns]
    sink, near, far = dice.random((3, heads, 1, 1)) * [[[[4]]], [[[5]]], [[[4]]]]
    logits = sink * (key == 0) + near * (query - key == np.ceil(far)) + dice.normal(0, 0.6, (heads, rows, columns))
    if causal:
        logits = np.where(query >= key, logits, -np.inf)
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def stack(kind: str, layers: list[int], heads: list[int], queries: list[str], keys: list[str]) -> dict[str, Any]:
    dice, causal = np.random.default_rng(len(layers)), kind in {"self", "decoder"}
    maps = [weights(len(heads), len(queries), len(keys), causal, dice) for _ in layers]
    return {
        "kind": kind,
        "causal": causal,
        "layers": layers,
        "heads": heads,
        "queries": queries,
        "keys": keys,
        "query_words": list(range(len(queries))),
        "key_words": list(range(len(keys))),
        "maps": dataclasses.asdict(pack_maps(maps, causal=causal)),
        "scores": [],
        "received": [0.1] * len(keys),
        "rollout": None,
    }


def attention(layers: int = 30, heads: int = 9, tokens: int = 14) -> dict[str, Any]:
    pieces = [PIECES[i % len(PIECES)] for i in range(tokens)]
    chosen = [stack("self", list(range(layers)), list(range(heads)), pieces, pieces)]
    return {
        "schema": "cutaway.attention/1",
        "model": "smollm2-135m",
        "text": TEXT,
        "generated": 0,
        "stacks": chosen,
        "neurons": [],
    }


def translation(layers: int = 6, heads: int = 8) -> dict[str, Any]:
    target = ["▁Le", "▁chat", "▁était", "▁fatigué", ".", "</s>"]
    numbers = list(range(layers)), list(range(heads))
    stacks = [
        stack("encoder", *numbers, PIECES, PIECES),
        stack("decoder", *numbers, target, target),
        stack("cross", *numbers, target, PIECES),
    ]
    return attention(1, 1) | {"model": "marian-en-fr", "stacks": stacks}


def translated(layers: int = 3, heads: int = 6, length: int = 14) -> dict[str, Any]:
    """Return a translation with its beams; the attention of its tokens is made up."""
    source = [PIECES[i % len(PIECES)] for i in range(length)]
    target = ["Le", " chat", " était", " assis", " sur", " le", " tapis", ".", "<|end|>"]
    dice = np.random.default_rng(8)
    maps = np.stack([weights(heads, len(target), length, False, dice) for _ in range(layers)])
    mean_TS = maps.mean((0, 1))
    tokens = [
        {"token": token, "id": 40 + i, "logprob": -0.1 * (i + 1), "source": int(row_S.argmax()), "weight": row_S.max()}
        for i, (token, row_S) in enumerate(zip(target, mean_TS, strict=True))
    ]
    texts = ["Le chat était assis sur le tapis.", "Le chat était sur le tapis.", "Un chat était assis"]
    beams = [
        {"text": text, "score": -0.5 - 0.2 * i, "logprob": -4.5 - i, "tokens": 9 - i, "ended": i < 2}
        for i, text in enumerate(texts)
    ]
    return {
        "schema": "cutaway.translation/1",
        "model": "english-french",
        "text": TEXT,
        "translation": texts[0],
        "source": source,
        "source_ids": list(range(length)),
        "tokens": tokens,
        "beams": beams,
        "settings": {"num_beams": 3, "length_penalty": 1.0, "max_new_tokens": 44},
        "familiarity": {
            "unit": "word", "count": 12, "known": 5, "written": 1, "unknown": ["cat", "sat", "mat"], "foreign": True,
        },
        "warnings": ["english-french met 5 of the text's 12 words, and not 'cat', 'sat', 'mat', …"],
        "heads": heads,
        "attention": dataclasses.asdict(pack_maps(list(maps), causal=False)),
    }  # fmt: skip


def heads(layers: int = 30, deep: int = 9, kinds: tuple[str, ...] = ("self",)) -> dict[str, Any]:
    dice = np.random.default_rng(4)
    entries = []
    for kind in kinds:
        for layer in range(layers):
            for head in range(deep):
                scores: dict[str, Any] = {name: float(dice.beta(0.5, 3)) for name in SCORES}
                scores["next"] = None if kind in {"self", "decoder"} else scores["next"]
                role = ROLES[int(dice.choice(9, p=[0.3, 0.1, 0.02, 0.05, 0.05, 0.08, 0.15, 0.15, 0.1]))]
                entries.append(
                    {
                        "kind": kind,
                        "layer": layer,
                        "head": head,
                        "role": role,
                        "certainty": float(dice.uniform(0.4, 1)),
                        "entropy_bits": float(dice.uniform(0, 3.8)),
                        "distance": float(dice.gamma(2, 1.5)),
                        **scores,
                        "received_position": int(dice.integers(14)),
                    }
                )
    return {
        "schema": "cutaway.heads/1",
        "model": "smollm2-135m",
        "text": TEXT,
        "tokens": PIECES,
        "layers": layers,
        "heads_per_layer": deep,
        "heads": entries,
        "chance": {"sink": 0.2321, "previous": 0.1678, "current": 0.2321, "duplicate": 0.11, "induction": 0.12},
    }


def mutations(profiled: bool = True, length: int = 110, letters: Sequence[str] = PROTEIN) -> dict[str, Any]:
    dice, letters = np.random.default_rng(5), list(letters)
    wild = [letters[i] for i in dice.integers(0, len(letters), length)]
    own = np.array([[letter == one for letter in letters] for one in wild])
    effects, counted = (np.where(own, 0, dice.normal(-4, 3, own.shape)).round(4).tolist() for _ in range(2))
    profile = {"alignment": "family.a3m", "rows": 412, "pseudocount": 1.0, "effects": counted, "spearman": 0.412}
    return {
        "schema": "cutaway.mutations/1",
        "model": "antiberty",
        "text": "".join(wild),
        "method": "masked marginals",
        "unit": "nats",
        "alphabet": "codon" if len(letters[0]) == 3 else "protein",
        "letters": letters,
        "positions": list(range(1, length + 1)),
        "wild": wild,
        "effects": effects,
        "wild_logprobs": dice.uniform(-3, 0, length).round(4).tolist(),
        "unscored": 2,
        "profile": profile | {"pairs": (len(letters) - 1) * length} if profiled else None,
    }


def contacts(told: bool = True, size: int = 60) -> dict[str, Any]:
    dice = np.random.default_rng(6)
    pairs = [(i, size - i) for i in range(4, 20)]
    maps = []
    for strength in (0.2, 0.6):
        noise = dice.normal(0, 0.01, (size, size))
        scores = (noise + noise.T).astype(np.float32)
        for i, j in pairs:
            scores[i, j] = scores[j, i] = strength * dice.random()
        maps.append(scores)
    residues = [PROTEIN[i] for i in dice.integers(0, 20, size)]
    top = sorted(((float(maps[0][i, j]), i, j) for i in range(size) for j in range(i + 6, size)), reverse=True)[:size]
    heads = [
        {"layer": i // 4, "head": i % 4, "i": 5, "j": 57, "score": 0.1 * i, "precision": 0.02 * i if told else None}
        for i in range(12)
    ]
    shares = [("L", 1), ("L/2", 2), ("L/5", 5)]
    precisions = [
        {"separation": far, "top": name, "taken": size // share, "precision": 0.1 * share, "chance": 0.011}
        for far in (6, 24)
        for name, share in shares
    ]
    return {
        "schema": "cutaway.contacts/1",
        "model": "antiberty",
        "text": "".join(residues),
        "residues": residues,
        "apc": True,
        "looks_ahead": True,
        "separation": 6,
        "pairs": [
            {"i": i + 1, "j": j + 1, "first": residues[i], "second": residues[j], "score": score,
             "known": (i, j) in pairs if told else None}
            for score, i, j in top
        ],
        "heads": heads,
        "scores": dataclasses.asdict(pack_array(maps[0])),
        "precisions": precisions if told else None,
        "best": heads[-1] if told else None,
        "best_scores": dataclasses.asdict(pack_array(maps[1])) if told else None,
        "best_precisions": precisions if told else None,
        "truth": [[i + 1, j + 1] for i, j in pairs] if told else None,
    }  # fmt: skip


def ablation(layers: int = 30, deep: int = 9) -> dict[str, Any]:
    dice, loss = np.random.default_rng(5), 3.2107
    changes = np.sign(dice.random((layers, deep)) - 0.3) * dice.exponential(0.03, (layers, deep)) ** 1.5 * 8
    if layers > 17 and deep > 5:
        changes[0, 3], changes[1, 5], changes[17, 2] = 1.92, 0.83, -0.21
    entries = [
        {
            "layer": layer,
            "head": head,
            "loss": loss + float(changes[layer, head]),
            "change": float(changes[layer, head]),
        }
        for layer in range(layers)
        for head in range(deep)
    ]
    return {
        "schema": "cutaway.ablation/1",
        "model": "smollm2-135m",
        "text": TEXT,
        "tokens": PIECES,
        "method": "mean",
        "loss": loss,
        "layers": layers,
        "heads_per_layer": deep,
        "heads": entries,
    }


def lens(size: int = 14, depth: int = 30) -> dict[str, Any]:
    dice = np.random.default_rng(6)
    words = [" the", ",", " of", "\n", " a", " moon", " extraordinarily", " cat"]
    settled = [int(layer) for layer in dice.integers(depth // 2, depth + 1, size)]
    answers = [str(word) for word in dice.choice(words, size)]

    def cell(layer: int, at: int) -> dict[str, Any]:
        known = layer >= settled[at]
        first = answers[at] if known else str(dice.choice([word for word in words if word != answers[at]]))
        probability = float(dice.beta(4, 2) if known else dice.beta(1, 6))
        return {
            "top": [{"token": first, "id": words.index(first), "probability": probability}],
            "answer_probability": probability if known else 0.001,
            "entropy_bits": 3.0,
            "kl_bits": 0.5 * (depth - layer),
            "target": None,
        }

    return {
        "schema": "cutaway.lens/1",
        "model": "smollm2-135m",
        "text": TEXT,
        "predicts": "next token",
        "tokens": [PIECES[at % len(PIECES)] for at in range(size)],
        "ids": list(range(size)),
        "positions": list(range(size)),
        "layers": list(range(depth + 1)),
        "grid": [{"layer": layer, "cells": [cell(layer, at) for at in range(size)]} for layer in range(depth + 1)],
        "settled": settled,
    }


def plane(count: int = 32) -> dict[str, Any]:
    dice = np.random.default_rng(8)
    words = (
        "cat dog horse cow sheep goat mouse wolf one two three four five six seven eight red green blue yellow white"
    )
    names = (words + " black grey pink France Spain Italy Chile Japan Kenya Peru India").split()
    groups = ["animals", "numbers", "colours", "countries"]
    centres = np.array([(-1.2, 0.8), (1.4, 0.9), (-0.4, -0.9), (1.1, -0.8)])
    points = []
    for i in range(count):
        x, y = centres[i * 4 // count] + dice.normal(0, 0.3, 2)
        points.append(
            {"token": f" {names[i % 32]}", "id": i, "group": groups[i * 4 // count], "x": float(x), "y": float(y)}
        )
    return {
        "schema": "cutaway.map/1",
        "model": "smollm2-135m",
        "method": "PCA",
        "explained": [0.231, 0.142],
        "points": points,
    }


def comparison(segments: int = 14, causal: tuple[bool, bool] = (True, False)) -> dict[str, Any]:
    from cutaway.inside.measure_descriptions import MEASURES

    dice = np.random.default_rng(11)
    shapes, cells = ((30, 9), (6, 12)), min(segments, 40)
    pool = -(-segments // cells)
    cells = -(-segments // pool)
    sides = [_compared(i, *shapes[i], segments, causal[i], dice) for i in (0, 1)]
    parts, at = [], 0
    for i in range(segments):
        piece = PIECES[i % len(PIECES)]
        bits = [float(dice.exponential(4)) if side["causal"] and i else None for side in sides]
        cut = [[piece], [piece.strip()[:2], piece.strip()[2:] or "."]]
        parts.append({"text": piece, "start": at, "end": at + len(piece), "tokens_a": cut[0], "tokens_b": cut[1]})
        parts[-1] |= {"bits_a": bits[0], "bits_b": bits[1]}
        at += len(piece)
    matches = [_match(side, layer, head, shapes, dice) for side in (0, 1) for layer in range(shapes[side][0])
               for head in range(shapes[side][1])]  # fmt: skip
    pairs = [
        {
            "a": [3 * i, i],
            "b": [i, 2 * i],
            "role_a": ROLES[i],
            "role_b": ROLES[2 * i % 5],
            "similarity": 0.97 - 0.03 * i,
        }
        for i in range(6)
    ]
    maps = [
        pack_maps([weights(1, cells, cells, side["causal"], dice) for _ in pairs], causal=side["causal"], pool=pool)
        for side in sides
    ]
    return {
        "schema": "cutaway.comparison/1",
        "model": "smollm2-135m and minilm-l6",
        "text": "".join(part["text"] for part in parts),
        "summary": [
            "smollm2-135m is causal.",
            "Their heads differ most in entropy.",
            "All pairs have 0.412.",
            "smollm2-135m has 134,515,008 parameters; minilm-l6 has 22,713,216.",
            "The text is 22 tokens.",
        ],
        "a": sides[0],
        "b": sides[1],
        "bytes": at - 3,
        "segments": parts,
        "compared": [0, segments],
        "similarity_mean": 0.412345,
        "matches": matches,
        "pairs": pairs,
        "maps_a": dataclasses.asdict(maps[0]),
        "maps_b": dataclasses.asdict(maps[1]),
        "measures": [dataclasses.asdict(measure) for measure in MEASURES],
    }


def _compared(which: int, layers: int, deep: int, segments: int, causal: bool, dice: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": ("smollm2-135m", "minilm-l6")[which],
        "type": ("llama", "bert")[which],
        "causal": causal,
        "parameters": (134515008, 22713216)[which],
        "layers": layers,
        "heads_per_layer": deep,
        "tokens": segments + 2 * which,
        "special": 2 * which,
        "outside": 0.4857 * which,
        "ahead": 0.0 if causal else 0.4056,
        "roles": {"first token": layers * deep - 40, "previous token": 13, "induction": 27},
    }
    names = ("scored", "bits", "bits_per_byte", "perplexity")
    found |= dict(zip(names, (segments - 1, 70.326, 1.2338, 58.1) if causal else (None,) * 4, strict=True))
    found["depths"] = [
        {
            "layer": layer,
            "depth": layer / (layers - 1),
            "entropy_bits": float(dice.uniform(1, 4)),
            "distance": float(dice.uniform(2, 6)),
            **{name: float(dice.beta(2, 5)) for name in ("sink", "previous")},
            **{name: float(dice.beta(1, 9)) if which else None for name in ("duplicate", "induction")},
        }
        for layer in range(layers)
    ]
    return found


def _match(which: int, layer: int, head: int, shapes: Any, dice: Any) -> dict[str, Any]:
    other = shapes[1 - which]
    best = int(dice.integers(other[0])), int(dice.integers(other[1]))
    return {
        "model": "ab"[which],
        "layer": layer,
        "head": head,
        "depth": layer / (shapes[which][0] - 1),
        "role": ROLES[(layer + head) % len(ROLES)],
        "certainty": float(dice.uniform(0.4, 1)),
        "share": 1.0 if not which else float(dice.uniform(0.1, 0.9)),
        "best_layer": best[0],
        "best_head": best[1],
        "best_depth": best[0] / (other[0] - 1),
        "best_role": ROLES[sum(best) % len(ROLES)],
        "similarity": float(dice.uniform(0.4, 0.97)),
        "mutual": bool(head == 0),
    }


def generation(size: int = 22) -> dict[str, Any]:
    """A traced generation: made-up logits, and all the rest as `generate` computes it."""
    import torch

    from cutaway.generation.drawing import choose
    from cutaway.generation.rows import Row
    from cutaway.generation.settings import Sampling
    from cutaway.generation.trace import trace

    class Words:
        def piece(self, token_id: int) -> str:
            return PIECES[token_id] if token_id < len(PIECES) else f" w{token_id}"

        def decode(self, ids: list[int]) -> str:
            return "".join(map(self.piece, ids))

    words: Any = Words()
    row = Row(TEXT, [0, 1, 2], Sampling(0.8, 6, 0.9, 0.02, 1.1, 0.2), seed=2, max_new_tokens=size, traced=True)
    dice = torch.Generator().manual_seed(5)
    for _ in range(size):
        logits_V = torch.randn(4000, generator=dice)
        logits_V[: len(PIECES)] += 10 * torch.rand(len(PIECES), generator=dice)
        chosen = choose(logits_V[None].numpy(), [row], frozenset())
        row.logprobs += chosen.logprobs
        row.steps.append(trace(logits_V.numpy(), row, chosen.ids[0], words))
        row.take(chosen.ids[0], words, frozenset())
    return {
        "schema": "cutaway.generation/1",
        "model": "smollm2-135m",
        "prompt": row.prompt,
        "completion": row.text,
        "tokens": [words.piece(i) for i in row.ids],
        "token_ids": row.ids,
        "logprobs": row.logprobs,
        "alternatives": [],
        "finish_reason": "length",
        "seed": row.seed,
        "settings": {**dataclasses.asdict(row.sampling), "max_new_tokens": size},
        "trace": [dataclasses.asdict(step) for step in row.steps],
    }


def sweep(models: int = 1, prompts: int = 4, greedy: bool = True, texts: bool = True) -> dict[str, Any]:
    """Return a sweep over temperature and top-p, its numbers reckoned as those of a real one, its texts made up."""
    from cutaway.generation.sweep_runs import SweepPlan, SweepRun, settings_grid
    from cutaway.generation.sweeps import summed_up

    dice = np.random.default_rng(5)
    names = ["smollm2-135m", "./runs/mine", "org/third"][:models]
    grid, cells = settings_grid({"temperature": [0.0, 0.7, 1.5] if greedy else [0.7, 1.5], "top_p": [0.8, None]})
    given = [f"{text} {i}" if i > 3 else text for i, text in zip(range(prompts), itertools.cycle(OPENINGS))]
    plan = SweepPlan(given, names, grid, cells, 2, 0, "near", "smollm2-135m")
    runs = []
    for m, model in enumerate(names):
        for p, group in enumerate(plan.groups()):
            heat = group.settings["temperature"]
            for sample in range(group.samples):
                words = [WORDS[int(i)] for i in dice.integers(0, len(WORDS), 12)]
                metrics = {
                    "scorer_perplexity": float(np.exp(1 + 2 * heat + m + dice.normal(0, 0.3))),
                    "scorer_bits_per_byte": float(0.4 + heat + dice.normal(0, 0.1)),
                    "perplexity": float(np.exp(1 + 2 * heat + dice.normal(0, 0.3))),
                    "entropy_bits": float(3 + heat + dice.normal(0, 0.2)),
                    "dictionary_words": float(1 - 0.2 * heat * dice.random()),
                    "repeated_4grams": float(dice.random() * 0.1) if heat < 1 else 0.0,
                    "distinct_1": float(0.7 + 0.2 * dice.random()),
                    "distinct_2": float(0.8 + 0.2 * dice.random()),
                    "self_bleu": None if group.samples == 1 else float(0.2 * dice.random()),
                    "compression_ratio": float(1 + 0.4 * dice.random()),
                    "reading_ease": float(60 - 20 * heat + dice.normal(0, 8)),
                    "finished": float(p % 3 == 0),
                    "tokens": 16.0,
                }
                end = "eos" if p % 3 == 0 else "length"
                text = " " + " ".join(words) + "\n."
                seed = int(dice.integers(2**31))
                tail = (list(range(16)), end, metrics, "near", "smollm2-135m")
                runs.append(SweepRun(model, group.prompt, group.settings, sample, seed, text, *tail))
    whole = summed_up(plan, runs)
    return (whole if texts else dataclasses.replace(whole, runs=[])).to_dict()


def tokenizer_comparison(tokenizers: int = 5, samples: int = 4) -> dict[str, Any]:
    """Tokenizers × samples, some of which lose something on some."""
    dice = np.random.default_rng(samples)
    names = ["gpt2-vocab", "minilm-l6", "runs/dna-bpe", "runs/codons", "runs/smiles-atoms"][:tokenizers]
    of = [("play.txt", "text"), ("ecoli.fna", "dna"), ("moses.csv", "smiles"), ("seattle.csv", "series")][:samples]
    found, cells = [], []
    for name, alphabet in of:
        series, text = alphabet == "series", alphabet == "text"
        symbol = "number" if series else "character"
        found.append(
            {
                "name": name,
                "alphabet": alphabet,
                "records": 120,
                "symbols": 48_000,
                "words": 9_000 if text else None,
                "bytes": 384_000 if series else 48_000,
                "symbol": symbol,
                "unit": "word" if text else symbol,
                "whole": alphabet != "dna",
                "skipped": 2 if alphabet == "smiles" else 0,
            }
        )
        for i, tokenizer in enumerate(names):
            tokens, lossy = int(dice.integers(9_000, 40_000)), (i + len(found)) % 3 == 0
            cells.append(
                {
                    "tokenizer": tokenizer,
                    "sample": name,
                    "tokens": tokens,
                    "fertility": tokens / (9_000 if text else 48_000),
                    "symbols_per_token": 48_000 / tokens,
                    "bytes_per_token": found[-1]["bytes"] / tokens,
                    "unknown": float(dice.random() / 20) if lossy else 0.0,
                    "byte_fallback": float(dice.random() / 90),
                    "exact": float(dice.random()) if lossy else 1.0,
                    "error": (i / 90 if lossy else 0.0) if series else None,
                    "used": float(dice.random()),
                    "substitution": float(1 + 3 * dice.random()),
                    "indel": None if i == 3 else float(1 + 30 * dice.random()),
                    "bits_per_symbol": float(1.5 + 2 * dice.random()),
                    "comparable": not lossy,
                    "encode_mb_per_s": float(1 + 9 * dice.random()),
                }
            )
    return {
        "schema": "cutaway.tokenizer_comparison/1",
        "tokenizers": [{"name": name, "kind": "bpe", "vocab_size": 4096} for name in names],
        "samples": found,
        "cells": cells,
        "summary": [f"On {name} ({alphabet}) {names[0]} needs the fewest tokens." for name, alphabet in of],
        "edits": 200,
        "seed": 0,
    }


def sample_evaluation() -> dict[str, Any]:
    """Return the record of molecules that a model wrote beside test records, records of the train part, and noise."""
    shown = [
        ("valid", "valid", "", "higher", (0.951, 1.0, 1.0, 0.02)),
        ("fcd", "FCD", "", "lower", (0.319, 0.0, 0.249, None)),
        ("length", "length", "letters", "test", (34.2, 35.1, 35.0, 35.0)),
    ]

    def measured(value: float | None, wide: float) -> dict[str, float | None]:
        return {"value": value, "low": value and value - wide, "high": value and value + wide}

    names = ["test", "train", "shuffled"]
    return {
        "schema": "cutaway.sample_evaluation/1",
        "model": "molecules",
        "source": "written at temperature 1, seeds 0 to 9999",
        "data": "test.csv.gz",
        "alphabet": "smiles",
        "n": 10_000,
        "units": "records",
        "seed": 0,
        "verdict": "FCD: 0.319 [0.312, 0.331]; of records of the train part 0.249.",
        "headline": "fcd",
        "metrics": {key: measured(values[0], 0.01) for key, *_, values in shown},
        "baselines": {
            name: {key: measured(values[i + 1], 0.004) for key, *_, values in shown} for i, name in enumerate(names)
        },
        "about": [
            {"key": key, "title": title, "unit": unit, "better": better, "best": None, "meaning": f"About {title}."}
            for key, title, unit, better, _ in shown
        ],
        "made": dict.fromkeys(names, "how it was made"),
        "counts": {"written": 10_000, "test records": 10_000, "of": 176_074, "train records": 1_584_663},
        "notes": ["Intervals: 95 %.", "3 records not ended by the model: cut at the longest length."],
        "examples": ["CCO", "c1ccccc1", "(no sequence)", "CC(C)(C)C(=O)C(Oc1ccc(Cl)cc1)n1ccnc1"],
    }


def forecast(horizon: int = 7, channels: int = 2) -> dict[str, Any]:
    """Return the record of a forecast: waves, with the fans of a model and of two baselines."""
    levels = [0.1, 0.3, 0.5, 0.7, 0.9]

    def fan(by: str, middle: float, wide: float) -> dict[str, Any]:
        means = [middle + math.sin(h) for h in range(1, horizon + 1)]
        return {
            "by": by,
            "quantiles": [
                [mean + wide * (level - 0.5) * math.sqrt(h + 1) for h, mean in enumerate(means)] for level in levels
            ],
            "means": means,
        }

    return {
        "schema": "cutaway.forecast/1", "model": "weather-days", "series": "seattle-weather.csv", "step": "day",
        "horizon": horizon, "read": 33, "samples": 100, "seed": 0, "temperature": 1.0, "levels": levels,
        "channels": [
            {
                "name": ("temp_max", "wind, <b>at</b> noon", "precipitation", "pressure")[c],
                "history": [12 + 9 * c + 5 * math.sin(t / 4) for t in range(max(20, 3 * horizon))],
                "fans": [fan("weather-days", 11 + 9 * c, 3), fan("persistence", 14 + c, 6), fan("climatology", 9, 3)],
            }
            for c in range(channels)
        ],
        "made": {"weather-days": "100 sampled continuations, temperature 1", "persistence": "the last value"},
        "notes": ["temp_max is 9 to 40, and weather-days learned from -2 to 36: the forecast may be worse."],
    }  # fmt: skip


def evaluation(objective: str = "causal") -> dict[str, Any]:
    """Return the record of a model beside baselines: of next tokens, of labels, or of numbers."""
    shown = {
        "causal": [("bits_per_symbol", "bits per letter", "bits", "lower"), ("perplexity", "perplexity", "", "lower")],
        "classes": [
            ("accuracy", "accuracy", "", "higher"),
            ("auroc", "AUROC", "", "higher"),
            ("calibration_error", "calibration error", "", "lower"),
        ],
        "numbers": [("mae", "mean absolute error", "", "lower"), ("spearman", "Spearman", "", "higher")],
    }[objective]
    names = {"causal": ["uniform", "n-gram"], "classes": ["majority"], "numbers": ["mean"]}[objective]
    bins = [(0.4, 0.467, 20, 0.44, 0.35), (0.6, 0.667, 55, 0.63, 0.6), (0.933, 1.0, 25, 0.97, 0.98)]

    def measured(value: float | None, wide: float = 0.02) -> dict[str, float | None]:
        return {"value": value, "low": value and value - wide, "high": value and value + wide}

    return {
        "schema": "cutaway.evaluation/1",
        "model": "my-model",
        "data": "held-out.fa",
        "objective": objective,
        "alphabet": "dna",
        "symbol": "letter",
        "n": 100,
        "units": "records",
        "draws": 2000,
        "seed": 0,
        "verdict": "The model needs 1.712 bits per letter [1.692, 1.732]: no clear difference from the best baseline.",
        "headline": shown[0][0],
        "metrics": {key: measured(0.7 + i) for i, (key, *_) in enumerate(shown)},
        "baselines": {
            name: {key: measured(None if key == "spearman" else 0.8 + 3 * b + i) for i, (key, *_) in enumerate(shown)}
            for b, name in enumerate(names)
        },
        "differences": {
            key: {"baseline": names[0], "value": -0.1, "low": -0.12, "high": -0.08, "clear": "better"}
            for key, *_ in shown
        },
        "about": [
            {"key": key, "title": title, "unit": unit, "better": better, "best": None, "meaning": f"About {title}."}
            for key, title, unit, better in shown
        ],
        "made": dict.fromkeys(names, "how it was made"),
        "counts": {"records": 100, "of": 120, "tokens": 4100, "symbols": 4000, "train records": 400},
        "notes": ["Parts: the train part is another file.", "Intervals: 95 %."],
        "labels": ["low", "high"] if objective == "classes" else [],
        "calibration": [
            {"low": low, "high": high, "count": count, "confidence": sure, "right": right}
            for low, high, count, sure, right in bins
            if objective == "classes"
        ],
        "confusion": [[40, 10], [5, 45]] if objective == "classes" else [],
        "texts": [],
        "points": [
            {"id": f"r{i}", "truth": 10 + i / 7, "predicted": 10 + (i * 3 % 17) / 5}
            for i in range(40)
            if objective == "numbers"
        ],
    }


OPENINGS = ["The capital of France is", "Once upon a time, a fox", "Photosynthesis is", "My favourite thing is"]
WORDS = ["the", "fox", "lights", "a", "green", "window", "and", "sleeps", "blorft", "under", "his", "warm", "engine"]


def every() -> dict[str, dict[str, Any]]:
    """Return records of every schema that has a figure, in every shape it can have."""
    return {
        "attention": attention(),
        "generation": generation(),
        "a long generation, not traced": generation(300) | {"trace": None},
        "one head": attention(1, 1),
        "long": attention(2, 2, 600),
        "translation": translation(),
        "one head translated": translation(1, 1),
        "a translation": translated(),
        "heads": heads(),
        "heads of a translator": heads(6, 8, ("encoder", "decoder", "cross")),
        "ablation": ablation(),
        "mutations": mutations(),
        "contacts": contacts(),
        "forecast": forecast(),
        "forecast of a step": forecast(1, 1),
        "long forecast": forecast(48, 4),
        "evaluation": evaluation(),
        "evaluation of labels": evaluation("classes"),
        "evaluation of samples": sample_evaluation(),
        "evaluation of numbers": evaluation("numbers"),
        "comparison": comparison(),
        "comparison of decoders": comparison(300, (True, True)),
        "comparison of encoders": comparison(3, (False, False)),
        "lens": lens(),
        "long lens": lens(90, 6),
        "map": plane(),
        "sweep": sweep(),
        "sweep of models": sweep(3, 2, greedy=False),
        "sweep of one prompt without texts": sweep(1, 1, texts=False),
        "tokenizer comparison": tokenizer_comparison(),
        "one tokenizer compared": tokenizer_comparison(1, 1),
        "one point": plane(1),
        "map without directions": plane() | {"method": "t-SNE", "explained": [], "trustworthiness": 0.93},
    }
