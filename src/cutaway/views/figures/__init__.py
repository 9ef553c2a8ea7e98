"""Figures for a paper or a slide: a record in, the bytes of an SVG or a PNG out, the same bytes every time.

One file draws one schema; `style.py` has the palette and the line weights of the page, `heat.py` the maps with labels
that several of them use. Drawn by matplotlib, which is imported only when a figure is asked for.
"""

from __future__ import annotations

from typing import Any


def figure(records: list[dict[str, Any]], suffix: str) -> bytes:
    """Return a record's figure as the bytes of a file of that suffix, ".svg" or ".png".

    Raises `ValueError` for more than one record, and for a schema that has no figure.
    """
    from cutaway.views.figures import (  # map is named like its schema
        ablation,
        attention,
        comparison,
        contacts,
        evaluation,
        forecast,
        generation,
        heads,
        lens,
        map,  # noqa: A004
        mutations,
        sweep,
        tokenizers,
        translation,
    )
    from cutaway.views.figures.style import drawn

    [record] = records
    schema = str(record.get("schema"))
    drawings = {
        "cutaway.ablation/1": ablation.draw,
        "cutaway.attention/1": attention.draw,
        "cutaway.comparison/1": comparison.draw,
        "cutaway.contacts/1": contacts.draw,
        "cutaway.evaluation/1": evaluation.draw,
        "cutaway.forecast/1": forecast.draw,
        "cutaway.generation/1": generation.draw,
        "cutaway.heads/1": heads.draw,
        "cutaway.lens/1": lens.draw,
        "cutaway.map/1": map.draw,
        "cutaway.mutations/1": mutations.draw,
        "cutaway.sample_evaluation/1": evaluation.draw,
        "cutaway.sweep/1": sweep.draw,
        "cutaway.tokenizer_comparison/1": tokenizers.draw,
        "cutaway.translation/1": translation.draw,
    }
    if schema not in drawings:
        raise ValueError(f"there is no figure of {schema}")
    return drawn(lambda: drawings[schema](record), suffix)
