"""What --help shows of every command: whole summaries, options in sections, and the options that all have in common."""

import json
import re

import click
import pytest

from cutaway.cli import cli
from cutaway.cli.help import FEW, Command
from tests.unit.commands import run


def commands(group=cli, words=()):
    """Yield every command of the tree with the words that call it."""
    for name, command in group.commands.items():
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))


VERBS = [(words, command) for words, command in commands() if not isinstance(command, click.Group)]
VERB_IDS = [" ".join(words) for words, _ in VERBS]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_summary_is_cut(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    groups = [((), cli), *((words, one) for words, one in commands() if isinstance(one, click.Group))]
    assert len(groups) == 5
    for words, group in groups:
        code, out, _ = run(capsys, *words, "--help")
        shown = " ".join(out.partition("Show this message and exit.")[2].split())
        assert code == 0 and "..." not in shown
        for name, command in group.commands.items():
            sentence = re.match(r".+?(?:\.(?=\s|$)|$)", " ".join(command.help.split()))[0].rstrip(".")
            assert f"{name} {sentence}" in shown


@pytest.mark.parametrize(("words", "command"), VERBS, ids=VERB_IDS)
def test_options_stand_in_sections(capsys, words, command):
    assert isinstance(command, Command)
    code, out, _ = run(capsys, *words, "--help")
    told = out.partition("Example")[2]
    sections = re.findall(r"^([A-Z][\w ]+):$", told, re.MULTILINE)
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    assert code == 0 and len(set(sections)) == len(sections)
    assert ("Output" in sections) == (len(options) + 1 > FEW)
    for option in options:  # each once, and with a help of its own
        assert len(re.findall(rf"^  (?:-\w, )?{re.escape(option.opts[-1])}\b(?!-)", told, re.MULTILINE)) == 1
        assert option.help


def test_generate_and_sweep_group_what_they_share_alike(capsys):
    for verb in ("generate", "sweep"):
        _, out, _ = run(capsys, verb, "--help")
        parts = re.split(r"^(Sampling|Length|Model|Input|Output):$", out, flags=re.MULTILINE)
        told = dict(zip(parts[1::2], parts[2::2], strict=True))
        assert {"Sampling", "Length", "Model", "Input", "Output"} == set(told)
        for section, names in {
            "Sampling": "--temperature --top-k --top-p --min-p --num-return-sequences --seed",
            "Length": "--max-new-tokens", "Model": "--model --tier --dtype", "Input": "--file --chat",
            "Output": "--output --json",
        }.items():  # fmt: skip
            assert all(name in told[section] for name in names.split())


@pytest.mark.parametrize(("words", "command"), VERBS, ids=VERB_IDS)
def test_what_prints_a_result_takes_the_common_options(words, command):
    if words == ("completion",):
        return  # it prints a script for a shell, not a result
    names = {name for option in command.params for name in option.opts}
    assert {"--debug", "--quiet", "--json", "--verbose"} <= names


def test_models_card_and_rm_print_json(capsys, tmp_path, tiny_gpt2, monkeypatch):
    code, out, _ = run(capsys, "models", "card", tiny_gpt2, "--json")
    assert code == 0 and json.loads(out)["card"].startswith("# ") and json.loads(out)["schema"] == "cutaway.card/1"
    monkeypatch.setenv("CUTAWAY_HOME", str(tmp_path))
    held = tmp_path / "models" / "mine-1"
    held.mkdir(parents=True)
    (held / "cutaway.json").write_text(
        json.dumps({"name": "mine-1", "kind": "decoder", "source": "x", "licence": None})
    )
    size = sum(path.stat().st_size for path in held.iterdir())
    code, out, err = run(capsys, "models", "rm", "mine-1", "--json", "-q")
    assert (code, err, held.exists()) == (0, "", False)
    assert json.loads(out) == {"schema": "cutaway.removed/1", "name": "mine-1", "bytes": size}
