"""Random models of a few thousand weights, for any tokenizer, saved as transformers saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

from cutaway.tokens import save_tokenizer
from cutaway.tokens.tokenizer import Tokenizer


def saved(module: Any, tokenizer: Any, folder: Path, spread: float = 0.4) -> Path:
    """Give a module random weights and save it with its tokenizer, ours or one of transformers."""
    torch.manual_seed(3)
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=spread)
    if isinstance(tokenizer, Tokenizer):
        save_tokenizer(tokenizer, folder)
    else:
        tokenizer.save_pretrained(folder)
    module.save_pretrained(folder)
    return folder


def size_of(tokenizer: Any) -> int:
    return len(tokenizer.vocabulary) if isinstance(tokenizer, Tokenizer) else len(tokenizer)


def causal_model(tokenizer: Any, folder: Path, positions: int = 64) -> Path:
    """A random Llama that continues a sequence."""
    config = transformers.LlamaConfig(
        vocab_size=size_of(tokenizer), hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=positions, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    return saved(transformers.LlamaForCausalLM(config), tokenizer, folder)


def masked_model(tokenizer: Any, folder: Path, positions: int = 64) -> Path:
    """A random BERT that predicts masked tokens."""
    config = transformers.BertConfig(
        vocab_size=size_of(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=24, max_position_embeddings=positions,
    )  # fmt: skip
    return saved(transformers.BertForMaskedLM(config), tokenizer, folder)


def rotary_masked_model(tokenizer: Any, folder: Path, positions: int = 64) -> Path:
    """A random ESM that predicts masked tokens and knows distances, not places."""
    config = transformers.EsmConfig(
        vocab_size=size_of(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=positions, position_embedding_type="rotary",
        token_dropout=False, mask_token_id=tokenizer.special_id("mask"), pad_token_id=tokenizer.special_id("pad"),
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    return saved(transformers.EsmForMaskedLM(config), tokenizer, folder)
