"""Loading: from a folder, by kind, with everything that can be wrong with a folder; tokenizers and prompts."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
import transformers

from cutaway import models
from cutaway.errors import (
    CorruptFile,
    InputError,
    MissingText,
    ModelError,
    PromptTooLong,
    TextError,
    UnknownModel,
    UnsafeFile,
    UnsupportedArchitecture,
    WrongKind,
)
from cutaway.models.loading import shared
from cutaway.tokens import Tokenizer, characters, check_text, words

ASSORTED = [
    "Hello, world!", "  two  spaces, and one at the end ", "äé", "中文 😀 ẞ", "e\u0301 is no é", "", " ", "\n",
    "\n\n a\r\n\tb", "nul\0inside", "<|end|>", "text<unk>text<|end|>", "\u2028\ufeff\u200b", "a" * 500, "\U0010ffff",
]  # fmt: skip


@pytest.fixture
def copy(tmp_path):
    """Copy a model's folder, to be spoilt."""
    return lambda folder: Path(shutil.copytree(folder, tmp_path / folder.name))


def edit(folder: Path, **changes: object) -> Path:
    """Change what config.json says; None takes a key out."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    return folder


def as_pickle(folder: Path, weights: object = None) -> Path:
    """Keep the weights as pytorch_model.bin, as models were kept before safetensors."""
    if weights is None:
        weights = transformers.AutoModelForCausalLM.from_pretrained(folder).state_dict()
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


class Malicious:
    """An object whose unpickling makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


# What loads


def test_a_folder(tiny_gpt2):
    loaded = models.load(tiny_gpt2)
    plain = transformers.AutoModelForCausalLM.from_pretrained(tiny_gpt2, local_files_only=True).eval()
    ids_BT = torch.arange(2, 40).reshape(1, -1)
    with torch.inference_mode():
        assert torch.equal(loaded.module(ids_BT).logits, plain(ids_BT).logits)
    assert (loaded.name, loaded.path, loaded.context) == (str(tiny_gpt2), tiny_gpt2, 64)
    assert not loaded.module.training and loaded.module.dtype == torch.float32 and loaded.end_ids == {0}


def test_a_shared_model_is_kept_until_its_folder_changes(tiny_gpt2, copy):
    folder = copy(tiny_gpt2)
    first = shared(folder)
    assert shared(folder) is first and shared(first) is first
    assert models.load(folder) is not first and models.load(first) is first
    plain = transformers.AutoModelForCausalLM.from_pretrained(folder)
    plain.lm_head.weight.data += 1
    plain.save_pretrained(folder)
    assert not torch.equal(shared(folder).module.lm_head.weight, first.module.lm_head.weight)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_dtypes(tiny_llama, dtype):
    assert models.load(tiny_llama, dtype=dtype).module.dtype == getattr(torch, dtype)


@pytest.mark.parametrize(("ends", "expected"), [(3, {3}), ([3, 4], {3, 4})])
def test_where_texts_end(tiny_llama, copy, ends, expected):
    folder = edit(copy(tiny_llama), eos_token_id=ends)
    (folder / "generation_config.json").unlink()
    assert models.load(folder).end_ids == expected


def test_a_classifier_and_any(tiny_bert_classifier):
    loaded = models.load(tiny_bert_classifier, "classifier")
    assert loaded.config.id2label == {0: "NEGATIVE", 1: "POSITIVE"}
    assert type(models.load(tiny_bert_classifier, "any").module).__name__ == "BertForSequenceClassification"


def test_loading_prints_nothing(tiny_gpt2, copy, capfd):
    models.load(copy(tiny_gpt2))
    assert capfd.readouterr() == ("", "")


# What is damaged


def cut_short(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def cut_in_the_header(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:30])


def empty(folder):
    (folder / "model.safetensors").write_bytes(b"")


def noise(folder):
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 40)


def no_weights(folder):
    (folder / "model.safetensors").unlink()


def other_shapes(folder):
    edit(folder, n_embd=32)


def a_layer_missing(folder):
    edit(folder, n_layer=3)


def config_cut_short(folder):
    path = folder / "config.json"
    path.write_text(path.read_text()[:-20])


