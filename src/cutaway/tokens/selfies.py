"""SELFIES: symbols, every string of which is a molecule.

The `selfies` library writes a SMILES as SELFIES before it is tokenized, and reads it back after. It is an error if the
library can't write a molecule, or would write another one: each is read back and compared.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tokenizers import Regex, decoders, models, pre_tokenizers

from cutaway.errors import BadSequence
from cutaway.extras import library
from cutaway.tokens.builder import PRINTABLE, UNKNOWN, assemble, most_frequent, numbered
from cutaway.tokens.tokenizer import Tokenizer

SYMBOL: Final = r"\[[^\[\]]*\]|[\s\S]"
"""One symbol of SELFIES, or a character outside the symbols."""

_TEXT: Final = re.compile(r"(?:\[[^\[\]]*\]|\.)*")
_COUNTING: Final = re.compile(r"\[.*(Branch|Ring)([123])\]")
_PART: Final = re.compile(r"[-/\\:=#]?(?:(?P<atom>\[[^\]]*\]|Br|Cl|[A-Za-z])|(?P<ring>%[0-9][0-9]|[0-9]))")
_CROWDED: Final = re.compile(r"\[(.+) with ([\d.]+) bond\(s\) - a max\. of (\d+)")


def selfies_symbols(smiles: Iterable[str], vocab_size: int | None = None, *, closed: bool = False) -> Tokenizer:
    """Make a tokenizer with one token for each SELFIES symbol that occurs, and for each symbol of the library.

    It takes SELFIES: write a SMILES with `selfies_text` first. A symbol that did not occur is written character by
    character; `closed` leaves these 94 characters out, and what is new becomes `<unk>`. `vocab_size` keeps the most
    frequent symbols.
    Source: Krenn et al. 2020, doi:10.1088/2632-2153/aba947. Raises `BadSequence` for a molecule that SELFIES can't
    write, and `InputError` without the library.

    >>> tokenizer = selfies_symbols(["CC(=O)[O-]"])
    >>> tokens = tokenizer.encode(selfies_text("C=[O+]C[O-]"))
    >>> tokens.tokens
    ['[C]', '[=O+1]', '[C]', '[O-1]']
    >>> selfies_smiles(tokenizer.decode(tokens.ids))
    'C=[O+1]C[O-1]'
    """
    pattern, found = re.compile(SYMBOL), Counter[str]()
    for text in smiles:
        found.update(pattern.findall(selfies_text(text)))
    signs = "" if closed else PRINTABLE
    own = [*sorted(_library().get_semantic_robust_alphabet()), "."]
    learned = most_frequent(found, vocab_size, dict.fromkeys([*own, *signs]))
    unknown = "symbols that did not occur in training" if closed else "characters that are not printable ASCII"
    return assemble(
        models.BPE(numbered([*own, *learned, *signs]), [], unk_token=UNKNOWN, fuse_unk=closed, ignore_merges=True),
        "selfies",
        "smiles",
        splitter=pre_tokenizers.Split(Regex(SYMBOL), "isolated"),
        decoder=decoders.Fuse(),
        loses={
            "unknown": f"{unknown} become <unk>",
            "spelling": "a SMILES may come back as another SMILES of the same molecule",
        },
        written="SELFIES, as cutaway.tokens.selfies_text writes them",
    )


@functools.lru_cache(maxsize=1)  # each SMILES is checked first, and then learned from
def selfies_text(smiles: str) -> str:
    """Write a SMILES as SELFIES.

    Raises `BadSequence` if the library can't (a wildcard, a reaction, a quadruple bond, more bonds than it gives an
    atom), or if what it writes is another molecule for RDKit (it leaves out atom classes); `InputError` if one
    of the two is missing.

    >>> selfies_text("C[C@H](N)C(=O)O")
    '[C][C@H1][Branch1][C][N][C][=Branch1][C][=O][O]'
    """
    library = _library()
    if not smiles:
        return ""
    try:
        written: str = library.encoder(smiles)
        back: str = library.decoder(written)
    except (
        Exception
    ) as error:  # for what is not a SMILES the library also raises IndexError (C11), KeyError, RecursionError
        column = max(0, getattr(error.__cause__, "idx", 0)) + 1
        raise _bad(smiles, _reason(error), column) from error
    if back != smiles and not same_molecule(smiles, back):
        raise _bad(smiles, f"it would be decoded as {_short(back)}, which RDKit reads as a different molecule")
    return written


def selfies_smiles(text: str) -> str:
    """Read SELFIES back as a SMILES. Raises `BadSequence` for what is not a symbol, `InputError` without the library.

    >>> selfies_smiles("[C][=C][F]")
    'C=CF'
    """
    library = _library()
    if not _TEXT.fullmatch(text):  # what stands before the first bracket is passed over by the library
        raise BadSequence(f"{_short(text)} is not SELFIES", hint="SELFIES are symbols in brackets: [C][=O]")
    try:
        smiles: str = library.decoder(text)
    except Exception as error:  # DecoderError, or RecursionError
        raise BadSequence(
            f"{_short(text)} can't be read as SELFIES: {_reason(error)}",
            hint="cutaway.tokens.selfies_text writes a SMILES as SELFIES",
        ) from error
    return smiles


def same_molecule(one: str, other: str) -> bool:
    """Return whether two SMILES are one molecule for RDKit, with stereo marks, isotopes, charges and atom classes.

    >>> same_molecule("c1ccccc1O", "OC1=CC=CC=C1")
    True
    """
    from cutaway.sequences.alphabets.smiles import canonical  # needed only for molecules

    known = canonical(one)
    return known is not None and known == canonical(other)


def places(smiles: str, symbols: Sequence[str]) -> list[tuple[int, int]]:
    """Return where in a SMILES each of its SELFIES symbols comes from, in characters (end excluded).

    The place of an atom includes the bond before it, that of a branch is its bracket, that of a ring its closing
    number. Symbols that count how long a branch or ring is have no place: (0, 0). SELFIES keep the order of the atoms.

    >>> places("C1CC1(=O)", ["[C]", "[C]", "[C]", "[Ring1]", "[Ring1]", "[=O]"])
    [(0, 1), (2, 3), (3, 4), (4, 5), (0, 0), (6, 8)]
    """
    atoms, closed, opened = list[tuple[int, int]](), list[tuple[int, int]](), set[str]()
    for part in _PART.finditer(smiles):
        if part["atom"]:
            atoms.append(part.span())
        elif part["ring"] in opened:
            opened.remove(part["ring"])
            closed.append(part.span())
        else:
            opened.add(part["ring"])
    found, closings, counting = list[tuple[int, int]](), iter(closed), 0
    atom = 0
    for symbol in symbols:
        size = None if counting else _COUNTING.fullmatch(symbol)
        if counting:
            counting -= 1
            found.append((0, 0))
        elif size is not None and size[1] == "Ring":
            found.append(next(closings))
        elif size is not None or symbol == ".":
            found.append((atoms[atom][0] - 1, atoms[atom][0]))  # the bracket, or the dot, is before the next atom
        else:
            found.append(atoms[atom])
            atom += 1
        counting = int(size[2]) if size is not None else counting
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "its branches are nested too deeply"
    if crowded := _CROWDED.search(str(error)):
        atom, bonds, most = crowded.groups()
        return f"{atom} has {bonds} bonds; at most {most} are allowed"
    if not isinstance(error, (_library().EncoderError, _library().DecoderError)):
        return "it is not a SMILES"
    return str(getattr(error.__cause__, "reason", "")) or str(error).splitlines()[0]


def _bad(smiles: str, why: str, column: int = 1) -> BadSequence:
    hint = "a tokenizer of kind smiles takes any SMILES"
    return BadSequence(f"SELFIES can't write {_short(smiles)}: {why}", hint=hint, column=column)


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _library() -> Any:
    return library("selfies", "SELFIES need the selfies library")
