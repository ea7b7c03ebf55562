"""Heads as points of a plane, and in a row: where distances come from, and what is left of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.comparing.grouping import group, order
from attnviz.analysis.comparing.headmap import head_map, scaling
from attnviz.analysis.comparing.heads import ALIKE, compare
from attnviz.record import from_arrays
from tests.analysis.weights import random_weights, seeds


def distances(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


@given(st.integers(1, 12), seeds)
def test_points_of_the_plane_come_back(count: int, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(count, 2)) * [3, 1]
    found, kept = scaling(distances(points))
    assert distances(found) == pytest.approx(distances(points), abs=1e-5)
    assert kept == pytest.approx(1)
    assert found.mean(axis=0) == pytest.approx([0, 0], abs=1e-6)
    assert np.ptp(found[:, 0]) >= 0


@given(seeds)
def test_what_two_dimensions_lose_is_said(seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(9, 4))
    found, kept = scaling(distances(points))
    centred = points - points.mean(axis=0)
    spreads = np.sort(np.linalg.svd(centred, compute_uv=False) ** 2)[::-1]
    assert kept == pytest.approx(spreads[:2].sum() / spreads.sum())
    assert (found**2).sum(axis=0) == pytest.approx(spreads[:2])


@given(seeds)
def test_a_mirrored_map_is_the_same_map(seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(7, 2)) * [5, 1]
    mirrored, _ = scaling(distances(points * [-1, 1]))
    assert scaling(distances(points))[0] == pytest.approx(mirrored, abs=1e-6)
    largest = np.abs(mirrored).argmax(axis=0)
    assert (mirrored[largest, [0, 1]] > 0).all()


def test_a_square_is_a_square() -> None:
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
    found, kept = scaling(distances(corners))
    assert distances(found) == pytest.approx(distances(corners))
    assert kept == pytest.approx(1)


def test_points_that_are_one_stand_on_one_place() -> None:
    found, kept = scaling(np.zeros((3, 3)))
    assert found.tolist() == [[0.0, 0.0]] * 3
    assert kept == 1.0


@given(seeds, st.sampled_from([1.0, 0.7]))
def test_roots_of_mean_divergences_are_distances_of_points(seed: int, mass: float) -> None:
    """What `head_map` rests on: no eigenvalue is negative, with a learned sink or without."""
    found = compare(from_arrays(random_weights(seed, 8, 5, 5) * mass, list("abcde"), sinks=mass < 1))
    away = np.eye(8) - 1 / 8
    values = np.linalg.eigvalsh(-away @ found.divergences @ away / 2)
    assert values.min() > -1e-6
    places, kept = scaling(np.sqrt(found.divergences), dimensions=8)
    assert kept == pytest.approx(1)
    assert distances(places) ** 2 == pytest.approx(found.divergences, abs=1e-5)


@given(seeds)
def test_the_map_of_heads_is_no_wider_than_their_divergences(seed: int) -> None:
    found = compare(from_arrays(random_weights(seed, 6, 5, 5), list("abcde")))
    placed = head_map(found)
    assert (distances(placed.places) ** 2 <= found.divergences + 1e-6).all()
    assert 0 < placed.kept <= 1
    assert (placed.heads, placed.groups) == (found.heads, found.groups)


def test_heads_that_read_alike_stand_on_one_place() -> None:
    weights = np.stack([np.eye(3), np.eye(3)[[1, 2, 0]], np.eye(3)])
    placed = head_map(compare(from_arrays(weights, list("abc"))))
    assert placed.places[0] == pytest.approx(placed.places[2])
    assert np.linalg.norm(placed.places[0] - placed.places[1]) == pytest.approx(1)


@given(st.integers(1, 12), seeds, st.floats(0.05, 1.0))
def test_groups_are_runs_of_the_order(count: int, seed: int, below: float) -> None:
    apart = np.random.default_rng(seed).random((count, count))
    apart = (apart + apart.T) / 2
    np.fill_diagonal(apart, 0)
    found = order(apart)
    assert sorted(found) == list(range(count))
    for members in group(apart, below):
        places = sorted(found.index(member) for member in members)
        assert places == list(range(places[0], places[0] + len(members)))


def test_points_of_a_line_stand_in_their_order() -> None:
    line = np.array([[0.0], [9.0], [1.0], [8.0], [3.0]])
    found = [float(line[row, 0]) for row in order(distances(line))]
    assert found in ([0, 1, 3, 8, 9], [9, 8, 3, 1, 0])


@given(seeds)
def test_a_clustered_comparison_says_the_same_of_the_same_heads(seed: int) -> None:
    found = compare(from_arrays(random_weights(seed, 2, 3, 4, 4), list("abcd")))
    turned = found.clustered
    assert set(turned.heads) == set(found.heads)
    assert set(turned.pairs) <= set(found.pairs) | {
        type(pair)(pair.second, pair.first, pair.divergence, pair.spread) for pair in found.pairs
    }
    for row, same in zip(turned.rows, found.rows, strict=True):
        assert dict(zip(turned.heads, row.choices, strict=True)) == dict(
            zip(found.heads, same.choices, strict=True)
        )
    groups = {frozenset(turned.heads[row] for row in members) for members in group(turned.divergences, ALIKE)}
    assert groups == set(map(frozenset, found.groups))