def config_of_noise(folder):
    (folder / "config.json").write_bytes(b"\xff\xfe\x00")


def config_with_nonsense(folder):
    edit(folder, n_head="two")


def tokenizer_cut_short(folder):
    path = folder / "tokenizer.json"
    path.write_text(path.read_text()[:-20])


def tokenizer_missing(folder):
    (folder / "tokenizer.json").unlink()


@pytest.mark.parametrize(
    "damage",
    [
        cut_short, cut_in_the_header, empty, noise, no_weights, other_shapes, a_layer_missing, config_cut_short,
        config_of_noise, config_with_nonsense, tokenizer_cut_short, tokenizer_missing,
    ],
)  # fmt: skip
def test_a_damaged_folder(tiny_gpt2, copy, damage):
    folder = copy(tiny_gpt2)
    damage(folder)
    with pytest.raises(CorruptFile, match=folder.name) as raised:
        models.load(folder)
    assert "\n" not in raised.value.message
    assert "models rm" not in (raised.value.hint or "")  # the folder is the user's own


def test_a_shard_that_is_missing(tiny_llama, copy):
    folder = copy(tiny_llama)
    transformers.AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder, max_shard_size="20KB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    (folder / "model.safetensors").unlink(missing_ok=True)
    assert models.load(folder).context == 128
    shards[-1].unlink()
    with pytest.raises(CorruptFile, match=folder.name):
        models.load(folder)


@pytest.mark.parametrize("config", ["{", "[]", "\udcff", "null"])
def test_info_of_a_folder_with_a_damaged_config(tiny_gpt2, copy, config):
    folder = copy(tiny_gpt2)
    (folder / "config.json").write_bytes(config.encode("utf-8", "surrogateescape"))
    if config in {"[]", "null"}:
        assert models.model_info(folder).model_type is None
        return
    with pytest.raises(CorruptFile, match=r"config\.json"):
        models.model_info(folder)


def test_a_folder_without_config(tiny_gpt2, copy):
    folder = copy(tiny_gpt2)
    (folder / "config.json").unlink()
    with pytest.raises(UnknownModel, match=r"no config\.json") as raised:
        models.load(folder)
    assert "config.json" in raised.value.hint
    assert models.load_tokenizer(folder).encode("a").ids  # the tokenizer alone is enough for `tokenize`


# What is not safe


def test_a_pickle_of_tensors_alone_loads(tiny_gpt2, copy):
    loaded = models.load(as_pickle(copy(tiny_gpt2)))
    assert torch.equal(loaded.module.lm_head.weight, models.load(tiny_gpt2).module.lm_head.weight)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("beside", [None, "adapter_model.safetensors"])
def test_a_malicious_pickle_is_refused_unopened(tiny_gpt2, copy, tmp_path, legacy, beside):
    marker = tmp_path / "marker"
    folder = as_pickle(copy(tiny_gpt2), {"weight": Malicious(marker)})
    if legacy:  # a bare pickle, as torch wrote before 1.6
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Malicious(marker)}))
    if beside:
        shutil.copy(tiny_gpt2 / "model.safetensors", folder / beside)
    with pytest.raises(UnsafeFile, match=r"pytorch_model\.bin") as raised:
        models.load(folder)
    assert "safetensors" in raised.value.hint
    assert not marker.exists()
    pickle.loads(pickle.dumps(Malicious(marker)))
    assert marker.exists()  # it would have worked


