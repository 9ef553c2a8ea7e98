from .batches import Batch as Batch, Batcher as Batcher
from .finetuning import finetune as finetune
from .finetuning_settings import finetuning_settings as finetuning_settings
from .merging import merge as merge
from .model_sizes import (
    ARCHITECTURES as ARCHITECTURES,
    OBJECTIVES as OBJECTIVES,
    SIZES as SIZES,
    Size as Size,
    configuration as configuration,
    model_class as model_class,
    shaped_like as shaped_like,
)
from .plan import plan as plan
from .plan_result import Choice as Choice, Plan as Plan
from .plan_settings import PlanSettings as PlanSettings
from .records import SampleRecord as SampleRecord, StepRecord as StepRecord, ValidationRecord as ValidationRecord
from .result import Training as Training
from .rows import SourceRows as SourceRows
from .run import TrainingRun as TrainingRun, train as train
from .run_comparison import compare_runs as compare_runs
from .run_comparison_result import (
    CurvePoint as CurvePoint,
    Difference as Difference,
    RunComparison as RunComparison,
    RunSide as RunSide,
)
from .run_folder import is_run as is_run
from .run_result import read_run as read_run
from .run_tokenizer import character_tokenizer as character_tokenizer
from .schedule import learning_rate as learning_rate
from .settings import Settings as Settings
from .step_costs import MemoryPart as MemoryPart
