"""The same lines from the same code on a terminal, in a pipe, in an executed notebook, and in what nbconvert makes."""

from __future__ import annotations

import html
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
pty = pytest.importorskip("pty")

CODE = """\
from cutaway import get_logger

for name in ("basic", "rich", "lab"):
    print("-" * 80, f"logger {name}", sep="\\n")
    logger = get_logger(name)
    for i in range(20):
        logger.info(f"i: {i}")
    logger.warning("a message\\nof two lines, \\x1b[31mone in red, and\\rone that goes back, " + "long " * 40)
"""
LINES = [
    *(f"I cell:7 i: {i}" for i in range(20)),
    r"W cell:8 a message\nof two lines, \x1b[31mone in red, and\rone that goes back, " + "long " * 40,
] * 3
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} ")
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def logged(text: str) -> list[str]:
    """The log lines of a text, without their time stamps, once each has been found to begin with one."""
    lines = [line for line in text.splitlines() if not re.match(r"-{80}$|logger \w+$", line)]
    assert all(STAMP.match(line) for line in lines)
    return [STAMP.sub("", line) for line in lines]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The same code as a program whose file is called like a cell."""
    path = tmp_path / "cell.py"
    path.write_text(CODE)
    return path


@pytest.mark.usefixtures("kernel")
def test_a_notebook_and_what_is_made_of_it_show_the_lines(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=300).execute()
    outputs = notebook.cells[0].outputs

    # Text and nothing else: no display data, no HTML, no result. What is printed goes to the other stream.
    assert {output.output_type for output in outputs} == {"stream"}
    said = {name: "".join(o.text for o in outputs if o.name == name) for name in ("stdout", "stderr")}
    assert logged(said["stderr"]) == LINES
    assert said["stdout"] == "".join(f"{'-' * 80}\nlogger {name}\n" for name in ("basic", "rich", "lab"))
    assert not re.search(r"[\r\x1b\b]", said["stderr"])

    stamped = said["stderr"].splitlines()
    markdown, _ = nbconvert.MarkdownExporter().from_notebook_node(notebook)
    page, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    shown = html.unescape(re.sub(r"<[^>]*>", "", page))
    for text in (markdown, shown):
        assert [line.strip() for line in text.splitlines() if STAMP.match(line.strip())] == [
            line.strip() for line in stamped
        ]
    again = tmp_path / "again.ipynb"  # as `jupyter nbconvert --execute --to notebook` leaves it
    nbformat.write(notebook, again)
    assert "".join(o.text for o in nbformat.read(again, 4).cells[0].outputs if o.name == "stderr") == said["stderr"]


def test_a_pipe_shows_the_lines(script: Path) -> None:
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, env=os.environ)
    assert logged(run.stderr) == LINES


def test_a_terminal_shows_the_lines(script: Path) -> None:
    """A narrow one: it has colours, and a line is not cut or wrapped by us."""
    text = on_terminal([sys.executable, str(script)])
    assert COLOUR.search(text)
    assert logged(COLOUR.sub("", text)) == LINES


@pytest.mark.parametrize(
    ("options", "shown"),
    [([], r"\d\d:\d\d:\d\d hello\n"), (["-v"], STAMP.pattern + r"I cell:7 hello\n")],
    ids=["short", "as everywhere"],
)
def test_the_command_is_short_on_a_terminal(tmp_path: Path, options: list[str], shown: str) -> None:
    script = tmp_path / "cell.py"
    script.write_text(
        "import sys\nfrom cutaway import get_logger\nfrom cutaway.cli import main\n"
        f"sys.argv = ['cutaway', 'plan', '--device', 'h100', *{options}]\nmain()\n"
        "print('=' * 9, file=sys.stderr)\nget_logger('mine').info('hello')\n"
    )
    text = COLOUR.sub("", on_terminal([sys.executable, str(script)]))
    assert re.fullmatch(shown, text.rpartition("=" * 9 + "\n")[2])


def on_terminal(command: list[str]) -> str:
    """What a command writes to a terminal of 40 columns."""
    master, slave = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "40"}
    with subprocess.Popen(command, stdout=slave, stderr=slave, stdin=slave, env=env) as run:
        os.close(slave)
        written = bytearray()
        while chunk := _read(master):
            written += chunk
    os.close(master)
    assert run.returncode == 0, written.decode()
    return written.decode().replace("\r\n", "\n")  # the terminal's own line ends


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the last writer is gone
        return b""
