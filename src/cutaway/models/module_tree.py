"""`architecture`: the module tree with shapes, parameters, bytes and FLOPs, from the configuration alone.

The model is built on torch's meta device: shapes without storage, so a 70B model takes a second and no memory.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any, ClassVar

import torch
import transformers
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers.initialization import no_init_weights

from cutaway.errors import CutawayError, UnsupportedArchitecture
from cutaway.models.config_outline import BIDIRECTIONAL
from cutaway.models.configuration import read_configuration
from cutaway.models.shelf import DEFAULT
from cutaway.models.tokenizer_files import quiet_transformers
from cutaway.progress import step
from cutaway.result import Result


@dataclasses.dataclass(frozen=True)
class Module:
    """One module of the tree, for `repeat` equal siblings; `parameters` counts one of them with all modules below."""

    name: str
    label: str
    type: str
    detail: str
    shapes: dict[str, list[int]]
    parameters: int
    repeat: int
    depth: int


@dataclasses.dataclass(frozen=True, repr=False)
class Architecture(Result):
    """A model's architecture: `modules` in the order of the drawing, `tree` as torch prints it.

    `bytes` is the size of the weights in `dtype`. `flops_per_token` is the FLOPs of one forward pass over
    `flops_context` tokens (an encoder-decoder reads as many on each side), divided by all tokens read. A multiply-add
    is two FLOPs, as torch counts.
    """

    schema: ClassVar[str] = "architecture"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")

    model: str
    source: str
    model_type: str
    class_name: str
    parameters: int
    bytes: int
    dtype: str
    flops_per_token: float | None
    flops_context: int
    layers: int | None
    heads: int | None
    kv_heads: int | None
    width: int | None
    vocab_size: int | None
    context: int | None
    modules: list[Module]
    tree: str

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each module, with the shapes of its weights."""
        rows = []
        for module in self.modules:
            row = dataclasses.asdict(module)
            shapes = "; ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in row.pop("shapes").items())
            rows.append({**row, "shapes": shapes})
        return rows


def architecture(model: str | os.PathLike[str] | Any = DEFAULT, *, revision: str | None = None) -> Architecture:
    """Return the architecture of a model, given by name, folder, `config.json`, model type or config object.

    A model type alone (`gpt2`, `llama`, `bert`) gives transformers' default of that type. Raises a `ModelError`.

    >>> architecture("gpt2").parameters
    124439808
    """
    config, name, source = read_configuration(model, revision)
    module = without_weights(config, name)
    # The dtype of the stored weights, if the configuration names it; on a CPU transformers computes in float32.
    dtype = getattr(config, "dtype", None) or torch.float32
    dtype = getattr(torch, dtype) if isinstance(dtype, str) else dtype
    parameters = sum(weight.numel() for weight in module.parameters())
    context = _first(config, "max_position_embeddings", "n_positions")
    flops_context = min(128, context or 128)
    return Architecture(
        model=name,
        source=source,
        model_type=config.model_type,
        class_name=type(module).__name__,
        parameters=parameters,
        bytes=parameters * dtype.itemsize,
        dtype=str(dtype).removeprefix("torch."),
        flops_per_token=_flops(module, flops_context),
        flops_context=flops_context,
        layers=_first(config, "num_hidden_layers", "n_layer", "num_layers"),
        heads=_first(config, "num_attention_heads", "n_head", "num_heads"),
        kv_heads=_kv_heads(config),
        width=_first(config, "hidden_size", "n_embd", "d_model"),
        vocab_size=_first(config, "vocab_size"),
        context=context,
        modules=_modules(module),
        tree=str(module),
    )


@step("building the model without its weights")
def without_weights(config: Any, name: str) -> nn.Module:
    """Return the model of a configuration on the meta device: shapes without storage.

    Raises `UnsupportedArchitecture` if transformers can't build it; `name` is the model's name in that error.
    """
    try:
        with torch.device("meta"), no_init_weights(), quiet_transformers():
            module = _build(config)
        module.tie_weights()  # type: ignore[operator]
    except CutawayError:
        raise
    except Exception as error:  # the many model classes raise errors of many kinds
        said = next((line for line in str(error).splitlines() if line.strip()), repr(error))
        raise UnsupportedArchitecture(
            f"transformers can't build {name} from this configuration: {said}",
            hint="the defaults of a type are sometimes incomplete: give the config.json of a model",
        ) from error
    return module.eval()


