"""The transformers configuration of a new model: a size and an architecture, or the shape of any published model.

`L` layers, `H` heads, `D` width, `T` positions, `V` vocabulary.

A configuration belongs to one objective. What each architecture can learn follows from what a position sees: GPT-2 and
Llama see what is before it, BERT both sides, T5 reads one sequence whole and writes another from left to right.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from cutaway.errors import InputError, at_least
from cutaway.models.config_outline import BIDIRECTIONAL

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

OBJECTIVES: Final = {
    "causal": "AutoModelForCausalLM",
    "masked": "AutoModelForMaskedLM",
    "seq2seq": "AutoModelForSeq2SeqLM",
    "classes": "AutoModelForSequenceClassification",
    "numbers": "AutoModelForSequenceClassification",
}
"""For each objective, the class of transformers that builds its model from a configuration."""

ARCHITECTURES: Final = {
    "gpt2": ("causal", "classes", "numbers"),
    "llama": ("causal", "classes", "numbers"),
    "bert": ("masked", "classes", "numbers"),
    "t5": ("seq2seq",),
}
"""For each architecture, the objectives that it can be trained for."""

# These count positions from the padding token's id on, so their table of positions must be that much longer.
_FROM_PADDING: Final = {
    *("roberta", "xlm-roberta", "xlm-roberta-xl", "roberta-prelayernorm", "camembert", "xmod", "ibert"),
    *("data2vec-text", "esm", "longformer", "luke", "mpnet"),
}


@dataclasses.dataclass(frozen=True)
class Size:
    """A step of the size dial: L layers, H heads, width D."""

    layers: int
    heads: int
    width: int


SIZES: Final = {
    "nano": Size(4, 4, 64),
    "micro": Size(4, 3, 192),
    "mini": Size(6, 6, 384),
    "small": Size(12, 12, 768),
}
"""About 0.2, 1.8, 10.6 and 85 million parameters beside the embeddings; a T5 has its layers twice, and 7/3 as many."""


def configuration(
    arch: str,
    *,
    layers: int,
    heads: int,
    width: int,
    context: int,
    vocab_size: int,
    bos: int | None = None,
    eos: int | None = None,
    pad: int | None = None,
    mask: int | None = None,
    objective: str = "causal",
    labels: Sequence[str] = (),
    many: bool = False,
    dropout: float = 0.0,
) -> PreTrainedConfig:
    """Return the configuration of a new model: L layers of H heads, width D, T positions, V tokens.

    `bos`, `eos`, `pad` and `mask` are ids of the tokenizer; they may be equal. `labels` names the classes of the
    objective "classes" (with `many`, a record can have several) or the columns of "numbers". There is no dropout unless
    asked for. Input and output embeddings are tied. A T5 has L layers on each side.

    Raises `InputError` for a number out of range, and for an objective that the architecture can't be trained for.

    Example:
        >>> configuration("gpt2", **dataclasses.asdict(SIZES["nano"]), context=128, vocab_size=30, bos=0, eos=0).n_layer
        4
    """
    import transformers

    check_objective(arch, objective)
    at_least(1, layers=layers, heads=heads, width=width, context=context)
    check_heads(arch, heads, width)
    _check_dropout(dropout)
    _check_ids(vocab_size, objective, bos=bos, eos=eos, pad=pad, mask=mask)
    shared: dict[str, Any] = {
        "vocab_size": vocab_size,
        "tie_word_embeddings": True,
        "bos_token_id": bos,
        "eos_token_id": eos,
        "pad_token_id": _padding(arch, objective, bos, eos, pad, mask),
        **task_settings(objective, labels, many),
    }
    # GPT-2's 0.02 belongs to its width of 768. A narrow model that starts with such small weights learns too slowly.
    spread = 0.02 * math.sqrt(768 / width)
    if arch == "gpt2":
        return transformers.GPT2Config(
            n_layer=layers,
            n_head=heads,
            n_embd=width,
            n_positions=context,
            resid_pdrop=dropout,
            embd_pdrop=dropout,
            attn_pdrop=dropout,
            # By the error function: GPT-2's approximation by tanh takes three times as long on a CPU.
            activation_function="gelu",
            initializer_range=spread,
            **shared,
        )
    if arch == "llama":
        return transformers.LlamaConfig(
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            hidden_size=width,
            # A gated layer has three matrices, a plain one two: with 8/3 of the width it costs as much as that with 4.
            intermediate_size=math.ceil(8 * width / 3 / 8) * 8,
            max_position_embeddings=context,
            attention_dropout=dropout,
            initializer_range=spread,
            **shared,
        )
    if arch == "bert":
        return transformers.BertConfig(
            num_hidden_layers=layers,
            num_attention_heads=heads,
            hidden_size=width,
            intermediate_size=4 * width,
            max_position_embeddings=context,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            initializer_range=spread,
            **shared,
        )
    # Positions are relative: `n_positions` only says how long the rows are that it is trained on.
    first = shared["pad_token_id"] if bos is None else bos
    start: dict[str, Any] = {"n_positions": context, "decoder_start_token_id": first}
    return transformers.T5Config(
        num_layers=layers,
        num_decoder_layers=layers,
        num_heads=heads,
        d_model=width,
        d_kv=width // heads,
        d_ff=4 * width,
        dropout_rate=dropout,
        **start,
        **shared,
    )


def shaped_like(
    model: str | os.PathLike[str] | PreTrainedConfig,
    *,
    context: int,
    vocab_size: int,
    bos: int | None = None,
    eos: int | None = None,
    pad: int | None = None,
    mask: int | None = None,
    objective: str = "causal",
    labels: Sequence[str] = (),
    many: bool = False,
    dropout: float | None = None,
    revision: str | None = None,
) -> PreTrainedConfig:
    """Return the configuration of a new model with the shape of another, for our own vocabulary.

    `model` is a name, a folder, a `config.json`, a model type or a configuration; weights are not read. Its number of
    positions is raised if `context` needs more; `dropout` replaces all of its dropout. The rest is as in
    `configuration`.

    Raises `InputError` as `configuration` does, and a `ModelError` if the configuration can't be read.

    Example:
        >>> shaped_like("gpt2", context=128, vocab_size=30, bos=0, eos=0).n_embd
        768
    """
    from cutaway.models.configuration import read_configuration

    read, name, _ = read_configuration(model, revision)
    # A copy; of a model that also sees, the part that reads.
    config: Any = type(read).from_dict(read.to_dict()).get_text_config()
    at_least(1, context=context)
    check_fits(name, config, objective)
    _check_ids(vocab_size, objective, bos=bos, eos=eos, pad=pad, mask=mask)
    padding = _padding(config.model_type, objective, bos, eos, pad, mask)
    new: dict[str, Any] = {"bos": bos, "eos": eos, "pad": padding, "mask": mask, "cls": bos, "sep": eos}
    for role, token_id in new.items():
        if role in ("bos", "eos", "pad") or hasattr(config, f"{role}_token_id"):
            setattr(config, f"{role}_token_id", token_id)
    if getattr(config, "is_encoder_decoder", False):
        config.decoder_start_token_id = padding if bos is None else bos
        config.forced_bos_token_id = config.forced_eos_token_id = None
    config.vocab_size = vocab_size
    config.architectures = config.dtype = None  # new weights: of the objective's class, in float32
    for key, value in task_settings(objective, labels, many).items():
        setattr(config, key, value)
    needed = context + (padding or 0) + 1 if config.model_type in _FROM_PADDING else context
    for key in ("max_position_embeddings", "n_positions"):
        if isinstance(limit := getattr(config, key, None), int) and limit < needed:
            setattr(config, key, needed)
    if dropout is not None:
        set_dropout(config, dropout)
    return config  # type: ignore[no-any-return]


def set_dropout(config: Any, dropout: float) -> None:
    """Replace all of a configuration's dropout. Raises `InputError` for a share out of range."""
    _check_dropout(dropout)
    for key, value in config.to_dict().items():
        # A switch is not a rate: ESM's token_dropout scales embeddings.
        if ("dropout" in key or "pdrop" in key) and isinstance(value, float | int) and not isinstance(value, bool):
            setattr(config, key, dropout)


