"""The page of a run: it loads itself again while the run goes on, keeps what the reader chose, and then stays."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from cutaway.views import page
from tests.browser import samples
from tests.browser.reading import expect

pytestmark = pytest.mark.browser


def going_on(steps: int, every: float, written: float | None = None) -> dict[str, Any]:
    """The record of a run that has made so many steps."""
    record = samples.training()
    for name in ("metrics", "validation", "samples"):
        record[name] = [entry for entry in record[name] if entry["step"] <= steps]
    live = {"written": time.time() if written is None else written, "every": every}
    return record | {"steps": steps, "live": live, "stopped": "now"}


def written(path: Path, record: dict[str, Any]) -> None:
    path.write_text(page([record]), encoding="utf-8")


def test_a_page_loads_itself_again_until_the_run_is_complete(sheet: Any, tmp_path: Path) -> None:
    view, path = sheet(), tmp_path / "page.html"
    written(path, going_on(200, every=0.3))
    view.tab.goto(path.as_uri())
    expect(view.tab.locator(".live")).to_contain_text("200 steps")
    written(path, going_on(300, every=0.3))
    expect(view.tab.locator(".live")).to_contain_text("300 steps")
    written(path, samples.training())
    expect(view.tab.locator(".live")).to_have_count(0)
    loads = len(view.requests)
    view.tab.wait_for_timeout(1000)
    assert len(view.requests) == loads, "a page of a complete run loads itself again"
    assert set(view.requests) == {path.as_uri()}
    assert view.problems == []


def test_what_was_chosen_stays_when_the_page_loads_itself_again(sheet: Any, tmp_path: Path) -> None:
    view, path, old = sheet(viewport={"width": 900, "height": 500}), tmp_path / "page.html", time.time() - 5000

    def comes_into_sight(steps: int) -> None:
        """Let the page see that it is old, so that it loads itself again without a wait."""
        written(path, going_on(steps, every=3600, written=old))
        view.tab.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
        expect(view.tab.locator(".live")).to_contain_text(f"{steps} steps")
        view.settle()

    tab = view.open(path, [going_on(200, every=3600, written=old)])
    tab.locator("summary", has_text="The losses as tables").click()
    slider = tab.get_by_label("Step of the samples")
    slider.focus()
    slider.press("Home")
    slider.press("ArrowRight")
    tab.evaluate("() => scrollTo({ top: 700, behavior: 'instant' })")
    view.settle()
    before = tab.evaluate("() => scrollY")
    assert before > 400
    comes_into_sight(300)
    expect(tab.locator("output")).to_have_text("after step 25")
    assert tab.evaluate("() => [scrollY, document.activeElement.type]") == [pytest.approx(before, abs=1), "range"]
    opened = tab.locator("details.twin").evaluate_all("(boxes) => boxes.map((box) => box.open)")
    assert opened == [True, False]
    slider.press("End")  # the newest samples: the next page shows its own newest
    comes_into_sight(350)
    expect(tab.locator("output")).to_have_text("after step 350")


def test_a_page_whose_run_was_killed_says_so(sheet: Any, tmp_path: Path) -> None:
    tab = sheet().open(tmp_path / "page.html", [going_on(200, every=15.0, written=time.time() - 3600)])
    expect(tab.locator(".live")).to_contain_text("Nothing new since")


def test_samples_move_by_arrow_keys(sheet: Any, tmp_path: Path) -> None:
    tab = sheet().open(tmp_path / "page.html", [samples.training()])
    slider = tab.get_by_label("Step of the samples")
    assert tab.locator(".said").first.inner_text().startswith("text 400")
    slider.press("ArrowLeft")
    assert tab.locator(".said").first.inner_text().startswith("text 375")
    assert slider.get_attribute("aria-valuetext") == "after step 375"


def test_losses_of_two_runs_are_drawn_over_steps_predictions_and_time(sheet: Any, tmp_path: Path) -> None:
    record = samples.run_comparison()
    for side in "ab":  # B took twice as long for the same steps
        for point in record[side]["checked"] + record[side]["learned"]:
            point["seconds"] *= 2 if side == "b" else 1
    tab = sheet().open(tmp_path / "page.html", [record])

    def ends() -> list[float]:
        """Where the last mark of each run stands, in pixels."""
        marks = [tab.locator(f"figure svg circle.{name}").last.get_attribute("cx") for name in ("box", "ring2")]
        return [float(mark) for mark in marks]

    assert ends()[0] == pytest.approx(ends()[1])
    for axis, ratio in (("predictions", 1.0), ("seconds", 0.5)):
        tab.locator(".controls select").select_option(label=axis)
        a, b = (end - 44 for end in ends())  # the axis begins at 44
        assert a / b == pytest.approx(ratio, rel=1e-3)
        assert axis in tab.locator("figure svg").first.get_attribute("aria-label")
    tab.get_by_label("Step of the samples").press("Home")
    assert tab.locator(".card .said").all_inner_texts()[0].startswith("text 0")
