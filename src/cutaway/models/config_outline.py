"""What config.json alone says of a model: enough to refuse an impossible request before torch is imported."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from cutaway.errors import InputError, WrongKind
from cutaway.models.shelf import DEFAULT, DEFAULT_TRANSLATOR, SHELF
from cutaway.models.sources import resolve

BIDIRECTIONAL = {"bert", "roberta", "xlm-roberta", "distilbert", "albert", "electra", "camembert", "modernbert", "esm"}

_DEVICES = ("cpu", "cuda", "mps", "xpu", "hpu", "npu", "mtia", "meta")
# The same number under the names that transformers' configurations give it.
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers")
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads")


@dataclasses.dataclass(frozen=True)
class Outline:
    """A model's name, folder and numbers of layers L and heads H (None if its configuration does not say).

    `built` is the class that the configuration names, `type` the model type; both may be empty. `answers` says
    whether the folder has a chat template, so that the model was trained to answer messages.
    """

    name: str
    path: Path
    layers: int | None
    heads: int | None
    built: str = ""
    type: str = ""
    is_decoder: bool = False
    is_encoder_decoder: bool = False
    answers: bool = False

    def check_left_to_right(self) -> None:
        """Raise `WrongKind` for a model that does not continue a text."""
        check_left_to_right(self.name, self.built, self.type, self.is_decoder)

    def check_pair(self) -> None:
        """Raise `WrongKind` for a model that does not read one text and write another."""
        if not self.is_encoder_decoder:
            raise WrongKind(
                f"{self.name} is a {self.built or self.type}: it does not turn one text into another",
                hint=f"take an encoder-decoder such as a T5, for example `model={DEFAULT_TRANSLATOR!r}`",
            )

    def check_labels(self) -> None:
        """Raise `WrongKind` for a model without a head for labels or numbers."""
        check_labels(self.name, self.built or self.type)

    def check_places(self, layers: list[int] | None, heads: list[int] | None) -> None:
        """Raise `InputError` for a layer or a head that the model does not have."""
        for what, asked, count in (("layer", layers, self.layers), ("head", heads, self.heads)):
            for number in asked or ():
                if count is not None and not 0 <= number < count:
                    raise InputError(
                        f"there is no {what} {number} in {self.name}", hint=f"it has {what}s 0 to {count - 1}"
                    )

    def check_heads(self, heads: list[tuple[int, int]] | None) -> None:
        """Raise `InputError` for a head, as (layer, head), that the model does not have."""
        for layer, head in heads or ():
            for number, count in ((layer, self.layers), (head, self.heads)):
                if count is not None and not 0 <= number < count:
                    raise InputError(
                        f"there is no head {layer}.{head} in {self.name}",
                        hint=f"it has layers 0 to {(self.layers or 1) - 1} and heads 0 to {(self.heads or 1) - 1}",
                    )

    def check_state(self, layer: int) -> None:
        """Raise `InputError` for a layer whose output the model does not have; layer 0 is the first block's input."""
        if self.layers is not None and not -self.layers - 1 <= layer <= self.layers:
            raise InputError(
                f"there is no layer {layer} in {self.name}: it has 0 (the input of the first block) to {self.layers}",
                hint=f"-1 is the last, as is {self.layers}",
            )


def outline(model: str | os.PathLike[str], *, revision: str | None = None) -> Outline:
    """Return what a model's configuration says; fetches the model if it is not in the cache.

    Raises a `ModelError` if there is no such model, or if it is a vocabulary without weights.

    >>> found = outline("smollm2-135m")
    >>> found.layers, found.heads
    (30, 9)
    """
    name = os.fspath(model)
    entry = SHELF.get(name)
    if entry is not None and entry.kind == "tokenizer":
        raise WrongKind(
            f"{name} is a vocabulary without weights", hint=f"take a model, for example `model={DEFAULT!r}`"
        )
    path = resolve(model, revision=revision)
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # loading the model raises the error
        config = {}
    config = config if isinstance(config, dict) else {}
    nested = [config] + [part for key in ("text_config", "decoder") if isinstance(part := config.get(key), dict)]
    built = config.get("architectures")
    return Outline(
        name,
        path,
        _first(nested, _LAYERS),
        _first(nested, _HEADS),
        str(built[0]) if isinstance(built, list) and built else "",
        str(config.get("model_type", "")),
        config.get("is_decoder") is True,
        config.get("is_encoder_decoder") is True,
        answers_messages(path),
    )


def check_left_to_right(name: str, built: str, type_: str, is_decoder: bool) -> None:
    """Raise `WrongKind` for a masked language model, a classifier, or a type with bidirectional attention.

    transformers builds a BERT as a causal model without a warning, although its attention stays bidirectional.
    """
    masked = any(part in built for part in ("ForMaskedLM", "ForPreTraining", "ForSequenceClassification", "Encoder"))
    if (masked and "EncoderDecoder" not in built) or (type_ in BIDIRECTIONAL and not is_decoder):
        raise WrongKind(
            f"{name} is a {built or type_}: it does not continue a text from left to right",
            hint=f"take a decoder, for example `model={DEFAULT!r}`",
        )


def check_labels(name: str, built: str) -> None:
    """Raise `WrongKind` for a model without a head for labels or numbers."""
    if "ForSequenceClassification" not in built:
        raise WrongKind(
            f"{name} has no head for labels or numbers (it is a {built})",
            hint="train one on your records: cutaway finetune MODEL FILE --label-column NAME -o DIR",
        )


def answers_messages(folder: Path) -> bool:
    """Return whether a model's folder has a chat template; does not import transformers.

    >>> from cutaway.models.sources import resolve
    >>> answers_messages(resolve("smollm2-135m")), answers_messages(resolve("gpt2-vocab"))
    (True, False)
    """
    if any((folder / name).exists() for name in ("chat_template.jinja", "chat_template.json")):
        return True
    try:
        return bool(json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8")).get("chat_template"))
    except (OSError, ValueError, AttributeError):
        return False


def is_model_type(name: str) -> bool:
    """Return whether transformers may know this model type; searches its sources without importing it.

    >>> is_model_type("gpt2"), is_model_type("gpt22")
    (True, False)
    """
    found = importlib.util.find_spec("transformers")
    folders = [] if found is None else found.submodule_search_locations or []
    files = (file for folder in folders for file in Path(folder, "models", "auto").glob("*.py"))
    return any(f'"{name}"' in file.read_text(encoding="utf-8") for file in files)


def check_device(device: str) -> None:
    """Raise `InputError` if this is not the name of a device; torch checks later whether the machine has it."""
    kind, colon, number = device.partition(":")
    if kind not in _DEVICES or (colon and not number.isdecimal()):
        raise InputError(f"there is no device {device!r}", hint="use `device='cpu'`, 'cuda', 'cuda:1' or 'mps'")


def _first(configs: list[dict[str, Any]], names: tuple[str, ...]) -> int | None:
    for config in configs:
        for name in names:
            if isinstance(value := config.get(name), int):
                return value
    return None
