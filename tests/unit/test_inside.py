"""The verbs that look inside: heads, attention, rollout, ablate, on tiny models and against numbers made by hand."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import transformers

import cutaway
from cutaway.array_codec import PackedMaps
from cutaway.errors import AttentionHidden, InputError, MissingText, ModelError, PromptTooLong
from cutaway.generation.scorer import score_continuations
from cutaway.inside import Calls, Statistics, rollout, rollout_row, watch
from cutaway.inside.forward import random_repeated, read, words_of
from cutaway.models.text_model import Model
from tests.unit import architectures

TEXT = "the cat sat on the mat, the cat sat"


def eager(folder: Path, ids: list[int]) -> list[torch.Tensor]:
    module = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        attentions: list[torch.Tensor] = [
            layer[0] for layer in module(torch.tensor([ids]), output_attentions=True).attentions
        ]
    return attentions


def test_heads_of_a_text_equal_eager(tiny_llama: Path) -> None:
    found = cutaway.heads(TEXT, str(tiny_llama))
    ids = cutaway.tokenize(TEXT, str(tiny_llama)).ids
    assert (found.layers, found.heads_per_layer, len(found.heads)) == (2, 4, 8)
    for head in found.heads:
        weights = eager(tiny_llama, ids)[head.layer][head.head].double()
        length = len(ids)
        t, s = torch.arange(length)[:, None], torch.arange(length)[None]
        before = [[j for j in range(row) if ids[j] == ids[row]] for row in range(length)]
        again = [row for row in range(length) if before[row]]
        expected = {
            "entropy_bits": -torch.special.xlogy(weights, weights).sum(-1).mean() / np.log(2),
            "distance": (weights * (t - s)).sum(-1).mean(),
            "sink": weights[1:, 0].mean(),
            "current": weights.diagonal().mean(),
            "previous": weights.diagonal(-1).mean(),
            "duplicate": torch.stack([weights[row, before[row]].sum() for row in again]).mean(),
            "induction": torch.stack([weights[row, [j + 1 for j in before[row]]].sum() for row in again]).mean(),
            "received": (weights.sum(0) / length).max(),
        }
        for name, value in expected.items():
            assert getattr(head, name) == pytest.approx(float(value), abs=2e-5), name
        assert head.next is None
        assert head.received_position == int(weights.sum(0).argmax())
        assert 0 <= head.certainty <= 1


def test_chance_is_what_even_attention_scores(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = cutaway.load(str(tiny_llama))
    for path, weight in model.module.named_parameters():
        if "q_proj" in path:  # no query tells keys apart: every head spreads its weight evenly
            monkeypatch.setattr(weight, "data", torch.zeros_like(weight))
    found = cutaway.heads(TEXT, model)
    for head in found.heads:
        for name, chance in found.chance.items():
            assert getattr(head, name) == (None if chance is None else pytest.approx(chance, abs=2e-5)), name
        assert head.role == "broad" and head.certainty > 0.85


@pytest.mark.parametrize(
    ("aim", "role"),
    [(0, "same token"), (-1, "previous token"), (None, "first token")],
)
def test_constructed_heads_get_their_roles(aim: int | None, role: str) -> None:
    length = 40
    weights = torch.full((length, length), 0.02).tril()
    for t in range(length):
        weights[t, 0 if aim is None else max(0, t + aim)] += 1
    weights /= weights.sum(-1, keepdim=True)
    statistics = Statistics(torch.arange(length)[None])
    statistics(call_of(weights))
    [head] = cutaway.inside.head_roles.describe(statistics.rows[0])
    assert head.role == role and head.certainty > 0.85


def test_an_induction_head_is_found_and_few_positions_give_low_certainty() -> None:
    ids = torch.cat([torch.arange(20), torch.arange(20)])
    weights = torch.full((40, 40), 0.01).tril()
    for t in range(20, 40):
        weights[t, t - 19] += 1
    weights /= weights.sum(-1, keepdim=True)
    statistics = Statistics(ids[None])
    statistics(call_of(weights))
    [head] = cutaway.inside.head_roles.describe(statistics.rows[0])
    assert head.role == "induction" and 0.8 < head.certainty < 1
    short = Statistics(ids[None, :2])
    short(call_of(torch.eye(2)))
    [head] = cutaway.inside.head_roles.describe(short.rows[0])
    assert head.role == "same token" and head.certainty < 0.5


def call_of(weights: torch.Tensor) -> Any:
    """A call whose softmax gives these weights."""
    from cutaway.inside import Call

    length = len(weights)
    logits = weights.clamp_min(1e-9).log()
    return Call(
        kind="self", layer=0, query=torch.eye(length)[None, None], key=logits.T[None, None].contiguous(),
        value=torch.eye(length)[None, None], scale=1.0, softcap=None, sink=None, bias=None, visible=None, causal=True,
        first_row=0, first_key=0, sdpa=lambda: torch.empty(0),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["llama", "mistral", "bert", "gpt_oss"])
def test_rollout_equals_the_product_of_layers(name: str) -> None:
    model = architectures.build(name)
    ids = torch.randint(5, 200, (1, 256), generator=torch.Generator().manual_seed(1))
    if name == "bert":
        ids = ids[:, :200]
    calls, statistics = Calls(), Statistics()

    def observe(call: Any) -> torch.Tensor:
        calls(call)
        return statistics(call)

    with watch(model, observe), torch.no_grad():
        model.module(ids)
        attentions = architectures.build(name, "eager").module(ids, output_attentions=True).attentions
    product = torch.eye(ids.shape[1], dtype=torch.double)
    for layer in attentions:
        mean = layer[0].double().mean(0)
        product = (0.5 * mean / mean.sum(-1, keepdim=True) + 0.5 * torch.eye(len(mean))) @ product
    whole = rollout(list(calls.calls.values()))
    assert torch.allclose(whole.double(), product, atol=1e-5)
    for position in (0, 77, ids.shape[1] - 1):
        assert torch.allclose(rollout_row(list(calls.calls.values()), position).double(), product[position], atol=1e-5)
    for rows, layer in zip(statistics.rows, attentions, strict=True):
        assert torch.allclose(rows.received[0], layer[0].sum(-2), atol=1e-4)


def test_attention_equals_eager_in_every_form(tiny_llama: Path, tmp_path: Path) -> None:
    maps = cutaway.attention(TEXT, str(tiny_llama), neurons=[(1, 3)])
    ids = cutaway.tokenize(TEXT, str(tiny_llama)).ids
    reference = eager(tiny_llama, ids)
    [stack] = maps.stacks
    record = json.loads(maps.to_json())
    assert "calls" not in record and record["stacks"][0]["causal"] is True
    packed = PackedMaps(**record["stacks"][0]["maps"])
    with np.load(maps.save(tmp_path / "x.npz"), allow_pickle=False) as arrays:
        stored = arrays["self_weights"]
    for layer in range(2):
        for head in range(4):
            weights = reference[layer][head].numpy()
            assert np.abs(maps.weights(layer, head) - weights).max() < 1e-5
            assert np.abs(maps.row(layer, head, 7) - weights[7]).max() < 1e-5
            assert np.abs(packed.layer(layer)[head] / 255 - weights).max() <= 1 / 510 + 1e-6
            assert np.abs(stored[layer, head].astype(float) - weights).max() < 5e-4
    mean = torch.stack(reference).mean((0, 1))
    received = mean.sum(0) / torch.arange(len(ids), 0, -1)
    assert stack.received == pytest.approx(received.tolist(), rel=1e-4)
    [neuron] = maps.neurons
    logits = neuron.scale * neuron.queries.array().astype(np.float32) @ neuron.keys.array().astype(np.float32).T
    row = np.exp(logits[7, :8] - logits[7, :8].max())
    assert np.abs(row / row.sum() - maps.row(1, 3, 7)[:8]).max() < 2e-3
    assert stack.rollout is not None
    rolled = stack.rollout.layer(0)[0] / 255
    assert np.abs(rolled.sum(-1) - 1).max() < 0.05


def test_chosen_layers_and_heads_and_missing_ones(tiny_llama: Path) -> None:
    maps = cutaway.attention(TEXT, str(tiny_llama), layers=[1], heads=[2, 0])
    [stack] = maps.stacks
    assert (stack.layers, stack.heads, len(stack.scores)) == ([1], [2, 0], 2)
    assert stack.rollout is None  # it needs all layers
    ids = cutaway.tokenize(TEXT, str(tiny_llama)).ids
    mean = eager(tiny_llama, ids)[1][[0, 2]].mean(0)
    assert stack.received == pytest.approx((mean.sum(0) / torch.arange(len(ids), 0, -1)).tolist(), rel=1e-4)
    [some] = cutaway.attention(TEXT, str(tiny_llama), heads=[0]).stacks
    assert some.rollout is None  # and all heads
    assert np.abs(stack.maps.layer(0)[0] / 255 - maps.weights(1, 2)).max() <= 1 / 510 + 1e-6
    for options, message in (
        ({"layers": [2]}, "no layer 2.*layers 0 to 1"),
        ({"heads": [4]}, "no head 4.*heads 0 to 3"),
        ({"neurons": [(5, 0)]}, r"no head 5\.0.*layers 0 to 1"),
    ):
        with pytest.raises(InputError, match=f"(?s){message}"):
            cutaway.attention(TEXT, str(tiny_llama), **options)
    with pytest.raises(InputError, match=r"(?s)does not contain layer 0.*rows of layers 1"):
        maps.row(0, 0, 0)
    with pytest.raises(InputError, match=r"(?s)position is 99"):
        maps.row(1, 0, 99)


def test_attention_of_generated_tokens_equals_that_of_cached_steps(tiny_llama: Path) -> None:
    """What the page of a generation shows, from one run over all of it, is what its cached steps computed."""
    model = cutaway.load(str(tiny_llama))
    [made] = cutaway.generate(TEXT, model, max_new_tokens=8, temperature=0.0)
    maps = cutaway.attention(TEXT, model, continuation=made.token_ids)
    own = cutaway.attention(TEXT, model, max_new_tokens=8)
    assert own.stacks == maps.stacks and own.generated == maps.generated
    ids = torch.tensor([cutaway.tokenize(TEXT, str(tiny_llama)).ids])
    assert maps.generated == len(made.token_ids) == 8
    module = transformers.AutoModelForCausalLM.from_pretrained(tiny_llama, attn_implementation="eager")
    steps = module.generate(
        ids, max_new_tokens=8, do_sample=False, output_attentions=True, return_dict_in_generate=True, eos_token_id=None
    )
    assert steps.sequences[0, ids.shape[1] :].tolist() == made.token_ids
    for n, step in enumerate(steps.attentions[1:]):
        for layer in range(2):
            for head in range(4):
                exact = maps.row(layer, head, ids.shape[1] + n)
                assert np.abs(exact[: step[layer].shape[-1]] - step[layer][0, head, -1].numpy()).max() < 1e-5


@pytest.mark.parametrize("name", sorted(architectures.PAIRS))
def test_encoder_decoders_have_three_stacks(name: str) -> None:
    model = dataclasses.replace(architectures.build(name), tokenizer=Letters())
    maps = cutaway.attention("abc def", model, target="ghi")
    assert [stack.kind for stack in maps.stacks] == ["encoder", "decoder", "cross"]
    encoder, decoder, cross = maps.stacks
    assert len(encoder.queries) == 7 and len(decoder.queries) == 4
    assert (len(cross.queries), len(cross.keys)) == (4, 7)
    assert (encoder.causal, decoder.causal, cross.causal) == (False, True, False)
    given = {
        "input_ids": torch.tensor([Letters().encode("abc def").ids]),
        "decoder_input_ids": torch.tensor([[0, *Letters().encode("ghi").ids]]),
    }
    _, reference = architectures.eager(name, given)
    for stack in maps.stacks:
        for layer in (0, 1):
            for head in range(4):
                weights = reference[stack.kind, layer][0, head].numpy()
                assert np.abs(stack.maps.layer(layer)[head] / 255 - weights).max() <= 1 / 510 + 1e-6
                assert np.abs(maps.weights(layer, head, stack.kind) - weights).max() < 1e-5
    written = cutaway.attention("abc def", model)
    assert len(written.stacks[1].queries) > 1
    found = cutaway.heads("abc def", model, target="ghi")
    assert {head.kind for head in found.heads} == {"encoder", "decoder", "cross"}
    assert all(head.distance is None for head in found.heads if head.kind == "cross")


class Letters:
    """A tokenizer of single letters for models that have none."""

    kind = "letters"
    config: ClassVar[dict[str, Any]] = {}
    special_ids = frozenset({0, 1, 2})

    def encode(self, text: str, **_: Any) -> Any:
        return type("Encoding", (), {"ids": [5 + ord(letter) % 190 for letter in text]})

    def piece(self, token: int) -> str:
        return chr(token + 60)

    token = piece


def test_long_texts_are_pooled_and_exact_rows_stay(tiny_long: Model) -> None:
    ids = torch.randint(1, 50, (4200,), generator=torch.Generator().manual_seed(0)).tolist()
    maps = cutaway.attention("".join(chr(60 + i) for i in ids), dataclasses.replace(tiny_long, tokenizer=Letters()))
    [stack] = maps.stacks
    assert stack.maps.pool == 32 and stack.maps.rows == -(-4200 // 32) and stack.rollout is None
    exact = maps.weights(1, 1)
    row = maps.row(1, 1, 4199)
    assert np.abs(row - exact[4199]).max() < 1e-6 and row.sum() == pytest.approx(1, abs=1e-4)
    block = exact[3200:3232, 64:96]
    assert stack.maps.layer(1)[1][100, 2] / 255 == pytest.approx(block.sum(1).mean(), abs=1 / 255)
    assert maps.neurons


@pytest.fixture
def tiny_long() -> Model:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=200, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=8192, initializer_range=0.5,
    )  # fmt: skip
    return Model("long", None, transformers.LlamaForCausalLM(config).eval(), None)  # type: ignore[arg-type]


def test_silencing_a_head_is_zeroing_its_rows_of_the_output_weights(tiny_gpt2: Path) -> None:
    found = cutaway.ablate(TEXT, str(tiny_gpt2))
    ids = torch.tensor([cutaway.tokenize(TEXT, str(tiny_gpt2)).ids])
    module = transformers.AutoModelForCausalLM.from_pretrained(tiny_gpt2).eval()
    with torch.no_grad():
        assert found.loss == pytest.approx(float(module(ids, labels=ids).loss), abs=1e-5)
        for head in found.heads:
            projection = module.transformer.h[head.layer].attn.c_proj.weight  # [H × K, D]: a head's output is 8 rows
            kept = projection[head.head * 8 : head.head * 8 + 8].clone()
            projection[head.head * 8 : head.head * 8 + 8] = 0
            assert head.loss == pytest.approx(float(module(ids, labels=ids).loss), abs=1e-5)
            projection[head.head * 8 : head.head * 8 + 8] = kept
            assert head.change == pytest.approx(head.loss - found.loss)
    assert len(found.heads) == 4


def wide(folder: Path, vocabulary: int = 49152) -> Model:
    """A Llama whose logits are as many, and as far apart, as those of SmolLM2."""
    tokenizer = cutaway.load(str(folder)).tokenizer
    config = transformers.LlamaConfig(
        vocab_size=vocabulary, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=1024, initializer_range=0.6, tie_word_embeddings=False,
    )  # fmt: skip
    torch.manual_seed(0)
    return Model("wide", None, transformers.LlamaForCausalLM(config).eval(), tokenizer)


def by_hand(module: Any, ids: list[int], first: int = 1) -> float:
    with torch.no_grad():
        logits_TV = module(torch.tensor([ids])).logits[0, first - 1 : -1].double()
    own_T = logits_TV.gather(1, torch.tensor(ids[first:])[:, None])[:, 0]
    return float((logits_TV.logsumexp(-1) - own_T).mean())


def test_losses_over_a_wide_vocabulary_are_those_of_float64(tiny_llama: Path) -> None:
    model = wide(tiny_llama)
    found = cutaway.ablate(random=128, model=model, heads=[(0, 1)])
    ids = random_repeated(model, 128).ids
    assert found.loss == pytest.approx(by_hand(model.module, ids, 128), abs=3e-6)
    with torch.no_grad():
        model.module.model.layers[0].self_attn.o_proj.weight[:, 16:] = 0  # the second head's part
    assert found.heads[0].loss == pytest.approx(by_hand(model.module, ids, 128), abs=3e-6)
    assert abs(found.heads[0].change) > 1e-3


def test_the_surprisal_of_every_verb_is_that_of_float64(tiny_llama: Path) -> None:
    model = wide(tiny_llama)
    text = "The capital of France is Paris, and that of Italy is Rome. " * 3
    ids = cutaway.tokenize(text, model).ids
    expected = by_hand(model.module, ids)
    [scored] = score_continuations(model, [("", text)])
    assert scored is not None
    compared = cutaway.compare(model, model, text).a
    assert compared.scored is not None and compared.bits is not None
    found = {
        "score": cutaway.score(text, model).total_nats / (len(ids) - 1),
        "compare": compared.bits * np.log(2) / compared.scored,
        "scorer": scored.nats / scored.tokens,
        "lens": sum(cell.target.surprisal_bits for cell in cutaway.lens(text, model).grid[-1].cells if cell.target)
        * np.log(2) / (len(ids) - 1),
        "ablate": cutaway.ablate(text, model, heads=[(0, 0)]).loss,
    }  # fmt: skip
    assert found == {verb: pytest.approx(expected, abs=3e-6) for verb in found}


def test_silencing_by_the_mean_and_together(tiny_llama: Path) -> None:
    both = cutaway.ablate(TEXT, str(tiny_llama), heads=[(0, 1), (1, 2)], together=True)
    assert both.heads[0].loss == both.heads[1].loss
    one = cutaway.ablate(TEXT, str(tiny_llama), heads=[(0, 1)])
    mean = cutaway.ablate(TEXT, str(tiny_llama), heads=[(0, 1)], method="mean")
    assert len({both.heads[0].loss, one.heads[0].loss, mean.heads[0].loss}) == 3
    with pytest.raises(InputError, match=r"(?s)no head 7.0.*layers go from 0 to 1"):
        cutaway.ablate(TEXT, str(tiny_llama), heads=[(7, 0)])
    with pytest.raises(InputError, match="`method` is 'noise'"):
        cutaway.ablate(TEXT, str(tiny_llama), method="noise")
    with pytest.raises(MissingText, match="single token"):
        cutaway.ablate("a", str(tiny_llama))


def test_random_tokens_are_repeated_and_reproducible(tiny_gpt2: Path) -> None:
    first, second = (random_repeated(str(tiny_gpt2), 16, seed=3).ids for _ in range(2))
    assert first == second and first[:16] == first[16:] and len(set(first)) > 4
    assert random_repeated(str(tiny_gpt2), 16, seed=4).ids != first
    for length, error in ((1, InputError), (40, PromptTooLong)):
        with pytest.raises(error):
            random_repeated(str(tiny_gpt2), length)


@pytest.mark.parametrize("text", ["a", "<script>alert(1)</script>", "\u202eab\u2066", "a\x00b", "ä\n\n"])
def test_awkward_texts(tiny_gpt2: Path, text: str) -> None:
    maps = cutaway.attention(text, str(tiny_gpt2))
    assert maps.stacks[0].maps.rows == len(maps.stacks[0].queries) >= 1
    assert "<script>alert" not in cutaway.views.page([maps.to_dict()])
    atlas = cutaway.heads(text, str(tiny_gpt2))
    assert len(atlas.heads) == 4
    assert all(np.isfinite(head.entropy_bits) for head in atlas.heads)


def test_an_error_for_a_long_text_says_how_much_memory_it_needs(tiny_gpt2: Path) -> None:
    with pytest.raises(
        PromptTooLong, match=r"(?s)100,000 tokens and .* takes 64.*4 heads would take 40\.0 GB.*truncate"
    ):
        cutaway.attention("a" * 100_000, str(tiny_gpt2))
    assert cutaway.attention("a" * 100_000, str(tiny_gpt2), truncate="right").stacks[0].maps.rows == 64


def test_a_text_is_cut_so_that_what_is_written_fits(tiny_gpt2: Path) -> None:
    with pytest.raises(PromptTooLong, match="takes 60 beside 4 new"):
        cutaway.attention("a " * 100, str(tiny_gpt2), max_new_tokens=4)
    maps = cutaway.attention("a " * 100, str(tiny_gpt2), max_new_tokens=4, truncate="left")
    assert maps.generated <= 4 and maps.stacks[0].maps.rows == 60 + maps.generated


def test_too_little_memory_is_reported_before_the_run(tiny_long: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: 1)
    monkeypatch.setattr("cutaway.inside.attention_limits.ACTIVATIONS", 1e6)
    with pytest.raises(InputError, match=r"(?s)need about .* GB.*`layers`.*cutaway heads"):
        cutaway.attention("a" * 5000, dataclasses.replace(tiny_long, tokenizer=Letters()))


def test_weights_that_are_not_numbers_are_refused(tiny_gpt2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = cutaway.load(str(tiny_gpt2))
    weight = next(iter(model.module.parameters()))
    monkeypatch.setattr(weight, "data", torch.full_like(weight, torch.nan))
    for verb in (cutaway.attention, cutaway.heads, cutaway.ablate):
        with pytest.raises(ModelError, match="not finite"):
            verb(TEXT, model)


def test_a_target_is_for_encoder_decoders_and_a_model_without_attention_is_refused(tiny_gpt2: Path) -> None:
    with pytest.raises(InputError, match="for encoder-decoders"):
        read("a", str(tiny_gpt2), target="b")
    config = transformers.MambaConfig(vocab_size=200, hidden_size=16, num_hidden_layers=1, state_size=4)
    mamba = Model("mamba", None, transformers.MambaForCausalLM(config).eval(), Letters())  # type: ignore[arg-type]
    for verb in (cutaway.attention, cutaway.heads, cutaway.ablate):
        with pytest.raises(AttentionHidden, match="it has no attention"):
            verb("some text", mamba)


def test_adjacent_wordpiece_words_are_separate_words(tmp_path) -> None:
    """A text of common words has no token with ##, and no space stands in its pieces."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "am", "##s", "it"]
    (tmp_path / "vocab.txt").write_text("\n".join(tokens))
    transformers.BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    config = transformers.BertConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(tmp_path)
    stack = cutaway.attention("I am it", tmp_path, link=("it", "am")).stacks[0]
    assert stack.query_words == [0, 1, 2, 3, 4] and stack.queries[1:4] == ["i", "am", "it"]
    assert cutaway.attention("it ams", tmp_path).stacks[0].query_words == [0, 1, 2, 2, 3]


def test_words() -> None:
    plain = [False] * 9
    assert words_of(["The", " un", "related", ",", " yes"], [""] * 5, plain[:5]) == [0, 1, 1, 2, 3]
    tokens = ["[CLS]", "un", "##related", "yes"]
    assert words_of(["[CLS]", "un", "related", "yes"], tokens, [True, *plain[:3]], pieced=True) == [0, 1, 1, 2]
    assert words_of(["i", "am"], ["i", "am"], plain[:2], pieced=True) == [0, 1]
    assert words_of(["a", " ", "b", "c"], ["a", " ", "b", "c"], plain[:4]) == [0, 1, 2, 2]
    assert words_of([" �", "�", "!"], ["x", "y", "z"], plain[:3]) == [0, 0, 1]
