"""Every notebook is executed, offline, in an empty folder: no cell fails, and nothing warns.

`pytest tests/real/test_notebooks.py -rP` shows the seconds that each took.
"""

import re
import resource
import time

import pytest

from cutaway.models import SHELF, cache
from cutaway.models.datasets import DATASETS
from cutaway.models.shipped_models import shipped
from tests.unit.test_notebook_files import BUILD

nbclient = pytest.importorskip("nbclient")

NIGHTLY = {"02_tokens_and_embeddings", "05_generation", "07_train_save_share", "09_laptop_to_cluster"}  # the longest
LONGEST = 100  # seconds of processor time: nine notebooks take at most 15 minutes
PROGRESS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} [DI] ")  # a line of the log; warnings have a W


def absent(name):
    """Return what to type for a model or data set that a notebook uses and this machine lacks, or nothing."""
    if name in SHELF:
        return "" if cache.record(f"{name}-{SHELF[name].version}") else f"cutaway models get {name}"
    if name in DATASETS:
        package = DATASETS[name].package
        key = f"{name}-{package.version}" if package else name
        return "" if cache.record(key, "data") else f"cutaway data get {name}"
    return "" if shipped(name) else f"{name} is not in this tree"


def uses(cells):
    [named] = re.findall(r"^Uses: (.*?)(?:\n\n|\Z)", cells[0].source, re.MULTILINE | re.DOTALL)
    return re.findall(r"`([\w-]+)`", named)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize(
    "source",
    [
        pytest.param(source, id=source.stem, marks=[pytest.mark.nightly] if source.stem in NIGHTLY else [])
        for source in BUILD.sources()
    ],
)
def test_a_notebook_runs(source, tmp_path):
    notebook = BUILD.notebook(source)
    used = uses(notebook.cells)
    if missing := [needed for name in used if (needed := absent(name))]:
        pytest.skip("; ".join(missing))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    named = {name for cell in code for name in re.findall(r"[\"'/]([\w-]+)[\"']", cell.source)}
    assert named & (set(SHELF) | set(DATASETS)) <= set(used), "the first cell names all that is used"
    folder = tmp_path / "work"
    folder.mkdir()
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    client = nbclient.NotebookClient(
        notebook, kernel_name="python3", timeout=900, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{source.stem}: {time.perf_counter() - started:.0f} s, {took:.0f} s of processor time")
    for cell in code:
        for output in cell.outputs:
            said = output.get("text", "") if output.get("name") == "stderr" else ""
            assert [line for line in said.splitlines() if not PROGRESS.match(line)] == [], cell.source
    assert sum(len(cell.outputs) > 0 for cell in code) >= len(code) - 2  # a cell shows something
    assert took <= LONGEST
