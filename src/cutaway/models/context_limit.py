"""The longest text that a model takes, by whatever name its configuration gives it."""

from __future__ import annotations

from typing import Any

# transformers maps most names to the first one; the others are names that it does not map, and older ones.
_NAMES = (
    *("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "max_seq_length", "n_ctx"),
    *("seq_length", "max_encoder_position_embeddings", "max_text_positions", "max_target_positions"),
    *("context_length", "model_max_length"),
)
# In these families positions start after the padding id, so the first rows of the table are never used.
_OFFSET_POSITIONS = {
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod", "camembert", "longformer", "ibert"),
    *("data2vec-text", "mpnet", "luke", "mluke", "lilt", "layoutlmv3", "markuplm"),
}


def context_of(config: Any) -> int | None:
    """Return how many positions T a transformers configuration allows, or None if it sets no bound.

    For a model of text and images it is the limit of the text part.

    >>> import transformers
    >>> context_of(transformers.GPT2Config(n_positions=128)), context_of(transformers.MptConfig(max_seq_len=64))
    (128, 64)
    """
    text = _text_part(config)
    for name in _NAMES:
        value = getattr(text, name, None)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value - first_position(text)
    return None


def _text_part(config: Any) -> Any:
    for decoder in (None, True):  # a speech model has two text parts; the decoder counts
        try:
            return config.get_text_config(decoder=decoder)
        except ValueError:
            continue
    return config


def first_position(config: Any) -> int:
    """Return the position of a text's first token: 0, or the one after the padding token's id.

    >>> import transformers
    >>> first_position(transformers.GPT2Config()), first_position(transformers.RobertaConfig())
    (0, 2)
    """
    absolute_esm = config.model_type == "esm" and config.position_embedding_type == "absolute"
    if config.model_type not in _OFFSET_POSITIONS and not absolute_esm:
        return 0
    return (getattr(config, "pad_token_id", None) or 0) + 1
