"""`compare_tokenizers`: any tokenizers on any sequences, in one table."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import BadSequence, InputError, MissingText, counted
from cutaway.progress import step
from cutaway.random_streams import check_seed
from cutaway.result import Result
from cutaway.tokens.codec import Codec
from cutaway.tokens.edits import Edit, edits_of, tokens_changed
from cutaway.tokens.ngrams import bigram_bits
from cutaway.tokens.samples import Sample
from cutaway.tokens.tokenizer import Tokenizer, check_text

_BATCH: Final = 500
_BYTE: Final = re.compile(r"<0x[0-9A-F]{2}>")


@dataclasses.dataclass(frozen=True)
class ComparedTokenizer:
    """A tokenizer's name, kind and number of tokens."""

    name: str
    kind: str
    vocab_size: int


@dataclasses.dataclass(frozen=True)
class ComparedSample:
    """What was tokenized: its size, what a `symbol` is, and the `unit` of fertility."""

    name: str
    alphabet: str
    records: int
    symbols: int
    words: int | None
    bytes: int
    symbol: str
    unit: str
    whole: bool
    skipped: int


@dataclasses.dataclass(frozen=True)
class TokenizerCell:
    """One tokenizer on one sample.

    - `fertility`: for text tokens per word (separated by spaces), otherwise tokens per symbol;
    - `symbols_per_token`, `bytes_per_token`: symbols are characters, or for series numbers of eight bytes;
    - `unknown`, `byte_fallback`: shares of the tokens that stand for what the vocabulary lacks, and for bytes that are
      not a whole character;
    - `exact`: share of the records that come back exactly (with SELFIES, as the same spelling of the SMILES);
    - `error`: root mean square error of the numbers of a series, in standard deviations of their channel, averaged over
      channels; None for texts, and if no numbers come back;
    - `used`: share of the vocabulary that occurs;
    - `substitution`, `indel`: mean number of tokens changed by replacing one symbol, and by inserting or deleting one;
      with SELFIES, over the changes that leave a molecule;
    - `bits_per_symbol`: of a bigram model over the tokens, learned on half of the records and scored on the other;
      `comparable` is false if the tokenizer loses something, because the bits leave out what is lost;
    - `encode_mb_per_s`: megabytes of the sequences encoded in a second; measured, so it differs from run to run.
    """

    tokenizer: str
    sample: str
    tokens: int
    fertility: float
    symbols_per_token: float
    bytes_per_token: float
    unknown: float
    byte_fallback: float
    exact: float
    error: float | None
    used: float
    substitution: float | None
    indel: float | None
    bits_per_symbol: float | None
    comparable: bool
    encode_mb_per_s: float


