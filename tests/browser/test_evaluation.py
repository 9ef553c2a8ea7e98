"""The view of an evaluation in a browser: a dot for every value, its numbers in the tables, in both themes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cutaway.evaluation import sample_sheet
from cutaway.generation import SampledRecord
from tests.browser import samples
from tests.browser.reading import expect, rows_of
from tests.unit import figure_records

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("objective", ["causal", "classes", "numbers"])
def test_every_value_is_a_dot_and_a_row(sheet: Any, tmp_path: Path, objective: str) -> None:
    record = figure_records.evaluation(objective)
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    expect(tab.locator(".summary.found")).to_have_text(record["verdict"])
    view.unfold()
    measured = [
        (note["title"], by, found[note["key"]])
        for note in record["about"]
        for by, found in {record["model"]: record["metrics"], **record["baselines"]}.items()
    ]
    rows = rows_of(tab)[0]
    assert [(row[0], row[1]) for row in rows] == [(title, by) for title, by, _ in measured]
    for row, (*_, found) in zip(rows, measured, strict=True):
        assert [None if cell == "–" else float(cell) for cell in row[2:5]] == pytest.approx(
            [found["value"], found["low"], found["high"]]
        )
    known = [found for *_, found in measured if found["value"] is not None]
    panels = tab.locator(".levels svg")
    expect(panels).to_have_count(len(record["about"]))
    assert panels.locator("circle").count() == len(known)
    assert panels.locator("circle.hotdot").count() == len(record["about"])
    # The best baseline of a measure has the model's difference to it in its row.
    assert sum(row[5] != "" for row in rows) == len(record["differences"])
    dots = tab.locator(".scroll > svg circle")
    expect(dots).to_have_count(len(record["calibration"]) + len(record["points"]))
    assert view.problems == []


def test_written_records_have_their_measures_and_the_first_of_them(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.sample_evaluation()
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    expect(tab.locator(".summary.found")).to_have_text(record["verdict"])
    view.unfold()
    rows = rows_of(tab)[0]
    assert len(rows) == 3 * 4 and all(len(row) == 5 for row in rows)
    # The best baseline is first: of a length the one nearest to the test records'.
    assert [row[1] for row in rows] == [
        "molecules", "test", "train", "shuffled",
        "molecules", "test", "train", "shuffled",
        "molecules", "test", "train", "shuffled",
    ]  # fmt: skip
    expect(tab.locator("ol.written li")).to_have_text(record["examples"])
    assert view.problems == []


def test_written_molecules_are_drawn_and_can_be_chosen(sheet: Any, tmp_path: Path) -> None:
    record = samples.sheet()
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    cards = tab.locator(".sheet .card")
    expect(cards).to_have_count(6)
    images = tab.locator(".sheet img")
    assert images.evaluate_all("(all) => all.map((one) => one.complete && one.naturalWidth > 0)") == [True] * 4
    assert images.first.get_attribute("alt") == "Molecule 1: CC(=O)Oc1ccccc1C(=O)O"
    expect(tab.locator(".card.broken")).to_have_count(2)
    tab.locator(".controls select").select_option("repeated")
    expect(cards).to_have_count(1)
    expect(cards).to_contain_text("the same as 2")
    tab.locator(".controls select").select_option("new")
    expect(cards).to_have_count(3)
    view.unfold()
    assert len(rows_of(tab)[0]) == 6
    assert view.problems == []


def test_texts_keep_their_lines_and_nothing_else_is_said(sheet: Any, tmp_path: Path) -> None:
    written = [SampledRecord(1, "HAMLET.\nTo be", True, 9, -3.0, 0), SampledRecord(2, "", True, 1, -1.0, 1)]
    view = sheet()
    tab = view.open(tmp_path / "page.html", [sample_sheet(written, "shakespeare-char", "text").to_dict()])
    said = tab.locator(".sheet .said").inner_text()
    assert said.split("\n")[1:] == ["To be"]
    assert "null" not in tab.locator("main").inner_text()
    assert view.problems == []


def test_a_picture_that_is_not_a_drawing_is_not_shown(sheet: Any, tmp_path: Path) -> None:
    record = samples.sheet()
    record["records"][0]["picture"] = "data:text/html,<b>x</b>"
    record["records"][1]["picture"] = "https://example.org/x.svg"
    view = sheet()
    tab = view.open(tmp_path / "page.html", [record])
    expect(tab.locator(".sheet .card")).to_have_count(6)
    expect(tab.locator(".sheet img")).to_have_count(2)
    assert view.problems == []


def test_a_dot_lies_where_its_value_is(sheet: Any, tmp_path: Path) -> None:
    record = figure_records.evaluation("classes")
    tab = sheet(viewport={"width": 1100, "height": 800}).open(tmp_path / "page.html", [record])
    read = "(all) => all.map((dot) => Number(dot.getAttribute('cx')))"
    panel = tab.locator(".levels svg").first
    model, baseline = panel.locator("circle").evaluate_all(read)
    low, high = panel.locator("rect.tint").evaluate(
        "(box) => [Number(box.getAttribute('x')), Number(box.getAttribute('x')) + Number(box.getAttribute('width'))]"
    )
    assert low < model < high < baseline
    span = (baseline - model) / 0.1  # pixels for 1: accuracies of 0.7 and 0.8
    assert (high - low) / span == pytest.approx(0.04, rel=0.02)


def test_it_fits_a_narrow_window(sheet: Any, tmp_path: Path) -> None:
    view = sheet(viewport={"width": 360, "height": 700})
    tab = view.open(tmp_path / "page.html", [figure_records.evaluation("numbers")])
    expect(tab.locator(".levels svg")).to_have_count(2)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert view.problems == []


def test_texts_are_shown_as_they_are(sheet: Any, tmp_path: Path) -> None:
    texts = [
        {"id": f"r{i}", "source": f"Open file {i}.", "target": f"Ouvrez {i}.", "written": f"Ouvrir <b>{i}</b>"}
        for i in range(3)
    ]
    view = sheet()
    tab = view.open(tmp_path / "page.html", [figure_records.evaluation() | {"objective": "seq2seq", "texts": texts}])
    rows = tab.locator("figure table").filter(has_text="what the model writes").locator("tbody tr")
    expect(rows).to_have_count(3)
    for row, one in zip(rows.all(), texts, strict=True):
        expect(row.locator("td")).to_have_text([one["source"], one["target"], one["written"]])
    assert view.problems == []
