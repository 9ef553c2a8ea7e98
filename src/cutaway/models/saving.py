"""`save`: write a model, its tokenizer and its card to a folder, then load the folder again and compare."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar

import torch
import transformers

from cutaway.errors import ModelError, cannot_write
from cutaway.folders import check_new_folder, written_aside
from cutaway.models import known_words
from cutaway.models.cache import plain_os_errors
from cutaway.models.hub import RECIPE
from cutaway.models.listing import FileEntry, files_in, model_card
from cutaway.models.loading import shared
from cutaway.models.python_tokenizer import PythonBackend
from cutaway.models.text_model import Model, ModelLike
from cutaway.models.tokenizer_files import quiet_transformers, read_tokenizer
from cutaway.progress import step
from cutaway.result import Result
from cutaway.tokens.tokenizer import ROLES

# What a training run keeps in its folder.
RUN_FILES = {
    *("metrics.jsonl", "validation.jsonl", "samples.jsonl", "run.json", "run.json.lock", "checkpoints"),
    *("page.html", "events.out.tfevents.*"),
}
# What a saved model consists of; a run that goes on writes them anew.
MODEL_FILES = {
    *("README.md", "config.json", "generation_config.json", "model.safetensors"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", known_words.FILE),
}
_ROUNDINGS = 16
PROBE = "A model that is saved and loaded again must say the same."


@dataclasses.dataclass(frozen=True, repr=False)
class Saved(Result):
    """A saved model; `max_abs_difference` is between the logits_TV of the given and the re-loaded model on a probe."""

    schema: ClassVar[str] = "saved"

    model: str
    directory: str
    files: list[FileEntry]
    bytes: int
    probe_tokens: int
    max_abs_difference: float


def save(
    model: ModelLike,
    directory: str | os.PathLike[str],
    *,
    card_text: str | None = None,
    replace: Collection[str] = (),
) -> Saved:
    """Save model, tokenizer and card as an ordinary Hugging Face folder, load it again and compare weights and logits.

    Everything is written to a temporary folder that is then renamed, so there is never half a model. No file is
    overwritten: `directory` must be new, be empty, or hold only what the run that made the model keeps there, and the
    files named in `replace`. Raises `OutputError`, and `ModelError` if the saved model has other weights than the given
    one, or other logits beyond a rounding.

    >>> save("smollm2-135m", "my-model").max_abs_difference  # doctest: +SKIP
    0.0
    """
    target = check_new_folder(directory, beside={*RUN_FILES, *replace})
    loaded = shared(model, "any")
    try:
        with written_aside(target) as aside:
            with step(f"saving {loaded.name}"):
                _write(loaded, aside, card_text)
            ids_T = _probe(loaded)
            with step("loading what was saved, to compare"):
                difference = _difference(loaded, aside, ids_T)
    except OSError as error:
        raise cannot_write(
            f"can't save to {str(target)!r}: {error.strerror or error}",
            error,
            hint="name a folder on a disk that you may write to and that has room",
        ) from error
    files = files_in(target)
    return Saved(loaded.name, str(target), files, sum(f.bytes for f in files), len(ids_T), difference)


def _write(model: Model, aside: Path, card_text: str | None) -> None:
    dtype = getattr(model.config, "dtype", None)
    try:
        with quiet_transformers(), plain_os_errors():
            model.module.save_pretrained(aside)
            save_tokenizer_of(model, aside)
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise ModelError(
            f"transformers can't save {model.name}: {str(error).splitlines()[0]}",
            hint="nothing was written; cutaway models list shows models that can be saved",
        ) from error
    finally:
        model.config.dtype = dtype  # saving turns it into a string, but the model goes on using this configuration
    for weights in aside.glob("*.safetensors"):
        weights.chmod(0o644)  # the library makes them readable for the owner only
    for name in _kept_files(model):
        (aside / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(Path(model.path or ".") / name, aside / name)
    text = card_text if card_text is not None else _card(model)
    (aside / "README.md").write_text(text, encoding="utf-8")


def _kept_files(model: Model) -> list[Path]:
    """Return the files that say how the model turns a text into a vector, and which words a translator knows."""
    path, patterns = model.path, (*RECIPE, known_words.FILE)
    return [] if path is None else [file.relative_to(path) for pattern in patterns for file in path.glob(pattern)]


def _card(model: Model) -> str:
    """Return the card of the model's folder, or a short description of a model made in memory."""
    if model.path is not None and model.path.is_dir():
        return model_card(model.path)
    facts = f"- type: {model.config.model_type}\n- parameters: {model.module.num_parameters():,}\n"
    return f"# {model.name}\n\nThis model was made in memory and saved without a card. What is known:\n\n{facts}"


