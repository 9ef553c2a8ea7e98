from .module_tree import Architecture as Architecture, architecture as architecture
from .data import DataInfo as DataInfo, DataList as DataList, get_data as get_data, list_data as list_data
from .diagnosis import Diagnosis as Diagnosis, doctor as doctor
from .finding import Finding as Finding
from .listing import (
    ModelInfo as ModelInfo,
    ModelList as ModelList,
    model_card as model_card,
    get_model as get_model,
    model_info as model_info,
    list_models as list_models,
    remove_model as remove_model,
)
from .loading import load as load
from .text_model import Model as Model, ModelLike as ModelLike
from .prompt import encode_prompt as encode_prompt, fit_context as fit_context
from .saving import Saved as Saved, save as save
from .shelf import DEFAULT as DEFAULT, DEFAULT_ENCODER as DEFAULT_ENCODER, SHELF as SHELF, ShelfEntry as ShelfEntry
from .named_tokenizer import (
    compare_tokenizers as compare_tokenizers,
    load_tokenizer as load_tokenizer,
    tokenize as tokenize,
)
