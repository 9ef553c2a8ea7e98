"""One way from a sequence to ids and back, for every kind of tokenizer; offsets are places in the sequence."""

import numpy as np
import pytest
import transformers

from cutaway.errors import WrongKind
from cutaway.inside import attention, compare, contacts, embed, lens
from cutaway.models.text_model import Model
from cutaway.prediction import mutate, score
from cutaway.tokens import Codec, States, Tokenizer, save_tokenizer, states_tokenizer, tokenize, train_tokenizer

SERIES = [[1.0, -0.5, float("nan"), 1e9], [2.0, 0.0, 3.0, -7.0]]


@pytest.mark.parametrize(
    ("kind", "alphabet", "sequence"),
    [
        ("bpe", "text", "a naïve cat\n"),
        ("char", "protein", "MKT*"),
        ("codon", "dna", "ATGCATN"),
        ("bpe", "codon", "ATGAAACCCAT"),
        ("smiles", "smiles", "C[C@H](Cl)C"),
        ("bpe", "smiles", "C[C@H](Cl)C"),
    ],
)
def test_a_text_is_decoded_to_the_letter_and_the_offsets_cover_it(kind, alphabet, sequence) -> None:
    codec = Codec.of(train_tokenizer([sequence] * 4, kind, alphabet=alphabet))
    encoding = codec.encode(sequence)
    assert codec.decode(encoding.ids) == sequence
    assert codec.encode_batch([sequence, sequence]) == [encoding.ids] * 2
    assert codec.same(sequence, codec.tokenizer.decode(encoding.ids))
    covered = {place for start, end in encoding.offsets for place in range(start, end)}
    assert covered == set(range(len(sequence)))


def test_overlapping_words_end_at_their_letter() -> None:
    codec = Codec.of(train_tokenizer(["ATGC"], "kmer", k=3, overlapping=True))
    encoding = codec.encode("ATGCNA")
    assert encoding.tokens == ["A", "T", "ATG", "TGC", "N", "A"]
    assert encoding.offsets == [(0, 1), (1, 2), (0, 3), (1, 4), (4, 5), (5, 6)]
    assert codec.decode(encoding.ids) == "ATGCNA"
    assert codec.kmers == ("dna", 3) and "kmer_text" in (codec.written or "")


def test_selfies_take_smiles_and_other_texts_as_they_are() -> None:
    pytest.importorskip("selfies")
    tokenizer = train_tokenizer(["CC(=O)O"], "selfies")
    codec = Codec.of(tokenizer)
    encoding = codec.encode("C=CF")
    assert encoding.tokens == ["[C]", "[=C]", "[F]"] and encoding.offsets == [(0, 1), (1, 3), (3, 4)]
    assert codec.decode(encoding.ids) == "C=CF"
    assert not codec.same("C=CF", "no SELFIES") and "spelling" in codec.loses
    as_text = Codec.of(tokenizer, "text")
    assert as_text.encode("[C][F]").tokens == ["[C]", "[F]"] and as_text.decode(encoding.ids) == "[C][=C][F]"


def test_the_offsets_of_a_series_are_its_numbers_step_by_step() -> None:
    codec = Codec.of(train_tokenizer([SERIES], "bins", vocab_size=300))
    encoding = codec.encode(SERIES)
    places = [offset for offset in encoding.offsets if offset != (0, 0)]
    assert encoding.offsets[:6] == [(0, 0)] * 6  # the scales of two channels
    assert sorted(set(places)) == [(i, i + 1) for i in range(8)]
    bound = codec.numbers.bound(SERIES)
    error = np.abs(codec.decode(encoding.ids) - np.array(SERIES))
    assert (np.nan_to_num(error) <= bound).all()
    states = Codec.of(states_tokenizer(States(((0.0, 0.0), (5.0, 9.0)))))
    assert states.encode([[1.0, 4.0], [0.0, 9.0]]).offsets == [(0, 2), (2, 4)]
    assert states.decode(states.encode([[1.0, 4.0], [0.0, 9.0]]).ids).tolist() == [[0.0, 5.0], [0.0, 9.0]]


