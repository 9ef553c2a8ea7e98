"""embed, neighbours, map: against transformers' own outputs and formulas written out by hand."""

import json
import math

import numpy as np
import pytest
import tokenizers
import torch
import transformers

import cutaway
from cutaway.errors import CorruptFile, InputError, MissingText, ModelError, PromptTooLong
from cutaway.inside import Embeddings, contextual_vectors, embed, embedding_map, neighbours, static_vectors
from cutaway.inside.embeddings import hidden_vectors
from cutaway.models import load
from cutaway.models.text_model import Model
from cutaway.tokens import Tokenizer, characters

TEXTS = ["A dog barks.", "No", "The cat sat on the mat, and the mat was old.", "Stocks fell today"]


@pytest.fixture(params=["gpt2", "llama", "bert", "t5", "bart"])
def model(request, tiny_gpt2, tiny_llama, tiny_bert_classifier):
    folders = {"gpt2": tiny_gpt2, "llama": tiny_llama, "bert": tiny_bert_classifier}
    if request.param in folders:
        return load(folders[request.param], "any")
    torch.manual_seed(3)
    tokenizer = load(tiny_gpt2, "any").tokenizer
    size = len(tokenizer.vocabulary)
    if request.param == "t5":
        config = transformers.T5Config(vocab_size=size, d_model=16, d_ff=32, d_kv=8, num_layers=2, num_heads=2)
        module = transformers.T5ForConditionalGeneration(config)
    else:
        config = transformers.BartConfig(
            vocab_size=size, d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=64,
        )  # fmt: skip
        module = transformers.BartModel(config)
    return Model(request.param, None, module.eval(), tokenizer)


def states_of(model, text):
    """What transformers says of one text alone: the hidden states [L + 1][T, D]."""
    ids_BT = torch.tensor([model.tokenizer.encode(text).ids])
    extra = {"decoder_input_ids": ids_BT} if model.config.is_encoder_decoder else {}
    with torch.inference_mode():
        output = model.module(input_ids=ids_BT, output_hidden_states=True, **extra)
    states = output.encoder_hidden_states if model.config.is_encoder_decoder else output.hidden_states
    return [state[0] for state in states]


