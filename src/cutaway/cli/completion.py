"""cutaway completion"""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from cutaway.cli.common import note
from cutaway.cli.help import Command
from cutaway.errors import InputError

SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
_VARIABLE = "_CUTAWAY_COMPLETE"


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(list(SHELLS)), required=False)
@click.option("--install", is_flag=True, help="Let each new shell of yours do it: changes its start-up file.")
@click.pass_context
def command(ctx: click.Context, shell: str | None, install: bool) -> None:
    """Let the Tab key complete commands, options, models and data sets in SHELL.

    Without --install it prints a script that the shell reads: eval "$(cutaway completion bash)". Without SHELL it takes
    the shell that you use.

    \b
    Example:
      cutaway completion bash > cutaway-completion.sh
    """
    shell = shell or _own_shell()
    if install:
        _install(shell)
    else:
        script = SHELLS[shell](ctx.find_root().command, {}, "cutaway", _VARIABLE)
        click.echo(script.source_template % script.source_vars())


def _own_shell() -> str:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        said = f"the variable SHELL is {os.environ['SHELL']!r}" if name else "the variable SHELL is not set"
        raise InputError(f"{said}, and it is not known how to complete there", hint="name one: cutaway completion bash")
    return name


def _install(shell: str) -> None:
    """Add a line to the start-up file of the shell, unless it is there; fish reads a folder of scripts instead."""
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    file, line = {
        "bash": (Path.home() / ".bashrc", 'eval "$(cutaway completion bash)"'),
        "zsh": (
            Path(os.environ.get("ZDOTDIR") or Path.home()) / ".zshrc",
            'autoload -Uz compinit && compinit && eval "$(cutaway completion zsh)"',
        ),
        "fish": (settings / "fish" / "completions" / "cutaway.fish", "cutaway completion fish | source"),
    }[shell]
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if line in before.splitlines():
        note(f"{file} has the line already")
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as more:
        more.write(f"{'' if before.endswith(chr(10)) or not before else chr(10)}{line}\n")
    note(f"added to {file}: {line}; a new {shell} completes")
