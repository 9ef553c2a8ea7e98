"""cutaway evaluate"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cutaway.cli.common import LOADING, AtLeast, Seed, known, load_options, loaded, named_or_loaded, refuse_unused
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.errors import InputError

_SECTIONS = {
    "Input": (
        "--train-data", "--held-out", "--label-column", "--target-column", "--column", "--alphabet", "--format",
        "--skip-bad",
    ),
    "Written records": ("--samples", "--statistics"),
    "Forecasts": ("--horizon", "--season", "--temperature"),
    "How much": ("--records", "--tokens", "--window", "--train-symbols", "--draws", "--seed"),
}  # fmt: skip


_OF_RECORDS = (
    "train_data", "label_column", "target_column", "alphabet", "skip_bad", "tokens", "window", "train_symbols",
    "statistics",
)  # fmt: skip
_LOSSES = ("held_out", "label_column", "target_column", "tokens", "window", "draws", "train_symbols")


@click.command("evaluate", cls=Command, sections=_SECTIONS)
@click.argument("model", metavar="[MODEL]")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@load_options
@click.option(
    "--train-data",
    multiple=True,
    metavar="FILE",
    help="Records that baselines learn from. Can be given several times.  [default: a part of FILEs]",
)
@click.option("--held-out", type=float, default=0.2, help="Without --train-data: share of FILEs that is measured.")
@click.option("--label-column", metavar="NAME", help="For a classifier or a regression: the column of the labels.")
@click.option("--target-column", metavar="NAME", help="For an encoder-decoder: the column of the targets.")
@click.option("--column", multiple=True, metavar="NAME", help="The column of the sequences; of series one or several.")
@click.option(
    "--alphabet",
    type=click.Choice(["text", "dna", "rna", "codon", "protein", "smiles", "series"]),
    help="What the sequences are made of.  [default: what the tokenizer was made for]",
)
@click.option("--format", "file_format", help="Format of the files: fasta, csv, …  [default: by their suffix]")
@click.option("--skip-bad", is_flag=True, help="Leave out broken records and count them.")
@click.option(
    "--samples",
    metavar="N|FILE",
    help="Measure records that the model writes: N of them, at temperature 1, or those in FILE; then MODEL may be left "
    "out. They are compared with the records of FILEs and of --train-data.",
)
@click.option(
    "--statistics",
    metavar="FILE",
    help="With --samples of molecules: also measure the FCD to the statistics in FILE, such as MOSES' test_stats.npz.",
)
@click.option(
    "--horizon",
    type=AtLeast(1),
    metavar="STEPS",
    help="Measure forecasts of so many steps in the last part of series (--held-out); --samples is the number of "
    "continuations of each.  [default: 100]",
)
@click.option("--season", type=AtLeast(2.0), help="With --horizon: steps of a season.  [default: the model's]")
@click.option("--temperature", type=float, help="With --horizon: at which to sample.  [default: the model's]")
@click.option(
    "--records",
    type=AtLeast(1),
    help="Measure on at most this many records.  [default: 2,000; 10,000 with --samples; 100 forecasts]",
)
@click.option(
    "--tokens",
    type=AtLeast(1),
    help="Score at most this many tokens.  [default: 20,000; 2,000 of a masked model, each in a run of its own]",
)
@click.option(
    "--window", type=AtLeast(4), help="How many tokens the model reads at once.  [default: its context, at most 1,024]"
)
@click.option(
    "--train-symbols",
    type=AtLeast(1),
    default=1_000_000,
    help="Baselines learn from at most this many letters, numbers or bytes.",
)
@click.option("--draws", type=AtLeast(100), default=2000, help="Bootstrap draws for the intervals.")
@click.option("--seed", type=Seed(), default=0, help="Seed of draws, samples and of what is chosen.")
@output_options(".svg", ".png", ".csv")
def command(
    model: str,
    files: tuple[str, ...],
    file_format: str | None,
    samples: str | None,
    records: int | None,
    horizon: int | None,
    season: float | None,
    temperature: float | None,
    **options: Any,
) -> None:
    """Measure MODEL on the records of FILEs, with 95 % intervals and beside simple baselines.

    What is measured follows from the model: bits per letter and perplexity of a language model, accuracy, MCC and AUROC
    of a classifier (with --label-column), errors and R² of a regression, BLEU and chrF of an encoder-decoder (with
    --target-column). The baselines, such as letter frequencies or the nearest neighbour, learn from --train-data, or
    from the part of FILEs that is not measured. Without FILEs, the folder of a training run is measured on what it held
    out.

    With --samples the records that a model writes are measured: molecules by the measures of MOSES, such as the share
    that is valid, unique and new; paths through at most 8 states by how often they are in each and how long they take
    from one to another, beside the exact values if FILE is a built-in source.

    With --horizon forecasts of series are measured, beside persistence and climatology.

    \b
    Examples:
      cutaway train --steps 20 -o small-run && cutaway evaluate small-run
      seq 1000 1400 > numbers.txt && cutaway evaluate smollm2-135m numbers.txt --tokens 400 -o numbers.html
      printf "MKV\\nMKL\\n" > a.txt && cutaway evaluate a.txt --train-data a.txt --samples a.txt --alphabet protein
    """
    if horizon is not None:
        how = {"horizon": horizon, "season": season, "temperature": temperature, "samples": samples}
        _forecasts(model, files, options | how | {"format": file_format, "records": records})
        return
    refuse_unused("without --horizon", "season", "temperature")
    if samples is not None:
        _written(model, files, samples, options | {"format": file_format, "records": records})
        return
    refuse_unused("without --samples", "statistics")
    del options["statistics"]
    from cutaway.evaluation.request import RECORDS, Request

    names = {name: options.pop(name) for name in tuple(options) if name not in LOADING}
    request = Request(files, format=file_format, records=RECORDS if records is None else records, **names)
    found = known(model, options)
    if files:
        request.column_for(found.built, found.is_encoder_decoder)
    elif not (found.path / "run.json").is_file():
        why = f"there is no data, and {model!r} is not the folder of a run, which would name its own"
        raise InputError(why, hint="give a FILE of records")

    from cutaway.evaluation import measure
    from cutaway.views import terminal_evaluation

    result = measure(request, loaded(model, "any", options))
    emit([result], lambda: terminal_evaluation.evaluation(result))


def _forecasts(model: str, files: tuple[str, ...], options: dict[str, Any]) -> None:
    """Measure forecasts."""
    refuse_unused("with --horizon", *_OF_RECORDS)
    from cutaway.evaluation.forecast_request import FORECASTS, ForecastRequest

    samples = options["samples"] or "100"
    if not samples.isdecimal():
        raise InputError(f"--samples is {samples!r}", hint="with --horizon it is the number of continuations")
    names = ("horizon", "season", "temperature", "held_out", "column", "format", "draws", "seed")
    count = FORECASTS if options["records"] is None else options["records"]
    chosen = {name: options[name] for name in names}
    request = ForecastRequest(files, samples=int(samples), records=count, **chosen)
    known(model, options).check_left_to_right()

    from cutaway.evaluation import measure_forecasts
    from cutaway.views import terminal_evaluation

    result = measure_forecasts(request, named_or_loaded(model, options))
    emit([result], lambda: terminal_evaluation.evaluation(result))


def _written(model: str, files: tuple[str, ...], samples: str, options: dict[str, Any]) -> None:
    """Measure written records: with a file of them, a first argument that is a file, too, is no model."""
    refuse_unused("with --samples", *_LOSSES)
    from cutaway.evaluation.sample_request import SAMPLES, SampleRequest

    named: str | None = model
    if not samples.isdecimal() and Path(model).is_file() and Path(model).suffix != ".gguf":
        named, files = None, (model, *files)
    shared = ("train_data", "column", "alphabet", "format", "skip_bad", "seed", "statistics")
    names = {name: options[name] for name in shared}
    count = SAMPLES if options["records"] is None else options["records"]
    request = SampleRequest(files, samples=int(samples) if samples.isdecimal() else samples, records=count, **names)
    if named is None:
        request.check_without_model()
    else:
        found = known(named, options)
        if request.count is not None:
            found.check_left_to_right()

    from cutaway.evaluation import measure_samples
    from cutaway.views import terminal_samples

    kind = "any" if request.count is None else "causal"
    result = measure_samples(request, named and loaded(named, kind, options))
    emit([result], lambda: terminal_samples.sample_evaluation(result))
