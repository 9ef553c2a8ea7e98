"""cutaway forecast"""

from __future__ import annotations

from typing import Any

import click

from cutaway.cli.common import AtLeast, Seed, known, load_options, named_or_loaded
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.text_input import check_file
from cutaway.errors import InputError


@click.command("forecast", cls=Command)
@click.argument("file", metavar="FILE")
@click.option(
    "-m",
    "--model",
    default="weather-days",
    help="A model of series: a name from `cutaway models list`, or a folder that `cutaway train` wrote.",
)
@load_options
@click.option("--horizon", type=AtLeast(1), default=7, help="How many steps to go on.")
@click.option("-n", "--samples", type=AtLeast(1), default=100, help="How many continuations to draw.")
@click.option(
    "--quantiles",
    default="0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9",
    metavar="LEVELS",
    help="Levels of the quantiles, with commas between them.",
)
@click.option(
    "--column", multiple=True, metavar="NAME", help="The columns of FILE.  [default: those that the model was made for]"
)
@click.option("--format", help="Format of FILE: csv, txt, …  [default: by its suffix]")
@click.option(
    "--season",
    type=AtLeast(2.0),
    help="After how many steps a season is over, for climatology.  [default: the model's]",
)
@click.option("--temperature", type=float, help="Below 1 the fan is narrower, above 1 wider.  [default: the model's]")
@click.option("--seed", type=Seed(), default=0, help="Seed of the first continuation; each takes the next.")
@output_options(".svg", ".png", ".csv")
def command(file: str, model: str, quantiles: str, column: tuple[str, ...], **options: Any) -> None:
    """Go on with the series in FILE: quantiles of what may come, beside forecasts that need no model.

    The model reads the last steps of the series and draws continuations. The baselines learn from the whole of FILE:
    persistence (the last value and all changes so far) and climatology (the same time of earlier seasons).

    \b
    Examples:
      cutaway forecast "$(cutaway data get weather-seattle)/seattle-weather.csv" -o days.html
      cutaway forecast "$(cutaway data get weather-seattle)/seattle-weather.csv" --horizon 3
      cutaway forecast "$(cutaway data get weather-year)/greensboro.csv" -m weather-hours --horizon 24 -o hours.png
    """
    check_file(file)

    from cutaway.models.named_tokenizer import load_tokenizer
    from cutaway.prediction.series_input import SeriesKind, check_levels, read_series

    levels = check_levels(_levels(quantiles))
    known(model, options).check_left_to_right()

    # Before anything is loaded: what can be wrong with the series, the tokenizer knows.
    kind = SeriesKind.of(load_tokenizer(model, revision=options["revision"]))
    read_series(file, kind, column=column, format=options["format"])

    from cutaway.prediction import forecast
    from cutaway.views import terminal_forecast

    result = forecast(file, named_or_loaded(model, options), quantiles=levels, column=column, **options)
    emit([result], lambda: terminal_forecast.forecast(result))


def _levels(said: str) -> list[float]:
    try:
        return [float(level) for level in said.split(",")]
    except ValueError as error:
        raise InputError(f"--quantiles is {said!r}", hint="give numbers between 0 and 1: 0.1,0.5,0.9") from error
