"""cutaway doctor"""

from __future__ import annotations

import click

from cutaway.cli.common import offline_option
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options


@click.command("doctor", cls=Command)
@offline_option
@output_options(".csv")
def command() -> None:
    """Check what this machine offers: processors, GPUs, libraries, ranks, network, disk.

    Each line says what was found and, if something is missing, what to do. Passwords in proxy variables are hidden, so
    the output can go into a bug report. --offline does not ask the package index and the Hugging Face Hub.

    \b
    Examples:
      cutaway doctor
      cutaway doctor --offline --json
    """
    from cutaway.models import doctor
    from cutaway.views import terminal_doctor

    result = doctor()
    emit([result], lambda: terminal_doctor.doctor(result))
