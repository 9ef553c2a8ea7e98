"""The options of `train` and `finetune`: what is read, how long and how to train."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from cutaway.cli.common import AtLeast, Seed, chain, device_option, note, rename_option
from cutaway.cli.records import ALPHABETS
from cutaway.errors import InputError

F = TypeVar("F", bound=Callable[..., Any])

SECTIONS: Final[Mapping[str, Sequence[str]]] = {
    "Input": (
        "--alphabet", "--tokenizer", "--column", "--target-column", "--label-column", "--format", "--skip-bad",
        "--rename-duplicates", "--keep-duplicates", "--keep-near-duplicates", "--held-out", "--long", "--as-text",
    ),
    "Model": (
        "--objective", "--lora", "--lora-targets", "--freeze",
        "--arch", "--size", "--config", "--layers", "--heads", "--width", "--context", "--dropout",
        "--mask-share", "--mask-rule",
    ),
    "Length": ("--steps", "--tokens", "--epochs", "--minutes", "--patience"),
    "Training": (
        "--batch-size", "--micro-batch", "--rows", "--optimizer", "--learning-rate", "--warmup", "--schedule",
        "--weight-decay", "--clip", "--seed",
    ),
    "Machine": (
        "--device", "--threads", "--precision", "--attention", "--compile", "--gradient-checkpointing", "--procs",
        "--submit", "--nodes", "--per-node", "--walltime", "--queue", "--account",
    ),
    "Records": ("--validate-every", "--samples", "--save-every", "--keep", "--tensorboard"),
}  # fmt: skip

hiding_options = chain(
    click.option("--dropout", default=0.0, help="Share of numbers that are dropped at random in training."),
    click.option("--mask-share", default=0.15, help="Share of tokens to hide, for the objective masked."),
    click.option(
        "--mask-rule",
        type=click.Choice(["all", "80/10/10"]),
        default="all",
        help="Hide all chosen tokens, or leave a tenth of them and swap a tenth.",
    ),
)

data_options = chain(
    click.option(
        "--alphabet",
        type=click.Choice(ALPHABETS),
        help="What the sequences are made of.  [default: smiles for .smi, series for trajectories, else text]",
    ),
    click.option(
        "--column", multiple=True, help="Which column of a table has the sequence; of series, give one or several."
    ),
    click.option("--target-column", help="Which column has the text to write, for the objective seq2seq."),
    click.option("--label-column", help="Which column has the label or the number to predict."),
    click.option("--format", help="Format of the files: fasta, csv, …  [default: by their suffix]"),
    click.option("--skip-bad", is_flag=True, help="Leave out broken records and count them."),
    rename_option,
    click.option("--keep-duplicates", is_flag=True, help="Train on a record as often as it occurs, not once."),
    click.option(
        "--keep-near-duplicates",
        is_flag=True,
        help="Hold out single records, whatever is like them. Saves minutes if there are millions.",
    ),
    click.option(
        "--held-out", type=float, default=0.05, help="Share of the data to hold out, with all near-duplicates."
    ),
    click.option(
        "--long",
        type=click.Choice(["split", "cut", "refuse"]),
        default="split",
        help="What to do with a record longer than --context.",
    ),
    click.option("--as-text", is_flag=True, help="Read DATA as plain text, even if it looks like a file of records."),
)
"""What is read."""

tokenizer_option = click.option(
    "--tokenizer",
    metavar="KIND|DIR|NAME",
    help="char, codon, smiles, bpe:4096, kmer:3, …, learned from the data; or a folder, or a "
    "model's name.  [default: what fits the alphabet]",
)


def _length_options(steps: str, epochs: str) -> Callable[[F], F]:
    return chain(
        click.option("--steps", type=AtLeast(1), help=f"Number of training steps.{steps}"),
        click.option("--tokens", type=AtLeast(1), help="Train on so many tokens."),
        click.option("--epochs", type=float, help=f"Read the data so many times.{epochs}"),
    )


def _optimizer_options(batch_size: int, optimizer: str, rate: str) -> Callable[[F], F]:
    return chain(
        click.option(
            "--batch-size", type=AtLeast(1), default=batch_size, help="Rows per training step, over all processes."
        ),
        click.option(
            "--optimizer",
            type=click.Choice(["muon", "adamw"]),
            default=optimizer,
            help="muon is for the matrices of layers; the rest takes AdamW.",
        ),
        click.option("--learning-rate", type=float, help=f"Highest learning rate.  [default: {rate}]"),
    )


_other_loop_options = chain(
    click.option(
        "--minutes", type=float, help="Stop when so many minutes have passed; the learning rate follows the clock."
    ),
    click.option(
        "--patience",
        type=AtLeast(1),
        help="Stop after so many validations without a better loss, with the best weights.",
    ),
    click.option(
        "--micro-batch",
        type=AtLeast(1),
        help="Rows that a process computes at once.  [default: its share of --batch-size]",
    ),
    click.option(
        "--rows",
        type=click.Choice(["packed", "single"]),
        help="Put several records in a row, or one.  [default: single if all records are short]",
    ),
    click.option(
        "--warmup",
        type=AtLeast(0),
        help="Steps until the learning rate is highest.  [default: a twentieth of all steps]",
    ),
    click.option(
        "--schedule",
        type=click.Choice(["wsd", "cosine"]),
        default="wsd",
        help="wsd: constant, then straight to 0 over the last three tenths.",
    ),
    click.option("--weight-decay", default=0.1, help="How strongly weights are pulled towards 0."),
    click.option("--clip", default=1.0, help="Largest norm of a gradient."),
    click.option("--seed", type=Seed(), default=0, help="Seed of the first weights and of the order of the data."),
    device_option,
    click.option(
        "--threads",
        type=AtLeast(1),
        help="CPU threads of each process.  [default: 1 for a small model, else as many as speed it up]",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "float32", "bfloat16"]),
        default="auto",
        help="auto: bfloat16 if it is faster here.",
    ),
    click.option(
        "--attention",
        type=click.Choice(["auto", "plain", "sdpa", "eager"]),
        default="auto",
        help="How attention is computed; auto takes the fastest.",
    ),
    click.option("--compile", is_flag=True, help="Compile the model with torch.compile; needs a C++ compiler."),
    click.option("--gradient-checkpointing", is_flag=True, help="Save memory: compute activations twice."),
    click.option(
        "--validate-every", type=AtLeast(1), default=50, help="Steps between two measurements of the held-out loss."
    ),
    click.option("--samples", type=AtLeast(0), default=2, help="Texts that the model writes at each validation."),
    click.option(
        "--save-every", type=AtLeast(1), help="Steps between two checkpoints.  [default: at validations, 20 s apart]"
    ),
    click.option("--keep", type=AtLeast(1), default=2, help="How many checkpoints to keep, beside the best."),
)

_UNLESS: Final = "unless another length is given"
loop_options = chain(
    _length_options(f"  [default: 500, {_UNLESS}]", ""),
    _optimizer_options(8, "muon", "by optimizer and width"),
    _other_loop_options,
)
"""How long and how to train a new model."""

finetuning_options = chain(
    _length_options("", f"  [default: 3, {_UNLESS}]"),
    _optimizer_options(16, "adamw", "by optimizer and width; higher with --lora"),
    _other_loop_options,
)
"""How long and how to train a model further."""

tensorboard_option = click.option(
    "--tensorboard/--no-tensorboard",
    default=None,
    help="Write event files for TensorBoard into DIR.  [default: if TensorBoard is installed]",
)

launch_options = chain(
    click.option("--procs", type=AtLeast(1), help="Run in so many processes on this machine."),
    click.option(
        "--submit",
        type=click.Choice(["pbs", "slurm"]),
        help="Do not train: write a job script for this scheduler beside the folder of -o.",
    ),
    click.option("--nodes", type=AtLeast(1), default=1, help="--submit: number of nodes."),
    click.option("--per-node", type=AtLeast(1), default=1, help="--submit: processes on each node."),
    click.option("--walltime", default="1:00:00", help="--submit: hours:minutes:seconds of a job."),
    click.option("--queue", help="--submit: queue or partition."),
    click.option("--account", help="--submit: account or project to charge."),
)
"""Where to run."""

_LAUNCH: Final = ("--procs", "--submit", "--nodes", "--per-node", "--walltime", "--queue", "--account")


def run_elsewhere(directory: str | None, options: dict[str, Any]) -> bool:
    """Write a job script or start processes if the options say so, and return whether that was all.

    Takes the options of `launch_options` out. Ends the program with the exit code of the processes.
    """
    procs, submit = options.pop("procs"), options.pop("submit")
    where = {name: options.pop(name) for name in ("nodes", "per_node", "walltime", "queue", "account")}
    if submit is None and procs in (None, 1):
        return False
    if directory is None:
        raise InputError("a run on several processes needs a folder", hint="name it with -o")
    arguments = _without(sys.argv[1:], _LAUNCH)
    if submit is None:
        from cutaway.training.launch import start_processes

        sys.exit(start_processes(arguments, procs))
    from cutaway.training.job_scripts import job_script

    path = Path(f"{directory.rstrip('/')}.{submit}")
    path.write_text(job_script(submit, arguments, path=path, **where), encoding="utf-8")
    note(f"wrote {path}: read it, then submit it with {'qsub' if submit == 'pbs' else 'sbatch'} {path}")
    return True


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Exit with the code that a job script expects if the run stopped because its time was up."""
    try:
        yield
    except KeyboardInterrupt as stop:
        from cutaway.training.launch import UNFINISHED
        from cutaway.training.stop_signals import TIME_IS_UP

        if stop.args == (TIME_IS_UP,):
            sys.exit(UNFINISHED)
        raise


def _without(arguments: list[str], names: Sequence[str]) -> list[str]:
    """Return the arguments without these options and their values."""
    kept, skip = [], False
    for word in arguments:
        if skip:
            skip = False
        elif word in names:
            skip = True
        elif word.partition("=")[0] not in names:
            kept.append(word)
    return kept


def settings_of(data: tuple[str, ...], options: dict[str, Any]) -> Any:
    """Return the settings that the command line gives."""
    from cutaway.training.settings import Settings

    options["column"] = options["column"] or None
    settings = Settings.of(data=data if len(data) > 1 else data[0] if data else "built-in", **options)
    settings.data.check_files()
    return settings
