"""The hands-on's own numbers, and the real models against transformers."""

import json
import math

import pytest
import torch
import transformers

from cutaway.cli import main
from cutaway.generation import generate
from cutaway.inside import attention, contextual_vectors, embed, embedding_map, lens, neighbours, static_vectors
from cutaway.models import architecture, load, load_tokenizer, model_info, tokenize
from cutaway.prediction import classify, score

COUNSELOR = "Counselor, please adjust your Zoom filter to appear as a human, rather than as a cat"
PROMPTS = [
    "What is the ALCF?",
    "The capital of France is",
    "No, I am your father",
    "Once upon a time",
    "Water boils at",
    "The animal didn't cross the street because",
    "def fibonacci(n):",
    "In 1984, George",
    "DNA is made of",
    "The panoramic view of the ocean was",
    "1, 2, 3, 4,",
    "Dear Sir or Madam,",
    "The mitochondria is the",
    "To be, or not to be",
    "A language model is",
    "The weather tomorrow will be",
    "import numpy as np\n",
    "Q: What is 2 + 2?\nA:",
    "Les enfants jouent dans",
    "E = mc",
]


def test_gpt2_ids_of_the_counselor_sentence(gpt2_vocab):
    result = tokenize(COUNSELOR, gpt2_vocab)
    assert result.ids == [
        31053, 741, 273, 11, 3387, 4532, 534, 40305, 8106, 284, 1656, 355, 257, 1692, 11, 2138, 621, 355, 257, 3797,
    ]  # fmt: skip
    assert result.tokens[:5] == ["Coun", "sel", "or", ",", "Ġplease"]
    assert result.vocab_size == 50_257
    assert result.round_trip
    assert load_tokenizer(gpt2_vocab).vocabulary["iates"] == 32820  # printed in the hands-on


def test_bert_ids_of_the_ocean_sentence(minilm):
    result = tokenize("The panoramic view of the ocean was breathtaking.", minilm)
    assert result.ids == [101, 1996, 6090, 6525, 7712, 3193, 1997, 1996, 4153, 2001, 3052, 17904, 1012, 102]
    assert result.vocab_size == 30_522
    assert not result.round_trip  # upper case is gone


@pytest.mark.parametrize("name", ["smollm2-135m", "minilm-l6", "gpt2-vocab"])
def test_ids_are_those_of_autotokenizer(name, smollm2, minilm, gpt2_vocab):
    reference = transformers.AutoTokenizer.from_pretrained(model_info(name).path)
    tokenizer = load_tokenizer(name)
    texts = [*PROMPTS, COUNSELOR, "é😀👩‍🔬 \x00 ½", "  two  spaces ", "<|im_start|>user\nhi<|im_end|>", "[MASK] x", ""]
    assert [tokenizer.encode(text).ids for text in texts] == [reference(text)["input_ids"] for text in texts]


