"""One browser for all tests, and windows of it that say what they asked for and complained of."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cutaway.views import page

ROOM = {"width": 1280, "height": 720}

# A page has settled when all its figures have inflated their data and no node has changed for three frames: sizes,
# and drawings that wait for their size, follow each other one frame apart.
SETTLED = """async () => {
  const waiting = [
    '[data-schema="cutaway.attention/1"]:not([data-shown]):not(:has(.problem))',
    '[data-schema="cutaway.contacts/1"]:not([data-shown]):not(:has(.problem))',
    '.duo > .thumbs:empty',
  ].join();
  const until = performance.now() + 30000;
  let changed = false;
  const watch = new MutationObserver(() => { changed = true; });
  watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  for (let quiet = 0; quiet < 3; ) {
    changed = false;
    await new Promise(requestAnimationFrame);
    quiet = changed || document.querySelector(waiting) ? 0 : quiet + 1;
    if (performance.now() > until) throw new Error('the page does not settle');
  }
  watch.disconnect();
}"""
# A folded table is filled by the event of its opening.
UNFOLD = """() => Promise.all([...document.querySelectorAll('details:not([open])')].map((box) => new Promise((done) => {
  box.addEventListener('toggle', done, { once: true });
  box.open = true;
})))"""


class Sheet:
    """A window of the browser, with what it asked for and what it complained of."""

    def __init__(self, browser: Any) -> None:
        self.context = browser.new_context()  # a second tab of a window would hide the first and slow it down
        self.tab = self.context.new_page()
        self.requests: list[str] = []
        self.problems: list[str] = []
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("console", self.heard)
        self.tab.on("pageerror", lambda error: self.problems.append(str(error)))
        self.tab.on("dialog", self.asked)

    def heard(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(message.text)

    def asked(self, dialog: Any) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def prepare(self, viewport: dict[str, int] = ROOM, color_scheme: str = "light", reduced_motion: str = "") -> None:
        self.tab.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion or "no-preference")
        self.tab.set_viewport_size(viewport)
        self.requests.clear()
        self.problems.clear()

    def clear(self) -> None:
        """End the page that is open, and forget what it stored."""
        self.tab.evaluate("() => { try { localStorage.clear(); } catch { /* the page has no storage */ } }")
        self.tab.goto("about:blank")

    def open(self, path: Path, records: list[dict[str, Any]], address: str = "") -> Any:
        path.write_text(page(records), encoding="utf-8")
        self.tab.goto(path.as_uri() + address)
        self.settle()
        return self.tab

    def settle(self) -> None:
        self.tab.evaluate(SETTLED)

    def unfold(self) -> None:
        """Open all that is folded."""
        self.tab.evaluate(UNFOLD)

    def resize(self, width: int, height: int) -> None:
        self.tab.set_viewport_size({"width": width, "height": height})
        self.tab.wait_for_function("(width) => innerWidth === width", arg=width)
        self.settle()


class Browser:
    """A browser whose windows are used again: a new one takes as long as several pages."""

    def __init__(self, program: Any) -> None:
        self.program = program
        self.idle: list[Sheet] = []

    def lend(self, **options: Any) -> Sheet:
        one = self.idle.pop() if self.idle else Sheet(self.program)
        one.prepare(**options)
        return one

    def take(self, one: Sheet) -> None:
        try:
            one.clear()
        except Exception:  # a page that crashed fails its own test only
            one.context.close()
        else:
            self.idle.append(one)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no chromium on the path")
    with api.sync_playwright() as play:
        program = play.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield Browser(program)
        program.close()


@pytest.fixture
def sheet(browser: Browser) -> Iterator[Any]:
    lent: list[Sheet] = []

    def make(**options: Any) -> Sheet:
        lent.append(browser.lend(**options))
        return lent[-1]

    yield make
    for one in lent:
        browser.take(one)
