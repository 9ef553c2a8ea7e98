"""Tiny random models that say something: greedy texts that differ between prompts and do not rest on ties."""

from __future__ import annotations

import torch

from cutaway.models.text_model import Model
from cutaway.tokens import characters
from tests.unit.architectures import EVERY, VOCAB

# name: (spread of the embeddings, spread of the other matrices, seed), chosen so that greedy texts of PROMPTS differ
# between prompts and the best token leads the next by at least 5e-4 standard deviations of the logits at every step.
_SCALES = {
    "gpt2": (0.1, 4.0, 1),
    "llama": (0.1, 2.0, 0),
    "mistral": (0.02, 2.0, 2),
    "qwen3": (0.1, 4.0, 1),
    "phi3": (0.02, 4.0, 0),
    "gemma2": (0.01, 4.0, 0),
    "gemma3": (0.005, 2.0, 1),
    "gpt_oss": (0.02, 4.0, 1),
    "gpt_neox": (0.02, 4.0, 2),
    "opt": (0.1, 4.0, 1),
    "mixtral": (0.02, 4.0, 1),
    "t5": (0.02, 2.0, 2),
    "bart": (0.02, 4.0, 2),
    "marian": (0.005, 4.0, 2),
}
NAMES = list(_SCALES)

_DICE = torch.Generator().manual_seed(1)
PROMPTS = [torch.randint(5, 60, (n,), generator=_DICE).tolist() for n in (3, 11, 24, 7, 1, 16, 2, 12)]

# One character an id, so that every row has a text.
_TOKENIZER = characters(["".join(chr(0x100 + i) for i in range(VOCAB - 2))])


def lively(name: str) -> Model:
    """Return a tiny random model whose texts differ."""
    cls, make = EVERY[name]
    embeddings, matrices, seed = _SCALES[name]
    torch.manual_seed(seed)
    module = cls._from_config(make()).eval()
    with torch.no_grad():
        table = module.get_input_embeddings().weight
        for path, weight in module.named_parameters():
            if weight.ndim > 1 and weight is not table:
                weight.normal_(std=matrices / weight.shape[-1] ** 0.5)
            if path.endswith("sinks"):
                weight.normal_()
        table.normal_(std=embeddings)
    module.generation_config.eos_token_id = 2
    module.generation_config.forced_eos_token_id = None
    return Model(name, None, module, _TOKENIZER)


def reference(model: Model, ids: list[int], length: int, **settings: object) -> list[int]:
    """Return what transformers' `generate` says after one prompt alone, greedily."""
    ids_BT = torch.tensor([ids])
    said = model.module.generate(
        ids_BT, attention_mask=torch.ones_like(ids_BT), max_new_tokens=length, do_sample=False, **settings
    )[0].tolist()
    return said[1:] if model.config.is_encoder_decoder else said[len(ids) :]
