"""The look of the page for figures on paper: its palette, its line weights, its way of showing text.

Everything is measured as on the page, in CSS pixels (96 an inch) from the top left, so that a page, a PNG and a
notebook look drawn by one hand. The colours are those of `static/page.css`; a test holds the two together.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

SHEET, INK, MUTED, LINE, TINT, ACCENT = "#fffefb", "#17222e", "#52606d", "#93a1ae", "#f0eee3", "#b3341f"
# Cividis, its empty end the paper: nothing looks like nothing.
RAMP: Final = ["#fbfaf5", "#f4efd1", "#d0c697", "#9c9577", "#7d7c78", "#61656f", "#434e6c", "#1a386f", "#00224e"]
# Ochre below zero, the paper at zero, the ramp's blue above it; even in lightness, and told apart by every eye.
DIVERGING: Final = ["#7a3b00", "#a8641a", "#cf9a55", "#ead1a8", "#fbfaf5", "#b9c4d8", "#7388ad", "#3a5486", "#00224e"]
GROUPS: Final = ["#00224e", "#888578", "#3b496c", "#6f7073", "#123570", "#565c6d"]

PIXEL: Final = 1 / 96  # inches
_DPI: Final = 192  # two dots a pixel
_POINT: Final = 72 / 96  # points a pixel
_RC: Final[dict[str, Any]] = {
    "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same letters on every machine
    "svg.fonttype": "path",
    "svg.hashsalt": "cutaway",
    "text.parse_math": False,  # a model may write dollar signs
    "text.usetex": False,
    "path.simplify": False,
    "axes.linewidth": _POINT,
    "axes.edgecolor": INK,
    "axes.facecolor": SHEET,
    "figure.facecolor": SHEET,
    "savefig.facecolor": SHEET,
    "image.composite_image": False,
}


def drawn(draw: Callable[[], Sheet], suffix: str) -> bytes:
    """Return the bytes of what `draw` draws, whatever style the caller's own matplotlib has been given."""
    with mpl.rc_context():
        mpl.rcdefaults()
        parameters: Any = mpl.rcParams
        parameters.update(_RC)
        return draw().to_bytes(suffix)


class Sheet:
    """A sheet to draw on, measured in pixels from its top left."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height, self.title = width, height, legible(title, spaces=False)
        self.figure = Figure(figsize=(width * PIXEL, height * PIXEL), dpi=_DPI)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes at that place without a frame, ticks or margins."""
        box = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        axes: Axes = self.figure.add_axes(box)
        axes.set_axis_off()
        return axes

    def text(self, x: float, y: float, text: str, *, size: float = 12, colour: str = INK, **options: Any) -> None:
        """Write a line of text, its baseline at y; what is in it is shown, never obeyed.

        A line that begins at x ends before the right edge of the sheet: what has no room is cut off, with "…".
        """
        place, shown = (x / self.width, 1 - y / self.height), legible(text, spaces=False) if text else ""
        if not options.keys() & {"ha", "rotation"}:
            bold = 1.12 if options.get("weight") == "bold" else 1.0
            shown = fitted(shown, size * bold, self.width - 12 - x)
        self.figure.text(*place, shown, fontsize=size * _POINT, color=colour, **options)

    def quote(self, text: str | None, y: float = 60) -> None:
        """Write the text that a model was given, or that it was random."""
        said = f"“{clip(legible(text, spaces=False), 400)}”" if text else "text: random tokens, all of them twice"
        self.text(20, y, said, size=11, colour=MUTED)

    def line(self, xs: list[float], ys: list[float], *, colour: str = LINE, weight: float = 1, **options: Any) -> None:
        """Draw a line through points."""
        places = [x / self.width for x in xs], [1 - y / self.height for y in ys]
        self.figure.add_artist(Line2D(*places, color=colour, linewidth=weight * _POINT, **options))

    def rules(self, ticks: Sequence[float], left: float, right: float, y: Callable[[float], float]) -> None:
        """Draw dotted lines at the ticks of an axis, each named at its left; the one at 0 is solid."""
        for value in ticks:
            self.line([left, right], [y(value)] * 2, weight=0.5, linestyle=(0, (1, 4)) if value else "-")
            self.text(left - 5, y(value) + 4, f"{value:g}", size=10, colour=MUTED, ha="right")

    def box(
        self, left: float, top: float, width: float, height: float, *, colour: str = LINE, weight: float = 1
    ) -> None:
        """Draw an empty box."""
        corner = (left / self.width, 1 - (top + height) / self.height)
        size = (width / self.width, height / self.height)
        self.figure.add_artist(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=weight * _POINT))

    def picture(self, left: float, top: float, width: float, height: float, colours_RC3: npt.NDArray[Any]) -> Axes:
        """Paint cells of equal size over that place; returns axes whose unit is one cell, from the top left."""
        rows, columns = colours_RC3.shape[:2]
        axes = self.axes(left, top, width, height)
        axes.imshow(colours_RC3, interpolation="nearest", aspect="auto", extent=(0, columns, rows, 0))
        return axes

    def heading(self, kind: str, model: str, hint: str = "") -> None:
        """Write what is shown, of which model, and one line of how to read it, over the top 46 pixels."""
        self.text(20, 24, f"{kind} · ", size=13, colour=MUTED)
        self.text(
            20 + text_width(f"{kind} ·", 13) + 5, 24, clip(legible(model, spaces=False), 60), size=13, weight="bold"
        )
        self.text(20, 42, hint, size=11, colour=MUTED)

    def to_bytes(self, suffix: str) -> bytes:
        """Return the file: no date and no version in it, so that the same drawing is the same bytes."""
        stream = io.BytesIO()
        if suffix == ".png":
            agg: Any = FigureCanvasAgg(self.figure)
            agg.print_png(stream, metadata={"Software": None})
        else:
            metadata = {"Title": self.title, "Date": None, "Creator": None, "Format": None, "Type": None}
            svg: Any = FigureCanvasSVG(self.figure)
            svg.print_svg(stream, metadata=metadata)
        return stream.getvalue()


