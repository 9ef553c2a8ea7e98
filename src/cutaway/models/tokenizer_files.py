"""Read the tokenizer of a folder, with the same ids and roles as `transformers.AutoTokenizer`.

`tokenizer.json` alone is not enough. `AutoTokenizer` takes a class from `tokenizer_config.json` or `config.json`, and
most classes rebuild the pipeline from the vocabulary, the class's defaults and the configuration. So there are three
ways. If the tokenizer is plainly its `tokenizer.json`, that file is read without transformers. Otherwise the pipeline
that `AutoTokenizer` builds is stored beside the cache and read from there the next time. A tokenizer that transformers
has only in Python is called itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cutaway.errors import CorruptFile, ModelError, UnsafeFile
from cutaway.folders import written_aside
from cutaway.log import get_logger
from cutaway.models import cache
from cutaway.models.missing_packages import missing_package
from cutaway.models.python_tokenizer import PythonBackend
from cutaway.tokens.tokenizer import ROLES, Tokenizer

FORMAT = 1  # of the stored pipelines; one in another format is built again

# For these classes `AutoTokenizer` uses tokenizer.json unchanged …
_PLAIN_CLASSES = {"PreTrainedTokenizerFast", "TokenizersBackend"}
# … except with these model types: it always uses their own class.
_OWN_CLASS = ("qwen2", "qwen3_5", "qwen4_exp", "siglip2", "hyperclovax_vision_v2")
# Entries of tokenizer_config.json that change no id. Roles and added tokens are compared with tokenizer.json.
_HARMLESS = {
    *(f"{role}_token" for role in ROLES),
    *("tokenizer_class", "backend", "cutaway", "chat_template", "name_or_path", "is_local", "local_files_only"),
    *("model_max_length", "model_input_names", "padding_side", "truncation_side", "clean_up_tokenization_spaces"),
    *("max_length", "stride", "truncation_strategy", "pad_token_type_id", "pad_to_multiple_of"),
    *("special_tokens_map_file", "tokenizer_file", "added_tokens_decoder", "extra_special_tokens"),
    *("additional_special_tokens", "_commit_hash", "transformers_version"),
}
_PROBES = ("The cat's hat, 123.", " Ünïcode <s> 日本 \n\n x", "ACGT MKV c1ccccc1")


def read_tokenizer(path: Path, name: str, *, keep: bool = True) -> Tokenizer:
    """Return the tokenizer of a folder; with `keep`, a pipeline that transformers builds is stored beside the cache.

    Raises a `ModelError` if the folder has no tokenizer, or if the tokenizer needs a missing package or the folder's
    Python code.
    """
    has_json = (path / "tokenizer.json").is_file()
    if has_json and _config_is_plain(path):
        plain = Tokenizer.from_directory(path, name)
        if _has_declared_tokens(plain):
            return plain
    kept = _kept(path)
    with contextlib.suppress(CorruptFile, OSError):  # missing, damaged or not readable
        if (kept / "tokenizer_config.json").is_file():  # without it every role would be missing
            return Tokenizer.from_directory(kept, name)
    if has_json:
        plain = Tokenizer.from_directory(path, name)  # raises a short error for a damaged file
    try:
        tokenizer = _built(path, name)
    except ModelError as error:
        if not has_json:
            raise
        get_logger(__name__).warning("%s; so tokenizer.json is used unchanged", error.message)
        return plain
    if keep and not isinstance(tokenizer.backend, PythonBackend):
        _keep(tokenizer, kept)
    return tokenizer


def forget_tokenizer(path: Path) -> int:
    """Remove the stored pipeline of a folder's tokenizer and return the bytes freed."""
    freed = 0
    for folder in _kept(path).parent.glob(f"{_of_path(path)}-*"):
        freed += sum(file.stat().st_size for file in folder.iterdir())
        shutil.rmtree(folder, ignore_errors=True)
    return freed


def _config_is_plain(path: Path) -> bool:
    """Return whether the configuration changes nothing in tokenizer.json, as far as it shows without reading that."""
    config, model = _json(path / "tokenizer_config.json"), _json(path / "config.json")
    if (path / "added_tokens.json").is_file() or (path / "tekken.json").is_file():
        return False
    named = config.get("tokenizer_class")
    if named is None:  # if neither a class nor a model is named, tokenizer.json is all there is
        plain = not (path / "config.json").is_file() and not config.get("auto_map")
    else:
        own = str(model.get("model_type", "")).startswith(_OWN_CLASS)
        plain = named in _PLAIN_CLASSES and not own
    return plain and not set(config) - _HARMLESS


