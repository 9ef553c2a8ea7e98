"""The notebooks as files: current, whole, and with the same first cell; tests/real/test_notebooks.py executes them."""

import ast
import importlib.util
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytest.importorskip("jupytext")
nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"


def builder():
    spec = importlib.util.spec_from_file_location("notebooks_build", FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = builder()
SOURCES = [pytest.param(source, id=source.stem) for source in BUILD.sources()]


@pytest.mark.parametrize("source", SOURCES)
def test_the_built_notebook_is_current_and_has_no_outputs(source):
    written = source.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert written == BUILD.text(source), "run: python notebooks/build.py"
    read = nbformat.reads(written, as_version=4)
    assert all(not cell.outputs and cell.execution_count is None for cell in read.cells if cell.cell_type == "code")


def test_every_built_notebook_has_a_source():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == {source.stem for source in BUILD.sources()}


def test_building_twice_gives_the_same_bytes_and_equal_cells_are_refused(tmp_path):
    source = tmp_path / "00_a.py"
    source.write_text("# %% [markdown]\n# # A $t_1$\n#\n# b\n\n# %%\nx = 1\n\n\n# %%\nx + 1\n", encoding="utf-8")
    once, cells = BUILD.text(source), BUILD.notebook(source).cells
    assert once == BUILD.text(source)
    assert [cell.source for cell in cells] == ["# A $t_1$\n\nb", "x = 1", "x + 1"]
    source.write_text("# %% [markdown]\n# new\n\n" + source.read_text(encoding="utf-8"), encoding="utf-8")
    assert [cell.id for cell in BUILD.notebook(source).cells][1:] == [cell.id for cell in cells]
    source.write_text("# %%\nx = 1\n\n# %%\nx = 1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="equal"):
        BUILD.text(source)


@pytest.mark.parametrize("source", SOURCES)
def test_a_notebook_has_what_every_notebook_has(source):
    cells = BUILD.notebook(source).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    first, last = cells[0].source, cells[-1].source
    assert re.match(rf"# {int(source.stem[:2])} · \w", first)
    assert re.search(r"^Uses: (`[\w-]+`(, | and )?)*", first, re.MULTILINE)
    assert 12 <= len(cells) <= 30
    assert prose.count("**Guess first.**") >= 4
    assert last.count("<details><summary>Hint</summary>") == last.count("</details>") >= 2
    assert re.search(r"`cutaway homework start [\w-]+ --name", last)
    for cell in cells:
        if cell.cell_type == "code":
            ast.parse(cell.source)


def test_every_task_of_the_homework_is_named_by_its_notebook_and_by_no_other():
    from cutaway.lessons.homework.tasks import TASKS

    named = {
        name: int(source.stem[:2])
        for source in BUILD.sources()
        for name in re.findall(r"cutaway homework start ([\w-]+)", BUILD.notebook(source).cells[-1].source)
    }
    assert named == {task.name: task.notebook for task in TASKS.values()}


def first_code(source):
    return next(cell.source for cell in BUILD.notebook(source).cells if cell.cell_type == "code")


def test_the_first_code_cell_is_the_same_everywhere():
    assert len({first_code(source) for source in BUILD.sources()}) == 1


@pytest.mark.nightly
def test_the_first_cell_installs_cutaway_from_a_wheel_beside_the_notebook(tmp_path):
    """In an environment that has everything but cutaway, without a network."""
    done = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(done, cwd=ROOT, check=True, capture_output=True)
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / "bin" / "python"
    show = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", show], check=True, capture_output=True, text=True).stdout.strip())
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "cutaway" not in entry.name:
            (site / entry.name).symlink_to(entry)
    cell = first_code(BUILD.sources()[0])
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {"PATH": "/usr/bin:/bin", "PIP_NO_INDEX": "1", "HOME": str(tmp_path)}

    def run(folder):
        return subprocess.run(
            [python, "-c", cell], cwd=folder, env=environment, check=False, capture_output=True, text=True
        )

    told = run(empty)
    assert told.returncode == 1 and told.stderr.startswith("Put the file cutaway-")
    installed = run(tmp_path)
    assert installed.returncode == 0, installed.stderr
    assert installed.stdout.startswith("cutaway ")
    again = run(empty)
    assert (again.returncode, again.stdout) == (0, installed.stdout)
