from . import errors as errors
from ._version import __version__ as __version__
from .errors import CutawayError as CutawayError
from .evaluation import evaluate as evaluate, evaluate_samples as evaluate_samples
from .generation import generate as generate, sweep as sweep
from .lessons import tour as tour
from .inside import (
    ablate as ablate,
    attention as attention,
    compare as compare,
    contacts as contacts,
    contextual_vectors as contextual_vectors,
    embed as embed,
    embedding_map as embedding_map,
    heads as heads,
    lens as lens,
    neighbours as neighbours,
    static_vectors as static_vectors,
)
from .log import get_logger as get_logger
from .models import (
    architecture as architecture,
    model_card as model_card,
    compare_tokenizers as compare_tokenizers,
    doctor as doctor,
    get_model as get_model,
    get_data as get_data,
    model_info as model_info,
    list_data as list_data,
    list_models as list_models,
    load as load,
    save as save,
    tokenize as tokenize,
)
from .prediction import (
    calibrate as calibrate,
    classify as classify,
    correct as correct,
    fill as fill,
    forecast as forecast,
    mutate as mutate,
    predict as predict,
    score as score,
    translate as translate,
)
from .result import Result as Result
from .saved_results import load_result as load_result
from .tokens import (
    check_tokenizer as check_tokenizer,
    save_tokenizer as save_tokenizer,
    train_tokenizer as train_tokenizer,
)
from .training import (
    compare_runs as compare_runs,
    finetune as finetune,
    merge as merge,
    plan as plan,
    train as train,
)
