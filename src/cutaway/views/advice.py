"""What to try if responses are empty, or if a question was continued instead of answered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cutaway.generation.response import Generation


def advice(results: Sequence[Generation], *, answers: bool) -> str | None:
    """Return why responses are empty and what to try, or that a question needs `chat=True`, or None.

    `answers` says that the model was trained to answer messages: it has a chat template.

    >>> advice([], answers=True) is None
    True
    """
    chat = any(result.settings["chat"] for result in results)
    to_answer = "this model was trained to answer messages: `chat=True` lets it answer"
    empty = [result for result in results if not result.completion.strip() and result.finish_reason == "eos"]
    if empty:
        one = empty[0]
        why = "the model wrote only white space and ended the text"
        if len(one.tokens) == 1:
            chance = math.exp(one.logprobs[0])
            why = f"the first token was {one.tokens[0]}, which ends a text (the model gave it probability {chance:.2f})"
        which = "the response is" if len(results) == 1 else f"{len(empty):,} of {len(results):,} responses are"
        what = to_answer if answers and not chat else "`min_new_tokens=16` keeps it from ending so early"
        return f"{which} empty: {why}; {what}"
    if answers and not chat and any(result.prompt.rstrip().endswith("?") for result in results):
        return f"a question was continued, not answered; {to_answer}"
    return None
