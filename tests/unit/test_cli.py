"""The command line: what is imported, what goes where, which keys others rely on."""

import json
import logging
import os
import shutil
import subprocess
import sys

import click
import pytest

import cutaway
from cutaway.cli import cli, main

SENTENCE = "No, I am your father"


def run(capsys, *args):
    with pytest.raises(SystemExit) as done:
        main(list(args))
        raise SystemExit(0)
    captured = capsys.readouterr()
    return done.value.code or 0, captured.out, captured.err


def imported_by(*args):
    """Run a command in a process of its own and return its exit code and the modules it imported."""
    code = (
        "import sys\nfrom cutaway.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    code = end.code\nelse:\n    code = 0\n"
        "sys.stderr.write('\\n' + ' '.join([str(code or 0), *sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=True)
    code, *modules = done.stderr.splitlines()[-1].split()
    return int(code), set(modules)


@pytest.mark.parametrize("args", [["--help"], ["tokenize", "--help"], ["generate", "--help"], ["tour", "--help"]])
def test_help_imports_nothing_heavy(args):
    code, modules = imported_by(*args)
    assert code == 0
    assert not modules & {"torch", "transformers", "tokenizers", "huggingface_hub", "numpy", "rich"}


def test_tokenize_never_imports_torch(tiny_gpt2):
    code, modules = imported_by("tokenize", SENTENCE, "-m", str(tiny_gpt2))
    assert code == 0
    assert "tokenizers" in modules
    assert not modules & {"torch", "transformers"}


def test_import_cutaway_imports_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", "import sys, cutaway; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    assert not set(done.stdout.split()) & {"torch", "transformers", "tokenizers", "huggingface_hub", "numpy"}


def test_every_public_name_is_there_and_documented():
    for name in cutaway.__all__:
        thing = getattr(cutaway, name)
        assert name == "__version__" or thing.__doc__, name
    with pytest.raises(AttributeError, match="nonsense"):
        cutaway.nonsense  # noqa: B018


def test_every_command_has_an_example():
    commands = [command for command in cli.commands.values() if not isinstance(command, click.Group)]
    for group in cli.commands.values():
        commands += list(group.commands.values()) if isinstance(group, click.Group) else []
    assert len(commands) >= 13
    for command in commands:
        assert "Example" in command.help, command.name


def test_tokenize_json(capsys, tiny_gpt2):
    code, out, _ = run(capsys, "tokenize", SENTENCE, "-m", str(tiny_gpt2), "--json")
    record = json.loads(out)
    assert code == 0
    assert record["schema"] == "cutaway.tokens/1"
    assert {"model", "text", "tokens", "ids", "offsets", "decoded", "round_trip", "vocab_size"} <= set(record)
    assert record["decoded"] == record["text"] == SENTENCE
    assert record["round_trip"] is True
    assert [SENTENCE[a:b] for a, b in record["offsets"]] == list(SENTENCE)


def test_generate_json_is_a_line_a_response(capsys, tiny_gpt2, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("The animal\n\nNo, I am\n")
    args = ["generate", "-f", str(prompts), "-m", str(tiny_gpt2), "-n", "2", "--max-new-tokens", "5", "--json"]
    code, out, _ = run(capsys, *args)
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [record["prompt"] for record in records] == ["The animal"] * 2 + ["No, I am"] * 2
    keys = {"model", "prompt", "completion", "token_ids", "logprobs", "finish_reason", "seed"}
    assert all(keys <= set(record) and record["schema"] == "cutaway.generation/1" for record in records)


def test_generate_lines_do_not_depend_on_the_batches_they_come_in(capsys, tiny_gpt2, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("".join(f"Prompt {i}\n" for i in range(7)))
    args = ["generate", "-f", str(prompts), "-m", str(tiny_gpt2), "-n", "2", "--max-new-tokens", "6", "--json"]
    outs = [run(capsys, *args, "--batch-size", size)[1] for size in ("1", "4", "100")]
    assert len(outs[0].splitlines()) == 14
    assert [json.loads(line)["seed"] for line in outs[0].splitlines()] == list(range(14))
    texts = [[json.loads(line)["token_ids"] for line in out.splitlines()] for out in outs]
    assert texts[0] == texts[1] == texts[2]


def test_score_classify_architecture_json(capsys, tiny_gpt2, tiny_bert_classifier):
    _, out, _ = run(capsys, "score", SENTENCE, "-m", str(tiny_gpt2), "--json")
    record = json.loads(out)
    assert {"tokens", "total_bits", "bits_per_token", "bits_per_byte", "perplexity"} <= set(record)
    assert set(record["tokens"][0]) == {"token", "id", "logprob", "surprisal_bits", "rank", "entropy_bits"}
    _, out, _ = run(capsys, "classify", SENTENCE, "-m", str(tiny_bert_classifier), "--json")
    assert {"label", "score", "logits", "probabilities"} <= set(json.loads(out))
    _, out, _ = run(capsys, "architecture", str(tiny_gpt2), "--json")
    assert {"parameters", "bytes", "flops_per_token", "modules"} <= set(json.loads(out))
    _, out, _ = run(capsys, "models", "info", str(tiny_gpt2), "--json")
    assert {"name", "path", "source", "licence", "bytes"} <= set(json.loads(out))


def test_results_json_and_terminal_show_the_same_numbers(capsys, tiny_gpt2):
    result = cutaway.score(SENTENCE, str(tiny_gpt2))
    _, out, _ = run(capsys, "score", SENTENCE, "-m", str(tiny_gpt2), "--json")
    assert json.loads(out) == result.to_dict()
    _, out, _ = run(capsys, "score", SENTENCE, "-m", str(tiny_gpt2))
    assert f"{result.total_bits:.3f} bits" in out
    assert f"{result.perplexity:.3f}" in out
    for token in result.tokens:
        assert f"{token.surprisal_bits:.3f}" in out


def test_pipes_get_no_escape_codes_and_text_is_never_markup(capsys, tiny_gpt2):
    text = "[bold]No[/bold] \x1b[31mred\x1b[0m :smile: [link=x]"
    for command in ("tokenize", "score"):
        code, out, _ = run(capsys, command, text, "-m", str(tiny_gpt2))
        assert code == 0
        assert "\x1b" not in out
    _, out, _ = run(capsys, "tokenize", "[bold]", "-m", str(tiny_gpt2))
    assert "[│b│o│l│d│]" in out


def test_text_from_a_pipe_and_from_a_file_loses_one_final_newline(tiny_gpt2, tmp_path):
    command = [sys.executable, "-m", "cutaway", "tokenize", "-m", str(tiny_gpt2), "--json"]
    piped = subprocess.run(command, input="two\nlines\n\n", capture_output=True, text=True, check=True)
    assert json.loads(piped.stdout)["text"] == "two\nlines\n"
    file = tmp_path / "text.txt"
    file.write_text("two\nlines\n")
    filed = subprocess.run([*command, "-f", str(file)], capture_output=True, text=True, check=True)
    assert json.loads(filed.stdout)["text"] == "two\nlines"


def test_a_reader_who_leaves_early_is_no_error(tiny_gpt2):
    command = f"{sys.executable} -m cutaway tokenize -q -m {tiny_gpt2} --json | head -c 10"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], input="x" * 200_000, capture_output=True, text=True
    )
    assert done.stdout == '{"schema":'
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("load", "given", "policy"),
    [
        (8.0, {}, "PASSIVE"),
        (0.1, {}, None),
        (8.0, {"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE"),
        (8.0, {"GOMP_SPINCOUNT": "100"}, None),
    ],
)
def test_threads_wait_asleep_where_the_machine_is_busy(monkeypatch, load, given, policy):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    cutaway.cli._share_the_processors()
    assert os.environ.get("OMP_WAIT_POLICY") == policy


def test_output_files(capsys, tiny_gpt2, tmp_path):
    page, numbers = tmp_path / "tokens.html", tmp_path / "tokens.json"
    for path in (page, numbers):
        code, out, err = run(capsys, "tokenize", SENTENCE, "-m", str(tiny_gpt2), "-o", str(path))
        assert (code, out) == (0, "")
        assert str(path) in err
    assert json.loads(numbers.read_text())["text"] == SENTENCE
    assert page.read_text().startswith("<!doctype html>")
    assert sorted(tmp_path.iterdir()) == [page, numbers] or sorted(tmp_path.iterdir()) == [numbers, page]


def test_debug_shows_where_an_error_came_from(capsys, monkeypatch):
    monkeypatch.delenv("CUTAWAY_DEBUG", raising=False)
    code, _, err = run(capsys, "tokenize", "x", "-m", "./nowhere")
    assert code == 2
    assert "Traceback" not in err
    done = subprocess.run(
        [sys.executable, "-m", "cutaway", "tokenize", "x", "-m", "./nowhere", "--debug"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "UnknownModel" in done.stderr
    assert "Traceback" in done.stderr


def test_beams_and_system_messages_on_the_command_line(capsys, tiny_llama, tmp_path):
    args = ["generate", "The animal", "--max-new-tokens", "6", "--json"]
    code, out, _ = run(capsys, *args, "-m", str(tiny_llama), "--num-beams", "3", "-n", "3", "--length-penalty", "0")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and len({tuple(line["token_ids"]) for line in lines}) == 3
    assert [line["score"] for line in lines] == sorted((line["score"] for line in lines), reverse=True)
    assert lines[0]["score"] == pytest.approx(sum(lines[0]["logprobs"]), abs=1e-4)
    code, _, err = run(capsys, *args, "-m", str(tiny_llama), "--num-beams", "3", "--temperature", "0.5")
    assert code == 2 and "beam search does not sample" in err
    folder = shutil.copytree(tiny_llama, tmp_path / "chat")
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}!{% endfor %}")
    told = [
        json.loads(run(capsys, *args, "-m", str(folder), "--chat", "--system", system)[1])
        for system in ("Be kind", "Be rude")
    ]
    assert told[0]["prompt"] == told[1]["prompt"] and told[0]["token_ids"] != told[1]["token_ids"]


def test_train_command_ends_in_a_model_that_generates(capsys, tmp_path):
    folder = tmp_path / "tiny"
    sizes = ["--layers", "1", "--heads", "1", "--width", "16", "--context", "32", "--batch-size", "2"]
    code, out, _ = run(capsys, "train", "--steps", "4", "--validate-every", "2", *sizes, "-o", str(folder), "--json")
    assert code == 0
    record = json.loads(out)
    assert record["schema"] == "cutaway.training/1"
    assert [m["step"] for m in record["metrics"]] == [1, 2, 3, 4]
    code, out, _ = run(capsys, "generate", "The ", "-m", str(folder), "--max-new-tokens", "3", "--json")
    assert code == 0
    assert len(json.loads(out)["token_ids"]) <= 3


def test_quiet_is_over_when_the_command_is(tmp_path, capsys):
    file = tmp_path / "two.txt"
    file.write_text("one\ntwo\n")
    code, out, _ = run(capsys, "records", str(file), "-q")
    assert code == 0 and "2" in out
    assert logging.root.manager.disable == logging.NOTSET
