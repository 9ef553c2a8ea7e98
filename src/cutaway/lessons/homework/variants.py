"""Whose task is which: a variant follows from the course's key, the learner's name and the task.

A variant is HMAC-SHA256(course key, name and task). Whoever has the key can compute it. So a key that the whole class
knows only keeps learners from working on the same numbers by accident. If the teacher alone has the key, and starts the
folders herself, it also proves that nobody chose a variant.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from typing import Final

from cutaway.errors import InputError

OPEN: Final = "open"  # the key of a course without one: anyone can compute its variants
PROOF: Final = (
    "The hash shows that the page has not changed since it was made. It does not show who did the work: the page comes "
    "from the learner's machine, and whoever can run cutaway can make a page with a right hash.",
    "The variant belongs to the name only if the course's key is secret. Without a key, or if the class knows it, "
    "anyone can compute the variant of any name.",
    "So collect believes no number of the page: it computes the results again (of a large sweep a part of the runs), "
    "and checks the variant with the teacher's key. It can't tell who wrote the explanation, or whether it is good. A "
    "teacher reads it.",
)


def variant_of(course: str, name: str, task: str) -> str:
    """Return the variant of a task for a learner, 32 hexadecimal digits; spaces and capitals of the name do not count.

    Raises `InputError` for an empty name or key.

    >>> variant_of("open", "Ada  Lovelace", "two-sizes") == variant_of("open", "ada lovelace", "two-sizes")
    True
    """
    return hmac.new(_key(course), f"{known_as(name)}\n{task}".encode(), hashlib.sha256).hexdigest()[:32]


def known_as(name: str) -> str:
    """Return a name without the differences that do not count. Raises `InputError` if nothing is left of it."""
    known = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    if not known or not known.isprintable():
        raise InputError(f"the learner's name is {name!r}", hint='give one, for example "Ada Lovelace"')
    return known


def seed_of(variant: str) -> int:
    """Return the seed of a variant's random streams."""
    return int(variant[:15], 16)


def course_mark(course: str) -> str:
    """Return 8 hexadecimal digits that say with which key a task was made, and not what the key is."""
    return hmac.new(_key(course), b"course", hashlib.sha256).hexdigest()[:8]


def _key(course: str) -> bytes:
    if not course.strip():
        raise InputError("the course's key is empty", hint="give the key, or leave it out")
    return course.encode("utf-8", "backslashreplace")
