"""The shelf and one model in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from cutaway.errors import sized
from cutaway.views.terminal_tables import fact_table, new_table

if TYPE_CHECKING:
    from cutaway.models import ModelInfo, ModelList
    from cutaway.models.prepared import Divergence

_WIDE = 110  # columns from which on the list also says what each model is


def models(result: ModelList) -> RenderableType:
    """Draw the shelf; what each model is does not fit into a narrow terminal."""
    return _Shelf(result)


class _Shelf:
    def __init__(self, result: ModelList) -> None:
        self.result = result

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.max_width >= _WIDE
        table = new_table("name", "domain", "task", ">size", "here", "licence", *(["what it is"] if wide else []))
        for one in self.result.models:
            here = "built in" if one.built_in else "yes" if one.cached else "no"
            cells = (one.name, one.domain or "", one.task or "", sized(one.bytes), here, one.licence or "")
            table.add_row(*cells, *([one.description] if wide else []))
        yield table
        yield ""
        if not wide:
            yield "what a model is: cutaway models info NAME, cutaway models card NAME"
        yield f"cache: {self.result.cache}"


def _far(far: Divergence) -> str:
    return (
        f"KL to float32 {far.mean:.4f} nats per token; a single log-probability is off by up to {far.largest:.2f} nats"
    )


def model(result: ModelInfo) -> RenderableType:
    """Draw what is known of one model."""
    files = Text("\n".join(f"{file.name}  {file.bytes:,}" for file in result.files))
    return fact_table(
        [
            ("name", result.name),
            ("what it is", result.description or ""),
            ("path", result.path),
            ("source", result.source),
            ("licence", result.licence or "unknown"),
            ("citation", result.citation or ""),
            ("type", f"{result.model_type or 'unknown'}" + (f" ({result.kind})" if result.kind else "")),
            ("domain", result.domain or ""),
            ("task", result.task or ""),
            ("held out", result.headline or ""),
            ("bytes", f"{result.bytes:,}"),
            *((f"tier {tier}", _far(far)) for tier, far in result.divergence.items()),
            ("files", files),
        ]
    )
