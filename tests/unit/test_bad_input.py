"""Bad input, as the person at the prompt meets it: what is wrong and what to do next, in one or two short lines."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cutaway import cli

VERBS = ["tokenize", "score", "lens", "generate", "classify"]


@pytest.fixture
def run(tiny_gpt2, tiny_bert_classifier, tmp_path, monkeypatch, capsys):
    """Run a command here, in a folder of its own, and return what it left: exit code, stdout, stderr."""
    for name in ("HF_HUB_OFFLINE", "CUTAWAY_DEBUG"):  # which options of the command set for good
        monkeypatch.setenv(name, "")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def command(verb, *arguments, stdin=None, model=None):
        data = io.BytesIO(stdin or b"")
        data.isatty = lambda: stdin is None
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data, encoding="utf-8"))
        if verb in VERBS:
            arguments += ("-m", str(model or (tiny_bert_classifier if verb == "classify" else tiny_gpt2)))
        with pytest.raises(SystemExit) as ended:
            cli.main([verb, *map(str, arguments)])
            raise SystemExit(0)
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return command


def says(result, code, *words):
    """Nothing on stdout; on stderr the cause and perhaps the next step; nothing written where the command ran."""
    ended, out, err = result
    assert (ended, out) == (code, "")
    lines = err.splitlines()
    assert 1 <= len(lines) <= 2 and lines[0].startswith("cutaway: ") and all(line[:2] == "  " for line in lines[1:])
    assert all(len(line) < 400 for line in lines)
    for word in words:
        assert str(word) in err
    assert "Traceback" not in err and "should not have happened" not in err
    assert os.listdir() == []  # noqa: PTH208


# Text


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\xfe", ("0xff", "position 0")),
        (b"caf\xe9", ("0xe9", "position 3", "iconv")),
        ("é".encode() * 600 + b"\xc3", ("0xc3", "position 1,200")),
        (b"\xed\xa0\x80", ("0xed", "position 0")),  # half a surrogate pair, as some encoders write it
    ],
)
def test_a_pipe_that_is_not_utf8(run, verb, data, words):
    says(run(verb, stdin=data), 2, "the input is not UTF-8", *words)


def test_a_pipe_that_is_not_utf8_behind_a_byte_order_mark(run):
    says(run("tokenize", stdin=b"\xef\xbb\xbfab\xff"), 2, "the input is not UTF-8", "0xff", "position 5")


@pytest.mark.parametrize("verb", ["score", "generate", "classify"])
@pytest.mark.parametrize("data", [b"", b"\n", b"\xef\xbb\xbf"])
def test_an_empty_pipe(run, verb, data):
    says(run(verb, stdin=data), 2, "no text" if verb != "generate" else "the prompt is empty")


def test_an_empty_pipe_has_no_tokens_and_that_is_no_error(run):
    code, out, _ = run("tokenize", "--json", stdin=b"")
    assert (code, json.loads(out)["ids"]) == (0, [])


@pytest.mark.parametrize("verb", VERBS)
def test_no_text_and_nobody_to_pipe_it(run, verb):
    says(run(verb), 2, "there is no text", "-f FILE")


@pytest.mark.parametrize("verb", VERBS)
def test_nul_is_an_ordinary_character(run, verb):
    code, out, err = run(verb, "--json", stdin=b"nul \0 inside")
    assert (code, err) == (0, "")
    assert "nul \0 inside" in json.loads(out).values()
    code, out, err = run(verb, stdin=b"nul \0 inside")
    assert (code, err) == (0, "") and "\0" not in out  # a terminal is shown something else


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("text", "where"), [("\udcff", "character 0"), ("ab\ud800", "character 2")])
def test_a_lone_surrogate_in_the_argument(run, verb, text, where):
    says(run(verb, text), 2, "lone surrogate", where)


@pytest.mark.parametrize("argument", [b"\xff", b"caf\xe9", b"ab\xed\xa0\x80"])
def test_bytes_of_another_encoding_in_the_argument(tiny_gpt2, argument):
    """As a terminal that isn't set to UTF-8 hands them over."""
    command = [sys.executable, "-m", "cutaway", "tokenize", argument, "-m", str(tiny_gpt2)]
    done = subprocess.run(command, capture_output=True, timeout=300)
    assert (done.returncode, done.stdout) == (2, b"")
    place = len(argument.decode("utf-8", "surrogateescape").rstrip("".join(map(chr, range(0xDC80, 0xDD00)))))
    assert f"at character {place} (byte 0x{argument[place]:02x}".encode() in done.stderr
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing.txt", "there is no file 'nothing.txt'"),
        ("nowhere/nothing.txt", "there is no file"),
        ("folder", "is a directory"),
        ("file/below", "cannot read"),
        ("latin1.txt", "not UTF-8 text: byte 0xe9 at position 3"),
        ("empty.txt", "is empty"),
        ("nul\0.txt", "cannot read"),
        ("x" * 300, "cannot read"),
        ("\udcff.txt", "there is no file"),
    ],
)
def test_files_that_can_not_be_read(run, tmp_path, monkeypatch, verb, name, words):
    (tmp_path / "files" / "folder").mkdir(parents=True)
    (tmp_path / "files" / "file").write_text("")
    (tmp_path / "files" / "empty.txt").write_bytes(b"")
    (tmp_path / "files" / "latin1.txt").write_bytes(b"caf\xe9")
    path = os.path.relpath(tmp_path / "files") + "/" + name if "there is no file '" not in words else name
    says(run(verb, "-f", path), 2, words)


