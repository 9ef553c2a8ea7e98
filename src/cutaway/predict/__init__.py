"""What a model makes of a given text: how probable it finds it, which label, and what a changed letter does to it."""

from cutaway.predict.classification import Classification, classify
from cutaway.predict.mutation import Mutations, mutate
from cutaway.predict.profile import Profile
from cutaway.predict.scoring import Score, ScoredToken, score

__all__ = ["Classification", "Mutations", "Profile", "Score", "ScoredToken", "classify", "mutate", "score"]
