"""Sequence → ids and back: load a tokenizer, make a simple one, encode, show every piece.

Built on the `tokenizers` library alone, so that this room never waits for torch.
"""

from cutaway.tokens.encoding import TokenEntry, Tokens, tokenize, vocabulary_sample
from cutaway.tokens.simple import characters, words
from cutaway.tokens.tokenizer import Tokenizer, check_text

__all__ = ["TokenEntry", "Tokenizer", "Tokens", "characters", "check_text", "tokenize", "vocabulary_sample", "words"]
