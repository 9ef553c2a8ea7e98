from .config import Settings as Settings, configuration as configuration
from .loop import (
    StepRecord as StepRecord,
    ValidationRecord as ValidationRecord,
    fit as fit,
    learning_rate as learning_rate,
)
from .model_sizes import (
    ARCHITECTURES as ARCHITECTURES,
    OBJECTIVES as OBJECTIVES,
    SIZES as SIZES,
    Size as Size,
    model_class as model_class,
    shaped_like as shaped_like,
)
from .rows import Rows as Rows, SourceRows as SourceRows, TextRows as TextRows
from .result import Training as Training
from .run import TrainingRun as TrainingRun, train as train
from .character_vocabulary import (
    END as END,
    UNKNOWN as UNKNOWN,
    character_tokenizer as character_tokenizer,
    text_ids as text_ids,
)
