"""The same lines from the same code in a terminal, in an executed notebook, and in the page nbconvert makes of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient")
nbconvert = pytest.importorskip("nbconvert")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

CODE = """\
from cutaway.log import get_logger

for name in ("basic", "rich", "lab"):
    logger = get_logger(name)
    for i in range(20):
        logger.info(f"i: {i}")
"""
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} ")


@pytest.mark.usefixtures("kernel")
def test_a_notebook_shows_the_lines_of_a_terminal(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=300).execute()
    outputs = notebook.cells[0].outputs

    # Text and nothing else: no display data, no HTML, no result.
    assert {(output.output_type, output.get("name")) for output in outputs} == {("stream", "stderr")}
    text = "".join(output.text for output in outputs)
    assert "\r" not in text
    assert "\x1b" not in text
    lines = text.splitlines()
    assert all(STAMP.match(line) for line in lines)
    assert [STAMP.sub("", line) for line in lines] == [f"I cell:6 i: {i}" for _ in range(3) for i in range(20)]

    # The same code as a program whose file is called like a cell.
    script = tmp_path / "cell.py"
    script.write_text(CODE)
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, env=os.environ)
    assert run.stdout == ""
    assert STAMP.sub("", run.stderr) == STAMP.sub("", text)

    page, _ = nbconvert.MarkdownExporter().from_notebook_node(notebook)
    assert [line.strip() for line in page.splitlines() if STAMP.match(line.strip())] == lines
