"""What two compared runs show, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cutaway.errors import counted
from cutaway.progress import duration
from cutaway.training.run_comparison_result import CurvePoint, Difference, RunSide


def sentences(a: RunSide, b: RunSide, same_rows: bool, differences: Sequence[Difference]) -> list[str]:
    """Return what is to be said about two runs."""
    said = [_ends(a, b) if same_rows else _not_comparable(a, b)]
    if same_rows:
        better, worse = ("A", a), ("B", b)
        if b.final_loss < a.final_loss:
            better, worse = worse, better
        reached = first_at(better[1].checked, worse[1].final_loss)
        if reached is not None and (reached.step < worse[1].steps or reached.tokens < worse[1].tokens_seen):
            said.append(_sooner(better[0], worse[0], worse[1], reached))
        for name, side in (("A", a), ("B", b)):
            if side.floor is not None and side.final_loss < side.floor - 1e-9:
                said.append(f"{name} lies below the floor of its source: some held-out data must have leaked.")
    said += [
        f"{name}'s best held-out loss was {side.best_loss:.4f}, at step {side.best_step:,}; it rose afterwards."
        for name, side in (("A", a), ("B", b))
        if side.best_loss < side.final_loss
    ]
    said += [
        f"{name} is not complete: it has {counted(side.steps, 'step')}."
        for name, side in (("A", a), ("B", b))
        if side.stopped == "it was interrupted"
    ]
    said.append(_given(differences))
    return said


def first_at(checked: Sequence[CurvePoint], loss: float) -> CurvePoint | None:
    """Return the first validation whose loss is at most this."""
    return next((point for point in checked if point.loss <= loss), None)


def _ends(a: RunSide, b: RunSide) -> str:
    if a.final_loss == b.final_loss:
        return f"Both end at the same held-out loss, {a.final_loss:.4f} nats per prediction."
    low, high, name = (a, b, "A") if a.final_loss < b.final_loss else (b, a, "B")
    apart = high.final_loss - low.final_loss
    unit = "" if a.objective == "numbers" else f" nats ({apart / math.log(2):.4f} bits)"
    return (
        f"{name} ends at the lower held-out loss: {low.final_loss:.4f} against {high.final_loss:.4f} per prediction, "
        f"{apart:.4f}{unit} less."
    )


def _not_comparable(a: RunSide, b: RunSide) -> str:
    why = "The runs were validated on different rows or tokens, so their losses can't be compared"
    if a.source == b.source and a.bits_per_symbol is not None and b.bits_per_symbol is not None:
        return (
            f"{why}; bits for each letter or number of the same data can: {a.bits_per_symbol:.4f} (A) and "
            f"{b.bits_per_symbol:.4f} (B)."
        )
    return f"{why}."


def _sooner(better: str, worse: str, slower: RunSide, reached: CurvePoint) -> str:
    return (
        f"{better} reaches {worse}'s final loss after {counted(reached.step, 'step')} ({worse}: {slower.steps:,}), "
        f"{counted(reached.tokens, 'prediction')} ({slower.tokens_seen:,}) and {duration(reached.seconds)} "
        f"({duration(slower.seconds)})."
    )


def _given(differences: Sequence[Difference]) -> str:
    if not differences:
        return "They differ in nothing that was given or decided."
    if {one.name for one in differences if one.group != "versions"} == {"seed"}:
        return "Only the seed differs, so what is different between them is chance."
    return f"They differ in {counted(len(differences), 'value')} of what was given and decided."
