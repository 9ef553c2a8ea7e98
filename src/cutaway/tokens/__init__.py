"""Sequence → ids and back: load, make, train, save, check and compare tokenizers; encode, show every piece.

Built on the `tokenizers` library alone, so that this room never waits for torch.

Exports are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutaway.lazy import exports

if TYPE_CHECKING:
    from cutaway.tokens.bins import Bins, bins_of, bins_tokenizer, quantile_bins, uniform_bins
    from cutaway.tokens.checking import Loss, TokenizerCheck, check_tokenizer
    from cutaway.tokens.comparing import (
        ComparedSample,
        ComparedTokenizer,
        TokenizerCell,
        TokenizerComparison,
        compare_tokenizers,
    )
    from cutaway.tokens.encoding import TokenEntry, Tokens, tokenize, vocabulary_sample
    from cutaway.tokens.merges import learn_merges
    from cutaway.tokens.molecules import atoms
    from cutaway.tokens.nucleic import codons, kmer_text, kmers
    from cutaway.tokens.numbers import BinnedNumber, BinnedSeries
    from cutaway.tokens.samples import Sample, read_sample
    from cutaway.tokens.saving import SavedTokenizer, save_tokenizer
    from cutaway.tokens.selfies import selfies_smiles, selfies_symbols, selfies_text
    from cutaway.tokens.simple import characters, words
    from cutaway.tokens.states import States, learn_states, states_of, states_tokenizer
    from cutaway.tokens.steps import Merge, MergedWord, MergeSteps
    from cutaway.tokens.subwords import bpe, unigram, wordpiece
    from cutaway.tokens.tokenizer import Tokenizer, check_text
    from cutaway.tokens.training import train_tokenizer
    from cutaway.tokens.units import atom_bpe, codon_bpe, letter_bpe
    from cutaway.tokens.visits import StateSeries, StateStep

__all__ = [
    "BinnedNumber",
    "BinnedSeries",
    "Bins",
    "ComparedSample",
    "ComparedTokenizer",
    "Loss",
    "Merge",
    "MergeSteps",
    "MergedWord",
    "Sample",
    "SavedTokenizer",
    "StateSeries",
    "StateStep",
    "States",
    "TokenEntry",
    "Tokenizer",
    "TokenizerCell",
    "TokenizerCheck",
    "TokenizerComparison",
    "Tokens",
    "atom_bpe",
    "atoms",
    "bins_of",
    "bins_tokenizer",
    "bpe",
    "characters",
    "check_text",
    "check_tokenizer",
    "codon_bpe",
    "codons",
    "compare_tokenizers",
    "kmer_text",
    "kmers",
    "learn_merges",
    "learn_states",
    "letter_bpe",
    "quantile_bins",
    "read_sample",
    "save_tokenizer",
    "selfies_smiles",
    "selfies_symbols",
    "selfies_text",
    "states_of",
    "states_tokenizer",
    "tokenize",
    "train_tokenizer",
    "uniform_bins",
    "unigram",
    "vocabulary_sample",
    "wordpiece",
    "words",
]

__getattr__ = exports(
    __name__,
    {
        "bins": ["Bins", "bins_of", "bins_tokenizer", "quantile_bins", "uniform_bins"],
        "checking": ["Loss", "TokenizerCheck", "check_tokenizer"],
        "comparing": [
            "ComparedSample",
            "ComparedTokenizer",
            "TokenizerCell",
            "TokenizerComparison",
            "compare_tokenizers",
        ],
        "encoding": ["TokenEntry", "Tokens", "tokenize", "vocabulary_sample"],
        "merges": ["learn_merges"],
        "molecules": ["atoms"],
        "nucleic": ["codons", "kmer_text", "kmers"],
        "numbers": ["BinnedNumber", "BinnedSeries"],
        "samples": ["Sample", "read_sample"],
        "saving": ["SavedTokenizer", "save_tokenizer"],
        "selfies": ["selfies_smiles", "selfies_symbols", "selfies_text"],
        "simple": ["characters", "words"],
        "states": ["States", "learn_states", "states_of", "states_tokenizer"],
        "steps": ["Merge", "MergedWord", "MergeSteps"],
        "subwords": ["bpe", "unigram", "wordpiece"],
        "tokenizer": ["Tokenizer", "check_text"],
        "training": ["train_tokenizer"],
        "units": ["atom_bpe", "codon_bpe", "letter_bpe"],
        "visits": ["StateSeries", "StateStep"],
    },
)
