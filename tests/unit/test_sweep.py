"""The sweep: which runs there are, that no run depends on another, that numbers are what they say, and resuming."""

from __future__ import annotations

import io
import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import tokenizers
import torch
import transformers
from rich.console import Console

import cutaway
from cutaway.cli import main
from cutaway.errors import InputError, MissingText, PromptTooLong
from cutaway.generation import generate, legibility, read_runs, read_sweep, sweep, sweep_passes
from cutaway.generation import sweeps as sweeps_module
from cutaway.generation.legibility import MEASURES
from cutaway.generation.scorer import score_continuations
from cutaway.generation.sweep_effects import Table, effects_of
from cutaway.generation.sweep_files import keep_whole_lines, resume_runs
from cutaway.generation.sweep_findings import sentences
from cutaway.generation.sweep_runs import SweepPlan, seed_of, settings_grid
from cutaway.intervals import interval
from cutaway.models import load
from cutaway.prediction import score
from cutaway.sequences import read_prompts
from cutaway.views import terminal_sweep

PROMPTS = ["The animal", "No, I am", "A cat and"]
SETTINGS = {"temperature": [0, 0.7, 1.3], "top_p": [0.6, 1]}


@pytest.fixture
def model(tiny_llama):
    return load(tiny_llama)


def run(capsys, *args):
    with pytest.raises(SystemExit) as done:
        main([str(arg) for arg in args])
        raise SystemExit(0)
    captured = capsys.readouterr()
    return done.value.code or 0, captured.out, captured.err


def test_every_combination_is_run_and_greedy_once(model):
    found = sweep(PROMPTS, model, settings=SETTINGS, max_new_tokens=8, scorer=None)
    seen = [(r.prompt, r.settings["temperature"], r.settings["top_p"], r.sample) for r in found.runs]
    expected = [
        (prompt, temperature, top_p, sample)
        for prompt in PROMPTS
        for temperature in (0.0, 0.7, 1.3)
        for top_p in (0.6, 1.0)
        for sample in range(1 if temperature == 0 else 2)
    ]
    assert seen == expected
    assert found.grid == {"temperature": [0.0, 0.7, 1.3], "top_p": [0.6, 1.0]}
    assert {cell.runs for cell in found.cells} == {3, 6}


def test_a_run_is_what_generate_gives_with_its_seed_and_settings(model):
    found = sweep(PROMPTS, model, settings=SETTINGS | {"chat": [False]}, max_new_tokens=12, scorer=None)
    for one in found.runs:
        [again] = generate(one.prompt, model, seed=one.seed, **one.settings)
        assert (again.completion, again.token_ids) == (one.completion, one.token_ids)
        said = len(again.token_ids) - (again.finish_reason == "eos")
        assert one.finish_reason == again.finish_reason
        assert one.metrics["perplexity"] == pytest.approx(legibility.perplexity(again.logprobs[:said]), rel=1e-4)


def test_a_run_does_not_depend_on_what_else_is_swept(model):
    whole = sweep(PROMPTS, model, settings=SETTINGS, max_new_tokens=12, scorer=None)
    texts = {(r.prompt, r.settings["temperature"], r.settings["top_p"], r.sample): r.completion for r in whole.runs}
    less = sweep(PROMPTS[::-1][:2], model, settings={"top_p": [1.0], "temperature": [1.3]}, samples=1,
                 max_new_tokens=12, scorer=None, batch_size=1)  # fmt: skip
    assert len(less.runs) == 2
    for one in less.runs:
        assert one.completion == texts[one.prompt, 1.3, 1.0, 0]
    other = sweep(PROMPTS, model, settings=SETTINGS, max_new_tokens=12, scorer=None, seed=1)
    assert [r.completion for r in other.runs] != [r.completion for r in whole.runs]


def test_a_longer_limit_goes_on_with_the_same_text(model):
    found = sweep("The animal", model, settings={"max_new_tokens": [4, 12]}, samples=3, scorer=None)
    short, long = ([r for r in found.runs if r.settings["max_new_tokens"] == n] for n in (4, 12))
    assert [a.token_ids == b.token_ids[:4] for a, b in zip(short, long, strict=True)] == [True] * 3


def test_a_prompt_is_read_once_and_its_runs_follow_each_other(model, monkeypatch):
    read = []
    opened = sweep_passes.open_decoder(model)

    class Counting:
        joins = opened.joins
        model = opened.model
        begin, keep, step = opened.begin, opened.keep, opened.step

        def add(self, prompts, copies):
            read.append((len(prompts), sum(copies)))
            return opened.add(prompts, copies)

    monkeypatch.setattr(sweep_passes, "open_decoder", lambda *_, **__: Counting())
    sweep(PROMPTS, model, settings=SETTINGS, max_new_tokens=4, scorer=None)
    assert read == [(3, 30)]


def test_memory_holds_no_more_rows_than_run_together(model, monkeypatch):
    """Of 400 runs only those of a block are rows at any time."""
    alive, most = set(), [0]
    made = sweep_passes.Row

    class Watched(made):
        def __post_init__(self):
            super().__post_init__()
            alive.add(id(self))
            most[0] = max(most[0], len(alive))

        def __del__(self):
            alive.discard(id(self))

    monkeypatch.setattr(sweep_passes, "Row", Watched)
    prompts = [f"Prompt {i}" for i in range(100)]
    seen = []
    found = sweep(prompts, model, settings={"temperature": [0.5, 1]}, max_new_tokens=2, scorer=None, batch_size=8,
                  on_run=seen.append)  # fmt: skip
    assert len(found.runs) == 400 and seen == found.runs
    assert most[0] <= 8 * 4 + 16


