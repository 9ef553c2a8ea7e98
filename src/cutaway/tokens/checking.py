"""`check_tokenizer`: try adversarial input on a tokenizer and find the shortest that does not come back."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from cutaway.errors import BadSequence, InputError
from cutaway.progress import step
from cutaway.random_streams import check_seed
from cutaway.result import Result
from cutaway.tokens import adversarial_input
from cutaway.tokens.bins import Bins
from cutaway.tokens.codec import Codec
from cutaway.tokens.selfies import same_molecule, selfies_smiles, selfies_text
from cutaway.tokens.states import States
from cutaway.tokens.tokenizer import Tokenizer

_Floats = NDArray[np.float64]

_BATCH: Final = 1000
_KEPT: Final = 24  # so many failing inputs, the shortest ones, are shrunk

EXACT, FAILED = "", "failed"


@dataclasses.dataclass(frozen=True)
class Loss:
    """An input that does not come back, as short as it could be made.

    `rule` is "failed", or the declared loss that explains it ("unknown", "spelling").
    """

    rule: str
    text: str
    tokens: list[str]
    decoded: str
    count: int


@dataclasses.dataclass(frozen=True, repr=False)
class TokenizerCheck(Result):
    """How many adversarial inputs were tried, how many came back exactly, and the shortest that did not.

    `lost` has the shortest input for each kind of loss; the tokenizer passes if none of them is "failed". For series,
    `worst` is the largest error divided by its bound; for a time step of states the bound is the distance from the
    nearest centre.
    """

    schema: ClassVar[str] = "tokenizer_check"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")

    model: str
    kind: str
    alphabet: str
    seed: int
    tried: int
    exact: int
    passed: bool
    lost: list[Loss]
    loses: dict[str, str]
    worst: float | None
    vocab_size: int

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each kind of loss: how often it occurs, and the shortest input."""
        names = ("rule", "count", "text", "decoded")
        return [{name: getattr(loss, name) for name in names} for loss in self.lost]


@step("checking the tokenizer")
def check_tokenizer(
    tokenizer: Tokenizer, *, alphabet: str | None = None, number: int = 20_000, seed: int = 0
) -> TokenizerCheck:
    """Try `number` adversarial inputs and check that their ids decode to them.

    No special tokens are added, and those in the text are kept. An input that does not come back is a declared loss if
    the tokenizer's configuration says so and the rest of it is right; otherwise it is a failure. For series, the error
    of every number is compared with its bound; for states, the decoded centre of every time step with all the others.
    For SELFIES, half of the inputs are SELFIES, the others SMILES, which must come back as the same molecule for RDKit.
    The shortest failing inputs are shrunk greedily. The default alphabet is the tokenizer's own, or else text. Raises
    `InputError` for an unknown alphabet and for a missing library.

    >>> from cutaway.tokens import train_tokenizer
    >>> check_tokenizer(train_tokenizer(["some text"], "bpe", vocab_size=262), number=500).passed
    True
    """
    alphabet = alphabet or Codec.of(tokenizer).alphabet or "text"
    codec = Codec.of(tokenizer, alphabet)
    known = (*adversarial_input.SOURCES, "series")
    if alphabet not in known:
        raise InputError(f"there is no alphabet {alphabet!r}", hint=f"choose from {', '.join(known)}")
    seed = check_seed(seed)
    if number < 1:
        raise InputError(f"`number` is {number:,}; it must be 1 or above", hint="for example `number=2000`")
    if (alphabet == "series") != (codec.numbers is not None):
        raise InputError(
            f"{tokenizer.name} is {'not ' if alphabet == 'series' else ''}a tokenizer of series",
            hint="leave `alphabet` out",
        )
    specials = [tokenizer.token(i) for i in sorted(tokenizer.special_ids)][:64]
    worst = None
    if isinstance(codec.numbers, Bins):
        counts, lost, worst = _numbers(codec, codec.numbers, adversarial_input.numbers(seed), number)
    elif codec.numbers is not None:
        source = adversarial_input.steps(seed, codec.numbers.centres)
        counts, lost, worst = _numbers(codec, codec.numbers, source, number)
    elif codec.selfies:
        counts, lost = _molecules(codec, number, seed, specials)
    else:
        judge = _Judge(codec, codec.loses)
        counts, lost = _strings(judge, adversarial_input.strings(alphabet, seed, specials), number)
    return TokenizerCheck(
        model=tokenizer.name,
        kind=codec.kind,
        alphabet=alphabet,
        seed=seed,
        tried=number,
        exact=counts.get(EXACT, 0),
        passed=FAILED not in counts,
        lost=lost,
        loses=codec.loses,
        worst=worst,
        vocab_size=len(tokenizer.vocabulary),
    )


