"""Generation by a real model against transformers' own `generate`, token for token."""

import pytest
import torch
import transformers

from cutaway.generation import generate
from cutaway.generation.beams import beam_search
from cutaway.generation.decoders import open_decoder
from cutaway.generation.engine import run
from cutaway.generation.rows import Row
from cutaway.models import encode_prompt, load

PROMPTS = [
    "The capital of France is", "Once upon a time", "Photosynthesis is the process by which",
    "def fibonacci(n):", "A supercomputer is", "In 1969, people first", "The recipe for bread needs flour,",
    "Dear Sir or Madam,", "The three laws of motion say that", "My favourite book is",
    "What is the difference between weather and climate?", "1, 2, 3, 5, 8,", "The mitochondrion is",
    "To be, or not to be:", "She opened the door and", "The stock market fell because",
    "Water boils at", "An attention head in a transformer", "The best way to learn a language is",
    "Proteins are long chains of",
]  # fmt: skip


def padded(ids):
    longest = max(map(len, ids))
    return (
        torch.tensor([[2] * (longest - len(row)) + row for row in ids]),
        torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids]),
    )


def reference(model, ids, length):
    """Return transformers' greedy ids: all prompts in one padded batch, cut behind the end."""
    ids_BT, mask_BT = padded(ids)
    config = transformers.GenerationConfig(max_new_tokens=length, do_sample=False, eos_token_id=2, pad_token_id=2)
    said = model.module.generate(ids_BT, attention_mask=mask_BT, generation_config=config)[:, ids_BT.shape[1] :]
    return [row[: row.index(2) + 1] if 2 in row else row for row in said.tolist()]


def test_greedy_equals_transformers_token_for_token(smollm2):
    """20 prompts × 64 tokens; where padding moved transformers' batch off, the prompt alone is what counts."""
    model = load(smollm2, "generator")
    assert model.end_ids == {2}
    ids = [encode_prompt(model, prompt) for prompt in PROMPTS]
    rows = [Row(prompt, i, max_new_tokens=64) for prompt, i in zip(PROMPTS, ids, strict=True)]
    for _ in run(open_decoder(model, "exact"), rows, batch_size=20):
        pass
    expected = reference(model, ids, 64)
    for row, wanted in zip(rows, expected, strict=True):
        if row.ids != wanted:
            wanted = reference(model, [row.prompt_ids], 64)[0]
        assert row.ids == wanted, row.prompt
    assert sum(len(row.ids) for row in rows) > 900


@pytest.mark.nightly
def test_beams_equal_transformers(smollm2):
    """10 prompts, 4 beams, 24 tokens: the same texts, with the same scores."""
    model = load(smollm2, "generator")
    ids = [encode_prompt(model, prompt) for prompt in PROMPTS[:10]]
    rows = [Row(prompt, i, max_new_tokens=24) for prompt, i in zip(PROMPTS, ids, strict=False)]
    found = beam_search(open_decoder(model, "exact"), rows, 4, num_return_sequences=4, batch_size=40)
    config = transformers.GenerationConfig(
        max_new_tokens=24, do_sample=False, eos_token_id=2, pad_token_id=2, num_beams=4, num_return_sequences=4,
        output_scores=True, return_dict_in_generate=True,
    )  # fmt: skip
    ids_BT, mask_BT = padded(ids)
    output = model.module.generate(ids_BT, attention_mask=mask_BT, generation_config=config)
    said = [row[: row.index(2) + 1] if 2 in row else row for row in output.sequences[:, ids_BT.shape[1] :].tolist()]
    assert [list(beam.ids) for beams in found for beam in beams] == said
    scores = [beam.score for beams in found for beam in beams]
    assert scores == pytest.approx(output.sequences_scores.tolist(), abs=1e-3)


def test_one_question_under_two_system_messages(smollm2):
    question = "What is the capital of France?"
    settings = {"chat": True, "max_new_tokens": 12}
    plain, poet = (
        generate(question, smollm2, system=system, **settings)[0]
        for system in ("Answer in one word.", "You are a pirate. Answer as a pirate, with arrr.")
    )
    assert "Paris" in plain.completion
    assert poet.completion != plain.completion
    assert poet.prompt == plain.prompt and poet.settings["system"] != plain.settings["system"]
