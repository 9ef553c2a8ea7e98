"""Convert a masked language model stored as a pickle to a Hugging Face directory with safetensors, once.

`python -m cutaway.models.pickled SPEC FOLDER DIRECTORY`. Pickles are opened with torch's `weights_only`, which builds
tensors and plain containers and runs no code. fairseq's checkpoints also hold an `argparse.Namespace`, which is allowed
by name. The directory loads with plain AutoModelForMaskedLM and AutoTokenizer.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pickle
import sys
from pathlib import Path
from typing import Any

from cutaway.errors import CorruptFile, UnsafeFile
from cutaway.models import isolated
from cutaway.models.cache import plain_os_errors
from cutaway.models.shelf import Pickle
from cutaway.progress import step

# Atoms, bonds, branches and rings of a SMILES, as Schwaller et al. 2019 (doi 10.1021/acscentsci.9b00576) split them,
# with rxnfp's ring numbers of three digits.
ATOMS = (
    r"%\([0-9]{3}\)|\[[^\]]+\]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\||\(|\)|\.|=|#|-|\+|\\|/|:|~|@|\?|>>?|\*|\$"
    r"|%[0-9]{2}|[0-9]"
)
_SPLITS = {"smiles": ATOMS, "protein": "."}
_BERT = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
_FAIRSEQ = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>"}
_LAYER = {  # fairseq's names of a layer's parts, and RoBERTa's
    "self_attn.q_proj": "attention.self.query",
    "self_attn.k_proj": "attention.self.key",
    "self_attn.v_proj": "attention.self.value",
    "self_attn.out_proj": "attention.output.dense",
    "self_attn_layer_norm": "attention.output.LayerNorm",
    "fc1": "intermediate.dense",
    "fc2": "output.dense",
    "final_layer_norm": "output.LayerNorm",
}


def convert(spec: Pickle, folder: Path, directory: Path) -> None:
    """Write the model and tokenizer of `folder` into an existing directory.

    Raises `UnsafeFile` if the pickle holds more than tensors, `CorruptFile`, or an `OSError` if the directory can't be
    written.
    """
    given = json.dumps(dataclasses.asdict(spec))
    with step(f"converting {spec.weights}"):
        isolated.run("cutaway.models.pickled", given, folder, directory, what=repr(spec.weights))


def _convert(spec: Pickle, folder: Path, directory: Path) -> None:
    import transformers

    transformers.utils.logging.disable_progress_bar()
    saved = _read(folder / spec.weights, spec.config is None)
    try:
        words = (folder / spec.vocabulary).read_text(encoding="utf-8").splitlines()
        if spec.config is None:
            tokens = [*list(_FAIRSEQ.values())[:4], *(line.split()[0] for line in words if line.strip()), "<mask>"]
            roles, (config, weights) = _FAIRSEQ, _from_fairseq(saved, len(tokens))
        else:
            tokens, roles, weights = words, _BERT, saved
            config = _config(folder / spec.config, spec.model_type)
        if len(tokens) != config.vocab_size:
            raise _damaged(f"{spec.vocabulary} lists {len(tokens)} tokens, but the model has {config.vocab_size}")
        context = config.max_position_embeddings - (config.pad_token_id + 1 if config.model_type == "roberta" else 0)
        model = transformers.AutoModelForMaskedLM.from_config(config)
        used = {name: weight for name, weight in weights.items() if not name.startswith(spec.dropped or "\0")}
        missing, unexpected = model.load_state_dict(used, strict=False)
    except (OSError, CorruptFile):
        raise
    except Exception as error:  # such as JSON that is not a configuration, or a checkpoint with parts missing
        said = (str(error).splitlines() or [repr(error)])[0]
        raise _damaged(f"{spec.weights} does not contain the expected model: {said}") from error
    model.tie_weights()
    if lost := [name for name in missing if name not in model.all_tied_weights_keys] + list(unexpected):
        raise _damaged(f"the weights in {spec.weights} do not fit its architecture: {', '.join(lost[:4])}")
    with plain_os_errors():
        model.eval().save_pretrained(directory)
        _tokenizer(tokens, roles, _SPLITS[spec.alphabet], context).save_pretrained(directory)


def _damaged(message: str) -> CorruptFile:
    return CorruptFile(message, hint="fetch the model again")


def _read(path: Path, fairseq: bool) -> dict[str, Any]:
    import torch

    try:
        with torch.serialization.safe_globals([argparse.Namespace] if fairseq else []):
            saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UnsafeFile(
            f"{path.name} contains Python objects besides tensors, or is damaged",
            hint="such a file could run code, so it is not opened; fetch the model again",
        ) from error
    except (RuntimeError, EOFError, ValueError) as error:
        raise _damaged(f"{path.name} is incomplete or damaged: {(str(error).splitlines() or ['?'])[0]}") from error
    return saved


def _config(path: Path, model_type: str | None) -> Any:
    import transformers

    said = json.loads(path.read_text(encoding="utf-8"))
    kind = type(transformers.AutoConfig.for_model(model_type or said["model_type"]))
    known = kind().to_dict()  # old files also hold settings of generation, training and local paths
    private = {"_name_or_path", "architectures", "transformers_version", "model_type", "torch_dtype", "dtype"}
    return kind(**{name: value for name, value in said.items() if name in known and name not in private})


def _from_fairseq(saved: dict[str, Any], vocabulary: int) -> tuple[Any, dict[str, Any]]:
    """Return the configuration and the renamed weights of fairseq's RoBERTa."""
    import torch
    import transformers

    args, given = saved["args"], saved["model"]
    inside = "decoder.sentence_encoder."
    positions = given[inside + "embed_positions.weight"]
    config = transformers.RobertaConfig(
        vocab_size=vocabulary,
        hidden_size=args.encoder_embed_dim,
        num_hidden_layers=args.encoder_layers,
        num_attention_heads=args.encoder_attention_heads,
        intermediate_size=args.encoder_ffn_embed_dim,
        hidden_act=args.activation_fn,
        hidden_dropout_prob=args.dropout,
        attention_probs_dropout_prob=args.attention_dropout,
        max_position_embeddings=len(positions),
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )
    names = {"embed_tokens": "word_embeddings", "embed_positions": "position_embeddings", "emb_layer_norm": "LayerNorm"}
    renamed = {inside + old: "roberta.embeddings." + new for old, new in names.items()}
    for layer in range(config.num_hidden_layers):
        for old, new in _LAYER.items():
            renamed[f"{inside}layers.{layer}.{old}"] = f"roberta.encoder.layer.{layer}.{new}"
    renamed |= {f"decoder.lm_head.{part}": f"lm_head.{part}" for part in ("dense", "layer_norm")}
    renamed |= {"decoder.lm_head": "lm_head.decoder"}
    weights = {}
    for name, weight in given.items():
        module, _, kind = name.rpartition(".")
        weights[f"{renamed.get(module, module)}.{kind}"] = weight
    weights["lm_head.bias"] = given["decoder.lm_head.bias"]
    weights["roberta.embeddings.token_type_embeddings.weight"] = torch.zeros(1, config.hidden_size)  # fairseq has none
    return config, weights


