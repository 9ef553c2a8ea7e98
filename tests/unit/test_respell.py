"""Errors name Python parameters; the command line spells them as the options of the command that failed."""

import click
import pytest

from cutaway import errors
from cutaway.cli import cli, main
from cutaway.cli.help import Command
from cutaway.cli.respell import respell

OPTIONS = [
    click.Argument(["text"]),
    click.Argument(["files"], nargs=-1, metavar="FILE..."),
    click.Option(["-m", "--model"]),
    click.Option(["-n", "--num-return-sequences"]),
    click.Option(["--truncate"]),
    click.Option(["--chat"], is_flag=True),
    click.Option(["--template/--no-template"]),
    click.Option(["--labels"]),
    click.Option(["--column"], multiple=True),
    click.Option(["--format", "kind"]),
    click.Option(["--max-new-tokens"], type=int),
    click.Option(["--among"], metavar="FILE"),
]


@pytest.mark.parametrize(
    ("python", "shell"),
    [
        ("`truncate='left'` keeps the end", "--truncate left keeps the end"),
        ("leave `max_new_tokens` out", "leave --max-new-tokens out"),
        ("give `chat=True` as well", "give --chat as well"),
        ("give `template=False`", "give --no-template"),
        ("`labels=['a', 'b']`", "--labels a,b"),
        ("`labels=('a b', 'c')`", "--labels 'a b,c'"),
        ("`column=['name CA', 'phi']`", "--column 'name CA' --column phi"),
        ("for example `model='smollm2-135m'`", "for example -m smollm2-135m"),
        ("`num_return_sequences=2`", "-n 2"),
        ("`max_new_tokens=8, chat=True`", "--max-new-tokens 8 --chat"),
        ("`format='fasta'`, or `kind='csv'`", "--format fasta, or --format csv"),
        ("leave it out: `model=None`", "leave it out: -m none"),
        ("`column=NAME`", "--column NAME"),
        ("`among=[…]` or `among=…`", "--among FILE or --among FILE"),
        ("`labels=…`", "--labels …"),
        ('`model="it\'s"`', """-m 'it'"'"'s'"""),
        ("give `text`, or `files`", "give TEXT, or FILE"),
        ("`text='two words'`", "'two words'"),
        ("leave `stop` out: `stop=['a']`", "leave stop out: stop=['a']"),  # not an option of this command
        ("`cutaway heads` has no maps", "`cutaway heads` has no maps"),
        ("`f(chat=True)` and `chat` =", "`f(chat=True)` and --chat ="),
        ("a lone ` and `chat", "a lone ` and `chat"),
        ("nothing", "nothing"),
    ],
)
def test_parameters_become_the_options_of_the_command(python, shell):
    assert respell(python, OPTIONS) == shell


def test_an_error_of_a_command_names_its_options(capsys, monkeypatch):
    def fail():
        raise errors.InputError("`steps` is 0", hint="give `steps=5`, or leave `stop` out")

    steps = click.Option(["-s", "--steps"], expose_value=False)
    monkeypatch.setitem(cli.commands, "walk", Command("walk", params=[steps], callback=fail))
    with pytest.raises(SystemExit) as ended:
        main(["walk"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "cutaway: -s is 0\n  give -s 5, or leave stop out\n"


def test_an_error_of_an_option_names_its_options(capsys, monkeypatch):
    def fail(_ctx, _param, _value):
        raise errors.InputError("`steps=0` is too few")

    steps = click.Option(["--steps"], callback=fail)
    monkeypatch.setitem(cli.commands, "walk", Command("walk", params=[steps], callback=lambda steps: None))
    with pytest.raises(SystemExit):
        main(["walk", "--steps", "0"])
    assert capsys.readouterr().err == "cutaway: --steps 0 is too few\n"
