"""The homework, small: SmolLM2 under six settings, and what temperature does to its text."""

from __future__ import annotations

import math

import cutaway
from cutaway.generation import sweep

PROMPTS = ["The capital of France is", "Once upon a time, a fox", "Photosynthesis is the way in which", "In winter, I"]


def test_a_hot_model_is_surprising_and_short_of_english(smollm2: str) -> None:
    settings = {"temperature": [0.3, 1.0, 1.8], "top_p": [0.8, 1.0]}
    found = sweep(PROMPTS, smollm2, settings=settings, samples=2, max_new_tokens=16, tier="exact")
    assert len(found.runs) == 4 * 6 * 2
    effects = {(effect.setting, effect.measure): effect for effect in found.effects}
    hot = effects["temperature", "scorer_perplexity"].changes[-1]
    assert hot.clear and hot.low is not None and hot.low > 3
    levels = [level.mean or math.nan for level in effects["temperature", "dictionary_words"].levels]
    assert levels[0] > 0.95 > levels[-1]
    wide = effects["top_p", "scorer_perplexity"].changes[-1]
    assert wide.clear and wide.change is not None and wide.change > 1
    assert any(line.startswith("Temperature from 0.3 to 1.8 makes the text more surprising") for line in found.summary)


def test_surprise_equals_score_even_if_the_writer_is_the_scorer(smollm2: str) -> None:
    found = sweep(PROMPTS[:2], smollm2, settings={"temperature": [0.0]}, max_new_tokens=8, tier="exact")
    model = cutaway.load(smollm2)
    for run in found.runs:
        whole = cutaway.score(run.prompt + run.completion, model)
        tokens = whole.tokens[len(model.tokenizer.encode(run.prompt).ids) - 1 :]
        nats = -sum(token.logprob for token in tokens) / len(tokens)
        assert abs(math.log(run.metrics["scorer_perplexity"] or 0) - nats) < 1e-3
