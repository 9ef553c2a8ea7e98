"""cutaway contacts"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.attention import numbers_from
from cutaway.cli.common import AtLeast, known, load_options, loaded
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.sequence import protein_option, record_option, sequence_from
from cutaway.cli.text_input import text_options


@click.command("contacts", cls=Command)
@text_options
@protein_option
@load_options
@record_option
@click.option(
    "--truth",
    metavar="FILE",
    help="Known contacts to compare with: a structure (.pdb, .cif), a matrix (.npy, .csv), or a text file of pairs.",
)
@click.option(
    "--separation",
    type=AtLeast(1),
    default=6,
    help="Leave out pairs of residues that are fewer than this many positions apart.",
)
@click.option("--no-apc", is_flag=True, help="Do not apply the average product correction (APC).")
@click.option("--layers", metavar="N,N-N", help="Only these layers, for example 7 or 4-7.")
@click.option("--heads", metavar="N,N-N", help="Only these heads of each layer.")
@output_options(".svg", ".png", ".csv", ".npz")
def command(text: str | None, file: str | None, record: str | None, model: str, **options: Any) -> None:
    """Predict which residues of the sequence TEXT touch, from a model's attention (a contact map).

    Nothing is trained. The map is the mean over heads. If contacts are known (--truth), its precision and the best
    single head are shown, too.

    \b
    Examples:
      cutaway contacts EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVAR
      cutaway contacts EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVAR -o contacts.html
    """
    given = sequence_from(text, file, record)
    options |= {name: numbers_from(name, options[name]) for name in ("layers", "heads")}
    options["correct"] = not options.pop("no_apc")
    known(model, options).check_places(options["layers"], options["heads"])

    from cutaway.inside import contacts
    from cutaway.views import terminal_sequences

    result = contacts(given, loaded(model, "any", options), **options)
    emit([result], lambda: terminal_sequences.contacts(result))
