"""`tokenize`: a text's pieces, ids and offsets, and whether they decode to the text."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from cutaway.errors import BadSequence, InputError
from cutaway.log import get_logger
from cutaway.progress import step
from cutaway.result import Result
from cutaway.tokens.bin_trace import BinnedSeries, SeriesText, binned, series_in
from cutaway.tokens.bins import bins_of
from cutaway.tokens.codec import Codec
from cutaway.tokens.merge_trace import MergeSteps, merge_steps
from cutaway.tokens.state_trace import StateSeries, steps_of, visited
from cutaway.tokens.states import States
from cutaway.tokens.tokenizer import Encoding, Tokenizer, check_text

_NAMES: Final = {"dna": "DNA", "rna": "RNA", "protein": "proteins", "smiles": "SMILES"}


@dataclasses.dataclass(frozen=True)
class TokenEntry:
    """One entry of a vocabulary."""

    token: str
    id: int


@dataclasses.dataclass(frozen=True, repr=False)
class Tokens(Result):
    """A text as T tokens.

    `kind` is what the tokenizer was made as (codon, states), else its algorithm. `tokens` are the vocabulary's
    spellings, `pieces` the slices of the text, `offsets` characters (end excluded). `round_trip` says whether `decoded`
    is exactly the text; `unknown` counts the tokens with `unknown_id`, which stand for what the vocabulary lacks.
    `merges` has the merges of a BPE, `numbers` the way of every number through its bin, `states` the way of every time
    step to its state.
    """

    schema: ClassVar[str] = "tokens"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")

    model: str
    kind: str
    text: str
    tokens: list[str]
    pieces: list[str]
    ids: list[int]
    offsets: list[tuple[int, int]]
    special: list[bool]
    decoded: str
    round_trip: bool
    unknown: int
    unknown_id: int | None
    vocab_size: int
    sample: list[TokenEntry]
    bytes: int
    merges: MergeSteps | None = None
    numbers: BinnedSeries | None = None
    states: StateSeries | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each token: its spelling, piece, id, and start and end in the text, in characters."""
        cut = zip(self.tokens, self.pieces, self.ids, self.offsets, self.special, strict=True)
        names = ("token", "piece", "id", "start", "end", "special")
        return [dict(zip(names, (t, piece, i, *span, special), strict=True)) for t, piece, i, span, special in cut]


@step("tokenizing")
def tokenize(text: str, tokenizer: Tokenizer, *, add_special_tokens: bool = True, steps: bool = True) -> Tokens:
    """Split a text into tokens and join them again.

    A tokenizer of series takes numbers: one line for each time step, with a number for each channel, or one channel on
    one line. A tokenizer of overlapping k-mers takes a sequence, one of SELFIES a SMILES. Each is written in the form
    that the tokenizer reads, and read back. `steps=False` leaves out `merges`, `numbers` and `states`. Raises
    `TextError` for a lone surrogate, and `InputError` for a text that is not a series or does not fit the states, and
    for a molecule that SELFIES can't write.
    """
    codec = Codec.of(tokenizer)
    encoding, series = _encoded(text, codec, add_special_tokens)
    numbers = visits = None
    if series is None:
        decoded = _decoded(codec, encoding.ids)
    elif isinstance(codec.numbers, States):
        decoded, visits = _of_states(text, series, encoding, codec, codec.numbers)
    else:
        decoded, numbers = _of_bins(text, series, encoding, codec)
    unknown = tokenizer.special_id("unk")
    return Tokens(
        model=tokenizer.name,
        kind=codec.kind,
        text=text,
        tokens=encoding.tokens,
        pieces=_pieces(text, encoding.tokens, encoding.offsets, encoding.special),
        ids=encoding.ids,
        offsets=encoding.offsets,
        special=encoding.special,
        decoded=decoded,
        round_trip=decoded == text,
        unknown=encoding.ids.count(unknown) if unknown is not None else 0,
        unknown_id=unknown,
        vocab_size=len(tokenizer.vocabulary),
        sample=vocabulary_sample(tokenizer),
        bytes=len(text.encode("utf-8")),
        merges=merge_steps(tokenizer, encoding) if steps else None,
        numbers=numbers if steps else None,
        states=visits if steps else None,
    )


def encode_text(text: str, tokenizer: Tokenizer) -> Encoding:
    """Encode a text as `tokenize` does: unchanged, or in the written form that the tokenizer reads.

    The offsets are characters of the text. A warning tells of letters that a tokenizer of DNA, RNA, proteins or
    molecules does not know. Raises what `tokenize` raises.

    >>> from cutaway.tokens.codon_kmer import kmers
    >>> encode_text("ATGC", kmers("dna", 3, overlapping=True)).tokens
    ['A', 'T', 'ATG', 'TGC']
    """
    codec = Codec.of(tokenizer)
    encoding = _encoded(text, codec)[0]
    if codec.alphabet in _NAMES and codec.written is None:
        unknown = tokenizer.special_id("unk")
        spans = [text[slice(*span)] for i, span in zip(encoding.ids, encoding.offsets, strict=True) if i == unknown]
        if spans:
            _warn_of_unknown(tokenizer.name, codec.alphabet, len(spans), spans[0])
    return encoding


