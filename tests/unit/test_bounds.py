"""A number out of range is answered with the bound of that option, and of no other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.commands import run

ONE, NONE = "it must be 1 or above", "it must be 0 or above"

GENERATE = {
    "--max-new-tokens": ({-1, 0}, ONE), "--min-new-tokens": ({-1}, NONE), "-n": ({-1, 0}, ONE),
    "--batch-size": ({-1, 0}, ONE), "--num-beams": ({-1, 0}, ONE), "--top-k": ({-1, 0}, ONE),
    "--temperature": ({-1, "nan", "inf"}, "it must be 0 (greedy) or above, and finite"),
    "--top-p": ({-1, 0, "nan", 2}, "it must be above 0 and at most 1"),
    "--min-p": ({-1, "nan", 2}, "it must be from 0 to 1"),
    "--repetition-penalty": ({-1, 0, "nan", "inf"}, "it must be above 0 (1 has no effect)"),
}  # fmt: skip
SWEEP = {name: GENERATE[name] for name in ("--max-new-tokens", "--temperature", "--top-k", "--top-p", "--min-p")}
SWEEP |= {"--num-return-sequences": ({-1, 0}, ONE), "--batch-size": ({-1, 0}, ONE)}
TRAIN = {
    "--layers": ({-1, 0}, ONE), "--heads": ({-1, 0}, ONE), "--width": ({-1, 0}, ONE),
    "--context": ({-1, 0}, ONE), "--batch-size": ({-1, 0}, ONE), "--steps": ({-1, 0}, ONE),
    "--validate-every": ({-1, 0}, ONE), "--warmup": ({-1}, "it must be 0 or above"), "--threads": ({-1, 0}, ONE),
    "--learning-rate": ({-1, 0, "nan", "inf"}, "must be above 0"), "--weight-decay": ({-1, "nan"}, "must be 0 or more"),
    "--minutes": ({-1, 0, "nan"}, "must be above 0"),
}  # fmt: skip
CASES = [
    (verb, option, value, said)
    for verb, options in {"generate": GENERATE, "sweep": SWEEP, "train": TRAIN}.items()
    for option, (values, said) in options.items()
    for value in sorted(values, key=str)
]


@pytest.mark.parametrize(("verb", "option", "value", "said"), CASES)
def test_an_error_names_the_bound_of_the_option(
    verb: str, option: str, value: Any, said: str, tiny_gpt2, capsys
) -> None:
    words = ["train"] if verb == "train" else [verb, "text", "-m", tiny_gpt2]
    code, out, err = run(capsys, *words, f"{option}={value}" if option.startswith("--") else f"{option}{value}")
    assert (code, out) == (2, "") and said in err, err
    name = {"-n": "num-return-sequences"}.get(option, option.lstrip("-"))
    assert name in err.replace("_", "-") and len(err.splitlines()) <= 2


def test_settings_that_contradict_each_other_are_refused(tiny_gpt2, capsys) -> None:
    words = ["generate", "text", "-m", tiny_gpt2, "--min-new-tokens", 5, "--max-new-tokens", 4]
    code, _, err = run(capsys, *words)
    assert code == 2 and "--min-new-tokens is 5, more than --max-new-tokens, which is 4\n" in err
    code, _, err = run(capsys, "generate", "text", "-m", tiny_gpt2, "--num-beams", 2, "-n", 3)
    assert code == 2 and "-n is 3, more than --num-beams, which is 2\n" in err
