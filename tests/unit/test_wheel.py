"""The wheel that is built from this tree: the models in the package are in it, whole, small enough, and they run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.unit.test_shipped_models import RECORD

ROOT = Path(__file__).parents[2]
SHIPPED = Path("src/cutaway/models/shipped")
IN_WHEEL = "cutaway/models/shipped/"
ONE, ALL = 12_000_000, 60_000_000  # bytes
NEEDED = {"README.md", "config.json", "cutaway.json", "model.safetensors", "tokenizer.json"}
# Models that are not trained yet. Who commits one takes its name out.
AWAITED = {
    "shakespeare-char", "melting-point", "ecoli-letters",
    "ecoli-codons", "proteins", "antimicrobial", "weather-hours", "three-wells",
}  # fmt: skip


def build(tree: Path, to: Path) -> Path:
    """Build the wheel of a tree as its pyproject.toml says, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(to)]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = to.glob("*.whl")
    return wheel


def sizes(wheel: Path) -> dict[str, int]:
    """Return the files of the models in a wheel, and their bytes."""
    with zipfile.ZipFile(wheel) as archive:
        return {entry.filename: entry.file_size for entry in archive.infolist() if entry.filename.startswith(IN_WHEEL)}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, tiny_gpt2: Path) -> Path:
    """A copy of this tree with one more model, so that a wheel always has one to contain."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore", ".gitattributes"):
        shutil.copy(ROOT / name, copy / name)
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    added = shutil.copytree(tiny_gpt2, copy / SHIPPED / "tiny-letters")
    (added / "README.md").write_text("# tiny-letters\n", encoding="utf-8")
    (added / "cutaway.json").write_text(json.dumps(RECORD), encoding="utf-8")
    return copy


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tree, tmp_path_factory.mktemp("dist"))


def test_the_wheel_contains_every_file_of_every_model(tree, wheel):
    files = {path: path.stat().st_size for path in (tree / SHIPPED).rglob("*") if path.is_file()}
    assert sizes(wheel) == {path.relative_to(tree / "src").as_posix(): size for path, size in files.items()}
    assert f"{IN_WHEEL}tiny-letters/model.safetensors" in sizes(wheel)


def test_the_models_of_this_tree_are_whole_and_small():
    sys.path.insert(0, str(ROOT / "recipes"))
    from ship_models import MODELS

    folders = sorted(path for path in (ROOT / SHIPPED).iterdir() if path.is_dir()) if (ROOT / SHIPPED).exists() else []
    assert {folder.name for folder in folders} | AWAITED == set(MODELS)
    assert {folder.name for folder in folders} & AWAITED == set()
    total = 0
    for folder in folders:
        names = {path.name: path.stat().st_size for path in folder.iterdir()}
        assert set(names) >= NEEDED, folder.name
        assert not {"run.json", "checkpoints", "metrics.jsonl"} & set(names), folder.name
        assert sum(names.values()) <= ONE, folder.name
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert re.search(r"(?<![\w.~])/(?:home|root|tmp|work|Users)/", card) is None, folder.name
        for heading in ("## Data", "## Held-out measures", "## What it can't do"):
            assert heading in card, (folder.name, heading)
        total += sum(names.values())
    assert total <= ALL


def test_a_model_runs_from_the_unpacked_wheel(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    own = {"PYTHONPATH": str(tmp_path / "site"), "CUTAWAY_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}

    def cutaway(*arguments: str) -> dict[str, object]:
        command = [sys.executable, "-m", "cutaway", *arguments, "--json"]
        done = subprocess.run(
            command, env={**os.environ, **own}, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found

    assert cutaway("models", "info", "tiny-letters")["path"] == str(tmp_path / "site" / IN_WHEEL / "tiny-letters")
    assert cutaway("generate", "the animal", "-m", "tiny-letters", "--max-new-tokens", "4")["model"] == "tiny-letters"


def test_weights_have_no_lines_for_git():
    names = [SHIPPED / "a-model" / name for name in ("model.safetensors", "README.md", "tokenizer.json")]
    command = ["git", "check-attr", "binary", "diff", "--", *map(str, names)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    said = dict(line.rsplit(": ", 1) for line in done.stdout.splitlines())
    assert [said[f"{name}: binary"] for name in names] == ["set", "unspecified", "unspecified"]
    assert [said[f"{name}: diff"] for name in names] == ["unset", "unspecified", "unset"]