_Tried = tuple[dict[str, int], list[Loss]]


def _strings(judge: _Judge, source: Iterator[str], number: int) -> _Tried:
    codec = judge.codec
    counts: dict[str, int] = {}
    failing: dict[str, list[str]] = {}
    for start in range(0, number, _BATCH):
        texts = list(itertools.islice(source, min(_BATCH, number - start)))
        encoded = codec.encode_batch(texts)
        decoded = codec.tokenizer.backend.decode_batch(encoded, skip_special_tokens=False)
        for text, ids, back in zip(texts, encoded, decoded, strict=True):
            rule = judge.verdict(text, back, ids)
            counts[rule] = counts.get(rule, 0) + 1
            if rule != EXACT:
                failing.setdefault(rule, []).append(text)
        failing = {
            rule: sorted(set(texts), key=lambda text: (len(text), text))[:_KEPT] for rule, texts in failing.items()
        }
    lost = []
    for rule, texts in sorted(failing.items()):
        shrunk = [_shrunk(text, lambda part, rule=rule: judge(part)[0] == rule) for text in texts]  # type: ignore[misc]
        best = min(shrunk, key=lambda text: (len(text), text))
        _, encoding, back = judge(best)
        lost.append(Loss(rule, best, encoding.tokens, back, counts[rule]))
    return counts, lost


