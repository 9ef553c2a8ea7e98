"""Prepare shards of a large FASTA file in a child process that is killed at random moments, and check what came out.

    python benchmarks/shards.py --gigabytes 5 --shape proteins --kills 4
    python benchmarks/shards.py --gigabytes 5 --shape chromosomes --kills 4

Proteins have about 350 letters, chromosomes 160 million. The file has near-duplicates. Each child is killed with
SIGKILL, in the last phase too; the same call is then made again. Prints one JSON object: seconds and megabytes a second
of a run without a kill, the peak memory of each child (ru_maxrss, in MB), and whether each record came back, in order,
by a hash of all letters that is computed from the file without cutaway.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SHAPES = {"proteins": ("ACDEFGHIKLMNPQRSTVWY", 350), "chromosomes": ("ACGT", 160_000_000)}
LINE = 60
PIECE = 1 << 22

CHILD = """
import json, sys, time
from cutaway.shards import prepare_shards
from cutaway.tokens import train_tokenizer
file, folder, alphabet = sys.argv[1:]
tokenizer = train_tokenizer(["ACDEFGHIKLMNPQRSTVWY" if alphabet == "protein" else "ACGT"], "char", alphabet=alphabet)
start = time.perf_counter()
shards = prepare_shards(file, folder, tokenizer, alphabet=alphabet)
print(json.dumps([time.perf_counter() - start, shards.counts, shards.leak, len(shards.train), len(shards.held_out)]))
"""


def write(path: Path, size: int, letters: str, length: int) -> tuple[int, str]:
    """Write the file; return how many records it has and the hash of their letters, each followed by a newline."""
    rng, digest, number = np.random.default_rng(0), hashlib.blake2b(), 0
    table, earlier = np.frombuffer(letters.encode(), np.uint8), np.empty(0, np.uint8)
    length = min(length, size // 3)
    with path.open("wb") as file:
        while file.tell() < size:
            file.write(b">record%d\n" % number)
            left = int(rng.integers(length // 2, length * 3 // 2))
            copy = length < PIECE and number % 10 == 9
            while left:
                row = table[rng.integers(0, len(table), min(left, PIECE // LINE * LINE))]
                left -= len(row)
                if copy:  # a mutated copy of an earlier record
                    changed = rng.random(len(earlier)) < 0.05
                    row, left = np.where(changed, np.resize(row, len(earlier)), earlier), 0
                digest.update(row.tobytes())
                whole = row[: len(row) // LINE * LINE].reshape(-1, LINE)
                file.write(np.column_stack([whole, np.full(len(whole), 10, np.uint8)]).tobytes())
                if len(row) % LINE:
                    file.write(row[len(whole) * LINE :].tobytes() + b"\n")
            digest.update(b"\n")
            earlier = row
            number += 1
    return number, digest.hexdigest()


def run(file: Path, folder: Path, alphabet: str, kill_after: float | None) -> tuple[list[Any] | None, float, float]:
    """Prepare the shards in a child; return what it printed (None if killed), peak memory in MB, and CPU seconds."""
    command = [sys.executable, "-c", CHILD, str(file), str(folder), alphabet]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child.pid, signal.SIGKILL)  # a child that has ended is still there: it is waited for below
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = usage.ru_utime + usage.ru_stime
    if child.returncode not in (0, -9):
        raise SystemExit(f"the child ended with {child.returncode}")
    return json.loads(said) if said else None, usage.ru_maxrss / 1e3, seconds


def content(folder: Path, vocabulary: dict[str, int]) -> tuple[int, str]:
    """Return the number of records in shards and the hash of their letters, read with numpy alone."""
    index = json.loads((folder / "shards.json").read_text())
    lengths, digest, record, left = np.load(folder / "lengths.npy"), hashlib.blake2b(), 0, 0
    table = np.zeros(256, np.uint8)
    for letter, id_ in vocabulary.items():
        table[id_] = ord(letter)
    left = int(lengths[0])
    for name in sorted(name for name in index["files"] if name.startswith("tokens-")):
        row, at = table[np.fromfile(folder / name, np.uint8)], 0
        while at < len(row):
            taken = min(left, len(row) - at)
            digest.update(row[at : at + taken].tobytes())
            at, left = at + taken, left - taken
            while left == 0 and record < len(lengths):
                digest.update(b"\n")
                record += 1
                left = int(lengths[record]) if record < len(lengths) else -1
    return record, digest.hexdigest()


def files(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.file_digest(path.open("rb"), "blake2b").hexdigest() for path in folder.glob("[!.]*")}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=0.2)
    parser.add_argument("--shape", choices=SHAPES, default="proteins")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to put the file and the shards; by default a temporary one")
    asked = parser.parse_args()
    letters, length = SHAPES[asked.shape]
    alphabet = "protein" if asked.shape == "proteins" else "dna"

    from cutaway.tokens import train_tokenizer

    vocabulary = train_tokenizer([letters], "char", alphabet=alphabet).vocabulary
    place = Path(tempfile.mkdtemp(prefix="shards-", dir=asked.folder))
    try:
        file = place / f"{asked.shape}.fa"
        records, expected = write(file, int(asked.gigabytes * 1e9), letters, length)
        whole, peak, seconds = run(file, place / "whole", alphabet, None)
        assert whole is not None
        rng, peaks, kills = random.Random(asked.seed), [peak], 0  # noqa: S311
        while True:
            again, peak, _ = run(
                file, place / "killed", alphabet, rng.uniform(0.3, 0.9) * whole[0] if kills < asked.kills else None
            )
            peaks.append(peak)
            if again is not None:
                break
            kills += 1
        found = content(place / "killed", {token: id_ for token, id_ in vocabulary.items() if len(token) == 1})
        megabytes = file.stat().st_size / 1e6
        print(
            json.dumps(
                {
                    "shape": asked.shape,
                    "megabytes": round(megabytes),
                    "records": records,
                    "seconds": round(whole[0], 1),
                    "cpu_seconds": round(seconds, 1),
                    "megabytes_per_second": round(megabytes / whole[0], 1),
                    "peak_megabytes": [round(peak) for peak in peaks],
                    "kills": kills,
                    "no_record_lost": found == (records, expected),
                    "same_files": files(place / "whole") == files(place / "killed"),
                    "counts": whole[1],
                    "leak": whole[2],
                    "train": whole[3],
                    "held_out": whole[4],
                }
            )
        )
        if found != (records, expected) or files(place / "whole") != files(place / "killed"):
            raise SystemExit("a record was lost, or the files differ")
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
