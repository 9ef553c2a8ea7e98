"""A result in a notebook cell: the page in a frame, the record in short, and the same once nbconvert has run."""

import html
import json
import re

import pytest

nbclient = pytest.importorskip("nbclient")
nbconvert = pytest.importorskip("nbconvert")
nbformat = pytest.importorskip("nbformat")


@pytest.mark.usefixtures("kernel")
def test_verbs_show_themselves_in_a_notebook(tiny_gpt2):
    verbs = ["tokenize", "score", "attention"]
    cells = [f"import cutaway\ncutaway.{verb}('</script><b>No, I am', {str(tiny_gpt2)!r})" for verb in verbs]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=300).execute()
    for cell, schema in zip(notebook.cells, ["tokens", "score", "attention"], strict=True):
        [output] = [o for o in cell.outputs if o.output_type == "execute_result"]
        frame, short = output["data"]["text/html"], output["data"]["text/plain"]
        assert len(short) < 2000
        assert frame.startswith("<iframe ")
        [source] = re.findall(r'srcdoc="([^"]*)"', frame)
        [block] = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html.unescape(source), re.DOTALL)
        [record] = json.loads(block)
        assert record["schema"] == f"cutaway.{schema}/1"
        assert record["text"] == "</script><b>No, I am"
    page, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    assert page.count("srcdoc=") == 3


@pytest.mark.usefixtures("kernel")
def test_responses_and_a_training_are_readable_and_nothing_warns(tiny_gpt2):
    cells = [
        f"import cutaway\ncutaway.generate('No', {str(tiny_gpt2)!r}, num_return_sequences=2, max_new_tokens=3, seed=7)",
        "print(cutaway.train(steps=2, layers=1, heads=1, width=8, context=16))",
        f"cutaway.attention('No, I am', {str(tiny_gpt2)!r})",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=300).execute()
    [shown] = [o for o in notebook.cells[0].outputs if o.output_type == "execute_result"]
    [source] = re.findall(r'srcdoc="([^"]*)"', shown["data"]["text/html"])
    [block] = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html.unescape(source), re.DOTALL)
    assert [record["seed"] for record in json.loads(block)] == [7, 8]
    assert len(shown["data"]["text/plain"]) < 2000
    printed = "".join(o.text for o in notebook.cells[1].outputs if o.get("name") == "stdout")
    assert printed.startswith("Training\n  name ") and "metrics             2 × StepRecord" in printed
    said = "".join(o.text for cell in notebook.cells for o in cell.outputs if o.get("name") == "stderr")
    assert "Warning" not in said and "\r" not in said and "%|" not in said
    assert all(re.match(r"\d{4}-", line) for line in said.splitlines())
