"""Load a model and its tokenizer, ready to run: in eval mode, by default in float32 on the CPU."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import json
import os
import pickle
import warnings
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)

from cutaway.errors import (
    CorruptFile,
    CutawayError,
    InputError,
    ModelError,
    UnsafeFile,
    UnsupportedArchitecture,
    WrongKind,
)
from cutaway.extras import pip_install
from cutaway.models import cache, residency
from cutaway.models.config_outline import check_left_to_right
from cutaway.models.missing_packages import missing_package
from cutaway.models.named_tokenizer import load_tokenizer
from cutaway.models.shelf import DEFAULT, SHELF
from cutaway.models.shipped_models import shipped_at
from cutaway.models.sources import resolve
from cutaway.models.text_model import Model, ModelLike
from cutaway.models.tokenizer_files import quiet_transformers
from cutaway.progress import step

_CLASSES = {
    "causal": transformers.AutoModelForCausalLM,
    "pair": transformers.AutoModelForSeq2SeqLM,
    "classifier": transformers.AutoModelForSequenceClassification,
    "any": transformers.AutoModel,
}


def load(
    model: ModelLike = DEFAULT,
    kind: str = "causal",
    *,
    revision: str | None = None,
    device: str | None = None,
    dtype: str | torch.dtype | None = None,
    trust_remote_code: bool = False,
) -> Model:
    """Load a model by name or path; a loaded model is returned unchanged.

    `kind` is "causal", "pair" (an encoder-decoder), "generator" (either of them), "classifier" or "any" (the class its
    configuration names); `device` defaults to the CPU, `dtype` to float32. The model is yours: you may train or change
    it in place, and every verb uses its current state. Another `load` of the same name is not affected. Raises a
    `ModelError`.

    >>> load("smollm2-135m").context
    8192
    """
    return _opened(_load, model, kind, revision, device, dtype, trust_remote_code)


def shared(model: ModelLike, kind: str = "causal") -> Model:
    """Return a model to read from, in eval mode: the given one, or for a name a model that all verbs share.

    The two models used last stay in memory (`residency.py`), so a second verb on the same name starts at once. Shared
    models are never changed and never given to the user. Raises a `ModelError`.
    """
    return _in_eval_mode(_opened(_kept, model, kind))


def _in_eval_mode(model: Model) -> Model:
    """Return the model if no part of it is in training mode, else a copy in eval mode on the same weights.

    Dropout would make the numbers random. The user's module keeps its mode, even if something fails meanwhile.
    """
    if not any(part.training for part in model.module.modules()):
        return model
    weights = {id(tensor): tensor for tensor in (*model.module.parameters(), *model.module.buffers())}
    return dataclasses.replace(model, module=copy.deepcopy(model.module, weights).eval())


def _opened(
    open_: Callable[..., Model],
    model: ModelLike,
    kind: str,
    revision: str | None = None,
    device: str | None = None,
    dtype: str | torch.dtype | None = None,
    trust: bool = False,
) -> Model:
    if kind not in {*_CLASSES, "generator"}:
        raise InputError(
            f"`kind` is {kind!r}; it must be a kind of model", hint=f"use one of {', '.join(_CLASSES)}, generator"
        )
    if isinstance(model, Model):
        kind = _generator(model.config) if kind == "generator" else kind
        _check_kind(model.name, model.config, kind, type(model.module).__name__)
        return model
    entry = SHELF.get(os.fspath(model))
    if entry is not None and entry.kind == "tokenizer":
        raise WrongKind(
            f"{entry.name} is a vocabulary without weights", hint=f"take a model, for example `model={DEFAULT!r}`"
        )
    path = resolve(model, revision=revision)
    if kind == "generator":
        kind = _generator(_config(os.fspath(model), path, trust))
    # The stamp changes if the folder is trained further or loses a file; then it is another model.
    return open_(os.fspath(model), path, cache.stamp(path), kind, device or "cpu", str(dtype or "float32"), trust)


def _load(name: str, path: Path, _stamp: object, kind: str, device: str, dtype: str, trust: bool) -> Model:
    with step(f"loading {name}"):
        return _built(name, path, kind, device, dtype, trust)


def _built(name: str, path: Path, kind: str, device: str, dtype: str, trust: bool) -> Model:
    tokenizer = load_tokenizer(path, name=name)
    config = _config(name, path, trust)
    _check_kind(name, config, kind, (getattr(config, "architectures", None) or [""])[0])
    _check_pickles(path)
    named = getattr(transformers, (getattr(config, "architectures", None) or [""])[0], None)
    with quiet_transformers(), _explained(name, path):
        module, report = (named if kind == "any" and named else _CLASSES[kind]).from_pretrained(
            path,
            config=config,
            dtype=_dtype(dtype),
            trust_remote_code=trust,
            local_files_only=True,
            output_loading_info=True,
        )
        if missing := sorted(report["missing_keys"]):  # transformers would fill them with random numbers
            raise CorruptFile(
                f"the weights of {name} do not contain {', '.join(missing[:3])}" + (", …" if len(missing) > 3 else ""),
                hint=_again(name, path),
            )
    try:
        if torch.device(device).type == "meta":
            raise RuntimeError("device meta stores shapes without numbers")
        module = module.to(device).eval()
    except (RuntimeError, AssertionError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise _too_large(name) from error
        raise InputError(
            f"device {device!r} can't be used: {str(error).splitlines()[0]}", hint="use `device='cpu'`"
        ) from error
    tokenizer.rows = functools.partial(_rows, module)
    return Model(name, path, module, tokenizer)


def _kept(name: str, path: Path, stamp: Hashable, kind: str, *how: Any) -> Model:
    return residency.keep(residency.Resident(name, path, stamp, kind), lambda: _load(name, path, stamp, kind, *how))


def _rows(module: Any) -> int | None:
    """Return the number of rows of the model's embedding table; None if it has no table."""
    try:
        table = module.get_input_embeddings()
    except NotImplementedError:
        return None
    return table.num_embeddings if isinstance(table, torch.nn.Embedding) else None


