"""The tour on the real model: every section, every reproducing line, one small page."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers

from cutaway.cli import main
from cutaway.lessons import tour
from cutaway.models.listing import model_info
from tests.real.shell import execute

KEYS = [
    "sequences", "generation", "tokens", "embeddings", "architecture", "attention", "classification", "training",
    "saving", "models",
]  # fmt: skip


@pytest.fixture(scope="module")
def short_tour(request):
    return {}


@pytest.fixture
def result(short_tour, smollm2, minilm, gpt2_vocab):
    if not short_tour:
        short_tour["tour"] = tour("smollm2-135m", steps=60)  # by name, as the printed lines are
    return short_tour["tour"]


def test_sections_come_in_order_with_words_results_and_lines(result):
    assert [section.key for section in result.sections] == KEYS
    for section in result.sections:
        assert section.results
        assert section.python.startswith("import cutaway")
        assert all(len(paragraph) > 40 for paragraph in section.paragraphs)
        assert section.seconds > 0
    assert result.seconds >= sum(section.seconds for section in result.sections) * 0.99


def test_the_page_contains_the_exact_results_and_is_small(result, tmp_path):
    path = result.save(tmp_path / "tour.html")
    page = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 5_000_000
    [block] = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert json.loads(block) == [json.loads(result.to_json())]


def test_training_falls_and_stays_above_its_floor(result):
    [training] = [r for r in result.sections[7].results if r["schema"] == "cutaway.training/1"]
    assert training["final_loss"] < training["metrics"][0]["loss"] / 2
    assert training["final_loss"] > training["final_floor"]
    saved = result.sections[8].results[0]
    assert saved["max_abs_difference"] == 0.0
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= {f["name"] for f in saved["files"]}


def test_every_line_that_reproduces_a_section_runs(result, tmp_path, monkeypatch, capsys):
    for kind in ("python", "shell"):
        folder = tmp_path / kind
        folder.mkdir()
        monkeypatch.chdir(folder)
        for section in result.sections:
            if kind == "python":
                exec(section.python, {})
            else:
                execute(section.shell)


def test_the_lines_give_the_numbers_on_the_page(result, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    for section in result.sections:
        if section.key not in {"sequences", "generation", "classification"}:
            continue
        capsys.readouterr()
        execute(section.shell + " --json")
        printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        shown = [{k: v for k, v in record.items() if k != "caption"} for record in section.results]
        assert printed == shown


def test_a_script_in_the_prompt_is_text_and_the_lines_run_beside_the_page(
    smollm2, minilm, gpt2_vocab, tmp_path, monkeypatch, capsys
):
    """The folder that the page names is there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    prompt = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    with pytest.raises(SystemExit) as end:
        main(["tour", "--prompt", prompt, "--steps", "10", "-o", "tour.html"])
        raise SystemExit(0)
    assert end.value.code == 0
    page = (tmp_path / "tour.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<img" not in page
    [block] = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    saving = json.loads(block)[0]["sections"][8]
    command = Path(sys.executable).absolute().parent / "cutaway"
    last = capsys.readouterr().err.splitlines()[-1]
    if command.is_file():  # cutaway is installed, and this PATH does not lead to it
        done = subprocess.run(["bash", "-c", f"{last.partition(': ')[2]}\ncommand -v cutaway"], capture_output=True)
        assert Path(done.stdout.decode().strip()).samefile(command), last
    assert (tmp_path / "tiny-model" / "model.safetensors").is_file()
    assert saving["results"][0]["directory"] == "tiny-model"
    capsys.readouterr()
    execute(saving["shell"])
    assert capsys.readouterr().out.strip()
    exec(saving["python"], {})
    assert capsys.readouterr().out.strip()


def test_attention_opens_at_the_head_that_links_it_and_the_animal_most(result, smollm2):
    first = result.sections[5].results[0]
    tokens, focus = first["stacks"][0]["queries"], first["focus"]
    query, key = tokens.index(" it"), tokens.index(" animal")
    folder = model_info(smollm2).path
    eager = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.inference_mode():
        ids = transformers.AutoTokenizer.from_pretrained(folder)(first["text"], return_tensors="pt").input_ids
        maps = torch.stack(eager(ids, output_attentions=True).attentions)[:, 0]
    gain = maps[:, :, query, key] - maps[:, :, query, 0]
    layer, head = divmod(int(gain.argmax()), gain.shape[1])
    assert (focus["layer"], focus["head"], focus["query"], focus["key"]) == (layer, head, query, key)
    assert focus["weight"] == pytest.approx(float(maps[layer, head, query, key]), abs=1e-4)
    assert any(
        f"head {layer}.{head}" in text and f"{focus['weight']:.0%}" in text for text in result.sections[5].paragraphs
    )
