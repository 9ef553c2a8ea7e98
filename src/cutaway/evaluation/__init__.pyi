from .descriptions import MetricNote as MetricNote
from .evaluating import evaluate as evaluate, measure as measure
from .forecasts import evaluate_forecasts as evaluate_forecasts, measure_forecasts as measure_forecasts
from .phrase_lookup import PhraseTable as PhraseTable
from .resampling import Measured as Measured
from .result import (
    CalibrationBin as CalibrationBin,
    Difference as Difference,
    Evaluation as Evaluation,
    Point as Point,
    WrittenText as WrittenText,
)
from .sample_evaluating import evaluate_samples as evaluate_samples, measure_samples as measure_samples
from .sample_result import SampleEvaluation as SampleEvaluation
from .sample_sheet import SampleSheet as SampleSheet, SheetRecord as SheetRecord, sample_sheet as sample_sheet
from .symbol_baselines import SymbolBaseline as SymbolBaseline, Symbols as Symbols, symbol_baselines as symbol_baselines
