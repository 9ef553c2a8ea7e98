"""docs/reference/ says what the code says: it is made by docs/generate.py, and is not stale."""

import dataclasses
import importlib
import re
import sys
from pathlib import Path

import pytest

from cutaway.result import Result
from cutaway.saved_results import _ROOMS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generate():
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module("generate")
    finally:
        sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def pages(generate):
    return generate.pages()


def test_the_reference_is_not_stale(pages):
    stale = [path.name for path, text in pages.items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run: python docs/generate.py"
    assert set(pages) == set((DOCS / "reference").glob("*.md"))


def test_headings_are_unique(generate, pages):
    for path, text in pages.items():
        plain = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        headings = re.findall(r"^#+ (.+)$", plain, re.MULTILINE)
        assert len(headings) > 30 and len(set(map(generate.anchor, headings))) == len(headings), path


def test_every_command_has_its_examples_and_options(pages):
    [page] = [text for path, text in pages.items() if path.name == "commands.md"]
    sections = re.findall(r"^## (cutaway .+?)\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    assert len(sections) > 35
    for words, section in sections:
        verb = "Commands: [" not in section
        assert ("```console\n$ " in section) == verb, words
        assert ("`--help`" in section) == verb, words
    assert not re.search(r"^Examples?:|\x08|`[^`\n]*\\\|", page, re.MULTILINE)


def test_json_keys_are_those_that_results_have(pages):
    """The page is read from the source; here the classes themselves are asked."""
    [page] = [text for path, text in pages.items() if path.name == "json.md"]
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^##)", page, re.DOTALL | re.MULTILINE))
    rooms = [importlib.import_module(f"cutaway.{name}") for name in _ROOMS]
    exported = [getattr(room, name) for room in rooms for name in room.__all__]
    results = {one for one in exported if isinstance(one, type) and issubclass(one, Result)} - {Result}
    assert {one.__name__ for one in results} == set(sections) and len(results) > 35
    for one in results:
        keys = [field.name for field in dataclasses.fields(one) if field.metadata.get("json", True)]
        section = sections[one.__name__]
        assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == ["schema", *keys]
        assert f"`cutaway.{one.schema}/1`" in section
        assert set(one.formats) == set(re.findall(r"`(\.\w+)`", section.partition("saved as")[2].partition(".\n")[0]))


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("total_bits", "bits"), ("bits_a", "bits"), ("bits_per_byte", "bits a byte"), ("logprobs", "nats"),
        ("wild_logprobs", "nats"), ("final_loss", "nats"), ("bytes", "bytes"), ("step_seconds", "seconds"),
        ("bytes_per_token", ""), ("loss_of_heads", ""), ("perplexity", ""), ("flops_per_token", "operations a token"),
    ],
)  # fmt: skip
def test_a_unit_comes_from_the_name(generate, name, unit):
    assert sys.modules["json_reference"].unit(name) == unit
