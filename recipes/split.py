"""Divide a table of records into train.csv, validation.csv and test.csv; near-duplicates come into the same part.

Run: python recipes/split.py TABLE FOLDER --alphabet protein --column sequence --label-column label
"""

import argparse
import csv
import hashlib
import sys
from pathlib import Path

from cutaway.shards import prepare_shards
from cutaway.tokens import train_tokenizer

parser = argparse.ArgumentParser()
parser.add_argument("table", type=Path)
parser.add_argument("folder", type=Path)
parser.add_argument("--alphabet", required=True)
parser.add_argument("--column", required=True)
parser.add_argument("--label-column", required=True)
parser.add_argument("--validation", type=float, default=0.1)
parser.add_argument("--test", type=float, default=0.15)
PARTS = ("train", "validation", "test")


def main() -> None:
    asked = parser.parse_args()
    with asked.table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    letters = train_tokenizer((row[asked.column] for row in rows), "char", alphabet=asked.alphabet)
    shards = prepare_shards(
        asked.table, asked.folder / "shards", letters, alphabet=asked.alphabet, column=asked.column,
        label_column=asked.label_column, held_out=asked.test,
    )  # fmt: skip
    if len(shards) != len(rows):
        sys.exit("a record was skipped: clean the table first")
    found: dict[str, list[dict[str, str]]] = {part: [] for part in PARTS}
    seen = set()
    for first, row in zip(shards.clusters.tolist(), rows, strict=True):
        if (said := (row[asked.column], row[asked.label_column])) in seen:
            continue
        seen.add(said)
        drawn = int(hashlib.sha256(rows[first][asked.column].encode()).hexdigest()[:8], 16) / 2**32
        part = "test" if drawn < asked.test else "validation" if drawn < asked.test + asked.validation else "train"
        found[part].append(row)
    for part, chosen in found.items():
        with (asked.folder / f"{part}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(chosen)
    clusters = len(set(shards.clusters.tolist()))
    print(f"{clusters:,} clusters:", *(f"{part} {len(chosen):,}" for part, chosen in found.items()))


if __name__ == "__main__":
    main()