def test_a_malicious_pickle_that_only_the_index_names(tiny_gpt2, copy, tmp_path):
    marker = tmp_path / "marker"
    folder = as_pickle(copy(tiny_gpt2), {"weight": Malicious(marker)})
    (folder / "pytorch_model.bin").rename(folder / "other.pt")
    index = {"metadata": {}, "weight_map": {"transformer.wte.weight": "other.pt"}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    with pytest.raises(UnsafeFile, match=folder.name):
        models.load(folder)
    assert not marker.exists()


def test_pickles_that_are_not_the_weights_are_left_alone(tiny_gpt2, copy, tmp_path):
    """Trainers leave their arguments and optimiser beside the weights, as pickles of anything."""
    marker = tmp_path / "marker"
    folder = as_pickle(copy(tiny_gpt2))
    for name in ("training_args.bin", "optimizer.pt", "scheduler.pt"):
        torch.save(Malicious(marker), folder / name)
    assert models.load(folder).context == 64
    assert not marker.exists()


def test_a_pickle_beside_safetensors_is_left_alone(tiny_gpt2, copy, tmp_path):
    folder = copy(tiny_gpt2)
    torch.save(Malicious(tmp_path / "marker"), folder / "pytorch_model.bin")
    assert models.load(folder).context == 64
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_a_bare_pickle_by_its_own_name(tiny_gpt2, copy, name):
    folder = as_pickle(copy(tiny_gpt2))
    (folder / "pytorch_model.bin").rename(folder / name)
    with pytest.raises(UnsafeFile, match=name):
        models.load(folder / name)


@pytest.mark.parametrize("model_type", ["gpt2", "brand-new"])
def test_python_code_of_a_model_needs_trust(tiny_gpt2, copy, tmp_path, model_type):
    marker = tmp_path / "marker"
    auto = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
    folder = edit(copy(tiny_gpt2), model_type=model_type, architectures=["OwnModel"], auto_map=auto)
    (folder / "own.py").write_text(
        f"open({str(marker)!r}, 'w').close()\n"
        "import transformers\n"
        "class OwnConfig(transformers.GPT2Config):\n"
        f"    model_type = {model_type!r}\n"
        "class OwnModel(transformers.GPT2LMHeadModel):\n"
        "    config_class = OwnConfig\n"
    )
    if model_type == "brand-new":
        with pytest.raises(UnsafeFile, match=folder.name) as raised:
            models.load(folder)
        assert "trust_remote_code=True" in raised.value.hint
    else:  # transformers has a class of its own for it: that one is taken
        assert type(models.load(folder).module) is transformers.GPT2LMHeadModel
    assert not marker.exists()
    assert type(models.load(folder, trust_remote_code=True).module).__name__ == "OwnModel"
    assert marker.exists()


# What is of the wrong kind


def test_a_model_type_that_transformers_does_not_know(tiny_gpt2, copy):
    folder = edit(copy(tiny_gpt2), model_type="not-invented-yet")
    with pytest.raises(UnsupportedArchitecture, match="not-invented-yet") as raised:
        models.load(folder)
    assert "transformers" in raised.value.hint
    with pytest.raises(UnsupportedArchitecture):
        models.load(edit(folder, model_type=None, architectures=None))


def test_models_that_do_not_continue_a_text(tiny_bert_classifier, copy):
    for architectures in (None, ["BertModel"], ["BertForMaskedLM"], ["BertForSequenceClassification"]):
        folder = edit(copy(tiny_bert_classifier), architectures=architectures)
        with pytest.raises(WrongKind, match="left to right") as raised:
            models.load(folder)
        assert "`model='smollm2-135m'`" in raised.value.hint
        shutil.rmtree(folder)


def test_a_decoder_has_no_labels(tiny_gpt2):
    with pytest.raises(WrongKind, match="no classification head") as raised:
        models.load(tiny_gpt2, "classifier")
    assert "`labels=" in raised.value.hint


def test_a_vocabulary_has_no_weights():
    with pytest.raises(WrongKind, match="gpt2-vocab"):
        models.load("gpt2-vocab")


@pytest.mark.parametrize("dtype", ["float", "int8", "float3", "load", "", "float8_e4m3fn"])
def test_unknown_dtypes_are_refused(tiny_gpt2, dtype):
    if dtype in {"float", ""}:
        assert models.load(tiny_gpt2, dtype=dtype).module.dtype == torch.float32
        return
    with pytest.raises(InputError, match=dtype) as raised:
        models.load(tiny_gpt2, dtype=dtype)
    assert "float32" in raised.value.hint


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cpu:x"])
def test_unknown_devices_are_refused(tiny_gpt2, device):
    with pytest.raises(InputError, match=device) as raised:
        models.load(tiny_gpt2, device=device)
    assert "`device='cpu'`" in raised.value.hint


# Tokenizers


@pytest.mark.parametrize("text", ASSORTED)
@pytest.mark.parametrize("model", ["tiny_gpt2", "tiny_bert_classifier", "words", "byte level", "word piece"])
def test_ids_are_those_of_transformers(request, tmp_path, model, text):
    folder = request.getfixturevalue(model) if "tiny" in model else made(tmp_path, model)
    ours, plain = Tokenizer.from_directory(folder), transformers.AutoTokenizer.from_pretrained(folder)
    for special in (True, False):
        assert ours.encode(text, add_special_tokens=special).ids == plain(text, add_special_tokens=special)["input_ids"]
    ids = ours.encode(text).ids
    assert ours.decode(ids, skip_special_tokens=False) == plain.decode(ids, clean_up_tokenization_spaces=False)


def made(folder: Path, kind: str) -> Path:
    """Make a tokenizer of another kind, with a post-processor that adds tokens."""
    import tokenizers
    from tokenizers import decoders, normalizers, pre_tokenizers, processors, trainers

    texts = ["Hello, world! the cat the cat on the mat äé 中文 e\u0301"] * 3
    if kind == "words":
        backend = words(texts).backend
    elif kind == "byte level":
        backend = tokenizers.Tokenizer(tokenizers.models.BPE())
        backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=300, initial_alphabet=alphabet, special_tokens=["<|end|>", "<unk>"], show_progress=False
        )
        backend.train_from_iterator(texts, trainer)
    else:
        backend = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="<unk>"))
        backend.normalizer, backend.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        backend.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=100, special_tokens=["<|end|>", "<unk>"], show_progress=False)
        backend.train_from_iterator(texts, trainer)
        backend.post_processor = processors.BertProcessing(("<|end|>", 0), ("<|end|>", 0))
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>", unk_token="<unk>")
    fast.save_pretrained(folder)
    return folder


