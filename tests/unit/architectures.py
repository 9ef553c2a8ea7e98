"""Tiny random models of many architectures, for comparing with eager attention."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import transformers as t

from cutaway.models.text_model import Model

VOCAB = 200
_SMALL = {
    "vocab_size": VOCAB, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
_GROUPED = _SMALL | {"num_key_value_heads": 2}
_BART = {
    "vocab_size": VOCAB, "d_model": 64, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128, "pad_token_id": 0,
    "decoder_start_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
_ALTERNATING = ["sliding_attention", "full_attention"]

Make = Callable[[], Any]

# name: (class, configuration). Between them: GQA, MQA, sliding windows, soft caps, sinks, learned and relative
# positions, encoders, encoder-decoders, experts, one block run many times.
DECODERS: dict[str, tuple[Any, Make]] = {
    "gpt2": (
        t.GPT2LMHeadModel,
        lambda: t.GPT2Config(
            vocab_size=VOCAB, n_embd=64, n_layer=2, n_head=4, n_positions=128, bos_token_id=1, eos_token_id=2
        ),
    ),
    "llama": (t.LlamaForCausalLM, lambda: t.LlamaConfig(**_GROUPED)),
    "mistral": (t.MistralForCausalLM, lambda: t.MistralConfig(**_GROUPED, sliding_window=8)),
    "qwen3": (t.Qwen3ForCausalLM, lambda: t.Qwen3Config(**_GROUPED, head_dim=16)),
    "phi3": (t.Phi3ForCausalLM, lambda: t.Phi3Config(**_GROUPED)),
    "gemma2": (t.Gemma2ForCausalLM, lambda: t.Gemma2Config(**_GROUPED, head_dim=16, sliding_window=8)),
    "gemma3": (
        t.Gemma3ForCausalLM,
        lambda: t.Gemma3TextConfig(**_GROUPED, head_dim=16, sliding_window=8, layer_types=_ALTERNATING),
    ),
    "gpt_oss": (
        t.GptOssForCausalLM,
        lambda: t.GptOssConfig(
            **_GROUPED, head_dim=16, num_local_experts=2, num_experts_per_tok=1, sliding_window=8,
            layer_types=_ALTERNATING,
        ),
    ),
    "gpt_neox": (t.GPTNeoXForCausalLM, lambda: t.GPTNeoXConfig(**_SMALL)),
    "opt": (
        t.OPTForCausalLM,
        lambda: t.OPTConfig(
            vocab_size=VOCAB, hidden_size=64, ffn_dim=128, num_hidden_layers=2, num_attention_heads=4, pad_token_id=0,
            word_embed_proj_dim=64, bos_token_id=1, eos_token_id=2,
        ),
    ),
    "mixtral": (
        t.MixtralForCausalLM,
        lambda: t.MixtralConfig(**(_SMALL | {"num_key_value_heads": 1}), num_local_experts=2, num_experts_per_tok=1),
    ),
}  # fmt: skip
ENCODERS: dict[str, tuple[Any, Make]] = {
    "bert": (t.BertForMaskedLM, lambda: t.BertConfig(**_SMALL)),
    "roberta": (t.RobertaForMaskedLM, lambda: t.RobertaConfig(**_SMALL)),
    "electra": (t.ElectraForMaskedLM, lambda: t.ElectraConfig(**_SMALL, embedding_size=64)),
    "albert": (t.AlbertForMaskedLM, lambda: t.AlbertConfig(**_SMALL, embedding_size=32)),
    "distilbert": (
        t.DistilBertForMaskedLM,
        lambda: t.DistilBertConfig(vocab_size=VOCAB, dim=64, hidden_dim=128, n_layers=2, n_heads=4, pad_token_id=0),
    ),
    "modernbert": (
        t.ModernBertForMaskedLM,
        lambda: t.ModernBertConfig(
            **_SMALL, local_attention=8, cls_token_id=1, sep_token_id=2, reference_compile=False
        ),
    ),
    "esm": (t.EsmForMaskedLM, lambda: t.EsmConfig(**_SMALL, mask_token_id=3, position_embedding_type="rotary")),
}
PAIRS: dict[str, tuple[Any, Make]] = {
    "t5": (
        t.T5ForConditionalGeneration,
        lambda: t.T5Config(
            vocab_size=VOCAB, d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4, decoder_start_token_id=0
        ),
    ),
    "bart": (t.BartForConditionalGeneration, lambda: t.BartConfig(**_BART)),
    "marian": (t.MarianMTModel, lambda: t.MarianConfig(**_BART)),
}
EVERY = DECODERS | ENCODERS | PAIRS


def build(name: str, implementation: str | None = None, seed: int = 0) -> Model:
    """Return a tiny random model; the same seed gives the same weights, whatever the implementation."""
    cls, make = EVERY[name]
    config = copy.deepcopy(make())
    torch.manual_seed(seed)
    options = {} if implementation is None else {"attn_implementation": implementation}
    module = cls._from_config(config, **options).eval()
    with torch.no_grad():
        for path, weight in module.named_parameters():
            if weight.ndim > 1 and name != "t5":  # T5's logits are not scaled down: they are large as it is
                weight.mul_(4)  # larger than at a training's start, so that heads look somewhere
            if path.endswith("sinks"):
                weight.normal_()
    return Model(name, None, module, None)  # type: ignore[arg-type]  # no text here: ids go in


def inputs(name: str, *, padded: bool = False, length: int = 24) -> dict[str, torch.Tensor]:
    """Return two rows of ids, the second shorter where `padded` (on the right)."""
    dice = torch.Generator().manual_seed(7)
    ids = torch.randint(5, 60, (2, length), generator=dice)  # few tokens: some come twice
    mask = torch.ones_like(ids)
    if padded:
        mask[1, length - 6 :] = 0
        ids[1, length - 6 :] = 0
    given = {"input_ids": ids, "attention_mask": mask}
    if name in PAIRS:
        given["decoder_input_ids"] = torch.randint(5, 60, (2, 10), generator=dice)
    return given


def eager(name: str, given: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[tuple[str, int], torch.Tensor]]:
    """Return transformers' own logits and attention weights, by kind and layer."""
    with torch.no_grad():
        output = build(name, "eager").module(**given, output_attentions=True)
    if name in PAIRS:
        stacks = {"encoder": output.encoder_attentions, "decoder": output.decoder_attentions}
        stacks["cross"] = output.cross_attentions
    else:
        stacks = {"self": output.attentions}
    return output.logits, {(kind, i): layer for kind, stack in stacks.items() for i, layer in enumerate(stack)}
