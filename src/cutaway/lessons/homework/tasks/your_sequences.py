"""Your own sequences: DNA as letters and as codons, and the frame in which it is a gene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from cutaway.lessons.homework.direction import Direction
from cutaway.lessons.homework.task import (
    WAYS,
    Choice,
    Given,
    Number,
    Once,
    Pairs,
    Record,
    Records,
    Task,
    again_by,
    moved,
)
from cutaway.lessons.homework.tasks.training_words import tokens_of
from cutaway.random_streams import stream

_STOPS: Final = ("TAA", "TAG", "TGA")
_CODONS: Final = tuple(a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT" if a + b + c not in _STOPS)
_GENES, _LENGTH = 6, 40  # codons of a gene
_KINDS: Final = {"letters.json": ("char", "dna"), "codons.json": ("codon", None)}


def _given(seed: int) -> Given:
    random = stream(seed, "genes")
    favourite = random.dirichlet(np.full(len(_CODONS), 0.4))
    genes = [_gene(random, favourite) for _ in range(_GENES)]
    shift = int(random.integers(3))
    hidden = "".join(str(x) for x in random.choice(list("ACGT"), shift)) + genes[0][3:-3]
    fasta = "".join(f">gene{i}\n{gene}\n" for i, gene in enumerate(genes, 1))
    return {"gene": genes[1], "hidden": hidden, "fasta": fasta,
            "files": {"genes.fa": fasta, "gene.txt": f"{genes[1]}\n", "hidden.txt": f"{hidden}\n"}}  # fmt: skip


def _gene(random: np.random.Generator, favourite: np.ndarray) -> str:
    body = "".join(_CODONS[i] for i in random.choice(len(_CODONS), _LENGTH, p=favourite))
    return f"ATG{body}{_STOPS[int(random.integers(3))]}"


def _text(given: Given) -> str:
    return f"""`genes.fa` has {_GENES} genes, from start to stop codon. A model can read them letter by letter or codon
by codon. Make both tokenizers, and look at how each cuts one of the genes (`gene.txt`):

> {given["gene"]}

`hidden.txt` holds another gene, but something was put before it, and its start and stop codons were cut away:

> {given["hidden"]}

A codon tokenizer has to know where to begin: with --frame 0, 1 or 2. In the right frame no codon is a stop (TAA, TAG,
TGA). Guess first which of the two tokenizers a model learns more easily from, and why. Then do the same with sequences
of your own, if you have some: what is a good token for them?"""


def _files(_given: Given) -> dict[str, str]:
    return {
        name: f"cutaway tokenizer train genes.fa --kind {kind}{f' --alphabet {alphabet}' if alphabet else ''} --force "
        f"-o {name[:-5]} && cutaway tokenize -f gene.txt -m ./{name[:-5]} -o {name}"
        for name, (kind, alphabet) in _KINDS.items()
    }


def _again(name: str, given: Given, records: Sequence[Record], once: Once) -> Pairs:
    kind, alphabet = _KINDS[name]
    options = {} if alphabet is None else {"alphabet": alphabet}
    return again_by(
        name, records, "tokens", _files(given)[name], {"text": given["gene"]},
        lambda: once(tokens_of, given["gene"], given["fasta"], ".fa", kind, options),
    )  # fmt: skip


def stops_in(sequence: str, frame: int) -> int:
    """Return the number of stop codons in a reading frame.

    >>> [stops_in("ATGATAACC", frame) for frame in (0, 1, 2)]
    [0, 2, 0]
    """
    return sum(sequence[i : i + 3] in _STOPS for i in range(frame, len(sequence) - 2, 3))


def _frame(given: Given) -> int:
    """Return the frame with the fewest stops; what was put in is shorter than a codon, so the gene's own has none."""
    return min(range(3), key=lambda frame: stops_in(given["hidden"], frame))


def _count(records: Records, name: str) -> int:
    return len(records[name][0]["tokens"])


def _quoted(_given: Given, records: Records) -> dict[str, float]:
    found = {f"tokens in {name}": float(_count(records, name)) for name in _KINDS}
    return found | {f"vocabulary of {name}": float(records[name][0]["vocab_size"]) for name in _KINDS}


TASK = Task(
    name="your-sequences",
    title="Letters or codons",
    notebook=8,
    minutes=25,
    given=_given,
    text=_text,
    files=_files,
    again=_again,
    quoted=_quoted,
    choices=(
        Choice(
            "tokens",
            "With codons in place of letters, the number of tokens of the gene …?",
            tuple(WAYS),
            lambda _, records: moved(_count(records, "letters.json"), _count(records, "codons.json"), 0.5),
            Direction(
                r"codons?(?:\stokenizer)?",
                r"(?:single\s)?letters?(?:\stokenizer)?",
                r"tokens|sequence",
                WAYS,
                "With codons, the number of tokens {way}.",
            ),
        ),
    ),
    numbers=(
        Number("frame", "In which frame (0, 1 or 2) does hidden.txt have no stop codon?", "0, 1 or 2",
               lambda given, _: _frame(given), 0.0),
        Number("gc", "Which share of the letters of gene.txt are G or C?", "from 0 to 1",
               lambda given, _: sum(x in "GC" for x in given["gene"]) / len(given["gene"])),
        Number("stops", "How many stop codons does hidden.txt have in the other two frames together?", "codons",
               lambda given, _: sum(stops_in(given["hidden"], f) for f in range(3) if f != _frame(given)), 0.0),
    ),
    words=50,
    quotes=2,
)  # fmt: skip