@dataclasses.dataclass(frozen=True, repr=False)
class TokenizerComparison(Result):
    """Tokenizers × samples: `cells` has the tokenizers of the first sample, then those of the second, …"""

    schema: ClassVar[str] = "tokenizer_comparison"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".svg", ".png", ".csv")

    tokenizers: list[ComparedTokenizer]
    samples: list[ComparedSample]
    cells: list[TokenizerCell]
    summary: list[str]
    edits: int
    seed: int

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each tokenizer on each sample, without the speed, which differs from run to run."""
        rows = [dataclasses.asdict(cell) for cell in self.cells]
        return [{name: value for name, value in row.items() if name != "encode_mb_per_s"} for row in rows]


@step("comparing tokenizers")
def compare_tokenizers(
    tokenizers: Sequence[Tokenizer], samples: Iterable[Sample], *, edits: int = 200, seed: int = 0
) -> TokenizerComparison:
    """Encode and decode every sample with every tokenizer; `TokenizerCell` lists what is measured.

    No special tokens are added. `edits` random places of each sample are changed, the same ones for all tokenizers, in
    a window of 200 symbols around the place. Fertility: Rust et al. 2021, doi:10.18653/v1/2021.acl-long.243. Bits per
    symbol, which unlike perplexity can be compared across vocabularies: Cotterell et al. 2018,
    doi:10.18653/v1/N18-2085. Raises `InputError` if there is nothing to compare, `MissingText` for an empty sample,
    and for a tokenizer of SELFIES `BadSequence` for a molecule that they can't write.

    >>> from cutaway.tokens import train_tokenizer
    >>> found = compare_tokenizers([train_tokenizer(["a cat"], "char")], [Sample("x", "text", ["a cat", "cat a"])])
    >>> [(cell.tokens, cell.fertility, cell.exact) for cell in found.cells]
    [(10, 2.5, 1.0)]
    """
    samples = list(samples)
    if not tokenizers or not samples:
        what = "tokenizer" if not tokenizers else "sample"
        raise InputError(f"there is no {what} to compare", hint="give at least one tokenizer and one file to try it on")
    if edits < 0:
        raise InputError(f"`edits` is {edits:,}; it must be 0 or above", hint="for example `edits=200`")
    seed = check_seed(seed)
    names = _unique_names([tokenizer.name for tokenizer in tokenizers])
    short = [PurePath(sample.name).name or sample.name for sample in samples]
    titles = _unique_names(short if len(set(short)) == len(short) else [sample.name for sample in samples])
    compared, cells = [], []
    for sample, title in zip(samples, titles, strict=True):
        facts = _facts(sample, title)
        changes = edits_of(sample.sequences, edits, seed)
        compared.append(facts)
        cells += [
            _cell(tokenizer, name, sample, facts, changes) for tokenizer, name in zip(tokenizers, names, strict=True)
        ]
    return TokenizerComparison(
        tokenizers=[
            ComparedTokenizer(name, Codec.of(tokenizer).kind, len(tokenizer.vocabulary))
            for tokenizer, name in zip(tokenizers, names, strict=True)
        ],
        samples=compared,
        cells=cells,
        summary=[_sentence(facts, [cell for cell in cells if cell.sample == facts.name]) for facts in compared],
        edits=edits,
        seed=seed,
    )


def _facts(sample: Sample, title: str) -> ComparedSample:
    from cutaway.sequences import CHECKS  # only here: see read_sample

    if sample.alphabet not in CHECKS:
        raise InputError(f"there is no alphabet {sample.alphabet!r}", hint=f"choose from {', '.join(CHECKS)}")
    sequences, series = sample.sequences, sample.alphabet == "series"
    if any(isinstance(sequence, str) == series for sequence in sequences):
        what = "channels of numbers" if series else "texts"
        raise InputError(f"sequences of {sample.alphabet} must be {what} ({title!r})", hint="give the right alphabet")
    if series:
        symbols = sum(len(channel) for channels in sequences for channel in channels)
        size = 8 * symbols
    else:
        symbols = sum(len(check_text(text)) for text in sequences)
        size = sum(len(text.encode("utf-8")) for text in sequences)
    if not symbols:
        raise MissingText(f"{title!r} has nothing to tokenize", hint="give at least one sequence")
    words = sum(len(text.split()) for text in sequences) if sample.alphabet == "text" else 0
    return ComparedSample(
        name=title,
        alphabet=sample.alphabet,
        records=len(sequences),
        symbols=symbols,
        words=words or None,
        bytes=size,
        symbol="number" if series else "character",
        unit="word" if words else "number" if series else "character",
        whole=sample.whole,
        skipped=sample.skipped,
    )


def _cell(
    tokenizer: Tokenizer, name: str, sample: Sample, facts: ComparedSample, changes: Sequence[Edit]
) -> TokenizerCell:
    codec, backend = Codec.of(tokenizer, sample.alphabet), tokenizer.backend
    backend.encode_batch_fast(["a"])  # so that work at first use is not timed
    ids: list[NDArray[np.int64]] = []
    exact, seconds, errors = 0, 0.0, list[float | None]()
    for start in range(0, len(sample.sequences), _BATCH):
        some = sample.sequences[start : start + _BATCH]
        began = time.perf_counter()
        encoded = codec.encode_batch(some)
        seconds += time.perf_counter() - began
        ids += [np.array(one, dtype=np.int64) for one in encoded]
        decoded = backend.decode_batch(encoded, skip_special_tokens=False)
        exact += sum(map(codec.same, some, decoded))
        if sample.alphabet == "series":
            for series, back in zip(some, decoded, strict=True):
                errors += _errors(np.array(series, dtype=np.float64), codec.numbers_of(series, back))
    counts = np.bincount(np.concatenate(ids), minlength=1)
    tokens = int(counts.sum())
    unknown = _unknown_id(tokenizer)
    changed = [_changed(codec, changes, which) for which in (1, 2)]
    return TokenizerCell(
        tokenizer=name,
        sample=facts.name,
        tokens=tokens,
        fertility=tokens / (facts.words or facts.symbols),
        symbols_per_token=facts.symbols / max(1, tokens),
        bytes_per_token=facts.bytes / max(1, tokens),
        unknown=int(counts[unknown]) / max(1, tokens) if unknown is not None and unknown < len(counts) else 0.0,
        byte_fallback=sum(int(counts[i]) for i in _bytes_alone(tokenizer, np.flatnonzero(counts))) / max(1, tokens),
        exact=exact / facts.records,
        error=None if None in errors or not errors else float(np.mean(errors)),  # type: ignore[arg-type]
        used=int(np.count_nonzero(counts)) / len(tokenizer.vocabulary),
        substitution=changed[0],
        indel=changed[1],
        bits_per_symbol=_bits(codec, sample, ids),
        comparable=exact == facts.records,
        encode_mb_per_s=facts.bytes / 1e6 / max(seconds, 1e-9),
    )


def _errors(given_CT: NDArray[np.float64], back_CT: NDArray[np.float64] | None) -> list[float | None]:
    """Return, for each channel that varies, the root mean square error in standard deviations; None for no numbers."""
    if back_CT is None or back_CT.shape != given_CT.shape:
        return [None]
    found: list[float | None] = []
    for given_T, back_T in zip(given_CT, back_CT, strict=True):
        known = ~(np.isnan(given_T) | np.isnan(back_T))
        size = np.abs(given_T[known]).max(initial=0.0)  # all are divided by it, because squares of 1e200 overflow
        if size and (spread := np.std(given_T[known] / size)):
            found.append(float(np.sqrt(np.mean((given_T[known] / size - back_T[known] / size) ** 2)) / spread))
    return found


def _bits(codec: Codec, sample: Sample, ids: list[NDArray[np.int64]]) -> float | None:
    """Learn on every second record and score the others; a single record is cut in the middle."""
    sequences: Sequence[Any] = sample.sequences
    if len(sequences) == 1:
        [sequence] = sequences
        text = isinstance(sequence, str)
        middle = len(sequence if text else sequence[0]) // 2
        if middle == 0:
            return None
        cuts = (slice(middle), slice(middle, None))
        sequences = [sequence[cut] if text else tuple(channel[cut] for channel in sequence) for cut in cuts]
        try:
            ids = [np.array(one, dtype=np.int64) for one in codec.encode_batch(sequences)]
        except BadSequence:  # half of a SMILES
            return None
    symbols = sum(len(x) if isinstance(x, str) else sum(map(len, x)) for x in sequences[1::2])
    size = 1 + max(codec.tokenizer.vocabulary.values())
    return bigram_bits(ids[::2], ids[1::2], size) / symbols if symbols else None


def _changed(codec: Codec, changes: Sequence[Edit], which: int) -> float | None:
    counts = list[int]()
    for edit in changes:
        if edit[which] is not None:
            with contextlib.suppress(BadSequence):  # a changed SMILES that is not a molecule any more
                counts.append(tokens_changed(*codec.encode_batch([edit[0], edit[which]])))
    return sum(counts) / len(counts) if counts else None


def _unknown_id(tokenizer: Tokenizer) -> int | None:
    declared = tokenizer.special_id("unk")
    token = getattr(tokenizer.backend.model, "unk_token", None)
    return declared if declared is not None or token is None else tokenizer.backend.token_to_id(token)


def _bytes_alone(tokenizer: Tokenizer, ids: NDArray[np.int64]) -> list[int]:
    """Return which of the ids stand for bytes that are not a whole character."""
    alone = tokenizer.backend.decode_batch([[int(i)] for i in ids], skip_special_tokens=False)
    return [
        int(i)
        for i, text in zip(ids, alone, strict=True)
        if "\ufffd" in text or _BYTE.fullmatch(tokenizer.token(int(i)))
    ]


def _unique_names(names: Sequence[str]) -> list[str]:
    """Return the names, each repeated one with a number after it."""
    found: list[str] = []
    for name in names:
        number, title = 1, name
        while title in found:
            number += 1
            title = f"{name} ({number})"
        found.append(title)
    return found


def _sentence(facts: ComparedSample, cells: Sequence[TokenizerCell]) -> str:
    whole = [cell for cell in cells if cell.comparable]
    of = f"{facts.name} ({facts.alphabet})"
    if not whole:
        return f"On {of} every tokenizer loses something, so their bits can't be compared."
    fewest = min(whole, key=lambda cell: cell.tokens)
    best = min(whole, key=lambda cell: cell.bits_per_symbol or 0.0)
    few = f"{counted(fewest.tokens, 'token')}, {fewest.fertility:.3g} per {facts.unit}"
    bits = "" if best.bits_per_symbol is None else f"{best.bits_per_symbol:.3f} bits per {facts.symbol}"
    if len(whole) == 1:
        only = "" if len(cells) == 1 else "only "
        return f"On {of} {only}{fewest.tokenizer} loses nothing: {few}{bits and f', {bits}'}."
    said = f"Of the {len(whole)} that lose nothing on {of}, {fewest.tokenizer} needs the fewest tokens ({few})"
    if not bits:
        return f"{said}."
    return (
        f"{said} and the fewest bits ({bits})."
        if best is fewest
        else f"{said}, {best.tokenizer} the fewest bits ({bits})."
    )