def ramp(fractions: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return the colour [..., 3] of fractions from 0 to 1; those that are not numbers are left as the bare sheet."""
    return _through(RAMP, fractions)


def diverge(fractions: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return the colour [..., 3] of fractions from -1 to 1, the paper at 0."""
    return _through(DIVERGING, (fractions + 1) / 2)


def legible(text: str, *, spaces: bool = True) -> str:
    """Return the text with nothing unseen in it: spaces as dots, and by number what is a control or has no glyph."""
    return "".join(_shown(char, spaces) for char in str(text)) or "∅"


def clip(text: str, most: int) -> str:
    """Return the text, cut to so many letters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def number(value: float) -> str:
    """Return a number of three digits as people write it."""
    return f"{value:.3g}".replace("-", "−")


def signed(value: float) -> str:
    """Return a number as `number` does, one above 0 with its sign."""
    return f"+{number(value)}" if value > 0 else number(value)


def last_part(name: str) -> str:
    """Return the last part of a path, or of a model's id."""
    return name.rstrip("/").rsplit("/", 1)[-1] or name


@functools.cache
def text_width(text: str, size: float) -> float:
    """Return how wide a line of text is, in pixels."""
    font = _font()
    font.set_size(size * _POINT, 96)
    font.set_text(text, 0.0)
    width, _ = font.get_width_height()
    return float(width / 64)


def fitted(text: str, size: float, room: float) -> str:
    """Return the text, cut to that many pixels."""
    wide = text_width(text, size)
    if wide <= room:
        return text
    most = int(len(text) * room / wide) + 1
    while most > 1 and text_width(clip(text, most), size) > room:
        most -= 1
    return clip(text, most)


@functools.cache
def _font() -> FT2Font:
    return FT2Font(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"))


def _shown(char: str, spaces: bool) -> str:
    code = ord(char)
    if char == " ":
        return "·" if spaces else " "
    if char in "\n\t":
        return "⏎" if char == "\n" else "⇥"
    control = code < 0x20 or 0x7F <= code < 0xA0 or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
    unseen = code in {0xA0, 0xAD, 0xFEFF} or 0x200B <= code <= 0x200F or 0x2028 <= code <= 0x2029
    surrogate = 0xD800 <= code <= 0xDFFF
    if control or unseen or surrogate or not _font().get_char_index(code):
        return f"⟨U+{code:04X}⟩"
    return char


def _through(steps: list[str], fractions: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    stops_N3 = np.array([[int(step[at : at + 2], 16) for at in (1, 3, 5)] for step in [*steps, SHEET]], float)
    at = np.clip(np.nan_to_num(np.asarray(fractions, float)), 0, 1) * (len(steps) - 1)
    low = np.minimum(at.astype(int), len(steps) - 2)
    colours = stops_N3[low] + (stops_N3[low + 1] - stops_N3[low]) * (at - low)[..., None]
    colours[np.isnan(fractions)] = stops_N3[-1]
    painted: npt.NDArray[np.uint8] = np.rint(colours).astype(np.uint8)
    return painted
