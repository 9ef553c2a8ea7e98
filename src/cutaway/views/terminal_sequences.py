"""Mutation effects, contacts and the shelf of data in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.errors import counted
from cutaway.views.terminal_tables import fact_table, new_table, shorten

if TYPE_CHECKING:
    from cutaway.inside.contact_map import Contacts
    from cutaway.inside.contact_precision import Precision
    from cutaway.models import DataList
    from cutaway.predict import Mutations

TOP = 8  # substitutions shown from either end, positions shown


def mutations(result: Mutations) -> RenderableType:
    """Draw the substitutions that the model likes best and least, and the positions that allow the fewest."""
    ranked = sorted(result.rows(), key=lambda row: -row["effect_nats"])
    most = max((abs(row["effect_nats"]) for row in ranked), default=0) or 1
    parts: list[RenderableType] = []
    for title, some in (("most preferred", ranked[:TOP]), ("least preferred", ranked[TOP:][-TOP:])):
        columns = ["mutation", ">effect, nats", *([">profile, nats"] if result.profile else []), ""]
        table = new_table(*columns)
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
            f"{shorten(result.text, 80)} "
            f"({counted(len(result.positions), 'position')} × {counted(len(result.letters), 'letter')})",
        ),
        ("model", result.model),
        ("method", f"{result.method}, {result.unit}; above 0 the model prefers the mutant"),
        ("strictest", f"{strictest}  (mean effect of the substitutions there, {result.unit})"),
    ]
    if result.changes:
        facts.append(("changed", _counted(result.changes)))
    facts.append(("alphabet", f"{result.alphabet}: {' '.join(result.letters)}"))
    if result.unscored:
        facts.append(("not scored", f"{counted(result.unscored, 'token')} outside {' '.join(result.letters)}"))
    if profile := result.profile:
        alike = "undefined" if profile.spearman is None else f"{profile.spearman:+.3f}"
        facts.append(
            ("profile", f"{profile.alignment}: {counted(profile.rows, 'row')}, pseudocount {profile.pseudocount:g}")
        )
        facts.append(("Spearman", f"{alike} between model and profile, over {profile.pairs:,} substitutions"))
    return Group(*parts, fact_table(facts))


def _counted(changes: dict[str, int]) -> str:
    return "; ".join(f"{rule}: {count:,}" for rule, count in changes.items())


def _cells(row: dict[str, Any], most: float, profiled: bool) -> list[str | Text]:
    effect = row["effect_nats"]
    bar = Text("▇" * round(30 * abs(effect) / most), style="cyan" if effect > 0 else "red")
    middle = [f"{row['profile_nats']:+.3f}"] if profiled else []
    return [row["mutation"], f"{effect:+.3f}", *middle, bar]


def contacts(result: Contacts) -> RenderableType:
    """Draw the highest pairs, and how many of them are contacts, if that is known."""
    told = result.truth is not None
    table = new_table(">i", "", ">j", "", ">score", *(["known"] if told else []), "")
    most = max((abs(pair.score) for pair in result.pairs), default=0) or 1
    for pair in result.pairs[: 2 * TOP]:
        bar = Text("▇" * round(30 * max(0.0, pair.score) / most), style="cyan")
        known = ["yes" if pair.known else "no"] if told else []
        table.add_row(str(pair.i), pair.first, str(pair.j), pair.second, f"{pair.score:.4f}", *known, bar)
    method = "symmetrised attention" + (", average product corrected" if result.apc else "")
    facts = [
        ("sequence", f"{shorten(result.text, 80)} ({counted(len(result.residues), 'residue')})"),
        ("model", f"{result.model}: the mean of {counted(len(result.heads), 'head')}"),
        ("score", f"{method}; pairs at least {counted(result.separation, 'residue')} apart"),
    ]
    if result.changes:
        facts.append(("changed", _counted(result.changes)))
    if not result.looks_ahead:
        facts.append(("causal", "the model looks back only: each pair is seen from its later residue"))
    if result.truth_source is not None:
        facts.append(("truth", result.truth_source))
    if result.best is not None:
        facts.append(("precision", _shares(result.precisions or [])))
        name = f"head {result.best.layer}.{result.best.head}"
        facts.append(("best head", f"{name}: {_shares(result.best_precisions or [])}"))
        facts.append(("chosen", "with the truth in sight: on another sequence it may do worse"))
    elif told:
        facts.append(("precision", "none: no two residues are far enough apart to count"))
    elif not result.pairs:
        facts.append(("pairs", f"none: no two residues are {result.separation} or more apart"))
    left = len(result.pairs) - 2 * TOP
    return Group(table, *([f"… and {left:,} more pairs (-o has all)"] if left > 0 else []), "", fact_table(facts))


def _shares(found: list[Precision]) -> str:
    parts = []
    for separation in dict.fromkeys(one.separation for one in found):
        some = [one for one in found if one.separation == separation]
        shares = "  ".join(f"{one.top} {one.precision:.2f}" for one in some)
        parts.append(f"≥ {separation} apart: {shares} (by chance {some[0].chance:.3f})")
    return "; ".join(parts)


def datasets(result: DataList) -> RenderableType:
    """Draw the shelf of data: what each holds, under which licence, and what to cite."""
    table = new_table("name", "of", ">MB", "here", "what it is")
    for entry in result.datasets:
        told = Text(f"{entry.description}\n")
        told.append(f"{entry.licence}. {entry.citation}. {entry.source}", style="dim")
        size, here = f"{entry.bytes / 1e6:,.1f}", "yes" if entry.cached else "no"
        table.add_row(entry.name, entry.alphabet, size, here, told)
    return Group(table, "", f"cache: {result.cache}")
