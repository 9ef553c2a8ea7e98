"""Tokenizers: what comes back, what is shown, and the two simple ones."""

import pytest
import transformers

from cutaway.errors import TextError
from cutaway.models import tokenize
from cutaway.tokens import Tokenizer, characters, words

TEXTS = ["", " ", "No, I am your father", "a\nb\tc", "é😀👩‍🔬", "\x00null", "  two  spaces  ", "ﬁ ﬀ ½"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("make", [characters, words])
def test_simple_tokenizers_give_their_own_text_back(make, text):
    result = tokenize(text, make([text, "x"]), add_special_tokens=False)
    assert result.round_trip
    assert "".join(result.pieces) == text
    assert [text[a:b] for a, b in result.offsets] == result.pieces


def test_unknown_characters_are_lost_and_this_is_reported():
    result = tokenize("abc", characters(["ab"]), add_special_tokens=False)
    assert not result.round_trip
    assert result.tokens[-1] == "<unk>"


@pytest.mark.parametrize("make", [characters, words])
def test_simple_tokenizers_load_without_cutaway(make, tmp_path):
    text = "No, I am your father\n"
    tokenizer = make([text])
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend).save_pretrained(tmp_path)
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ids = loaded(text)["input_ids"]
    assert ids == tokenizer.encode(text).ids
    assert loaded.decode(ids, skip_special_tokens=True) == text


def test_padding_and_truncation_of_whoever_saved_it_are_not_applied():
    backend = characters(["abc"]).backend
    backend.enable_truncation(2)
    backend.enable_padding(length=9)
    assert len(Tokenizer(backend).encode("abcabc", add_special_tokens=False).ids) == 6


def test_a_lone_surrogate_is_named_with_its_place():
    with pytest.raises(TextError, match=r"U\+DCFF at character 2 \(byte 0xff"):
        tokenize("ab\udcffc", characters(["abc"]))
    with pytest.raises(TextError, match="half a character"):
        tokenize("\ud83d", characters(["abc"]))


def test_the_vocabulary_sample_is_legible_and_spread():
    sample = tokenize("a", characters(["".join(map(chr, range(33, 633)))])).sample
    assert len(sample) == 24
    assert len({entry.token for entry in sample}) == 24
    ids = [entry.id for entry in sample]
    assert ids == sorted(ids)
    assert ids[0] < 40
    assert ids[-1] > 560
