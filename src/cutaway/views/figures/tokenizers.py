"""Tokenizers compared: a band for each sample, a small plot for each measure, a bar for each tokenizer."""

from __future__ import annotations

from typing import Any

from cutaway.errors import counted
from cutaway.views.figures.style import INK, LINE, MUTED, RAMP, Sheet, clip, last_part, legible, number, text_width

_BAR: Any = RAMP[5]
_ROW, _WIDE, _GAP = 20.0, 168.0, 18.0
_MEASURES = ("fertility", "bits_per_symbol", "exact", "used", "substitution", "indel")
_SHARES = {"exact", "used"}


def draw(record: dict[str, Any]) -> Sheet:
    """Draw a `cutaway.tokenizer_comparison/1` record."""
    names = [clip(last_part(one["name"]), 24) for one in record["tokenizers"]]
    label = max(text_width(legible(name, spaces=False), 11) for name in names) + 12
    band = 62 + _ROW * len(names)
    left = 20 + label
    width = left + len(_MEASURES) * (_WIDE + _GAP) + 6
    title = f"Tokenizers: {', '.join(one['name'] for one in record['tokenizers'])}"
    sheet = Sheet(width, 66 + band * len(record["samples"]) + 22, title)
    hint = "A bar a tokenizer. An empty box: it does not bring every record back; its bits are not to be compared."
    sheet.heading("Tokenizers compared", ", ".join(names), hint)
    for s, sample in enumerate(record["samples"]):
        top = 62 + s * band
        cells = record["cells"][s * len(names) : (s + 1) * len(names)]
        records = f"{sample['records']:,} record{'s' if sample['records'] != 1 else ''}"
        size = f"{records}, {sample['symbols']:,} {sample['symbol']}s"
        file = clip(legible(last_part(sample["name"]), spaces=False), 60)
        sheet.text(20, top + 16, f"{file} ({sample['alphabet']}): {size}", size=12, weight="bold")
        for i, name in enumerate(names):
            sheet.text(left - 10, top + 58 + i * _ROW, name, size=11, ha="right")
        for m, measure in enumerate(_MEASURES):
            place = (left + m * (_WIDE + _GAP), top + 36)
            _plot(sheet, _called(measure, sample), measure, cells, place)
    said = f"Changed tokens: means over {counted(record['edits'], 'place')}, seed {record['seed']}."
    sheet.text(20, sheet.height - 14, said, size=11, colour=MUTED)
    return sheet


def _plot(sheet: Sheet, title: str, measure: str, cells: list[dict[str, Any]], place: tuple[float, float]) -> None:
    x0, y0 = place
    sheet.text(x0, y0, title, size=10.5, colour=MUTED)
    values = [cell[measure] for cell in cells]
    most = 1.0 if measure == "exact" else max((value for value in values if value is not None), default=0) or 1.0
    room = _WIDE - 52
    sheet.line([x0, x0], [y0 + 8, y0 + 8 + _ROW * len(cells)], colour=INK)
    for i, (cell, value) in enumerate(zip(cells, values, strict=True)):
        y = y0 + 8 + (i + 0.5) * _ROW
        if value is None:
            sheet.text(x0 + 6, y + 4, "–", size=10, colour=MUTED)
            continue
        long = max(0.5, room * value / most)
        if measure != "exact" and not cell["comparable"]:
            sheet.box(x0, y - 5.5, long, 11, colour=LINE)
        else:
            sheet.line([x0, x0 + long], [y, y], colour=_BAR, weight=11, solid_capstyle="butt")
        sheet.text(x0 + long + 5, y + 4, _said(value, measure in _SHARES), size=10)


def _called(measure: str, sample: dict[str, Any]) -> str:
    return {
        "fertility": f"tokens per {sample['unit']}",
        "bits_per_symbol": f"bits per {sample['symbol']}, bigram",
        "exact": "records that come back",
        "used": "of the vocabulary used",
        "substitution": "tokens changed: replaced",
        "indel": "tokens changed: in or out",
    }[measure]


def _said(value: float, share: bool) -> str:
    shown, unit = (100 * value, " %") if share else (value, "")
    return f"{'< 0.001' if 0 < shown < 0.001 else number(shown)}{unit}"
