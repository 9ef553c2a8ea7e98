"""The pages in a browser, opened as files: nothing asked of the network, text stays text, numbers are the record's."""

from __future__ import annotations

import functools
import http.server
import math
import re
import threading
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from cutaway.views import notebook
from tests.browser import samples
from tests.browser.reading import column, expect, near, rows_of

pytestmark = pytest.mark.browser

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u2028\ud800"
RECORDS = samples.every() | {
    "tokens and their merges": samples.merged(),
    "tokens of a series": samples.numbered(),
    "tokens of time steps": samples.visited(),
    "classification by a language model": samples.classification("language model"),
    "prediction of labels": samples.prediction("classes"),
    "embeddings of tokens": samples.embeddings(tokens=True),
    "neighbours in contexts": samples.contexts(),
    "map of records": samples.records_map(),
}
NAMES = sorted(RECORDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_draws_itself_and_asks_for_nothing(sheet: Any, tmp_path: Path, name: str) -> None:
    view, path = sheet(), tmp_path / "page.html"
    tab = view.open(path, [RECORDS[name] | {"caption": "What this shows."}])
    assert view.requests == [path.as_uri()]
    assert view.problems == []
    assert tab.locator(".problem").count() == 0
    if name != "tour":
        assert tab.locator("figure.view").count() == 1
        assert tab.locator("figure.view figcaption").inner_text() == "What this shows."
        assert tab.locator("figure.view").inner_text().strip()


@pytest.mark.parametrize("name", NAMES)
def test_what_a_model_wrote_stays_text(sheet: Any, tmp_path: Path, name: str) -> None:
    view = sheet()
    tab = view.open(tmp_path / "page.html", [samples.hostile(RECORDS[name] | {"caption": "Caption"}, HOSTILE)])
    view.unfold()
    view.settle()
    assert view.problems == []
    assert len(view.requests) == 1
    assert tab.locator("script").count() == 2
    assert tab.locator("img").count() == 0
    assert tab.locator("main").evaluate("(node) => node.textContent.includes('<script>alert(1)')")


def test_an_injected_script_would_not_run(sheet: Any, tmp_path: Path) -> None:
    view = sheet()
    tab = view.open(tmp_path / "page.html", [RECORDS["model"]])
    tab.evaluate("""() => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
    }""")
    assert tab.evaluate("() => window.ran") is None
    assert any("Content Security Policy" in problem for problem in view.problems)


def test_the_tables_hold_the_numbers_of_tokens_generation_and_score(sheet: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    record = RECORDS["tokens"]
    rows = rows_of(sheet().open(path, [record]))[0]
    assert column(rows, 2) == record["ids"]
    assert [[int(row[3]), int(row[4])] for row in rows] == record["offsets"]
    record = RECORDS["generation"]
    rows = rows_of(sheet().open(path, [record]))[0]
    assert column(rows, 2) == record["token_ids"]
    assert column(rows, 3) == near(record["logprobs"])
    record = RECORDS["score"]
    rows = rows_of(sheet().open(path, [record]))[0][1:]
    for at, key in ((2, "id"), (3, "logprob"), (4, "surprisal_bits"), (5, "rank"), (6, "entropy_bits")):
        assert column(rows, at) == near([token[key] for token in record["tokens"]])


def test_the_tables_hold_the_numbers_of_classification_neighbours_and_map(sheet: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    record = RECORDS["classification"]
    rows = rows_of(sheet().open(path, [record]))[0]
    assert [row[0] for row in rows] == record["labels"]
    assert column(rows, 1) == near(record["logits"])
    assert column(rows, 2) == near(record["probabilities"])
    record = RECORDS["neighbours"]
    rows = rows_of(sheet().open(path, [record]))[0]
    assert column(rows, 5) == near([entry["cosine"] for query in record["queries"] for entry in query["neighbours"]])
    record = RECORDS["map"]
    rows = rows_of(sheet().open(path, [record]))[0]
    assert column(rows, 3) == near([point["x"] for point in record["points"]])
    assert column(rows, 4) == near([point["y"] for point in record["points"]])


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def test_the_tables_hold_the_cosines_and_the_vectors_of_embeddings(sheet: Any, tmp_path: Path) -> None:
    record = RECORDS["embeddings"]
    tab = sheet().open(tmp_path / "page.html", [record])
    cosines, numbers = rows_of(tab)
    for at in range(6):
        assert column(cosines, at + 1) == near([cosine(row, record["vectors"][at]) for row in record["vectors"]])
    assert [column(numbers, 1), column(numbers, 2)] == [near(record["vectors"][0]), near(record["vectors"][1])]
    tab.get_by_role("application").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"):
        tab.keyboard.press(key)
    expected = cosine(record["vectors"][2], record["vectors"][3])
    expect(tab.locator(".readout")).to_contain_text(f"cosine {expected:.4f}".replace("-", "−"))
    assert column(rows_of(tab)[1], 2) == near(record["vectors"][3])
    tokens = RECORDS["embeddings of tokens"]
    flat = [vector for text in tokens["vectors"] for vector in text]
    rows = rows_of(sheet().open(tmp_path / "page.html", [tokens]))[0]
    assert column(rows, 3) == near([cosine(vector, flat[2]) for vector in flat])


def test_one_vector_alone_is_drawn_without_a_matrix(sheet: Any, tmp_path: Path) -> None:
    record = RECORDS["embeddings"]
    alone = record | {"texts": record["texts"][:1], "counts": [1], "vectors": record["vectors"][:1]}
    view = sheet()
    tab = view.open(tmp_path / "page.html", [alone])
    assert view.problems == []
    assert tab.locator("canvas").count() == 0
    assert column(rows_of(tab)[0], 1) == near(record["vectors"][0])


def test_neighbours_of_the_same_words_stand_side_by_side(sheet: Any, tmp_path: Path) -> None:
    record = RECORDS["neighbours"]
    learned = record | {"model": "corpus.txt", "space": "PPMI of words within 4, SVD to 100 dimensions"}
    other = record | {"queries": record["queries"][:1]}
    tab = sheet().open(tmp_path / "page.html", [record, learned, other])
    assert tab.locator("figure.view").count() == 2
    titles = tab.locator("figure.view").first.locator(".over").all_inner_texts()
    assert [title.rpartition("· ")[2] for title in titles] == ["smollm2-135m", "corpus.txt"] * 3


def test_a_word_is_marked_where_it_stands_in_its_context(sheet: Any, tmp_path: Path) -> None:
    record = RECORDS["neighbours in contexts"]
    tab = sheet().open(tmp_path / "page.html", [record])
    assert tab.locator(".near li").count() == 4
    assert tab.locator(".near u").all_inner_texts() == ["bank"] * 4
    assert tab.locator(".near li").first.inner_text().split() == [
        "0.931",
        "bank",
        "The",
        "river",
        "rose",
        "over",
        "its",
        "bank.",
    ]


def test_a_map_says_how_far_it_can_be_believed(sheet: Any, tmp_path: Path) -> None:
    tab = sheet().open(tmp_path / "page.html", [RECORDS["map of records"]])
    shown = tab.locator("figure.view").inner_text()
    assert "0.931" in tab.locator(".facts").inner_text()
    assert "no unit" in shown
    assert "of the variance" not in shown
    assert "direction" not in (tab.locator("svg").text_content() or "")


def test_the_tables_hold_the_numbers_of_architecture_training_and_lists(sheet: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    record = RECORDS["architecture"]
    _, rows = rows_of(sheet().open(path, [record]))  # the path of the data, and all parts
    assert column(rows, 5) == [module["parameters"] for module in record["modules"]]
    assert column(rows, 4) == [module["repeat"] for module in record["modules"]]
    q_proj = next(row for row in rows if row[0].endswith("q_proj"))
    assert float(q_proj[6]) == 30 * 576 * 576
    record = RECORDS["training"]
    checks, steps, texts = rows_of(sheet().open(path, [record]))
    assert column(steps, 1) == near([entry["loss"] for entry in record["metrics"]])
    assert column(checks, 1) == near([entry["loss"] for entry in record["validation"]])
    assert column(checks, 4) == near([entry["bits_per_symbol"] for entry in record["validation"]])
    assert column(texts, 0) == [entry["step"] for entry in record["samples"] for _ in entry["texts"]]
    record = RECORDS["run_comparison"]
    [points] = rows_of(sheet().open(path, [record]))
    checked = [point for side in "ab" for point in record[side]["checked"]]
    assert column(points, 4) == near([point["loss"] for point in checked])
    assert column(points, 5) == near([point["loss"] / math.log(2) for point in checked])
    assert column(points, 2) == [point["tokens"] for point in checked]
    for name in ("saved", "model"):
        rows = rows_of(sheet().open(path, [RECORDS[name]]), "figure table")[0]
        assert column(rows, 2) == [file["bytes"] for file in RECORDS[name]["files"]]
    rows = rows_of(sheet().open(path, [RECORDS["models"]]))[0]
    assert column(rows, 1) == [model["parameters"] for model in RECORDS["models"]["models"]]


def test_the_lens_tables_follow_the_chosen_cell(sheet: Any, tmp_path: Path) -> None:
    record = RECORDS["lens"]
    view, last = sheet(), len(record["tokens"]) - 1
    tab = view.open(tmp_path / "page.html", [record])
    assert tab.locator("table").count() == 0  # made when they are opened
    for layer, t, keys in (
        (30, last, []),
        (28, last - 1, ["ArrowLeft", "ArrowDown", "ArrowDown"]),
        (0, 0, ["Home", "PageDown"]),
    ):
        tab.get_by_role("application").focus()
        for key in keys:
            tab.keyboard.press(key)
        layers, best = rows_of(tab)
        cells = [row["cells"][t] for row in record["grid"]]
        assert column(layers, 0) == record["layers"]
        assert column(layers, 2) == [cell["top"][0]["id"] for cell in cells]
        assert column(layers, 3) == near([cell["top"][0]["probability"] for cell in cells])
        assert column(layers, 4) == near([cell["answer_probability"] for cell in cells])
        assert column(layers, 5) == near([cell["entropy_bits"] for cell in cells])
        assert column(layers, 6) == near([cell["kl_bits"] for cell in cells])
        if t == last:
            assert {row[7] for row in layers} == {"–"}
        else:
            assert column(layers, 7) == [cell["target"]["rank"] for cell in cells]
            assert column(layers, 8) == near([cell["target"]["probability"] for cell in cells])
            assert column(layers, 9) == near([cell["target"]["surprisal_bits"] for cell in cells])
        assert column(best, 2) == [top["id"] for top in cells[layer]["top"]]
        assert column(best, 3) == near([top["probability"] for top in cells[layer]["top"]])
        expect(tab.locator(".readout")).to_contain_text(f"Layer {layer} ")
        expect(tab.locator(".bars > div")).to_have_count(len(cells[layer]["top"]) + 1)
    assert view.problems == []


def test_a_lens_of_a_long_text_shows_a_window_of_it(sheet: Any, tmp_path: Path) -> None:
    view = sheet(viewport={"width": 1200, "height": 900})
    tab = view.open(tmp_path / "page.html", [samples.lens(512)])
    assert tab.evaluate("() => document.querySelectorAll('*').length") < 2000
    grid = tab.get_by_role("application")
    assert grid.locator("canvas").evaluate("(canvas) => canvas.width") <= 1200
    picture = "(canvas) => canvas.toDataURL()"
    before = grid.locator("canvas").evaluate(picture)
    grid.focus()
    tab.keyboard.press("End")
    view.settle()
    assert grid.evaluate("(box) => box.scrollLeft + box.clientWidth >= box.scrollWidth - 2")
    assert grid.locator("canvas").evaluate(picture) != before
    canvas = grid.locator("canvas").bounding_box()
    tab.mouse.click(canvas["x"] + 71, canvas["y"] + 49)  # the first column in sight, the layer under the output
    view.settle()
    expect(tab.locator(".readout")).to_contain_text("Layer 29 after")
    strip = tab.get_by_role("img", name="The whole text").bounding_box()
    tab.mouse.click(strip["x"] + 67, strip["y"] + 20)
    view.settle()
    assert grid.evaluate("(box) => box.scrollLeft") == 0
    shaded = grid.locator("canvas").evaluate(picture)
    tab.get_by_label("shade").select_option("2")
    expect(tab.locator(".key")).to_contain_text("entropy")
    assert grid.locator("canvas").evaluate(picture) != shaded
    assert view.problems == []


PAST = """() => [...document.querySelectorAll('figure.view *')]
  .filter((n) => !n.closest('.scroll') && n.getClientRects().length && n.getBoundingClientRect().right > 386)
  .map((n) => n.outerHTML.slice(0, 90))"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", [*NAMES, "tokenizers"])
def test_a_phone_needs_no_sideways_scrolling(sheet: Any, tmp_path: Path, name: str, theme: str) -> None:
    records = [samples.tokens(), samples.wordpiece(), samples.letters()] if name == "tokenizers" else [RECORDS[name]]
    view = sheet(viewport={"width": 390, "height": 844}, color_scheme=theme)
    tab = view.open(tmp_path / "page.html", records)
    assert tab.evaluate("() => document.documentElement.dataset.theme") == theme
    assert tab.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert tab.evaluate(PAST) == []


def test_the_keyboard_moves_the_selection(sheet: Any, tmp_path: Path) -> None:
    for name, shown in (("tokens", "·sat"), ("generation", "the"), ("score", "·on"), ("map", "·horse")):
        tab = sheet().open(tmp_path / "page.html", [RECORDS[name]])
        tab.get_by_role("option").first.focus()
        before = tab.locator(".readout").inner_text()
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press("ArrowRight")
        after = tab.locator(".readout").inner_text()
        assert after != before
        expect(tab.get_by_role("option", selected=True)).to_have_count(1)
        assert tab.evaluate("() => document.activeElement.dataset.i") == "2"
        tab.keyboard.press("End")
        assert tab.evaluate("() => document.activeElement.nextElementSibling?.dataset?.i ?? null") is None
        assert name == "generation" or shown in after


def test_a_chosen_token_shows_what_else_could_have_come(sheet: Any, tmp_path: Path) -> None:
    record = RECORDS["generation"]
    tab = sheet().open(tmp_path / "page.html", [record])
    tab.get_by_role("option").nth(1).click()
    expect(tab.locator(".bars .chosen .name")).to_have_text("·mat")
    expect(tab.locator(".bars > div")).to_have_count(len(record["alternatives"][1]) + 1)
    tab.get_by_role("option").nth(4).click()
    expect(tab.locator(".bars .chosen .value")).to_have_text("0.040 %")


def test_parts_fold_by_keyboard(sheet: Any, tmp_path: Path) -> None:
    tab = sheet().open(tmp_path / "page.html", [RECORDS["architecture"]])
    leaf = tab.locator(".part.leaf", has_text="q_proj")
    expect(leaf).to_be_visible()
    assert "× 30" in tab.locator("details.stack > summary").inner_text()
    assert "29 more" in tab.locator(".cut").inner_text()
    tab.locator("details.stack > summary").focus()
    tab.keyboard.press("Enter")
    expect(leaf).to_be_hidden()


def test_consecutive_tokenizers_of_one_text_share_a_figure(sheet: Any, tmp_path: Path) -> None:
    other = samples.tokens() | {"text": "Another text."}
    tab = sheet().open(tmp_path / "page.html", [samples.tokens(), samples.wordpiece(), other])
    assert tab.locator("figure.view").count() == 2
    assert [
        text.split(" tokens")[0] for text in tab.locator("figure.view").first.locator(".bars .value").all_inner_texts()
    ] == ["14", "16"]


def test_many_tokens_are_drawn_in_two_goes(sheet: Any, tmp_path: Path) -> None:
    tab = sheet().open(tmp_path / "page.html", [samples.tokens(pieces=[f" {i}" for i in range(2300)])])
    expect(tab.locator(".chip")).to_have_count(2000)
    tab.locator("button.more").click()
    expect(tab.locator(".chip")).to_have_count(2300)


def test_missing_values_do_not_stop_a_view(sheet: Any, tmp_path: Path) -> None:
    view = sheet()
    tokens = RECORDS["tokens"] | {"round_trip": None, "vocab_size": None, "sample": None, "bytes": None}
    generation = RECORDS["generation"] | {"alternatives": [], "seed": None, "logprobs": [None] * 22}
    training = RECORDS["training"] | {"floor": None, "final_floor": None, "floor_label": None, "validation": []}
    machine = RECORDS["architecture"] | {"kv_heads": None, "context": None, "flops_per_token": None, "dtype": None}
    places = RECORDS["map"] | {"explained": None}
    tab = view.open(tmp_path / "page.html", [tokens, generation, training, machine, places])
    assert view.problems == []
    assert tab.locator(".problem").count() == 0
    assert tab.locator("main").evaluate("(node) => /NaN|undefined|null/.test(node.textContent)") is False


def test_a_broken_record_is_shown_as_it_stands_beside_sound_ones(sheet: Any, tmp_path: Path) -> None:
    tab = sheet().open(tmp_path / "page.html", [{"schema": "cutaway.score/1", "tokens": None}, RECORDS["model"]])
    assert "can't be drawn" in tab.locator(".problem").inner_text()
    assert tab.locator("figure.view").count() == 2


def test_the_theme_button_goes_round(sheet: Any, tmp_path: Path) -> None:
    tab = sheet(color_scheme="dark").open(tmp_path / "page.html", [RECORDS["attention"]])
    for chosen, theme in (("auto", "dark"), ("light", "light"), ("dark", "dark"), ("auto", "dark")):
        expect(tab.locator("button.theme")).to_have_text(f"Theme: {chosen}")
        expect(tab.locator("html")).to_have_attribute("data-theme", theme)
        tab.locator("button.theme").click()


CONTRAST = """() => {
  const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const bright = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const c = parse(getComputedStyle(node).backgroundColor);
      if (c.length < 4 || c[3] > 0.99) return c;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const node of document.querySelectorAll('main *')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || node.closest('svg') || !node.getClientRects().length) continue;
    const [a, b] = [parse(getComputedStyle(node).color), behind(node)].map(bright).sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${node.className} ${node.textContent.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_in_both_themes(sheet: Any, tmp_path: Path, theme: str) -> None:
    shades = samples.score()
    for i, token in enumerate(shades["tokens"]):
        token["surprisal_bits"] = 1.4 * i
    others = ["tour", "classification", "models", "embeddings", "neighbours in contexts", "map of records"]
    tab = sheet(color_scheme=theme).open(tmp_path / "page.html", [shades, *(RECORDS[name] for name in others)])
    assert tab.evaluate(CONTRAST) == []


def test_a_tour_is_a_lesson_with_contents_and_lines_to_repeat(sheet: Any, tmp_path: Path) -> None:
    view, record = sheet(), RECORDS["tour"]
    tab = view.open(tmp_path / "page.html", [record])
    assert tab.locator("h1").inner_text() == f"Inside {record['model']}"
    assert "134,515,008" in tab.locator("header.block").inner_text()
    assert tab.locator("section.lesson h2").all_inner_texts() == [section["title"] for section in record["sections"]]
    assert tab.locator("section#score figure.view").count() == 2
    assert ". .venv/bin/activate" in tab.locator("#lesson > p").inner_text()  # how the shell finds the command
    tab.keyboard.press("Tab")
    assert tab.evaluate("() => document.activeElement.textContent") == "Skip to the lesson"
    tab.locator(".toc a").nth(3).press("Enter")
    tab.wait_for_function("() => location.hash === '#score'")
    tab.wait_for_function("() => Math.abs(document.getElementById('score').getBoundingClientRect().top) < 120")
    expect(tab.locator(".toc a[aria-current]")).to_have_text("4 What the model expects", use_inner_text=True)
    assert tab.locator("section#score .again pre").all_inner_texts()[1] == record["sections"][3]["shell"]
    copy = tab.locator("section#score .again button").first
    copy.click()
    expect(copy).not_to_have_text("Copy")


def test_a_notebook_frame_grows_to_its_page(sheet: Any, tmp_path: Path) -> None:
    view, path = sheet(), tmp_path / "cell.html"
    path.write_text(f"<!doctype html><meta charset=utf-8>{notebook([RECORDS['architecture']])}", encoding="utf-8")
    view.tab.goto(path.as_uri())
    view.tab.wait_for_function("""() => {
      const frame = document.querySelector('iframe'), { body } = frame.contentDocument;
      const inside = body.getBoundingClientRect().height;
      return inside > 300 && Math.abs(frame.getBoundingClientRect().height - inside - 4) <= 2;
    }""")
    assert view.tab.frames[1].locator(".part.leaf").count() > 5
    assert view.problems == []


def test_the_same_files_load_as_modules_over_http(sheet: Any, tmp_path: Path) -> None:
    folder = str(resources.files("cutaway.views").joinpath("static"))
    (tmp_path / "index.html").write_text("<!doctype html><div id=box></div>", encoding="utf-8")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        view = sheet()
        view.tab.goto(f"http://127.0.0.1:{server.server_port}/page.css")
        drawn = """async (records) => {
          const { drawRecords } = await import('/records.js');
          drawRecords(document.body, records);
          return document.querySelectorAll('figure').length;
        }"""
        assert view.tab.evaluate(drawn, [RECORDS["neighbours"]]) == 1
    finally:
        server.shutdown()


def test_a_measure_is_explained_open_where_it_first_stands_and_folded_later(sheet: Any, tmp_path: Path) -> None:
    tab = sheet().open(tmp_path / "page.html", [RECORDS["score"], RECORDS["score"] | {"text": "Another."}])
    boxes = tab.locator("details.meanings")
    assert boxes.evaluate_all("(all) => all.map((box) => box.open)") == [True, False]
    assert "perplexity" in boxes.first.inner_text() and "equally likely tokens" in boxes.first.inner_text()
    boxes.nth(1).locator("summary").press("Enter")
    expect(boxes.nth(1).locator("dd").first).to_be_visible()


def test_formulas_are_elements_and_a_price_is_no_formula(sheet: Any, tmp_path: Path) -> None:
    section = RECORDS["tour"]["sections"][0] | {
        "paragraphs": ["So $P(t_N | t_1, …, t_{N−1})$ it is; `a_b` costs $5 or $6. $<b>x</b>_1$"]
    }
    view = sheet()
    tab = view.open(tmp_path / "page.html", [RECORDS["tour"] | {"sections": [section]}])
    prose = tab.locator(".prose p")
    assert prose.inner_text() == "So P(tN | t1, …, tN−1) it is; a_b costs $5 or $6. <b>x</b>1"
    assert prose.locator("sub").all_inner_texts() == ["N", "1", "N−1", "1"]
    assert prose.locator("b").count() == 0 and view.problems == []


@pytest.mark.parametrize("width", [1300, 390])
def test_prose_stands_beside_its_figure_where_there_is_room_and_no_page_scrolls_sideways(
    sheet: Any, tmp_path: Path, width: int
) -> None:
    tab = sheet(viewport={"width": width, "height": 900}).open(tmp_path / "page.html", [RECORDS["tour"]])
    prose, results = (tab.locator(f"section.lesson {one}").first.bounding_box() for one in (".prose", ".results"))
    beside = prose["x"] + prose["width"] < results["x"]
    assert beside is (width > 1100)
    assert tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    if width == 390:
        bar, later = tab.locator(".toc ol"), tab.get_by_role("button", name="Later sections")
        expect(bar).to_have_attribute("data-more", re.compile("right"))
        later.click()
        tab.get_by_role("button", name="Earlier sections").wait_for()


def test_a_table_that_scrolls_shows_it_until_its_end(sheet: Any, tmp_path: Path) -> None:
    tab = sheet(viewport={"width": 390, "height": 900}).open(tmp_path / "page.html", [RECORDS["models"]])
    box = tab.get_by_role("region", name="Table").first
    expect(box).to_have_attribute("data-more", re.compile("right"))
    box.focus()
    box.evaluate("(node) => { node.scrollLeft = node.scrollWidth; }")
    expect(box).not_to_have_attribute("data-more", re.compile("right"))


def test_predicted_texts_and_labels_keep_their_spaces(sheet: Any, tmp_path: Path) -> None:
    record = samples.prediction("classes")
    record["records"][0]["label"] = record["labels"][0] = "not good"
    tab = sheet().open(tmp_path / "page.html", [record])
    assert tab.locator(".bars .name").all_inner_texts() == ["A dull film.", "Lovely!", "Well."]
    assert tab.locator(".bars .value").first.inner_text() == "not good 90.0 %"
    assert "p(not good)" in tab.locator("thead").first.inner_text()
