r"""The tokenizer of a GGUF, cut as the model was trained.

A GGUF with byte-level BPE names its pre-tokenizer (`tokenizer.ggml.pre`): how text is split before merges are made.
transformers knows some of the names and splits all others as GPT-2 does, without a warning. Here every name leads to
the right split or to an error. The names and their splits are those of llama.cpp (`src/llama-vocab.cpp`: the load
function and `llm_tokenizer_bpe`). If llama.cpp had to rewrite a pattern for its own engine, the pattern here is that of
the model's tokenizer.json, which `tokenizers` can run.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from cutaway.errors import UnsupportedArchitecture

GPT2 = "gpt2"  # the split that `ByteLevel` has built in
DIGITS = r"\p{N}"  # each alone

_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_ELISION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORD = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_LLAMA3 = rf"{_ELISION}|{_WORD}|\p{{N}}{{1,3}}{_TAIL}"
_QWEN2 = rf"{_ELISION}|{_WORD}|\p{{N}}{_TAIL}"
_QWEN35 = (
    rf"{_ELISION}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SLASHED = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def _cased(after: str, digits: str) -> str:
    before = r"[^\r\n\p{L}\p{N}]?"
    return f"{before}{_UPPER}*{_LOWER}+{after}|{before}{_UPPER}+{_LOWER}*{after}|{digits}{_SLASHED}"


_GPT4O = _cased(f"{_ELISION}?", r"\p{N}{1,3}")
_ASCII_MARKS = r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]"""
_CJK = "[一-龥぀-ゟ゠-ヿ]+"
_MARKED = rf"{_ASCII_MARKS}[A-Za-z]+|[^\r\n\p{{L}}\p{{P}}\p{{S}}]?[\p{{L}}\p{{M}}]+| ?[\p{{P}}\p{{S}}]+"
_DEEPSEEK3 = (r"\p{N}{1,3}", _CJK, rf"{_MARKED}[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
_BLOOM = r" ?[^(\s|.,!?…。，、।۔،)]+"
_PIECES_OF_SPACE = "".join(rf"|\s{{{n}}}(?!\S)" for n in (512, 256, 128, 64, 32, 16, 8, 4))


@dataclasses.dataclass(frozen=True)
class PreTokenizer:
    """How text is split before merges: each of `splits` in turn; matches and the text between them become pieces.

    With `whole`, a piece that is a token is taken as that token, without merges. `add_bos` holds if the file does not
    say.
    """

    splits: tuple[str, ...]
    whole: bool = False
    add_bos: bool = False


_NAMES = {
    "gpt-2 phi-2 mpt olmo jais trillion granite-docling gigachat a.x-4.0 mellum exaone4 modern-bert": PreTokenizer(
        (GPT2,)
    ),
    "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2": PreTokenizer((DIGITS, GPT2)),
    "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano": PreTokenizer(
        (_LLAMA3,), whole=True, add_bos=True
    ),
    "dbrx smaug-bpe glm4 chatglm-bpe": PreTokenizer((_LLAMA3,)),
    "qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan grok-2 solar-open": PreTokenizer((_QWEN2,)),
    "qwen35": PreTokenizer((_QWEN35,)),
    "ufakzeka": PreTokenizer((rf"{_WORD}|\p{{N}}{_TAIL}",)),
    "laguna": PreTokenizer((r"[^\n]+|[\n]+", _QWEN2)),
    "minicpm5": PreTokenizer((r"\p{N}{1,3}", rf"{_ELISION}|{_WORD}|\p{{N}}+{_TAIL}"), whole=True),
    "tekken": PreTokenizer((_cased("", DIGITS),), whole=True, add_bos=True),
    "gpt-4o llama4 kanana2 talkie minimax-m2": PreTokenizer((_GPT4O,)),
    "tiny_aya cohere2moe": PreTokenizer((r"\d{1,3}(?=(?:\d{3})*\b)", _GPT4O)),
    "deepseek-v3 hunyuan-dense joyai-llm hy_v4": PreTokenizer(_DEEPSEEK3),
    "deepseek-coder": PreTokenizer((r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", DIGITS)),
    "falcon": PreTokenizer((r"[\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]")),
    "poro-chat bloom gpt3-finnish": PreTokenizer((_BLOOM,)),
    "viking": PreTokenizer((_BLOOM, DIGITS)),
    "bailingmoe bailingmoe2 llada-moe": PreTokenizer(
        (
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]"
            r"|\s+(?!\S)|\s+",
        )
    ),
    "seed-coder": PreTokenizer((rf"{_ELISION}|{_WORD}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+",)),
    "exaone-moe": PreTokenizer(
        (
            rf"{_ELISION}|[^\r\n\p{{L}}\p{{N}}]?(?:\p{{L}}\p{{M}}*(?: \p{{L}}\p{{M}}*)*)+|\p{{N}}"
            r"| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+",
        )
    ),
    "jais-2": PreTokenizer(
        (
            rf"{_ELISION}|{_WORD}|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+"
            rf"{_PIECES_OF_SPACE}|\s{{1,2}}(?!\S)|\s{{1}}",
        )
    ),
}
PRE_TOKENIZERS = {name: found for names, found in _NAMES.items() for name in names.split()}
KINDS = ("gpt2", "llama", "gemma4")  # of `tokenizer.ggml.model`: byte-level BPE, two forms of SentencePiece


def check_names(source: Path) -> dict[str, Any]:
    """Read a GGUF's metadata and return it; raise `UnsupportedArchitecture` for a tokenizer that would be cut wrongly.

    Raises whatever transformers' reader raises on a damaged file.
    """
    from transformers.integrations.gguf.reader import read_gguf_metadata

    metadata, _ = read_gguf_metadata(str(source))
    kind, pre = metadata.get("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.pre")
    if kind is not None and kind not in KINDS:
        raise UnsupportedArchitecture(
            f"{source.name} has a tokenizer of kind {kind!r} (tokenizer.ggml.model), which can't be rebuilt here",
            hint=f"supported kinds: {', '.join(KINDS)}",
        )
    if kind == "gpt2":
        pre_tokenizer(pre, source.name)
    return metadata


def pre_tokenizer(name: str | None, source: str) -> PreTokenizer:
    """Return how a GGUF's text is split, by the name in its `tokenizer.ggml.pre`; raise `UnsupportedArchitecture`."""
    if not name or name == "default":
        raise UnsupportedArchitecture(
            f"{source} does not say how text is split (tokenizer.ggml.pre is {repr(name) if name else 'missing'}), so "
            "its tokens can't be known",
            hint="take a newer GGUF of the model, or make one with a current llama.cpp (convert_hf_to_gguf.py)",
        )
    found = PRE_TOKENIZERS.get(name)
    if found is None:
        raise UnsupportedArchitecture(
            f"{source} names the pre-tokenizer {name!r} (tokenizer.ggml.pre), which is not supported: its text would "
            "be split wrongly",
            hint=f"supported: {', '.join(sorted(PRE_TOKENIZERS))}",
        )
    return found


def cut(tokenizer: Any, how: PreTokenizer) -> None:
    """Give a byte-level BPE of `tokenizers` this split, in place."""
    from tokenizers import Regex, decoders, pre_tokenizers

    steps = [
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        if split == GPT2
        else pre_tokenizers.Split(Regex(split), behavior="isolated")
        for split in how.splits
    ]
    if GPT2 not in how.splits:  # the step from characters to bytes
        steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    tokenizer.normalizer = None
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.model.ignore_merges = how.whole


def defaults(metadata: dict[str, Any]) -> dict[str, bool]:
    """Return settings for transformers' tokenizer: what holds of the special tokens if the file does not say."""
    if metadata.get("tokenizer.ggml.model") != "gpt2":
        return {}
    return {"add_bos_token": True} if PRE_TOKENIZERS[metadata["tokenizer.ggml.pre"]].add_bos else {}


def correct(tokenizer: Any, metadata: dict[str, Any], source: str) -> None:
    """Correct, in place, the `backend_tokenizer` that transformers built from a GGUF to what the file says."""
    from tokenizers import decoders, pre_tokenizers

    kind, prefix = metadata.get("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.add_space_prefix")
    if kind == "gpt2":
        cut(tokenizer, pre_tokenizer(metadata.get("tokenizer.ggml.pre"), source))
    elif isinstance(tokenizer.pre_tokenizer, pre_tokenizers.Metaspace) and prefix is False:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="never", split=False)
        tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