@functools.lru_cache(maxsize=256)
def _warn_of_unknown(name: str, alphabet: str, count: int, first: str) -> None:
    """Warn once: a verb may encode its text several times."""
    get_logger(__name__).warning(
        "%s unknown to %s, which reads %s (the first is %r): is it the right model for this text?",
        "1 token of the text is" if count == 1 else f"{count:,} tokens of the text are",
        name,
        _NAMES[alphabet],
        first,
    )


def _encoded(text: str, codec: Codec, add_special_tokens: bool = True) -> tuple[Encoding, SeriesText | None]:
    """Return the encoding of a text, and its numbers if it is read as a series."""
    check_text(text)
    series = series_in(text) if codec.numbers is not None else None
    if series is not None:
        channels = steps_of(text, series, codec.numbers) if isinstance(codec.numbers, States) else series.channels
        return _in_text(codec.encode(channels, add_special_tokens=add_special_tokens), series), series
    encoding = codec.encode(text, add_special_tokens=add_special_tokens)
    if codec.numbers is not None and {*encoding.ids} == {codec.tokenizer.special_id("unk")}:
        raise InputError(
            f"{text[:40]!r} is not a series of numbers, which {codec.tokenizer.name} needs",
            hint="write one time step per line; from a table: cutaway records FILE --alphabet series -o FILE.txt",
        )
    return encoding, None


def _decoded(codec: Codec, ids: list[int]) -> str:
    """Return the text of ids. SELFIES become a SMILES again, unless a symbol became `<unk>`."""
    if not codec.selfies:
        return codec.tokenizer.decode(ids)
    with contextlib.suppress(BadSequence):
        return str(codec.decode(ids, skip_special_tokens=False))
    return codec.tokenizer.decode(ids, skip_special_tokens=False)


def _of_bins(text: str, series: SeriesText, encoding: Encoding, codec: Codec) -> tuple[str, BinnedSeries | None]:
    """Follow numbers through their bins. The decoded text has each number as it comes back."""
    words = codec.tokenizer.decode(encoding.ids)
    numbers = binned(bins_of(codec.tokenizer), series.channels, codec.write(series.channels), words)
    if numbers is None:
        return words, None
    return _spelled(text, series, ((number.value, number.back) for number in numbers.numbers)), numbers


def _of_states(
    text: str, series: SeriesText, encoding: Encoding, codec: Codec, states: States
) -> tuple[str, StateSeries | None]:
    """Follow numbers through their states. The decoded text has the numbers of the centres."""
    words = codec.tokenizer.decode(encoding.ids)
    found = visited(states, steps_of(text, series, states), words)
    if found is None:
        return words, None
    pairs = (pair for step in found.steps for pair in zip(step.values, step.back, strict=True))
    return _spelled(text, series, pairs), found


def _in_text(encoding: Encoding, series: SeriesText) -> Encoding:
    """Return the encoding of a series with characters of its text as offsets, instead of numbers."""
    spans = series.spans
    offsets = [(spans[a][0], spans[b - 1][1]) if b > a else (0, 0) for a, b in encoding.offsets]
    return dataclasses.replace(encoding, offsets=offsets)


def _spelled(text: str, series: SeriesText, pairs: Iterable[tuple[float | None, float | None]]) -> str:
    """Return a text of numbers with each number as it comes back; an equal number keeps its spelling."""
    parts, at = list[str](), 0
    for (start, end), (value, back) in zip(series.spans, pairs, strict=True):
        parts += [text[at:start], text[start:end] if value == back else "nan" if back is None else repr(back)]
        at = end
    return "".join([*parts, text[at:]])


def _pieces(text: str, tokens: list[str], offsets: list[tuple[int, int]], special: list[bool]) -> list[str]:
    # If several tokens share one character (the bytes of an emoji), each shows that character. Some tokenizers leave
    # the space before a word out of its offsets although the token has it: it is added again.
    pieces, before = [], 0
    for token, (start, end), is_special in zip(tokens, offsets, special, strict=True):
        if is_special or start == end:
            pieces.append(token)
            continue
        carries_space = token[0] in "Ġ▁" and text[before:start].isspace()
        pieces.append(text[before if carries_space else start : end])
        before = end
    return pieces


def vocabulary_sample(tokenizer: Tokenizer, size: int = 24) -> list[TokenEntry]:
    """Pick `size` ordinary tokens, evenly spaced over the ids; the same ones each time."""
    ordinary = tokenizer.ordinary_ids
    step = max(1, len(ordinary) // size)
    return [TokenEntry(tokenizer.piece(i), i) for i in ordinary[step // 2 :: step][:size]]
