"""Training, measured in one run: predicted tokens a second of cutaway's loop beside transformers' Trainer.

    python benchmarks/training.py                 # both comparisons; about 10 minutes on two quiet cores
    python benchmarks/training.py --only gpt2 --rounds 1

- gpt2: a GPT-2 of 10 million parameters on packed rows of 256 tokens, same model, batch, precision and threads.
- moses: SMILES, one molecule a row; the Trainer has its defaults: batches of 8 padded by its collator, float32, AdamW.

Only tokens that are predicted count; padding does not. Contenders take turns, each in its own process; a ratio is the
median over rounds. `--data` is a file of SMILES, one a line (without it, molecules are made up).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SIZES = {"gpt2": {"size": "mini", "context": 256, "batch": 16}, "moses": {"size": "micro", "context": 96, "batch": 256}}
VOCABULARY = 64
RINGS = ("c1ccccc1", "C1CCNCC1", "c1ccncc1", "C1CCOCC1", "c1ccsc1", "c1ccoc1")
PARTS = ("C", "CC", "CCC", "CNC", "COC", "C(=O)N", "NC(=O)", "S(=O)(=O)", "N(C)", "C(C)", "O")


def molecules(count: int) -> list[str]:
    """Make up SMILES-like strings of the length of MOSES' molecules (about 36 tokens)."""
    rng = random.Random(0)  # noqa: S311
    return ["".join(rng.choice(RINGS if i % 2 else PARTS) for i in range(rng.randint(5, 10))) for _ in range(count)]


def ours(kind: str, data: Path, steps: int, threads: int, precision: str) -> dict[str, Any]:
    from cutaway.training import Settings, TrainingRun

    size = SIZES[kind]
    shared = {"size": size["size"], "context": size["context"], "steps": steps, "threads": threads, "samples": 0,
              "validate_every": steps}  # fmt: skip
    if kind == "gpt2":
        given = {"data": str(data), "batch_size": size["batch"], "precision": precision, "attention": "sdpa",
                 "optimizer": "adamw"}  # fmt: skip
    else:
        given = {"data": str(data), "alphabet": "smiles", "batch_size": size["batch"], "micro_batch": 64}
    result = TrainingRun(Settings.of(**shared, **given)).train()
    rates = [record.tokens_per_second for record in result.metrics[steps // 3 :]]
    return {"tokens_per_second": statistics.median(rates), "precision": result.precision,
            "attention": result.attention, "parameters": result.parameters}  # fmt: skip


def trainer(kind: str, data: Path, steps: int, threads: int, precision: str) -> dict[str, Any]:
    import torch
    import transformers

    torch.set_num_threads(threads)
    transformers.logging.set_verbosity_error()
    size = SIZES[kind]
    layers, heads, width = {"mini": (6, 6, 384), "micro": (4, 3, 192)}[size["size"]]
    text = data.read_text()
    letters = {letter: number for number, letter in enumerate(sorted(set(text)), 4)}
    config = transformers.GPT2Config(
        vocab_size=max(VOCABULARY, len(letters) + 4), n_layer=layers, n_head=heads, n_embd=width,
        n_positions=size["context"], resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = transformers.GPT2LMHeadModel(config)
    if kind == "gpt2":
        ids = [letters[letter] for letter in text]
        wide = size["context"]
        rows: list[list[int]] = [ids[i : i + wide] for i in range(0, len(ids) - wide, wide)]
        batch: dict[str, Any] = {"per_device_train_batch_size": size["batch"], "bf16": precision == "bfloat16"}
    else:
        rows = [[0, *(letters[letter] for letter in line), 0] for line in text.splitlines()]
        batch = {}

    def collate(examples: list[dict[str, Any]]) -> dict[str, Any]:
        longest = max(len(one["input_ids"]) for one in examples)
        padded = [one["input_ids"] + [1] * (longest - len(one["input_ids"])) for one in examples]
        labels = [one["input_ids"] + [-100] * (longest - len(one["input_ids"])) for one in examples]
        mask = [[1] * len(one["input_ids"]) + [0] * (longest - len(one["input_ids"])) for one in examples]
        return {"input_ids": torch.tensor(padded), "labels": torch.tensor(labels), "attention_mask": torch.tensor(mask)}

    class Watch(transformers.TrainerCallback):
        def __init__(self) -> None:
            self.times: list[float] = []

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.times.append(time.perf_counter())

    class Counted(list):  # type: ignore[type-arg]
        """Rows as the Trainer reads them."""

        def __getitem__(self, index: Any) -> Any:
            return {"input_ids": super().__getitem__(index)}

    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder, max_steps=steps, report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True,
            logging_steps=10**9, remove_unused_columns=False, **batch,
        )  # fmt: skip
        transformers.Trainer(
            model=model, args=arguments, train_dataset=Counted(rows), data_collator=collate, callbacks=[watch]
        ).train()
    taken = [b - a for a, b in zip(watch.times[steps // 3 :], watch.times[steps // 3 + 1 :], strict=False)]
    mean = statistics.mean(len(row) - 1 for row in rows)
    return {"tokens_per_second": arguments.per_device_train_batch_size * mean / statistics.median(taken),
            "parameters": model.num_parameters()}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*SIZES], action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--data", type=Path, help="a file of SMILES, one a line")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        contender, kind, data = options.one
        steps = {"gpt2": 12, "moses": 30 if contender == "ours" else 150}[kind]
        run = ours if contender == "ours" else trainer
        print("RESULT", json.dumps(run(kind, Path(data), steps, options.threads, options.precision)))
        return
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads), "TRANSFORMERS_VERBOSITY": "error"}
    with tempfile.TemporaryDirectory() as folder:
        lines = options.data.read_text().splitlines() if options.data else molecules(60_000)
        files = {"moses": Path(folder, "molecules.smi"), "gpt2": Path(folder, "text.txt")}
        files["moses"].write_text("\n".join(lines[:60_000]) + "\n")
        files["gpt2"].write_text(" ".join(lines[:30_000]))
        for kind in options.only or SIZES:
            found: dict[str, list[dict[str, Any]]] = {"ours": [], "trainer": []}
            for _ in range(options.rounds):
                for contender, results in found.items():
                    command = [sys.executable, __file__, "--threads", str(options.threads), "--precision",
                               options.precision, "--one", contender, kind, str(files[kind])]  # fmt: skip
                    answer = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
                    told = [line for line in answer.stdout.splitlines() if line.startswith("RESULT ")]
                    if not told:
                        sys.exit(f"{contender} failed:\n{answer.stderr[-2000:]}")
                    results.append(json.loads(told[-1][7:]))
            speeds = {name: [one["tokens_per_second"] for one in results] for name, results in found.items()}
            ratio = statistics.median(a / b for a, b in zip(speeds["ours"], speeds["trainer"], strict=True))
            print(f"{kind}: ours {found['ours'][-1]}")
            print(f"{kind}: Trainer {found['trainer'][-1]}")
            print(f"{kind}: {ratio:.2f} x the Trainer's predicted tokens a second, {options.threads} threads")


if __name__ == "__main__":
    main()
