"""A view that is drawn again or erased leaves nothing behind that listens."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

from tests.browser import samples
from tests.browser.conftest import SETTLED

pytestmark = pytest.mark.browser

RECORDS = samples.every()

# Count what listens to the document and the window, and the observers that watch something.
COUNT = """() => {
  window.heard = new Map();
  window.watching = new Set();
  const add = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type, listener, options) {
    if (this === window || this === document) {
      window.heard.set(type, (window.heard.get(type) ?? 0) + 1);
      const gone = () => window.heard.set(type, window.heard.get(type) - 1);
      if (options?.signal) add.call(options.signal, 'abort', gone);
    }
    return add.call(this, type, listener, options);
  };
  for (const name of ['ResizeObserver', 'IntersectionObserver', 'MutationObserver']) {
    const Real = window[name];
    window[name] = class extends Real {
      observe(...args) { window.watching.add(this); super.observe(...args); }
      disconnect() { window.watching.delete(this); super.disconnect(); }
    };
  }
}"""
DRAW = (
    f"async ([records, verb]) => {{ const settled = {SETTLED};"
    + """
  const { drawRecords, eraseRecords } = await import('/records.js');
  if (verb === 'erase') eraseRecords(document.body); else drawRecords(document.body, records);
  await settled();
  const heard = [...window.heard].filter(([, count]) => count > 0).sort();
  return [document.querySelectorAll('.drawing').length, heard, window.watching.size];
}"""
)


@pytest.fixture(scope="module")
def modules() -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None: ...

    folder = str(resources.files("cutaway.views").joinpath("static"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_a_view_drawn_again_listens_once_and_an_erased_one_not_at_all(sheet: Any, modules: str, name: str) -> None:
    tab = sheet().tab
    tab.goto(f"{modules}/page.css")
    tab.evaluate(COUNT)
    first = tab.evaluate(DRAW, [[RECORDS[name]], "draw"])
    assert first[0] > 0
    if name in {"attention", "lens", "sweep", "tour"}:
        assert first[2] > 0  # these watch sizes: the count counts
    assert tab.evaluate(DRAW, [[RECORDS[name]], "draw"]) == first
    assert tab.evaluate(DRAW, [[], "erase"]) == [0, [], 0]