def model_class(objective: str) -> Any:
    """Return the class of transformers whose `from_config` builds the model of an objective.

    >>> model_class("masked").__name__
    'AutoModelForMaskedLM'
    """
    import transformers

    return getattr(transformers, OBJECTIVES[objective])


def check_objective(arch: str, objective: str) -> None:
    """Raise `InputError` if there is no such architecture or objective, or if the two don't go together."""
    if arch not in ARCHITECTURES:
        raise InputError(f"there is no architecture {arch!r}", hint=f"choose one of {', '.join(ARCHITECTURES)}")
    if objective not in OBJECTIVES:
        raise InputError(f"there is no objective {objective!r}", hint=f"choose one of {', '.join(OBJECTIVES)}")
    if objective not in ARCHITECTURES[arch]:
        able = [other for other, objectives in ARCHITECTURES.items() if objective in objectives]
        raise InputError(
            f"{arch} can't be trained for {objective!r}: {_why_not(arch, objective)}",
            hint=f"for {objective!r} take {' or '.join(able)}; {arch} learns {' or '.join(ARCHITECTURES[arch])}",
        )


def _why_not(arch: str, objective: str) -> str:
    if arch == "t5":
        return "it reads one sequence and writes another"
    if objective == "seq2seq":
        return "it has one side only, and this needs one that reads and one that writes"
    if arch == "bert":
        return "every position sees the tokens after it"
    return "no position sees the tokens after it"