@pytest.mark.parametrize("verb", VERBS)
def test_a_text_and_a_file(run, tmp_path, verb):
    (tmp_path / "text.txt").write_text("a")
    says(run(verb, "text", "-f", tmp_path / "text.txt"), 2, "a text and a file", "one of them")


def test_a_file_of_blank_lines_holds_no_prompt(run, tmp_path):
    (tmp_path / "prompts.txt").write_text("\n  \n\n")
    says(run("generate", "-f", tmp_path / "prompts.txt"), 2, "has no prompts", "one prompt per line")


@pytest.mark.parametrize("verb", ["score", "generate", "classify"])
def test_a_text_longer_than_the_context(run, verb):
    tokens, fits = 70, 64
    result = run(verb, "x" * tokens)
    says(result, 2, f"{tokens} tokens", f"{tokens - fits} too many", "--truncate left")
    for side in ("left", "right"):
        assert run(verb, "x" * tokens, "--truncate", side)[0] == 0


def test_ten_megabytes_from_a_pipe(tmp_path, tiny_gpt2):
    """All of it is cut up; what is shown of it fits a screen."""
    import transformers

    from cutaway.tokens import words

    line = "floccinaucinihilipilification antidisestablishmentarianism\n"
    text = line * (10_000_000 // len(line))
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=words([line]).backend)
    fast.save_pretrained(tmp_path / "words")
    command = [sys.executable, "-m", "cutaway", "tokenize", "-q", "-m", str(tmp_path / "words")]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(text) - 1:,} characters" in done.stdout and "round trip  exact" in done.stdout
    assert len(done.stdout) < 20_000


# Models


@pytest.mark.parametrize("verb", VERBS)
def test_a_name_misspelt(run, verb):
    says(run(verb, "text", model="smollm2-135n"), 2, "smollm2-135n", "did you mean smollm2-135m?")


@pytest.mark.parametrize("verb", ["info", "get", "card"])
def test_a_name_misspelt_for_models(run, verb):
    says(run("models", verb, "gpt2-voca"), 2, "gpt2-voca", "did you mean gpt2-vocab?")


def test_removing_what_is_not_there(run):
    says(run("models", "rm", "gpt2-vocab"), 2, "the cache has no model 'gpt2-vocab'", "cutaway models list")


@pytest.mark.parametrize("verb", VERBS)
def test_offline_with_nothing_cached(run, verb):
    says(
        run(verb, "text", "--offline", model="smollm2-135m"),
        1,
        "smollm2-135m is not on this computer",
        "cutaway models get",
    )


@pytest.mark.parametrize("verb", VERBS)
def test_the_hub_can_not_be_reached(run, verb):
    name = "meta-llama/Llama-3.2-1B"
    says(run(verb, "text", model=name), 1, f"can't be reached to download {name}", "HTTPS_PROXY", "-m smollm2-135m")


