"""`translate`: the beams and the attention of transformers, and warnings about what the model can't know."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cutaway
from cutaway.errors import InputError, MissingText, PromptTooLong, WrongKind
from cutaway.models import load
from cutaway.models.known_words import KnownWords, words_of
from cutaway.models.text_model import Model
from cutaway.prediction import translate
from cutaway.prediction.familiarity import doubt, familiarity
from cutaway.saved_results import load_result
from cutaway.tokens import characters
from tests.unit.commands import run
from tests.unit.lively import PROMPTS, lively

pytestmark = pytest.mark.unit
LENGTH = 12


def ending(name: str) -> tuple[Model, str]:
    """Return a tiny model that ends some of its texts, and a text for it."""
    model = lively(name)
    model.module.generation_config.pad_token_id = 0
    text = model.tokenizer.decode(PROMPTS[1])
    model.module.generation_config.eos_token_id = sorted({said[5] for said, _ in theirs(model, text, 4)})
    return model, text


def theirs(model: Model, text: str, num_beams: int, **settings: Any) -> list[tuple[list[int], float | None]]:
    """Return the ids and the score of every beam by transformers' `generate`, up to the end."""
    ids_BT = torch.tensor([model.tokenizer.encode(text).ids])
    output = model.module.generate(
        ids_BT, attention_mask=torch.ones_like(ids_BT), max_new_tokens=LENGTH, num_beams=num_beams, do_sample=False,
        num_return_sequences=num_beams, output_scores=True, return_dict_in_generate=True, **settings,
    )  # fmt: skip
    scores = [None] if num_beams == 1 else output.sequences_scores.tolist()
    found = []
    for said, score in zip(output.sequences[:, 1:].tolist(), scores, strict=True):
        end = next((at for at, token in enumerate(said) if token in model.end_ids), len(said) - 1)
        found.append((said[: end + 1], score))
    return found


@pytest.mark.parametrize("penalty", [1.0, 0.0])
@pytest.mark.parametrize("name", ["t5", "bart", "marian"])
def test_every_beam_is_the_one_of_transformers(name: str, penalty: float) -> None:
    model, text = ending(name)
    found = translate(text, model, num_beams=4, length_penalty=penalty, max_new_tokens=LENGTH)
    expected = theirs(model, text, 4, length_penalty=penalty)
    assert [token.id for token in found.tokens] == expected[0][0]
    assert found.translation == found.beams[0].text == model.tokenizer.decode(expected[0][0]).strip()
    assert [beam.score for beam in found.beams] == pytest.approx([score for _, score in expected], rel=1e-4)
    assert [beam.tokens for beam in found.beams] == [len(said) for said, _ in expected]
    assert [beam.ended for beam in found.beams] == [said[-1] in model.end_ids for said, _ in expected]
    best = found.beams[0]
    assert best.logprob == pytest.approx(sum(token.logprob for token in found.tokens))
    assert best.score == pytest.approx(best.logprob / best.tokens**penalty, rel=1e-5)


@pytest.mark.parametrize("name", ["t5", "bart", "marian"])
def test_one_beam_is_greedy(name: str) -> None:
    model, text = ending(name)
    found = translate(text, model, num_beams=1, max_new_tokens=LENGTH)
    assert [token.id for token in found.tokens] == theirs(model, text, 1)[0][0]
    assert len(found.beams) == 1
    assert found.beams[0].score == pytest.approx(np.mean([token.logprob for token in found.tokens]))


@pytest.mark.parametrize("name", ["t5", "bart", "marian"])
def test_the_attention_is_that_of_transformers(name: str) -> None:
    model, text = ending(name)
    found = translate(text, model, max_new_tokens=LENGTH)
    module = copy.deepcopy(model.module)
    module.set_attn_implementation("eager")
    written = [token.id for token in found.tokens]
    start = module.config.decoder_start_token_id
    with torch.no_grad():
        seen = module(
            input_ids=torch.tensor([found.source_ids]), decoder_input_ids=torch.tensor([[start, *written[:-1]]]),
            output_attentions=True,
        ).cross_attentions  # fmt: skip
    exact_LHTS = torch.stack([layer[0] for layer in seen]).numpy()
    assert found.cross_weights.shape == (2, 4, len(written), len(found.source))
    np.testing.assert_allclose(found.cross_weights, exact_LHTS, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.cross_weights.sum(-1), 1, atol=1e-5)
    for layer in range(2):
        np.testing.assert_allclose(found.attention.layer(layer) / 255, exact_LHTS[layer], atol=1 / 509)
    mean_TS = exact_LHTS.mean((0, 1))
    special = [i in model.tokenizer.special_ids for i in found.source_ids]
    for token, row_S in zip(found.tokens, mean_TS, strict=True):
        assert not special[token.source]
        assert token.weight == pytest.approx(max(row_S[[not one for one in special]]), rel=1e-3)
        assert token.weight == pytest.approx(row_S[token.source], rel=1e-3)


def test_a_loaded_model_stays_as_it_is() -> None:
    model, text = ending("t5")
    before = model.config._attn_implementation
    first = translate(text, model, max_new_tokens=LENGTH)
    assert model.config._attn_implementation == before
    assert translate(text, model, max_new_tokens=LENGTH) == first


