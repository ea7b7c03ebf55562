"""Pictures measured in patches: what a query reads, how far, and which neighbours."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.focus import focus
from attnviz.analysis.patches import (
    find_query,
    gaze,
    grid_shape,
    has_patches,
    is_picture,
    patch_distance,
    patch_distances,
)
from attnviz.analysis.patterns.find import NO_PATTERN, find_pattern, score_patterns
from attnviz.analysis.readers import self_links
from attnviz.errors import OutOfRange, RequestError
from attnviz.record import Attention, Token
from attnviz.selection import HeadId

HEAD = HeadId(0, 0)
CLS = Token("[CLS]", kind="special")


def patch(row, column):
    return Token(f"r{row}c{column}", kind="patch", place=(row, column))


def patches(rows, columns):
    return tuple(patch(row, column) for row in range(rows) for column in range(columns))


def picture(weights, queries, keys=None, **more):
    array = np.asarray(weights, dtype=np.float32)[None, None]
    return Attention(tuple(queries), tuple(keys or queries), array, (0,), (0,), "vit", **more)


def looking(rows, columns, down, right):
    """Every patch looks at the one so far below and to the right of it, at itself where there is none."""
    weights = np.zeros((rows, columns, rows, columns))
    for row in range(rows):
        for column in range(columns):
            target = row + down, column + right
            inside = 0 <= target[0] < rows and 0 <= target[1] < columns
            weights[(row, column, *(target if inside else (row, column)))] = 1
    return picture(weights.reshape(rows * columns, -1), patches(rows, columns))


def spread(rows, columns, special=()):
    tokens = (*special, *patches(rows, columns))
    return picture(np.full((len(tokens),) * 2, 1 / len(tokens)), tokens)


def test_a_query_reads_patches_where_they_stand():
    tokens = (CLS, *patches(2, 2))
    weights = np.zeros((5, 5))
    weights[0] = [0.1, 0.2, 0.3, 0.0, 0.4]
    weights[1:, 0] = 1
    found = gaze(picture(weights, tokens), HEAD)
    assert (found.name, found.position, found.place) == ("[CLS]", 0, None)
    np.testing.assert_allclose(found.weights, [[0.2, 0.3], [0.0, 0.4]], atol=1e-7)
    assert found.aside == pytest.approx(0.1)
    own = gaze(picture(weights, tokens), HEAD, "1,1")
    assert (own.name, own.place, own.aside) == ("row 1 column 1", (1, 1), 1.0)


def test_without_a_class_token_the_mean_of_the_patches_is_told():
    found = gaze(looking(2, 3, 0, 1), HEAD)
    assert found.name == "the mean of 6 queries"
    np.testing.assert_allclose(found.weights * 6, [[0, 1, 2], [0, 1, 2]], atol=1e-6)


def test_beside_a_picture_the_words_that_see_it_are_asked():
    tokens = (Token("Look", word=0), *patches(1, 2), Token("up", word=1), Token("there", kind="generated"))
    weights = np.tril(np.ones((5, 5))) / np.arange(1, 6)[:, None]
    record = picture(weights, tokens, causal=True)
    found = gaze(record, HEAD)
    assert found.name == "the mean of 2 queries"
    np.testing.assert_allclose(found.weights, [[(1 / 4 + 1 / 5) / 2] * 2], atol=1e-6)


def test_what_a_query_could_not_see_is_no_weight():
    record = picture(np.tril(np.ones((4, 4))) / np.arange(1, 5)[:, None], patches(2, 2), causal=True)
    assert np.isnan(gaze(record, HEAD, 1).weights).tolist() == [[False, False], [True, True]]


@pytest.mark.parametrize("query", [5, -2, (1, 1), "1,1", "r1c1", "row 1 column 1", "Row 1, col 1", " 1 1 "])
def test_a_query_is_found_by_any_of_its_names(query):
    assert find_query(spread(2, 3, special=(CLS,)), query) == 5


@pytest.mark.parametrize("query", [7, -8, (2, 0), "0,3", "nothing", ""])
def test_a_query_that_is_not_there_is_refused(query):
    with pytest.raises(RequestError, match="no such query"):
        find_query(spread(2, 3, special=(CLS,)), query)


def test_a_text_has_no_patches():
    record = picture([[1.0]], [Token("fox", word=0)])
    assert not has_patches(record)
    with pytest.raises(RequestError, match="no patches"):
        gaze(record, HEAD)
    with pytest.raises(OutOfRange):
        gaze(spread(2, 2), HeadId(3, 0))


def test_a_picture_is_patches_and_what_was_added_to_them():
    assert is_picture(spread(2, 2))
    assert is_picture(spread(2, 2, special=(CLS,)))
    assert not is_picture(picture(np.full((5, 5), 0.2), (*patches(2, 2), Token("fox", word=0))))


def test_the_grid_is_whole_even_if_the_last_patches_are_missing():
    seen = np.zeros((32, 32, 3), dtype=np.uint8)
    some = (patch(0, 1), patch(2, 2))
    assert grid_shape(some) == (3, 3)
    assert grid_shape((patch(0, 1), patch(3, 2)), seen) == (4, 4)
    assert grid_shape(patches(4, 4), np.zeros((160, 32, 3), dtype=np.uint8)) == (20, 4)


# Distance (Dosovitskiy et al. 2021)


@pytest.mark.parametrize(("down", "right", "far"), [(0, 1, 1.0), (2, 0, 2.0), (3, 4, 5.0)])
def test_a_step_is_as_far_as_it_is_long(down, right, far):
    record = looking(8, 8, down, right)
    told = patch_distance(record.head(HEAD), patch_distances(record)).reshape(8, 8)
    assert told[0, 0] == pytest.approx(far)
    assert told[7, 7] == 0


def test_what_goes_to_added_tokens_has_no_distance():
    tokens = (CLS, patch(0, 0), patch(0, 1))
    record = picture([[1, 0, 0], [0.5, 0.25, 0.25], [1, 0, 0]], tokens)
    assert patch_distance(record.head(HEAD), patch_distances(record)).tolist() == [0.0, 0.5, 0.0]


def test_larger_patches_are_measured_in_smaller_ones():
    record = picture(np.full((16, 4), 0.25), patches(4, 4), patches(2, 2))
    assert patch_distances(record)[0].tolist() == pytest.approx(
        [np.hypot(0.5, 0.5), np.hypot(0.5, 2.5), np.hypot(2.5, 0.5), np.hypot(2.5, 2.5)]
    )


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_distance_is_what_a_naive_loop_finds(rows, columns, seed):
    weights = (
        np.random.default_rng(seed).dirichlet(np.ones(rows * columns), rows * columns).astype(np.float32)
    )
    record = picture(weights, patches(rows, columns))
    told = patch_distance(record.head(HEAD), patch_distances(record))
    for i, query in enumerate(record.queries):
        expected = sum(
            float(weights[i, j]) * np.hypot(query.place[0] - key.place[0], query.place[1] - key.place[1])
            for j, key in enumerate(record.keys)
        ) / float(weights[i].sum())
        assert told[i] == pytest.approx(expected, abs=1e-5)


def test_an_even_spread_is_as_far_as_the_patches_are_apart_on_average():
    record = spread(6, 7, special=(CLS,))
    apart = patch_distances(record)[1:, 1:]
    assert focus(record).heads[0].distance.mean == pytest.approx(apart.mean(), abs=1e-5)


# Patterns


@pytest.mark.parametrize(
    ("step", "label"),
    [((0, -1), "left"), ((0, 1), "right"), ((-1, 0), "above"), ((1, 0), "below"), ((1, 1), "neighbours")],
)
def test_a_head_that_looks_one_way_is_called_by_it(step, label):
    assert find_pattern(looking(6, 6, *step), HEAD).label == label


@pytest.mark.parametrize(("step", "label"), [((0, 3), "same row"), ((3, 0), "same column")])
def test_a_head_that_stays_on_a_line_is_called_by_it(step, label):
    assert find_pattern(looking(7, 7, *step), HEAD).label == label


def test_the_next_token_in_another_row_is_no_neighbour():
    """The last patch of a row stands right before the first of the next one, and far from it."""
    weights = np.zeros((16, 16))
    ends = [3, 7, 11]
    weights[np.arange(16), np.arange(16)] = 1
    weights[ends, ends] = 0
    weights[ends, [end + 1 for end in ends]] = 1
    found = find_pattern(picture(weights, patches(4, 4)), HEAD)
    assert found.label == NO_PATTERN
    assert score_patterns(picture(weights, patches(4, 4)), HEAD)["neighbours"].score == 0.0


def test_a_patch_meets_itself_wherever_it_stands():
    record = picture(np.full((5, 5), 0.2), (CLS, *patches(2, 2)))
    dropped = replace(record, keys=record.keys[1:], weights=record.weights[..., 1:])
    assert np.argwhere(self_links(dropped)).tolist() == [[1, 0], [2, 1], [3, 2], [4, 3]]
    coarser = picture(np.full((16, 4), 0.25), patches(4, 4), patches(2, 2))
    assert not self_links(coarser).any()
    assert focus(coarser).together.coverable == 4


def test_focus_tells_where_patches_are():
    found = focus(looking(4, 4, 0, 1))
    assert found.heads[0].links[0].source_place == (0, 0)
    assert found.heads[0].links[0].target_place == (0, 1)
    assert all(word.place is not None for word in found.together.words)
