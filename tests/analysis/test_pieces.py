"""Rows and columns of words come to what a plain loop over their pieces gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.comparing.pieces import Pieces, taken

sizes = st.lists(st.integers(1, 4), min_size=1, max_size=8)


@given(sizes, st.data())
def test_pieces_of_some_words_are_added_as_far_as_there_are_any(
    sizes: list[int], data: st.DataObject
) -> None:
    bounds = np.cumsum([0, *sizes])
    words = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=len(sizes), max_size=len(sizes))))
    behind = data.draw(st.integers(0, int(bounds[-1])))
    numbers = np.random.default_rng(0).random((3, behind))
    before = numbers.copy()
    pieces = Pieces.of(bounds, words)
    begun = [word for word in words if bounds[word] < behind]
    expected = [numbers[:, bounds[word] : bounds[word + 1]].sum(axis=1) for word in begun]
    found = pieces.joined(numbers, axis=1)
    assert found.shape == (3, len(begun))
    for column, each in enumerate(expected):
        assert found[:, column] == pytest.approx(each)
    assert np.array_equal(pieces.joined(numbers.T, axis=0), found.T)
    assert np.array_equal(pieces.joined(numbers > 0.5, axis=1), [
        [(row[bounds[word] : bounds[word + 1]] > 0.5).any() for word in begun] for row in numbers
    ] if begun else np.empty((3, 0)))  # fmt: skip
    assert np.array_equal(numbers, before)
    assert pieces.every.tolist() == [at for word in words for at in range(bounds[word], bounds[word + 1])]


def test_places_may_be_counted_from_another_one() -> None:
    pieces = Pieces.of(np.array([0, 2, 3, 5]), np.array([1, 2]), offset=2)
    assert pieces.joined(np.array([[1.0, 2.0, 4.0]]), axis=1).tolist() == [[1.0, 6.0]]


def test_what_stands_side_by_side_is_not_copied() -> None:
    numbers = np.arange(12.0).reshape(3, 4)
    assert np.shares_memory(taken(numbers, np.array([1, 2]), 1), numbers)
    assert taken(numbers, np.array([0, 2]), 0).tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert taken(numbers, np.array([], dtype=np.intp), 1).shape == (3, 0)