def test_padding_and_truncation_of_whoever_saved_it_do_not_matter(tiny_gpt2, copy):
    text = "a text longer than three tokens"
    expected = Tokenizer.from_directory(tiny_gpt2).encode(text).ids
    folder = copy(tiny_gpt2)
    saved = json.loads((folder / "tokenizer.json").read_text())
    backend = Tokenizer.from_directory(folder).backend
    backend.enable_truncation(3)
    backend.enable_padding(length=100)
    backend.save(str(folder / "tokenizer.json"))
    assert json.loads((folder / "tokenizer.json").read_text())["truncation"] != saved["truncation"]
    assert Tokenizer.from_directory(folder).encode(text).ids == expected


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("\ud800", "U+D800 at character 0"),
        ("äé\udcff", "U+DCFF at character 2 (byte 0xff"),
        ("😀" * 1_234 + "\udfff", "1,234"),
    ],
)
def test_a_lone_surrogate_is_named_and_placed(text, where):
    with pytest.raises(TextError) as raised:
        characters(["ab"]).encode(text)
    assert where in raised.value.message and "UTF-8" in raised.value.hint


def test_nul_is_a_character_like_any_other():
    tokenizer = characters(["a\0b"])
    assert check_text("a\0") == "a\0"
    ids = tokenizer.encode("b\0\0a").ids
    assert len(ids) == 4 and tokenizer.decode(ids) == "b\0\0a"
    found = models.tokenize("b\0a", tokenizer)
    assert found.round_trip and found.pieces == ["b", "\0", "a"]


def test_an_older_layout(tmp_path):
    """A BERT of 2019 comes with vocab.txt and no tokenizer.json."""
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cat", "##s", "the"]
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary))
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    tokenizer = models.load_tokenizer(tmp_path)
    assert tokenizer.encode("The cats").tokens == ["[CLS]", "the", "cat", "##s", "[SEP]"]
    assert tokenizer.special_id("pad") == 0


# Prompts


def test_an_empty_prompt(tiny_gpt2):
    with pytest.raises(MissingText, match="empty"):
        models.encode_prompt(models.load(tiny_gpt2), "")


