"""A real encoder learns to tell praise from blame, by LoRA and whole; plain PEFT and transformers load the result."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import peft
import torch
import transformers

import cutaway

PRAISE = ["wonderful", "brilliant", "charming", "superb", "delightful", "moving", "excellent", "great"]
BLAME = ["dreadful", "boring", "clumsy", "awful", "tedious", "dull", "terrible", "poor"]
THINGS = ["film", "actor", "story", "ending", "book", "song"]


def logits(module: Any, tokenizer: Any, texts: list[str]) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = module.eval()(**tokenizer(texts, return_tensors="pt", padding=True)).logits
    return found


def test_minilm_learns_praise_and_blame(minilm: str, tmp_path: Path) -> None:
    rows = [f"what a {word} {thing},{label}" for words, label in ((PRAISE[:6], "praise"), (BLAME[:6], "blame"))
            for word, thing in itertools.product(words, THINGS)]  # fmt: skip
    (tmp_path / "said.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    options: dict[str, Any] = {"column": "text", "label_column": "label", "held_out": 0.2, "steps": 30, "threads": 1}
    result = cutaway.finetune(minilm, str(tmp_path / "said.csv"), lora=8, output=tmp_path / "run", **options)
    assert 0.6 < result.validation[0].loss < 0.8 and result.final_loss < 0.5
    assert result.trained_parameters < result.parameters / 40
    texts = [f"It was {word}." for word in (*PRAISE[6:], *BLAME[6:])]  # words that were not trained on
    base_path = cutaway.models.get_model(minilm).path
    tokenizer = transformers.AutoTokenizer.from_pretrained(base_path)
    base = transformers.AutoModelForSequenceClassification.from_pretrained(base_path, num_labels=2)
    found = logits(peft.PeftModel.from_pretrained(base, tmp_path / "run"), tokenizer, texts)
    assert found.argmax(-1).tolist() == [1, 1, 0, 0]
    cutaway.merge(tmp_path / "run", tmp_path / "merged")
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "merged")
    torch.testing.assert_close(logits(plain, tokenizer, texts), found, rtol=0, atol=1e-4)
    assert cutaway.classify("It was great.", tmp_path / "merged").label == "praise"