def check_fits(name: str, config: Any, objective: str) -> None:
    """Raise `InputError` if a model of this configuration can't be trained for the objective."""
    import transformers

    if objective not in OBJECTIVES:
        raise InputError(f"there is no objective {objective!r}", hint=f"choose one of {', '.join(OBJECTIVES)}")
    both_sides = config.model_type in BIDIRECTIONAL and not getattr(config, "is_decoder", False)
    pair = bool(getattr(config, "is_encoder_decoder", False))
    known: dict[str, Any] = {key: getattr(transformers, auto)._model_mapping for key, auto in OBJECTIVES.items()}
    # transformers builds both heads for some encoders and some decoders, whatever their attention sees.
    masked = not pair and (both_sides or type(config) not in known["causal"])
    fits = {"causal": not both_sides and not pair, "masked": masked, "seq2seq": pair}.get(objective, not pair)
    if not fits or type(config) not in known[objective]:
        kind = "an encoder" if masked else "an encoder-decoder" if pair else "a decoder"
        able = [arch for arch, objectives in ARCHITECTURES.items() if objective in objectives]
        raise InputError(
            f"a model shaped like {name} ({config.model_type}, {kind}) can't be trained for {objective!r}",
            hint=f"for {objective!r} take a shape such as {' or '.join(able)}",
        )


def check_heads(arch: str, heads: int, width: int) -> None:
    """Raise `InputError` if the heads can't share the width."""
    if width % heads:
        raise InputError(
            f"`width` is {width}, which can't be divided among {heads} heads",
            hint=f"take a multiple of {heads}: `width={heads * max(1, width // heads)}`",
        )
    if arch == "llama" and (width // heads) % 2:
        raise InputError(
            f"`width` is {width}, {width // heads} for each head; llama needs an even number",
            hint=f"take a `width` that is a multiple of {2 * heads}",
        )


def _check_dropout(dropout: float) -> None:
    if not 0 <= dropout < 1:
        raise InputError(f"`dropout` is {dropout}", hint="it must be 0 or above and below 1; 0.1 is usual")


def _check_ids(vocab_size: int, objective: str, **ids: int | None) -> None:
    at_least(1, vocab_size=vocab_size)
    for role, token_id in ids.items():
        if token_id is not None and not 0 <= token_id < vocab_size:
            raise InputError(
                f"the id of the {role} token is {token_id}, and the vocabulary has {vocab_size:,} tokens",
                hint="take both from one tokenizer",
            )
    if objective == "masked" and ids["mask"] is None:
        raise InputError("the tokenizer has no mask token, which the objective 'masked' puts over what is predicted",
                         hint="train a tokenizer that has one, or take the objective 'causal'")  # fmt: skip
    if objective == "seq2seq" and ids["pad"] is None and ids["eos"] is None:
        raise InputError("the tokenizer has no padding or end token, and the objective 'seq2seq' needs one of them",
                         hint="train a tokenizer that has both")  # fmt: skip


def _padding(
    kind: str, objective: str, bos: int | None, eos: int | None, pad: int | None, mask: int | None
) -> int | None:
    """Return the padding id for the configuration; None if another token has that id and no model needs to know it.

    Llama and BERT never train the embedding of the padding token. If it is also the token that begins a row, a model
    that learned nothing about that token would follow. Classifiers need it, to find the last token of a row.
    """
    if objective in ("classes", "numbers", "seq2seq") or kind in _FROM_PADDING:
        return eos if pad is None else pad
    return None if pad in (bos, eos, mask) else pad


def task_settings(objective: str, labels: Sequence[str], many: bool) -> dict[str, Any]:
    """Return what a configuration says about the labels of its objective."""
    if objective not in ("classes", "numbers"):
        return {}
    least = 2 if objective == "classes" and not many else 1
    if len(labels) < least or len(set(labels)) < len(labels):
        raise InputError(
            f"the objective {objective!r} got the labels {', '.join(map(repr, labels)) or '(none)'}",
            hint=f"give the names of {'at least two classes' if least == 2 else 'one or more'}, each once",
        )
    kind = "regression" if objective == "numbers" else f"{'multi' if many else 'single'}_label_classification"
    return {
        "problem_type": kind,
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
    }