def _has_declared_tokens(plain: Tokenizer) -> bool:
    """Return whether tokenizer.json has every special token that the configuration declares, with the same options."""
    config, added = plain.config, plain.backend.get_added_tokens_decoder()
    by_content = {token.content: token for token in added.values()}
    for index, declared in (config.get("added_tokens_decoder") or {}).items():
        token = added.get(int(index))
        if token is None or any(getattr(token, key, None) != value for key, value in declared.items()):
            return False
    more = [config.get(key) or [] for key in ("extra_special_tokens", "additional_special_tokens")]
    if not all(isinstance(tokens, list) for tokens in more):
        return False
    for declared in [*(config.get(f"{role}_token") for role in ROLES), *more[0], *more[1]]:
        if declared is None:
            continue
        options = declared if isinstance(declared, dict) else {"content": declared}
        token = by_content.get(str(options.get("content")))
        if token is None or not token.special:
            return False
        if any(getattr(token, key) != value for key, value in options.items() if key not in {"__type", "special"}):
            return False
    return True


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _built(path: Path, name: str) -> Tokenizer:
    """Return what `AutoTokenizer` makes of the folder."""
    import transformers

    try:
        with quiet_transformers():
            loaded = transformers.AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
            return _wrapped(path, loaded, name)
    except Exception as error:
        raise _explained(path, name, error) from error


def _wrapped(path: Path, loaded: Any, name: str) -> Tokenizer:
    config = {key: value for key, value in _json(path / "tokenizer_config.json").items() if key in {"cutaway"}}
    config |= {"tokenizer_class": "TokenizersBackend"}
    for role in ROLES:
        if (token := getattr(loaded, f"{role}_token", None)) is not None:
            config[f"{role}_token"] = str(token)
    backend = getattr(loaded, "backend_tokenizer", None)
    if backend is None:
        return Tokenizer(PythonBackend(loaded), config, name)
    config["clean_up_tokenization_spaces"] = _cleans_up(loaded)
    config["split_special_tokens"] = bool(loaded.split_special_tokens)
    tokenizer = Tokenizer(backend, config, name)
    # Some classes do more in Python than in their pipeline.
    for text in _PROBES:
        with contextlib.suppress(Exception):  # for a class that takes no plain text, only the pipeline counts
            if loaded(text)["input_ids"] != tokenizer.encode(text).ids:
                return Tokenizer(PythonBackend(loaded), config, name)
    return tokenizer


def _cleans_up(loaded: Any) -> bool:
    forced = getattr(loaded, "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", False)
    is_bpe = type(loaded.backend_tokenizer.model).__name__ == "BPE"
    return bool(loaded.clean_up_tokenization_spaces and (forced or not is_bpe))


def _explained(path: Path, name: str, error: Exception) -> ModelError:
    if "trust_remote_code" in str(error):
        return UnsafeFile(
            f"{name} comes with Python code for its tokenizer, which would run when it is loaded",
            hint="ask its author for a tokenizer.json, which contains data only",
        )
    if _is_sentencepiece(path) and importlib.util.find_spec("sentencepiece") is None:
        error = ModuleNotFoundError("No module named 'sentencepiece'", name="sentencepiece")
    if missing := missing_package(f"the tokenizer of {name}", error):
        return missing
    said = next((line for line in str(error).splitlines() if line.strip()), repr(error))
    return CorruptFile(
        f"{name} has no readable tokenizer: {said}",
        hint="a model's folder needs tokenizer.json (tokenizer.save_pretrained(folder) writes it)",
    )


def _is_sentencepiece(path: Path) -> bool:
    for file in (*path.glob("*.model"), *path.glob("*.spm")):
        with file.open("rb") as stream:
            if stream.read(1) == b"\n":  # SentencePiece's first byte; other *.model files hold lines of base64
                return True
    return False


def _of_path(path: Path) -> str:
    return hashlib.sha256(os.fspath(path.resolve()).encode()).hexdigest()[:16]


def _kept(path: Path) -> Path:
    """Return the folder of the stored pipeline; it changes when a file or a version changes."""
    versions = [importlib.metadata.version(package) for package in ("transformers", "tokenizers")]
    kinds = {".json", ".txt", ".model", ".spm", ".tiktoken"}
    states = [state for state in cache.stamp(path) if Path(state[0]).suffix in kinds]
    key = hashlib.sha256(f"{FORMAT} {versions} {states}".encode()).hexdigest()[:16]
    return cache.home() / "tokenizers" / f"{_of_path(path)}-{key}"


def _keep(tokenizer: Tokenizer, target: Path) -> None:
    """Write the pipeline to a temporary folder and move it into place. If that fails, it is built again next time.

    Another process may be reading the old files, so they are replaced one by one and are never missing.
    """
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        for older in target.parent.glob(f"{target.name.partition('-')[0]}-*"):
            if older != target:
                shutil.rmtree(older, ignore_errors=True)
        with written_aside(target) as aside:
            (aside / "tokenizer.json").write_text(tokenizer.backend.to_str(), encoding="utf-8")
            (aside / "tokenizer_config.json").write_text(json.dumps(tokenizer.config), encoding="utf-8")


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence the progress bars and reports of transformers, then leave them as they were; errors are still raised."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    bars, bars_of_hub = logging.is_progress_bar_enabled(), not are_progress_bars_disabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
        # transformers switches those of the Hub, too
        if bars_of_hub:
            enable_progress_bars()
        else:
            disable_progress_bars()