def test_plain_transformers_loads_the_converted_model(smollm2):
    known = model_info(smollm2)
    model = transformers.AutoModelForCausalLM.from_pretrained(known.path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(known.path)
    assert model.num_parameters() == 134_515_008
    assert tokenizer.eos_token == "<|im_end|>"
    assert "<|im_start|>assistant" in tokenizer.apply_chat_template(
        [{"role": "user", "content": "hi"}], tokenize=False, add_generation_prompt=True
    )
    assert tokenizer.model_max_length == 8192


@pytest.mark.nightly
def test_sampling_repeats_and_rows_are_independent(smollm2):
    model = load(smollm2)
    settings = {"max_new_tokens": 24, "temperature": 0.8, "top_p": 0.95}
    batch = generate(PROMPTS[:6], model, seed=3, **settings)
    assert [r.token_ids for r in generate(PROMPTS[:6], model, seed=3, **settings)] == [r.token_ids for r in batch]
    for row in batch:
        assert generate(row.prompt, model, seed=row.seed, **settings)[0].token_ids == row.token_ids


def test_score_is_transformers_cross_entropy(smollm2):
    model = load(smollm2)
    for text in (COUNSELOR, "The capital of France is Paris."):
        result = score(text, model)
        ids_BT = torch.tensor([model.tokenizer.encode(text).ids])
        with torch.inference_mode():
            loss = model.module(input_ids=ids_BT, labels=ids_BT).loss.item()
        assert result.total_nats == pytest.approx(loss * (ids_BT.shape[1] - 1), abs=1e-4)
        assert result.perplexity == pytest.approx(math.exp(loss), rel=1e-5)


# A numbered list, cut by hand as SmolLM2's tokenizer was trained: digits alone, two line ends as one token.
STEPS = "Steps:\n\n1. Boil the water.\n2. Add the tea.\n3. Wait for three minutes.\n4. Pour the tea.\n"
CUT = [
    "Steps", ":", "ĊĊ", "1", ".", "ĠBo", "il", "Ġthe", "Ġwater", ".", "Ċ", "2", ".", "ĠAdd", "Ġthe", "Ġtea", ".", "Ċ",
    "3", ".", "ĠWait", "Ġfor", "Ġthree", "Ġminutes", ".", "Ċ", "4", ".", "ĠPour", "Ġthe", "Ġtea", ".", "Ċ",
]  # fmt: skip


def test_a_numbered_list_is_cut_as_the_model_was_trained(smollm2):
    """60.56 nats so, 66.49 cut as GPT-2 (`ĊĊ` before a digit comes apart); digits have no merges."""
    vocabulary = load_tokenizer(smollm2).backend.get_vocab()
    ids = [vocabulary[piece] for piece in CUT]
    assert tokenize(STEPS, smollm2).ids == ids
    assert [vocabulary[digit] for digit in "3333"] == tokenize("3333", smollm2).ids == [35] * 4
    go = tokenize("Steps:\n\n1. Go", smollm2)
    assert [go.text[start:end] for start, end in go.offsets] == ["Steps", ":", "\n\n", "1", ".", " Go"]
    module = transformers.AutoModelForCausalLM.from_pretrained(model_info(smollm2).path, local_files_only=True).eval()
    with torch.inference_mode():
        logprobs_TV = module(torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1)
    nats = -logprobs_TV.gather(1, torch.tensor(ids[1:])[:, None]).sum().item()
    assert score(STEPS, smollm2).total_bits * math.log(2) == pytest.approx(nats, abs=1e-3)
    assert nats == pytest.approx(60.565, abs=0.01)


def test_the_model_knows_what_it_should(smollm2):
    assert generate("The capital of France is", smollm2, max_new_tokens=1)[0].completion == " Paris"
    near = neighbours([" Monday"], smollm2, k=4).queries[0].neighbours
    assert {n.token.strip() for n in near} <= {"Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}


def test_classification_by_words(smollm2):
    """With the prompt that is used if none is given: the tour's and the command's."""
    texts = {
        "The panoramic view of the ocean was breathtaking.": "positive",
        "The food was cold and awful.": "negative",
    }
    for text, expected in texts.items():
        assert classify(text, smollm2, labels=["negative", "positive"]).label == expected
    topic = classify(
        "Fry the onions in butter.",
        smollm2,
        labels=["sports", "cooking", "medicine", "music"],
        template="{text} The topic of this text is",
    )
    assert topic.label == "cooking"


def test_the_sentence_of_the_hands_on_is_positive(smollm2):
    """0.54 with the prompt that was the default; the reference asks transformers for both labels, with and without."""
    sentence = "The panoramic view of the ocean was breathtaking."
    found = classify(sentence, smollm2, labels=["negative", "positive"])
    path = model_info(smollm2).path
    tokenizer = transformers.AutoTokenizer.from_pretrained(path, local_files_only=True)
    module = transformers.AutoModelForCausalLM.from_pretrained(path, local_files_only=True).eval()
    [negative], [positive] = (tokenizer(label)["input_ids"] for label in (" negative", " positive"))
    sums = []
    for text in (sentence, ""):
        ids = tokenizer(f"{text} The sentiment of this text is", return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            sums.append(module(ids).logits[0, -1].double().log_softmax(-1)[[negative, positive]])
    right = (sums[0] - sums[1]).softmax(-1)[1].item()
    assert found.score == pytest.approx(right, abs=1e-4) and round(right, 2) == 0.87


@pytest.mark.parametrize("name", ["smollm2", "minilm"])
def test_attention_is_eager_attention(name, request):
    name = request.getfixturevalue(name)
    result = attention("The animal didn't cross the street because it was too tired", name)
    model = transformers.AutoModel.from_pretrained(model_info(name).path, attn_implementation="eager")
    ids_BT = torch.tensor([load_tokenizer(name).encode(result.text).ids])
    with torch.inference_mode():
        expected = model(input_ids=ids_BT, output_attentions=True).attentions
    [stack] = result.stacks
    assert stack.causal is (name == "smollm2-135m")
    for layer, weights_BHTT in enumerate(expected):
        for head, weights_TT in enumerate(weights_BHTT[0].numpy()):
            assert abs(result.weights(layer, head) - weights_TT).max() < 1e-5
            assert abs(stack.maps.layer(layer)[head] / 255 - weights_TT).max() <= 1 / 510 + 1e-5


def test_map_explains_what_a_full_decomposition_says(smollm2):
    groups = {"days": [" Monday", " Tuesday", " Friday"], "numbers": [" one", " two", " three"]}
    result = embedding_map(groups, smollm2)
    vectors_ND = load(smollm2).module.get_input_embeddings().weight.detach()[[p.id for p in result.points]]
    unit_ND = torch.nn.functional.normalize(vectors_ND, dim=-1)
    covariance = torch.cov(unit_ND.T)
    shares = torch.linalg.eigvalsh(covariance).flip(0) / covariance.trace()
    assert result.explained == pytest.approx(shares[:2].tolist(), abs=1e-4)


SIMILAR = [
    "That is a happy person.",
    "That is a happy dog.",
    "That is a very happy person, a person who sings while the rain falls.",
    "Today is a sunny day.",
]


def test_minilm_gives_the_vectors_it_was_trained_to_give(minilm):
    result = embed(SIMILAR, minilm)
    model = transformers.AutoModel.from_pretrained(model_info(minilm).path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_info(minilm).path)
    inputs = tokenizer(SIMILAR, padding=True, return_tensors="pt")
    with torch.inference_mode():
        states_BTD = model(**inputs).last_hidden_state
    # The recipe of sentence-transformers, written out: a mean over the attention mask, then length 1.
    mask_BT1 = inputs["attention_mask"][:, :, None].float()
    mean_BD = (states_BTD * mask_BT1).sum(1) / mask_BT1.sum(1)
    expected_BD = mean_BD / mean_BD.square().sum(1, keepdim=True).sqrt()
    torch.testing.assert_close(torch.from_numpy(result.vectors), expected_BD, atol=1e-5, rtol=0)
    # The cosines that all-MiniLM-L6-v2's page on the Hub shows for these: the same model, run by others.
    shown = embed(["That is a happy person", "That is a happy dog", "Today is a sunny day"], minilm, normalize=True)
    assert (shown.vectors[1:] @ shown.vectors[0]).tolist() == pytest.approx([0.695, 0.257], abs=5e-4)
    alone = [torch.from_numpy(embed(text, minilm, normalize=True).vectors[0]) for text in SIMILAR]
    torch.testing.assert_close(torch.stack(alone), expected_BD, atol=1e-5, rtol=0)


def test_minilm_reads_256_word_pieces_as_it_was_trained_to(minilm):
    text = "The animal did not cross the street because it was too tired, and the street was too wide. " * 20
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_info(minilm).path)
    inputs = tokenizer([text], truncation=True, max_length=256, return_tensors="pt")
    model = transformers.AutoModel.from_pretrained(model_info(minilm).path)
    with torch.inference_mode():
        mean_D = model(**inputs).last_hidden_state[0].mean(0)
    whole = len(tokenizer(text)["input_ids"])
    found = embed(text, minilm)
    torch.testing.assert_close(torch.from_numpy(found.vectors[0]), mean_D / mean_D.norm(), atol=1e-5, rtol=0)
    assert (found.counts, found.cut, found.max_tokens) == ([256], [whole - 256], 256)
    longer = embed(text, minilm, max_tokens=512)
    assert longer.cut == [0] and float(longer.vectors[0] @ found.vectors[0]) < 0.999


@pytest.mark.parametrize("layer", [0, 15, -1])
def test_vectors_of_a_decoder_do_not_depend_on_the_batch(smollm2, layer):
    model = load(smollm2, "any")
    together = embed(SIMILAR, model, layer=layer).vectors
    for text, vector in zip(SIMILAR, together, strict=True):
        ids_BT = torch.tensor([model.tokenizer.encode(text).ids])
        with torch.inference_mode():
            state_TD = model.module.base_model(input_ids=ids_BT, output_hidden_states=True).hidden_states[layer][0]
        # Inside a decoder some numbers of the first token are in the thousands: relative to the vector's length.
        error = (torch.from_numpy(vector) - state_TD.mean(0)).norm() / state_TD.mean(0).norm()
        assert error < 1e-5


def test_a_word_finds_its_own_sense_among_contexts(minilm):
    records = [
        "We fished from the bank of the river.",
        "The river rose over its bank.",
        "The bank lends money to farmers.",
        "She paid the money into a bank.",
    ]
    texts = ["He sat on the river bank.", "She owes the bank a large sum."]
    result = neighbours(texts, minilm, among=records, word="bank", k=4)
    assert [{n.id for n in query.neighbours[:2]} for query in result.queries] == [{0, 1}, {2, 3}]
    assert all(n.token == "bank" for query in result.queries for n in query.neighbours)
    table = contextual_vectors(records, ["bank", "money", "river", "farmers"], minilm)
    assert table.counts == [4, 2, 2, 1]
    assert neighbours("money", table, k=1).queries[0].neighbours[0].token != "river"
    assert static_vectors(records, min_count=1).texts[0] == "the"


def test_architecture_of_the_default_model(smollm2):
    result = architecture(smollm2)
    assert (result.parameters, result.layers, result.heads, result.kv_heads) == (134_515_008, 30, 9, 3)


def test_lens_of_france_ends_in_paris(smollm2):
    result = lens("The capital of France is", smollm2)
    assert result.layers == list(range(31))
    paris = [row.cells[-1] for row in result.grid]
    assert paris[-1].top[0].token == " Paris"
    assert paris[-1].top[0].probability == pytest.approx(score(result.text, smollm2).next[0].probability, abs=1e-5)
    assert paris[0].top[0].token == " is"  # tied embeddings: the token itself
    assert all(0 < layer <= 30 for layer in result.settled)
    assert result.settled[3] < 30 and result.grid[-1].cells[3].top[0].token == " is"
    assert paris[5].kl_bits > 10 > paris[28].kl_bits > paris[29].kl_bits > 0 == paris[30].kl_bits
    assert [cell.target.rank for cell in result.grid[-1].cells[:-1]] == [
        token.rank for token in score(result.text, smollm2).tokens
    ]


def test_empty_answers_to_the_first_prompt_are_explained(smollm2, capsys):
    words = ["What is the ALCF?", "-n", "8", "--max-new-tokens", "2", "-m", smollm2, "--json"]
    with pytest.raises(SystemExit) as end:
        main(["generate", *words])
        raise SystemExit(0)
    out, err = capsys.readouterr()
    empty = [line for line in map(json.loads, out.splitlines()) if not line["completion"]]
    assert not end.value.code and 1 <= len(empty) < 8  # each is empty with probability 0.62
    assert {tuple(line["tokens"]) for line in empty} == {("<|im_end|>",)}
    said = f"{len(empty)} of 8 responses are empty: the first token was <|im_end|>, which ends a text"
    assert said in err and err.count("--chat") == 1