def save_tokenizer_of(model: Model, aside: Path) -> None:
    """Write a model's tokenizer into a folder, with what it declares of itself: its kind, its alphabet, its losses."""
    declared = model.tokenizer.config.get("cutaway")
    if model.path is not None and model.path.is_dir():
        kept: Any = transformers.AutoTokenizer.from_pretrained(
            model.path, local_files_only=True, trust_remote_code=False
        )
        known = kept.added_tokens_decoder
        added = model.tokenizer.backend.get_added_tokens_decoder()
        kept.add_tokens([token for number, token in sorted(added.items()) if number not in known])  # added since then
    elif isinstance(model.tokenizer.backend, PythonBackend):
        kept = model.tokenizer.backend.model
    else:
        roles = {f"{role}_token": model.tokenizer.config.get(f"{role}_token") for role in ROLES}
        given = {role: token for role, token in roles.items() if token is not None}
        kept = transformers.PreTrainedTokenizerFast(tokenizer_object=model.tokenizer.backend, **given)
        kept.model_max_length = model.context or kept.model_max_length
    kept.save_pretrained(aside)
    if declared is not None:
        path = aside / "tokenizer_config.json"
        config = json.loads(path.read_text(encoding="utf-8")) | {"cutaway": declared}
        path.write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _probe(model: Model) -> list[int]:
    limit = min(model.context or 64, 64)
    ids = model.tokenizer.encode(PROBE).ids[:limit]
    return ids or [0]


def _difference(model: Model, aside: Path, ids_T: list[int]) -> float:
    with quiet_transformers():
        again = type(model.module).from_pretrained(aside, dtype=model.module.dtype, local_files_only=True)
    again = again.to(model.device).eval()
    if read_tokenizer(aside, model.name, keep=False).encode(PROBE).ids[: len(ids_T)] != ids_T and ids_T != [0]:
        raise ModelError(
            f"the saved tokenizer of {model.name} gives different ids from the original",
            hint="nothing was written; copy the model's own folder instead",
        )
    given = {"input_ids": torch.tensor([ids_T], device=model.device)}
    if getattr(model.config, "is_encoder_decoder", False):
        given["decoder_input_ids"] = given["input_ids"]
    with torch.inference_mode():
        before, after = (_output(module(**given)) for module in (model.module, again))
    difference = float((before - after).abs().max())
    # Kernels may add in another order if weights lie elsewhere in memory, so equal weights can differ by a rounding.
    allowed = _ROUNDINGS * torch.finfo(before.dtype).eps * float(before.abs().max())
    if not difference <= allowed or not _equal_weights(model.module, again):
        raise ModelError(
            f"{model.name} gives different logits after it is saved and loaded again: they differ by up to "
            f"{difference:g}",
            hint="nothing was saved; a model with random numbers in its forward pass (dropout) can't be checked",
        )
    return difference


def _equal_weights(module: Any, again: Any) -> bool:
    loaded = again.state_dict()
    return all(torch.equal(weight, loaded[name]) for name, weight in module.state_dict().items())


def _output(output: Any) -> torch.Tensor:
    tensor: torch.Tensor = output.logits if hasattr(output, "logits") else output.last_hidden_state
    return tensor
