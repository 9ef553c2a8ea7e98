"""Convert a GGUF to a Hugging Face directory, once: `python -m cutaway.models.gguf FILE DIRECTORY`.

transformers opens a GGUF in about 14 s and refuses to save it. The directory written here loads in 0.2 s,
memory-mapped, and needs neither cutaway nor the GGUF any more. Weights are stored in float32, exactly as the quantised
blocks give them. The conversion is a separate process; so a caller who only wants the tokenizer never imports torch,
and the memory for dequantising is freed.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

from cutaway.errors import CorruptFile, CutawayError, UnsupportedArchitecture
from cutaway.models import gguf_tokenizer, isolated
from cutaway.models.cache import RECORD, plain_os_errors
from cutaway.progress import step

CONVERSION = 2  # raise it if folders converted before are wrong: they are then converted again


def convert(source: Path, directory: Path) -> None:
    """Write the model and tokenizer of a GGUF file into an empty directory.

    Raises `UnsupportedArchitecture`, `CorruptFile`, or an `OSError` if the directory can't be written.
    """
    with step(f"converting {source.name}"):
        isolated.run("cutaway.models.gguf", source, directory, what=repr(str(source)))


def renew(old: Path, directory: Path, pre: str | None) -> None:
    """Bring a folder of conversion 1 to version 2, in an empty directory: only the tokenizer changes.

    `pre` is the GGUF's name for its pre-tokenizer, or None if the tokenizer was right. The weights are linked, not
    copied, if the disk allows it. This needs neither the GGUF nor a network.
    """
    from tokenizers import Tokenizer

    for file in (path for path in old.iterdir() if path.is_file() and path.name != RECORD):
        try:
            (directory / file.name).hardlink_to(file)
        except OSError:
            shutil.copy2(file, directory / file.name)
    if pre is not None:
        target = directory / "tokenizer.json"
        tokenizer = Tokenizer.from_str(target.read_text(encoding="utf-8"))
        gguf_tokenizer.cut(tokenizer, gguf_tokenizer.pre_tokenizer(pre, old.name))
        target.unlink()  # a link to the old one
        target.write_text(tokenizer.to_str(pretty=True), encoding="utf-8")


def _convert(source: Path, directory: Path) -> None:
    import transformers
    from transformers.initialization import no_init_weights
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    transformers.utils.logging.disable_progress_bar()
    where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    config = _config(source, where)
    try:
        metadata = gguf_tokenizer.check_names(source)
    except CutawayError:
        raise
    except Exception as error:
        raise _corrupt(source, error) from error
    with no_init_weights():
        model = transformers.AutoModelForCausalLM.from_config(config)
    try:
        weights = load_gguf_checkpoint(str(source), return_tensors=True, model_to_load=model)["tensors"]
        missing, unexpected = model.load_state_dict(weights, strict=False)
        tokenizer = transformers.AutoTokenizer.from_pretrained(**where, **gguf_tokenizer.defaults(metadata))
    except Exception as error:  # for damaged files, numpy, gguf and torch raise errors of many kinds
        raise _corrupt(source, error) from error
    model.tie_weights()
    if lost := [name for name in missing if name not in model.all_tied_weights_keys] + list(unexpected):
        raise CorruptFile(
            f"the weights in {source.name} do not fit its architecture: {', '.join(lost[:4])}",
            hint="fetch the file again and compare its size",
        )
    gguf_tokenizer.correct(tokenizer.backend_tokenizer, metadata, source.name)
    tokenizer.model_max_length = getattr(config, "max_position_embeddings", tokenizer.model_max_length)
    model.config._name_or_path = source.stem
    with plain_os_errors():
        model.save_pretrained(directory)
        tokenizer.save_pretrained(directory)


def _config(source: Path, where: dict[str, str]) -> Any:
    import transformers
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

    try:
        return transformers.AutoConfig.from_pretrained(**where)
    except Exception as error:
        named = re.search(r"architecture (\S+) is not supported", str(error))
        if named is None:
            raise _corrupt(source, error) from error
        raise UnsupportedArchitecture(
            f"{source.name} is a GGUF of architecture {named[1]!r}, which transformers {transformers.__version__} "
            "can't build",
            hint=f"it can build {', '.join(sorted(GGUF_SUPPORTED_ARCHITECTURES))}",
        ) from error


def _corrupt(source: Path, error: Exception) -> CorruptFile:
    return CorruptFile(
        f"{str(source)!r} is incomplete or not a GGUF file: {str(error).splitlines()[0] if str(error) else error!r}",
        hint="fetch the file again and compare its size",
    )


if __name__ == "__main__":
    isolated.report(lambda: _convert(Path(sys.argv[1]), Path(sys.argv[2])))
