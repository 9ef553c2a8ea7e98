"""The translator in the package: it answers in French, and says when it is given another language than English."""

from __future__ import annotations

import pytest

from cutaway.models.shelf import DEFAULT_TRANSLATOR
from cutaway.models.shipped_models import shipped
from cutaway.prediction import translate

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(shipped(DEFAULT_TRANSLATOR) is None, reason="the model does not lie in the package"),
]

FOREIGN = {
    "French": "Sélectionnez les cellules que vous souhaitez formater.",
    "German": "Wählen Sie die Zellen aus, die Sie formatieren möchten.",
    "Spanish": "Seleccione las celdas que desea formatear.",
    "Chinese": "选择要格式化的单元格。",
    "DNA": "ATGAAACGCATTAGCACCACCATTACCACCACCATCACC",
    "SMILES": "CC(=O)OC1=CC=CC=C1C(=O)O",
}
ENGLISH = [
    "Select the cells that you want to format.",
    "Click OK to close the dialog.",
    "Opens a dialog where you can select the file that you want to insert.",
    "Where is the file?",
]


@pytest.mark.parametrize("language", FOREIGN)
def test_another_language_is_told(language: str) -> None:
    [warning, *_] = translate(FOREIGN[language], num_beams=1).warnings
    assert "the text may be in" in warning


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_translated_without_a_warning(text: str) -> None:
    found = translate(text)
    assert found.warnings == []
    assert found.translation.lower() != text.lower()
    assert {"le", "la", "les", "un", "une", "de", "des", "du", "sur", "pour", "où"} & set(
        found.translation.lower().replace("'", " ").split()
    )


def test_words_that_it_never_met_are_told() -> None:
    [warning] = translate("My grandmother sings in the garden.").warnings
    assert "never met 'grandmother', 'sings', 'garden'" in warning and warning.endswith("it guesses")


def test_the_columns_of_the_attention_follow_the_words() -> None:
    found = translate("Click OK to close the dialog.")
    looked = {found.source[token.source].strip().lower() for token in found.tokens if token.token.strip() == "OK"}
    assert looked <= {"ok", "click", "to"}