def test_a_cache_that_can_not_be_made(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CUTAWAY_HOME", str(tmp_path / "file" / "home"))
    says(run("tokenize", "text", model="gpt2-vocab"), 1, "can't write the cache", "set CUTAWAY_HOME")


@pytest.fixture
def spoilt(tiny_gpt2, tmp_path):
    """Copies of a model, each spoilt in its own way."""

    def spoil(how):
        folder = Path(shutil.copytree(tiny_gpt2, tmp_path / "models" / how))
        weights, config = folder / "model.safetensors", folder / "config.json"
        settings = json.loads(config.read_text())
        if how == "cut short":
            weights.write_bytes(weights.read_bytes()[:-100])
        elif how == "no weights":
            weights.unlink()
        elif how == "no config":
            config.unlink()
        elif how == "pickle":
            import torch

            weights.unlink()
            torch.save({"weight": Path("of another class")}, folder / "pytorch_model.bin")
        elif how == "own code":
            config.write_text(json.dumps(settings | {"model_type": "new", "auto_map": {"AutoConfig": "own.C"}}))
            (folder / "own.py").write_text("")
        elif how == "unknown type":
            config.write_text(json.dumps(settings | {"model_type": "not-invented-yet"}))
        return folder

    return spoil


@pytest.mark.parametrize("verb", ["score", "generate"])
@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ("cut short", 1, "incomplete or damaged"),
        ("no weights", 1, "does not contain weights"),
        ("no config", 2, "no config.json"),
        ("pickle", 1, "could run code"),
        ("own code", 1, "--trust-remote-code"),
        ("unknown type", 1, "not-invented-yet"),
    ],
)
def test_a_folder_that_is_not_sound(run, spoilt, verb, how, code, words):
    folder = spoilt(how)
    says(run(verb, "text", model=folder), code, folder.name, words)


@pytest.mark.parametrize(
    ("verb", "name", "words"),
    [
        ("score", "tiny_bert_classifier", ("left to right", "-m smollm2-135m")),
        ("generate", "tiny_bert_classifier", ("left to right", "-m smollm2-135m")),
        ("classify", "tiny_gpt2", ("no classification head", "--labels")),
    ],
)
def test_a_model_of_the_wrong_kind(run, request, verb, name, words):
    says(run(verb, "text", model=request.getfixturevalue(name)), 2, *words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--device", "gpu"), ("'gpu'", "--device cpu")),
        (("--device", "cuda:99"), ("cuda:99", "--device cpu")),
    ],
)
def test_devices_there_are_not(run, options, words):
    says(run("score", "text", *options), 2, *words)


@pytest.mark.parametrize("dtype", ["int8", "nonsense"])
def test_dtypes_there_are_not(run, dtype):
    code, out, err = run("score", "text", "--dtype", dtype)
    assert (code, out) == (2, "") and f"'{dtype}' is not one of 'float32'" in err.splitlines()[-1]


@pytest.mark.parametrize("name", ["model.bin", "model.pt"])
def test_a_bare_pickle(run, tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x04.")
    says(run("generate", "text", model=tmp_path / name), 1, "is a pickle")


# Output


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        ("nowhere/x.html", 2, ("nowhere", "folder")),
        ("file/x.json", 2, ("file", "folder")),
        ("folder.json", 2, ("it is a folder",)),
        ("x", 2, ("does not end in a known format", ".html")),
        ("x.docx", 2, ("does not end in a known format", ".html")),
        ("/dev/full", 2, ("does not end in a known format", ".html")),
    ],
)
def test_targets_that_will_not_do_are_refused_before_the_work(run, tmp_path, monkeypatch, verb, target, code, words):
    (tmp_path / "out" / "folder.json").mkdir(parents=True)
    (tmp_path / "out" / "file").write_text("mine")
    monkeypatch.setattr("cutaway.models.load", lambda *_, **__: pytest.fail("the work began"))
    monkeypatch.setattr("cutaway.models.tokenize", lambda *_, **__: pytest.fail("the work began"))
    says(run(verb, "text", "-o", tmp_path / "out" / target), code, *words)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"folder.json", "file"}


