"""What two records have in common, by their n-grams of tokens: signatures that hint at it, and the exact share.

A signature has 32 numbers: each n-gram is hashed into one of 32 bins, and a bin keeps its smallest hash
(one-permutation MinHash). In each bin, two records agree with a probability that is the Jaccard similarity of their
sets of n-grams.
Source: Li, Owen and Zhang 2012, "One permutation hashing", NIPS 25.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.shards.permutation import mixed
from cutaway.shards.token_files import TokenFiles

IntArray = NDArray[np.int64]
Words = NDArray[np.uint64]

BINS: Final = 32
EMPTY: Final = np.uint32(0xFFFFFFFF)
_CHUNK: Final = 1 << 18
_SAMPLED: Final = 2048
_ROUGH: Final = 128
_TOGETHER: Final = 1 << 19
_STEP: Final = 0x9E3779B97F4A7C15


def gram_length(frequencies: IntArray) -> int:
    """Return the length n of n-grams that rarely occur twice by chance, from how often each token occurs.

    There are about 2^(n·H) n-grams of tokens with an entropy of H bits; n makes this four times the number of tokens,
    and at least a million.

    >>> gram_length(np.full(20, 1000)), gram_length(np.full(4, 1000))
    (5, 10)
    """
    total = int(frequencies.sum())
    shares = frequencies[frequencies > 0] / total
    entropy = float(-(shares * np.log2(shares)).sum())
    return min(64, max(3, math.ceil(max(20.0, math.log2(total) + 2) / max(entropy, 0.25))))


def similarity_of(identity: float, length: int) -> float:
    """Return the Jaccard similarity of the n-grams of two sequences that agree in this share of their places.

    Source: Ondov et al. 2016, doi:10.1186/s13059-016-0997-x.

    >>> round(similarity_of(0.85, 5), 3)
    0.285
    """
    kept = identity**length
    return float(kept / (2 - kept))


def gram_hashes(tokens: NDArray[Any], length: int) -> Words:
    """Return a hash of the n-gram that begins at each token; there are n - 1 fewer than tokens.

    >>> hashes = gram_hashes(np.array([1, 2, 3, 1, 2]), 2)
    >>> len(hashes), hashes[0] == hashes[3], hashes[0] == hashes[1]
    (4, np.True_, np.False_)
    """
    if len(tokens) < length:
        return np.empty(0, dtype=np.uint64)
    # Of 2k tokens: hash of the first k · step^k + hash of the next k.
    power = mixed(np.arange(1, int(tokens.max()) + 2, dtype=np.uint64))[tokens]
    have, done, found = 1, 0, np.zeros(len(tokens), dtype=np.uint64)
    rest = length
    while rest:
        if rest & 1:
            end = len(tokens) - done - have + 1
            found = found[:end] * np.uint64(pow(_STEP, have, 1 << 64)) + power[done : done + end]
            done += have
        rest >>= 1
        if rest:
            power = power[:-have] * np.uint64(pow(_STEP, have, 1 << 64)) + power[have:]
            have *= 2
    found ^= found >> np.uint64(32)
    found *= np.uint64(0xBF58476D1CE4E5B9)
    return found


def signatures(files: TokenFiles, first: int, last: int, hashes: Words, length: int) -> NDArray[np.uint32]:
    """Return the signatures of the records from `first` to before `last`, shape (BINS, records).

    A record of fewer than n tokens has one n-gram: the hash of its content.
    """
    starts = np.asarray(files.starts[first : last + 1])
    found = np.full((last - first) * BINS, EMPTY, dtype=np.uint32)
    held: NDArray[Any] = np.empty(0, dtype=np.uint8)
    at = int(starts[0])
    for chunk in files.chunks(at, int(starts[-1])):
        for begin in range(0, len(chunk), _CHUNK):
            tokens = np.concatenate([held, chunk[begin : begin + _CHUNK]])
            grams = gram_hashes(tokens, length)
            _keep_smallest(found, grams, at, starts, length)
            at += len(grams)
            held = tokens[len(grams) :]
    short = np.flatnonzero((np.diff(starts) < length) & (np.diff(starts) > 0))
    own = mixed(hashes[first + short])
    found[short * BINS + (own >> np.uint64(59)).astype(np.int64)] = (own >> np.uint64(16)).astype(np.uint32)
    return np.ascontiguousarray(found.reshape(-1, BINS).T)


def _keep_smallest(found: NDArray[np.uint32], grams: Words, at: int, starts: IntArray, length: int) -> None:
    """Take the hashes of the n-grams from place `at` on, except those that reach into the next record."""
    if not len(grams):
        return
    low, high = np.searchsorted(starts, [at, at + len(grams) - 1], "right") - 1
    edges = np.clip(starts[low : high + 2], at, at + len(grams))
    record = np.repeat(np.arange(low, high + 1), np.diff(edges))
    inside = np.arange(at, at + len(grams)) + length <= starts[record + 1]
    grams, record = grams[inside], record[inside]
    place = record * BINS + (grams >> np.uint64(59)).astype(np.int64)
    np.minimum.at(found, place, ((grams >> np.uint64(16)) & np.uint64(0xFFFFFFFF)).astype(np.uint32))


def similarities(
    files: TokenFiles, one: IntArray, other: IntArray, length: int, least: float = 0.0
) -> NDArray[np.float64]:
    """Return the Jaccard similarity of the n-grams of pairs of records, from 2,048 of them if there are more.

    It is an estimate from 128 n-grams if that is less than a third of `least`.
    """
    longest = np.maximum(files.lengths(one), files.lengths(other))
    found = np.empty(len(one))
    for pair in np.flatnonzero(longest > _TOGETHER).tolist():
        limit = _limits(longest[pair : pair + 1], _SAMPLED)[0]
        left, right = (_sample(files, int(records[pair]), length, limit) for records in (one, other))
        same = len(np.intersect1d(left, right, assume_unique=True))
        found[pair] = same / max(1, len(left) + len(right) - same)
    shorter = np.flatnonzero(longest <= _TOGETHER)
    parts = longest[shorter].cumsum() // _TOGETHER
    for group in np.split(shorter, np.flatnonzero(np.diff(parts)) + 1) if len(shorter) else []:
        sides = [_pair_grams(files, records[group], length) for records in (one, other)]
        rough = _shares(sides, _limits(longest[group], _ROUGH))
        close = rough >= least / 3
        found[group] = rough
        found[group[close]] = _shares(sides, np.where(close, _limits(longest[group], _SAMPLED), np.uint64(0)))[close]
    return found


def _limits(longest: IntArray, many: int) -> Words:
    """Return the hash up to which about `many` n-grams of the longer record have theirs."""
    return (np.minimum(many / longest, 1) * (2.0**64 - 2**11)).astype(np.uint64)


def _pair_grams(files: TokenFiles, records: IntArray, length: int) -> tuple[NDArray[np.int32], Words]:
    """Return the hashes of the n-grams of some records, and which record each is of."""
    lengths = files.lengths(records)
    grams = gram_hashes(files.gather(records), length)
    number = np.repeat(np.arange(len(records), dtype=np.int32), lengths)[: len(grams)]
    inside = np.arange(len(grams)) + length <= np.cumsum(lengths)[number]
    return number[inside], grams[inside]


def _shares(sides: list[tuple[NDArray[np.int32], Words]], limits: Words) -> NDArray[np.float64]:
    """Return the Jaccard similarity of the sets of hashes up to a limit for each pair; 0 if both are empty."""
    keys = []
    for side, (number, grams) in enumerate(sides):
        kept = grams <= limits[number]
        # Place of the pair × 2^44 + 43 bits of the hash × 2 + which of the two records: what both have is side by side.
        hashes = mixed(grams[kept]) >> np.uint64(21) << np.uint64(1)
        keys.append((number[kept].astype(np.uint64) << np.uint64(44)) | hashes | np.uint64(side))
    words = _different(np.concatenate(keys))
    both = words[1:][(words[1:] >> np.uint64(1)) == (words[:-1] >> np.uint64(1))]
    every, shared = (np.bincount((w >> np.uint64(44)).astype(np.int64), minlength=len(limits)) for w in (words, both))
    return np.asarray(shared / np.maximum(1, every - shared))


def _sample(files: TokenFiles, record: int, length: int, limit: np.uint64) -> Words:
    """Return the different n-grams of a long record whose hash is not above a limit."""
    found, held = list[Words](), np.empty(0, dtype=np.uint8)
    for chunk in files.chunks(int(files.starts[record]), int(files.starts[record + 1])):
        for begin in range(0, len(chunk), _CHUNK):
            tokens = np.concatenate([held, chunk[begin : begin + _CHUNK]])
            grams = gram_hashes(tokens, length)
            found.append(grams[grams <= limit])
            held = tokens[len(grams) :]
    return _different(np.concatenate(found))


def _different(words: Words) -> Words:
    """Return the different words, sorted; numpy.unique takes three times as long."""
    words = np.sort(words)
    new = np.ones(len(words), dtype=bool)
    np.not_equal(words[1:], words[:-1], out=new[1:])
    return words[new]
