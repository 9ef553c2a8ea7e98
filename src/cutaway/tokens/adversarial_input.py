"""Adversarial input for tokenizers: an endless, seeded generator for each alphabet."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Final

_WORDS: Final = (
    "the", "The", "THE", "don't", "it's", "I'LL", "naïve", "Straße", "İstanbul", "ﬁne", "e\u0301", "é", "Ａ",
    "½", "x²", "1234567890", "3.14", "1e-5", "日本語", "한국어", "한", "العربية", "עברית", "हिन्दी", "ไทย",
    "😀", "👩\u200d🔬", "🇫🇷",
    "❤\ufe0f", "👍🏽", "Z\u0335\u0321\u0353a\u0300\u0301\u0302", "\u202eabc\u202c",
    "\u00ad", "\u2028", "\u2029", "\x85",
)  # fmt: skip
_SPACES: Final = (
    " ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", "\r", "\u00a0", "\u2003", "\u3000", "\u200b", "\u200c", "\u200d",
    "\u2060", "\ufeff", "\x0b", "\x0c", "\x1c", " .", " ,", " n't", " 's", " !", " ?", "\x00", "\x7f", "\x1b[0m",
)  # fmt: skip
_SPELLINGS: Final = (
    "<unk>", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<pad>", "<mask>", "<s>", "</s>", "<|end|>", "<|endoftext|>",
    "##", "##a", "#", "▁", "▁▁a", "Ġ", "Ċ", "Ġa", "</w>", "@@", "@@ ", "<0x41>", "<0xE2>",
    "\ufffd", "<n>", "\\n", "&amp;",
)  # fmt: skip
_PLANES: Final = (
    (0x20, 0x7E), (0x20, 0x7E), (0x00, 0x1F), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x7FF), (0x1E00, 0x2FFF),
    (0x3000, 0xD7FF), (0xE000, 0xF8FF), (0xF900, 0xFFFD), (0xFFFE, 0xFFFF), (0x10000, 0x1FFFF), (0x20000, 0x3FFFF),
    (0xE0000, 0xE01EF), (0xF0000, 0x10FFFF),
)  # fmt: skip
_DIALS: Final = ("", "", "", "-", "+", "2", "-1", "+2", "++", "--", "+15", "-0")


def strings(alphabet: str, seed: int, spellings: Sequence[str] = ()) -> Iterator[str]:
    """Yield strings of an alphabet, most of them legal, some with foreign characters; `spellings` are special tokens.

    >>> stream = strings("dna", 0)
    >>> next(stream) == next(strings("dna", 0))
    True
    """
    chance = random.Random(f"{alphabet} {seed}")  # noqa: S311 (chance, not secrets)
    foreign = (*_SPELLINGS, *spellings)
    make = SOURCES.get(alphabet, _text)
    while True:
        text = make(chance)
        if make is _text:
            for _ in range(chance.randrange(3)):
                at = chance.randint(0, len(text))
                text = text[:at] + chance.choice(foreign) + text[at:]
        elif chance.random() < 0.08:
            at = chance.randint(0, len(text))
            text = text[:at] + chance.choice((*foreign, *_SPACES, *_WORDS)) + text[at:]
        yield text


def numbers(seed: int) -> Iterator[list[list[float]]]:
    """Yield series of C channels of T numbers: small, huge, subnormal, equal, missing, from the whole range of doubles.

    >>> [len(next(numbers(0))) > 0, next(numbers(1)) == next(numbers(1))]
    [True, True]
    """
    chance = random.Random(f"numbers {seed}")  # noqa: S311
    edges = (0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1 / 3, 1e16)

    def one(spread: float, centre: float) -> float:
        kind = chance.random()
        if kind < 0.05:
            return chance.choice((*edges, *(-edge for edge in edges)))
        if kind < 0.08:
            return float("nan")
        if kind < 0.12:
            return chance.choice((-1, 1)) * chance.random() * 2.0 ** chance.randint(-1074, 1023)
        if kind < 0.2:
            return chance.choice((-1, 1)) * 2.0 ** chance.randint(-20, 20) * spread
        return chance.gauss(centre, 1.0) * spread

    while True:
        channels, length = chance.choice((1, 1, 1, 2, 3, 7)), chance.choice((1, 1, 2, 3, 10, 60))
        spreads = [2.0 ** chance.choice((0, 0, 3, -3, 40, -40, chance.randint(-1060, 1000))) for _ in range(channels)]
        centre = chance.choice((0.0, 0.0, 5.0, -300.0))
        yield [[one(spread, centre) for _ in range(length)] for spread in spreads]


def steps(seed: int, centres: Sequence[Sequence[float]]) -> Iterator[list[list[float]]]:
    """Yield series with the centres' channels: on a centre, between two, around them, and from the range of doubles.

    >>> next(steps(0, [(0.0, 1.0)])) == next(steps(0, [(0.0, 1.0)]))
    True
    """
    chance = random.Random(f"steps {seed}")  # noqa: S311
    loose = (number for channels in numbers(seed) for channel in channels for number in channel)
    most = 1.7976931348623157e308

    def one() -> list[float]:
        kind, pair = chance.random(), zip(chance.choice(centres), chance.choice(centres), strict=True)
        if kind < 0.15:
            return [x for x, _ in pair]
        if kind < 0.4:
            return [math.nextafter(x / 2 + y / 2, chance.choice((-math.inf, 0.0, math.inf))) for x, y in pair]
        if kind < 0.75:
            return [max(-most, min(most, x + chance.gauss(0, 1) * abs(x - y or 1.0))) for x, y in pair]
        return [next(loose) for _ in pair]

    while True:
        length = chance.choice((1, 1, 2, 3, 10, 60))
        yield [list(channel) for channel in zip(*(one() for _ in range(length)), strict=True)]


def _text(chance: random.Random) -> str:
    parts = []
    for _ in range(chance.choice((0, 1, 1, 2, 3, 5, 8, 13))):
        kind = chance.random()
        if kind < 0.35:
            parts.append(chance.choice(_WORDS))
        elif kind < 0.6:
            parts.append(chance.choice(_SPACES))
        elif kind < 0.65:
            parts.append(chance.choice("ab #'.-") * chance.choice((1, 2, 3, 17, 300)))
        else:
            low, high = chance.choice(_PLANES)
            parts.append("".join(chr(chance.randint(low, high)) for _ in range(chance.randint(1, 6))))
    return "".join(parts)


def _nucleotides(chance: random.Random, letters: str, codes: str) -> str:
    parts = []
    for _ in range(chance.choice((0, 1, 1, 2, 3, 5))):
        kind = chance.random()
        if kind < 0.5:
            parts.append("".join(chance.choices(letters, k=chance.randint(1, 70))))
        elif kind < 0.7:
            parts.append(chance.choice(letters) * chance.randint(1, 40))
        elif kind < 0.8:
            parts.append("".join(chance.choices(letters, k=chance.randint(1, 4))) * chance.randint(2, 12))
        elif kind < 0.95:
            parts.append("".join(chance.choices(letters + codes, k=chance.randint(1, 20))))
        else:
            parts.append("N" * chance.randint(1, 60))
    text = "".join(parts)
    kind = chance.random()
    if kind < 0.05:
        return text.lower()
    if kind < 0.08:
        return text.replace("T", "U") if "T" in letters else text.replace("U", "T")
    return text


def _protein(chance: random.Random) -> str:
    letters = "ACDEFGHIKLMNPQRSTVWY" * 4 + "UOXBZJ-*"
    text = "".join(chance.choices(letters, k=chance.choice((0, 1, 2, 5, 40, 200))))
    return text + chance.choice("ACGX*-") * chance.choice((0, 0, 0, 30)) if chance.random() < 0.97 else text.lower()


def _smiles(chance: random.Random, depth: int = 0) -> str:
    parts = []
    for _ in range(chance.choice((0, 1, 1, 2, 3, 6)) if depth < 40 else 1):
        kind = chance.random()
        if kind < 0.45:
            parts.append(
                chance.choice(("C", "N", "O", "c", "n", "o", "s", "p", "b", "Cl", "Br", "F", "I", "B", "S", "P", "*"))
            )
        elif kind < 0.65:
            parts.append(_bracket_atom(chance))
        elif kind < 0.75:
            parts.append(chance.choice(("=", "#", "$", ":", "-", "/", "\\", "~", ".", "->", "<-", ">>", ">")))
        elif kind < 0.88:
            parts.append(
                chance.choice(("1", "2", "9", "0", "%10", "%99", "%(100)", "%(1)", "%(99999)", "%1", "%", "%("))
            )
        elif kind < 0.98:
            parts.append(f"({_smiles(chance, depth + 1)})")
        else:
            parts.append("(" * chance.randint(1, 60) + "C" + ")" * chance.randint(0, 60))
    return "".join(parts)


def _bracket_atom(chance: random.Random) -> str:
    element = chance.choice(("C", "N", "H", "se", "as", "te", "Si", "Fe", "Og", "n", "c", "*", "Cl", "U", "Zr", "Sn"))
    isotope = chance.choice(("", "", "", "2", "13", "238", "0", "007"))
    chiral = chance.choice(("", "", "@", "@@", "@TH1", "@AL2", "@SP3", "@TB20", "@OH30", "@?"))
    hydrogens = chance.choice(("", "", "H", "H2", "H9"))
    label = chance.choice(("", "", "", ":1", ":999"))
    body = f"{isotope}{element}{chiral}{hydrogens}{chance.choice(_DIALS)}{label}"
    return chance.choice((f"[{body}]",) * 8 + (f"[{body}", f"{body}]", f"[[{body}]]", "[]"))


def _selfies(chance: random.Random) -> str:
    parts = []
    for _ in range(chance.choice((1, 2, 3, 5, 8, 13, 30))):
        kind = chance.random()
        if kind < 0.6:
            parts.append(_symbol(chance))
        elif kind < 0.95:
            stereo = chance.choice(("", "", "", "=", "#", "-/", "\\/"))
            what = "Ring" if stereo in ("-/", "\\/") else chance.choice(("Branch", "Ring"))
            parts.append(f"[{stereo}{what}{chance.choice('1112223')}]")
        else:
            parts.append(chance.choice((".", ".", "[nop]", "[epsilon]")))
    if chance.random() < 0.05:
        at = chance.randint(0, len(parts))
        parts.insert(at, chance.choice(("[", "]", "[]", "[[C]]", "[c]", "[C-]", "[Ring9]", "[CH9]", "[Zz]", "C", "..")))
    return "".join(parts)


def _symbol(chance: random.Random) -> str:
    bond = chance.choice(("", "", "", "=", "#", "/", "\\"))
    if chance.random() < 0.6:
        return f"[{bond}{chance.choice(('C', 'C', 'N', 'O', 'S', 'P', 'B', 'F', 'Cl', 'Br', 'I', 'H'))}]"
    isotope = chance.choice(("", "", "", "2", "13", "238"))
    element = chance.choice(("C", "C", "C", "N", "S", "P", "Se", "Si", "Fe", "Na", "Cl", "U", "O", "B"))
    chiral = chance.choice(("", "", "@", "@@")) if element in "CNSPSeSi" else ""
    hydrogens = chance.choice(("", "H0", "H1")) if element in "CNSPSi" else ""
    return f"[{bond}{isotope}{element}{chiral}{hydrogens}{chance.choice(('', '', '+1', '-1', '+2'))}]"


SOURCES: Final = {
    "text": _text,
    "dna": lambda chance: _nucleotides(chance, "ACGT", "RYSWKMBDHVN-"),
    "rna": lambda chance: _nucleotides(chance, "ACGU", "RYSWKMBDHVN-"),
    "codon": lambda chance: _nucleotides(chance, "ACGT", "RYSWKMBDHVN"),
    "protein": _protein,
    "smiles": _smiles,
    "selfies": _selfies,
}
"""The function that makes one string of an alphabet; other alphabets use that of text."""
