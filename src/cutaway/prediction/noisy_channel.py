"""How a right sequence becomes the one that is read, and so how much a model must gain by an edit to believe in it.

Of the right sequence's elements a share `rate` is replaced, as many are lost, and as many are put in. What replaces or
is put in is any of the A elements, equally likely. By Bayes' rule an edit is more likely right than not if

    ln P(edited) - ln P(read) > -ln P(read | edited), the number of nats that is `required`:

ln((A - 1) / rate) to replace an element, ln(1 / rate) to put in a missing one, ln(A / rate) to take a surplus one out.
Half of the wrong words and of the surplus ones are drawn like this. The other half are slips of the hand: one letter of
the word wrong, missing, surplus or swapped with the next one; the word before or after it written twice.

Source: Kernighan, Church, Gale 1990 (a spelling correction program based on a noisy channel model), COLING.
"""

from __future__ import annotations

import dataclasses
import math
import string
from collections.abc import Container, Sequence
from typing import Final

INSERT, DELETE, SUBSTITUTE = "insert", "delete", "substitute"
_LETTERS: Final = string.ascii_lowercase


@dataclasses.dataclass(frozen=True)
class Edit:
    """One change of a sequence: the unit `at` is replaced or taken out, or another one is put before it."""

    kind: str
    at: int
    put: str = ""

    def of(self, units: Sequence[str]) -> list[str]:
        """Return the edited units."""
        kept = [*units[: self.at]]
        if self.kind != DELETE:
            kept.append(self.put)
        return [*kept, *units[self.at + (self.kind != INSERT) :]]


@dataclasses.dataclass(frozen=True)
class Channel:
    """The share of elements that go wrong in each way, and among how many elements one that goes wrong is drawn."""

    rate: float
    choices: int
    words: bool

    def required(self, edit: Edit, units: Sequence[str]) -> float:
        """Return by how many nats the model must prefer the edited sequence.

        >>> round(Channel(0.01, 4, words=False).required(Edit("insert", 0, "A"), "ACGT"), 2)
        4.61
        """
        if edit.kind == INSERT:
            return -math.log(self.rate)
        drawn = 1 / (self.choices - 1 if edit.kind == SUBSTITUTE else self.choices)
        if not self.words:
            return -math.log(self.rate * drawn)
        slip = 0.0
        if edit.kind == SUBSTITUTE:
            slip = (units[edit.at] in slips(edit.put)) / len(slips(edit.put))
        elif units[edit.at].strip() in {units[at].strip() for at in (edit.at - 1, edit.at + 1) if 0 <= at < len(units)}:
            slip = 1.0
        return -math.log(self.rate * (drawn + slip) / 2)


def slips(word: str) -> frozenset[str]:
    """Return what one slip of the hand makes of a word; the space before it stays.

    >>> sorted(slips("at") & {"ta", "t", "cat", "it", "at"})
    ['cat', 'it', 't', 'ta']
    """
    space = word[: len(word) - len(word.lstrip())]
    word = word.lstrip()
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    made = {a + b[1:] for a, b in cuts if b} | {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    made |= {a + letter + b[1:] for a, b in cuts if b for letter in _LETTERS}
    made |= {a + letter + b for a, b in cuts for letter in _LETTERS}
    return frozenset(space + one for one in made if one and one != word)


def meant(word: str, known: Container[str]) -> list[str]:
    """Return the known words that one slip of the hand may have made into this one.

    >>> meant("teh", {"the", "tea", "ten", "cat"})
    ['tea', 'ten', 'the']
    """
    return sorted(one for one in slips(word) if one in known)
