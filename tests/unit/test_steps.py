"""How tokens come to be: merges that end in the very tokens, numbers through their bins, k-mers in their places."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, normalizers, pre_tokenizers

from cutaway.cli import main
from cutaway.errors import InputError
from cutaway.tokens import (
    MergedWord,
    Tokenizer,
    bins_of,
    kmer_text,
    kmers,
    learn_merges,
    save_tokenizer,
    tokenize,
    train_tokenizer,
)
from cutaway.tokens.bin_trace import series_in
from cutaway.tokens.merge_trace import MOST_MERGES, MOST_WORDS, _merged

TEXT = "the cat sat on the mat, the cat that sat there and the other cat's mat; naïve 😀 cats"
DNA = "".join(random.Random(1).choices("ACGT", k=3000))  # noqa: S311


def ends(word: MergedWord) -> list[str]:
    parts = list(word.parts)
    for merge in word.merges:
        assert parts[merge.at : merge.at + 2] == [merge.left, merge.right]
        parts[merge.at : merge.at + 2] = [merge.merged]
    return parts


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        ("bpe", {"vocab_size": 300}, TEXT),
        ("bpe", {"vocab_size": 60, "alphabet": "dna"}, DNA[:40]),
        ("bpe", {"vocab_size": 120, "alphabet": "codon"}, DNA[:60]),
    ],
)
def test_the_merges_lead_to_the_tokens(kind: str, options: dict[str, Any], text: str) -> None:
    corpus = [TEXT] * 20 if "alphabet" not in options else [DNA] * 2
    found = tokenize(text, train_tokenizer(corpus, kind, **options))
    assert found.merges is not None and found.merges.words and found.merges.left_out == 0
    for word in found.merges.words:
        assert word.more == 0 and ends(word) == word.tokens
    if options.get("alphabet"):
        [word] = found.merges.words
        assert word.tokens == found.pieces and word.word == text and "".join(word.parts) == text
        size = 3 if options["alphabet"] == "codon" else 1
        assert {len(part) for part in word.parts} == {size}
    else:
        assert [word.word for word in found.merges.words][:3] == ["the", " cat", " sat"]
        assert all(TEXT.find(word.word) >= 0 for word in found.merges.words)


def test_atoms_are_never_cut() -> None:
    smiles = ["C[C@H](Cl)C[C@H](Cl)CCl"] * 5
    found = tokenize(smiles[0], train_tokenizer(smiles, "bpe", alphabet="smiles", vocab_size=110))
    [word] = found.merges.words  # type: ignore[union-attr]
    assert "[C@H]" in word.parts and "Cl" in word.parts and ends(word) == word.tokens
    assert found.pieces == word.tokens and [smiles[0][a:b] for a, b in found.offsets] == word.tokens


@pytest.mark.parametrize("seed", range(40))
def test_any_list_of_merges_is_followed_as_the_library_does(seed: int) -> None:
    """Lists that no training gives: a merge may come before those of its halves, and two may spell the same."""
    chance = random.Random(seed)  # noqa: S311
    letters = "abc"
    spelled, merges = list(letters), list[tuple[str, str]]()
    for _ in range(12):
        pair = chance.choice(spelled), chance.choice(spelled)
        if pair not in merges and len("".join(pair)) < 9:
            merges.append(pair)
            spelled.append("".join(pair))
    chance.shuffle(merges)
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(spelled))}
    tokenizer = Tokenizer(Backend(models.BPE(vocabulary, merges)), {}, "any")
    rules = tokenizer.merge_rules
    assert rules is not None
    for _ in range(60):
        text = "".join(chance.choices(letters, k=chance.randint(2, 40)))
        assert _merged(text, rules)[1] == tokenizer.encode(text).tokens, (merges, text)


def test_long_lists_are_cut_and_say_so() -> None:
    tokenizer = train_tokenizer([DNA], "bpe", alphabet="dna", vocab_size=100)
    [word] = tokenize(DNA, tokenizer).merges.words  # type: ignore[union-attr]
    assert len(word.merges) == MOST_MERGES and word.more == len(DNA) - len(word.tokens) - MOST_MERGES
    many = " ".join(f"th{chr(97 + i // 6)}{chr(97 + i % 6)}" for i in range(40))
    found = tokenize(many, train_tokenizer([many], "bpe", vocab_size=300)).merges
    assert found is not None and len(found.words) == MOST_WORDS and found.left_out == 16


def test_what_merges_alone_do_not_explain() -> None:
    vocabulary = {token: i for i, token in enumerate(["a", "b", "c", "ab", "abc", "<0xC3>", "<0xA9>", "<unk>"])}
    whole = Tokenizer(Backend(models.BPE(vocabulary, [("a", "b")], ignore_merges=True)), {}, "whole")
    [word] = tokenize("abc", whole).merges.words  # type: ignore[union-attr]
    assert word.tokens == ["abc"] and word.merges == [] and word.parts == ["a", "b", "c"]
    backend = Backend(models.BPE(vocabulary, [("a", "b")], byte_fallback=True, unk_token="<unk>"))
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    [word] = tokenize("éab", Tokenizer(backend, {}, "bytes")).merges.words  # type: ignore[union-attr]
    assert word.parts == ["<0xC3>", "<0xA9>", "a", "b"] and ends(word) == word.tokens and word.word == "éab"
    lost = Backend(models.BPE(vocabulary, [("a", "b")], unk_token="<unk>"))
    [word] = tokenize("ab?ab", Tokenizer(lost, {}, "lost")).merges.words  # type: ignore[union-attr]
    assert word.tokens == ["ab", "<unk>", "ab"]
    ended = {token: i for i, token in enumerate(["c", "a", "t", "t</w>", "at</w>", "cat</w>"])}
    clip = Backend(models.BPE(ended, [("a", "t</w>"), ("c", "at</w>")], end_of_word_suffix="</w>"))
    clip.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    [word] = tokenize("cat cat", Tokenizer(clip, {}, "clip")).merges.words  # type: ignore[union-attr]
    assert word.parts == ["c", "a", "t</w>"] and [merge.rank for merge in word.merges] == [0, 1]
    assert tokenize("abc", train_tokenizer(["abc"], "word")).merges is None
    assert tokenize("CCl", train_tokenizer(["CCl"], "smiles")).merges is None  # a BPE without merges
    assert tokenize("abc", whole, steps=False).merges is None


def test_special_tokens_are_not_words() -> None:
    tokenizer = train_tokenizer([TEXT] * 9, "bpe", vocab_size=300)
    found = tokenize("the<|end|>cat", tokenizer)
    assert [word.word for word in found.merges.words] == ["the", "cat"]  # type: ignore[union-attr]
    tokenizer.backend.normalizer = normalizers.Lowercase()
    assert [word.word for word in tokenize("THE", tokenizer).merges.words] == ["the"]  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def bins() -> Tokenizer:
    return train_tokenizer([[[1.0]]], "bins", vocab_size=300)


def test_every_number_is_followed_through_its_bin(bins: Tokenizer) -> None:
    text = "12.8, 10.6\n11.75,nan\n -3,1e9\n"
    found = tokenize(text, bins)
    series = found.numbers
    assert series is not None and found.text == text and not found.round_trip
    edges = bins_of(bins).edges
    assert [number.value for number in series.numbers] == [12.8, 10.6, 11.75, None, -3.0, 1e9]
    for number in series.numbers:
        scale = series.scales[number.channel]
        if number.value is None:
            assert (number.bin, number.word, number.back, number.error, number.bound) == (None, "nan", None, None, 0.0)
            continue
        assert number.scaled == number.value / scale and number.back is not None
        assert number.error == abs(number.value - number.back) <= number.bound
        if number.bin is not None:
            assert edges[number.bin] <= number.scaled <= edges[number.bin + 1] and number.word == f"b{number.bin}"
            assert number.back == (edges[number.bin] + edges[number.bin + 1]) / 2 * scale
    assert [number.step for number in series.numbers] == [0, 0, 1, 1, 2, 2]
    assert 0 < series.worst <= 1 and series.bins == len(edges) - 1
    back = series_in(found.decoded)
    assert back is not None and found.decoded.count("\n") == 3
    assert back.channels.T.ravel()[:3].tolist() == [number.back for number in series.numbers][:3]


def test_the_pieces_of_a_series_are_its_numbers(bins: Tokenizer) -> None:
    text = "1.5 2 900"
    found = tokenize(text, bins)
    assert found.pieces[:3] == found.tokens[:3] and found.pieces[3:5] == ["1.5", "2"]  # the scale stands for no text
    assert found.tokens[0] == "s" and all(text[a:b] == "900" for a, b in found.offsets[5:])
    assert tokenize("1 0 1 nan", bins).round_trip and found.merges is None
    outside = tokenize(" ".join(["1"] * 99 + ["1000"]), bins)
    assert outside.tokens[102] == "+" and len(outside.tokens) == 107 and outside.pieces[102:] == ["1000"] * 5
    [*_, last] = outside.numbers.numbers  # type: ignore[union-attr]
    assert last.bin is None and last.word.startswith("+ d") and last.back is not None


def test_the_words_of_bins_are_read_unchanged(bins: Tokenizer) -> None:
    words = bins_of(bins).write([[1.0, 2.0]])
    found = tokenize(words, bins)
    assert found.numbers is None and found.decoded == words and found.round_trip
    assert tokenize("", bins).ids == []
    assert tokenize("1 2", train_tokenizer(["1 2"], "char")).numbers is None
    with pytest.raises(InputError, match="unequal counts of numbers: 1 and 2"):
        tokenize("1 2\n3", bins)
    with pytest.raises(InputError, match="not a series of numbers"):
        tokenize("a storm", bins)
    with pytest.raises(InputError, match="'1e999' is not a finite number"):
        tokenize("1 1e999", bins)


def test_overlapping_kmers_have_their_places_in_the_sequence() -> None:
    text = "ATGCANNA"
    found = tokenize(text, kmers("dna", 3, overlapping=True))
    assert found.round_trip and found.decoded == text and len(found.ids) == len(text)
    assert found.pieces == found.tokens == kmer_text(text, "dna", 3).split()
    assert [text[a:b] for a, b in found.offsets] == found.pieces
    assert tokenize("", kmers("dna", 3, overlapping=True)).ids == []


def test_the_command_shows_them(capsys: Any, tmp_path: Path, bins: Tokenizer) -> None:
    save_tokenizer(bins, tmp_path / "bins")
    save_tokenizer(train_tokenizer([TEXT] * 9, "bpe", vocab_size=300), tmp_path / "bpe")

    def run(*words: str) -> str:
        with pytest.raises(SystemExit) as done:
            main(["tokenize", *words])
            raise SystemExit(0)
        out, err = capsys.readouterr()
        assert not done.value.code and err == ""
        return str(out)

    record = json.loads(run("the cat", "-m", str(tmp_path / "bpe"), "--json"))
    assert record["merges"]["words"][0]["word"] == "the" and record["numbers"] is None
    assert {"model", "text", "tokens", "ids", "offsets", "decoded", "round_trip", "vocab_size"} <= set(record)
    assert "h+e" in run("the cat", "-m", str(tmp_path / "bpe"))
    out = run("12.5 10 nan 11.25", "-m", str(tmp_path / "bins"))
    assert "scaled" in out and "nan" in out and "% of what rounding to bins allows" in out
    record = json.loads(run("1 2", "-m", str(tmp_path / "bins"), "--json"))
    assert record["merges"] is None and len(record["numbers"]["numbers"]) == 2


def test_rules_are_those_of_training() -> None:
    """The merges that were learned are those that are followed, in their order."""
    codes = np.array(["ACGT".index(letter) for letter in DNA], dtype=np.uint8)
    merges = learn_merges([codes], list("ACGT"), 40)
    tokenizer = train_tokenizer([DNA], "bpe", alphabet="dna", vocab_size=40 + 12 + 4)  # other letters, special tokens
    assert tokenizer.merge_rules is not None and len(merges) == 36
    assert tokenizer.merge_rules.ranks == {pair: i for i, pair in enumerate(merges)}