def test_a_prompt_that_fits_is_left_alone(tiny_gpt2):
    loaded = models.load(tiny_gpt2)
    ids = models.encode_prompt(loaded, "x" * 64)
    assert len(ids) == 64
    for truncate in (None, "left", "right"):
        assert models.encode_prompt(loaded, "x" * 64, truncate=truncate) == ids
        assert models.fit_context(loaded, ids[:60], truncate=truncate, room=4) == ids[:60]


def test_a_prompt_that_is_too_long_says_by_how_much(tiny_gpt2):
    loaded = models.load(tiny_gpt2)
    with pytest.raises(PromptTooLong, match=r"1,070 tokens.*takes 64: 1,006 too many") as raised:
        models.encode_prompt(loaded, "x" * 1_070)
    assert "`truncate='left'`" in raised.value.hint
    with pytest.raises(PromptTooLong, match=r"takes 60 beside 4 new ones: 1 too many"):
        models.fit_context(loaded, [5] * 61, room=4)
    with pytest.raises(InputError, match="64 new tokens do not fit"):
        models.fit_context(loaded, [5], room=64)


@pytest.mark.parametrize("room", [0, 10])
def test_truncation_keeps_the_side_it_does_not_name(tiny_gpt2, room):
    loaded = models.load(tiny_gpt2)
    text = "beginning " + "." * 100 + " end"
    whole = loaded.tokenizer.encode(text).ids
    assert models.fit_context(loaded, whole, truncate="left", room=room) == whole[-(64 - room) :]
    assert models.fit_context(loaded, whole, truncate="right", room=room) == whole[: 64 - room]
    assert models.encode_prompt(loaded, text, truncate="left") == whole[-64:]
    with pytest.raises(InputError, match="middle"):
        models.encode_prompt(loaded, text, truncate="middle")


def test_chat(tiny_llama, copy):
    with pytest.raises(ModelError, match="no chat template") as raised:
        models.encode_prompt(models.load(tiny_llama), "hi", chat=True)
    assert "`chat`" in raised.value.hint
    folder = copy(tiny_llama)
    (folder / "chat_template.jinja").write_text(
        "<|end|>{{ messages[0].content }}!{% if add_generation_prompt %}A{% endif %}"
    )
    loaded = models.load(folder)
    assert models.encode_prompt(loaded, "hi", chat=True) == loaded.tokenizer.encode("<|end|>hi!A").ids


def test_a_system_message(tiny_llama, copy):
    """The same question under two system messages: two prompts, for a contrast."""
    folder = copy(tiny_llama)
    template = folder / "chat_template.jinja"
    template.write_text("{% for m in messages %}{{ m.role[0] }}-{{ m.content }}!{% endfor %}A")
    loaded = models.load(folder)
    assert models.encode_prompt(loaded, "hi", chat=True) == loaded.tokenizer.encode("u-hi!A").ids
    for system in ("Be kind", "Be rude", ""):
        ids = models.encode_prompt(loaded, "hi", chat=True, system=system)
        assert ids == loaded.tokenizer.encode(f"s-{system}!u-hi!A").ids
    with pytest.raises(InputError, match="the prompt is not a chat"):
        models.encode_prompt(loaded, "hi", system="Be kind")


CHAT = [
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": "yes?"},
    {"role": "user", "content": "bye"},
]


def test_a_chat_of_several_messages(tiny_llama, copy):
    folder = copy(tiny_llama)
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m.role[0] }}-{{ m.content }}!{% endfor %}A")
    loaded = models.load(folder)
    reference = transformers.AutoTokenizer.from_pretrained(folder)

    def ids(messages):
        return reference.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)

    assert models.encode_prompt(loaded, CHAT) == models.encode_prompt(loaded, CHAT, chat=True) == ids(CHAT)
    system = {"role": "system", "content": "Be kind"}
    assert models.encode_prompt(loaded, CHAT, system="Be kind") == ids([system, *CHAT])
    assert models.encode_prompt(loaded, [system, *CHAT]) == ids([system, *CHAT])
    assert models.encode_prompt(loaded, CHAT[:1]) == models.encode_prompt(loaded, "hi", chat=True)
    with pytest.raises(InputError, match="begins with a system message"):
        models.encode_prompt(loaded, [system, *CHAT], system="Be kind")


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        (["hi"], "message 0 .* it has str"),
        ([CHAT[0], {"role": "user"}], "message 1 .* it has role"),
        ([{**CHAT[0], "name": "Ann"}], "it has role, content, name"),
        ([{"role": "user", "content": None}], "content of message 0 of a chat is None"),
        ([{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "content of message 0"),
        ([{"role": "", "content": "hi"}], "role of message 0 of a chat is ''"),
    ],
)
def test_a_malformed_chat_is_refused(tiny_llama, messages, said):
    with pytest.raises(InputError, match=said):
        models.encode_prompt(models.load(tiny_llama), messages)