def _config(name: str, path: Path, trust: bool) -> Any:
    with _explained(name, path):
        try:
            return transformers.AutoConfig.from_pretrained(path, trust_remote_code=trust, local_files_only=True)
        except ValueError as error:
            if "trust_remote_code" in str(error):
                raise UnsafeFile(
                    f"{name} comes with Python code, which would run when it is loaded",
                    hint="read that code first; then `trust_remote_code=True` allows it",
                ) from error
            if "model type" in str(error) or "model_type" in str(error):
                raise UnsupportedArchitecture(
                    f"transformers {transformers.__version__} does not know the architecture of {name}: "
                    f"{str(error).splitlines()[0]}",
                    hint=f"a newer transformers may know it: {pip_install()} -U transformers",
                ) from error
            raise


def _generator(config: Any) -> str:
    return "pair" if getattr(config, "is_encoder_decoder", False) else "causal"


def _check_kind(name: str, config: Any, kind: str, built: str) -> None:
    if kind == "classifier" and "ForSequenceClassification" not in built:
        raise WrongKind(
            f"{name} has no classification head (it is a {built or config.model_type})",
            hint="give `labels=['a', 'b']` to let a language model choose between them",
        )
    if kind == "pair":
        known = config.model_type in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
        if not known or not config.is_encoder_decoder or "Encoder" in built.replace("EncoderDecoder", ""):
            raise WrongKind(
                f"{name} is a {built or config.model_type}: it does not turn one text into another",
                hint=f"take an encoder-decoder such as a T5, or a decoder, for example `model={DEFAULT!r}`",
            )
    if kind != "causal":
        return
    if _generator(config) == "pair":
        raise WrongKind(
            f"{name} is a {built or config.model_type}, which reads one text and writes another; "
            "it does not continue a text from left to right",
            hint=f"cutaway generate runs it; for this take a decoder, for example `model={DEFAULT!r}`",
        )
    check_left_to_right(name, built, config.model_type, bool(getattr(config, "is_decoder", False)))
    brings_one = "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {})  # and its code is trusted
    if config.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and not brings_one:
        raise WrongKind(
            f"{name} is a {built or config.model_type}: it does not continue a text from left to right",
            hint=f"take a decoder, for example `model={DEFAULT!r}`",
        )