def test_the_scorer_agrees_with_score(model, tiny_gpt2):
    judge = load(tiny_gpt2)
    found = sweep(PROMPTS, model, settings={"temperature": [0, 1.2]}, max_new_tokens=9, scorer=judge)
    for one in found.runs:
        whole = score(one.prompt + one.completion, judge)
        tokens = whole.tokens[len(judge.tokenizer.encode(one.prompt).ids) - 1 :]
        nats = -math.fsum(token.logprob for token in tokens)
        assert one.metrics["scorer_perplexity"] == pytest.approx(math.exp(nats / len(tokens)), rel=1e-4)
        size = len(one.completion.encode())
        assert one.metrics["scorer_bits_per_byte"] == pytest.approx(nats / math.log(2) / size, rel=1e-4)


def test_scoring_many_together_equals_scoring_each(model):
    pairs = [("The", " animal"), ("a", "b"), ("No, I am your father", " and so on, and so forth"), ("x", "")] * 30
    together = score_continuations(model, pairs)
    for pair, found in zip(pairs, together, strict=True):
        [alone] = score_continuations(model, [pair])
        assert (found is None) == (alone is None) == (not pair[1])
        if found is not None and alone is not None:
            assert (found.tokens, found.nats) == (alone.tokens, pytest.approx(alone.nats, rel=1e-5))


def pieces(tmp_path):
    """A random Llama whose tokenizer has pieces of several letters: it can write a text otherwise than it reads it."""
    letters = [*"abcdet ", "<|end|>"]
    vocabulary = {piece: i for i, piece in enumerate([*letters, "ab", "cd", "abcd", " t"])}
    merges = [("a", "b"), ("c", "d"), ("ab", "cd"), (" ", "t")]
    backend = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=merges))
    backend.decoder = tokenizers.decoders.Fuse()
    transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>").save_pretrained(tmp_path)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=128, eos_token_id=7, bos_token_id=None, initializer_range=0.2,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path)
    return str(tmp_path)


def test_the_writer_as_scorer_reads_the_text_again_like_any_other(tmp_path):
    writer = pieces(tmp_path)
    found = sweep(["abc", "da te"], writer, settings={"temperature": [1.5]}, samples=4, max_new_tokens=20,
                  scorer=writer, tier="exact")  # fmt: skip
    judge, otherwise = load(writer), 0
    for one in found.runs:
        whole = judge.tokenizer.encode(one.prompt + one.completion)
        edge = next(t for t, (_, end) in enumerate(whole.offsets) if end > len(one.prompt))
        with torch.no_grad():
            logprobs_TV = judge.module(torch.tensor([whole.ids])).logits[0].double().log_softmax(-1)
        nats = [-float(logprobs_TV[t - 1, whole.ids[t]]) for t in range(edge, len(whole.ids))]
        assert one.metrics["scorer_perplexity"] == pytest.approx(math.exp(np.mean(nats)), rel=1e-4)
        assert one.metrics["scorer_bits_per_byte"] == pytest.approx(
            sum(nats) / math.log(2) / len(one.completion.encode()), rel=1e-4
        )
        otherwise += one.metrics["scorer_perplexity"] != pytest.approx(one.metrics["perplexity"], rel=1e-2)
    assert otherwise  # its own tokens are others


def test_metrics_of_a_run_are_the_functions_of_its_text(model):
    found = sweep("The animal", model, settings={"temperature": [1.0]}, samples=3, max_new_tokens=30, scorer=None)
    alike = legibility.self_bleu([legibility.units(one.completion) for one in found.runs])
    for one, bleu in zip(found.runs, alike, strict=True):
        assert list(one.metrics) == [measure.key for measure in MEASURES]
        assert one.metrics["self_bleu"] == bleu
        assert one.metrics["reading_ease"] == legibility.reading_ease(one.completion)
        assert one.metrics["dictionary_words"] == legibility.dictionary_words(one.completion)
        assert one.metrics["compression_ratio"] == legibility.compression_ratio(one.completion)
        assert one.metrics["finished"] == (one.finish_reason == "eos")
        assert one.metrics["tokens"] == len(one.token_ids)
        assert one.metrics["scorer_perplexity"] is None
        entropy = one.metrics["entropy_bits"]
        assert entropy is not None and 0 < entropy < math.log2(len(model.tokenizer.vocabulary))


# --- effects


def made(samples=2, prompts=8, effect=0.0, levels=(0.0, 1.0), seed=0, models=("m",)):
    """A plan and its table with made-up numbers: each prompt has a mean of its own, far larger than the effect."""
    dice = np.random.default_rng(seed)
    grid, cells = settings_grid({"temperature": [0.5 + level for level in levels]})
    plan = SweepPlan([f"p{i}" for i in range(prompts)], list(models), grid, cells, samples, 0, "exact", None)
    table = Table(plan)
    for prompt in plan.prompts:
        own = dice.normal(50, 20)
        for model in plan.models:
            for cell, level in zip(cells, levels, strict=True):
                for sample in range(samples):
                    value = own + effect * level + dice.normal(0, 1)
                    table.add(model, prompt, cell, sample, {"reading_ease": value, "perplexity": math.exp(value / 30)})
    return plan, table


def test_intervals_are_students_t():
    values = [3.1, 2.7, 4.4, 3.9, 3.3]
    mean, low, high = interval(values)
    assert (low, high) == pytest.approx(scipy.stats.t.interval(0.95, 4, np.mean(values), scipy.stats.sem(values)))
    assert mean == pytest.approx(np.mean(values))
    assert interval([1.0]) == (1.0, None, None) and interval([]) == (None, None, None)


def test_pairing_by_prompt_finds_effects_smaller_than_the_spread_of_prompts():
    _, table = made(effect=3.0)
    ease, perplexity = effects_of(table)[::-1]
    [change] = ease.changes
    assert change.clear and change.low < 3 < change.high and change.high - change.low < 4
    assert ease.levels[0].high - ease.levels[0].low > 15
    [ratio] = perplexity.changes
    assert ratio.clear and ratio.low < math.exp(0.1) < ratio.high
    told = sentences(table, effects_of(table))
    assert any("reading ease rises from" in line and "perplexity to itself rises" in line for line in told)


