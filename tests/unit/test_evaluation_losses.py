"""Losses of language models against transformers itself, record by record, and on a source of known entropy."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
import transformers

import cutaway
from cutaway.evaluation import evaluate
from cutaway.evaluation.encoding import Encoder
from cutaway.evaluation.examples import Example
from cutaway.evaluation.likelihood import causal_pieces, masked_pieces, target_pieces
from cutaway.models.text_model import Model
from cutaway.tokens import Tokenizer, characters, train_tokenizer
from tests.conftest import ALPHABET

RANDOM = np.random.default_rng(4)
LN2 = math.log(2)


def texts(count, low=3, high=40):
    return ["".join(RANDOM.choice(list("abc dé"), size=RANDOM.integers(low, high))) for _ in range(count)]


def lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def with_specials(tokenizer, before, after):
    """Return the tokenizer with tokens that it puts before and after a text."""
    from tokenizers import processors

    backend = tokenizer.backend
    backend.add_special_tokens([*before, *after, "<mask>"])
    named = [(token, backend.token_to_id(token)) for token in (*before, *after)]
    backend.post_processor = processors.TemplateProcessing(
        single=" ".join([*before, "$A", *after]), special_tokens=named
    )
    return Tokenizer(backend, {**tokenizer.config, "mask_token": "<mask>"}, tokenizer.name)


def gpt2(tokenizer, **changes):
    torch.manual_seed(3)
    size = max(tokenizer.vocabulary.values()) + 1
    settings = {"n_layer": 2, "n_head": 2, "n_embd": 16, "n_positions": 64, "initializer_range": 0.4} | changes
    config = transformers.GPT2Config(vocab_size=size, bos_token_id=0, eos_token_id=0, **settings)
    return Model("tiny", None, transformers.GPT2LMHeadModel(config).eval(), tokenizer)


def chain():
    """Return a GPT-2 that is a Markov chain over four letters and an end, exactly, and the chain."""
    tokenizer = with_specials(characters(["ACGT"]), ["<|end|>"], ["<|end|>"])
    end, size = 0, max(tokenizer.vocabulary.values()) + 1
    letters = [tokenizer.vocabulary[letter] for letter in "ACGT"]
    chance = np.full((size, size), 1e-9)
    random = np.random.default_rng(0)
    for i in (end, *letters):
        chance[i, letters] = random.dirichlet(np.full(4, 0.6)) * (1 if i == end else 0.98)
        chance[i, end] = 1e-9 if i == end else 0.02
    chance /= chance.sum(1, keepdims=True)
    model = gpt2(tokenizer, n_layer=0, n_head=1, n_embd=size, n_positions=256, tie_word_embeddings=False)
    # The final norm makes a one-hot vector e into a (e - 1 / V); its bias takes back what is the same for all tokens.
    scale = 1 / math.sqrt((1 / size) * (1 - 1 / size) + 1e-5)
    with torch.no_grad():
        model.module.transformer.wte.weight.copy_(torch.eye(size))
        model.module.transformer.wpe.weight.zero_()
        model.module.transformer.ln_f.weight.fill_(1.0)
        model.module.transformer.ln_f.bias.fill_(scale / size)
        model.module.lm_head.weight.copy_(torch.tensor(np.log(chance).T / scale, dtype=torch.float32))
    return model, chance, letters, end


def sampled(chance, letters, end, random):
    ids = [end]
    while len(ids) < 200:
        ids.append(int(random.choice(len(chance), p=chance[ids[-1]])))
        if ids[-1] == end and len(ids) > 2:
            return ids
    return [*ids, end]


def test_on_a_markov_chain_the_loss_is_the_surprisal_of_the_chain(tmp_path):
    model, chance, letters, end = chain()
    random = np.random.default_rng(1)
    records = [ids for ids in (sampled(chance, letters, end, random) for _ in range(400)) if len(ids) < 200]
    spell = dict(zip(letters, "ACGT", strict=True))
    sequences = ["".join(spell[i] for i in ids[1:-1]) for ids in records]
    data = lines(tmp_path / "test.jsonl", [{"sequence": s} for s in sequences[:100]])
    learned = lines(tmp_path / "train.jsonl", [{"sequence": s} for s in sequences[100:]])
    found = evaluate(model, data, train_data=learned, alphabet="dna", draws=200)
    exact = sum(-math.log(chance[a, b]) for ids in records[:100] for a, b in itertools.pairwise(ids))
    size = sum(map(len, sequences[:100]))
    assert found.metrics["bits_per_symbol"].value == pytest.approx(exact / LN2 / size, abs=2e-5)
    assert found.metrics["bits_per_token"].value == pytest.approx(exact / LN2 / (size + 100), abs=2e-5)
    assert found.metrics["perplexity"].value == pytest.approx(math.exp(exact / (size + 100)), abs=1e-4)
    assert found.counts["scored tokens"] == size + 100 and found.n == 100 and found.units == "records"
    # Nothing that is not the source itself may be clearly better than it.
    best = min(found.baselines[name]["bits_per_symbol"].value for name in found.baselines)
    assert best > found.metrics["bits_per_symbol"].value - 0.01
    assert found.baselines["n-gram"]["bits_per_symbol"].value < found.metrics["bits_per_symbol"].value + 0.05
    assert found.differences["bits_per_symbol"].baseline == "n-gram"


@pytest.mark.parametrize("before", [["<s>"], []])
def test_causal_losses_are_those_of_transformers(before):
    tokenizer = with_specials(characters([ALPHABET]), before, ["</s>"] if before else [])
    model, some = gpt2(tokenizer), texts(12)
    encoder = Encoder(tokenizer, "text", some)
    pieces = causal_pieces(model, [encoder.encode(Example("x", text)) for text in some])
    for number, text in enumerate(some):
        ids = torch.tensor([tokenizer.encode(text).ids])
        mine = [piece for piece in pieces if piece.record == number]
        assert sum(piece.tokens for piece in mine) == ids.shape[1] - 1
        with torch.no_grad():
            expected = float(model.module(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)
        assert math.fsum(piece.nats for piece in mine) == pytest.approx(expected, rel=1e-5)
        first = 0 if before else len(text[:1].encode())
        assert mine[0].start == first and mine[-1].stop == len(text.encode()) + bool(before)


def test_a_long_record_is_read_in_windows_that_repeat_half():
    tokenizer = with_specials(characters([ALPHABET]), ["<s>"], ["</s>"])
    model = gpt2(tokenizer)
    text = texts(1, 300, 301)[0]
    one = Encoder(tokenizer, "text", [text]).encode(Example("x", text))
    pieces = causal_pieces(model, [one], window=21)
    ids = tokenizer.encode(text).ids
    logprobs, at = [], 1
    while at < len(ids):  # token by token: 20 tokens of context at first, then 10 to 19 after the first token
        stop = 21 if at < 21 else at + 10
        for t in range(at, min(stop, len(ids))):
            context = ids[:t] if at < 21 else [ids[0], *ids[at - 10 : t]]
            with torch.no_grad():
                logits = model.module(input_ids=torch.tensor([context])).logits[0, -1]
            logprobs.append(float(logits.log_softmax(-1)[ids[t]]))
        at = stop
    assert sum(piece.tokens for piece in pieces) == len(ids) - 1
    assert math.fsum(piece.nats for piece in pieces) == pytest.approx(-math.fsum(logprobs), rel=1e-5)
    places = [piece.start for piece in pieces] + [pieces[-1].stop]
    assert places[0] == 0 and places[-1] == len(text.encode()) + 1 and places == sorted(places)


def test_masked_losses_are_those_of_one_mask_at_a_time():
    tokenizer = with_specials(characters(["ACDEFGHIKLMNPQRSTVWY"]), ["<s>"], ["</s>"])
    mask = tokenizer.special_id("mask")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=max(tokenizer.vocabulary.values()) + 1, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=20, initializer_range=0.4,
    )  # fmt: skip
    model = Model("bert", None, transformers.BertForMaskedLM(config).eval(), tokenizer)
    some = ["ACDEFGH", "WWYACDKLMNP", "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"]  # the last one is read in two windows
    encoder = Encoder(tokenizer, "protein", some)
    records = [encoder.encode(Example("x", text)) for text in some]
    pieces = masked_pieces(model, records, mask, 1000, seed=0)
    assert [piece.record for piece in pieces] == [n for n, text in enumerate(some) for _ in text]
    assert [(piece.start, piece.stop) for piece in pieces] == [(i, i + 1) for text in some for i in range(len(text))]
    own = tokenizer.encode(some[0]).ids
    for text, whole in ((some[0], own), (some[1], tokenizer.encode(some[1]).ids)):
        for t in range(1, len(whole) - 1):
            ids = torch.tensor([whole])
            ids[0, t] = mask
            with torch.no_grad():
                expected = -float(model.module(input_ids=ids).logits[0, t].log_softmax(-1)[whole[t]])
            mine = next(p for p in pieces if p.record == some.index(text) and p.start == t - 1)
            assert mine.nats == pytest.approx(expected, rel=1e-4)
    fewer = masked_pieces(model, records, mask, 9, seed=1)
    assert len(fewer) == 9 and set(map(str, fewer)) <= set(map(str, pieces)) | set(map(str, fewer))
    by_place = {(p.record, p.start): p.nats for p in pieces}
    assert all(p.nats == pytest.approx(by_place[p.record, p.start], rel=1e-4) for p in fewer)


def test_losses_of_targets_are_those_of_transformers():
    tokenizer = with_specials(characters([ALPHABET]), [], ["</s>"])
    torch.manual_seed(0)
    size = max(tokenizer.vocabulary.values()) + 1
    config = transformers.T5Config(
        vocab_size=size, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2,
        decoder_start_token_id=0, pad_token_id=0, eos_token_id=tokenizer.vocabulary["</s>"],
    )  # fmt: skip
    model = Model("t5", None, transformers.T5ForConditionalGeneration(config).eval(), tokenizer)
    sources, targets = texts(5), texts(5)
    encoder = Encoder(tokenizer, "text", targets)
    one, other = ([encoder.encode(Example("x", text)) for text in some] for some in (sources, targets))
    for piece, source, target in zip(target_pieces(model, one, other), sources, targets, strict=True):
        ids, labels = (torch.tensor([tokenizer.encode(text).ids]) for text in (source, target))
        with torch.no_grad():
            expected = float(model.module(input_ids=ids, labels=labels).loss) * labels.shape[1]
        assert piece.nats == pytest.approx(expected, rel=1e-4)
        assert (piece.tokens, piece.start, piece.stop) == (labels.shape[1], 0, len(target.encode()) + 1)


@pytest.mark.parametrize("name", ["byte_level", "words", "codon", "kmers"])
def test_tokens_cover_the_symbols_of_a_record_once(name, tmp_path):
    dna = "".join(RANDOM.choice(list("ACGT"), 31))
    text = "Ein Igel — trinkt\n\nWässer  😀 nun. "
    kinds = {
        "byte_level": (train_tokenizer([text * 3], "bpe", vocab_size=280), "text", text),
        "words": (train_tokenizer([text * 3], "word"), "text", text),
        "codon": (train_tokenizer([dna[:30]], "codon", alphabet="dna"), "dna", dna),
        "kmers": (train_tokenizer([dna], "kmer", alphabet="dna", k=3, overlapping=True), "dna", dna),
    }
    tokenizer, alphabet, sequence = kinds[name]
    one = Encoder(tokenizer, alphabet, [sequence]).encode(Example("x", sequence))
    assert len(one.stops) == len(one.body) and (np.diff(one.stops) >= 0).all()
    assert one.stops[-1] == len(sequence.encode()) == len(one.symbols.ids) == one.originals.sum()
    if name == "words":
        widths = [len(sequence[a:b].encode()) for a, b in tokenizer.encode(sequence).offsets]
        assert list(np.diff([0, *one.stops])) == widths


def test_numbers_of_a_series_know_their_channel_and_the_number_before():
    series = [list(RANDOM.normal(size=40)), list(RANDOM.normal(size=40) * 100)]
    series[0][7] = 1e9  # outside all bins: five tokens
    tokenizer = train_tokenizer([series], "bins", alphabet="series", vocab_size=120)
    one = Encoder(tokenizer, "series", [series]).encode(Example("x", series))
    assert one.originals.sum() == 80 and len(one.symbols.ids) == len(one.body) == 6 + 80 + 4
    channels = one.symbols.slots[one.originals[:-1] > 0] // 5
    assert list(channels) == [0, 1] * 40
    for t, before in enumerate(one.symbols.previous):
        if before >= 0:
            assert one.symbols.slots[t] == one.symbols.slots[before] and 2 <= t - before <= 6
    assert (one.symbols.previous >= 0).sum() == 78


def test_a_record_means_the_same_alone_and_among_others(tmp_path):
    tokenizer = with_specials(characters([ALPHABET]), ["<s>"], ["</s>"])
    model, some = gpt2(tokenizer), texts(20)
    encoder = Encoder(tokenizer, "text", some)
    records = [encoder.encode(Example("x", text)) for text in some]
    together = causal_pieces(model, records)
    for number in (0, 7, 19):
        [alone] = causal_pieces(model, [records[number]])
        [among] = [piece for piece in together if piece.record == number]
        assert among.nats == pytest.approx(alone.nats, rel=1e-5)


def test_the_score_of_one_text_is_that_of_score(tiny_gpt2, tmp_path):
    text = "Some text that is long enough."
    (tmp_path / "one.txt").write_text(text)
    (tmp_path / "train.txt").write_text("Some other text. " * 20)
    found = evaluate(str(tiny_gpt2), str(tmp_path / "one.txt"), train_data=str(tmp_path / "train.txt"), draws=100)
    known = cutaway.score(text, str(tiny_gpt2))
    assert found.metrics["bits_per_token"].value == pytest.approx(known.bits_per_token, rel=1e-4)
    assert found.metrics["bits_per_symbol"].value == pytest.approx(known.bits_per_byte, rel=1e-4)
    assert found.metrics["perplexity"].value == pytest.approx(known.perplexity, rel=1e-4)
