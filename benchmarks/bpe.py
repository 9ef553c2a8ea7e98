"""Compare our BPE trainer with the `tokenizers` library on unsplit sequences, then time ours on whole genomes.

    python benchmarks/bpe.py                             # synthetic DNA: 0.2 Mb against the peer, then 5 and 100 Mb
    python benchmarks/bpe.py --genome NC_008253.fna.gz   # and a real genome (Debian: bowtie-examples)
    python benchmarks/bpe.py --only peer                 # the comparison alone

Both trainers get 0.2 Mb as one text and must find the same merges. The larger sizes take the library too long. Then the
`tokenizers` library encodes growing pieces of the longest text with our merges; each must decode to its input.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import models, trainers

from cutaway.sequences import read_records
from cutaway.tokens import Tokenizer, letter_bpe


def dna(length: int, seed: int = 0) -> str:
    """Return DNA from a Markov chain of order five with uneven probabilities, run from a thousand starts."""
    rng = np.random.default_rng(seed)
    odds = rng.dirichlet([0.6] * 4, 4**5).cumsum(1)
    rows = max(1, length // 10_000)
    state: NDArray[Any] = rng.integers(0, 4**5, rows)
    letters = np.empty((-(-length // rows), rows), dtype=np.uint8)
    for step in letters:
        drawn = (rng.random(rows)[:, None] > odds[state]).sum(1).clip(max=3)
        step[:] = np.frombuffer(b"ACGT", np.uint8)[drawn]
        state = (state * 4 + drawn) % 4**5
    return letters.T.tobytes()[:length].decode()


def trained(name: str, sequences: list[str], size: int) -> Tokenizer:
    """Train, and print the time and the peak memory of the process."""
    start = time.perf_counter()
    tokenizer = letter_bpe(sequences, "dna", size)
    took = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"ours   {name:24} {sum(map(len, sequences)) / 1e6:7.2f} Mb  {size:5} tokens  {took:8.2f} s  {memory:.2f} GB")
    return tokenizer


def against_peer(length: int = 200_000, learned: int = 512) -> None:
    """Train both on one sequence to 512 tokens, and compare the merges."""
    text = dna(length)
    ours = trained("one sequence", [text], learned + 16)  # 12 letters besides ACGT, and 4 special tokens
    peer = tokenizers.Tokenizer(models.BPE())
    start = time.perf_counter()
    peer.train_from_iterator([text], trainers.BpeTrainer(vocab_size=learned, min_frequency=2, show_progress=False))
    took = time.perf_counter() - start
    print(f"peer   {'one sequence':24} {length / 1e6:7.2f} Mb  {learned:5} tokens  {took:8.2f} s  (BpeTrainer)")
    merges = [json.loads(backend.to_str())["model"]["merges"] for backend in (ours.backend, peer)]
    same = "the same" if merges[0] == merges[1] else "OTHERS"
    print(f"       {len(merges[0])} merges, the peer's {len(merges[1])}: {same}")
    assert merges[0] == merges[1]


def encoded(tokenizer: Tokenizer, text: str) -> None:
    """Encode growing unsplit pieces, print the speed, and check each round trip."""
    for length in (len(text) // 16, len(text) // 4, len(text)):
        start = time.perf_counter()
        [encoding] = tokenizer.backend.encode_batch_fast([text[:length]])
        took = time.perf_counter() - start
        assert tokenizer.decode(encoding.ids) == text[:length]
        print(f"encode {length / 1e6:7.2f} Mb unsplit  {took:6.2f} s  {length / len(encoding.ids):.3f} bases a token")


def main() -> None:
    """Run the chosen parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genome", help="a FASTA file")
    parser.add_argument("--only", choices=["peer"])
    parser.add_argument("--size", type=int, default=4096, help="tokens")
    chosen = parser.parse_args()
    against_peer()
    if chosen.only:
        return
    if chosen.genome:
        sequences = [str(record.sequence) for record in read_records(chosen.genome, "dna")]
        encoded(trained("genome", sequences, chosen.size), max(sequences, key=len))
    for length in (5_000_000, 100_000_000):
        text = dna(length)
        tokenizer = trained("synthetic", [text], chosen.size)
    encoded(tokenizer, text[:20_000_000])


if __name__ == "__main__":
    main()
