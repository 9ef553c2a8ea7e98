"""Corners that once gave a wrong number, or a stack trace, without a word."""

import pytest
import tokenizers
import torch
import transformers

import cutaway
from cutaway.errors import InputError, OutputError, UnknownModel, UnsupportedArchitecture, WrongKind
from cutaway.generation import Sampling, distribution, generate
from cutaway.inside import attention, neighbours
from cutaway.models import Model, architecture, load, model_info, save, tokenize
from cutaway.prediction import classify, score
from cutaway.tokens import Tokenizer


def byte_level(model):
    """The model with a byte-level tokenizer of as many tokens."""
    from tokenizers import decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i % model.config.vocab_size for i, token in enumerate(alphabet)}
    backend = tokenizers.Tokenizer(models.BPE(vocabulary, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return Model("bytes", None, model.module, Tokenizer(backend))


@pytest.mark.parametrize(("text", "size"), [("🤗", 3), ("🤗🤗", 7), ("日本", 5), ("naïve", 5), (" a b", 3)])
def test_bits_per_byte_counts_the_bytes_of_all_tokens_but_the_first(tiny_gpt2, text, size):
    result = score(text, byte_level(load(tiny_gpt2)))
    assert len(result.tokens) == size
    assert result.bits_per_byte == pytest.approx(result.total_bits / size)


@pytest.mark.parametrize("temperature", [float("inf"), float("-inf"), float("nan")])
def test_a_temperature_that_is_no_number_is_refused(temperature):
    with pytest.raises(InputError, match="temperature"):
        Sampling(temperature=temperature)


def test_a_tiny_temperature_is_nearly_greedy():
    logits_BV = torch.tensor([[1.0, 50.0, 3.0]])
    assert distribution(logits_BV, Sampling(temperature=1e-38)).tolist() == [[0.0, 1.0, 0.0]]


def test_saving_writes_over_nothing_and_leaves_the_model_as_it_was(tiny_gpt2, tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "README.md").write_text("mine")
    with pytest.raises(OutputError, match="is not empty"):
        save(str(tiny_gpt2), mine)
    assert (mine / "README.md").read_text() == "mine"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="name of the folder is empty"):
        save(str(tiny_gpt2), "")
    model = load(tiny_gpt2, "any")
    before = model.config.dtype
    save(model, tmp_path / "copy")
    assert model.config.dtype == before
    assert architecture(model).dtype == architecture(model.config).dtype == "float32"


def test_a_loaded_model_is_checked_like_a_named_one(tiny_gpt2, tiny_bert_classifier):
    with pytest.raises(WrongKind, match="classification head"):
        classify("a film", load(tiny_gpt2))
    with pytest.raises(WrongKind, match="left to right"):
        score("a film", load(tiny_bert_classifier, "any"))
    with pytest.raises(WrongKind, match="left to right"):
        generate("a film", load(tiny_bert_classifier, "classifier"))


def with_head(folder, tmp_path, **changes):
    config = transformers.AutoConfig.from_pretrained(folder, **changes)
    torch.manual_seed(0)
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path / "head")
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "head")
    return str(tmp_path / "head")


def test_heads_that_do_not_choose(tiny_bert_classifier, tmp_path):
    name = with_head(tiny_bert_classifier, tmp_path, problem_type="multi_label_classification")
    result = classify("a film", name)
    assert result.probabilities == pytest.approx(torch.tensor(result.logits).sigmoid().tolist())


def test_a_head_with_one_output_is_no_classifier(tiny_bert_classifier, tmp_path):
    name = with_head(tiny_bert_classifier, tmp_path, num_labels=1)
    with pytest.raises(WrongKind, match="a number, not labels"):
        classify("a film", name)


def test_one_text_where_several_are_meant(tiny_gpt2):
    model = load(tiny_gpt2)
    assert generate("The", model, stop="e")[0].completion == generate("The", model, stop=["e"])[0].completion
    assert [q.token for q in neighbours("a", model).queries] == ["a"]
    with pytest.raises(InputError, match="labels"):
        classify("The", model, labels="a,b")


def test_neighbours_are_real_tokens_however_many_are_asked_for(tiny_gpt2):
    found = neighbours(["a"], load(tiny_gpt2), k=10_000).queries[0].neighbours
    assert all(-1.001 <= n.cosine <= 1.001 for n in found)
    assert not {n.token for n in found} & {"a", "<|end|>", "<unk>"}
    with pytest.raises(InputError, match="`k` is 0"):
        neighbours(["a"], load(tiny_gpt2), k=0)


@pytest.mark.parametrize("seed", [-1, 2**70])
def test_seeds_out_of_range(tiny_gpt2, seed):
    with pytest.raises(InputError, match="seed"):
        generate("The", load(tiny_gpt2), seed=seed)


@pytest.mark.parametrize("least", [-1, 9])
def test_min_new_tokens_out_of_range(tiny_gpt2, least):
    with pytest.raises(InputError, match="min_new_tokens"):
        generate("The", load(tiny_gpt2), min_new_tokens=least, max_new_tokens=8)


def test_attention_of_a_text_beyond_the_context(tiny_gpt2):
    with pytest.raises(InputError, match="too many"):
        attention("a" * 100, load(tiny_gpt2))


def test_loaded_models_are_taken_everywhere(tiny_gpt2):
    model = load(tiny_gpt2, dtype=torch.float32)
    assert tokenize("The", model).ids == tokenize("The", str(tiny_gpt2)).ids
    assert architecture(model).parameters == model.module.num_parameters()
    assert cutaway.load(model) is model
    for wrong in ({"kind": "foo"}, {"device": "meta"}, {"dtype": "float8_e4m3fn"}):
        with pytest.raises(InputError):
            load(tiny_gpt2, **wrong)
    for text in (5, None, b"x"):
        with pytest.raises(InputError):
            tokenize(text, model)


def test_an_empty_name_and_a_revision_of_what_is_pinned():
    with pytest.raises(UnknownModel, match="empty"):
        model_info("")
    with pytest.raises(UnknownModel, match="is always"):
        model_info("smollm2-135m", revision="main")


KINDS = [
    "bart",
    "t5",
    "mamba",
    "gemma3_text",
    "falcon",
    "esm",
    "bert",
    "clip",
    "vit",
    "gemma3",
    "whisper",
    "gpt_bigcode",
]


@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_of_model_is_drawn_or_refused_in_a_line(kind):
    from cutaway.views import terminal

    try:
        result = architecture(kind)
    except UnsupportedArchitecture as error:
        assert kind in error.message
        return
    assert result.parameters > 0
    terminal.architecture(result)


def test_encoder_decoders_have_both_and_multi_query_has_one():
    assert any(module.label == "encoder" for module in architecture("bart").modules)
    assert architecture("falcon").kv_heads == 1
    assert architecture("llama").kv_heads == 32


def test_roberta_counts_positions_from_behind_its_padding():
    config = transformers.RobertaConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1)
    module = transformers.RobertaModel(config)
    assert Model("r", None, module, None).context == config.max_position_embeddings - 2