def test_a_series_is_its_digits_to_a_tokenizer_of_text() -> None:
    codec = Codec.of(train_tokenizer(["a"], "bpe", vocab_size=262), "series")
    ids = codec.encode(SERIES).ids
    back = codec.numbers_of(SERIES, codec.tokenizer.decode(ids))
    assert np.array_equal(back, np.array(SERIES), equal_nan=True)
    assert codec.numbers_of(SERIES, "1 2") is None


def test_what_is_declared_stays_when_saved(tmp_path) -> None:
    for kind, sequences in (("codon", ["ATG"]), ("kmer", ["ATG"]), ("bins", [SERIES]), ("bpe", ["a text"])):
        made = Codec.of(train_tokenizer(sequences, kind))
        save_tokenizer(made.tokenizer, tmp_path / kind)
        read = Codec.of(Tokenizer.from_directory(tmp_path / kind))
        names = ("kind", "alphabet", "loses", "written", "spelling", "numbers", "kmers", "selfies", "units")
        assert [getattr(read, name) for name in names] == [getattr(made, name) for name in names]


def test_a_tokenizer_that_declares_nothing_is_named_by_its_algorithm() -> None:
    tokenizer = Tokenizer(train_tokenizer(["a text"], "bpe", vocab_size=262).backend)
    codec = Codec.of(tokenizer)
    assert (codec.kind, codec.alphabet, codec.loses, codec.written) == ("BPE", None, {}, None)
    assert codec.encode("a text").ids == tokenizer.encode("a text").ids == tokenize("a text", tokenizer).ids


def test_mutate_reads_overlapping_words_as_the_model_does() -> None:
    tokenizer = train_tokenizer(["ATGC"], "kmer", k=3, overlapping=True)
    config = transformers.GPT2Config(vocab_size=len(tokenizer.vocabulary), n_layer=1, n_head=1, n_embd=8)
    model = Model("kmers", None, transformers.GPT2LMHeadModel(config).eval(), tokenizer)
    with pytest.raises(WrongKind, match="'ATG' as one token"):
        mutate("ATGCATGC", model, alphabet="dna")


def _model(tokenizer: Tokenizer) -> Model:
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer.vocabulary), n_layer=1, n_head=1, n_embd=8, bos_token_id=0, eos_token_id=0
    )
    return Model("tiny", None, transformers.GPT2LMHeadModel(config).eval(), tokenizer)


@pytest.mark.parametrize(
    ("kind", "learned", "text", "written", "options"),
    [
        ("kmer", "ATGC", "ATGCATTG", "A T ATG TGC GCA CAT ATT TTG", {"k": 3, "overlapping": True}),
        ("selfies", "CCO", "CC(=O)O", "[C] [C] [=Branch1] [C] [=O] [O]", {}),
        ("states", [[1.0, 2.0, 9.0]], "1 2\n9", None, {"vocab_size": 8}),
        ("bins", [[1.0, 2.0, 9.0]], "1 2\n9", None, {"vocab_size": 90}),
    ],
)
def test_every_verb_reads_a_text_as_tokenize_does(kind, learned, text, written, options) -> None:
    text = text.replace("\n", " ")
    tokenizer = train_tokenizer([learned], kind, **options)
    model, right = _model(tokenizer), tokenize(text, tokenizer)
    assert written is None or right.tokens == written.split()
    assert right.unknown == 0
    assert lens(text, model).ids == right.ids
    assert [token.id for token in score(text, model).tokens] == right.ids[1:]
    [stack] = attention(text, model).stacks
    assert stack.queries == [tokenizer.piece(i) for i in right.ids]
    assert embed([text], model).counts == [len(right.ids)]
    assert compare(model, model, text).a.tokens == len(right.ids)


def test_contacts_reads_overlapping_words_as_tokenize_does() -> None:
    tokenizer = train_tokenizer(["ATGC"], "kmer", k=3, overlapping=True)
    text = "ATGCATTGACCATGGT"
    found = contacts(text, _model(tokenizer), separation=1)
    right = tokenize(text, tokenizer)
    assert len(found.residues) == len(right.ids) == len(text)
