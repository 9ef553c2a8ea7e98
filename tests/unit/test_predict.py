"""Scores and labels against what transformers computes."""

import math

import pytest
import torch

from cutaway.errors import InputError, MissingText, PromptTooLong, WrongKind
from cutaway.models import load
from cutaway.prediction import classify, score

TEXT = "The animal didn't cross the street, because it was too tired."


@pytest.fixture(params=["tiny_gpt2", "tiny_llama"])
def model(request):
    return load(request.getfixturevalue(request.param))


def test_total_is_transformers_cross_entropy(model):
    text = TEXT[:60]
    result = score(text, model)
    ids_BT = torch.tensor([model.tokenizer.encode(text).ids])
    with torch.inference_mode():
        loss = model.module(input_ids=ids_BT, labels=ids_BT).loss.item()
    count = ids_BT.shape[1] - 1
    assert len(result.tokens) == count
    assert result.total_nats == pytest.approx(loss * count, abs=1e-4)
    assert result.total_bits == pytest.approx(result.total_nats / math.log(2))
    assert result.bits_per_token == pytest.approx(result.total_bits / count)
    assert result.bits_per_byte == pytest.approx(result.total_bits / len(text[1:].encode()))
    assert result.perplexity == pytest.approx(math.exp(loss), rel=1e-5)
    assert sum(token.surprisal_bits for token in result.tokens) == pytest.approx(result.total_bits)


def test_rank_and_entropy_by_hand(model):
    result = score("abc", model)
    ids = model.tokenizer.encode("abc").ids
    with torch.inference_mode():
        probabilities_TV = model.module(input_ids=torch.tensor([ids])).logits[0].double().softmax(-1)
    for t, token in enumerate(result.tokens):
        order = probabilities_TV[t].argsort(descending=True).tolist()
        assert order[token.rank - 1] == ids[t + 1]
        entropy = -(probabilities_TV[t] * probabilities_TV[t].log2()).sum().item()
        assert token.entropy_bits == pytest.approx(entropy, abs=1e-5)
    top = probabilities_TV[-1].topk(10)
    assert [n.id for n in result.next] == top.indices.tolist()
    assert [n.probability for n in result.next] == pytest.approx(top.values.tolist(), abs=1e-6)


def test_bytes_count_characters_of_more_than_one_byte(tiny_gpt2):
    result = score("aéé", load(tiny_gpt2))
    assert result.bits_per_byte == pytest.approx(result.total_bits / 4)


def test_too_long_says_by_how_many_and_truncate_keeps_the_asked_end(tiny_gpt2):
    model, text = load(tiny_gpt2), "a" * 30 + "b" * 50
    with pytest.raises(PromptTooLong, match=r"80 tokens.*takes 64.*16 too many"):
        score(text, model)
    left, right = (score(text, model, truncate=side) for side in ("left", "right"))
    assert "".join(t.token for t in left.tokens) == (text[-64:])[1:]
    assert "".join(t.token for t in right.tokens) == text[1:64]
    assert left.bits_per_byte == pytest.approx(left.total_bits / 63)


@pytest.mark.parametrize("text", ["", "a"])
def test_a_text_with_nothing_to_score_is_refused(tiny_gpt2, text):
    with pytest.raises(MissingText):
        score(text, load(tiny_gpt2))


def test_head_gives_the_models_own_logits(tiny_bert_classifier):
    model = load(tiny_bert_classifier, "classifier")
    result = classify(TEXT[:40], model)
    with torch.inference_mode():
        logits = model.module(input_ids=torch.tensor([result.ids])).logits[0]
    assert result.method == "head"
    assert result.labels == ["NEGATIVE", "POSITIVE"]
    assert result.logits == pytest.approx(logits.tolist())
    assert result.probabilities == pytest.approx(logits.softmax(-1).tolist())
    assert result.label == result.labels[int(logits.argmax())]
    assert result.score == max(result.probabilities)


def test_language_model_logits_are_differences_of_scores(tiny_llama):
    """log P(label | prompt with the text) - log P(label | prompt without it), each by `score`'s own numbers."""
    model = load(tiny_llama)
    template = "{text} is"
    result = classify("The sea", model, labels=["good", "bad"], template=template)
    for label, logit, prior in zip(result.labels, result.logits, result.priors, strict=True):
        expected = []
        for text in ("The sea", ""):
            prompt = template.replace("{text}", text)
            whole = score(f"{prompt} {label}", model)
            expected.append(sum(token.logprob for token in whole.tokens[-len(f" {label}") :]))
        assert logit == pytest.approx(expected[0] - expected[1], abs=1e-4)
        assert prior == pytest.approx(expected[1], abs=1e-4)
    assert result.probabilities == pytest.approx(torch.tensor(result.logits).softmax(-1).tolist())


@pytest.mark.parametrize("labels", [[], ["one"], ["a", "a"], ["a", " "]])
def test_too_few_or_equal_labels_are_refused(tiny_llama, labels):
    with pytest.raises(InputError, match="labels"):
        classify("The sea", load(tiny_llama), labels=labels)


def test_a_template_without_text_and_a_model_without_head(tiny_llama):
    with pytest.raises(InputError, match="template"):
        classify("The sea", load(tiny_llama), labels=["a", "b"], template="nothing")
    with pytest.raises(WrongKind, match="no classification head"):
        classify("The sea", str(tiny_llama))
    with pytest.raises(MissingText):
        classify("", load(tiny_llama), labels=["a", "b"])
