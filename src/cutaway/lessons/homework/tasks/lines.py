"""Lines of verse that tasks choose from: made for these, so no model has seen them, with words that come again."""

from __future__ import annotations

from typing import Final

from cutaway.random_streams import stream

LINES: Final = (
    "The king is dead, and with the king are dead the hopes of all who loved the king.",
    "What is a friend? A friend is he that knows the worst, and knowing it, is still a friend.",
    "My lord, the duke your brother sends to know if you, my lord, will see the duke tonight.",
    "To bed, to bed; the night is old, and they that would be up with day must go to bed.",
    "If I were she, and she were I, then I would weep as she does now, and she would laugh.",
    "There is no sword so sharp as is a tongue, nor any tongue so sharp as is a woman's wit.",
    "Good night, sweet queen; and if the night be good, the day shall be more good than night.",
    "He that hath gold hath friends, and he that hath no gold hath neither gold nor friends.",
    "Come, sit by me, and tell me what you know; for what you know, I know not how to ask.",
    "A horse for him, a horse for me, and then let them that have no horse go home on foot.",
)


def two_lines(seed: int) -> str:
    """Return two different lines, chosen by the seed."""
    first, second = stream(seed, "lines").permutation(len(LINES))[:2]
    return f"{LINES[first]} {LINES[second]}"
