"""cutaway tour"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cutaway.cli.common import AtLeast, Seed, forced, known, model_options, named_or_loaded, note
from cutaway.cli.help import Command
from cutaway.cli.on_path import line_for_the_shell
from cutaway.cli.output import Asked, asked, check_output, emit, output_options
from cutaway.errors import MissingText

if TYPE_CHECKING:
    from cutaway.lessons import Section


@click.command("tour", cls=Command)
@model_options
@click.option("--prompt", default="What is the ALCF?", help="The prompt of the first two sections.")
@click.option("--steps", type=AtLeast(2), help="Number of training steps.  [default: as many as fit in 45 s]")
@click.option("--seed", type=Seed(), default=0, help="Seed of all random numbers in the tour.")
@output_options()
def command(model: str, prompt: str, steps: int | None, seed: int, **options: Any) -> None:
    """Run the whole lesson on a real model and write it as one page.

    Ten sections: sequences, generation, tokens, embeddings, architecture, attention, classification, training, saving,
    models. The page opens without a network; it is tour.html unless you give -o. The model that the
    tour trains is saved next to the page, in the new folder tiny-model.

    \b
    Examples:
      cutaway tour
      cutaway tour --prompt "Water boils at" --steps 100 -o lesson.html
    """
    from cutaway.lessons.trained_folder import new_folder

    if not prompt:
        raise MissingText("the prompt is empty", hint='give some text: --prompt "Water boils at"')
    as_json, output = asked()
    target = output or (None if as_json else "tour.html")
    if output is None and target is not None:
        check_output(target)
    page = Path(target) if target is not None and target.endswith(".html") else None
    folder = None if page is None else new_folder(page.parent, replace=forced())
    began = time.perf_counter()
    known(model, options).check_left_to_right()
    before = time.perf_counter() - began

    from cutaway.lessons import tour

    chosen = named_or_loaded(model, options)
    result = tour(chosen, prompt=prompt, steps=steps, seed=seed, folder=folder, on_section=_progress)
    emit([result], None, Asked(as_json, target))
    if folder is not None:
        note(f"the model it trained is in {folder}")
    fetched = f", after {before:.0f} s of fetching and converting the model" if before >= 1 else ""
    note(
        f"the tour took {result.seconds:.0f} s{fetched}"
        + (f"; open {Path(target).resolve().as_uri()}" if target else "")
    )
    if line := line_for_the_shell():
        note(f"to use the command cutaway in this shell: {line}")


def _progress(number: int, of: int, section: Section) -> None:
    note(f"{number:2}/{of} {section.title} ({section.seconds:.1f} s)")