def test_an_interval_stays_within_the_range_of_the_measure():
    spread = {"finished": (0.0, 1.0), "perplexity": (1.01, 900.0), "tokens": (1.0, 90.0), "reading_ease": (-90.0, 90.0)}
    spans = {"finished": (0, 1), "perplexity": (1, math.inf), "tokens": (0, math.inf)}
    for metric, (low, high) in spread.items():
        numbers = {f"p{i}": {0.5: [low if i % 2 else high], 1.5: [low]} for i in range(4)}
        values = [low, high] * 2
        free = interval([math.log(value) for value in values] if metric == "perplexity" else values)
        free = tuple(map(math.exp, free)) if metric == "perplexity" else free
        [effect] = [e for e in effects_of(table_of(numbers, metric=metric)) if e.measure == metric]
        level, (least, most) = effect.levels[0], spans.get(metric, (-math.inf, math.inf))
        assert metric == "reading_ease" or free[1] < least  # Student's t knows nothing of the measure's ends
        assert (level.low, level.high) == pytest.approx((max(free[1], least), min(free[2], most)))


def test_about_one_interval_in_twenty_excludes_zero_by_chance():
    clear = [
        change.clear
        for seed in range(400)
        for effect in effects_of(made(prompts=5, seed=seed)[1])
        if effect.measure == "reading_ease"
        for change in effect.changes
    ]
    assert 0.02 < np.mean(clear) < 0.09


def test_only_clear_effects_are_claimed():
    _, table = made(effect=0.0, seed=3)
    effects = effects_of(table)
    assert not any(change.clear for effect in effects for change in effect.changes)
    told = sentences(table, effects)
    assert "Temperature from 0.5 to 1.5: no clear effect." in told
    assert not any("rises" in line or "falls" in line for line in told)


def table_of(numbers, settings=None, metric="reading_ease"):
    """A table of made-up numbers: {prompt: {values of the grid: [a number a sample]}}."""
    grid, cells = settings_grid(
        settings or {"temperature": sorted({level for own in numbers.values() for level in own})}
    )
    most = max(len(values) for own in numbers.values() for values in own.values())
    table = Table(SweepPlan(list(numbers), ["m"], grid, cells, most, 0, "exact", None))
    for prompt, own in numbers.items():
        for level, values in own.items():
            at = level if isinstance(level, tuple) else (level,)
            cell = next(cell for cell in cells if tuple(cell[name] for name in grid) == at)
            for sample, value in enumerate(values):
                table.add("m", prompt, cell, sample, {metric: value})
    return table


def changes(table, setting="temperature"):
    [effect] = [effect for effect in effects_of(table) if effect.setting == setting]
    return effect


def test_several_prompts_are_paired_by_prompt_and_not_by_sample():
    numbers = {
        "a": {0.5: [60.0, 62.0, 67.0], 1.5: [51.0, 50.0, 58.0]},
        "b": {0.5: [31.0, 30.0, 29.0], 1.5: [20.0, 24.0, 25.0]},
        "c": {0.5: [81.0, 80.0, 85.0], 1.5: [77.0, 70.0, 72.0]},
    }
    reference = scipy.stats.ttest_rel(*([np.mean(own[level]) for own in numbers.values()] for level in (1.5, 0.5)))
    ends = reference.confidence_interval(0.95)
    effect = changes(table_of(numbers))
    [change] = effect.changes
    assert (change.low, change.high) == pytest.approx((ends.low, ends.high))
    assert change.n == 3 and change.clear
    assert change.change == pytest.approx(effect.levels[1].mean - effect.levels[0].mean)
    # The order of the samples, whose streams have nothing to do with each other, changes nothing.
    turned = {prompt: {0.5: own[0.5], 1.5: own[1.5][::-1]} for prompt, own in numbers.items()}
    [other] = changes(table_of(turned)).changes
    assert (other.low, other.high) == pytest.approx((change.low, change.high))


def test_samples_of_one_prompt_are_compared_by_welch():
    cold, hot = [60.0, 62.0, 67.0, 61.0], [51.0, 40.0, 58.0]
    ends = scipy.stats.ttest_ind(hot, cold, equal_var=False).confidence_interval(0.95)
    effect = changes(table_of({"a": {0.5: cold, 1.5: hot}}))
    [change] = effect.changes
    assert (change.low, change.high) == pytest.approx((ends.low, ends.high))
    assert change.n == 7 and [level.n for level in effect.levels] == [4, 3]
    assert change.change == pytest.approx(np.mean(hot) - np.mean(cold))
    turned = changes(table_of({"a": {0.5: cold, 1.5: hot[::-1]}}))
    assert turned.changes == effect.changes


def test_against_greedy_every_sample_of_the_one_prompt_counts():
    hot = [72.0, 55.0, 93.0, 80.0]
    effect = changes(table_of({"a": {0.0: [6.38], 1.5: hot}}, metric="scorer_perplexity"))
    [change] = effect.changes
    logs = np.log(hot)
    low, high = scipy.stats.t.interval(0.95, 3, logs.mean() - np.log(6.38), scipy.stats.sem(logs))
    assert change.change == pytest.approx(effect.levels[1].mean / effect.levels[0].mean)
    assert change.change == pytest.approx(math.exp(logs.mean()) / 6.38)
    assert (change.low, change.high) == pytest.approx((math.exp(low), math.exp(high)))
    assert (change.n, change.clear, effect.levels[0].n, effect.levels[1].n) == (5, True, 1, 4)
    assert (effect.levels[0].low, effect.levels[0].high) == (None, None)
    table = table_of({"a": {0.0: [6.38], 1.5: hot}}, metric="scorer_perplexity")
    told = " ".join(sentences(table, effects_of(table)))
    assert "perplexity to the scorer rises from 6.38 to 73.7 (× 11.5, " in told
    assert "over the samples of the one prompt, which says nothing about other prompts" in told


