"""Measure the attention page in a browser: bytes, time to the first head and to all heads, a click, nodes, memory.

    python benchmarks/attention_page.py                         # synthetic heads at 128, 512 and 1,024 tokens
    python benchmarks/attention_page.py --model smollm2-135m    # real ones

Prints one JSON object per line. Times are milliseconds since the page was opened; memory is in MB.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.browser import samples

from cutaway.views import page

MADE = 6  # synthetic layers; the other layers repeat them
MARK = "(name) => performance.getEntriesByName(name)[0]?.startTime ?? null"
CLICK = """async ([layer, head]) => {
  const figure = document.querySelector("figure.view"), before = figure.dataset.shown, start = performance.now();
  const box = figure.querySelectorAll(".controls select");
  box[layer === null ? 1 : 0].value = layer === null ? head : layer;
  box[layer === null ? 1 : 0].dispatchEvent(new Event("change"));
  while (figure.dataset.shown === before) await new Promise((done) => setTimeout(done));
  return performance.now() - start;
}"""


def made_up(layers: int, heads: int, size: int) -> dict[str, Any]:
    record = samples.attention(min(layers, MADE), heads, samples.long_text(size), exact=("0.0",))
    stack = record["stacks"][0]
    scores = stack["scores"]
    stack["layers"] = list(range(layers))
    stack["maps"]["data"] = [stack["maps"]["data"][layer % MADE] for layer in range(layers)]
    stack["scores"] = [
        scores[layer % MADE * heads + head] | {"layer": layer} for layer in range(layers) for head in range(heads)
    ]
    return record


def real(model: str, size: int) -> dict[str, Any]:
    import cutaway

    text = "".join(samples.long_text(size))
    while len(cutaway.tokenize(text, model=model).ids) > size:
        text = text[:-1]
    found: dict[str, Any] = cutaway.attention(text, model=model).to_dict()
    return found


def memory(browser: Any) -> float:
    """Return the largest peak of a renderer, in MB."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    peaks = []
    for process in processes:
        if process["type"] == "renderer":
            status = Path(f"/proc/{process['id']}/status").read_text()
            peaks.append(int(status.split("VmHWM:")[1].split()[0]) / 1000)
    return max(peaks)


def measure(record: dict[str, Any], chromium: str) -> dict[str, Any]:
    stack = record["stacks"][0]
    text = page([record])
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        path = Path(folder) / "page.html"
        path.write_text(text)
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1200, "height": 900})
        tab.goto(path.as_uri())
        all_drawn = "() => performance.getEntriesByName('cutaway:all-thumbnails').length"
        tab.wait_for_function(all_drawn, timeout=60000)
        clicks = [tab.evaluate(CLICK, [i, None]) for i in range(1, min(9, len(stack["layers"])))]
        found = {
            "model": record["model"], "layers": len(stack["layers"]), "heads": len(stack["heads"]),
            "tokens": len(stack["keys"]), "page_mb": round(len(text.encode()) / 1e6, 2),
            "script_kb": round(len(text.split('<script type="module">')[1].encode()) / 1e3, 1),
            "load_ms": round(tab.evaluate("() => performance.getEntriesByType('navigation')[0].loadEventEnd")),
            "first_head_ms": round(tab.evaluate(MARK, "cutaway:first-head")),
            "all_heads_ms": round(tab.evaluate(MARK, "cutaway:all-thumbnails")),
            "click_ms": round(median(clicks), 1), "slowest_click_ms": round(max(clicks), 1),
            "nodes": tab.evaluate("() => document.querySelectorAll('*').length"),
            "renderer_mb": round(memory(browser)),
        }  # fmt: skip
        browser.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="use a real model's attention instead of synthetic heads")
    parser.add_argument("--tokens", type=int, nargs="+", default=[128, 512, 1024])
    options = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    for size in options.tokens:
        for layers, heads in [(0, 0)] if options.model else [(30, 9), (12, 12)]:
            record = real(options.model, size) if options.model else made_up(layers, heads, size)
            print(json.dumps(measure(record, chromium)), flush=True)


if __name__ == "__main__":
    main()
