"""What the measures of heads and of models mean, in a sentence each, for every view that shows them."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Measure:
    """A measure's key, its name, its unit ("" if it has none) and what it means."""

    key: str
    name: str
    unit: str
    meaning: str


MEASURES: tuple[Measure, ...] = (
    Measure("bits_per_byte", "bits per byte", "bits/byte", "The surprisal of the text per byte, so that tokenizers "
            "make no difference: low if the model predicts the text well."),
    Measure("perplexity", "perplexity", "", "The surprisal per token, as the number of equally likely tokens that "
            "would be as surprising; it can't be compared between tokenizers."),
    Measure("outside", "attention to special tokens", "share", "The share of all attention that goes to tokens that "
            "stand for no text, such as [SEP]."),
    Measure("ahead", "attention ahead", "share", "The share of the attention to later tokens, special tokens left "
            "out."),
    Measure("entropy_bits", "entropy", "bits", "How widely a head spreads its attention: 0 bits if all goes to one "
            "token, 3 bits if eight tokens get equal shares."),
    Measure("distance", "distance", "tokens", "How far back or ahead a head looks on average."),
    Measure("sink", "to the first token", "share", "Attention to the first token. A head that finds nothing to attend "
            "to puts its weight there."),
    Measure("previous", "to the previous token", "share", "Attention to the token just before."),
    Measure("duplicate", "to an earlier copy of the token", "share", "Attention to earlier copies of the same token."),
    Measure("induction", "after an earlier copy of the token", "share", "Attention to the token that followed an "
            "earlier copy of the same token: the head expects a repeat."),
    Measure("similarity", "similarity", "", "How alike two heads attend to the same text: 1 if all their weights are "
            "the same, 0 if they attend to different tokens."),
)  # fmt: skip
