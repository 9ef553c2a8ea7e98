"""The phrase lookup against a published run of IBM model 1, and against texts whose translation is known."""

from __future__ import annotations

import itertools

import pytest

from cutaway.evaluation.phrase_lookup import PhraseTable, word_table

pytestmark = pytest.mark.unit

# das Haus – the house; das Buch – the book; ein Buch – a book:
# Koehn, Statistical Machine Translation (2010), figure 4.4.
KOEHN = [([0, 1], [0, 1]), ([0, 2], [0, 2]), ([3, 2], [3, 2])]


@pytest.mark.parametrize(("rounds", "the", "book"), [(1, 0.5, 0.25), (2, 0.6364, 0.1818), (3, 0.7479, 0.1208)])
def test_the_published_run_of_ibm_model_1(rounds: int, the: float, book: float) -> None:
    found = word_table(KOEHN, rounds)
    assert found[0, 0] == pytest.approx(the, abs=5e-5)
    assert found[0, 2] == pytest.approx(book, abs=5e-5)
    for source in range(4):
        assert sum(chance for (own, _), chance in found.items() if own == source) == pytest.approx(1)


NOUNS = {"file": "fichier", "door": "portail", "cell": "cadre", "table": "tableau", "menu": "menu"}
ADJECTIVES = {"red": "rouge", "new": "nouveau", "open": "ouvert", "large": "grand"}
VERBS = {"moves": "bouge", "sleeps": "dort", "prints": "imprime"}


def pair(adjective: str, noun: str, verb: str) -> tuple[str, str]:
    """Return a sentence and its translation, in which adjective and noun change places."""
    return f"The {adjective} {noun} {verb}.", f"Le {NOUNS[noun]} {ADJECTIVES[adjective]} {VERBS[verb]}."


EVERY = [pair(*words) for words in itertools.product(ADJECTIVES, NOUNS, VERBS)]


def test_known_phrases_are_looked_up_and_words_change_places_inside_of_them() -> None:
    table = PhraseTable(EVERY[::2])  # each adjective was seen with each noun, not with each verb
    assert table.phrases["red", "file"] == "fichier rouge"
    assert [table.translate(source) for source, _ in EVERY] == [target for _, target in EVERY]


def test_unknown_words_are_copied() -> None:
    table = PhraseTable(EVERY)
    assert table.translate("The red wombat moves, 7 cells!") == "Le rouge wombat bouge, 7 cells!"
    assert table.translate("") == ""
    assert PhraseTable([]).translate("As it  is.") == "As it  is."


def test_the_most_frequent_target_wins() -> None:
    pairs = [("cell", "cellule")] * 3 + [("cell", "case")] * 2
    assert PhraseTable(pairs).translate("Cell") == "Cellule"