def _build(config: Any) -> nn.Module:
    built = (getattr(config, "architectures", None) or [None])[0]
    if built and isinstance(named := getattr(transformers, built, None), type):
        module: nn.Module = named(config)
        return module
    heads: list[Any] = [transformers.AutoModelForCausalLM, transformers.AutoModelForSeq2SeqLM, transformers.AutoModel]
    if getattr(config, "is_encoder_decoder", False):
        heads = [transformers.AutoModelForSeq2SeqLM, transformers.AutoModel]
    if config.model_type in BIDIRECTIONAL:
        heads.insert(0, transformers.AutoModelForMaskedLM)
    for auto in heads:
        try:
            module = auto.from_config(config)
        except ValueError:  # no such head for this type
            continue
        return module
    raise UnsupportedArchitecture(
        f"transformers can't build a model of type {config.model_type!r}",
        hint="use a model of text, for example gpt2, llama or bert",
    )


def _first(config: Any, *names: str) -> int | None:
    text = config.get_text_config()  # of a model that also sees or hears, the part that reads
    for name in names:
        if isinstance(value := getattr(text, name, None), int):
            return value
    return None


def _kv_heads(config: Any) -> int | None:
    if getattr(config, "multi_query", False) and not getattr(config, "new_decoder_architecture", False):
        return 1
    return _first(config, "num_key_value_heads", "num_kv_heads", "num_attention_heads", "n_head", "num_heads")


def _flops(module: Any, tokens: int) -> float | None:
    ids_BT = torch.zeros(1, tokens, dtype=torch.long, device="meta")
    inputs = {"input_ids": ids_BT}
    if getattr(module.config, "is_encoder_decoder", False):
        inputs["decoder_input_ids"] = ids_BT
    read = len(inputs) * tokens
    used = module.config._attn_implementation
    # With sdpa, models such as BART read the values of their mask, and the meta device has no values. Eager counts the
    # same FLOPs.
    for implementation in (used, "eager"):
        counter = FlopCounterMode(display=False)
        try:
            module.set_attn_implementation(implementation)
            with torch.no_grad(), counter, quiet_transformers():
                module(**inputs)
            return counter.get_total_flops() / read
        except Exception:  # noqa: S112 (it looks at values, or reads no ids)
            continue
        finally:
            module.set_attn_implementation(used)
    return None


def _modules(root: nn.Module) -> list[Module]:
    found: list[Module] = []
    _walk(root, type(root).__name__, "", "", 1, 0, found)
    return found


def _walk(module: nn.Module, label: str, path: str, name: str, repeat: int, depth: int, found: list[Module]) -> None:
    found.append(
        Module(
            name=path,
            label=name or label,
            type=type(module).__name__,
            detail=_detail(module),
            shapes={key: list(weight.shape) for key, weight in module.named_parameters(recurse=False)},
            parameters=sum(weight.numel() for weight in module.parameters()),
            repeat=repeat,
            depth=depth,
        )
    )
    children = list(module.named_children())
    at = 0
    while at < len(children):
        name, child = children[at]
        same = 1
        # Only numbered children form a stack; q_proj and k_proj are different modules, even with equal shapes.
        while name.isdigit() and at + same < len(children) and _equal(child, children[at + same][1]):
            same += 1
        shown = f"({name}-{children[at + same - 1][0]})" if same > 1 else name
        _walk(child, "", f"{path}.{shown}".lstrip("."), shown, same, depth + 1, found)
        at += same


def _detail(module: nn.Module) -> str:
    # A leaf may have its own repr (GPT-2's Conv1D does); the repr of other modules holds their children.
    kind, printed = type(module).__name__, repr(module)
    if next(module.children(), None) is None and printed.startswith(f"{kind}(") and printed.endswith(")"):
        return printed[len(kind) + 1 : -1].replace("\n", " ")
    return module.extra_repr().replace("\n", " ")


def _equal(first: nn.Module, second: nn.Module) -> bool:
    # torch folds a list if the reprs are equal; here all shapes must be equal, too.
    if type(first) is not type(second) or repr(first) != repr(second):
        return False
    shapes = [[(key, weight.shape) for key, weight in module.named_parameters()] for module in (first, second)]
    return shapes[0] == shapes[1]
