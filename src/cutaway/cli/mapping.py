"""cutaway map"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cutaway.cli.common import (
    AtLeast,
    Seed,
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
from cutaway.cli.text_input import lines_from, records_from
from cutaway.errors import InputError
from cutaway.models.shelf import DEFAULT_ENCODER


@click.command("map", cls=Command)
@click.argument("groups", nargs=-1, metavar="[GROUP]...")
@click.option(
    "-f",
    "--file",
    metavar="FILE",
    help="Read records from FILE, one per line. A tab and the name of a group may follow.",
)
@model_options
@click.option("--words", is_flag=True, help="Each line of FILE is a group of words, written name: word word …")
@click.option(
    "--method",
    type=click.Choice(["pca", "tsne"]),
    default="pca",
    help="How to make 2-D points. pca keeps as much variance as possible; tsne keeps neighbours together.",
)
@click.option(
    "--perplexity", type=AtLeast(0.0), help="t-SNE: about how many neighbours each point keeps. [default: 30, or fewer]"
)
@click.option("--seed", type=Seed(), default=0, help="t-SNE: seed of its random numbers.")
@corpus_option
@min_count_option
@layer_option("For records: which layer to read.")
@click.option(
    "--pooling",
    type=click.Choice(["recipe", "mean", "cls", "last", "max"]),
    default="recipe",
    help="How the tokens of a record become one vector; recipe is what the model's makers recommend.",
)
@truncate_option()
@output_options(".svg", ".png", ".csv", ".npz")
def command(
    groups: tuple[str, ...],
    file: str | None,
    model: str,
    words: bool,
    corpus: str | None,
    min_count: int,
    layer: int,
    pooling: str,
    truncate: str | None,
    method: str,
    perplexity: float | None,
    seed: int,
    **options: Any,
) -> None:
    """Draw tokens, words or records as points in 2-D, similar ones close together, and measure how faithful the map is.

    A GROUP is "name: word word …"; each word must be one token of the model. With -f each line of FILE is one point.
    With --corpus the words have vectors learned from that file. With -f or --corpus the model is minilm-l6 unless you
    give -m.

    \b
    Examples:
      cutaway map "days: Monday Tuesday Friday" "numbers: one two three four"
      printf "a river bank\\na bank loan\\nprices rose\\n" > r.txt && cutaway map -f r.txt -o map.html
      printf "rain river\\nbank money\\nriver\\n" > c.txt && cutaway map "rain river bank" --corpus c.txt --min-count 1
    """
    from cutaway.inside.map_points import map_points, word_groups
    from cutaway.sequences import read_text

    if groups and file is not None:
        raise InputError("groups and a file are both given", hint="give one of them")
    records = not (groups or words or corpus)
    if not records:
        refuse_unused("without records", "pooling", "truncate")
    if corpus is None:
        refuse_unused("without --corpus", "min_count")
        if not records:
            refuse_unused("on single tokens", "layer")
    if method != "tsne":
        refuse_unused("without --method tsne", "perplexity", "seed")
    model = unless_chosen(model, DEFAULT_ENCODER) if records or corpus else model
    points: dict[str, list[str]] = {}
    for record, group in records_from(file or "-") if records else ():
        points.setdefault(group, []).append(record)
    points = points if records else word_groups(groups or lines_from(None, file or "-"))
    map_points(points, method, perplexity, seed)
    lines = None if corpus is None else read_text(Path(corpus)).splitlines()
    known(model, options).check_state(layer)

    from cutaway.inside import corpus_maps, embedding_map
    from cutaway.views import terminal_vectors

    ready = loaded(model, "any", options)
    layout: dict[str, Any] = {"method": method, "perplexity": perplexity, "seed": seed}
    if records:
        results = [
            embedding_map(points, ready, kind="texts", layer=layer, pooling=pooling, truncate=truncate, **layout)
        ]
    elif corpus is not None and lines is not None:
        learning: dict[str, Any] = {"min_count": min_count, "layer": layer, "name": Path(corpus).name}
        results = list(corpus_maps(points, lines, ready, **learning, **layout))
    else:
        results = [embedding_map(points, ready, kind="words", **layout)]
    emit(results, lambda: terminal_vectors.maps(results))
