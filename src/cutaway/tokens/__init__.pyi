from .bins import (
    Bins as Bins,
    bins_of as bins_of,
    bins_tokenizer as bins_tokenizer,
    quantile_bins as quantile_bins,
    uniform_bins as uniform_bins,
)
from .checking import Loss as Loss, TokenizerCheck as TokenizerCheck, check_tokenizer as check_tokenizer
from .codec import Codec as Codec
from .comparing import (
    ComparedSample as ComparedSample,
    ComparedTokenizer as ComparedTokenizer,
    TokenizerCell as TokenizerCell,
    TokenizerComparison as TokenizerComparison,
    compare_tokenizers as compare_tokenizers,
)
from .encoding import (
    TokenEntry as TokenEntry,
    Tokens as Tokens,
    encode_text as encode_text,
    tokenize as tokenize,
    vocabulary_sample as vocabulary_sample,
)
from .merges import learn_merges as learn_merges
from .molecules import atoms as atoms
from .codon_kmer import codons as codons, kmer_text as kmer_text, kmers as kmers
from .bin_trace import BinnedNumber as BinnedNumber, BinnedSeries as BinnedSeries
from .samples import Sample as Sample, read_sample as read_sample
from .saving import SavedTokenizer as SavedTokenizer, save_tokenizer as save_tokenizer
from .selfies import selfies_smiles as selfies_smiles, selfies_symbols as selfies_symbols, selfies_text as selfies_text
from .char_word import characters as characters, words as words
from .states import (
    States as States,
    learn_states as learn_states,
    states_of as states_of,
    states_tokenizer as states_tokenizer,
)
from .merge_trace import Merge as Merge, MergeSteps as MergeSteps, MergedWord as MergedWord
from .subwords import bpe as bpe, unigram as unigram, wordpiece as wordpiece
from .tokenizer import Tokenizer as Tokenizer, check_text as check_text
from .training import train_tokenizer as train_tokenizer
from .training_from_files import train_from_files as train_from_files
from .unit_bpe import atom_bpe as atom_bpe, codon_bpe as codon_bpe, letter_bpe as letter_bpe
from .state_trace import StateSeries as StateSeries, StateStep as StateStep
