"""What a map is asked to show, checked; no torch is needed, so the command line reports a mistake at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cutaway.errors import InputError
from cutaway.random_streams import check_seed

METHODS: Final = {"pca": "principal components of the unit vectors", "tsne": "t-SNE of the unit vectors"}


def map_points(
    groups: Mapping[str, Sequence[str]] | Sequence[str], method: str, perplexity: float | None, seed: int
) -> list[tuple[str, str]]:
    """Return the points of a map as (group, word).

    Raises `InputError` for fewer than three points, an unknown method, or a perplexity that does not fit.

    >>> map_points({"days": ["Monday", "Friday"], "": ["one"]}, "pca", None, 0)
    [('days', 'Monday'), ('days', 'Friday'), ('', 'one')]
    """
    if method not in METHODS:
        raise InputError(f"`method` is {method!r}", hint=f"choose one of {', '.join(METHODS)}")
    if isinstance(groups, str):
        raise InputError(f"`groups` is the text {groups!r}", hint="give a list, or groups: {'days': ['Monday', …]}")
    check_seed(seed)
    groups = groups if isinstance(groups, Mapping) else {"": groups}
    points = [(group, word) for group, words in groups.items() for word in words]
    if len(points) < 3:
        raise InputError(f"a map needs at least 3 points; got {len(points)}", hint="give more words or records")
    if perplexity is not None and method != "tsne":
        raise InputError(f"`perplexity` has no effect with method {method}", hint="leave it out, or take tsne")
    if perplexity is not None and not 0 < perplexity < len(points):
        raise InputError(
            f"`perplexity` is {perplexity:g} for {len(points)} points",
            hint=f"it is about how many neighbours a point has; it must be above 0 and below {len(points)}",
        )
    return points


def word_groups(lines: Iterable[str]) -> dict[str, list[str]]:
    """Read lines "name: word word …" as groups of words; words without a name go into the group "".

    >>> word_groups(["days: Monday Friday", "one two", "days: Sunday"])
    {'days': ['Monday', 'Friday', 'Sunday'], '': ['one', 'two']}
    """
    found: dict[str, list[str]] = {}
    for line in lines:
        name, colon, words = line.partition(":")
        found.setdefault(name.strip() if colon else "", []).extend((words if colon else line).split())
    return found
