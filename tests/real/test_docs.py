"""Every command in the README and in --help is run, and so is the README's Python."""

import re
import subprocess
from pathlib import Path

import click
import pytest

from cutaway.cli import GREETING, cli
from cutaway.models import SHELF, cache
from cutaway.models.datasets import DATASETS
from cutaway.models.shipped_models import shipped
from tests.real.shell import execute
from tests.unit.test_wheel import AWAITED

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def readme_commands():
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith(("cutaway ", "printf ", "cp "))]


# Their examples take half a minute or more; README, docs and tests of their own run much the same.
NIGHTLY = {"tour", "neighbours", "compare", "sweep", "models merge", "map", "finetune"}


def help_examples():
    commands = [(name, command) for name, command in cli.commands.items() if not isinstance(command, click.Group)]
    groups = [(name, group) for name, group in cli.commands.items() if isinstance(group, click.Group)]
    commands += [(f"{group} {name}", command) for group, of in groups for name, command in of.commands.items()]
    found = []
    for name, command in commands:
        lines = [line.strip() for line in command.help.split("Example")[1].splitlines()[1:] if line.strip()]
        found.append(pytest.param(lines, id=name, marks=[pytest.mark.nightly] if name in NIGHTLY else []))
    return found


# Models of the package that the examples of a command need.
IN_PACKAGE = {
    "classify": ("movie-sentiment",),
    "forecast": ("weather-days", "weather-hours"),
    "predict": ("melting-point", "antimicrobial", "movie-sentiment"),
    "translate": ("english-french",),
}


def missing(line):
    """Return what of the shelves a command needs beyond the three models that every test may count on."""
    for verb, names in IN_PACKAGE.items():
        absent = [name for name in names if shipped(name) is None]
        if absent and f"cutaway {verb} " in line and "--labels" not in line:
            return absent[:1]
    return not_downloaded(line)


def not_downloaded(line):
    """Return what a command needs of models and data that are downloaded."""
    words = line.split()
    if "data get " in line:
        keys = {name: DATASETS[name] for name in re.findall(r"[\w-]+", line.split("data get ")[1]) if name in DATASETS}
        versions = {name: entry.package.version if entry.package else "" for name, entry in keys.items()}
        return [n for n, v in versions.items() if cache.record(f"{n}-{v}" if v else n, "data") is None]
    if absent := [name for name in AWAITED if name in words]:
        return absent[:1]
    named = [name for name in SHELF if name in words] + (["antiberty"] if words[1] in ("mutate", "contacts") else [])
    return [name for name in named[:1] if cache.record(f"{name}-{SHELF[name].version}") is None]


@pytest.fixture  # empty: every line makes the files that it needs, or a line above it does
def folder(tmp_path, monkeypatch, smollm2, minilm, gpt2_vocab):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("line", re.findall(r"^  (cutaway .+)", GREETING, re.MULTILINE))
def test_the_greeting_says_what_works(folder, line):
    if wanted := missing(line):
        pytest.skip(f"{wanted[0]} is not in the package")
    execute(line)


def test_readme_commands_in_order(folder):
    commands = readme_commands()
    assert len(commands) >= 10
    for line in commands:
        if not missing(line):
            execute(line)


def test_readme_python(folder):
    for block in blocks("python"):
        exec(block, {})
    assert (folder / "attention.html").stat().st_size > 50_000


def code_blocks(page):
    return re.findall(r"```(sh|python)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=page.stem) for page in sorted((ROOT / "docs").rglob("*.md")) if code_blocks(page)],
)
def test_the_blocks_of_a_page_run_in_order(folder, page):
    lines = [line for language, block in code_blocks(page) if language == "sh" for line in block.splitlines()]
    if absent := sorted({name for line in lines if "cutaway " in line for name in not_downloaded(line)}):
        pytest.skip(f"{', '.join(absent)} is not in the cache")
    names: dict[str, object] = {}  # as in one session of Python
    for language, block in code_blocks(page):
        if language == "python":
            exec(block, names)
        else:
            for line in block.splitlines():
                if line and not line.startswith("#"):
                    execute(line)


def test_readme_make_targets_exist():
    for line in [line for block in blocks("sh") for line in block.splitlines() if line.startswith("make ")]:
        target = line.split("#")[0].split()[1]
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("lines", help_examples())
def test_help_examples_in_order(folder, lines, monkeypatch):
    # The user's own cache is not for a test to empty.
    monkeypatch.setattr("cutaway.models.remove_model", lambda name: len(name))
    wanted = sorted({name for line in lines for name in missing(line)})
    for line in lines:
        if missing(line):
            continue
        execute(line)
        for name in re.findall(r"-o (\S+)", line):
            written = [folder / name, *(folder / name).glob("*")]
            assert sum(path.stat().st_size for path in written if path.is_file()) > 400
    if wanted:
        pytest.skip(f"{', '.join(wanted)} is not in the cache")