def test_a_target_with_a_name_too_long(run, tmp_path):
    says(run("tokenize", "text", "-o", tmp_path / ("x" * 300 + ".json")), 2, "too long")


@pytest.mark.parametrize("suffix", [".html", ".json"])
def test_a_target_that_is_full(run, tmp_path, suffix):
    """The system's own full disk, under a name with a suffix."""
    (tmp_path / f"full{suffix}").symlink_to("/dev/full")
    says(run("tokenize", "text", "-o", tmp_path / f"full{suffix}"), 1, f"full{suffix}", "No space left")


@pytest.mark.parametrize("suffix", [".html", ".json"])
def test_a_disk_that_fills_up_keeps_what_was_there(tiny_gpt2, tmp_path, suffix):
    target = tmp_path / f"out{suffix}"
    target.write_text("what was there")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"
    command = [sys.executable, "-c", f"{limit}; from cutaway.cli import main; main()", "tokenize", "text"]
    done = subprocess.run(
        [*command, "-m", str(tiny_gpt2), "-o", str(target), "--force"], capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "File too large" in done.stderr and len(done.stderr.splitlines()) == 2
    assert target.read_text() == "what was there" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_full_disk_behind_stdout(tiny_gpt2, arguments):
    command = [sys.executable, "-m", "cutaway", "tokenize", "text", "-m", str(tiny_gpt2), *arguments]
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
    assert done.returncode == 1 and "No space left" in done.stderr
    assert "should not have happened" not in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_disk_that_takes_a_part_of_one_long_line(tiny_gpt2, tmp_path, unbuffered):
    import resource

    command = [sys.executable, "-m", "cutaway", "tokenize", "-", "-m", str(tiny_gpt2), "--json"]
    with (tmp_path / "out.json").open("w") as target:
        done = subprocess.run(
            command, input="a text " * 20_000, stdout=target, stderr=subprocess.PIPE, text=True, timeout=300,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
        )  # fmt: skip
    assert done.returncode == 1 and "can't write the output: File too large" in done.stderr


@pytest.mark.parametrize(
    "arguments", [("tokenise", "x"), ("tokenize", "x", "--nonsense"), ("models",), ("score", "a", "b")]
)
def test_usage(run, arguments, capsys):
    """What click finds: exit code 2, and nothing but its own few lines."""
    code, out, err = run(*arguments) if arguments[0] not in VERBS else run(arguments[0], *arguments[1:])
    assert code == 2 and out == "" and "Traceback" not in err and len(err) < 2_000


@pytest.mark.parametrize("form", [[], ["--json"], ["-o", "out.jsonl"]])
def test_ctrl_c_keeps_the_responses_that_are_done(run, monkeypatch, tmp_path, form):
    from cutaway.generation import generating

    whole = generating.run

    def broken_off(*args, **options):
        ended = 0
        for row, text in whole(*args, **options):
            yield row, text
            ended += row.finish is not None
            if ended == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(generating, "run", broken_off)
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("The\nanimal\na\nb\n")
    code, out, err = run("generate", "-f", prompts, "--batch-size", 1, "--max-new-tokens", 3, *form)
    assert code == 130
    assert "stopped after 2 of 4 responses" in err and "interrupted" in err
    if "-o" in form:
        out = Path("out.jsonl").read_text()
    if form:
        assert [json.loads(line)["prompt"] for line in out.splitlines()] == ["The", "animal"]
    else:
        assert "── 2 · seed 1" in out and "── 3" not in out


def test_a_word_processors_file_is_not_taken_for_text(run, tmp_path):
    (tmp_path / "essay.rtf").write_text(r"{\rtf1\ansi The animal.}")
    says(run("score", "-f", tmp_path / "essay.rtf"), 2, "essay.rtf", "RTF", "plain text (.txt)")
    says(run("records", tmp_path / "essay.rtf", "--format", "txt"), 2, "essay.rtf", "RTF", "plain text (.txt)")
    (tmp_path / "essay.docx").write_bytes(b"PK\x03\x04\x14\x00")
    says(run("score", "-f", tmp_path / "essay.docx"), 2, "compressed, but not with gzip", "plain text")
