"""How the text of a GGUF is split before merges: against transformers, another regex engine, and cuts made by hand."""

import pytest
import regex
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.pre_tokenizers import ByteLevel
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

from cutaway.models import gguf_tokenizer
from cutaway.models.gguf_tokenizer import GPT2, PRE_TOKENIZERS

TEXTS = [
    "Steps:\n\n1. Go\n2. Stop 12345678 times",
    "in 2024 hi 123 ½ ٣٤ Ⅻ x2y3",
    "I'm sure we'LL say it's DON'T 'ten",
    "tabs\t\tand   spaces \n  \r\n\r\n end  ",
    "def f(x):\n    return x**2 + {'a': [1, 22, 333, 4444]}\n\n\n",
    "Ärger über Größe, naïve café — “quoted”…",
    "ÑandÚ XMLHttpRequest iPhone McDonald ΑΒγδ ЖЗик",
    "我想在apple工作1314151天～ ひらがなカタカナ 한국어",
    "हिन्दी में १२३ ภาษาไทย ខ្មែរ",
    "🦙.cpp 😶‍🌫️ a/b//c\n/d ''''''```\"\"\"......!!!???",
    " leading,trailing  (both) $5 <=> ^~|` \u00a0nbsp\u3000wide",
    "",
]
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def pieces(name: str, text: str) -> list[str]:
    """The pieces in which a tokenizer of that name splits a text, as they stand in it."""
    tokenizer = Tokenizer(models.BPE())
    gguf_tokenizer.cut(tokenizer, PRE_TOKENIZERS[name])
    return [text[start:end] for _, (start, end) in tokenizer.pre_tokenizer.pre_tokenize_str(text)]


def by_regex(patterns: tuple[str, ...], text: str) -> list[str]:
    """The same by Python's `regex`: what matches and what lies between, pattern after pattern."""
    found = [text]
    for pattern in patterns:
        parts = []
        for piece in found:
            at = 0
            for match in regex.finditer(GPT2_PATTERN if pattern == GPT2 else pattern, piece, regex.V0):
                parts += [piece[at : match.start()], match[0]]
                at = match.end()
            parts.append(piece[at:])
        found = [part for part in parts if part]
    return found


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_another_engine_splits_alike(name):
    for text in TEXTS:
        found = pieces(name, text)
        assert found == by_regex(PRE_TOKENIZERS[name].splits, text)
        assert "".join(found) == text


@pytest.mark.parametrize("name", GGUF_PRE_TOKENIZER_SPLITS)
def test_transformers_splits_alike_what_it_knows(name):
    """Those of its names that are known here; its patterns come from the models' own tokenizer files."""
    assert [pieces(name, text) for text in TEXTS] == [
        by_regex((GGUF_PRE_TOKENIZER_SPLITS[name],), text) for text in TEXTS
    ]


@pytest.mark.parametrize(
    ("name", "text", "right"),
    [
        ("gpt-2", "in 2024:\n\n12", ["in", " 2024", ":", "\n", "\n", "12"]),
        ("smollm", "in 2024:\n\n12", ["in", " ", "2", "0", "2", "4", ":", "\n\n", "1", "2"]),
        ("starcoder", "x = 10", ["x", " =", " ", "1", "0"]),
        ("falcon", "a==1234 b", ["a", "==", "123", "4", " b"]),
        ("deepseek-coder", "a 12\r\nb!", ["a", " ", "1", "2", "\r", "\n", "b", "!"]),
        ("deepseek-v3", "at 12345.", ["at", " ", "123", "45", "."]),
        ("llama-bpe", "it's 12345", ["it", "'s", " ", "123", "45"]),
        ("qwen2", "it'S 123", ["it", "'S", " ", "1", "2", "3"]),
        ("gpt-4o", "fooBar's", ["foo", "Bar's"]),
        ("tekken", "fooBar's", ["foo", "Bar", "'s"]),
        ("tiny_aya", "n 1234567", ["n", " ", "1", "234", "567"]),
        ("bloom", "one, two", ["one", ",", " two"]),
        ("seed-coder", "a!\nb", ["a", "!", "\n", "b"]),
        ("exaone-moe", "one two 3", ["one two", " ", "3"]),
    ],
)
def test_cuts_made_by_hand(name, text, right):
    assert pieces(name, text) == right


def test_bytes_are_mapped_once():
    for name in PRE_TOKENIZERS:
        tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(sorted(ByteLevel.alphabet()))}, merges=[]))
        gguf_tokenizer.cut(tokenizer, PRE_TOKENIZERS[name])
        for text in TEXTS:
            ids = tokenizer.encode(text).ids
            assert len(ids) == len(text.encode()) and tokenizer.decode(ids) == text, (name, text)


@pytest.mark.parametrize(("name", "ids"), [("llama-bpe", [2]), ("qwen2", [0, 1])])
def test_a_piece_that_is_a_token_stays_whole_without_merges(name, ids):
    tokenizer = Tokenizer(models.BPE(vocab={"a": 0, "b": 1, "ab": 2}, merges=[]))
    gguf_tokenizer.cut(tokenizer, PRE_TOKENIZERS[name])
    assert tokenizer.encode("ab").ids == ids


def test_a_prefix_space_is_left_out_if_the_file_says_so():
    metadata = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.add_space_prefix": False}
    tokenizer = Tokenizer(models.BPE(vocab={"a": 0, "▁": 1, "▁a": 2}, merges=[("▁", "a")]))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
    assert tokenizer.encode("a a").ids == [2, 2]
    gguf_tokenizer.correct(tokenizer, metadata, "a.gguf")
    assert tokenizer.encode("a a").ids == [0, 2] and tokenizer.decode([2, 0]) == " aa"
