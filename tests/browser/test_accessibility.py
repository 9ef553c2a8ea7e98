"""axe-core on every view in both themes: nothing serious, nothing critical."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser import samples

pytestmark = pytest.mark.browser

RECORDS = samples.every() | {
    "tokens and their merges": samples.merged(),
    "tokens of a series": samples.numbered(),
    "tokens of time steps": samples.visited(),
    "a traced generation": samples.traced(),
    "attention of both directions": samples.bidirectional(),
    "attention of a translation": samples.translated(),
    "attention of generated tokens": samples.attention(6, 4, generated=5),
    "attention, pooled": samples.attention(6, 4, samples.long_text(512), pool=16),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", sorted(RECORDS))
def test_axe_finds_nothing_serious(sheet: Any, tmp_path: Path, name: str, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    view = sheet(color_scheme=theme, reduced_motion="reduce")
    tab = view.open(tmp_path / "page.html", [RECORDS[name]])
    found = axe.Axe().run(tab).response["violations"]
    serious = [
        f"{one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
