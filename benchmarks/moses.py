"""Tokenize the MOSES molecules by atoms: count round trips, tokens and kinds of tokens.

    python benchmarks/moses.py train.csv.gz     # of the package molsets 0.3.1: moses/dataset/data/train.csv.gz

The vocabulary is learned from the file (only what occurs), and every molecule is encoded and decoded. Then the same
with merges of atoms. Data: Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

from cutaway.sequences import read_records
from cutaway.tokens import Tokenizer, atom_bpe, atoms


def smiles(path: str) -> Iterator[str]:
    """Yield the molecules of the file as text, without RDKit's check."""
    return (str(record.sequence) for record in read_records(path, "text", column="SMILES"))


def round_trips(tokenizer: Tokenizer, texts: list[str], block: int = 20_000) -> tuple[int, int]:
    """Return the number of failed round trips, and the number of all tokens."""
    failed = tokens = 0
    for start in range(0, len(texts), block):
        part = texts[start : start + block]
        ids = [encoding.ids for encoding in tokenizer.backend.encode_batch_fast(part, add_special_tokens=False)]
        back = tokenizer.backend.decode_batch(ids, skip_special_tokens=False)
        failed += sum(a != b for a, b in zip(part, back, strict=True))
        tokens += sum(map(len, ids))
    return failed, tokens


def main() -> None:
    """Train, encode, decode, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--size", type=int, default=512, help="vocabulary size with merges")
    chosen = parser.parse_args()
    texts = list(smiles(chosen.file))
    print(f"{len(texts):,} molecules, {sum(map(len, texts)):,} characters")
    for name, make in (("atoms", lambda: atoms(texts, closed=True)), ("merges", lambda: atom_bpe(texts, chosen.size))):
        start = time.perf_counter()
        tokenizer = make()
        trained = time.perf_counter()
        failed, tokens = round_trips(tokenizer, texts)
        ended = time.perf_counter()
        vocabulary = f"{len(tokenizer.vocabulary) - len(tokenizer.special_ids)} + {len(tokenizer.special_ids)} special"
        print(
            f"{name:7} vocabulary {vocabulary}  {tokens:,} tokens  {failed} failures  "
            f"trained in {trained - start:.1f} s, there and back in {ended - trained:.1f} s"
        )


if __name__ == "__main__":
    main()