@pytest.mark.parametrize("layer", [0, 1, 2, -1])
def test_every_layer_is_transformers_own_whatever_the_batch(model, layer):
    together = embed(TEXTS, model, layer=layer, pooling=None)
    alone = embed(TEXTS, model, layer=layer, pooling=None, batch_size=1)
    for text, batched, single, pieces in zip(TEXTS, together.vectors, alone.vectors, together.tokens, strict=True):
        expected_TD = states_of(model, text)[layer].numpy()
        assert len(pieces) == len(batched) == len(expected_TD)
        np.testing.assert_allclose(single, expected_TD, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(batched, expected_TD, rtol=1e-5, atol=1e-5)
    assert (together.layer, together.layers, together.width) == (layer % 3, 2, model.config.hidden_size)


@pytest.mark.parametrize(
    ("pooling", "formula"),
    [
        ("mean", lambda v: sum(v) / len(v)),
        ("max", lambda v: np.array([max(column) for column in v.T])),
        ("last", lambda v: v[len(v) - 1]),
    ],
)
def test_pooling_is_over_the_tokens_of_a_text_and_never_over_padding(model, pooling, formula):
    result = embed(TEXTS, model, pooling=pooling)
    expected_ND = np.stack([formula(states_of(model, text)[-1].numpy()) for text in TEXTS])
    np.testing.assert_allclose(result.vectors, expected_ND, atol=1e-5)
    unit = embed(TEXTS, model, pooling=pooling, normalize=True).vectors
    lengths_N = np.array([math.sqrt(sum(x * x for x in row)) for row in expected_ND.tolist()])
    np.testing.assert_allclose(unit, expected_ND / lengths_N[:, None], atol=1e-5)


def test_cls_is_the_first_token_if_it_is_a_classification_token(tiny_gpt2, tiny_bert_classifier):
    bert = load(tiny_bert_classifier, "any")
    with pytest.raises(InputError, match="needs a classification token"):
        embed(TEXTS, bert, pooling="cls")
    with pytest.raises(InputError, match="needs a classification token"):
        embed(TEXTS, load(tiny_gpt2, "any"), pooling="cls")
    backend = tokenizers.Tokenizer.from_str(bert.tokenizer.backend.to_str())
    backend.post_processor = tokenizers.processors.TemplateProcessing(
        single="<|end|> $A", special_tokens=[("<|end|>", 0)]
    )
    fronted = Model("fronted", None, bert.module, Tokenizer(backend, {"cls_token": "<|end|>"}))
    result = embed(TEXTS, fronted, pooling="cls")
    expected_ND = np.stack([states_of(fronted, text)[-1][0].numpy() for text in TEXTS])
    np.testing.assert_allclose(result.vectors, expected_ND, atol=1e-5)


LONG = ["The cat sat on the mat and the dog sat on the cat.", "No, I am", " A Short One ", "b" * 40]


def encoder(folder, settings=None, pooling=None, modules=("Transformer", "Pooling", "Normalize"), **more):
    """A folder with a random BERT that puts <|end|> at both ends of a text, and the files of sentence-transformers."""
    backend = characters(["\n !',.-?0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:"]).backend
    backend.post_processor = tokenizers.processors.TemplateProcessing(
        single="<|end|> $A <|end|>", special_tokens=[("<|end|>", backend.token_to_id("<|end|>"))]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, cls_token="<|end|>", sep_token="<|end|>", pad_token="<|end|>", unk_token="<unk>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=backend.get_vocab_size(), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, initializer_range=0.4, pad_token_id=0,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(folder)
    paths = ["", "1_Pooling", *(f"{i}_{name}" for i, name in enumerate(modules[2:], 2))]
    listed = [{"idx": i, "path": path, "type": f"sentence_transformers.models.{name}"}
              for i, (path, name) in enumerate(zip(paths, modules, strict=True))]  # fmt: skip
    files = {"modules.json": listed, "1_Pooling/config.json": pooling or {"pooling_mode_mean_tokens": True}}
    files |= {"sentence_bert_config.json": {"max_seq_length": 12, "do_lower_case": False} | (settings or {})} | more
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    return str(folder)


def by_recipe(folder, texts, pool, *, limit=12, normalize=True):
    """What sentence-transformers does, written out over transformers' own tokenizer and model."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.BertModel.from_pretrained(folder).eval()
    found = []
    for text in texts:
        inputs = tokenizer([text.strip()], truncation=True, max_length=limit, return_tensors="pt")
        with torch.inference_mode():
            states_TD = model(inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state[0]
        vector_D = pool(states_TD)
        found.append(vector_D / vector_D.norm() if normalize else vector_D)
    return torch.stack(found).numpy()


@pytest.mark.parametrize(
    ("pooling", "pool"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, lambda states_TD: states_TD.mean(0)),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, lambda states_TD: states_TD[0]),
        ({"pooling_mode_max_tokens": True}, lambda states_TD: states_TD.amax(0)),
        ({"pooling_mode_lasttoken": True}, lambda states_TD: states_TD[-1]),
        ({"pooling_mode": "cls"}, lambda states_TD: states_TD[0]),
    ],
)
@pytest.mark.parametrize("normalize", [True, False])
def test_a_model_that_brings_its_recipe_is_used_by_it(tmp_path, pooling, pool, normalize):
    modules = ("Transformer", "Pooling", "Normalize")[: 2 + normalize]
    folder = encoder(tmp_path, pooling=pooling, modules=modules)
    found = embed(LONG, folder)
    np.testing.assert_allclose(found.vectors, by_recipe(folder, LONG, pool, normalize=normalize), atol=1e-5)
    assert (found.normalized, found.max_tokens) == (normalize, 12)
    assert found.cut == [len(LONG[0]) + 2 - 12, 0, 1, 30] and found.counts == [12, 10, 12, 12]
    assert found.space.endswith("; 3 of 4 texts cut to 12 tokens, 71 tokens not read")
    whole = embed(LONG, folder, pooling="mean", normalize=False, max_tokens=64)
    expected_ND = by_recipe(folder, LONG, lambda states_TD: states_TD.mean(0), limit=64, normalize=False)
    np.testing.assert_allclose(whole.vectors, expected_ND, atol=1e-5)
    assert whole.cut == [0] * 4 and "cut" not in whole.space


def test_the_recipe_lowers_letters_and_puts_its_prompt_before(tmp_path):
    prompts = {"prompts": {"query": "find: ", "text": "t "}, "default_prompt_name": "query"}
    pooling = {"pooling_mode_mean_tokens": True, "include_prompt": False}
    folder = encoder(tmp_path, {"do_lower_case": True, "max_seq_length": 20}, pooling,
                     **{"config_sentence_transformers.json": prompts})  # fmt: skip
    texts = [f"find: {text.strip().lower()}" for text in LONG]
    expected_ND = by_recipe(folder, texts, lambda states_TD: states_TD[7:].mean(0), limit=20)  # <|end|> and six letters
    np.testing.assert_allclose(embed(LONG, folder).vectors, expected_ND, atol=1e-5)
    found = next(iter(hidden_vectors(load(folder, "any"), ["  No, I İam"], max_tokens=64)))
    said = [("  No, I İam")[start:end] for start, end in found.offsets if end > start]
    assert "".join(said[:6]) == "No, I " and said[-2:] == ["a", "m"] and found.cut == 0


def test_a_cut_text_keeps_its_special_tokens_at_both_ends(tmp_path):
    folder = encoder(tmp_path)
    left = embed(LONG[:1], folder, truncate="left", pooling=None)
    assert "".join(left.tokens[0]) == f"<|end|>{LONG[0][-10:]}<|end|>"
    (tmp_path / "modules.json").unlink()  # then the context is the limit, and a cut has to be asked for
    with pytest.raises(PromptTooLong):
        embed("c" * 70, folder)
    found = embed("c" * 70, folder, truncate="right", pooling=None)
    assert "".join(found.tokens[0]) == f"<|end|>{'c' * 62}<|end|>" and found.cut == [8]


def test_an_unsupported_recipe_is_refused(tmp_path):
    folder = encoder(tmp_path, modules=("Transformer", "Pooling", "Dense", "Normalize"))
    with pytest.raises(InputError, match=r"(?s)a step that embed does not support: Dense.*`pooling='mean'`"):
        embed(LONG, folder)
    assert embed(LONG, folder, pooling="mean").vectors.shape == (4, 16)
    encoder(tmp_path, pooling={"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True})
    with pytest.raises(InputError, match=r"does not support: pooling by (mean and cls|cls and mean)"):
        embed(LONG, folder)
    (tmp_path / "modules.json").write_text("{")
    with pytest.raises(CorruptFile, match=r"can't read modules.json"):
        embed(LONG, folder)
    encoder(tmp_path)
    for wrong in (0, 65):
        with pytest.raises(InputError, match=f"`max_tokens` is {wrong}"):
            embed(LONG, folder, max_tokens=wrong)
    with pytest.raises(InputError, match="a text has 2 special tokens"):
        embed(LONG, folder, max_tokens=2)


def test_a_limit_is_checked_for_a_model_without_a_context_limit(tmp_path):
    backend = characters([" abcdefghijklmnopqrstuvwxyz"]).backend
    transformers.PreTrainedTokenizerFast(tokenizer_object=backend).save_pretrained(tmp_path)
    config = transformers.T5Config(vocab_size=40, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    transformers.T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    assert load(tmp_path, "any").context is None
    assert embed("one two", tmp_path, max_tokens=3).cut == [4]
    with pytest.raises(InputError, match="`max_tokens` is 0") as told:
        embed("one two", tmp_path, max_tokens=0)
    assert told.value.hint == "it must be 1 or above"


def test_a_saved_model_keeps_its_recipe(tmp_path):
    folder = encoder(tmp_path / "own", {"max_seq_length": 10}, {"pooling_mode_max_tokens": True})
    cutaway.save(folder, tmp_path / "saved")
    before, after = (embed(LONG, name) for name in (folder, str(tmp_path / "saved")))
    assert np.array_equal(before.vectors, after.vectors) and (after.max_tokens, after.pooling) == (10, "max")


def test_every_verb_that_embeds_texts_follows_the_recipe(tmp_path):
    folder = encoder(tmp_path)
    table = by_recipe(folder, LONG, lambda states_TD: states_TD.mean(0))
    found = neighbours(LONG[0], folder, among=LONG[1:])
    cosines = sorted((table[1:] @ table[0]).tolist(), reverse=True)
    assert [one.cosine for one in found.queries[0].neighbours] == pytest.approx(cosines, abs=1e-5)
    assert "texts cut to 12 tokens" in found.space
    plane = embedding_map(LONG, folder, kind="texts")
    assert "length 1; 3 of 4 texts cut to 12 tokens" in plane.space
    words = contextual_vectors(["the cat sat on the mat"], ["cat", "mat"], folder)
    assert words.texts == ["cat"] and "the text cut to 12 tokens" in words.space


def test_the_record_holds_exactly_the_same_float32_numbers(tiny_gpt2):
    result = embed(TEXTS, str(tiny_gpt2))
    record = json.loads(result.to_json())
    assert record["schema"] == "cutaway.embeddings/1"
    assert np.array_equal(np.array(record["vectors"], dtype=np.float32), result.vectors)
    assert record["vectors"][0][0] == float(str(result.vectors[0, 0]))
    assert record["counts"] == [len(text) for text in TEXTS]
    rows = result.rows()
    assert [row["text"] for row in rows] == TEXTS
    assert [row["d15"] for row in rows] == [row[15] for row in record["vectors"]]
    assert result.arrays()["vectors"].shape == (4, 16)
    tokens = embed(TEXTS[:2], str(tiny_gpt2), pooling=None)
    assert [len(rows) for rows in json.loads(tokens.to_json())["vectors"]] == [12, 2]
    assert tokens.arrays()["text_of_token"].tolist() == [0] * 12 + [1] * 2
    assert [(row["token"], row["position"]) for row in tokens.rows()[-2:]] == [("N", 0), ("o", 1)]
    assert "Embeddings(" in repr(result)


def test_requests_that_embed_can_not_fulfil_are_refused(tiny_gpt2):
    model = load(tiny_gpt2, "any")
    for wrong, match in (
        ({"layer": 3}, r"(?s)no layer 3.*0 \(what enters the first block\) to 2"),
        ({"layer": -4}, "no layer -4"),
        ({"pooling": "middle"}, "no pooling 'middle'"),
        ({"batch_size": 0}, "`batch_size` is 0"),
        ({"truncate": "middle"}, "`truncate` is 'middle'"),
    ):
        with pytest.raises(InputError, match=match):
            embed(TEXTS, model, **wrong)
    with pytest.raises(MissingText, match="no text"):
        embed([], model)
    with pytest.raises(MissingText, match="text 2 has no token"):
        embed(["a", ""], model)
    with pytest.raises(PromptTooLong, match="100 tokens"):
        embed(["a", "b" * 100], model)
    assert embed(["b" * 100], model, truncate="left").counts == [64]


def damaged(folder):
    model = load(folder, "any")
    module = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        module.get_input_embeddings().weight[5] = torch.nan
    return Model("damaged", None, module, model.tokenizer)


def test_nan_vectors_are_reported(tiny_gpt2):
    model = damaged(tiny_gpt2)
    bad, good = model.tokenizer.piece(5), model.tokenizer.piece(9)
    with pytest.raises(ModelError, match="gives NaN or infinity"):
        embed([good, bad], model)
    assert embed([good], model).width == 16
    for call in (lambda: neighbours([good], model), lambda: embedding_map({"": ["a", "b", "c"]}, model)):
        with pytest.raises(ModelError, match="hold NaN or infinity"):
            call()


def cosine(a, b):
    return float(
        sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    )


def test_neighbours_in_the_vocabulary_are_ranked_by_cosine(tiny_llama):
    model = load(tiny_llama, "any")
    result = neighbours(["a"], model, k=5)
    weights_VD = model.module.get_input_embeddings().weight.detach().tolist()
    (query,) = result.queries
    others = [i for i in range(len(weights_VD)) if i not in {query.id, *model.tokenizer.special_ids}]
    expected = sorted(((cosine(weights_VD[query.id], weights_VD[i]), i) for i in others), reverse=True)[:5]
    assert [n.id for n in query.neighbours] == [i for _, i in expected]
    assert [n.cosine for n in query.neighbours] == pytest.approx([c for c, _ in expected], abs=1e-6)
    assert result.rows()[0]["neighbour"] == query.neighbours[0].token
    assert result.arrays()["cosine"].tolist() == [n.cosine for n in query.neighbours]


def test_neighbours_among_records_are_ranked_by_the_cosine_of_their_vectors(model):
    records = ["The mat was old.", "A cat", "A dog barks.", "Two dogs", "A cat"]
    result = neighbours(["A dog barks.", "No"], model, among=records, k=9, layer=1, pooling="max")
    vectors = {text: embed([text], model, layer=1, pooling="max").vectors[0].tolist() for text in [*records, "No"]}
    same, other = result.queries
    assert (same.id, other.id) == (2, -1)
    assert sorted(n.id for n in same.neighbours) == [0, 1, 3, 4]  # never itself
    assert sorted(n.id for n in other.neighbours) == [0, 1, 2, 3, 4]
    for query in result.queries:
        cosines = [n.cosine for n in query.neighbours]
        assert cosines == sorted(cosines, reverse=True)
        expected = [cosine(vectors[query.token], vectors[n.token]) for n in query.neighbours]
        assert cosines == pytest.approx(expected, abs=1e-5)


def test_a_word_in_its_context_is_compared_with_words_in_theirs(tiny_bert_classifier):
    model = load(tiny_bert_classifier, "any")
    records = ["The old mat.", "A mat, and a cat", "Mat"]
    result = neighbours("The cat sat on the MAT.", model, among=records, word="mat", k=99)
    (query,) = result.queries
    assert (query.token, query.context) == ("mat", "The cat sat on the MAT.")
    assert sorted(n.token for n in query.neighbours) == sorted(
        ["the", "old", "mat", "a", "mat", "and", "a", "cat", "mat"]
    )
    asked = np.mean(states_of(model, "The cat sat on the MAT.")[-1][19:22].numpy(), axis=0)
    there = np.mean(states_of(model, "A mat, and a cat")[-1][2:5].numpy(), axis=0)
    found = next(n for n in query.neighbours if (n.token, n.id) == ("mat", 1))
    assert found.context == "A mat, and a cat"
    assert found.cosine == pytest.approx(cosine(asked, there), abs=1e-5)


def test_requests_that_neighbours_can_not_fulfil_are_refused(tiny_gpt2):
    model = load(tiny_gpt2, "any")
    for call, match in (
        (lambda: neighbours(["ab"], model), "'ab' is not one token of .*, but 'a' \\+ 'b'"),
        (lambda: neighbours(["a"], model, word="a"), "no records to search"),
        (lambda: neighbours(["a"], model, among=[]), "give a list of texts"),
        (lambda: neighbours(["a"], model, among="a text"), "give a list of texts"),
        (lambda: neighbours(["a dog"], model, among=["a cat"], word="cat"), "'cat' is not in the text 'a dog'"),
        (lambda: neighbours(["a dog"], model, among=["?!"], word="dog"), "have no words"),
        (lambda: neighbours(["a"], model, among=["a cat"], pooling=None), "one vector for each"),
        (lambda: neighbours(["a"], embed(["a"], model, pooling=None)), "a vector for each token"),
        (lambda: neighbours(["z"], embed(["a", "b"], model)), "'z' is not one of the 2 words .*"),
    ):
        with pytest.raises(InputError, match=match):
            call()


def test_texts_beyond_the_context_are_refused_or_cut(tiny_gpt2):
    model, long = load(tiny_gpt2, "any"), "a dog " + "b" * 90
    for call in (
        lambda **cut: neighbours(["a dog"], model, among=["a cat", long], **cut),
        lambda **cut: neighbours([long], model, among=["a cat"], word="dog", **cut),
        lambda **cut: embedding_map([long, "b", "c"], model, kind="texts", **cut),
    ):
        with pytest.raises(PromptTooLong, match="96 tokens"):
            call()
        call(truncate="right")
    with pytest.raises(InputError, match="cut off"):
        neighbours([long], model, among=["a cat"], word="dog", truncate="left")


def test_a_single_record_is_a_neighbour_but_has_none(tiny_gpt2):
    model = load(tiny_gpt2, "any")
    assert neighbours("a", model, among=["a"]).queries[0].neighbours == []
    assert [n.token for n in neighbours("b", model, among=["a"]).queries[0].neighbours] == ["a"]


def test_the_map_of_a_known_plane_is_that_plane():
    angles = np.array([0.0, 0.3, 0.9, 2.0, 4.0])
    flat_N2 = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    turned_ND = flat_N2 @ np.linalg.qr(np.random.default_rng(0).normal(size=(7, 7)))[0][:2]
    table = table_of(list("abcde"), 3 * turned_ND)
    result = embedding_map(list("abcde"), table)
    drawn_N2 = np.array([(p.x, p.y) for p in result.points])
    between = [np.linalg.norm(flat_N2[i] - flat_N2[j]) for i in range(5) for j in range(5)]
    assert [np.linalg.norm(drawn_N2[i] - drawn_N2[j]) for i in range(5) for j in range(5)] == pytest.approx(
        between, abs=1e-5
    )
    assert sum(result.explained) == pytest.approx(1, abs=1e-6)
    assert result.trustworthiness == 1
    assert [p.id for p in result.points] == [0, 1, 2, 3, 4]


def table_of(words, vectors_ND):
    vectors = np.asarray(vectors_ND, dtype=np.float32)
    return Embeddings(
        model="made", space="made up", layer=None, layers=None, pooling=None, normalized=False, width=vectors.shape[1],
        texts=words, counts=[1] * len(words), tokens=None, vectors=vectors,
    )  # fmt: skip


def trust_by_hand(high_ND, low_N2, k):
    """Venna & Kaski 2001, equation 2: how far those near on the sheet rank in the space it is of."""
    n, cost = len(high_ND), 0
    for i in range(n):
        far = [-1 if i == j else np.sum((high_ND[i] - high_ND[j]) ** 2) for j in range(n)]  # itself is rank 0
        rank = np.argsort(np.argsort(far))
        near = [j for j in np.argsort([np.sum((low_N2[i] - low_N2[j]) ** 2) for j in range(n)]) if j != i][:k]
        cost += sum(max(0, rank[j] - k) for j in near)
    return 1 - 2 * cost / (n * k * (2 * n - 3 * k - 1))


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_trustworthiness_is_its_formula(method):
    vectors_ND = np.random.default_rng(1).normal(size=(30, 8))
    names = [f"w{i}" for i in range(30)]
    result = embedding_map(names, table_of(names, vectors_ND), method=method)
    unit_ND = vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    low_N2 = np.array([(p.x, p.y) for p in result.points])
    assert result.near == 5
    assert result.trustworthiness == pytest.approx(trust_by_hand(unit_ND, low_N2, 5), abs=1e-9)
    again = embedding_map(names, table_of(names, vectors_ND), method=method)
    assert again == result  # the same seed, the same sheet


def test_tsne_keeps_clusters_together_that_two_directions_can_not_show():
    dice = np.random.default_rng(2)
    centres = np.eye(16) * 3
    vectors_ND = np.concatenate([centre + 0.2 * dice.normal(size=(6, 16)) for centre in centres])
    names = [f"w{i}" for i in range(96)]
    sheets = {method: embedding_map(names, table_of(names, vectors_ND), method=method) for method in ("pca", "tsne")}
    places = {method: np.array([(p.x, p.y) for p in sheet.points]) for method, sheet in sheets.items()}

    def kept(places_N2):
        own = 0
        for i in range(96):
            near = np.argsort(np.linalg.norm(places_N2 - places_N2[i], axis=1))[1:6]
            own += sum(j // 6 == i // 6 for j in near)
        return own / (96 * 5)

    assert kept(places["tsne"]) == 1
    assert kept(places["pca"]) < 0.8
    assert sheets["tsne"].trustworthiness > sheets["pca"].trustworthiness
    assert (sheets["tsne"].explained, sheets["pca"].perplexity) == ([], None)


@pytest.mark.parametrize("method", ["pca", "tsne"])
@pytest.mark.parametrize("texts", [["a dog"] * 3, ["a dog"] * 9, ["a dog"] * 5 + ["cats", "No"], ["a", "b", "c"]])
def test_equal_records_lie_on_each_other_and_nothing_breaks(tiny_gpt2, method, texts):
    result = embedding_map(texts, load(tiny_gpt2, "any"), kind="texts", method=method)
    places_N2 = np.array([(p.x, p.y) for p in result.points])
    assert np.isfinite(places_N2).all()
    spread = np.linalg.norm(places_N2.max(0) - places_N2.min(0))
    if len(set(texts)) == 1:
        assert spread == 0
        assert result.trustworthiness is None
    elif method == "pca" and "a dog" in texts:
        assert np.ptp(places_N2[:5], axis=0) == pytest.approx([0, 0], abs=1e-5)
    json.loads(result.to_json())


def test_a_map_of_records_keeps_their_groups_and_their_whole_text(tiny_gpt2):
    long = "a record much longer than what a map has room for"
    groups = {"one": [long, "No"], "two": ["cats"]}
    result = embedding_map(groups, load(tiny_gpt2, "any"), kind="texts", layer=1, pooling="max")
    assert [p.group for p in result.points] == ["one", "one", "two"]
    assert result.points[0].text == long
    assert result.points[0].token == long[:31] + "…"
    assert result.points[1].text is None
    assert result.space == "layer 1 of 2, maximum over the tokens in each dimension"
    assert [row["text"] for row in result.rows()] == [long, "No", "cats"]
    assert result.arrays()["names"].tolist() == [long, "No", "cats"]


def test_requests_that_map_can_not_fulfil_are_refused(tiny_gpt2):
    model = load(tiny_gpt2, "any")
    for groups, options, match in (
        (["a"], {}, "a map needs at least 3 points; got 1"),
        (["a", "b"], {"kind": "texts"}, "a map needs at least 3 points; got 2"),
        ("abc", {}, "`groups` is the text 'abc'"),
        (["a", "b", "ab"], {}, "'ab' is not one token"),
        (["a", "b", "c"], {"method": "umap"}, "`method` is 'umap'"),
        (["a", "b", "c"], {"kind": "chords"}, "`kind` is 'chords'"),
        (["a", "b", "c"], {"method": "tsne", "perplexity": 3}, "`perplexity` is 3 for 3 points"),
        (["a", "b", "c"], {"method": "tsne", "perplexity": 0}, "`perplexity` is 0"),
        (["a", "b", ""], {"kind": "texts"}, "text 3 has no token"),
        (["a", "b", "c"], {"kind": "texts", "layer": 7}, "no layer 7"),
    ):
        with pytest.raises(InputError, match=match):
            embedding_map(groups, model, **options)


def test_public_names_are_the_same_things(tiny_gpt2):
    assert cutaway.embed is embed
    assert cutaway.static_vectors is static_vectors
    assert cutaway.contextual_vectors is contextual_vectors
    assert characters(["ab"]).kind == "WordLevel"


def test_the_terminal_shows_every_name_on_the_map_or_below_it():
    import io

    from rich.console import Console

    from cutaway.inside.projection import EmbeddingMap, MapPoint
    from cutaway.views.terminal_vectors import maps

    def drawn(places, names):
        points = [MapPoint(name, i, "", x, y) for i, (name, (x, y)) in enumerate(zip(names, places, strict=True))]
        console = Console(width=80, file=io.StringIO(), color_system=None)
        console.print(maps([EmbeddingMap("tiny", "by hand", [0.6, 0.4], points)]))
        return console.file.getvalue()

    days = ["Monday", "Tuesday", "Wednesday", "one", "a name of thirteen"]
    # Three marks side by side in the middle, and one at each edge.
    beside = drawn([(0.5, 0.5), (0.518, 0.5), (0.536, 0.5), (0, 0), (1, 1)], days)
    assert max(map(len, beside.splitlines())) <= 80 and "Monday ●●● Wednesday" in beside
    assert [line.rstrip() for line in beside.splitlines() if "no room" in line] == ["no room  on the map for ● Tuesday"]
    for text in (beside, drawn([(0, 0)] * 5, days)):
        assert [text.count(name) for name in days] == [1] * 5
