"""Records in a terminal: the first of them, and the tally of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from cutaway.views.terminal_tables import fact_table, new_table, shorten, visible_piece

if TYPE_CHECKING:
    from cutaway.sequences import RecordSummary


def records(summary: RecordSummary) -> RenderableType:
    """Draw the first records, then how many there are and how long, what was changed, and what was skipped."""
    counts = summary.counts
    table = new_table(">line", "id", "label", ">length", "sequence")
    for record in summary.first:
        if isinstance(record.sequence, str):
            length, start = f"{len(record.sequence):,}", visible_piece(shorten(record.sequence[:100], 50))
        else:
            length = f"{len(record.sequence)} × {len(record.sequence[0]):,}"
            start = shorten(", ".join(f"{x:.4g}" for x in record.sequence[0][:12]), 50)
        label = "" if record.label is None else visible_piece(shorten(record.label, 20))
        table.add_row(f"{record.line:,}", visible_piece(shorten(record.id, 30)), label, length, start)
    many = counts["records"]
    facts = [("records", f"{many:,}" + (f", {counts['skipped']:,} skipped" if counts["skipped"] else ""))]
    if many:
        spread = f"{summary.shortest:,}"
        if summary.longest > summary.shortest:
            spread += f" to {summary.longest:,}, on average {summary.total_length / many:,.1f}"
        facts.append(("length", f"{spread}; {summary.total_length:,} in all"))
    rules = [_rule(rule, count) for rule, count in counts.items() if rule not in ("records", "skipped")]
    return Group(table, "", fact_table([*facts, *rules, *(("skipped", place) for place in summary.first_skipped)]))


def _rule(rule: str, count: int) -> tuple[str, str]:
    """Return a rule and its count, followed by the names that the rule has in parentheses."""
    rule, _, names = rule.partition(" (")
    return rule, f"{count:,}" + (f": {names[:-1]}" if names else "")
