"""The path of the data as it is drawn: its words and sizes are those of the model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import cutaway
from tests.browser.reading import expect, rows_of

pytestmark = pytest.mark.browser

BOXES = """(all) => all.map((one) => {
  const box = one.getBoundingClientRect();
  return [box.left, box.top, box.right, box.bottom];
})"""
# kind of model: what its drawing must say, in this order
WAYS = {
    "gpt2": [
        "token ids", "50,257 × 768", "1,024 × 768", "12 heads × 64 numbers", "itself and the positions before it",
        "768 → 3,072 → 768", "final norm", "lm_head", "50,257 probabilities of the next token",
    ],
    "llama": ["32,000 × 4,096", "32 heads × 128 numbers", "rotary", "4,096 → 11,008 → 4,096", "lm_head"],
    "bert": ["30,522 × 768", "512 × 768", "12 heads × 64 numbers", "all positions", "768 → 3,072", "what stands there"],
    "t5": [
        "encoder", "the text to read", "from all positions", "a number for each distance", "what the encoder read",
        "decoder", "the text written so far", "positions before it", "cross-attention", "lm_head", "next token",
    ],
    "gemma3_text": ["8 heads × 256 numbers, keys and values of 4", "2,304 → 9,216 → 2,304"],
    "mixtral": ["32 heads × 128 numbers, keys and values of 8", "4,096 → 14,336 → 4,096 numbers, 8 experts"],
    "mamba": ["50,280 × 768", "mixer", "lm_head"],
    "albert": ["× 12", "the same weights each time", "64 heads × 64 numbers", "4,096 → 16,384 → 4,096"],
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(WAYS))
def test_the_drawing_says_what_the_model_does(sheet: Any, tmp_path: Path, name: str) -> None:
    view = sheet(viewport={"width": 1300, "height": 900})
    tab = view.open(tmp_path / "page.html", [cutaway.architecture(name).to_dict()])
    said = " ".join(tab.locator(".dataflow svg text").evaluate_all("(all) => all.map((one) => one.textContent)"))
    at = 0
    for words in WAYS[name]:
        assert words in said[at:], f"{words!r} not in {said[at:]!r}"
        at = said.index(words, at)
    assert view.problems == []


def test_the_table_says_the_same_with_the_parameters_of_each_part(sheet: Any, tmp_path: Path) -> None:
    record = cutaway.architecture("gpt2").to_dict()
    tab = sheet().open(tmp_path / "page.html", [record])
    rows = rows_of(tab, ".dataflow details table")[0]
    block = next(module for module in record["modules"] if module["repeat"] == 12)
    inside = [row for row in rows if row[0].startswith("in each of 12 blocks")]
    norms = 2 * 2 * 768
    assert sum(int(row[2]) for row in inside) == block["parameters"] - norms
    assert rows[0][0] == "token ids" and "normalised first" in inside[0][1]


def test_a_part_of_the_drawing_leads_to_the_part_in_the_list(sheet: Any, tmp_path: Path) -> None:
    view = sheet(viewport={"width": 1300, "height": 900})
    tab = view.open(tmp_path / "page.html", [cutaway.architecture("gpt2").to_dict()])
    tab.get_by_role("button", name="Close every part").click()
    tab.get_by_role("link", name="feed-forward").press("Enter")
    found = tab.locator(".found")
    expect(found).to_be_visible()
    expect(found).to_have_attribute("data-part", re.compile(r"\(0-11\)\.mlp$"))
    assert tab.evaluate("() => document.activeElement.closest('.found') !== null")
    assert tab.evaluate("() => location.hash") == ""


def test_nothing_lies_over_the_words_of_the_drawing(sheet: Any, tmp_path: Path) -> None:
    for name in ("gpt2", "bart", "gemma3_text"):
        for width in (1300, 390):
            view = sheet(viewport={"width": width, "height": 900})
            tab = view.open(tmp_path / "page.html", [cutaway.architecture(name).to_dict()])
            boxes = tab.locator(".dataflow svg text").evaluate_all(BOXES)
            edge = tab.locator(".dataflow svg").evaluate("(one) => one.getBoundingClientRect().right")
            assert all(box[2] <= edge for box in boxes)
            for i, a in enumerate(boxes):
                for b in boxes[i + 1 :]:
                    apart = a[2] <= b[0] + 1 or b[2] <= a[0] + 1 or a[3] <= b[1] + 3 or b[3] <= a[1] + 3
                    assert apart, (name, width, a, b)
