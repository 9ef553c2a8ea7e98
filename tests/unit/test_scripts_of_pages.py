"""The JavaScript of the pages stays easy to read; biome checks the rest (`make lint`)."""

from __future__ import annotations

from importlib import resources


def test_scripts_have_at_most_350_lines_of_120_characters() -> None:
    folder = resources.files("cutaway.views").joinpath("static")
    scripts = {
        file.name: file.read_text("utf-8").splitlines() for file in folder.iterdir() if file.name.endswith(".js")
    }
    assert len(scripts) > 40
    assert [name for name, lines in scripts.items() if len(lines) > 350] == []
    assert [f"{name}: {line}" for name, lines in scripts.items() for line in lines if len(line) > 120] == []
