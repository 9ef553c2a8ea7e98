"""Measure the gain of prompt lookup on texts that were generated without it.

    python benchmarks/lookup.py            # acceptance and expected speed for copying, code and prose
    python benchmarks/lookup.py --new 32   # shorter

Prompt lookup (Saxena 2023; a speculation in the sense of Leviathan et al. 2023 whose draft is a copy) takes the last n
tokens, finds them earlier in the context and guesses that the same tokens follow again. One forward over k + 1
positions checks k guesses. A guess is kept only if the row's own draw chose the same token, so the distribution stays
the same, and a text drawn without lookup shows exactly how many guesses would have been kept. The cost of a forward
over several positions is measured in each tier, in processor time of one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import mean, median

import cutaway
from cutaway.generation.cpu.decoder import CpuDecoder
from cutaway.generation.decoders import open_decoder
from cutaway.generation.settings import TIERS
from cutaway.models import encode_prompt, load

HERE = Path(__file__).parent
POSITIONS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 16)


def prompts() -> dict[str, list[tuple[str, bool]]]:
    """Return prompts of three kinds, each with a flag: is it a chat message?"""
    paragraphs = HERE.joinpath("generate_text.txt").read_text().strip().split("\n\n")
    starts = [" ".join(text.split()[:60]) + "." for text in paragraphs]
    source = HERE.parent.joinpath("src/cutaway/generation/drawing.py").read_text().splitlines()
    code = ["\n".join(source[at : at + 24]) + "\n" for at in range(20, 120, 24)]
    return {
        "copy": [(f"Repeat this text word for word:\n\n{text}", True) for text in starts]
        + [(f"Correct the spelling of this text and change nothing else:\n\n{text}", True) for text in starts],
        "summary": [(f"Summarise this text in three sentences:\n\n{text}", True) for text in starts],
        "code": [(text, False) for text in code] + [(f"Add comments to this code:\n\n{text}", True) for text in code],
        "prose": [(" ".join(text.split()[:30]), False) for text in paragraphs]
        + [(text, False) for text in ("The capital of France is", "Once upon a time there was a small robot who")],
    }


def accepted(prompt: list[int], said: list[int], guesses: int, longest: int, shortest: int) -> list[tuple[int, int]]:
    """Return, for each forward, the positions that it checked and the tokens that it gave."""
    steps, at = [], 0
    while at < len(said):
        context = prompt + said[:at]
        guess = _guess(context, guesses, longest, shortest)[: len(said) - at - 1]
        kept = next((i for i, (a, b) in enumerate(zip(guess, said[at:], strict=False)) if a != b), len(guess))
        steps.append((1 + len(guess), kept + 1))
        at += kept + 1
    return steps


def _guess(context: list[int], guesses: int, longest: int, shortest: int) -> list[int]:
    for size in range(longest, shortest - 1, -1):
        tail = context[-size:]
        for at in range(len(context) - size - 1, -1, -1):  # latest occurrence first
            if context[at : at + size] == tail:
                return context[at + size : at + size + guesses]
    return []


def costs(model: str, threads: int) -> dict[str, dict[int, float]]:
    """Return the processor time of one step of a row over `positions`, ms, for each tier."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    found: dict[str, dict[int, float]] = {}
    for tier in TIERS:
        decoder = open_decoder(model, tier, wait=True)
        assert isinstance(decoder, CpuDecoder)
        decoder.add([list(range(5, 133))], [1])
        times: dict[int, list[float]] = {count: [] for count in POSITIONS}
        for _ in range(9):  # in turns
            for count in POSITIONS:
                start = time.process_time()
                decoder.extend([[5] * count])
                times[count].append(time.process_time() - start)
                decoder.rewind(count)
        found[tier] = {count: median(sorted(each)[:5]) * 1e3 for count, each in times.items()}
    return found


def _share(outcomes: Iterable[bool]) -> float | None:
    all_ = list(outcomes)
    return round(mean(all_), 2) if all_ else None


def _cost(table: dict[int, float], positions: int) -> float:
    below = max(count for count in table if count <= positions)
    above = min((count for count in table if count >= positions), default=below)
    if above == below:
        return table[below]
    share = (positions - below) / (above - below)
    return table[below] * (1 - share) + table[above] * share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--new", type=int, default=96)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    model = load(options.model)
    cost = costs(options.model, options.threads)
    print(json.dumps({"ms": {kind: {n: round(t, 2) for n, t in each.items()} for kind, each in cost.items()}}))
    for kind, asked in prompts().items():
        for temperature in (0.0, 0.7):
            texts = []
            for chat in (True, False):
                if batch := [prompt for prompt, is_chat in asked if is_chat == chat]:
                    said = cutaway.generate(
                        batch, options.model, max_new_tokens=options.new, temperature=temperature, chat=chat
                    )
                    texts += [(encode_prompt(model, one.prompt, chat=chat), one.token_ids) for one in said]
            for guesses, longest, shortest in ((3, 3, 2), (7, 3, 2), (7, 3, 1), (10, 4, 3)):
                each = [accepted(prompt, said, guesses, longest, shortest) for prompt, said in texts]
                steps = [step for one in each for step in one]
                guessed = [(checked - 1, came - 1) for checked, came in steps if checked > 1]
                record = {
                    "kind": kind, "temperature": temperature, "k": guesses, "n": f"{longest}-{shortest}",
                    "texts": len(texts), "tokens": sum(came for _, came in steps),
                    "guessing": round(len(guessed) / len(steps), 2),
                    "kept": round(mean(kept for _, kept in guessed), 2) if guessed else None,
                    "right_up_to": [_share(kept >= j for n, kept in guessed if n >= j) for j in range(1, guesses + 1)],
                    "tokens_per_forward": round(mean(came for _, came in steps), 2),
                }  # fmt: skip
                for name, table in cost.items():
                    took = sum(_cost(table, checked) for checked, _ in steps) / table[1]
                    record[f"speed {name}"] = round(record["tokens"] / took, 2)
                    alone = [sum(c for _, c in one) * table[1] / sum(_cost(table, n) for n, _ in one) for one in each]
                    record[f"texts slower {name}"] = sum(speed < 1 for speed in alone)
                print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
