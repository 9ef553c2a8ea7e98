"""Tiers, tiny models, and no network in the unit tier.

A test's tier is its folder: tests/unit, tests/real, tests/browser.
"""

import json
import os
import socket
import sys
import tempfile
from pathlib import Path

import pytest

# Before huggingface_hub is imported anywhere: it reads these once. Nothing may touch the user's own Hub cache.
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="cutaway-hf-")
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = tempfile.mkdtemp(prefix="cutaway-hypothesis-")  # nor the tree
os.environ["CUTAWAY_TEST_CACHE"] = os.environ.get("CUTAWAY_HOME", "")
for _variable in ("CUTAWAY_MODEL", "CUTAWAY_DEBUG", "HF_HUB_OFFLINE", "HF_TOKEN", "HF_ENDPOINT", "NO_COLOR"):
    os.environ.pop(_variable, None)

TIERS = ("unit", "real", "browser")

# The decoding step is compiled once for a machine, into the user's cache, and shared by all tests.
KERNELS = Path(os.environ.get("CUTAWAY_HOME") or Path.home() / ".cache" / "cutaway") / "kernels"


def pytest_sessionstart(session):
    import filelock

    from cutaway.generation.cpu import machine_code

    KERNELS.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(KERNELS / ".lock"):
        if machine_code.is_supported() and machine_code.load() is None:
            machine_code.compile_step()


def pytest_collection_modifyitems(items):
    for item in items:
        tier = next((tier for tier in TIERS if tier in item.path.parts), "unit")
        item.add_marker(getattr(pytest.mark, tier))


@pytest.fixture(autouse=True)
def _tier(request, monkeypatch, tmp_path_factory):
    for variable in ("HF_HUB_OFFLINE", "CUTAWAY_DEBUG"):  # --debug sets one: gone after each test
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    if request.path.name not in {"test_progress.py", "test_steps.py"}:  # on a slow machine a line would come in between
        monkeypatch.setattr("cutaway.progress.Lines.first", 3600.0)
    if request.node.get_closest_marker("real"):
        return
    home = tmp_path_factory.mktemp("home")
    (home / "kernels").symlink_to(KERNELS)
    monkeypatch.setenv("CUTAWAY_HOME", str(home))
    if request.node.get_closest_marker("unit"):
        _block_network(monkeypatch)


def _block_network(monkeypatch):
    loopback = {"127.0.0.1", "::1", "localhost", None, ""}
    resolve, connect = socket.getaddrinfo, socket.socket.connect

    def getaddrinfo(host, *args, **kwargs):
        if host not in loopback:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *args, **kwargs)

    def guarded_connect(self, address):
        if self.family != socket.AF_UNIX and address[0] not in loopback:
            raise OSError(f"the unit tests have no network: {address}")
        return connect(self, address)

    monkeypatch.setenv("PIP_NO_INDEX", "1")  # pip is a process of its own
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", guarded_connect)


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A kernel of this very interpreter that writes nothing outside the test's folder."""
    import cutaway

    spec = tmp_path / "share" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "test", "language": "python"}))
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    monkeypatch.setenv("PYTHONPATH", str(Path(cutaway.__file__).parents[1]))
    for name in ("RANK", "SLURM_PROCID", "PALS_RANKID", "PMI_RANK", "OMPI_COMM_WORLD_RANK"):
        monkeypatch.delenv(name, raising=False)


ALPHABET = "\n !',.-?0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzäé"


def _tokenizer():
    import transformers

    from cutaway.tokens import characters

    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=characters([ALPHABET]).backend, bos_token="<|end|>", eos_token="<|end|>", unk_token="<unk>"
    )


def _save(module, folder: Path) -> Path:
    module.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_gpt2(tmp_path_factory):
    """A folder with a random GPT-2 of 2 layers × 2 heads, context 64, one token a character."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=len(ALPHABET) + 2, n_layer=2, n_head=2, n_embd=16, n_positions=64, bos_token_id=0, eos_token_id=0,
        initializer_range=0.4,
    )  # fmt: skip
    return _save(transformers.GPT2LMHeadModel(config), tmp_path_factory.mktemp("models") / "tiny-gpt2")


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory):
    """A folder with a random Llama of 2 layers × 4 heads (2 for keys and values), context 128."""
    import torch
    import transformers

    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=len(ALPHABET) + 2, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, bos_token_id=0, eos_token_id=0, pad_token_id=0,
        initializer_range=0.4,
    )  # fmt: skip
    return _save(transformers.LlamaForCausalLM(config), tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="session")
def tiny_bert_classifier(tmp_path_factory):
    """A folder with a random BERT that labels NEGATIVE or POSITIVE."""
    import torch
    import transformers

    torch.manual_seed(2)
    config = transformers.BertConfig(
        vocab_size=len(ALPHABET) + 2, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, id2label={0: "NEGATIVE", 1: "POSITIVE"}, label2id={"NEGATIVE": 0, "POSITIVE": 1},
        initializer_range=0.4,
    )  # fmt: skip
    return _save(transformers.BertForSequenceClassification(config), tmp_path_factory.mktemp("models") / "tiny-bert")
