"""The parts of the rated snippets for movie-sentiment, and new sentences made of the snippets to train on."""

import csv
import hashlib
from pathlib import Path

import numpy as np

from cutaway.models import get_data, load_tokenizer
from cutaway.shards import prepare_shards

TEST, VALIDATION = 0.15, 0.08  # of the movie snippets
FIELDS = ("text", "label", "rating")
Row = dict[str, str]


def parts(folder: Path) -> dict[str, list[Row]]:
    """Return train, validation, test (movies) and other (Amazon, tweets); snippets that are rated 0 have no sign.

    Near-duplicates of each other are in the same part, and other has none of a movie snippet that is held out.
    """
    if not (folder / "other.csv").is_file():
        _split(folder)
    names = ("train", "validation", "test", "other")
    return {name: list(csv.DictReader((folder / f"{name}.csv").open(encoding="utf-8"))) for name in names}


def _split(folder: Path) -> None:
    data = get_data("sentiment")
    rows = list(csv.DictReader((Path(data.path) / data.main).open(encoding="utf-8")))
    rows = [row for row in rows if float(row["rating"])]
    for row in rows:
        row["label"] = "POSITIVE" if float(row["rating"]) > 0 else "NEGATIVE"
    rows.sort(key=lambda row: row["part"] != "movie")  # a cluster is called by its first record
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "all.csv", rows)
    tokenizer = load_tokenizer("minilm-l6")
    shards = prepare_shards(
        folder / "all.csv", folder / "shards", tokenizer, column="text", label_column="label", held_out=0.1
    )
    found: dict[str, list[Row]] = {"train": [], "validation": [], "test": [], "other": []}
    for number, first, row in zip(range(len(rows)), shards.clusters.tolist(), rows, strict=True):
        drawn = int(hashlib.sha256(rows[first]["text"].encode()).hexdigest()[:8], 16) / 2**32
        part = "test" if drawn < TEST else "validation" if drawn < TEST + VALIDATION else "train"
        if row["part"] != "movie" and (part == "train" or number == first):
            part = "other"
        if row["part"] == "movie" or part == "other":
            found[part].append(row)
    for part, chosen in found.items():
        _write(folder / f"{part}.csv", chosen)


def _write(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def varied(text: str, alike: dict[str, list[str]], rng: np.random.Generator) -> str:
    """Return a part of a text, or the whole, with about a fifth of its words replaced by words with similar vectors."""
    words = text.split()
    if rng.random() < 0.5 and len(words) > 5:
        size = int(rng.integers(4, len(words)))
        start = int(rng.integers(0, len(words) - size + 1))
        words = words[start : start + size]
    for i, word in enumerate(words):
        near = alike.get(word.lower())
        if near and rng.random() < 0.2:
            words[i] = near[int(rng.integers(len(near)))]
    return " ".join(words)
