"""Two models on one text: segments cover it once, numbers are those of `score` and `heads`, matches exact."""

from __future__ import annotations

import itertools
import json
import math
import re
from typing import Any

import numpy as np
import pytest
import scipy.stats
import tokenizers
import torch
import transformers
from click.testing import CliRunner

from cutaway import compare, heads, score
from cutaway.array_codec import PackedMaps
from cutaway.cli import cli
from cutaway.errors import AttentionHidden, InputError, MissingText, ModelError, PromptTooLong
from cutaway.inside.capture import Tile
from cutaway.inside.comparison import MEANS
from cutaway.inside.comparison_findings import findings
from cutaway.inside.head_roles import Head
from cutaway.inside.head_similarity import CellMaps, similarities
from cutaway.inside.token_alignment import align
from cutaway.models.loading import load
from cutaway.models.text_model import Model
from cutaway.tokens.tokenizer import Tokenizer
from tests.unit import architectures

HOSTILE = [
    "The animal didn't cross the street.",
    "👩🏽‍🚀 and 🇨🇭, e\u0301te\u0301 ÉTÉ naïve ﬁne",
    "中文和日本語 mixed with Latin",
    "line one\r\nline two\r\n\r\n\tTabbed   spaces ",
    "   leading",
    "a\u200db\u00a0c\x00d",
    "😀",
    "x",
]
TEXT = "The cat sat, the cat ran, the cat sat"


def bytes_bpe() -> Tokenizer:
    backend = tokenizers.Tokenizer(tokenizers.models.BPE())
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    backend.train_from_iterator(HOSTILE, trainer)
    return Tokenizer(backend)


def lowered_pieces() -> Tokenizer:
    """Lower case, no accents, spaces and control characters dropped, [CLS] and [SEP] around: like BERT."""
    backend = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = tokenizers.normalizers.BertNormalizer()
    backend.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=70, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False
    )
    backend.train_from_iterator(HOSTILE[:2], trainer)
    backend.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return Tokenizer(backend)


def words_with_spaces() -> Tokenizer:
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Split(" ", "merged_with_next")
    return Tokenizer(backend)


TOKENIZERS = {"bytes": bytes_bpe(), "lowered": lowered_pieces(), "words": words_with_spaces()}


def spans(tokenizer: Tokenizer, text: str) -> list[tuple[int, int] | None]:
    encoding = tokenizer.encode(text)
    return [None if special else span for span, special in zip(encoding.offsets, encoding.special, strict=True)]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("pair", list(itertools.combinations_with_replacement(TOKENIZERS, 2)), ids="-".join)
def test_segments_cover_the_text_once_and_hold_every_token_once(pair: tuple[str, str], text: str) -> None:
    both = [spans(TOKENIZERS[name], text) for name in pair]
    found = align(len(text), both)
    assert "".join(text[part.start : part.end] for part in found) == text
    for which, some in enumerate(both):
        held = [token for part in found for token in part.tokens[which]]
        assert held == [token for token, span in enumerate(some) if span is not None]
        assert all(part.tokens[which] for part in found)
        for part in found:
            for token in part.tokens[which]:
                start, end = some[token]  # type: ignore[misc]
                assert part.start <= start <= end <= part.end
    # None could be cut once more: at every place within, a token lies across or a half would lack a model's token.
    for part in found:
        for at in range(part.start + 1, part.end):
            across = any(some[t][0] < at < some[t][1] for some, ts in zip(both, part.tokens, strict=True) for t in ts)  # type: ignore[index]
            sides = [
                [[t for t in ts if (some[t][0] < at) is left] for left in (True, False)]
                for some, ts in zip(both, part.tokens, strict=True)
            ]  # type: ignore[index]
            assert across or not all(half for two in sides for half in two)


def test_bytes_of_one_character_stay_together() -> None:
    text = "a😀b"
    cut = spans(TOKENIZERS["bytes"], "z" + text)
    assert sum(span == (2, 3) for span in cut) > 1
    assert [part.start for part in align(4, [spans(TOKENIZERS["bytes"], text)] * 2)] == [0, 1, 2]


