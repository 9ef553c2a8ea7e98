"""Every view that looks inside, at 16, 128 and 512 tokens in both themes: drawn, not blank, on its own ground."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cutaway.views import notebook
from tests.browser import samples

pytestmark = pytest.mark.browser

SIZES = [16, 512]


def picture(tab: Any) -> Any:
    """Return the figure as it is seen."""
    return Image.open(io.BytesIO(tab.locator("figure.view").first.screenshot())).convert("RGB")


def seen(sheet: Any, path: Path, record: dict[str, Any], fragment: str = "") -> Any:
    """Draw a record in both themes, check that it is drawn in each, and return the light picture."""
    pictures = []
    for theme in ("light", "dark"):
        view = sheet(color_scheme=theme, reduced_motion="reduce", viewport={"width": 1100, "height": 800})
        view.open(path, [record], fragment)
        assert view.problems == [] and view.tab.locator(".problem").count() == 0
        assert view.tab.evaluate("() => document.querySelectorAll('*').length") <= 2000
        pictures.append(picture(view.tab))
    light, dark = (np.asarray(shot).mean() for shot in pictures)
    assert light > 200 and dark < 90  # paper and blueprint
    for shot in pictures:
        assert len(shot.getcolors(1 << 24)) > 60  # shades, not a blank sheet
    return pictures[0]


@pytest.mark.parametrize("size", SIZES)
def test_each_view_of_attention(sheet: Any, tmp_path: Path, size: int) -> None:
    record = samples.attention(3, 3, samples.long_text(size))
    address = "#a0.layer=2&a0.head=1&a0.view={}"
    views = ("head", "text", "neuron")
    shots = {seen(sheet, tmp_path / "page.html", record, address.format(name)).tobytes() for name in views}
    assert len(shots) == 3  # three different drawings


@pytest.mark.parametrize("size", SIZES)
def test_the_lens(sheet: Any, tmp_path: Path, size: int) -> None:
    seen(sheet, tmp_path / "page.html", samples.lens(size))


@pytest.mark.parametrize("size", [128])
def test_a_traced_generation(sheet: Any, tmp_path: Path, size: int) -> None:
    seen(sheet, tmp_path / "page.html", samples.traced(size))


@pytest.mark.parametrize(
    "name",
    ["heads", "ablation", "comparison", "map", "embeddings", "sweep", "mutations", "contacts", "tokenizer_comparison"],
)
def test_views_whose_size_is_not_the_texts(sheet: Any, tmp_path: Path, name: str) -> None:
    seen(sheet, tmp_path / "page.html", samples.every()[name])


def test_two_views_in_one_notebook_work_side_by_side(sheet: Any, tmp_path: Path) -> None:
    view, path = sheet(), tmp_path / "cells.html"
    small = samples.attention(3, 3)
    cells = [notebook([small]), notebook([samples.every()["heads"]]), notebook([small])]
    path.write_text(f"<!doctype html><meta charset=utf-8>{''.join(cells)}", encoding="utf-8")
    view.tab.goto(path.as_uri())
    first, other, second = view.tab.frames[1:]
    for frame in (first, second):
        frame.locator("figure[data-shown]").wait_for()
    first.get_by_role("application", name="All heads").press("ArrowRight")
    first.locator("figure[data-shown^='Head 1.0']").wait_for()
    assert second.locator("figure[data-shown^='Head 0.0']").count() == 1
    assert other.locator("figure.view").count() == 1
    assert view.problems == [] and view.requests == [path.as_uri()]
