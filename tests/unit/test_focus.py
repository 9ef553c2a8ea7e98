"""Where a picture of attention opens: the head that links two words."""

from __future__ import annotations

import numpy as np
import pytest

from cutaway.errors import InputError
from cutaway.inside.opening_view import find_focus

PIECES = ["The", " an", "imal", " ran", " because", " it", " was", "."]
WORDS = [0, 1, 1, 2, 3, 4, 5, 6]


def maps(*links: tuple[int, int, int, int, float]) -> list[tuple[int, list[int], np.ndarray]]:
    """Return two layers (3 and 7) of two heads (0 and 4) that look at the first token but for the links."""
    found = []
    for layer in (3, 7):
        weights = np.zeros((2, 8, 8))
        weights[:, :, 0] = 1
        for at, head, query, key, weight in links:
            if at == layer:
                weights[head, query, key] = weight
                weights[head, query, 0] = 0.9 - weight
        found.append((layer, [0, 4], np.rint(weights * 255).astype(np.uint8)))
    return found


def test_the_head_that_links_two_words_is_found_by_the_last_token_of_each() -> None:
    found = find_focus(
        maps((3, 0, 5, 2, 0.4), (7, 1, 5, 2, 0.7)), (PIECES, PIECES), (WORDS, WORDS), set(), ("it", "Animal")
    )
    assert found is not None
    assert (found.layer, found.head, found.query, found.key) == (7, 4, 5, 2)
    assert found.weight == pytest.approx(0.7, abs=1 / 510) and found.first == pytest.approx(0.2, abs=1 / 510)


def test_the_weight_on_the_first_token_is_subtracted() -> None:
    pair = maps((3, 0, 5, 2, 0.45), (7, 1, 5, 2, 0.4))
    pair[0][2][0, 5, 0] = 140  # 0.55 of it rests on the first token
    pair[1][2][1, 5, 0] = 10
    found = find_focus(pair, (PIECES, PIECES), (WORDS, WORDS), set(), ("it", "animal"))
    assert found is not None and (found.layer, found.head) == (7, 4)


def test_without_words_the_link_avoids_the_first_token_neighbours_and_punctuation() -> None:
    links = maps((3, 0, 5, 4, 0.9), (3, 1, 7, 2, 0.85), (7, 0, 5, 2, 0.6), (7, 1, 6, 3, 0.88))
    found = find_focus(links, (PIECES, PIECES), (WORDS, WORDS), {6}, None)
    assert found is not None and (found.layer, found.head, found.query, found.key) == (7, 0, 5, 2)


def test_a_text_without_pairs_has_no_focus() -> None:
    one = [(0, [0], np.full((1, 1, 1), 255, np.uint8))]
    assert find_focus(one, (["Hi"], ["Hi"]), ([0], [0]), set()) is None


def test_an_error_for_a_missing_word_lists_the_words_of_the_text() -> None:
    with pytest.raises(InputError, match="the word 'dog' is not in the text") as problem:
        find_focus(maps(), (PIECES, PIECES), (WORDS, WORDS), set(), ("it", "dog"))
    assert "animal" in str(problem.value.hint)
