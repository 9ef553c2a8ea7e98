"""Text: one or more characters of any kind.

Rules: a text is kept exactly as it is; nothing is normalised, stripped or folded. Half of a surrogate pair, which JSON
can contain, is an error: it is not a character and cannot be saved.
"""

from __future__ import annotations

from cutaway.errors import BadSequence


def check(sequence: str) -> tuple[str, dict[str, int]]:
    """Return the text as it is. Raises `BadSequence` if it is empty or contains half of a surrogate pair.

    >>> check("Naïve?")
    ('Naïve?', {})
    """
    if not sequence:
        raise BadSequence("the text is empty", hint="add a text, or skip such records with `skip_bad=True`")
    if not sequence.isascii():
        try:
            sequence.encode()
        except UnicodeEncodeError as error:
            hint = "write the whole character, or skip such records with `skip_bad=True`"
            why = f"{sequence[error.start]!r} is half of a surrogate pair, not a character"
            raise BadSequence(why, hint=hint, column=error.start + 1) from error
    return sequence, {}
