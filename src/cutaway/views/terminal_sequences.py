"""Mutation effects, contacts and the shelf of data in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.errors import counted, sized
from cutaway.views.terminal_tables import bar, fact_table, more, new_table, shorten

if TYPE_CHECKING:
    from cutaway.inside.contact_map import Contacts
    from cutaway.inside.contact_precision import Precision
    from cutaway.models import DataList
    from cutaway.prediction import Mutations

TOP = 8  # substitutions shown from either end, positions shown


def mutations(result: Mutations) -> RenderableType:
    """Draw the substitutions that the model likes best and least, and the positions that allow the fewest."""
    ranked = sorted(result.rows(), key=lambda row: -row["effect_nats"])
    most = max((abs(row["effect_nats"]) for row in ranked), default=0) or 1
    parts: list[RenderableType] = []
    for title, some in (("most preferred", ranked[:TOP]), ("least preferred", ranked[TOP:][-TOP:])):
        columns = ["mutation", ">effect, nats", *([">profile, nats"] if result.profile else []), ""]
        rows = (_cells(row, most, result.profile is not None) for row in some)
        parts += [Text(title, style="dim"), new_table(*columns, rows=rows), ""]
    means = [
        (sum(effects) / max(1, len(effects) - 1), f"{wild}{position}")
        for effects, wild, position in zip(result.effects, result.wild, result.positions, strict=True)
    ]
    letters = " ".join(result.letters)
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
        ("changed", _counted(result.changes)),
        ("alphabet", f"{result.alphabet}: {letters}"),
        ("not scored", f"{counted(result.unscored, 'token')} outside {letters}" if result.unscored else ""),
    ]
    if profile := result.profile:
        alike = "undefined" if profile.spearman is None else f"{profile.spearman:+.3f}"
        rows_of = f"{profile.alignment}: {counted(profile.rows, 'row')}, pseudocount {profile.pseudocount:g}"
        spearman = f"{alike} between model and profile, over {counted(profile.pairs, 'substitution')}"
        facts += [("profile", rows_of), ("Spearman", spearman)]
    return Group(*parts, fact_table(facts))


def _counted(changes: dict[str, int]) -> str:
    return "; ".join(f"{rule}: {count:,}" for rule, count in changes.items())


def _cells(row: dict[str, Any], most: float, profiled: bool) -> list[str | Text]:
    effect = row["effect_nats"]
    middle = [f"{row['profile_nats']:+.3f}"] if profiled else []
    size = bar(30 * abs(effect) / most, "cyan" if effect > 0 else "red")
    return [row["mutation"], f"{effect:+.3f}", *middle, size]


def contacts(result: Contacts) -> RenderableType:
    """Draw the highest pairs, and how many of them are contacts, if that is known."""
    told = result.truth is not None
    table = new_table(">i", "", ">j", "", ">score", *(["known"] if told else []), "")
    most = max((abs(pair.score) for pair in result.pairs), default=0) or 1
    for pair in result.pairs[: 2 * TOP]:
        known = ["yes" if pair.known else "no"] if told else []
        size = bar(30 * max(0.0, pair.score) / most)
        table.add_row(str(pair.i), pair.first, str(pair.j), pair.second, f"{pair.score:.4f}", *known, size)
    method = "symmetrised attention" + (", average product corrected" if result.apc else "")
    facts = [
        ("sequence", f"{shorten(result.text, 80)} ({counted(len(result.residues), 'residue')})"),
        ("model", f"{result.model}: the mean of {counted(len(result.heads), 'head')}"),
        ("score", f"{method}; pairs at least {counted(result.separation, 'residue')} apart"),
        ("changed", _counted(result.changes)),
        ("causal", "" if result.looks_ahead else "the model looks back only: each pair is seen from its later residue"),
        ("truth", result.truth_source or ""),
    ]
    if result.best is not None:
        facts.append(("precision", _shares(result.precisions or [])))
        name = f"head {result.best.layer}.{result.best.head}"
        facts.append(("best head", f"{name}: {_shares(result.best_precisions or [])}"))
        facts.append(("chosen", "with the truth in sight: on another sequence it may do worse"))
    elif told:
        facts.append(("precision", "none: no two residues are far enough apart to count"))
    elif not result.pairs:
        facts.append(("pairs", f"none: no two residues are {result.separation} or more apart"))
    return Group(table, *more(len(result.pairs) - 2 * TOP, "pairs", " (-o has all)"), "", fact_table(facts))


def _shares(found: list[Precision]) -> str:
    parts = []
    for separation in dict.fromkeys(one.separation for one in found):
        some = [one for one in found if one.separation == separation]
        shares = "  ".join(f"{one.top} {one.precision:.2f}" for one in some)
        parts.append(f"≥ {separation} apart: {shares} (by chance {some[0].chance:.3f})")
    return "; ".join(parts)


def datasets(result: DataList) -> RenderableType:
    """Draw the shelf of data: what each holds, under which licence, and what to cite."""
    table = new_table("name", "of", ">size", "here", "what it is")
    for entry in result.datasets:
        told = Text(f"{entry.description}\n")
        told.append(f"{entry.licence}. {entry.citation}. {entry.source}", style="dim")
        here = "yes" if entry.cached else "no"
        table.add_row(entry.name, entry.alphabet, sized(entry.bytes), here, told)
    return Group(table, "", f"cache: {result.cache}")
