"""Models of the Hugging Face Hub, in its own cache; and what to say of a name that nobody knows."""

from __future__ import annotations

import contextlib
import difflib
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from cutaway.errors import CacheError, GatedModel, HubUnreachable, ModelError, NotFetched, UnknownModel
from cutaway.models.fetching import offline
from cutaway.models.shelf import DEFAULT, SHELF
from cutaway.models.shipped_models import shipped_models

_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$")
_CONFIG = ("config.json",)
_TOKENIZER = ("tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "chat_template*", "*.model")
# How sentence-transformers makes a vector of a text.
RECIPE = ("modules.json", "sentence_*_config.json", "config_sentence_transformers.json", "*_Pooling/config.json")
_WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "generation_config.json", "README.md", *RECIPE)
_PICKLES = ("pytorch_model*.bin", "pytorch_model.bin.index.json")
_NEEDS = {
    "config": _CONFIG,
    "tokenizer": _CONFIG + _TOKENIZER,
    "weights": _CONFIG + _TOKENIZER + _WEIGHTS,
    "all": _CONFIG + _TOKENIZER + _WEIGHTS,
}


def from_hub(name: str, need: str, revision: str | None) -> Path:
    """Return the folder of a model in the Hub's cache, fetched if it is not there; `need` is as in `resolve`.

    Raises a `ModelError`, or `CacheError` if the Hub's cache can't be written.
    """
    if not _HUB_ID.match(name) or ".." in name:
        raise UnknownModel(f"there is no model {name!r}", hint=suggestion(name, need))

    import huggingface_hub
    from huggingface_hub import errors as hub

    def fetch(patterns: Sequence[str]) -> Path:
        found = huggingface_hub.snapshot_download(
            name, revision=revision, allow_patterns=list(patterns), local_files_only=offline()
        )
        return Path(found)

    try:
        with _quiet_hub():
            path = fetch(_NEEDS[need])
            if need in {"weights", "all"} and not any(path.glob("*.safetensors")):
                path = fetch(_NEEDS[need] + _PICKLES)
    except hub.GatedRepoError as error:
        raise GatedModel(
            f"{name} is gated: you must accept its terms and log in",
            hint=f"accept the terms on https://huggingface.co/{name}, then: hf auth login (or set HF_TOKEN)",
        ) from error
    except hub.RevisionNotFoundError as error:
        raise UnknownModel(f"{name} has no revision {revision!r}", hint="leave `revision` out") from error
    except hub.RepositoryNotFoundError as error:
        raise UnknownModel(
            f"the Hugging Face Hub has no model {name!r}, or it is private", hint=suggestion(name, need)
        ) from error
    except hub.HFValidationError as error:
        raise UnknownModel(f"there is no model {name!r}", hint=suggestion(name, need)) from error
    except (hub.LocalEntryNotFoundError, hub.HfHubHTTPError, ConnectionError, TimeoutError) as error:
        raise _unreachable(name, need, error) from error
    except OSError as error:
        raise CacheError(
            f"can't write the Hub's cache {huggingface_hub.constants.HF_HUB_CACHE!r}: {error.strerror or error}",
            hint="set HF_HOME to a folder that you may write to and that has room",
        ) from error
    except Exception as error:  # of the HTTP library: a proxy that refuses, an endpoint that is not a URL
        raise _unreachable(name, need, error) from error
    if not (path / "config.json").is_file():
        raise UnknownModel(
            f"{name!r} on the Hugging Face Hub has no config.json, so it is not a transformers model",
            hint=suggestion(name, need),
        )
    return path


@contextlib.contextmanager
def _quiet_hub() -> Iterator[None]:
    # Progress bars are for terminals only; what its warnings announce is raised as an error here.
    from huggingface_hub.utils import logging as hub_logging
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    verbosity, bars = hub_logging.get_verbosity(), not are_progress_bars_disabled()
    hub_logging.set_verbosity(logging.ERROR)
    if bars and not sys.stderr.isatty():
        disable_progress_bars()
    try:
        yield
    finally:
        hub_logging.set_verbosity(verbosity)
        if bars:
            enable_progress_bars()


def _unreachable(name: str, need: str, error: Exception) -> ModelError:
    if offline():
        return NotFetched(
            f"{name} is not on this computer, and HF_HUB_OFFLINE or --offline forbids downloading it",
            hint=suggestion(name, need),
        )
    why = error.__cause__ or error
    first = f"{type(why).__name__}: {next((line for line in str(why).splitlines() if line.strip()), 'no reason given')}"
    if getattr(getattr(why, "response", None), "status_code", None) in {401, 403}:
        return GatedModel(
            f"the Hugging Face Hub refuses to send {name} ({first})",
            hint="it is private, or your token has no access: hf auth login (or set HF_TOKEN)",
        )
    if "/" not in name:
        return UnknownModel(
            f"cutaway knows no model {name!r}, and the Hugging Face Hub can't be reached to look for it ({first})",
            hint=suggestion(name, need),
        )
    return HubUnreachable(
        f"the Hugging Face Hub can't be reached to download {name} ({first})",
        hint=f"set HTTPS_PROXY for a proxy, HF_ENDPOINT for a mirror; without the Hub: `model={DEFAULT!r}`",
    )


def suggestion(name: str, need: str) -> str:
    """Return which model of the shelf may be meant by a name, or where all are listed."""
    fitting = [model.name for model in shipped_models()]
    fitting += [entry.name for entry in SHELF.values() if need != "weights" or entry.kind != "tokenizer"]
    near = [known for known in fitting if known.startswith(name)] or difflib.get_close_matches(name, fitting, 1, 0.5)
    return f"did you mean {near[0]}? (cutaway models list)" if near else "cutaway models list shows all names"