def test_characters_that_a_tokenizer_drops_join_the_next_segment() -> None:
    text = " one two  "
    found = align(len(text), [spans(TOKENIZERS["words"], text), spans(TOKENIZERS["lowered"], text)])
    assert [text[part.start : part.end] for part in found] == [" one", " two  "]


def test_empty_tokens_belong_to_segments_but_special_ones_do_not() -> None:
    found = align(3, [[(0, 0), (0, 1), (1, 3), (3, 3)], [None, (0, 3), None]])
    assert [(part.start, part.end, part.tokens) for part in found] == [(0, 3, [[0, 1, 2, 3], [1]])]
    assert align(3, [[(0, 3)], [None, None]]) == [] and align(0, [[], []]) == []


def test_similarity_by_hand() -> None:
    one = torch.tensor([[1, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5]])
    other = torch.tensor([[1, 0, 0], [0.02, 0.98, 0], [0.25, 0.75, 0]])
    apart = torch.tensor([[0, 1.0, 0], [0, 0, 1], [0, 0, 0]])
    found = similarities(torch.stack([one, other]), torch.stack([one, other, apart]))
    # Row by row: 1; √.01 + √.49 = .8; .25 + √(.1875) = .683013
    assert found[0, 0].item() == pytest.approx(1) and found[1, 1].item() == pytest.approx(1)
    assert found[0, 1].item() == pytest.approx((1 + 0.8 + 0.25 + math.sqrt(0.1875)) / 3)
    assert found[1, 0].item() == pytest.approx(found[0, 1].item())
    assert found[0, 2].item() == 0


def test_cells_sum_keys_and_average_queries() -> None:
    dice = torch.Generator().manual_seed(0)
    weights = torch.rand(1, 2, 6, 6, generator=dice).softmax(-1)
    cells = [-1, 0, 0, 1, 2, -1]
    kept = CellMaps("self", cells, 3)
    call: Any = type("Call", (), {"kind": "self", "layer": 0, "heads": 2})
    for start in (0, 4):
        end = min(6, start + 4)
        kept.add(call, Tile(start, end, 6, weights[:, :, start:end], weights[:, :, start:end]))
    maps = kept.maps()
    for head in range(2):
        expected = np.zeros((3, 3))
        for row, key in itertools.product(range(6), range(6)):
            if cells[row] >= 0 and cells[key] >= 0:
                expected[cells[row], cells[key]] += weights[0, head, row, key].item() / cells.count(cells[row])
        assert maps[head].numpy() == pytest.approx(expected / expected.sum(-1, keepdims=True), abs=1e-6)