def _check_pickles(path: Path) -> None:
    # Only the files that transformers would open, because training leaves other pickles beside them.
    if any((path / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json")):
        return
    for weights in sorted(path.glob("pytorch_model*.bin")):
        try:
            with warnings.catch_warnings(action="ignore"):
                torch.load(weights, map_location="meta", weights_only=True, mmap=_is_zip(weights))
        except Exception as error:
            raise _unsafe(weights.name, path) from error


def _unsafe(file: str, path: Path) -> UnsafeFile:
    return UnsafeFile(
        f"{file} in {str(path)!r} contains Python objects besides tensors, or is damaged",
        hint="such a file could run code, so it is not opened; ask its maker for a safetensors file",
    )


def _is_zip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"PK"


def _dtype(name: str) -> torch.dtype:
    dtype = getattr(torch, name.removeprefix("torch."), None)
    if not isinstance(dtype, torch.dtype) or dtype not in {torch.float32, torch.bfloat16, torch.float16, torch.float64}:
        raise InputError(f"dtype {name!r} is not supported", hint="use float32, bfloat16 or float16")
    return dtype


@contextlib.contextmanager
def _explained(name: str, path: Path) -> Iterator[None]:
    again = _again(name, path)
    try:
        yield
    except CutawayError:
        raise
    except SafetensorError as error:
        raise CorruptFile(f"the weights of {name} are incomplete or damaged: {error}", hint=again) from error
    except pickle.UnpicklingError as error:
        raise _unsafe("a pickle", path) from error
    except OSError as error:
        if "no file named" in str(error) or "does not appear to have" in str(error):
            raise CorruptFile(f"{str(path)!r} does not contain weights of {name}", hint=again) from error
        raise CorruptFile(f"can't read {name}: {str(error).splitlines()[0]}", hint=again) from error
    except Exception as error:  # for damaged files, transformers and torch raise errors of many kinds
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            raise _too_large(name) from error
        if missing := missing_package(name, error):
            raise missing from error
        said = next((line for line in str(error).splitlines() if line.strip()), repr(error))
        if method := _quantised(path):
            raise ModelError(
                f"can't load {name}, whose weights are quantised by {method}: {said}",
                hint="use the model without quantisation",
            ) from error
        raise CorruptFile(f"can't load {name}: {said}", hint=again) from error


def _quantised(path: Path) -> str | None:
    """Return the method by which a folder's weights were quantised, or None if they were not."""
    try:
        declared = json.loads((path / "config.json").read_text(encoding="utf-8")).get("quantization_config") or {}
    except (OSError, ValueError, AttributeError):
        return None
    return str(declared.get("quant_method", "an unnamed method")) if declared else None


def _too_large(name: str) -> ModelError:
    return ModelError(f"there is not enough memory for {name}", hint="`dtype='bfloat16'` needs half as much")


def _again(name: str, path: Path) -> str:
    if shipped_at(path) is not None:
        return f"install it again: {pip_install()} --force-reinstall --no-deps cutaway"
    if name in SHELF:
        return f"fetch it again: cutaway models rm {name} && cutaway models get {name}"
    if path.parent == cache.home() / "models":
        return f"convert it again: cutaway models rm {path.name}"
    if Path(name).exists():
        return "copy or save the folder again: a file in it is damaged or missing"
    return f"fetch it again: hf download {name} --force-download"
