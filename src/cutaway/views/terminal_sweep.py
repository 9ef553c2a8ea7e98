"""A sweep in a terminal: the sentences, and a table of settings × measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from cutaway.views.terminal_tables import more, new_table, shorten, visible_piece

if TYPE_CHECKING:
    from cutaway.generation import Sweep
    from cutaway.generation.sweep_effects import Cell

MOST = 60  # combinations drawn
# The measures that 80 columns have room for: beside one or two settings all, else the first few.
FEW = 4
SHOWN = (
    ("scorer_perplexity", "surprise", ""), ("perplexity", "surprise", ""),
    ("dictionary_words", "English", "{:.0%}"),
    ("repeated_4grams", "repeats", "{:.0%}"),
    ("self_bleu", "self BLEU", "{:.2f}"), ("reading_ease", "ease", "{:.0f}"), ("finished", "finished", "{:.0%}"),
    ("tokens", "tokens", "{:.0f}"),
)  # fmt: skip


def sweep(result: Sweep) -> RenderableType:
    """Draw the effects in sentences over the means of every combination."""
    names = list(result.swept) or ["model"]
    left_out = "perplexity" if result.scorer else "scorer_perplexity"
    shown = [
        one for one in SHOWN
        if one[0] != left_out and any(cell.means.get(one[0]) is not None for cell in result.cells)
    ]  # fmt: skip
    if "model" in names or len(names) > 2:
        shown = shown[:FEW]
    titles = [f"{'' if name == 'model' else '>'}{name.replace('_', ' ')}" for name in names]
    table = new_table(*titles, ">runs", *(f">{name}" for _, name, _ in shown))
    table.padding = (0, 1, 0, 0)
    texts = new_table(*titles, "a text")
    for cell in result.cells[:MOST]:
        values = [_value(cell.settings.get(name, result.model)) for name in names]
        table.add_row(*values, f"{cell.runs:,}", *(_mean(cell.means.get(key), form) for key, _, form in shown))
        texts.add_row(*values, Text(_example(result, cell), no_wrap=True, overflow="ellipsis"))
    meaning = {measure.key: measure.meaning for measure in result.measures}
    scorer = f" Here that model is {result.scorer}; means are geometric." if result.scorer else " Means are geometric."
    legend = [f"{name}: {meaning[key]}{scorer if name == 'surprise' else ''}" for key, name, _ in shown]
    return Group(
        *(Text(visible_piece(sentence)) for sentence in result.summary),
        "",
        table,
        *more(len(result.cells) - MOST, "combinations", ""),
        "",
        texts,
        "",
        *(Text(line, style="dim") for line in legend),
        Text("-o sweep.html has every run, all measures and intervals.", style="dim"),
    )


def _value(value: Any) -> str:
    if isinstance(value, str):  # a model: of a folder, its last part
        return shorten(visible_piece(value.rstrip("/").rsplit("/", 1)[-1] if value[:1] in "/." else value), 24)
    return "off" if value is None else ("no", "yes")[value] if isinstance(value, bool) else f"{value:g}"


def _mean(value: float | None, form: str) -> str:
    if value is None:
        return "–"
    shown = form.format(value) if form else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return shown.replace("-", "−")


def _example(result: Sweep, cell: Cell) -> str:
    """Return the beginning of what the first prompt became."""
    for run in result.runs:
        own = {**run.settings, "model": run.model}
        if all(own[name] == value for name, value in cell.settings.items()):
            return shorten(visible_piece(run.completion), 100)
    return ""
