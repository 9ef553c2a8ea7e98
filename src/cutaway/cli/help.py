"""How --help looks: options in sections, and a summary of each command that ends where its first sentence ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import click

from cutaway.cli.completion_values import complete_values
from cutaway.cli.respell import respell
from cutaway.errors import CutawayError

FEW = 10  # options that need no sections

_SECTIONS: Mapping[str, Sequence[str]] = {
    "Input": (
        "--file", "--truncate", "--skip-bad", "--record", "--format", "--column", "--label-column",
        "--rename-duplicates", "--chat", "--system",
    ),
    "Model": (
        "--model", "--tier", "--batch-size", "--revision", "--device", "--dtype", "--trust-remote-code", "--offline",
    ),
    "Output": ("--output", "--json", "--force", "--quiet", "--verbose", "--debug", "--help"),
}  # fmt: skip

GENERATING: Mapping[str, Sequence[str]] = {
    "Sampling": (
        "--temperature", "--top-k", "--top-p", "--min-p", "--repetition-penalty", "--presence-penalty",
        "--num-return-sequences", "--seed",
    ),
    "Length": ("--max-new-tokens", "--min-new-tokens", "--stop"),
    "Beams": ("--num-beams", "--length-penalty"),
    "Why each token was chosen": ("--trace", "--alternatives"),
}  # fmt: skip
"""The sections of commands that generate text."""


class Command(click.Command):
    """A command whose --help groups its options, and whose errors name its options.

    `sections` are the titles of the command's own groups, each with the long names of its options. Options that belong
    to every command alike have groups of their own; all others come first.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = dict(sections or {})
        taken = {name for names in own.values() for name in names}
        shared = {title: [name for name in names if name not in taken] for title, names in _SECTIONS.items()}
        self.sections = {title: [*own.get(title, ()), *shared.get(title, ())] for title in own | shared}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; errors name this command's options."""
        with self._errors_name_options():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors name this command's options."""
        with self._errors_name_options():
            return super().invoke(ctx)

    @contextlib.contextmanager
    def _errors_name_options(self) -> Iterator[None]:
        try:
            yield
        except CutawayError as error:
            error.message = respell(error.message, self.params)
            error.hint = error.hint and respell(error.hint, self.params)
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section, each section in the order of its names."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option) and not param.hidden]
        if len(options) <= FEW:
            super().format_options(ctx, formatter)
            return
        named = {name: option for option in options for name in option.opts}
        taken = {name for names in self.sections.values() for name in names}
        rest = [option for option in options if not taken & set(option.opts)]
        groups = {"Options": rest} | {
            title: [named[name] for name in names if name in named] for title, names in self.sections.items()
        }
        for title, members in groups.items():
            if records := [record for option in members if (record := option.get_help_record(ctx)) is not None]:
                with formatter.section(title):
                    formatter.write_dl(records)


class Group(click.Group):
    """A group that lists its commands in the order they are added, each with its first sentence, whole.

    `sections` are titles, each with the names of the commands below it; without them there is one list.
    """

    command_class = Command
    second_names: ClassVar[Mapping[str, str]] = {"fill-mask": "fill"}  # that --help does not list
    sections: Mapping[str, Sequence[str]] | None = None

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, with values that the Tab key completes."""
        complete_values(cmd.params, self.name or "")
        super().add_command(cmd, name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, or of this second name."""
        return super().get_command(ctx, self.second_names.get(cmd_name, cmd_name))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in their order."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands; a sentence that is too long for its line goes on in the next."""
        for title, names in (self.sections or {"Commands": self.list_commands(ctx)}).items():
            with formatter.section(title):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(limit=1000)) for name in names])
