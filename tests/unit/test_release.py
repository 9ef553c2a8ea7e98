"""What names a release says the same everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from cutaway import __version__

ROOT = Path(__file__).parents[2]


def test_the_changelog_begins_with_this_version():
    heads = re.findall(r"^## (\S+) \((unreleased|\d{4}-\d{2}-\d{2})\)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert heads and heads[0][0] == __version__
    released = [date for _, date in heads if date != "unreleased"]
    assert released == sorted(released, reverse=True) and len(set(heads)) == len(heads)


def test_the_citation_names_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == __version__
    assert {"cff-version", "message", "title", "authors", "license"} <= set(cited)
    date = re.search(rf"^## {re.escape(__version__)} \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.M)[1]
    assert str(cited.get("date-released", "unreleased")) == date