@pytest.mark.parametrize("name", ["tiny_gpt2", "tiny_llama", "tiny_bert_classifier"])
def test_a_model_is_its_own_best_match(name: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(name)
    found = compare(folder, folder, TEXT)
    assert found.a == found.b and found.maps_a == found.maps_b
    assert np.diagonal(found.similarity) == pytest.approx(1, abs=1e-6)
    assert found.similarity == pytest.approx(found.similarity.T, abs=1e-6) and found.similarity.min() >= 0
    assert all(part.bits_a == part.bits_b and part.tokens_a == part.tokens_b for part in found.segments)
    assert all(match.mutual and match.similarity == pytest.approx(1, abs=1e-6) for match in found.matches)
    assert all((match.layer, match.head) == (match.best_layer, match.best_head) for match in found.matches)
    assert len(found.matches) == 2 * found.a.layers * found.a.heads_per_layer
    assert all(pair.a == pair.b for pair in found.pairs)


@pytest.mark.parametrize("name", ["tiny_gpt2", "tiny_llama"])
def test_surprisal_is_that_of_score(name: str, request: pytest.FixtureRequest, tiny_bert_classifier: Any) -> None:
    folder = request.getfixturevalue(name)
    found, scored = compare(folder, tiny_bert_classifier, TEXT), score(TEXT, folder)
    assert found.a.bits == pytest.approx(scored.total_bits, abs=1e-4)
    assert found.a.scored == len(scored.tokens) and found.a.perplexity == pytest.approx(scored.perplexity)
    assert found.a.bits_per_byte == pytest.approx(scored.bits_per_byte) and found.bytes == len(TEXT) - 1
    assert [part.bits_a for part in found.segments][1:] == pytest.approx(
        [token.surprisal_bits for token in scored.tokens], abs=1e-4
    )
    assert found.segments[0].bits_a is None
    assert (found.b.bits, found.b.scored, found.b.bits_per_byte, found.b.perplexity) == (None,) * 4
    assert all(part.bits_b is None for part in found.segments)


def test_surprisal_of_a_segment_is_the_sum_over_its_tokens(tiny_gpt2: Any) -> None:
    letters = load(tiny_gpt2, "any")
    words = Model("words", None, letters.module, TOKENIZERS["words"])
    found, scored = compare(words, letters, "ab cd ef"), score("ab cd ef", letters)
    assert [part.text for part in found.segments] == ["ab", " cd", " ef"]
    assert found.segments[1].tokens_b == [" ", "c", "d"]
    expected = [sum(t.surprisal_bits for t in scored.tokens[at : at + 3]) for at in (1, 4)]
    assert [part.bits_b for part in found.segments[1:]] == pytest.approx(expected, abs=1e-4)
    assert found.segments[0].bits_b is None and found.bytes == 6
    assert found.b.bits_per_byte == pytest.approx(sum(expected) / 6)  # over what both score, not over all that b scores
    assert found.b.bits == pytest.approx(scored.total_bits, abs=1e-4)


def test_depths_are_the_means_of_heads(tiny_llama: Any, tiny_bert_classifier: Any) -> None:
    found = compare(tiny_llama, tiny_bert_classifier, TEXT)
    for side, folder in ((found.a, tiny_llama), (found.b, tiny_bert_classifier)):
        atlas = heads(TEXT, folder)
        assert (side.layers, side.heads_per_layer) == (atlas.layers, atlas.heads_per_layer)
        assert [layer.depth for layer in side.depths] == [0, 1]
        for layer, name in itertools.product(side.depths, MEANS):
            values = [getattr(head, name) for head in atlas.heads if head.layer == layer.layer]
            known = [value for value in values if value is not None]
            expected = pytest.approx(sum(known) / len(known), abs=1e-6) if known else None
            assert getattr(layer, name) == expected
        assert side.roles == {role: sum(h.role == role for h in atlas.heads) for role in side.roles}
        assert sum(side.roles.values()) == len(atlas.heads)
    assert found.a.causal and not found.b.causal
    assert found.a.ahead == 0 < found.b.ahead < 1
    roles = [(match.layer, match.head, match.role) for match in found.matches if match.model == "b"]
    assert roles == [(head.layer, head.head, head.role) for head in heads(TEXT, tiny_bert_classifier).heads]


@pytest.mark.parametrize(("truncate", "length"), [(None, 40), ("right", 90), ("left", 90)])
def test_shares_of_attention_equal_eager(truncate: str | None, length: int, tiny_gpt2: Any, tiny_llama: Any) -> None:
    # A word piece is many segments of the other's letters, or one: tokens and segments are not as many.
    model, letters = words_and_ends(), load(tiny_llama, "any")
    text = ("the cat sat on the mat, " * 10)[:length]
    found = compare(model, letters, text, truncate=truncate)
    encoding = model.tokenizer.encode(text)
    kept = slice(0, 32) if truncate != "left" else slice(-32, None)
    ids, special = encoding.ids[kept], np.array(encoding.special[kept])
    module = model.module
    module.set_attn_implementation("eager")
    with torch.no_grad():
        layers = module(torch.tensor([ids]), output_attentions=True).attentions
    weights = torch.cat([layer[0] for layer in layers]).double().numpy()
    assert found.a.special == special.sum() > 0
    assert found.a.outside == pytest.approx(weights[:, :, special].sum(-1).mean(), abs=2e-6)
    within = weights * (~special[:, None] & ~special)
    later = np.triu(within, 1).sum((1, 2)) / within.sum((1, 2))
    assert found.a.ahead == pytest.approx(later.mean(), abs=2e-6)
    shares = [match.share for match in found.matches if match.model == "a"]
    assert shares == pytest.approx(weights[:, :, ~special].sum(-1).mean(1).tolist(), abs=2e-6)
    assert (found.b.outside, found.b.ahead) == (0, 0)


def words_and_ends() -> Model:
    """A BERT of 2 layers that reads words between special tokens, up to 32 tokens."""
    torch.manual_seed(5)
    vocabulary = {word: i for i, word in enumerate(["[UNK]", "[CLS]", "[SEP]", "the", "cat", "sat", "on", "mat", ","])}
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    backend.add_special_tokens(["[CLS]", "[SEP]"])
    backend.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP] [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    config = transformers.BertConfig(
        vocab_size=9, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32, initializer_range=0.6,
    )  # fmt: skip
    return Model("words", None, transformers.BertModel(config).eval(), Tokenizer(backend))


def test_matches_and_maps_equal_eager_attention(tiny_gpt2: Any, tiny_llama: Any) -> None:
    found, stacks = compare(tiny_gpt2, tiny_llama, TEXT), []
    for folder in (tiny_gpt2, tiny_llama):
        module = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
        ids = torch.tensor([load(folder, "any").tokenizer.encode(TEXT).ids])
        with torch.no_grad():
            layers = module(ids, output_attentions=True).attentions
        stacks.append(torch.cat([layer[0] for layer in layers]).double())
    roots = [stack[:, 1:].sqrt().flatten(1) for stack in stacks]
    expected = (roots[0] @ roots[1].T / (len(TEXT) - 1)).numpy()
    assert found.similarity == pytest.approx(expected, abs=1e-5)
    assert found.similarity_mean == pytest.approx(expected.mean(), abs=1e-5)
    for match in found.matches:
        own = match.layer * (2 if match.model == "a" else 4) + match.head
        row = expected[own] if match.model == "a" else expected[:, own]
        assert match.similarity == pytest.approx(row.max(), abs=1e-5)
        best = match.best_layer * (4 if match.model == "a" else 2) + match.best_head
        back = expected[:, best] if match.model == "a" else expected[best]
        assert best == row.argmax() and match.mutual == (back.argmax() == own)
    for side in ("a", "b"):  # no head is shown twice
        assert len({tuple(getattr(pair, side)) for pair in found.pairs}) == len(found.pairs) >= 3
    assert [pair.mutual for pair in found.pairs] == sorted((pair.mutual for pair in found.pairs), reverse=True)
    assert sum(pair.mutual for pair in found.pairs) == min(6, sum(m.mutual for m in found.matches) // 2)
    for pair in found.pairs:
        assert pair.similarity == pytest.approx(
            expected[pair.a[0] * 2 + pair.a[1], pair.b[0] * 4 + pair.b[1]], abs=1e-5
        )
    assert found.rows()[0]["similarity"] == found.matches[0].similarity
    for packed, stack, side in ((found.maps_a, stacks[0], "a"), (found.maps_b, stacks[1], "b")):
        assert isinstance(packed, PackedMaps) and packed.layout == "lower"
        for i, pair in enumerate(found.pairs):
            layer, head = getattr(pair, side)
            width = 2 if side == "a" else 4
            assert packed.layer(i)[0] / 255 == pytest.approx(stack[layer * width + head].numpy(), abs=1 / 500)


def test_text_that_one_model_did_not_read_is_not_compared(tiny_gpt2: Any, tiny_llama: Any) -> None:
    text = "The cat sat on the mat. " * 4  # 96 characters, of which tiny-gpt2 takes 64
    with pytest.raises(PromptTooLong):
        compare(tiny_gpt2, tiny_llama, text)
    for side, compared in (("right", [0, 64]), ("left", [32, 96])):
        found = compare(tiny_gpt2, tiny_llama, text, truncate=side)
        assert found.compared == compared and (found.a.tokens, found.b.tokens) == (64, 96)
        assert "".join(part.text for part in found.segments) == text
        known = [at for at, part in enumerate(found.segments) if part.bits_a is not None]
        assert known == list(range(compared[0] + 1, compared[1])) and found.bytes == 63
        assert [at for at, part in enumerate(found.segments) if part.bits_b is None] == [0]
        assert found.maps_a.rows == found.maps_b.rows == 64
    assert found.segments[0].tokens_a == [] and found.segments[0].tokens_b == ["T"]


def test_long_texts_are_matched_in_blocks(tiny_gpt2: Any, tiny_llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cutaway.inside.comparison.CELLS", 10)
    found = compare(tiny_gpt2, tiny_llama, TEXT)
    assert (found.maps_a.pool, found.maps_a.rows, found.maps_b.rows) == (4, 10, 10) and len(TEXT) == 37
    assert len(found.segments) == len(TEXT)
    sums = found.maps_a.layer(0)[0].sum(-1) / 255
    assert sums == pytest.approx(1, abs=10 / 500)


@pytest.mark.parametrize("text", [*HOSTILE[:4], HOSTILE[5]])
def test_hostile_texts_are_compared_whole(text: str, tiny_gpt2: Any, tiny_bert_classifier: Any) -> None:
    a, b = load(tiny_gpt2, "any"), load(tiny_bert_classifier, "any")
    cut = Model("lowered", None, b.module, Tokenizer(TOKENIZERS["lowered"].backend))
    found = compare(a, cut, text)
    assert "".join(part.text for part in found.segments) == text
    assert found.b.special == 2 and 0 < found.b.outside < 1 and found.a.outside == 0
    json.loads(found.to_json())


@pytest.mark.parametrize("name", ["t5", "gpt_oss", "gemma2", "mistral", "albert", "modernbert"])
def test_other_kinds_of_model(name: str, tiny_gpt2: Any) -> None:
    made = architectures.build(name)
    own = Model(name, None, made.module, load(tiny_gpt2, "any").tokenizer)
    found = compare(tiny_gpt2, own, TEXT)
    kind = "encoder" if name == "t5" else "self"
    assert found.b.layers == 2 and len(found.similarity) == 4 and found.similarity.shape[1] == 8
    assert found.b.causal is (name in architectures.DECODERS) and (found.b.bits is None) is (not found.b.causal)
    atlas = heads(TEXT, own)
    assert [m.role for m in found.matches if m.model == "b"] == [h.role for h in atlas.heads if h.kind == kind]
    assert np.isfinite(found.similarity).all() and found.similarity.max() <= 1


def test_the_summary_says_what_the_record_holds(tiny_gpt2: Any, tiny_llama: Any, tiny_bert_classifier: Any) -> None:
    found = compare(tiny_gpt2, tiny_llama, TEXT)
    said = " ".join(found.summary)
    for side in (found.a, found.b):
        assert f"{side.parameters:,} parameters" in said and f"{side.bits_per_byte:.3f}" in said
    shown = [f"{pair.similarity:.3f}" in found.summary[2] for pair in found.pairs]
    assert any(shown) and f"{found.similarity_mean:.3f} on average" in found.summary[2]
    widest = max(found.segments[1:], key=lambda part: abs((part.bits_a or 0) - (part.bits_b or 0)))
    assert f"{widest.bits_a:.2f} and {widest.bits_b:.2f}" in said
    assert "is causal" not in said
    other = compare(tiny_bert_classifier, tiny_llama, TEXT)
    assert "does not predict the next token, so it gives no surprisal" in " ".join(other.summary)
    assert other.summary[0].startswith("tiny-llama") and f"gives {other.a.ahead:.0%} of its" in other.summary[0]
    same = compare(tiny_llama, tiny_llama, "abc")
    said = " ".join(same.summary)
    assert "tiny-llama (first)" in said and "less than 0.01 bits" in said and "no token of the text comes twice" in said
    assert same.summary[0].startswith("The text surprises both models equally: tiny-llama (first)")
    assert same.summary[1].startswith("On average their heads attend alike")


def test_the_first_finding_is_the_paired_difference_of_surprisal(tiny_gpt2: Any, tiny_llama: Any) -> None:
    found = compare(tiny_gpt2, tiny_llama, "To be, or not to be, that is the question.")
    parts = found.segments[1:]
    test = scipy.stats.ttest_rel([part.bits_a for part in parts], [part.bits_b for part in parts])
    ends = [end * len(parts) / found.bytes for end in test.confidence_interval(0.95)]
    difference = found.a.bits_per_byte - found.b.bits_per_byte
    assert ends[0] < difference < ends[1]
    numbers = [float(x) for x in re.findall(r"[+-]?\d+\.\d+", found.summary[0].replace("−", "-").split("(")[1])]
    if ends[0] <= 0 <= ends[1]:
        assert "about equally" in found.summary[0]
        assert numbers == pytest.approx([difference, *ends], abs=6e-4)
    else:
        assert " less than " in found.summary[0]
        assert numbers == pytest.approx([abs(difference), *sorted(map(abs, ends))], abs=6e-4)


def test_the_second_finding_is_the_largest_clear_difference_between_heads(tiny_gpt2: Any, tiny_llama: Any) -> None:
    heads_of = {
        side: [Head("self", 0, i, "mixed", 0.5, entropy, 1.0, sink, 0.1, 0.1, None, None, None, 0.1, 0)
               for i, (entropy, sink) in enumerate(values)]
        for side, values in (("a", [(1, 0.30), (2, 0.32), (3, 0.34)]), ("b", [(1.5, 0.7), (2.5, 0.75), (3.2, 0.8)]))
    }  # fmt: skip
    found = compare(tiny_gpt2, tiny_llama, TEXT)
    told = findings(["A", "B"], [found.a, found.b], found.segments, found.bytes, list(heads_of.values()),
                    found.matches, found.pairs, 0.5)[1]  # fmt: skip
    ends = scipy.stats.ttest_ind([0.30, 0.32, 0.34], [0.7, 0.75, 0.8], equal_var=False).confidence_interval(0.95)
    assert told == (
        "Their heads differ most in attention to the first token: on average A 32.0% and B 75.0% (difference −43.0 "
        f"points, 95 % interval {100 * ends.low:+.1f} to {100 * ends.high:+.1f}, over 3 and 3 heads)."
    ).replace("-", "−")


def test_bad_input(tiny_gpt2: Any, tiny_llama: Any) -> None:
    with pytest.raises(MissingText):
        compare(tiny_gpt2, tiny_llama, "")
    with pytest.raises(MissingText, match="two common parts"):
        compare(tiny_gpt2, tiny_llama, "x")
    with pytest.raises(ModelError):
        compare(tiny_gpt2, "no-such-model", TEXT)
    with pytest.raises(InputError, match="truncate"):
        compare(tiny_gpt2, tiny_llama, TEXT, truncate="middle")
    config = transformers.MambaConfig(vocab_size=99, hidden_size=8, state_size=4, num_hidden_layers=1)
    state = Model("mamba", None, transformers.MambaForCausalLM(config).eval(), load(tiny_gpt2, "any").tokenizer)
    with pytest.raises(AttentionHidden, match="no attention"):
        compare(tiny_gpt2, state, TEXT)
    broken = load(tiny_llama, "any")
    hurt = Model("hurt", None, transformers.LlamaForCausalLM(broken.config).eval(), broken.tokenizer)
    with torch.no_grad():
        hurt.module.lm_head.weight.fill_(math.nan)
    with pytest.raises(ModelError, match="not finite"):
        compare(tiny_gpt2, hurt, TEXT)


def test_the_command(tiny_gpt2: Any, tiny_llama: Any, tmp_path: Any) -> None:
    models = [str(tiny_gpt2), str(tiny_llama)]
    done = CliRunner().invoke(cli, ["compare", *models, TEXT, "--json", "--offline"])
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert record["schema"] == "cutaway.comparison/1" and "similarity" not in record
    shown = CliRunner().invoke(cli, ["compare", *models, TEXT]).stdout
    assert " ".join(shown.split()).startswith(" ".join(record["summary"][:3]).split("/")[0])
    assert record["summary"][-1] in " ".join(shown.split())
    assert "heads most alike" in shown
    told = " ".join(shown.split())
    assert len(record["measures"]) == 11
    assert all(f"{one['name']}: {one['meaning']}" in told for one in record["measures"])
    (tmp_path / "text.txt").write_text(TEXT)
    for suffix in ("html", "csv", "npz", "json"):
        target = tmp_path / f"out.{suffix}"
        done = CliRunner().invoke(cli, ["compare", *models, "-f", str(tmp_path / "text.txt"), "-o", str(target)])
        assert done.exit_code == 0 and target.stat().st_size > 0, done.output
        assert done.stderr.splitlines()[-3:] == record["summary"][:3] and not done.stdout
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1 + 4 + 8
    assert np.load(tmp_path / "out.npz")["similarity"].shape == (4, 8)
    assert CliRunner().invoke(cli, ["compare", *models, TEXT, "-o", str(tmp_path / "x.mp3")]).exit_code != 0
