"""What the measures of heads and of models say, a sentence each, for every view that shows them."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Measure:
    """A measure's key, its name, its unit ("" for a bare number) and what it says."""

    key: str
    name: str
    unit: str
    meaning: str


MEASURES: tuple[Measure, ...] = (
    Measure("bits_per_byte", "bits per byte", "bits/byte", "How many bits the model needs for each byte of the text, "
            "whatever its tokens: low if it foresees the text."),
    Measure("perplexity", "perplexity", "", "The same for each token: as if it were drawn from so many equally likely "
            "ones; it can't be compared between tokenizers."),
    Measure("outside", "attention to special tokens", "share", "The share of all attention that goes to tokens that "
            "stand for no text, such as [SEP]."),
    Measure("ahead", "attention ahead", "share", "Of the attention from text to text, the share that goes to a later "
            "token."),
    Measure("entropy_bits", "entropy", "bits", "How widely a head spreads its attention: 0 bits looks at one token, 3 "
            "bits at eight alike."),
    Measure("distance", "distance", "tokens", "How far back or ahead a head looks on average."),
    Measure("sink", "to the first token", "share", "Attention to the first token, where heads look that have nothing "
            "to do."),
    Measure("previous", "to the previous token", "share", "Attention to the token right before."),
    Measure("duplicate", "to an earlier same token", "share", "Attention to earlier places of the same token."),
    Measure("induction", "behind an earlier same token", "share", "Attention to what followed the same token before: "
            "a head that continues what it has seen."),
    Measure("similarity", "similarity", "", "How alike two heads attend to the same text: 1 if every row is the same, "
            "0 if nothing is shared."),
)  # fmt: skip
