"""Subwords of text: byte-level BPE, WordPiece and unigram; every text comes back exactly from each of them.

All three read bytes, written as in GPT-2 (one letter for each byte), so nothing is unknown. The `tokenizers` library
trains them. DNA, RNA and proteins have no spaces, so WordPiece and unigram read them in pieces of 64 letters; their BPE
is in `unit_bpe`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers

from cutaway.errors import InputError, counted
from cutaway.tokens.builder import LETTERS, SPECIALS, UNKNOWN, assemble, numbered, room_for
from cutaway.tokens.tokenizer import Tokenizer

_PIECE: Final = 64
_LONGEST: Final = 20_000  # characters of a word: the library's BPE is quadratic in them
_WORD: Final = re.compile(r"[^\W\d_]+|\d+|[^\w\s]+|_+")  # like GPT-2's words, which may be split further
_UNKNOWN_LETTERS: Final = {"unknown": "letters outside its alphabet become <unk>"}


def bpe(texts: Iterable[str], vocab_size: int = 8192) -> Tokenizer:
    """Learn byte-level BPE, with merges inside GPT-2's words; every text comes back exactly.

    Source: Sennrich et al. 2016, doi:10.18653/v1/P16-1162; Radford et al. 2019 for the bytes. Raises `InputError` if
    256 bytes and the special tokens do not fit in `vocab_size`, and for a word of more than 20,000 characters.

    >>> bpe(["a cat, a dog, a cat"], 270).encode("a cat").tokens
    ['a', 'Ġcat']
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    room_for(vocab_size, len(letters) + len(SPECIALS), "256 bytes")
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    how: dict[str, Any] = {"min_frequency": 2, "special_tokens": list(SPECIALS), "initial_alphabet": letters}
    learned = _learned(models.BPE(), splitter, _with_words(texts), trainers.BpeTrainer, vocab_size, **how)
    return assemble(learned.model, "bpe", "text", splitter=splitter, decoder=decoders.ByteLevel(), loses={})


def wordpiece(texts: Iterable[str], vocab_size: int = 8192, alphabet: str = "text") -> Tokenizer:
    """Learn WordPiece: the longest token that fits; `##` marks a token that continues a word.

    Unlike BERT's it keeps case, accents and spaces. A `#` in the text is a single token, so it is not taken for the
    mark; words are cut after 64 bytes. Source: Schuster and Nakajima 2012, doi:10.1109/ICASSP.2012.6289079; the
    training is that of BPE, as in the `tokenizers` library.

    >>> wordpiece(["walked walking talked talking"] * 9, 530).encode("talking #1").tokens
    ['t', '##alking', 'Ġ', '#', '1']
    """
    letters, splitter = _letters_and_splitter(alphabet)
    base = [*letters, *(f"##{letter}" for letter in letters if letter != "#")]
    room_for(vocab_size, len(base) + len(SPECIALS), counted(len(base), "letter"))
    # Letters are numbered beforehand: the library would number those with ## at random.
    how: dict[str, Any] = {"min_frequency": 2, "special_tokens": [*SPECIALS, *base]}
    unlearned = models.WordPiece(unk_token=UNKNOWN)
    learned = _learned(unlearned, splitter, texts, trainers.WordPieceTrainer, vocab_size, **how)
    found = learned.get_vocab(with_added_tokens=False)
    kept = numbered([*base, *sorted(found, key=found.__getitem__)])
    fuse = decoders.ByteLevel() if alphabet == "text" else decoders.Fuse()
    return assemble(
        models.WordPiece(kept, unk_token=UNKNOWN, max_input_chars_per_word=2 * _PIECE),
        "wordpiece",
        alphabet,
        splitter=splitter,
        decoder=decoders.Sequence([decoders.Replace("##", ""), fuse]),
        loses={} if alphabet == "text" else _UNKNOWN_LETTERS,
    )


def unigram(texts: Iterable[str], vocab_size: int = 8192, alphabet: str = "text") -> Tokenizer:
    """Learn a unigram model: it splits each word in the likeliest way; training starts with many tokens and drops some.

    Source: Kudo 2018, doi:10.18653/v1/P18-1007 (SentencePiece's default), on bytes instead of characters.

    >>> unigram(["walked walking talked talking"] * 9, 268).encode("walks").tokens
    ['walk', 's']
    """
    letters, splitter = _letters_and_splitter(alphabet)
    room_for(vocab_size, len(letters) + len(SPECIALS), counted(len(letters), "letter"))
    how: dict[str, Any] = {"unk_token": UNKNOWN, "special_tokens": list(SPECIALS), "initial_alphabet": letters}
    learned = _learned(models.Unigram(), splitter, texts, trainers.UnigramTrainer, vocab_size, **how)
    return assemble(
        models.Unigram(_settled(learned), unk_id=SPECIALS.index(UNKNOWN)),
        "unigram",
        alphabet,
        splitter=splitter,
        decoder=decoders.ByteLevel() if alphabet == "text" else decoders.Fuse(),
        loses={} if alphabet == "text" else _UNKNOWN_LETTERS,
    )


def _learned(
    model: models.Model,
    splitter: pre_tokenizers.PreTokenizer,
    texts: Iterable[str],
    trainer: Callable[..., trainers.Trainer],
    vocab_size: int,
    **how: Any,
) -> tokenizers.Tokenizer:
    """Train a tokenizer of the library."""
    learned = tokenizers.Tokenizer(model)
    learned.pre_tokenizer = splitter
    learned.train_from_iterator(texts, trainer(vocab_size=vocab_size, show_progress=False, **how))
    return learned


def _with_words(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        longest = max(map(len, _WORD.findall(text)), default=0) if len(text) > _LONGEST else 0
        if longest > _LONGEST:
            start = next(word[0] for word in _WORD.finditer(text) if len(word[0]) == longest)[:12]
            raise InputError(
                f"{start + '…'!r} is a word of {longest:,} characters; BPE of text takes at most {_LONGEST:,}",
                hint="for sequences without spaces give `alphabet`: dna, rna, protein, codon or smiles",
            )
        yield text


def _settled(learned: tokenizers.Tokenizer) -> list[tuple[str, float]]:
    """Return the pieces in the same order and with the same scores in every run.

    The library hashes at random, which changes the last digits of scores and the order of letters that do not occur.
    Here the letters that are rarer than every longer piece share one score.
    """
    pieces = [(piece, round(score, 6)) for piece, score in json.loads(learned.to_str())["model"]["vocab"]]
    least = min((score for piece, score in pieces if len(piece) > 1 and piece not in SPECIALS), default=-10.0)
    ordinary = [(piece, max(score, least)) for piece, score in pieces if piece not in SPECIALS]
    return [(token, 0.0) for token in SPECIALS] + sorted(ordinary, key=lambda entry: (-entry[1], entry[0]))


def _letters_and_splitter(alphabet: str) -> tuple[list[str], pre_tokenizers.PreTokenizer]:
    """Return the letters of an alphabet that the model reads, and the splitter into words."""
    pieces = pre_tokenizers.Split(Regex(rf"[\s\S]{{1,{_PIECE}}}"), "isolated")
    if alphabet != "text":
        # A letter outside the alphabet is split off; otherwise WordPiece would make the whole piece unknown.
        letters = LETTERS[alphabet]
        others = pre_tokenizers.Split(Regex(rf"[^{re.escape(letters)}]"), "isolated")
        return sorted(letters), pre_tokenizers.Sequence([others, pieces])
    hashes = pre_tokenizers.Split("#", "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return sorted(pre_tokenizers.ByteLevel.alphabet()), pre_tokenizers.Sequence([hashes, byte_level, pieces])
