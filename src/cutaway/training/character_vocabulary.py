"""A vocabulary of single characters, saved in the format every `tokenizers` and transformers program reads.

Every text gets `<|end|>` in front. The first character is predicted from it, so that a model can score a text from its
first character on and can write without a prompt.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import processors

from cutaway.tokens import Tokenizer, characters
from cutaway.tokens.char_word import END as END
from cutaway.tokens.char_word import UNKNOWN as UNKNOWN

# The library takes quadratic time in the length of a text; pieces of this many characters keep it linear.
_PIECE: Final = 16_384


def character_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """Build a tokenizer of the characters that occur in `texts`: `<|end|>` is 0, `<unk>` is 1, then sorted characters.

    Any text of those characters comes back from its ids unchanged, spaces and newlines included; any other character
    becomes `<unk>`. Saved with a model, `transformers.AutoTokenizer` loads it without cutaway.

    Example:
        >>> character_tokenizer(["abba"]).encode("ab").ids
        [0, 2, 3]
    """
    plain = characters(texts)
    plain.backend.post_processor = processors.TemplateProcessing(
        single=f"{END} $A", pair=f"{END} $A {END} $B", special_tokens=[(END, plain.vocabulary[END])]
    )
    # The end token is also the padding token, as usual for causal models: a mask hides the padding.
    return Tokenizer(plain.backend, {**plain.config, "pad_token": END}, plain.name)


def text_ids(text: str, tokenizer: Tokenizer) -> NDArray[np.int64]:
    """Return the ids of a whole text, without special tokens; if the text spells one out, it is read as characters."""
    reader = tokenizers.Tokenizer.from_str(tokenizer.backend.to_str())
    reader.encode_special_tokens = True
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    encodings = reader.encode_batch_fast(pieces, add_special_tokens=False)
    return np.concatenate([np.array(encoding.ids, dtype=np.int64) for encoding in encodings])
