from .resampling import Measured as Measured
from .symbol_baselines import SymbolBaseline as SymbolBaseline, Symbols as Symbols, symbol_baselines as symbol_baselines
