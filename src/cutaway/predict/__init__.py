"""What a model makes of a given text: how probable it finds it, and which label."""

from cutaway.predict.classification import Classification, classify
from cutaway.predict.scoring import Score, ScoredToken, score

__all__ = ["Classification", "Score", "ScoredToken", "classify", "score"]
