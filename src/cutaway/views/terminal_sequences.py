"""Mutation effects, contacts and the shelf of data in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.views.terminal import _facts, _short, _table

if TYPE_CHECKING:
    from cutaway.models import DataList
    from cutaway.predict import Mutations

__all__ = ["datasets", "mutations"]

TOP = 8  # substitutions shown from either end, positions shown


def mutations(result: Mutations) -> RenderableType:
    """Draw the substitutions that the model likes best and least, and the positions that allow the fewest."""
    ranked = sorted(result.rows(), key=lambda row: -row["effect_nats"])
    most = max((abs(row["effect_nats"]) for row in ranked), default=0) or 1
    parts: list[RenderableType] = []
    for title, some in (("most preferred", ranked[:TOP]), ("least preferred", ranked[TOP:][-TOP:])):
        columns = ["mutation", ">effect, nats", *([">profile, nats"] if result.profile else []), ""]
        table = _table(*columns)
        for row in some:
            table.add_row(*_cells(row, most, result.profile is not None))
        parts += [Text(title, style="dim"), table, ""]
    means = [
        (sum(effects) / max(1, len(effects) - 1), f"{wild}{position}")
        for effects, wild, position in zip(result.effects, result.wild, result.positions, strict=True)
    ]
    strictest = "  ".join(f"{name} {mean:+.2f}" for mean, name in sorted(means)[:TOP])
    facts = [
        (
            "sequence",
            f"{_short(result.text, 80)} ({len(result.positions):,} positions × {len(result.letters)} letters)",
        ),
        ("model", result.model),
        ("method", f"{result.method}, {result.unit}; above 0 the model prefers the mutant"),
        ("strictest", f"{strictest}  (mean effect of the substitutions there, {result.unit})"),
    ]
    if result.unscored:
        facts.append(("not scored", f"{result.unscored:,} tokens that are none of {' '.join(result.letters)}"))
    if profile := result.profile:
        alike = "undefined" if profile.spearman is None else f"{profile.spearman:+.3f}"
        facts.append(("profile", f"{profile.alignment}: {profile.rows:,} rows, pseudocount {profile.pseudocount:g}"))
        facts.append(("Spearman", f"{alike} between model and profile, over {profile.pairs:,} substitutions"))
    return Group(*parts, _facts(facts))


def _cells(row: dict[str, Any], most: float, profiled: bool) -> list[str | Text]:
    effect = row["effect_nats"]
    bar = Text("▇" * round(30 * abs(effect) / most), style="cyan" if effect > 0 else "red")
    middle = [f"{row['profile_nats']:+.3f}"] if profiled else []
    return [row["mutation"], f"{effect:+.3f}", *middle, bar]


def datasets(result: DataList) -> RenderableType:
    """Draw the shelf of data: what each holds, under which licence, and what to cite."""
    table = _table("name", "of", ">MB", "here", "what it is")
    for entry in result.datasets:
        told = Text(f"{entry.description}\n")
        told.append(f"{entry.licence}. {entry.citation}. {entry.source}", style="dim")
        size, here = f"{entry.bytes / 1e6:,.1f}", "yes" if entry.cached else "no"
        table.add_row(entry.name, entry.alphabet, size, here, told)
    return Group(table, "", f"cache: {result.cache}")
