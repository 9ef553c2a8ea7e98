"""The attention view in a browser: its tables hold the record's numbers, keys and addresses choose what is shown."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cutaway.array_codec import PackedArray, PackedMaps, pack_maps
from cutaway.views import notebook
from tests.browser import samples
from tests.browser.reading import column, expect, near

pytestmark = pytest.mark.browser

SMALL = samples.attention(4, 3)
LONG = samples.attention(2, 3, samples.long_text(128))
SHOWS = {"Head": "head", "Text": "text", "Neuron": "neuron", "Rollout": "rollout", "Step by step": "steps"}
THUMBNAILS = "() => performance.getEntriesByName('cutaway:all-thumbnails').length"


def shown(tab: Any, text: str, figure: int = 0) -> None:
    """Wait until a figure shows what its state says, as `Head 2.1 · head · 7`."""
    expect(tab.locator("figure").nth(figure)).to_have_attribute("data-shown", text)


def opened(tab: Any, name: str, figure: int = 0) -> list[list[str]]:
    """Open a table by a part of its title and read its rows."""
    twin = tab.locator("figure").nth(figure).locator("details.twin", has_text=name).first
    if not twin.evaluate("(box) => box.open"):
        twin.locator("summary").click()
    expect(twin.locator("tbody tr")).not_to_have_count(0)
    read = "(table) => [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent))"
    rows: list[list[str]] = twin.locator("table").evaluate(read)
    return rows


def matrix(tab: Any) -> Any:
    return np.array([[float(cell) for cell in row[1:]] for row in opened(tab, "This map as a table")])


def open_at(view: Any, path: Path, record: Any, address: str = "") -> Any:
    return view.open(path, [record], address)


def test_the_table_is_the_head_that_the_keys_chose(sheet: Any, tmp_path: Path) -> None:
    view = sheet()
    tab = view.open(tmp_path / "page.html", [SMALL])
    for layer, head, keys in ((0, 0, []), (2, 1, ["ArrowRight", "ArrowRight", "ArrowDown"])):
        tab.get_by_role("application", name="All heads").focus()
        for key in keys:
            tab.keyboard.press(key)
        shown(tab, f"Head {layer}.{head} · head · 7")
        assert matrix(tab) == near(samples.weights_of(SMALL, layer, head))
    expect(tab.locator(".readout")).to_contain_text("Head 2.1")
    assert view.problems == [] and len(view.requests) == 1


def test_a_click_chooses_and_shift_adds_heads_to_a_mean(sheet: Any, tmp_path: Path) -> None:
    tab = sheet().open(tmp_path / "page.html", [SMALL])
    grid, heads = (
        tab.get_by_role("application", name="All heads").locator("canvas"),
        [samples.weights_of(SMALL, *name) for name in ((1, 2), (3, 0))],
    )
    cell = 64
    grid.click(position={"x": 34 + 1.5 * cell, "y": 20 + 2.5 * cell})
    shown(tab, "Head 1.2 · head · 7")
    grid.click(position={"x": 34 + 3.5 * cell, "y": 20 + 0.5 * cell}, modifiers=["Shift"])
    shown(tab, "Mean of 2 heads (3.0, 1.2) · head · 7")
    assert matrix(tab) == near((heads[0] + heads[1]) / 2)
    grid.click(position={"x": 34 + 3.5 * cell, "y": 20 + 0.5 * cell}, modifiers=["Shift"])
    shown(tab, "Head 1.2 · head · 7")
    tab.keyboard.press("Shift+ArrowRight")
    shown(tab, "Mean of 2 heads (2.2, 1.2) · head · 7")
    tab.get_by_role("button", name="Mean of this layer").click()
    shown(tab, "Mean of the 3 heads of layer 2 · head · 7")
    assert matrix(tab) == near(np.mean([samples.weights_of(SMALL, 2, head) for head in range(3)], 0))
    tab.get_by_role("button", name="Mean of all").click()
    shown(tab, "Mean of all 12 heads · head · 7")
    every = [samples.weights_of(SMALL, layer, head) for layer in range(4) for head in range(3)]
    assert matrix(tab) == near(np.mean(every, 0))


def test_a_page_opens_at_the_head_and_the_token_that_its_record_names(sheet: Any, tmp_path: Path) -> None:
    stack = SMALL["stacks"][0]
    focus = {"layer": stack["layers"][3], "head": stack["heads"][1], "query": 9, "key": 5, "weight": 0.6, "first": 0.1}
    tab = sheet().open(tmp_path / "page.html", [SMALL | {"focus": focus}])
    shown(tab, "Head 3.1 · head · 9")
    large, small = (tab.get_by_role("application", name=name).bounding_box() for name in ("The map", "All heads"))
    assert large["y"] + large["height"] < small["y"]
    tab = open_at(sheet(), tmp_path / "page.html", SMALL | {"focus": focus}, "#a0.layer=1&a0.head=0&a0.token=4")
    shown(tab, "Head 1.0 · head · 4")


def test_the_thumbnails_are_as_large_as_the_width_allows(sheet: Any, tmp_path: Path) -> None:
    record = samples.attention(12, 2)
    view = sheet(viewport={"width": 1200, "height": 800})
    tab = view.open(tmp_path / "page.html", [record])
    grid = tab.get_by_role("application", name="All heads")
    fits = (
        "(box) => [box.scrollWidth <= box.clientWidth, box.firstChild.getBoundingClientRect().width, box.dataset.more]"
    )
    wide = grid.evaluate(fits)
    view.resize(520, 800)
    narrow = grid.evaluate(fits)
    assert wide[0] and narrow[0] and narrow[1] < 0.6 * wide[1] and narrow[2] == ""
    view.resize(260, 800)
    assert grid.evaluate(fits)[0] is False and grid.evaluate(fits)[2] == "right"


def test_subwords_join_to_words(sheet: Any, tmp_path: Path) -> None:
    record = samples.attention(2, 2, ["The", " un", "believ", "able", " cat", " s", "at", "."])
    tab = open_at(sheet(), tmp_path / "page.html", record, "#a0.layer=1&a0.head=1")
    tab.get_by_role("button", name="Words").click()
    shown(tab, "Head 1.1 · head · 4 · words")
    words = np.array(record["stacks"][0]["query_words"])
    one_hot = (words[:, None] == np.arange(words.max() + 1)).astype(float)
    merged = (one_hot / one_hot.sum(0)).T @ samples.weights_of(record, 1, 1) @ one_hot
    assert matrix(tab) == near(merged)
    assert merged.sum(1) == pytest.approx(1, abs=0.02)
    assert [row[0] for row in opened(tab, "This map")][1] == "1 ·unbelievable"


def test_long_texts_list_the_row_and_the_column_of_the_selection(sheet: Any, tmp_path: Path) -> None:
    tab = open_at(sheet(), tmp_path / "page.html", LONG, "#a0.layer=1&a0.head=2&a0.token=90")
    weights = samples.weights_of(LONG, 1, 2)
    rows = opened(tab, "This map as a table")
    assert column(rows, 1) == near(weights[90]) and column(rows, 2) == near(weights[:, 90])
    tab.get_by_role("application", name="The map").focus()
    tab.keyboard.press("Shift+ArrowDown")
    tab.keyboard.press("Shift+ArrowDown")
    shown(tab, "Head 1.2 · head · 90 91 92")
    rows = opened(tab, "This map as a table")
    assert column(rows, 1) == near(weights[90:93].mean(0)) and column(rows, 2) == near(weights[:, 90:93].mean(1))
    expect(tab.locator(".readout")).to_contain_text("the mean of")


def test_clicks_with_control_and_shift_select_several_tokens(sheet: Any, tmp_path: Path) -> None:
    tab = open_at(sheet(), tmp_path / "page.html", SMALL, "#a0.layer=1&a0.head=1&a0.token=10")
    name = tab.locator("figure svg text.mono")
    name.filter(has_text="·sat").last.click()
    shown(tab, "Head 1.1 · head · 2")
    name.filter(has_text="·it").last.click(modifiers=["Control"])
    shown(tab, "Head 1.1 · head · 2 7")
    name.filter(has_text="·on").last.click(modifiers=["Shift"])
    shown(tab, "Head 1.1 · head · 2 3")
    tab.wait_for_function("() => location.hash.includes('a0.token=2-3')")
    tab.get_by_role("tab", name="Text").click()
    shown(tab, "Head 1.1 · text · 2 3")
    assert column(opened(tab, "These numbers"), 1) == near(samples.weights_of(SMALL, 1, 1)[2:4].mean(0))


def test_the_theme_button_draws_every_canvas_anew(sheet: Any, tmp_path: Path) -> None:
    view = sheet(color_scheme="light")
    tab = view.open(tmp_path / "page.html", [LONG])
    tab.wait_for_function(THUMBNAILS)
    pictures = "() => [...document.querySelectorAll('figure canvas')].map((canvas) => canvas.toDataURL())"
    light = tab.evaluate(pictures)
    for _ in range(2):
        tab.locator("button.theme").click()
    view.settle()
    dark = tab.evaluate(pictures)
    assert len(light) == len(dark) == 3 and all(a != b for a, b in zip(light, dark, strict=True))


CASES = [(f"a {name}", record, 0, "2.1", True) for name, record in samples.neurons().items()]
CASES += [
    ("both ways", samples.bidirectional(), 0, "1.2", False),
    ("a position bias", samples.translated(), 0, "0.1", False),
]
CASES += [("cross-attention", samples.translated(), 2, "1.1", False)]


@pytest.mark.parametrize(("record", "stack", "name", "causal"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_the_exact_row_is_the_softmax_of_queries_and_keys(
    sheet: Any, tmp_path: Path, record: Any, stack: int, name: str, causal: bool
) -> None:
    kind, (layer, head) = record["stacks"][stack]["kind"], name.split(".")
    neuron = next(one for one in record["neurons"] if (one["stack"], f"{one['layer']}.{one['head']}") == (stack, name))
    view = sheet()
    address = f"#a0.stack={kind}&a0.layer={layer}&a0.head={head}&a0.token=6&a0.key=3&a0.view=neuron"
    tab = open_at(view, tmp_path / "page.html", record, address)
    expected = samples.exact_weights(neuron, causal)[6]
    rows = opened(tab, "The exact row")
    assert column(rows, 2) == pytest.approx(expected.tolist(), abs=1e-6)
    assert column(rows, 3) == pytest.approx(expected.tolist(), abs=1 / 510 + 1e-6)
    queries, keys = (PackedArray(**neuron[part]).array().astype(float) for part in ("queries", "keys"))
    parts = opened(tab, "dimension by dimension")
    assert column(parts, 1) == near(queries[6].tolist()) and column(parts, 2) == near(keys[3].tolist())
    assert column(parts, 3) == near((queries[6] * keys[3] * neuron["scale"]).tolist())
    assert column(parts, 4)[-1] == pytest.approx(float(queries[6] @ keys[3] * neuron["scale"]), rel=1e-5)
    expect(tab.locator(".sums")).to_contain_text(f"weight, exact = {expected[3]:.5f}")
    assert view.problems == []


def test_pooled_maps_say_what_is_exact_and_how_to_get_more(sheet: Any, tmp_path: Path) -> None:
    record = samples.attention(3, 2, samples.long_text(70), pool=4, exact=("1.0",))
    tab = open_at(sheet(), tmp_path / "page.html", record, "#a0.layer=0&a0.head=0")
    expect(tab.locator("figure")).to_contain_text("4 × 4 tokens")
    expect(tab.locator("figure")).to_contain_text("--neurons 0.0")
    assert matrix(tab) == near(samples.weights_of(record, 0, 0))
    tab.get_by_role("button", name="1.0", exact=True).click()
    shown(tab, "Head 1.0 · neuron · 35")
    rows = opened(tab, "The exact row")
    assert column(rows, 2) == pytest.approx(samples.exact_weights(record["neurons"][0], True)[35].tolist(), abs=1e-6)


def test_the_scores_sort_filter_and_choose(sheet: Any, tmp_path: Path) -> None:
    tab = sheet().open(tmp_path / "page.html", [SMALL])
    scores = SMALL["stacks"][0]["scores"]
    title = "All heads as a table"
    rows = opened(tab, title)
    assert column(rows, 2) == near([score["certainty"] for score in scores])
    assert column(rows, 3) == near([score["entropy_bits"] for score in scores])
    table = tab.locator("details.twin", has_text=title)
    table.get_by_role("button", name="entropy, bits").click()
    ranked = sorted(scores, key=lambda score: -score["entropy_bits"])
    assert [row[0] for row in opened(tab, title)] == [f"{score['layer']}.{score['head']}" for score in ranked]
    table.locator("select").select_option("induction")
    wanted = [f"{score['layer']}.{score['head']}" for score in ranked if score["role"] == "induction"]
    assert [row[0] for row in opened(tab, title)] == wanted
    table.get_by_role("button", name=wanted[-1], exact=True).press("Enter")
    shown(tab, f"Head {wanted[-1]} · head · 7")
    expect(table.locator("tr[aria-current]")).to_have_text(re.compile(f"^{re.escape(wanted[-1])}"))


def test_text_received_and_rollout_are_the_records(sheet: Any, tmp_path: Path) -> None:
    view = sheet()
    tab = open_at(view, tmp_path / "page.html", SMALL, "#a0.layer=1&a0.head=1&a0.view=text")
    weights, stack = samples.weights_of(SMALL, 1, 1), SMALL["stacks"][0]
    assert column(opened(tab, "These numbers"), 1) == near(weights[7])
    shade = tab.get_by_role("combobox", name="shade")
    shade.select_option("seen")
    view.settle()
    assert column(opened(tab, "These numbers"), 1) == near(weights[:, 7])
    shade.select_option("received")
    view.settle()
    assert column(opened(tab, "These numbers"), 1) == near(stack["received"])
    tab.get_by_role("tab", name="Text").focus()
    tab.keyboard.press("End")
    shown(tab, "Rollout · rollout · 7")
    assert matrix(tab) == near(PackedMaps(**stack["rollout"]).layer(0)[0] / 255)


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_what_was_generated_goes_step_by_step(sheet: Any, tmp_path: Path, motion: str) -> None:
    record = samples.attention(2, 2, generated=4)
    tab = open_at(sheet(reduced_motion=motion), tmp_path / "page.html", record, "#a0.view=steps")
    shown(tab, "Head 0.0 · steps · 10")
    expect(tab.locator("figure")).to_contain_text("Step 1 of 4")
    tab.get_by_role("slider").press("ArrowRight")
    shown(tab, "Head 0.0 · steps · 11")
    expect(tab.locator("figure")).to_contain_text("has written ·not")
    strongest = samples.weights_of(record, 0, 0)[11].max()
    expect(tab.locator(".bars .value").first).to_have_text(f"{strongest:.3f}")
    play = tab.get_by_role("button", name="Play")
    expect(play).to_have_count(0 if motion == "reduce" else 1)
    if motion != "reduce":
        play.click()
        shown(tab, "Head 0.0 · steps · 12")
        tab.get_by_role("button", name="Pause").click()


def test_three_stacks_are_three_tabs(sheet: Any, tmp_path: Path) -> None:
    record, view = samples.translated(), sheet()
    tab = view.open(tmp_path / "page.html", [record])
    tab.get_by_role("tab", name="Encoder").focus()
    tab.keyboard.press("ArrowRight")
    shown(tab, "Head 0.0 · head · 5")
    assert matrix(tab) == near(samples.weights_of(record, 0, 0, 1))
    tab.get_by_role("tab", name="Decoder").press("ArrowRight")
    tab.wait_for_function("() => document.activeElement.textContent === 'Cross-attention'")
    tab.get_by_role("combobox", name="layer").select_option("2")
    shown(tab, "Head 2.0 · head · 5")
    assert matrix(tab) == near(samples.weights_of(record, 2, 0, 2))
    expect(tab.get_by_role("tab", name="Rollout")).to_have_count(0)
    for name, shows in (("Text", "text"), ("Step by step", "steps")):
        tab.get_by_role("tab", name=name).click()
        shown(tab, f"Head 2.0 · {shows} · 5")
    assert view.problems == []


def test_the_address_keeps_the_state_of_every_figure(sheet: Any, tmp_path: Path) -> None:
    view = sheet()
    tab = view.open(tmp_path / "page.html", [SMALL, samples.bidirectional()])
    first, second = tab.locator("figure").nth(0), tab.locator("figure").nth(1)
    first.get_by_role("application", name="All heads").press("ArrowRight")
    second.get_by_role("combobox", name="layer").select_option("2")
    second.get_by_role("tab", name="Text").click()
    shown(tab, "Head 1.0 · head · 7", 0)
    shown(tab, "Head 2.2 · text · 8", 1)
    tab.wait_for_function("() => /a0.layer=1.*a1.layer=2.*a1.view=text/.test(location.hash)")
    tab.reload()
    shown(tab, "Head 1.0 · head · 7", 0)
    shown(tab, "Head 2.2 · text · 8", 1)
    assert len(view.requests) == 2 and view.problems == []


def test_a_section_of_the_tour_and_a_head_share_the_address(sheet: Any, tmp_path: Path) -> None:
    view = sheet()
    tab = open_at(view, tmp_path / "page.html", samples.tour(), "#score&a0.layer=3&a0.head=2")
    tab.wait_for_function("() => Math.abs(document.getElementById('score').getBoundingClientRect().top) < 120")
    expect(tab.locator('[data-schema="cutaway.attention/1"]')).to_contain_text("Head 3.2")
    tab.get_by_role("application", name="All heads").press("ArrowUp")
    tab.wait_for_function("() => location.hash.startsWith('#score&a0.layer=3&a0.head=1')")
    assert view.problems == []


def test_an_address_of_nonsense_does_no_harm(sheet: Any, tmp_path: Path) -> None:
    wild = "a0.layer=1e99&a0.head=-3&a0.with=9.9,x&a0.token=-5,7-99999999,q&a0.key=99999&a0.view=__proto__&a0.stack=x"
    view = sheet()
    tab = open_at(view, tmp_path / "page.html", SMALL, f"#%E0%A4%A&{wild}")
    assert tab.locator("figure").get_attribute("data-shown").startswith(("Head", "Mean of"))
    assert view.problems == []


def test_a_notebook_frame_has_no_address_and_works(sheet: Any, tmp_path: Path) -> None:
    view, path = sheet(), tmp_path / "cell.html"
    path.write_text(f"<!doctype html><meta charset=utf-8>{notebook([SMALL])}", encoding="utf-8")
    view.tab.goto(path.as_uri())
    frame = view.tab.frames[1]
    frame.locator("figure[data-shown]").wait_for()
    frame.get_by_role("application", name="All heads").press("ArrowRight")
    frame.locator("figure[data-shown^='Head 1.0']").wait_for()
    frame.evaluate("() => new Promise((done) => setTimeout(done, 130))")  # an address is written after 120 ms
    assert view.problems == [] and "#" not in view.tab.url


PIXELS = """([layers, heads]) => {
  const canvases = [...document.querySelectorAll('figure canvas')];
  const all = document.querySelector('[aria-label^="All heads"] canvas');
  const cell = (parseFloat(all.style.width) - 36) / layers;
  const pen = all.getContext('2d', { willReadFrequently: true }), thumbnails = new Set();
  for (let layer = 0; layer < layers; layer += 1) for (let head = 0; head < heads; head += 1)
    thumbnails.add(pen.getImageData(36 + layer * cell, 22 + head * cell, cell - 8, cell - 8).data.join());
  const colours = canvases.filter((one) => one !== all).map((canvas) => new Set(new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size);
  return [thumbnails.size, colours, pen.getImageData(36, 22, 1, 1).data.join()];
}"""  # noqa: E501


@pytest.mark.parametrize("size", [16, 128, 512])
def test_heads_differ_and_no_drawing_is_blank(sheet: Any, tmp_path: Path, size: int) -> None:
    record = samples.attention(2, 3, samples.long_text(size))
    corners = set()
    for theme in ("light", "dark"):
        view = sheet(color_scheme=theme)
        tab = view.open(tmp_path / "page.html", [record])
        tab.wait_for_function(THUMBNAILS)
        assert view.problems == [] and len(view.requests) == 1
        thumbnails, colours, corner = tab.evaluate(PIXELS, [2, 3])
        assert thumbnails == 6
        assert len(colours) == (1 if size <= 48 else 2) and min(colours) > 12
        assert tab.evaluate("() => performance.getEntriesByName('cutaway:first-head').length") == 1
        corners.add(corner)
    assert len(corners) == 2


def test_a_page_of_1024_tokens_has_few_nodes(sheet: Any, tmp_path: Path) -> None:
    view = sheet()
    tab = view.open(tmp_path / "page.html", [samples.attention(1, 2, samples.long_text(1024))])
    for name in ("Text", "Neuron", "Rollout", "Head"):
        tab.get_by_role("tab", name=name).click()
        shown(tab, f"{'Rollout' if name == 'Rollout' else 'Head 0.0'} · {name.lower()} · 512")
        view.settle()
        assert tab.evaluate("() => document.querySelectorAll('*').length") < 2000


def bare(record: Any) -> Any:
    """Return the record without all that a figure can do without, and with maps of zeros."""
    record = copy.deepcopy(record)
    stack = record["stacks"][0]
    zeros = [np.zeros((3, 14, 14), np.uint8)] * 4
    stack["maps"] = pack_maps(zeros, causal=True).__dict__
    for name in ("scores", "received", "rollout", "query_words", "key_words"):
        del stack[name]
    del record["neurons"]
    return record


STRANGE = ["\x00", "\u202eevil", "<b>", "\U0001f469\u200d\U0001f467", "\n\n", "", "e\u0301\u0301", "\ud800", "x" * 400]
ODD = {
    "one token": samples.attention(2, 2, ["Hi"]),
    "nothing but zeros": bare(SMALL),
    "strange text": samples.attention(2, 2, STRANGE),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_records_are_drawn_in_every_view(sheet: Any, tmp_path: Path, name: str) -> None:
    view = sheet()
    tab = view.open(tmp_path / "page.html", [ODD[name]])
    for chosen in tab.get_by_role("tab").all():
        chosen.click()
        expect(tab.locator("figure")).to_have_attribute("data-shown", re.compile(f" · {SHOWS[chosen.inner_text()]} · "))
        view.unfold()
    tab.get_by_role("application", name="All heads").press("End")
    view.settle()
    assert view.problems == [] and tab.locator(".problem").count() == 0
    assert "can't be drawn" not in tab.locator("figure").inner_text()


def test_a_damaged_layer_is_said_and_not_drawn(sheet: Any, tmp_path: Path) -> None:
    record = copy.deepcopy(SMALL)
    record["stacks"][0]["heads"].append(3)
    tab = sheet().open(tmp_path / "page.html", [record])
    expect(tab.locator(".readout")).to_contain_text("layer 0 holds 315 bytes; 4 heads of 105 bytes were expected")
