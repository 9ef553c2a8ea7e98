from .classification import Classification as Classification, classify as classify
from .correction import Corrections as Corrections, correct as correct
from .familiarity import Familiarity as Familiarity
from .filling import Filled as Filled, fill as fill
from .mutation import Mutations as Mutations, mutate as mutate
from .profile import Profile as Profile
from .scoring import Score as Score, ScoredToken as ScoredToken, score as score
from .forecasting import Fan as Fan, Forecast as Forecast, ForecastChannel as ForecastChannel, forecast as forecast
from .translation import (
    TranslatedToken as TranslatedToken,
    Translation as Translation,
    TranslationBeam as TranslationBeam,
    translate as translate,
)
from .basis import Basis as Basis
from .calibrating import calibrate as calibrate
from .predicting import (
    PredictedRecord as PredictedRecord,
    Prediction as Prediction,
    RefusedRecord as RefusedRecord,
    predict as predict,
)
