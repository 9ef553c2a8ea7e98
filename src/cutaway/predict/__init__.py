"""What a model makes of a given text: how probable it finds it, which label, and what a changed letter does to it.

Exports are imported on first use: torch comes with the verb that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutaway.lazy import exports

if TYPE_CHECKING:
    from cutaway.predict.classification import Classification, classify
    from cutaway.predict.mutation import Mutations, mutate
    from cutaway.predict.profile import Profile
    from cutaway.predict.scoring import Score, ScoredToken, score

__all__ = ["Classification", "Mutations", "Profile", "Score", "ScoredToken", "classify", "mutate", "score"]

__getattr__ = exports(
    __name__,
    {
        "classification": ["Classification", "classify"],
        "mutation": ["Mutations", "mutate"],
        "profile": ["Profile"],
        "scoring": ["Score", "ScoredToken", "score"],
    },
)
