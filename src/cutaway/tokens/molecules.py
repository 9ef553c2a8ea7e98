"""SMILES, atom by atom."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from tokenizers import Regex, decoders, models, pre_tokenizers

from cutaway.tokens.builder import PRINTABLE, UNKNOWN, assemble, most_frequent, numbered
from cutaway.tokens.tokenizer import Tokenizer

ATOM: Final = r"\[[^\[\]]*\]|%\([0-9]+\)|%[0-9][0-9]|Br|Cl|se|as|te|>>|->|<-|[\s\S]"
"""One token of a SMILES: a bracket atom, a ring number of several digits, an element of two letters, or a letter.

The expression of Schwaller et al. 2019 (doi:10.1021/acscentsci.9b00576), widened to all of OpenSMILES and to RDKit's
dative bonds: `%(nnn)`, the aromatic elements of two letters, `->` and `<-`, and every other character as itself.
"""


def atoms(smiles: Iterable[str], vocab_size: int | None = None, *, closed: bool = False) -> Tokenizer:
    """Make a tokenizer with one token for each atom, bond, branch and ring number that occurs.

    What did not occur, such as a new bracket atom, is written character by character, so every SMILES comes back.
    `closed` leaves these 94 characters out, and what is new becomes `<unk>`. `vocab_size` keeps the most frequent ones.

    >>> tokenizer = atoms(["C[C@H](N)C(=O)[O-]", "ClC%12CC%12"])
    >>> tokenizer.encode("C[C@H](Cl)C%12").tokens
    ['C', '[C@H]', '(', 'Cl', ')', 'C', '%12']
    >>> tokenizer.encode("[2H]Cl").tokens
    ['[', '2', 'H', ']', 'Cl']
    """
    found = count_atoms(smiles)
    signs = "" if closed else PRINTABLE
    vocabulary = numbered([*most_frequent(found, vocab_size, signs), *signs])
    unknown = "tokens that did not occur in training" if closed else "characters that are not printable ASCII"
    return assemble(
        models.BPE(vocabulary, [], unk_token=UNKNOWN, ignore_merges=True),
        "smiles",
        "smiles",
        splitter=pre_tokenizers.Split(Regex(ATOM), "isolated"),
        decoder=decoders.Fuse(),
        loses={"unknown": f"{unknown} become <unk>"},
    )


def count_atoms(smiles: Iterable[str]) -> Counter[str]:
    """Count the tokens of SMILES as `ATOM` cuts them.

    >>> count_atoms(["CC(=O)Cl"])["C"]
    2
    """
    pattern, found = re.compile(ATOM), Counter[str]()
    for text in smiles:
        found.update(pattern.findall(text))
    return found