def test_an_empty_chat_is_an_empty_prompt(tiny_llama):
    with pytest.raises(MissingText, match="empty"):
        models.encode_prompt(models.load(tiny_llama), [])


def test_a_template_that_leaves_out_one_message_of_a_chat_is_refused(tiny_llama, copy):
    folder = copy(tiny_llama)
    (folder / "chat_template.jinja").write_text("{{ messages[-1].content }}")
    with pytest.raises(ModelError, match="leaves the message out"):
        models.encode_prompt(models.load(folder), CHAT)


@pytest.mark.parametrize(
    "text",
    [
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{{ messages[-1].content }}",
        "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}",
    ],
)
def test_a_template_without_system_messages_says_so(tiny_llama, copy, text):
    folder = copy(tiny_llama)
    (folder / "chat_template.jinja").write_text(text)
    loaded = models.load(folder)
    assert models.encode_prompt(loaded, "hi", chat=True)
    with pytest.raises(ModelError, match="takes no system message") as raised:
        models.encode_prompt(loaded, "hi", chat=True, system="Be kind")
    assert "into the message" in raised.value.hint


# Code in a folder that needs none of it: nothing here may ask, and nothing may run


@pytest.fixture
def bringing_code(tiny_gpt2, copy, tmp_path):
    """A folder whose code makes a file when it is run, and that file."""
    marker = tmp_path / "marker"
    folder = edit(copy(tiny_gpt2), model_type="brand-new", auto_map={"AutoConfig": "own.OwnConfig"})
    (folder / "own.py").write_text(f"open({str(marker)!r}, 'w').close()")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": ["own.OwnTokenizer", null]}}')
    return folder, marker


@pytest.mark.parametrize(
    "verb",
    [
        models.load_tokenizer,
        models.load,
        models.architecture,
    ],
)
def test_a_yes_on_stdin_is_not_consent(bringing_code, monkeypatch, verb):
    """Left to itself, transformers asks on stdin, which may well hold the user's text."""
    folder, marker = bringing_code
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    with pytest.raises(UnsafeFile):
        verb(folder)
    assert not marker.exists()


def test_running_out_of_memory_is_not_a_damaged_file(tiny_gpt2, copy, monkeypatch):
    def allocate(*_, **__):
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried …"
        )

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", allocate)
    with pytest.raises(ModelError, match="not enough memory") as raised:
        models.load(copy(tiny_gpt2))
    assert type(raised.value) is ModelError and "bfloat16" in raised.value.hint


@pytest.mark.parametrize(("bars", "of_hub"), [(True, True), (True, False), (False, True), (False, False)])
def test_loading_leaves_the_users_progress_bars_and_verbosity_as_they_were(tiny_gpt2, bars, of_hub):
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    from transformers.utils import logging

    def switch(on: bool, of_hub: bool) -> None:
        (logging.enable_progress_bar if on else logging.disable_progress_bar)()
        (enable_progress_bars if of_hub else disable_progress_bars)()

    before = logging.get_verbosity()
    try:
        switch(bars, of_hub)
        logging.set_verbosity_info()
        models.load(tiny_gpt2)
        assert (logging.is_progress_bar_enabled(), not are_progress_bars_disabled()) == (bars, of_hub)
        assert logging.get_verbosity() == logging.INFO
    finally:
        switch(True, True)
        logging.set_verbosity(before)