def test_with_one_prompt_other_settings_add_no_variance():
    settings = {"temperature": [0.5, 1.5], "top_p": [0.5, 1.0]}
    numbers = {(0.5, 0.5): [10.0, 11.0], (0.5, 1.0): [90.0, 92.0], (1.5, 0.5): [15.0, 15.5], (1.5, 1.0): [97.0, 96.0]}
    [change] = changes(table_of({"a": numbers}, settings)).changes
    cells = {level: (np.mean(own), np.var(own, ddof=1) / 2) for level, own in numbers.items()}
    parts = np.array([variance / 4 for _, variance in cells.values()])
    mean = sum((1 if level[0] == 1.5 else -1) * own / 2 for level, (own, _) in cells.items())
    low, high = scipy.stats.t.interval(0.95, parts.sum() ** 2 / (parts**2).sum(), mean, math.sqrt(parts.sum()))
    assert (change.change, change.low, change.high) == pytest.approx((mean, low, high))
    assert change.clear and change.n == 8


def test_a_change_uses_only_prompts_that_both_levels_have():
    settings = {"temperature": [0.5, 1.5], "top_p": [0.5, 1.0]}
    own = {(0.5, 0.5): [10.0], (0.5, 1.0): [90.0], (1.5, 0.5): [16.0]}
    numbers = {"a": own, "b": {level: [value[0] + 1.5] for level, value in own.items()} | {(1.5, 0.5): [20.0]},
               "c": {(0.5, 0.5): [1000.0]}}  # fmt: skip
    table = table_of(numbers, settings)
    [change] = changes(table).changes
    assert (change.before, change.after, change.change, change.n) == pytest.approx((10.75, 18.0, 7.25, 2))


def test_a_measure_that_goes_up_and_down_is_reported():
    def told(*levels):
        own = {f"p{i}": {0.5 * k: [mean + 7 * i + 0.1 * k * i] for k, mean in enumerate(levels)} for i in range(4)}
        return " ".join(sentences(table := table_of(own), effects_of(table)))

    rising = told(10.0, 30.0, 60.0)
    assert "reading ease rises from 20.5 to 70.8 (" in rising and "not steadily" not in rising
    peak = told(10.0, 80.0, 30.0)
    assert "reading ease rises from 20.5 to 40.8 (" in peak
    assert ", not steadily: 20.5, 90.7, 40.8 at 0, 0.5, 1" in peak


def test_the_largest_clear_effect_between_levels_is_reported():
    own = {f"p{i}": {0.0: [10.0 + i], 0.5: [15.0 + 1.1 * i], 1.0: [60.0 + 1.2 * i], 1.5: [10.0 + i + 9 * (-1) ** i]}
           for i in range(6)}  # fmt: skip
    told = " ".join(sentences(table := table_of(own), effects_of(table)))
    assert "reading ease rises between 0 and 1 from 12.5 to 63 (" in told
    assert ", not steadily: 12.5, 17.8, 63, 12.5 at 0, 0.5, 1, 1.5" in told


def test_one_sample_of_one_prompt_has_no_interval():
    for numbers, why in (
        ({0.5: [10.0], 1.5: [60.0]}, "one prompt and 1 sample are too few"),
        ({0.0: [10.0], 1.5: [60.0]}, "one prompt and 1 sample are too few"),
    ):
        table = table_of({"a": numbers})
        [change] = changes(table).changes
        assert (change.change, change.low, change.clear) == (50.0, None, False)
        told = sentences(table, effects_of(table))
        assert why in told[-1] and "no clear effect" not in " ".join(told)
    greedy = table_of({"a": {(0.0, 1.0): [10.0], (0.0, 1.5): [60.0]}},
                      {"temperature": [0.0], "repetition_penalty": [1.0, 1.5]})  # fmt: skip
    assert "at temperature 0 it always gives the same text" in sentences(greedy, effects_of(greedy))[-1]


def test_a_few_equal_values_are_not_a_clear_effect():
    few = changes(table_of({f"p{i}": {0.5: [0.0], 1.5: [1.0]} for i in range(3)}, metric="finished")).changes[0]
    many = changes(table_of({f"p{i}": {0.5: [0.0], 1.5: [1.0]} for i in range(6)}, metric="finished")).changes[0]
    grid, cells = settings_grid({"temperature": [0.5, 1.5]})
    same = Table(SweepPlan(["a", "b", "c"], ["m"], grid, cells, 1, 0, "exact", None))
    for i, prompt in enumerate(same.plan.prompts):
        for level, cell in enumerate(cells):
            same.add(
                "m", prompt, cell, 0, {"finished": 1.0, "tokens": 30.0 + level, "reading_ease": 50.0 + i * (level - i)}
            )
    told = " ".join(sentences(same, effects_of(same)))
    assert "No interval for tokens:" in told  # it differs by 1 each time; what is the same everywhere has no effect
    assert (few.low, few.clear) == (None, False) and (many.low, many.high, many.clear) == (1.0, 1.0, True)


def test_self_bleu_of_one_prompt_has_no_interval():
    numbers = {0.5: [0.9, 0.8, 0.85], 1.5: [0.1, 0.2, 0.15]}
    [one] = changes(table_of({"a": numbers}, metric="self_bleu")).changes
    assert one.change == pytest.approx(-0.7) and (one.low, one.clear) == (None, False)
    table = table_of({"a": {0.5: [60.0, 62.0], 1.5: [10.0, 12.0]}})
    for point, alike in zip(list(table.points), (0.9, 0.8, 0.2, 0.1), strict=True):
        at = [measure.key for measure in MEASURES].index("self_bleu")
        table.points[table.points.index(point)] = (*point[:3], (*point[3][:at], alike, *point[3][at + 1 :]))
    assert "No interval for self-BLEU: there are too few independent samples." in sentences(table, effects_of(table))
    [two] = changes(table_of({"a": numbers, "b": {0.5: [0.8, 0.8], 1.5: [0.1, 0.2]}}, metric="self_bleu")).changes
    assert two.low is not None and two.clear


