"""The results of `generate.py` as tables."""

from __future__ import annotations

import argparse
import os
from typing import Any

Found = dict[str, Any]

# The project's goals, on two quiet cores with SmolLM2-135M.
GOALS = {("near", "1"): 5.5, ("near", "8"): 4.5, ("near", "32"): 3.5, ("near", "64"): 3.0, ("turbo", "1"): 9.0}


def report(found: Found, options: argparse.Namespace) -> str:
    """Return every measured section, with its goals."""
    names = list(options.contenders)
    lines = [f"{options.model}, {options.threads} threads, load average {os.getloadavg()[0]:.1f} at the end", ""]
    lines += _speed(found, names)
    for title, make in (
        ("the homework's sweep: 4 prompts × 8 settings × 2 samples × 64 tokens", _sweep),
        ("from the shell to the first token, seconds", _start),
        ("peak memory of a fresh process that decodes 64 rows × 64 tokens, MB", _memory),
        ("KL to fp32, nats per position, teacher-forced", _kl),
        ("greedy text against transformers fp32", _greedy),
        ("share of the memory-bandwidth floor, one row", _floor),
        ("rows of mixed lengths: times faster when finished rows are retired (goal ≥ 1.4)", _mixed),
        ("choosing, share of a step (goal ≤ 10 %)", _sampler),
        ("greedy text the same alone and in ragged batches, of so many prompts", _identity),
        ("prompt lookup, one row: times faster than single steps", _lookup),
    ):
        if rows := make(found):
            lines += [title, *_columns(rows), ""]
    lines += [f"{name}: {why}" for name, why in found.get("missing", {}).items()]
    return "\n".join(lines)


def _speed(found: Found, names: list[str]) -> list[str]:
    rows = [["tokens/s (× transformers fp32)", "1 row", "8 rows", "32 rows", "64 rows", "prefill 512", "prefill 2048"]]
    columns = [(size, found.get("rows", {}).get(size, {})) for size in ("1", "8", "32", "64")]
    columns += [(f"prefill {size}", column) for size, column in found.get("prefill", {}).items()]
    if not any(column for _, column in columns):
        return []
    for name in names:
        cells = [name]
        for size, column in columns:
            one = column.get(name)
            if one is None:
                cells.append("not installed" if name in found.get("missing", {}) else "")
            elif "tokens_per_second" not in one:
                cells.append(str(one.get("error"))[:40])
            else:
                goal = GOALS.get((name, size))
                aim = f", goal {goal}" if goal else ""
                run = " *" if one.get("rows_run", size) not in {size, int(size) if size.isdigit() else size} else ""
                cells.append(f"{one['tokens_per_second']:.0f} ({one.get('times', float('nan')):.2f}{aim}){run}")
        rows.append(cells)
    return [*_columns(rows), "* one after the other: measured on 2 prompts", ""]


def _sweep(found: Found) -> list[list[str]]:
    rows = [["", "seconds", "× pipeline loop fp32 (≥ 30)", "× bf16 batched (≥ 4)", "measured on"]]
    for name, one in found.get("sweep", {}).items():
        times = [f"{one[key]:.1f}" if key in one else "" for key in ("times_loop", "times_batched")]
        rows.append(
            [name, f"{one['seconds']:.2f}" if "seconds" in one else "", *times, _why(one) or one.get("note", "")]
        )
    return rows if len(rows) > 1 else []


def _start(found: Found) -> list[list[str]]:
    each = found.get("start", {}).items()
    return [[name, f"{one['seconds']:.2f}" if "seconds" in one else _why(one)] for name, one in each]


def _memory(found: Found) -> list[list[str]]:
    rows = [["", "peak", "weights", "above weights + cache", "(goal for ours ≤ 150)"]]
    for name, one in found.get("memory", {}).items():
        if "peak_mb" in one:
            above = one["peak_mb"] - one["weights_mb"] - one["cache_mb"]
            rows.append([name, f"{one['peak_mb']:.0f}", f"{one['weights_mb']:.0f}", f"{above:.0f}", ""])
        else:
            rows.append([name, _why(one), "", "", ""])
    return rows if len(rows) > 1 else []


def _kl(found: Found) -> list[list[str]]:
    rows = [["", "one row: mean", "largest", "32 rows: mean", "largest", ""]]
    for name, one in found.get("kl", {}).items():
        cells = [
            f"{one[kind][key]:.2g}" if kind in one else "" for kind in ("alone", "rows") for key in ("mean", "largest")
        ]
        rows.append([name, *cells, _why(one)])
    return rows if len(rows) > 1 else []


def _greedy(found: Found) -> list[list[str]]:
    rows = [["", "whole texts the same", "tokens until the first difference"]]
    for name, one in found.get("greedy", {}).items():
        rows.append([name, f"{one['same']} of {one['prompts']}", f"{one['agreed_tokens']} of {one['tokens']}"])
    return rows if len(rows) > 1 else []


def _floor(found: Found) -> list[list[str]]:
    part = found.get("floor")
    if not part:
        return []
    rows = [[f"reads at {part['gb_per_second']:.0f} GB/s", "weights, MB", "at most tokens/s", "reached"]]
    for name, one in part["contenders"].items():
        rows.append([name, f"{one['weights_mb']:.0f}", f"{one['most']:.0f}", f"{one['share']:.0%}"])
    return rows


def _mixed(found: Found) -> list[list[str]]:
    each = found.get("mixed", {}).items()
    return [
        [name, f"{one['times_faster']:.2f} ({one['rows']} rows)" if "times_faster" in one else _why(one)]
        for name, one in each
    ]


def _sampler(found: Found) -> list[list[str]]:
    rows = []
    for name, one in found.get("sampler", {}).items():
        if "share" in one:
            size = f"{one['rows']} rows × {one['vocabulary']}"
            parts = f"{one['choose_ms']:.1f} ms choosing, {one['step_ms']:.1f} ms the model"
            rows.append([name, f"{one['share']:.0%}", size, parts])
        else:
            rows.append([name, _why(one), "", ""])
    return rows


def _identity(found: Found) -> list[list[str]]:
    rows: list[list[str]] = []
    for name, one in found.get("identity", {}).items():
        if "same" not in one:
            rows.append([name, _why(one)])
            continue
        if not rows:
            rows.append([f"of {one['prompts']}, in batches of", *one["same"]])
        rows.append([name, *map(str, one["same"].values())])
    return rows


def _lookup(found: Found) -> list[list[str]]:
    rows: list[list[str]] = []
    for name, one in found.get("lookup", {}).items():
        kinds = one.get("kinds", {})
        if kinds and not rows:
            rows.append(["", *kinds, ""])
        differs = [kind for kind, two in kinds.items() if not two["same"]]
        note = f"other text: {', '.join(differs)}" if differs else _why(one) or "the same text"
        rows.append([name, *(f"{two['times_faster']:.2f}" for two in kinds.values()), note])
    return rows


def _why(one: Found) -> str:
    return str(one.get("error") or one.get("missing") or "")[:90]


def _columns(rows: list[list[str]]) -> list[str]:
    count = max(map(len, rows))
    full = [[*row, *[""] * (count - len(row))] for row in rows]
    widths = [max(len(row[i]) for row in full) for i in range(count)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in full]
