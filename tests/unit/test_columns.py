"""Tables in a terminal of 80 columns: no word of a heading and no number is broken, no line is longer."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console, Group
from rich.table import Table

from cutaway.generation import generate, sweep
from cutaway.inside import attention, lens
from cutaway.models import load, tokenize
from cutaway.prediction import score
from cutaway.tokens import Sample, compare_tokenizers, train_tokenizer
from cutaway.views import terminal, terminal_inside, terminal_lens, terminal_sweep, terminal_tokenizers, terminal_trace
from cutaway.views.terminal_tables import new_table


@pytest.fixture
def drawings(tiny_llama):
    model = load(tiny_llama)
    texts = ["The capital of France is", "Water boils at"] * 20
    compared = compare_tokenizers(
        [train_tokenizer(texts, kind) for kind in ("char", "word")], [Sample("a", "text", texts)]
    )
    swept = {"temperature": [0, 1.5], "top_p": [0.9, 1]}
    more = swept | {"repetition_penalty": [1, 1.2], "max_new_tokens": [4, 9]}
    return {
        "compare": terminal_tokenizers.comparison(compared),
        "lens": terminal_lens.lens(lens("No, I am your father", model)),
        "sweep": terminal_sweep.sweep(sweep("The animal", model, settings=swept, scorer=model, max_new_tokens=12)),
        "sweep of four": terminal_sweep.sweep(sweep("The animal", model, settings=more, scorer=model)),
        "trace": terminal_trace.traces(generate("No, I am", model, max_new_tokens=6, trace=True)),
        "score": terminal.score(score("No, I am your father", model)),
        "attention": terminal_inside.attention(attention("No, I am your father", model)),
    }


def tables(drawing):
    if isinstance(drawing, Table):
        yield drawing
    elif isinstance(drawing, Group):
        for part in drawing.renderables:
            yield from tables(part)


@pytest.mark.parametrize("width", [80, 100])
def test_no_heading_and_no_number_is_broken_over_lines(drawings, width):
    for name, drawing in drawings.items():
        stream = io.StringIO()
        Console(file=stream, width=width, markup=False, highlight=False).print(drawing, crop=False)
        words = set(stream.getvalue().split())
        for table in tables(drawing):
            for column in table.columns:
                numbers = column.cells if column.justify == "right" else ()
                for cell in (column.header, *numbers):
                    assert set(str(cell).split()) <= words, (name, str(cell), stream.getvalue())
        assert max(map(len, stream.getvalue().splitlines())) <= width, name


def test_a_heading_folds_between_words_only():
    table = new_table(">as bytes", "what it is")
    table.add_row("1,234.5", "a text that is far too long for the line " * 3)
    stream = io.StringIO()
    Console(file=stream, width=16).print(table, crop=False)
    lines = stream.getvalue().splitlines()
    assert lines[0].split()[0] == "as" and lines[1].split()[0] == "bytes" and lines[2].split()[0] == "1,234.5"


def test_one_of_a_thing_is_written_in_the_singular(tiny_llama):
    model = load(tiny_llama)
    drawn = [
        terminal_inside.attention(attention("a", model, layers=[0], heads=[0])),
        terminal.score(score("ab", model)),
        terminal.tokens(tokenize("a", model)),
        terminal.generations(generate("a", model, max_new_tokens=1, num_return_sequences=2)),
    ]
    stream = io.StringIO()
    for drawing in drawn:
        Console(file=stream, width=200).print(drawing)
    found = re.findall(r"\b1 (?:layer|head|quer|key|token|character|byte)\w*", stream.getvalue())
    assert len(found) > 5 and not [one for one in found if one.endswith("s")], stream.getvalue()