def test_the_effect_on_one_prompt_is_that_of_its_runs(model):
    found = sweep("The animal", model, settings={"temperature": [0, 1.5]}, samples=5, max_new_tokens=12, scorer=None)
    runs = {level: [math.log(one.metrics["perplexity"]) for one in found.runs if one.settings["temperature"] == level]
            for level in (0, 1.5)}  # fmt: skip
    [effect] = [effect for effect in found.effects if effect.measure == "perplexity"]
    [change] = effect.changes
    assert change.change == pytest.approx(math.exp(np.mean(runs[1.5]) - runs[0][0]))
    assert change.change == pytest.approx(effect.levels[1].mean / effect.levels[0].mean)
    ends = scipy.stats.t.interval(0.95, 4, np.mean(runs[1.5]) - runs[0][0], scipy.stats.sem(runs[1.5]))
    assert (change.low, change.high) == pytest.approx(tuple(np.exp(ends)))
    assert change.n == 6


def test_several_models_are_compared_and_each_has_its_own_effects():
    _, table = made(effect=2.0, models=("a", "b"))
    effects = effects_of(table)
    assert {(e.setting, e.model) for e in effects} == {
        ("model", None), ("temperature", None), ("temperature", "a"), ("temperature", "b")
    }  # fmt: skip
    assert any(line.startswith("Model: b against a") for line in sentences(table, effects))


