"""cutaway neighbours"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cutaway.cli.common import (
    AtLeast,
    corpus_option,
    known,
    layer_option,
    loaded,
    min_count_option,
    model_options,
    refuse_unused,
    truncate_option,
    unless_chosen,
)
from cutaway.cli.help import Command
from cutaway.cli.output import emit, output_options
from cutaway.cli.text_input import records_from
from cutaway.errors import InputError, MissingText
from cutaway.models.shelf import DEFAULT_ENCODER


@click.command("neighbours", cls=Command)
@click.argument("queries", nargs=-1, metavar="[QUERY]...")
@model_options
@click.option("-k", type=AtLeast(1), default=8, help="How many neighbours to show.")
@click.option(
    "--among",
    metavar="FILE",
    help="Compare texts: each QUERY with each line of FILE. What follows the last tab of a line is left out.",
)
@click.option(
    "--word", help="With --among: compare this word of each QUERY with every word of FILE, each in its context."
)
@corpus_option
@min_count_option
@click.option(
    "--window", type=AtLeast(1), default=4, help="With --corpus: how many words on either side count as context."
)
@layer_option("With --among or --corpus: which layer to read.")
@click.option(
    "--pooling",
    type=click.Choice(["recipe", "mean", "cls", "last", "max"]),
    default="recipe",
    help="With --among: how the tokens of a text become one vector; recipe is what the model's makers recommend.",
)
@truncate_option()
@output_options(".csv", ".npz")
def command(
    queries: tuple[str, ...],
    model: str,
    k: int,
    among: str | None,
    word: str | None,
    corpus: str | None,
    min_count: int,
    window: int,
    layer: int,
    pooling: str,
    truncate: str | None,
    **options: Any,
) -> None:
    """List what is most similar to each QUERY, by the angle between vectors.

    Without --among and --corpus, a QUERY is a token and is compared with all tokens of the model (" ocean" with its
    space is a different token from "ocean"). With --among it is a text and is compared with other texts. With
    --corpus it is a word and is compared with other words. The model is then minilm-l6 unless you give -m.

    \b
    Examples:
      cutaway neighbours " Monday" " ocean"
      printf "a river bank\\na bank loan\\n" > r.txt && cutaway neighbours "He has an account." --among r.txt
      printf "a river bank\\nthe bank lent\\n" > b.txt && cutaway neighbours "a bank loan" --word bank --among b.txt
      printf "rain river\\nbank money\\nriver sea\\n" > c.txt && cutaway neighbours river --corpus c.txt --min-count 1
    """
    from cutaway.sequences import read_text

    if not queries:
        raise MissingText("there is no query", hint='give a word, for example: cutaway neighbours " Monday"')
    if among is not None and corpus is not None:
        raise InputError("--among and --corpus are both given", hint="give one of them")
    if corpus is not None:
        refuse_unused("with --corpus", "pooling", "truncate")
    else:
        refuse_unused("without --corpus", "min_count", "window")
    if word is not None:
        refuse_unused("with --word", "pooling")
    if among is None and corpus is None:
        refuse_unused("without --among", "pooling", "truncate", "layer")
    if among is not None or corpus is not None:
        model = unless_chosen(model, DEFAULT_ENCODER)
    records = None if among is None else [text for text, _ in records_from(among)]
    lines = None if corpus is None else read_text(Path(corpus)).splitlines()
    known(model, options).check_state(layer)

    from cutaway.inside import contextual_vectors, neighbours, static_vectors
    from cutaway.views import terminal_vectors

    ready = loaded(model, "any", options)
    if corpus is not None and lines is not None:
        static = static_vectors(lines, window=window, min_count=min_count, name=Path(corpus).name)
        found = neighbours(queries, static, k=k)  # a word that is not there is said before the model runs
        learned = contextual_vectors(lines, static.texts, ready, layer=layer)
        results = [found, neighbours(queries, learned, k=k)]
    else:
        results = [
            neighbours(queries, ready, k=k, among=records, word=word, layer=layer, pooling=pooling, truncate=truncate)
        ]
    emit(results, lambda: terminal_vectors.neighbours(results))
