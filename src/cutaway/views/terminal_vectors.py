"""Vectors in a terminal: how alike they are, what lies nearest, and a map drawn in characters."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.errors import counted
from cutaway.views.terminal_tables import fact_table, more, new_table, shorten, visible_piece

if TYPE_CHECKING:
    from cutaway.inside import EmbeddingMap, Embeddings, Neighbours

ROWS = 12  # vectors compared with each other: a wider matrix is unreadable in a terminal
WIDE, HIGH, NAME = 78, 26, 18  # characters of a map, and of a name on it
UNNAMED = 12  # names listed below a map
MARKS = "●■▲◆×○"


def embeddings(result: Embeddings) -> RenderableType:
    """Draw the cosine of each vector with each other one, and what the vectors are."""
    vectors_ND = result.matrix().astype(np.float64)
    names = result.texts if result.tokens is None else [piece for row in result.tokens for piece in row]
    unit_ND = vectors_ND[:ROWS] / np.maximum(np.linalg.norm(vectors_ND[:ROWS], axis=1, keepdims=True), 1e-30)
    table = new_table(">", "text" if result.tokens is None else "token", *(f">{i}" for i in range(len(unit_ND))))
    for i, row in enumerate(unit_ND @ unit_ND.T):
        cosines = [
            Text("·" if j == i else f"{cosine:.3f}", style="dim" if j == i else "") for j, cosine in enumerate(row)
        ]
        table.add_row(str(i), visible_piece(shorten(names[i], 40)), *cosines)
    shape = " × ".join(f"{size:,}" for size in vectors_ND.shape)
    facts = [
        ("model", result.model),
        ("vectors", f"{shape}: {result.space}"),
        ("first", f"{' '.join(f'{x:.4f}' for x in vectors_ND[0, :6])} … (--json has all)"),
    ]
    left = more(len(names) - len(unit_ND), "vectors")
    return Group(Text("cosine of each with each", style="dim"), table, *left, "", fact_table(facts))


def neighbours(results: Sequence[Neighbours]) -> RenderableType:
    """Draw the nearest of each query; results of the same queries stand side by side."""
    parts: list[RenderableType] = []
    for number, query in enumerate(results[0].queries):
        head = visible_piece(query.token) + (
            f"  in: {visible_piece(shorten(query.context, 80))}" if query.context else ""
        )
        tables = []
        for result in results:
            table = new_table(">cosine", "nearest", *(["in"] if query.context else []))
            table.title, table.title_justify = (result.model if len(results) > 1 else None), "left"
            for found in result.queries[number].neighbours:
                where = [visible_piece(shorten(found.context, 70))] if found.context else []
                table.add_row(f"{found.cosine:.3f}", visible_piece(shorten(found.token, 80)), *where)
            tables.append(table)
        parts += [Text(head, style="bold"), Columns(tables, padding=(0, 6)) if len(tables) > 1 else tables[0], ""]
    return Group(*parts, fact_table([(result.model, result.space) for result in results]))


def maps(results: Sequence[EmbeddingMap]) -> RenderableType:
    """Draw each map: marks, with names if there is room, and a mark for each group."""
    return Group(*itertools.chain.from_iterable([_map(result), ""] for result in results))


def _map(result: EmbeddingMap) -> RenderableType:
    groups = list(dict.fromkeys(point.group for point in result.points))
    places = np.array([(point.x, point.y) for point in result.points])
    low, size = places.min(0), np.ptp(places, axis=0)
    # One scale both ways, a character being twice as high as it is wide: distances mean the same in each direction.
    unit = max(size[0] / (WIDE - NAME - 3), size[1] / (2 * (HIGH - 1))) or 1.0
    across, down = ((places - low) / (unit, 2 * unit)).round().astype(int).T
    high = int(down.max()) + 1
    sheet = [[" "] * WIDE for _ in range(high)]
    for x, y, point in zip(across, down, result.points, strict=True):
        sheet[high - 1 - y][x] = MARKS[groups.index(point.group) % len(MARKS)]
    unnamed: list[str] = []
    for x, y, point in zip(across, down, result.points, strict=True):
        row, name = sheet[high - 1 - y], f" {visible_piece(shorten(point.token.strip(), NAME))} "
        # To the right of its mark, to the left of it, or below the map. An empty place is left beside each name.
        for start in (x + 1, x - len(name)):
            if start >= 0 and all(cell == " " for cell in row[start : start + len(name)]):
                row[start + 1 : start + len(name) - 1] = name[1:-1]
                break
        else:
            unnamed.append(f"{MARKS[groups.index(point.group) % len(MARKS)]}{name.rstrip()}")
    key = "   ".join(f"{MARKS[i % len(MARKS)]} {visible_piece(group) or 'all'}" for i, group in enumerate(groups))
    kept = sum(result.explained)
    shown = f", {kept:.1%} of the variance" if result.explained else "; its axes have no unit"
    facts = [
        ("model", f"{result.model}: {result.space}"),
        ("map", f"{counted(len(places), 'point')}, {result.method}{shown}"),
    ]
    if result.trustworthiness is not None:
        trust = f"{result.trustworthiness:.3f} (1: the {result.near} nearest on the sheet are near; 0.5: by chance)"
        facts.append(("trust", trust))
    if unnamed:
        rest = f" and {len(unnamed) - UNNAMED:,} more (--json has all)" if len(unnamed) > UNNAMED else ""
        facts.append(("no room", f"on the map for {'  '.join(unnamed[:UNNAMED])}{rest}"))
    drawing = Text("\n".join("".join(row).rstrip() for row in sheet), no_wrap=True)
    return Group(drawing, "", *([Text(key)] if len(groups) > 1 else []), fact_table(facts))
