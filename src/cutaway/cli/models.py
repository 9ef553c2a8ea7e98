"""cutaway models list, get, info, card, save, merge, rm"""

from __future__ import annotations

import json
from pathlib import Path

import click

from cutaway.cli.common import note, offline_option, someone_to_ask
from cutaway.cli.help import Group
from cutaway.cli.output import asked, emit, folder_options, output_options, printing_options
from cutaway.errors import InputError, sized
from cutaway.progress import paused


@click.group("models", cls=Group)
def command() -> None:
    """List, download and describe models. The shelf is the list of models that need no account.

    Small models of every kind of sequence are built in: they need no download. Others come from a package index.
    """


@command.command("list")
@output_options(".csv")
def list_command() -> None:
    """List the models that need no account (the shelf) and those on this computer (the cache).

    Built-in models are a part of cutaway. The task is the command that a model is first of all for.

    \b
    Example:
      cutaway models list
    """
    from cutaway.models import list_models
    from cutaway.views import terminal_models

    result = list_models()
    emit([result], lambda: terminal_models.models(result))


@command.command("get")
@click.argument("names", nargs=-1, required=True)
@click.option("--revision", help="Which branch, tag or commit of a Hugging Face Hub model to take.")
@click.option("--accept-licence", is_flag=True, help="Say that you have read the model's terms and accept them.")
@offline_option
@output_options()
def get_command(names: tuple[str, ...], revision: str | None, accept_licence: bool) -> None:
    """Download models and print their folders. The transformers library can load these.

    A few models have terms of their own. They are shown before the download, and you are asked to accept them.

    \b
    Example:
      cutaway models get smollm2-135m gpt2-vocab
    """
    from cutaway.models import get_model

    results = [get_model(name, revision=revision, accept_licence=accept_licence or _accepts(name)) for name in names]
    emit(results, lambda: "\n".join(result.path for result in results))


def _accepts(name: str) -> bool:
    """Show the terms of a model that is not cached yet and ask for consent, if someone is at the terminal."""
    from cutaway.models import SHELF, licence_terms
    from cutaway.views import terminal_tables

    entry = SHELF.get(name)
    if entry is None or entry.terms is None or not licence_terms.pending(entry) or not someone_to_ask():
        return False
    with paused():
        click.echo(terminal_tables.visible(licence_terms.read_terms(entry)), err=True)
        return click.confirm(f"{name} comes under these {entry.terms.name} ({entry.terms.url}). Accept them?", err=True)


@command.command("info")
@click.argument("name")
@click.option("--revision", help="Which branch, tag or commit of a Hugging Face Hub model to take.")
@offline_option
@output_options()
def info_command(name: str, revision: str | None) -> None:
    """Show a model's folder, its source and its licence.

    \b
    Example:
      cutaway models info smollm2-135m
    """
    from cutaway.models import model_info
    from cutaway.views import terminal_models

    result = model_info(name, revision=revision)
    emit([result], lambda: terminal_models.model(result))


@command.command("card")
@click.argument("name")
@offline_option
@printing_options
def card_command(name: str) -> None:
    """Print a model's card: what it is, what it was trained on, its licence.

    \b
    Example:
      cutaway models card minilm-l6
    """
    from cutaway.models import model_card
    from cutaway.views import terminal_tables

    text = model_card(name)
    if asked().as_json:
        click.echo(json.dumps({"schema": "cutaway.card/1", "name": name, "card": text}, ensure_ascii=False))
    else:
        click.echo(terminal_tables.visible(text), nl=False)


@command.command("save")
@click.argument("name")
@offline_option
@folder_options()
def save_command(name: str, directory: str | None) -> None:
    """Save a model, its tokenizer and its card into a new folder, and check that it loads back the same.

    \b
    Example:
      cutaway models save smollm2-135m -o my-model
    """
    if directory is None:
        raise InputError(
            "there is no folder to save into", hint=f"name a new one: cutaway models save {name} -o my-model"
        )
    from cutaway.models.config_outline import outline

    outline(name)

    from cutaway.models import save
    from cutaway.views import terminal

    result = save(name, directory)
    emit([result], lambda: terminal.saved(result))


@command.command("merge")
@click.argument("adapter")
@click.option("--base", metavar="MODEL", help="The model that the adapters are for, if it is not where they say.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    default="float32",
    help="Precision of the saved weights; the sum is made in float32.",
)
@offline_option
@folder_options()
def merge_command(adapter: str, base: str | None, dtype: str, directory: str | None) -> None:
    """Add LoRA adapters to the weights of their model and save the sum as an ordinary model.

    ADAPTER is the folder of `cutaway finetune --lora`, or any folder in PEFT's format.

    \b
    Example:
      seq 100 199 > numbers.txt
      cutaway finetune smollm2-135m numbers.txt --lora 4 --context 64 --batch-size 2 --steps 1 -o counter
      cutaway models merge counter -o merged
    """
    if directory is None:
        raise InputError(
            "there is no folder to save into", hint=f"name a new one: cutaway models merge {adapter} -o my-model"
        )
    from cutaway.training.adapter_folder import adapter_config

    adapter_config(Path(adapter))

    from cutaway.training import merge
    from cutaway.views import terminal

    result = merge(adapter, directory, base=base, dtype=dtype)
    emit([result], lambda: terminal.saved(result))


@command.command("rm")
@click.argument("names", nargs=-1, required=True)
@printing_options
def rm_command(names: tuple[str, ...]) -> None:
    """Remove models from this computer (the cache). Models of the shelf can be downloaded again.

    \b
    Example:
      cutaway models rm gpt2-vocab
    """
    from cutaway.models import remove_model

    for name in names:
        freed = remove_model(name)
        note(f"removed {name}: {sized(freed)}")
        if asked().as_json:
            click.echo(json.dumps({"schema": "cutaway.removed/1", "name": name, "bytes": freed}))
