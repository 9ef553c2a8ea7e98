"""The page as text: what is escaped, what the policy lets in, and that the numbers come out as they went in."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cutaway.sequences import read_records, summarize_records
from cutaway.views import notebook, page
from cutaway.views.page import bundle

AWKWARD = "</script><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\u2028\u2029\ud800\x00 中 😀"


def record(**more: Any) -> dict[str, Any]:
    return {"schema": "cutaway.model/1", "name": "tiny", "path": AWKWARD, "bytes": 12, "share": 0.1, **more}


def records_of(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="records">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_records_come_out_of_the_page_as_they_went_in() -> None:
    records = [record(), {"schema": "cutaway.unknown/1", "value": None, "list": [1, 0.25, -1e-300, True]}]
    assert records_of(page(records)) == records


def test_text_in_a_record_can_not_end_its_block() -> None:
    text = page([record()])
    data = text.split('id="records">')[1].split("</script>")[0]
    assert not set("<>&\u2028\u2029") & set(data)
    assert text.count("<script") == 2 and text.count("</script>") == 2
    assert "<img" not in text


def test_a_lone_surrogate_can_still_be_written_as_utf8() -> None:
    text = page([record()], title="lone \ud800 <b>")
    assert text.encode("utf-8")
    assert "<title>lone ? &lt;b&gt;</title>" in text


def test_the_policy_admits_this_style_and_this_script_only() -> None:
    text = page([record()])
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy and policy[1].startswith("default-src 'none';")
    assert "unsafe" not in policy[1]
    for name, pattern in (
        ("style-src", r"<style>(.*?)</style>"),
        ("script-src", r'<script type="module">(.*?)</script>'),
    ):
        inside = re.search(pattern, text, re.DOTALL)
        assert inside
        digest = base64.b64encode(hashlib.sha256(inside[1].encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy[1]


def test_the_page_names_no_address() -> None:
    script = bundle("page").replace("http://www.w3.org/2000/svg", "")
    text = page([]).replace("http://www.w3.org/2000/svg", "")
    for word in (
        "http:",
        "https:",
        "//cdn",
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "innerHTML",
        "eval(",
        "@import",
        "url(http",
    ):
        assert word not in script and word not in text


def test_the_bundle_holds_each_module_once_and_after_those_it_needs() -> None:
    script = bundle("page")
    names = re.findall(r"^const (\w+)_js = ", script, re.MULTILINE)
    assert len(names) == len(set(names)) and names[-1] == "page"
    assert {"draw", "tokens", "architecture", "attention", "tour", "records"} <= set(names)
    assert names.index("draw") < names.index("tokens") < names.index("records")
    assert not re.search(r"^(?:import|export) ", script, re.MULTILINE)


def test_a_page_carries_only_the_views_that_its_records_need() -> None:
    def views(text: str) -> set[str]:
        return set(re.findall(r"^const (\w+)_js = ", text, re.MULTILINE))

    tokens, tour = {"schema": "cutaway.tokens/1"}, {"schema": "cutaway.tour/1", "sections": [{"results": [record()]}]}
    assert {"tokens", "draw", "records"} <= views(page([tokens])) and "attention" not in views(page([tokens]))
    assert {"tour", "lists"} <= views(page([tour])) and not {"attention", "training"} & views(page([tour]))
    assert len(page([tokens])) < 0.5 * len(bundle("page"))


def test_no_numbers_that_json_lacks() -> None:
    with pytest.raises(ValueError, match="JSON"):
        page([record(loss=float("nan"))])


def test_the_title_says_what_the_page_shows() -> None:
    assert "<title>Tokens of gpt2</title>" in page([{"schema": "cutaway.tokens/1", "model": "gpt2"}])
    assert "<title>No records</title>" in page([])
    assert "<title>Mine</title>" in page([record()], title="Mine")


def test_a_notebook_cell_is_a_frame_around_the_same_page() -> None:
    text = notebook([record()])
    assert text
    source = re.fullmatch(
        r'<iframe srcdoc="([^"]*)" title="cutaway" width="100%" height="480" frameborder="0"></iframe>', text
    )
    assert source and html.unescape(source[1]) == page([record()])


def test_what_no_view_draws_is_text_in_a_notebook(tmp_path: Path) -> None:
    """A summary of records holds whole sequences: as a page of its JSON a cell would have all letters of a genome."""
    (tmp_path / "genome.fa").write_text(">one\n" + "ACGT" * 30_000)
    summary = summarize_records(read_records(tmp_path / "genome.fa", "dna"))
    assert summary._repr_html_() is None and summary.first[0]._repr_html_() is None
    assert len(repr(summary)) < 500 and "longest=120000" in repr(summary)
    assert notebook([{"schema": "cutaway.unknown/1"}]) is None and notebook([{}]) is None
    assert notebook([{"schema": "cutaway.unknown/1"}, record()])