def _tokenizer(tokens: list[str], roles: dict[str, str], split: str, context: int) -> Any:
    """Return a tokenizer of whole tokens: white space is removed, and what is not a token is the unknown token."""
    import tokenizers
    import transformers
    from tokenizers import Regex, decoders, models, pre_tokenizers, processors

    ids = {token: number for number, token in enumerate(tokens)}
    built = tokenizers.Tokenizer(models.WordLevel(ids, unk_token=roles["unk"]))
    built.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\s+"), "removed"), pre_tokenizers.Split(Regex(split), "isolated")]
    )
    built.decoder = decoders.Fuse()
    first, last = (roles["cls"], roles["sep"]) if "cls" in roles else (roles["bos"], roles["eos"])
    built.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        pair=f"{first} $A {last} $B:1 {last}:1",
        special_tokens=[(first, ids[first]), (last, ids[last])],
    )
    given = {f"{role}_token": token for role, token in roles.items()}
    if "cls" not in roles:
        given |= {"cls_token": first, "sep_token": last}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=built, model_max_length=context, clean_up_tokenization_spaces=False, **given
    )


if __name__ == "__main__":
    given_spec = json.loads(sys.argv[1])
    asked = Pickle(**{**given_spec, "dropped": tuple(given_spec["dropped"])})
    isolated.report(lambda: _convert(asked, Path(sys.argv[2]), Path(sys.argv[3])))