# --- what is asked for


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"temperature": [0.7, float("nan")]}, "`temperature` is nan"),
        ({"temperature": [-1]}, "temperature"),
        ({"top_p": [0.0]}, "top_p"),
        ({"top_k": [2.5]}, "whole number"),
        ({"tempratur": [1]}, "no setting 'tempratur'"),
        ({"temperature": []}, "no value"),
        ({"temperature": ["hot"]}, "'hot'"),
        ({"max_new_tokens": [0]}, "max_new_tokens"),
        ({"chat": [1.0]}, "true or false"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_loaded(settings, word):
    with pytest.raises(InputError) as caught:
        sweep("x", "./nowhere", settings=settings)
    assert word in str(caught.value)


def test_other_bad_input(model):
    with pytest.raises(InputError, match="`samples` is 0"):
        sweep("x", model, samples=0)
    with pytest.raises(MissingText, match="no prompt"):
        sweep([], model)
    with pytest.raises(MissingText, match="empty"):
        sweep(["a", ""], model)
    with pytest.raises(InputError, match="no model"):
        sweep("x", [])
    with pytest.raises(InputError, match="tier"):
        sweep("x", model, tier="fast")
    with pytest.raises(PromptTooLong):
        sweep(["a", "b" * 200], model, scorer=None)


def test_values_and_prompts_that_come_twice_are_run_once(model):
    found = sweep(["a", "b", "a"], model, settings={"temperature": [1, 1.0, 0.5]}, max_new_tokens=2, scorer=None)
    assert found.prompts == ["a", "b"] and found.grid["temperature"] == [1.0, 0.5]
    assert len(found.runs) == 2 * 2 * 2


def test_without_a_list_the_temperature_varies():
    for settings in (None, {}, {"max_new_tokens": [8]}, {"top_k": 5}):
        grid, cells = settings_grid(settings)
        assert grid["temperature"] == [0.0, 0.7, 1.0, 1.5] and len(cells) == 4
    for settings in ({"top_p": [0.5, 1]}, {"temperature": [0.3], "top_k": [5]}):
        _, cells = settings_grid(settings)
        assert {cell["temperature"] for cell in cells} == {settings.get("temperature", [1.0])[0]}


def test_a_seed_follows_from_prompt_settings_and_sample_alone():
    _, [cell] = settings_grid({"temperature": [0.7]})
    seeds = {seed_of(0, prompt, cell, sample) for prompt in "ab" for sample in range(3)}
    assert len(seeds) == 6
    assert seed_of(0, "a", cell, 0) == seed_of(0, "a", cell | {"max_new_tokens": 5}, 0)
    assert seed_of(0, "a", cell, 0) != seed_of(1, "a", cell, 0) != seed_of(0, "a", cell | {"top_k": 5}, 0)


def test_prompt_files(tmp_path):
    lines = tmp_path / "p.txt"
    lines.write_bytes(b"\xef\xbb\xbfone\r\n\n  \ntwo \n")
    assert read_prompts(lines) == (["one", "two "], [])
    objects = tmp_path / "p.jsonl"
    objects.write_text('{"prompt": "one", "id": 3}\n{"prompt": 5}\nnot json\n\n{"prompt": ""}\n{"prompt": "two"}\n')
    with pytest.raises(InputError, match=r"line 2 of .*\"prompt\" is missing or is not a text; 3 lines are broken"):
        read_prompts(objects)
    assert read_prompts(objects, skip_bad=True) == (["one", "two"], [2, 3, 5])
    broken = tmp_path / "b.txt"
    broken.write_bytes(b"fine\nbad \xff\n")
    with pytest.raises(InputError, match=r"line 2 of .*0xff at position 4"):
        read_prompts(broken)
    lines.write_text("\n\n")
    with pytest.raises(MissingText, match="has no prompts"):
        read_prompts(lines)
    with pytest.raises(InputError, match="there is no file"):
        read_prompts(tmp_path / "none.txt")


# --- the command


def prompts_file(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text("".join(f"{prompt}\n" for prompt in PROMPTS))
    return path


def arguments(tmp_path: Path, *models: Path) -> list[Any]:
    lists = ["--temperature", "0,0.7,1.3", "--top-p", "0.6,off", "--max-new-tokens", "6", "--scorer", "none"]
    return ["sweep", "-f", prompts_file(tmp_path), "-m", ",".join(map(str, models)), *lists]


def test_json_is_a_line_a_run_in_order(capsys, tiny_llama, tiny_gpt2, tmp_path):
    code, out, err = run(capsys, *arguments(tmp_path, tiny_llama, tiny_gpt2), "--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and len(records) == 60 and "\x1b" not in err
    assert {record["schema"] for record in records} == {"cutaway.run/1"}
    found = sweep(PROMPTS, [str(tiny_llama), str(tiny_gpt2)], max_new_tokens=6, scorer=None,
                  settings={"temperature": [0, 0.7, 1.3], "top_p": [0.6, None]})  # fmt: skip
    assert records == [one.to_dict() for one in found.runs]
    assert "".join(" ".join(found.summary).split()) in "".join(err.split())


def test_the_lines_do_not_depend_on_the_batch_size(capsys, tiny_llama, tmp_path):
    outs = [run(capsys, *arguments(tmp_path, tiny_llama), "--json", "--batch-size", n)[1] for n in (1, 7, 64)]
    texts = [[json.loads(line)["token_ids"] for line in out.splitlines()] for out in outs]
    assert texts[0] == texts[1] == texts[2]


def test_the_terminals_table_has_a_line_a_combination_however_narrow(model, tiny_gpt2):
    found = sweep(PROMPTS, [model, str(tiny_gpt2)], settings=SETTINGS, max_new_tokens=40, scorer=None)
    told = {"perplexity", "dictionary_words", "repeated_4grams", "self_bleu"}
    for width in (80, 120):
        console = Console(width=width, file=io.StringIO(), markup=False, highlight=False)
        console.print(terminal_sweep.sweep(found))
        shown = console.file.getvalue()
        assert all(" ".join(one.meaning.split()) in " ".join(shown.split()) for one in MEASURES if one.key in told)
        lines = shown.split("\n\n")[1].splitlines()
        assert len(lines) == 1 + len(found.cells)
        assert all(word in lines[0] for word in ("temperature", "top p", "surprise", "English", "repeats"))
        shares = [f"{cell.means['dictionary_words']:.0%}" for cell in found.cells]
        assert all(share in line for share, line in zip(shares, lines[1:], strict=True))


def test_every_form_of_output(capsys, tiny_llama, tmp_path):
    args = arguments(tmp_path, tiny_llama)
    code, out, _ = run(capsys, *args)
    assert code == 0 and "temperature" in out and "runs" in out
    for suffix in ("html", "json", "jsonl", "csv", "svg", "png"):
        path = tmp_path / f"out.{suffix}"
        code, out, err = run(capsys, *args, "-o", path)
        assert (code, out) == (0, "") and str(path) in err, suffix
        assert path.stat().st_size > 1000
    kept = (tmp_path / "out.jsonl").read_bytes()
    assert kept.count(b"\n") == 30 and b'"schema": "cutaway.sweep/1"' in (tmp_path / "out.json").read_bytes()
    code, _, err = run(capsys, *args, "-o", tmp_path / "out.jsonl")
    assert code == 2 and "already" in err
    found = sweep(PROMPTS, str(tiny_llama), max_new_tokens=6, scorer=None,
                  settings={"temperature": [0, 0.7, 1.3], "top_p": [0.6, None]})  # fmt: skip
    assert found.save(tmp_path / "again.jsonl").read_bytes() == kept
    assert list(read_runs(tmp_path / "again.jsonl")) == found.runs


def test_a_cut_file_is_taken_up_again_to_the_same_bytes(capsys, tiny_llama, tmp_path):
    args = [*arguments(tmp_path, tiny_llama), "--batch-size", "4"]
    whole, path = tmp_path / "whole.jsonl", tmp_path / "runs.jsonl"
    assert run(capsys, *args, "-o", whole)[0] == 0
    data = whole.read_bytes()
    for size in (0, 10, len(data) // 3, len(data) - 1, len(data)):
        path.write_bytes(data[:size])
        code, _, _ = run(capsys, *args, "--resume", "-o", path)
        assert code == 0 and path.read_bytes() == data, size
    path.write_bytes(b"".join(data.splitlines(keepends=True)[5:9]))  # some from the middle are there
    assert run(capsys, *args, "--resume", "-o", path)[0] == 0
    assert sorted(path.read_bytes().splitlines()) == sorted(data.splitlines())


def test_runs_of_a_file_are_shown_again(capsys, tiny_llama, tmp_path):
    args, path = arguments(tmp_path, tiny_llama), tmp_path / "runs.jsonl"
    run(capsys, *args, "-o", path)
    _, whole, _ = run(capsys, *args)
    code, out, _ = run(capsys, "sweep", "--from", path)
    assert code == 0 and out == whole
    code, out, err = run(capsys, "sweep", "--from", path, "-o", tmp_path / "x.json")
    record = json.loads((tmp_path / "x.json").read_text())
    assert code == 0 and record["swept"] == {"temperature": [0.0, 0.7, 1.3], "top_p": [0.6, None]}
    assert [json.dumps(one, ensure_ascii=False) for one in record["runs"]] == path.read_text().splitlines()
    assert record["seed"] is None and record["summary"][0] in err
    code, out, _ = run(capsys, "sweep", "--from", path, "--json")
    assert out == path.read_text()
    with path.open("a") as stream:
        stream.write(path.read_text().splitlines()[0].replace('"near"', '"exact"') + "\n")
    for wrong in ([path], [tmp_path / "none"], [path, "-f", "x"], [tmp_path / "prompts.txt"]):
        code, _, err = run(capsys, "sweep", "--from", *wrong)
        assert code == 2 and "cutaway:" in err


def test_resuming_runs_only_the_blocks_that_lack_something(model):
    whole = sweep(PROMPTS, model, settings=SETTINGS, max_new_tokens=4, scorer=None, batch_size=2)
    new = []
    again = sweep(PROMPTS, model, settings=SETTINGS, max_new_tokens=4, scorer=None, batch_size=2,
                  done=whole.runs[:19], on_run=new.append)  # fmt: skip
    assert new == whole.runs[19:] and again.runs == whole.runs


def test_resuming_another_sweep_is_refused(capsys, tiny_llama, tmp_path):
    args, path = arguments(tmp_path, tiny_llama), tmp_path / "runs.jsonl"
    run(capsys, *args, "-o", path)
    data = path.read_bytes()
    for more, what in (
        (["--seed", "1"], "seed differs"),
        (["--temperature", "0.1"], "settings differ\n"),
        (["-n", "1"], "sample differs"),
    ):
        code, _, err = run(capsys, *args, *more, "--resume", "-o", path)
        assert code == 2 and f"another sweep: {what}" in err
    path.write_bytes(data + b'{"schema": "cutaway.score/1"}\n')
    code, _, err = run(capsys, *args, "--resume", "-o", path)
    assert code == 2 and "line 31" in err
    code, _, err = run(capsys, *args, "--resume", "-o", tmp_path / "x.html")
    assert code == 2 and "--resume" in err
    assert path.read_bytes().startswith(data)


def test_killed_and_resumed_it_gives_the_same_lines(tiny_llama, tmp_path):
    """A real SIGKILL in the middle of 120 runs, twice."""
    prompts = tmp_path / "many.txt"
    prompts.write_text("".join(f"Prompt {i}\n" for i in range(20)))
    args = [sys.executable, "-m", "cutaway", "sweep", "-f", str(prompts), "-m", str(tiny_llama), "--temperature",
            "0.5,1,2", "-n", "2", "--max-new-tokens", "12", "--scorer", str(tiny_llama),
            "--batch-size", "4"]  # fmt: skip
    whole, path = tmp_path / "whole.jsonl", tmp_path / "runs.jsonl"
    subprocess.run([*args, "-o", str(whole)], check=True, capture_output=True)
    killed = 0
    for least in (10, 50):
        with subprocess.Popen([*args, "--resume", "-o", str(path)], stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                if path.exists() and path.read_bytes().count(b"\n") >= least:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                time.sleep(0.002)
        lines = path.read_bytes().count(b"\n")
        assert lines >= least
        killed += lines < 120
        with path.open("ab") as stream:
            stream.write(b'{"schema": "cutaway.run/1", "model": "half a li')
    assert killed == 2
    subprocess.run([*args, "--resume", "-o", str(path)], check=True, capture_output=True)
    assert path.read_bytes() == whole.read_bytes()


def test_ctrl_c_prints_what_is_done_and_ends_with_130(capsys, tiny_llama, tmp_path, monkeypatch):
    real = sweep_passes.runs_of

    def interrupted(*args, **options):
        for number, found in enumerate(real(*args, **options)):
            if number == 20:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(sweep_passes, "runs_of", interrupted)
    args = arguments(tmp_path, tiny_llama)
    code, out, err = run(capsys, *args)
    assert code == 130 and "stopped after 20 of 30 runs" in err and "3 prompts × 6 settings" in out
    code, out, err = run(capsys, *args, "--json")
    assert code == 130 and len(out.splitlines()) == 20
    path = tmp_path / "some.json"
    assert run(capsys, *args, "-o", path)[0] == 130
    assert len(json.loads(path.read_text())["runs"]) == 20


def assert_same_run(one, other):
    """The same run, whoever was measured beside it: sums may be rounded otherwise."""
    for name, value in other.metrics.items():
        assert one.metrics[name] == (None if value is None else pytest.approx(value, rel=1e-5)), name
    assert one.to_dict() | {"metrics": None} == other.to_dict() | {"metrics": None}


def interrupting(monkeypatch, model, steps):
    """Let the engine be interrupted after so many steps; later engines run through."""
    real = sweep_passes.open_decoder

    def opened(*args, **more):
        decoder, left = real(*args), [steps]

        def step(ids):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return type(decoder).step(decoder, ids)

        decoder.step = step
        monkeypatch.setattr(sweep_passes, "open_decoder", real)
        return decoder

    monkeypatch.setattr(sweep_passes, "open_decoder", opened)


def test_ctrl_c_keeps_every_finished_run(model, monkeypatch):
    """The short runs of a block have ended, the long ones beside them have not; fewer than are measured together."""
    asked = {"settings": {"max_new_tokens": [40, 3], "temperature": [0, 1.3]}, "scorer": model, "samples": 2}
    whole = sweep(PROMPTS, model, **asked)
    short = {run.key: run.to_dict() for run in whole.runs if run.settings["max_new_tokens"] == 3}
    assert all(run.finish_reason == "length" for run in whole.runs) and len(short) == 9
    kept = []
    interrupting(monkeypatch, model, 10)
    with pytest.raises(KeyboardInterrupt):
        sweep(PROMPTS, model, **asked, on_run=kept.append)
    assert len(kept) == 9 and {run.key for run in kept} == set(short)
    again = sweep(PROMPTS, model, **asked, done=kept)
    for one, other in zip(again.runs, whole.runs, strict=True):
        assert_same_run(one, other)


def test_ctrl_c_while_measuring_keeps_every_finished_run(model, monkeypatch):
    """All rows end at the same step: the engine has not yet said so of those behind the first 16."""
    asked = {"settings": {"temperature": [0.5, 1.3]}, "max_new_tokens": 4, "samples": 5, "scorer": model}
    prompts, real = [f"Prompt {i}" for i in range(5)], score_continuations
    kept, calls = [], []

    def scored(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(sweep_passes, "score_continuations", scored)
    with pytest.raises(KeyboardInterrupt):
        sweep(prompts, model, **asked, on_run=kept.append)
    assert len({run.key for run in kept}) == len(kept) == 50


def test_an_error_for_an_existing_file_names_resume(capsys, tiny_llama, tmp_path):
    path = tmp_path / "runs.jsonl"
    path.touch()
    code, _, err = run(capsys, "sweep", "x", "-m", tiny_llama, "-o", path)
    assert code == 2 and "--resume" in err and "--force" in err
    page = tmp_path / "runs.html"
    page.touch()
    code, _, err = run(capsys, "sweep", "x", "-m", tiny_llama, "-o", page)
    assert code == 2 and "--resume" not in err and "--force" in err
    assert ".jsonl" in run(capsys, "sweep", "--help")[1].split("--output FILE")[1].split("--force")[0]


def test_ctrl_c_writes_what_has_ended_and_resume_goes_on(capsys, tiny_llama, tmp_path, monkeypatch):
    whole, path = tmp_path / "whole.jsonl", tmp_path / "runs.jsonl"
    args = ["sweep", "The animal", "-m", tiny_llama, "--max-new-tokens", "3,40", "--temperature", "1.3",
            "--scorer", tiny_llama]  # fmt: skip
    assert run(capsys, *args, "-o", whole)[0] == 0
    interrupting(monkeypatch, None, 5)
    code, _, err = run(capsys, *args, "-o", path)
    assert code == 130 and "stopped after 2 of 4 runs" in err and f"--resume -o {path}" in err
    assert len(path.read_text().splitlines()) == 2
    assert run(capsys, *args, "-o", path, "--resume")[0] == 0
    found = [sorted(read_runs(of), key=lambda one: one.key) for of in (path, whole)]
    for one, other in zip(*found, strict=True):
        assert_same_run(one, other)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--temperature", "0,7,"], "value 3 is empty"),
        (["--temperature", ""], "value 1 is empty"),
        (["--temperature", "0.7;1"], "'0.7;1'"),
        (["--temperature", "0.7,nan"], "temperature is nan"),
        (["--top-k", "1.5"], "whole number"),
        (["-n", "0"], "--num-return-sequences is 0"),
        (["--tempratur", "1"], "No such option"),
        (["-m", "a,,b"], "has no name"),
        (["--chat", "0.5"], "true or false"),
    ],
)
def test_bad_options_are_usage_errors(capsys, more, word):
    code, out, err = run(capsys, "sweep", "x", "-m", "./nowhere", *more)
    assert code == 2 and word in err and not out


def test_broken_lines_are_named_and_can_be_left_out(capsys, tiny_llama, tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "one"}\n{"prompt": \n{"prompt": "one"}\n[1]\n')
    args = ["sweep", "-f", path, "-m", tiny_llama, "--temperature", "1,1,2", "-n", "1", "--max-new-tokens", "2",
            "--scorer", "none", "--json"]  # fmt: skip
    code, _, err = run(capsys, *args)
    assert code == 2 and "line 2 of" in err and "2 lines are broken" in err and "--skip-bad" in err
    code, out, err = run(capsys, *args, "--skip-bad")
    assert code == 0 and len(out.splitlines()) == 2
    assert (
        "left out 2 broken lines" in err
        and "left out prompts that are there already: 1" in err
        and "names a value twice" in err
    )
    path.write_text("\n")
    code, _, err = run(capsys, *args)
    assert code == 2 and "has no prompts" in err


def test_ten_thousand_prompts_are_planned_at_once_and_run_one_block_at_a_time(model):
    prompts = [f"Prompt number {i}" for i in range(10_000)]
    plan, ready, judge = sweeps_module.plan_sweep(prompts, model, settings={"temperature": [1.0]}, samples=1,
                                                  max_new_tokens=1, scorer=None)  # fmt: skip
    begun = time.process_time()
    runs = sweep_passes.runs_of(plan, ready, judge)
    first = [next(runs) for _ in range(3)]
    assert [one.prompt for one in first] == prompts[:3] and time.process_time() - begun < 20
    runs.close()


def test_a_model_with_nan_weights_is_reported_at_once(tiny_llama):
    broken = load(tiny_llama)
    with torch.no_grad():
        kept = broken.module.lm_head.weight.clone()
        broken.module.lm_head.weight.fill_(float("nan"))
    try:
        with pytest.raises(cutaway.errors.ModelError):
            sweep("The animal", broken, settings={"temperature": [1.0]}, scorer=None)
    finally:
        with torch.no_grad():
            broken.module.lm_head.weight.copy_(kept)


def test_a_cut_line_is_cut_off(tmp_path):
    path = tmp_path / "x.jsonl"
    for data, kept in ((b"", b""), (b"half", b""), (b"a\nb\nhalf", b"a\nb\n"), (b"a\n", b"a\n")):
        path.write_bytes(data)
        assert keep_whole_lines(path) == len(kept) and path.read_bytes() == kept
    path.write_bytes(b"a\n" + b"x" * 200_000)
    assert keep_whole_lines(path) == 2


def test_a_sweep_resumes_from_the_runs_of_its_file(tiny_llama, tmp_path):
    asked = {"settings": {"temperature": [0, 1]}, "samples": 2, "max_new_tokens": 3, "scorer": None}
    plan, ready, judge = sweeps_module.plan_sweep(["The", "a"], tiny_llama, **asked)
    whole = list(sweep_passes.runs_of(plan, ready, judge))
    path = tmp_path / "runs.jsonl"
    assert list(resume_runs(plan, path)) == [] and not path.exists()
    kept = "".join(f"{run.to_json()}\n" for run in (whole[0], whole[1], whole[1]))
    path.write_text(kept + whole[2].to_json()[:20])
    assert list(resume_runs(plan, path)) == whole[:2]
    assert path.read_text() == kept
    assert read_sweep(path).runs == whole[:2]
    other, _, _ = sweeps_module.plan_sweep(["The", "a"], tiny_llama, **asked | {"seed": 1})
    with pytest.raises(InputError, match="seed"):
        list(resume_runs(other, path))
