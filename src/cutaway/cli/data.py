"""cutaway data list, get"""

from __future__ import annotations

import click

from cutaway.cli.common import note, offline_option
from cutaway.cli.help import Group
from cutaway.cli.output import asked, emit, output_options
from cutaway.cli.respell import respell


@click.group("data", cls=Group)
def command() -> None:
    """Example data sets: text, DNA, proteins, molecules, weather, trajectories."""


@command.command("list")
@output_options(".csv")
def list_command() -> None:
    """List the data sets, with licence and citation.

    \b
    Example:
      cutaway data list
    """
    from cutaway.models import list_data
    from cutaway.views import terminal_sequences

    result = list_data()
    emit([result], lambda: terminal_sequences.datasets(result))


@command.command("get")
@click.argument("names", nargs=-1, required=True)
@offline_option
@output_options()
def get_command(names: tuple[str, ...]) -> None:
    """Download data sets and print their folders. Other programs can read these.

    NAMES come from `cutaway data list`. Messages tell how to read the files, their licence and what to cite.

    \b
    Example:
      cutaway data get weather-seattle
    """
    from cutaway.cli.records import command as records  # it reads the data: its options are named
    from cutaway.models import get_data

    results = [get_data(name) for name in names]
    if asked() == (False, None):
        for result in results:
            note(f"{result.name}: read {result.main}, {respell(result.how, records.params)}")
            note(f"  licence: {result.licence}")
            note(f"  cite: {result.citation}")
    emit(results, lambda: "\n".join(result.path for result in results))
