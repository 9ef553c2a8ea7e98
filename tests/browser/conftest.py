"""One browser for the tests of a file, and pages in it that say what they asked for and complained of."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cutaway.views import page

# Figures of attention are drawn when their data are inflated.
DRAWN = """() => !document.querySelector('[data-schema="cutaway.attention/1"]:not([data-shown]):not(:has(.problem))')"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no chromium on the path")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


class Sheet:
    """A page open in the browser, with what it asked for and what it complained of."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.context = browser.new_context(**options)
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

    def open(self, path: Path, records: list[dict[str, Any]]) -> Any:
        path.write_text(page(records), encoding="utf-8")
        self.tab.goto(path.as_uri())
        self.settle()
        return self.tab

    def settle(self) -> None:
        self.tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 80)))")
        self.tab.wait_for_function(DRAWN, timeout=10000)


@pytest.fixture
def sheet(chromium: Any) -> Iterator[Any]:
    opened: list[Sheet] = []

    def make(**options: Any) -> Sheet:
        opened.append(Sheet(chromium, **options))
        return opened[-1]

    yield make
    for one in opened:
        one.context.close()