def test_the_result_goes_to_a_file_and_back(tmp_path: Path) -> None:
    model, text = ending("t5")
    found = translate(text, model, max_new_tokens=LENGTH)
    again = load_result(found.save(tmp_path / "t.json"))
    assert again == found
    assert again.rows() == found.rows()
    with pytest.raises(InputError, match="exact arrays"):
        again.arrays()
    row = found.rows()[0]
    assert (row["token"], row["source_token"]) == (found.tokens[0].token, found.source[found.tokens[0].source])
    with np.load(found.save(tmp_path / "t.npz")) as arrays:
        np.testing.assert_array_equal(arrays["cross_weights"], found.cross_weights)
        assert arrays["source"].tolist() == found.source
    assert len((found.save(tmp_path / "t.csv")).read_text().splitlines()) == len(found.tokens) + 1


def test_a_translation_that_did_not_end_says_so() -> None:
    model, text = ending("t5")
    model.module.generation_config.eos_token_id = 199
    [warning] = translate(text, model, max_new_tokens=3).warnings
    assert "cut off after 3 tokens" in warning


def test_no_text() -> None:
    model, _ = ending("t5")
    for text in ("", " \n\t"):
        with pytest.raises(MissingText, match="there is no text"):
            translate(text, model)


def test_a_text_that_is_too_long() -> None:
    model, text = ending("bart")
    model.module.config.max_position_embeddings = 16
    with pytest.raises(PromptTooLong, match="16") as caught:
        translate(text * 3, model)
    assert "one sentence at a time" in str(caught.value)


def test_a_decoder_does_not_translate(tiny_gpt2: Path) -> None:
    with pytest.raises(WrongKind, match="does not turn one text into another"):
        translate("a", load(tiny_gpt2))


WORDS = KnownWords(
    frozenset(words_of("the a to of open close file you can select table in is")),
    frozenset(words_of("le la un de ouvrir fermer fichier vous sélectionner table en est")),
)
LETTERS = characters(["abcdefghijklmnopqrstuvwxyz "])


def said(text: str, words: KnownWords | None) -> str:
    """Return the warning about a text, empty if there is none."""
    return doubt(familiarity(text, words, LETTERS, LETTERS.encode(text).ids), "x") or ""


@pytest.mark.parametrize(
    ("text", "known", "written", "foreign"),
    [
        ("Open the file.", 3, 0, False),
        ("You can select a wombat in the table.", 7, 1, False),
        ("Ouvrir le fichier.", 0, 3, True),
        ("Der schnelle Fuchs", 0, 0, True),
        ("Sélectionner la table", 1, 3, True),
        ("选择要格式化的单元格。", 0, 0, True),
        ("ACGTACGTGGTTAACC", 0, 0, True),
        ("CC(=O)OC1=CC=CC=C1C(=O)O", 0, 0, True),
        ("The wombat", 1, 0, False),
    ],
)
def test_words_tell_the_language(text: str, known: int, written: int, foreign: bool) -> None:
    found = familiarity(text, WORDS, LETTERS, [])
    assert found is not None
    assert (found.known, found.written, found.foreign) == (known, written, foreign)
    assert ("may be in" in (doubt(found, "tiny") or "")) == foreign
    assert (doubt(found, "tiny") is None) == (found.unknown == [])
    assert all(word not in WORDS.source for word in found.unknown)


def test_numbers_tell_no_language() -> None:
    assert familiarity("12 + 30 = 42", WORDS, LETTERS, []) is None
    assert doubt(None, "tiny") is None


def test_a_warning_names_words_or_the_other_language() -> None:
    assert "'der', 'schnelle', 'fuchs', …: " in (
        doubt(familiarity("Der schnelle Fuchs da", WORDS, LETTERS, []), "x") or ""
    )
    assert "3 of the text's 3 words are of the language that x writes" in (
        doubt(familiarity("Ouvrir le fichier", WORDS, LETTERS, []), "x") or ""
    )


def test_without_words_unknown_tokens_tell() -> None:
    for text, foreign in (("open", False), ("选择格式", True), ("ab选择", False)):
        found = familiarity(text, None, LETTERS, LETTERS.encode(text).ids)
        assert found is not None
        assert found.unit == "token"
        assert found.foreign == foreign
    assert "does not know 4 of the text's 4 tokens" in said("选择格式", None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny T5, which learned a few words."""
    path = tmp_path_factory.mktemp("translator") / "t5"
    cutaway.save(ending("t5")[0], path)
    KnownWords(frozenset({"ćĉ"}), frozenset()).save(path)
    return path


def test_the_command_translates_lines(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["ćĉ", "ćĉ ćĉ"]
    code, out, _ = run(capsys, "translate", "\n\n".join(lines), "-m", str(folder), "--json", "--max-new-tokens", "5")
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [record["text"] for record in records] == lines
    assert [record["translation"] for record in records] == [
        translate(line, str(folder), max_new_tokens=5).translation for line in lines
    ]
    (tmp_path / "lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    again = run(
        capsys, "translate", "-f", str(tmp_path / "lines.txt"), "-m", str(folder), "--json", "--max-new-tokens", "5"
    )
    assert again[1] == out


def test_the_command_warns(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "translate", "ąĆ", "-m", str(folder), "--max-new-tokens", "5")
    assert code == 0
    assert "met 0 of the text's 1 word" in " ".join(err.split())
