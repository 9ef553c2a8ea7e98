"""The texts that an encoder-decoder writes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from cutaway.evaluation.encoding import Encoded
from cutaway.evaluation.likelihood import cut_ids, room
from cutaway.models.text_model import Model
from cutaway.prediction.head_outputs import padded
from cutaway.progress import step
from cutaway.tokens.codec import Codec


def written_texts(model: Model, sources: Sequence[Encoded], longest: int, window: int | None = None) -> list[str]:
    """Return what an encoder-decoder writes for each source, greedily, in at most `longest` tokens.

    It is transformers' own `generate`, one source at a time, with what the model's own settings force or forbid.
    """
    codec, texts = Codec.of(model.tokenizer), list[str]()
    with step("writing", len(sources)) as writing, torch.inference_mode():
        for source in sources:
            ids_BT, mask_BT = padded([cut_ids(source, room(model, window))], model)
            said = model.module.generate(
                input_ids=ids_BT, attention_mask=mask_BT, max_new_tokens=longest, do_sample=False, num_beams=1
            )
            texts.append(str(codec.decode(said[0].tolist())))
            writing.advance(1)
    return texts