def _molecules(codec: Codec, number: int, seed: int, specials: list[str]) -> _Tried:
    """Try SELFIES, which must come back exactly, and SMILES, which must come back as the same molecule."""
    texts = _Judge(Codec.of(codec.tokenizer, "selfies"), _but_spelling(codec.loses))
    counts, lost = _strings(texts, adversarial_input.strings("selfies", seed, specials), number - number // 2)
    more, of_molecules = _strings(_MoleculeJudge(codec), _generated(seed), number // 2)
    return {rule: counts.get(rule, 0) + more.get(rule, 0) for rule in {**counts, **more}}, lost + of_molecules


def _generated(seed: int) -> Iterator[str]:
    """Yield canonical SMILES of random molecules: those of random SELFIES that RDKit accepts."""
    from cutaway.sequences.alphabets.smiles import canonical  # needed only for molecules

    for text in adversarial_input.strings("selfies", seed + 1):
        with contextlib.suppress(BadSequence):
            smiles = canonical(selfies_smiles(text))
            if smiles and selfies_text(smiles):
                yield smiles


class _Judge:
    """Decides whether a text came back, and if not, which declared loss explains it."""

    def __init__(self, codec: Codec, loses: dict[str, str]) -> None:
        self.codec, self.loses = codec, loses
        self.unknown_id = codec.tokenizer.special_id("unk")
        self.unknown = codec.tokenizer.token(self.unknown_id) if self.unknown_id is not None else ""
        self.other, self.own = ("T", "U") if codec.spelling == "rna" else ("U", "T")

    def __call__(self, text: str) -> tuple[str, Any, str]:
        backend = self.codec.tokenizer.backend
        encoding = backend.encode(self.codec.write(text), add_special_tokens=False)
        back = backend.decode(encoding.ids, skip_special_tokens=False)
        return self.verdict(text, back, encoding.ids), encoding, back

    def verdict(self, text: str, back: str, ids: Sequence[int]) -> str:
        if back == text:
            return EXACT
        parts = back.split(self.unknown) if self.unknown_id in ids else [back]
        if "spelling" in self.loses:
            text, *parts = (part.upper().replace(self.other, self.own) for part in (text, *parts))
            if parts == [text]:
                return "spelling"
        return "unknown" if "unknown" in self.loses and len(parts) > 1 and _around(parts, text) else FAILED


class _MoleculeJudge(_Judge):
    """Decides whether a SMILES, or another one of the same molecule, came back through SELFIES."""

    def __init__(self, codec: Codec) -> None:
        super().__init__(codec, _but_spelling(codec.loses))
        self.respells = "spelling" in codec.loses

    def __call__(self, text: str) -> tuple[str, Any, str]:
        try:
            return super().__call__(text)
        except BadSequence:  # shrunk to what is not a molecule
            return EXACT, None, text

    def verdict(self, text: str, back: str, ids: Sequence[int]) -> str:
        if self.unknown_id in ids:
            return super().verdict(selfies_text(text), back, ids)
        with contextlib.suppress(BadSequence):
            smiles = selfies_smiles(back)
            if smiles == text:
                return EXACT
            if self.respells and same_molecule(text, smiles):
                return "spelling"
        return FAILED


def _but_spelling(loses: dict[str, str]) -> dict[str, str]:
    return {rule: words for rule, words in loses.items() if rule != "spelling"}


def _around(parts: list[str], text: str) -> bool:
    """Return whether a text has the parts in this order, the first at its start and the last at its end."""
    if not text.startswith(parts[0]):
        return False
    at = len(parts[0])
    for part in parts[1:-1]:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return text.endswith(parts[-1]) and len(text) - len(parts[-1]) >= at


def _numbers(
    codec: Codec, made_of: Bins | States, source: Iterator[list[list[float]]], number: int
) -> tuple[dict[str, int], list[Loss], float]:
    counts: dict[str, int] = {}
    failing: list[list[list[float]]] = []
    worst = 0.0
    for series in itertools.islice(source, number):
        values_CT = np.array(series)
        [ids] = codec.encode_batch([values_CT])
        back_CT = codec.decode(ids, skip_special_tokens=False)
        if isinstance(made_of, Bins):
            share = _share(made_of, values_CT, back_CT)
        else:
            share = _farther(made_of, values_CT, back_CT)
        worst = max(worst, share)
        same = np.array_equal(values_CT, back_CT, equal_nan=True)
        rule = FAILED if share > 1 else EXACT if same else "rounding"
        counts[rule] = counts.get(rule, 0) + 1
        if rule == FAILED and len(failing) < _KEPT:
            failing.append(series)
    lost = []
    for series in sorted(failing, key=lambda series: len(series) * len(series[0]))[:1]:
        encoding = codec.encode(series, add_special_tokens=False)
        back = codec.decode(encoding.ids, skip_special_tokens=False)
        lost.append(Loss(FAILED, repr(series), encoding.tokens, repr(back.tolist()), counts[FAILED]))
    return counts, lost, worst


def _share(bins: Bins, values_CT: _Floats, back_CT: _Floats) -> float:
    """Return the largest error of a series divided by its bound; infinity if the series does not come back at all."""
    if back_CT.shape != values_CT.shape or (np.isnan(back_CT) != np.isnan(values_CT)).any():
        return float("inf")
    known = ~np.isnan(values_CT)
    error, bound = np.abs(values_CT - back_CT)[known], bins.bound(values_CT)[known]
    shares = np.divide(error, bound, out=np.where(error > 0, np.inf, 0.0), where=bound > 0)
    return float(shares.max(initial=0.0))


def _farther(states: States, values_CT: _Floats, back_CT: _Floats) -> float:
    """Return the largest distance of a time step from what came back, divided by that from the nearest centre.

    All centres are compared, with another formula than the encoder's; infinity if a step does not come back.
    """
    missing_T = np.isnan(values_CT).any(axis=0)
    if back_CT.shape != values_CT.shape or (np.isnan(back_CT) != missing_T).any():
        return float("inf")
    centres_KC, worst = np.array(states.centres), 0.0
    for t in np.flatnonzero(~missing_T):
        apart_K = _apart(values_CT[:, t], np.vstack([centres_KC, back_CT[:, t]]), states.angles)
        bound = apart_K[:-1].min() * (1 + 1e-9) + (1e-12 if states.angles else 0.0)  # tolerance for rounding
        worst = max(worst, 0.0 if apart_K[-1] == 0 else float(apart_K[-1] / bound) if bound else np.inf)
    return worst


def _apart(step_C: _Floats, centres_KC: _Floats, angles: bool) -> _Floats:
    if angles:
        circles = [np.concatenate([np.cos(angle), np.sin(angle)], axis=-1) for angle in (step_C, centres_KC)]
        step_C, centres_KC = circles
    gap_KC = np.abs(step_C / 4 - centres_KC / 4)  # a quarter, so that no difference overflows
    top_K1 = gap_KC.max(axis=1, keepdims=True)
    shares_KC = np.divide(gap_KC, top_K1, out=np.zeros_like(gap_KC), where=top_K1 > 0)
    found: _Floats = top_K1[:, 0] * np.sqrt((shares_KC**2).sum(axis=1))
    return found


def _shrunk(text: str, fails: Callable[[str], bool]) -> str:
    """Remove pieces from a text, long ones first, as long as it still fails."""
    size = max(1, len(text) // 2)
    while True:
        at, before = 0, text
        while at < len(text):
            shorter = text[:at] + text[at + size :]
            if fails(shorter):
                text = shorter
            else:
                at += size
        if size > 1:
            size //= 2
        elif text == before:
            return text
