from .classification import Classification as Classification, classify as classify
from .mutation import Mutations as Mutations, mutate as mutate
from .profile import Profile as Profile
from .scoring import Score as Score, ScoredToken as ScoredToken, score as score
