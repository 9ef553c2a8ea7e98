"""Distances to the nearest periodic image in boxes of any shape, against all images; and angles that are none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cutaway.sequences import dihedrals, distances

SHIFTS = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3), axis=-1).reshape(-1, 3)


def box(lengths, angles):
    """Return the vectors of a box, by its lengths and angles in degrees."""
    alpha, beta, gamma = np.cos(np.radians(angles))
    across = (alpha - beta * gamma) / math.sqrt(1 - gamma**2)
    up = math.sqrt(max(0, 1 - beta**2 - across**2))
    return np.array([[1, 0, 0], [gamma, math.sqrt(1 - gamma**2), 0], [beta, across, up]]) * np.array(lengths)[:, None]


def test_in_any_box_the_nearest_image_is_found() -> None:
    chance = np.random.default_rng(0)
    boxes = [box([1.48, 2.71, 3.49], [73, 119, 52])]
    while len(boxes) < 150:
        made = box(chance.uniform(1, 3, 3), chance.uniform(35, 145, 3))
        if np.linalg.det(made) > 0.1 * np.linalg.norm(made, axis=1).prod():
            boxes.append(made)
    ways = np.array([chance.uniform(-0.5, 0.5, (20, 3)) @ one for one in boxes])
    frames = np.concatenate([np.zeros((len(ways), 1, 3)), ways], axis=1)
    found = distances(frames, [(0, i) for i in range(1, 21)], boxes)
    images = np.linalg.norm(ways[:, :, None] + (SHIFTS @ np.array(boxes))[:, None], axis=-1)
    assert np.abs(SHIFTS[images.argmin(axis=2)]).max() < 5  # so many images are enough
    assert found == pytest.approx(images.min(axis=2), rel=1e-9)


def test_whichever_vectors_span_a_lattice_its_distances_are_the_same() -> None:
    chance = np.random.default_rng(1)
    boxes = np.array([box([2, 3, 4], [60, 80, 100])] * 200)
    others = boxes.copy()
    for one in others:
        for _ in range(5):
            i, j = chance.choice(3, 2, replace=False)
            one[i] += chance.integers(-4, 5) * one[j]
    frames = chance.normal(size=(200, 8, 3)) * 4
    pairs = [(0, i) for i in range(1, 8)]
    assert np.linalg.norm(others, axis=2).max() > 100
    assert distances(frames, pairs, others) == pytest.approx(distances(frames, pairs, boxes), rel=1e-6)


def test_a_box_without_volume_is_ignored() -> None:
    flat = np.float32([[0.1, 0.2, 0.3], [0.2, 0.4, 0.6000001], [0.3, 0.1, 0.7]])
    ends = [[[0, 0, 0], [5, 5, 5]]]
    assert np.linalg.det(flat.astype(float))
    assert distances(ends, [[0, 1]], [flat])[0, 0] == pytest.approx(math.sqrt(75))


LINE = np.array([[0.1, 0, 0.7], [0.2, 0.1, 0.6], [0.3, 0.2, 0.5], [1, 0, 0]])


@pytest.mark.parametrize("unit", [1, 0.7, 1e-9])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_atoms_on_a_line_have_no_angle_despite_rounding(kind: type, unit: float) -> None:
    frame = (LINE * unit).astype(kind)
    assert np.cross(frame[1] - frame[0], frame[2] - frame[1]).any()  # they are not quite on it
    assert np.isnan(dihedrals([frame, frame[::-1]], [[0, 1, 2, 3]])).all()


def test_atoms_nearly_on_a_line_have_an_angle() -> None:
    for bend in (1e-5, 1e-3):
        frame = [[math.cos(bend), 0, -math.sin(bend)], [0, 0, 0], [-1, 0, 0], [-1, 1, 0]]
        assert abs(dihedrals([frame], [[0, 1, 2, 3]])[0, 0]) == pytest.approx(math.pi / 2)
    assert np.isnan(dihedrals([[[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0]]], [[0, 1, 2, 3]])).all()
