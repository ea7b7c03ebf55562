"""Heads held against each other, and which go together."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import attnviz
from attnviz.analysis.comparing.grouping import group
from attnviz.analysis.comparing.heads import ALIKE, Comparing, compare
from attnviz.analysis.measures.divergence import divergence
from attnviz.errors import OutOfRange, RequestError
from attnviz.frame import blocks_of, frame_of
from attnviz.observe import RowBlock
from attnviz.record import Attention, Token, from_arrays
from tests.analysis.records import records
from tests.analysis.weights import random_weights, seeds

WORDS = ["the", "lazy", "dog"]


def test_rows_say_what_each_head_reads_and_whether_they_agree() -> None:
    first = [[0.1, 0.0, 0.9], [0.0, 0.2, 0.8], [0.0, 0.0, 1.0]]
    second = [[0.1, 0.0, 0.9], [0.7, 0.2, 0.1], [0.0, 0.0, 1.0]]
    rows = compare(from_arrays([first, second], WORDS)).rows
    assert [row.agrees for row in rows] == [True, False, True]
    assert [choice.token for choice in rows[1].choices] == ["dog", "the"]
    assert rows[0].divergence == rows[2].divergence == pytest.approx(0)
    assert rows[1].divergence > 0.3


@given(seeds)
def test_divergences_are_the_mean_over_rows_of_each_pair(seed: int) -> None:
    record = from_arrays(random_weights(seed, 2, 3, 4, 4), ["a", "b", "c", "d"])
    found = compare(record)
    for (i, first), (j, second) in itertools.product(enumerate(found.heads), repeat=2):
        naive = np.mean(divergence(record.head(first).astype(float), record.head(second).astype(float)))
        assert found.divergences[i, j] == pytest.approx(naive, abs=1e-9)
        spread = np.std(divergence(record.head(first).astype(float), record.head(second).astype(float)))
        assert found.spreads[i, j] == pytest.approx(spread, abs=1e-9)
    assert found.divergences == pytest.approx(found.divergences.T)


@given(seeds)
def test_pairs_are_all_there_and_ranked(seed: int) -> None:
    found = compare(from_arrays(random_weights(seed, 5, 4, 4), ["a", "b", "c", "d"]))
    ranked = [pair.divergence for pair in found.pairs]
    assert len(ranked) == 10
    assert ranked == sorted(ranked)
    assert {head for g in found.groups for head in g} == set(found.heads)


def test_special_queries_are_not_counted() -> None:
    tokens = (Token("[CLS]", kind="special"), Token("a"), Token("b"))
    weights = np.stack([np.eye(3), np.eye(3)])
    weights[1, 0] = [0, 0, 1]
    record = Attention(
        queries=tokens, keys=tokens, weights=weights[None], layers=(0,), heads=(0, 1), model="m"
    )
    found = compare(record)
    assert found.divergences[0, 1] == pytest.approx(0)
    assert [row.position for row in found.rows] == [1, 2]


def test_one_head_cannot_be_compared() -> None:
    record = from_arrays(np.eye(3), WORDS)
    with pytest.raises(RequestError, match="got one head, L0H0"):
        compare(record)
    with pytest.raises(RequestError, match="one head"):
        compare(record, "L0H0", "L0H0")
    with pytest.raises(OutOfRange):
        attnviz.compare(record, "L0H0", "L0H1")


def test_heads_that_read_alike_are_a_group() -> None:
    previous, following = np.eye(4)[[0, 0, 1, 2]], np.eye(4)[[1, 2, 3, 3]]
    record = from_arrays([previous, following, 0.95 * previous + 0.05 * following], ["a", "b", "c", "d"])
    assert [[str(head) for head in g] for g in compare(record).groups] == [["L0H0", "L0H2"], ["L0H1"]]


@given(st.integers(1, 9), seeds)
def test_groups_are_those_of_naive_average_linkage(size: int, seed: int) -> None:
    apart = np.random.default_rng(seed).random((size, size))
    apart = (apart + apart.T) / 2
    np.fill_diagonal(apart, 0)
    groups: list[tuple[int, ...]] = [(k,) for k in range(size)]
    while len(groups) > 1:
        between = {(a, b): apart[np.ix_(a, b)].mean() for a, b in itertools.combinations(groups, 2)}
        nearest = min(between, key=between.__getitem__)
        if between[nearest] >= 0.45:
            break
        groups = [g for g in groups if g not in nearest] + [tuple(sorted(nearest[0] + nearest[1]))]
    assert set(group(apart, 0.45)) == set(groups)


@given(seeds)
def test_groups_stay_apart_by_the_bound(seed: int) -> None:
    found = compare(from_arrays(random_weights(seed, 6, 5, 5), list("abcde")))
    place = {head: k for k, head in enumerate(found.heads)}
    for a, b in itertools.combinations(found.groups, 2):
        rows, columns = [place[head] for head in a], [place[head] for head in b]
        assert found.divergences[np.ix_(rows, columns)].mean() >= ALIKE - 1e-12


@given(records(), st.integers(1, 9), st.integers(1, 2), st.booleans())
def test_blocks_of_any_size_are_compared_as_the_whole_is(
    record: Attention, rows: int, heads: int, on_torch: bool
) -> None:
    comparing = Comparing(frame_of(record), record.head_ids)
    for block in blocks_of(record, rows=rows, heads=heads, side_by_side=True):
        weights = np.array(block.weights)
        comparing.update(replace(block, weights=torch.from_numpy(weights) if on_torch else weights))
    streamed, whole = comparing.result(), compare(record)
    np.testing.assert_allclose(streamed.divergences, whole.divergences, atol=1e-12)
    np.testing.assert_allclose(streamed.spreads, whole.spreads, atol=1e-7)
    np.testing.assert_array_equal(streamed.favourites, whole.favourites)
    np.testing.assert_allclose(streamed.apart, whole.apart, atol=1e-12)
    assert (streamed.groups, streamed.queries) == (whole.groups, whole.queries)


def test_layers_whose_blocks_hold_other_keys_are_compared_over_all_of_them() -> None:
    weights = random_weights(5, 2, 1, 6, 6, causal=True)
    weights[1] *= np.tri(6) - np.tri(6, k=-2)
    record = from_arrays(weights, list("abcdef"), causal=True)
    comparing = Comparing(frame_of(record), record.head_ids)
    for start in range(0, 6, 2):
        for layer, first in ((0, 0), (1, max(0, start - 1))):
            some = weights[layer, :, start : start + 2, first : start + 2]
            comparing.update(RowBlock(layer, start, some, first_key=first))
    np.testing.assert_allclose(comparing.result().divergences, compare(record).divergences, atol=1e-12)
    np.testing.assert_array_equal(comparing.result().favourites, compare(record).favourites)


def test_rows_of_a_long_text_are_given_one_by_one() -> None:
    found = compare(from_arrays(random_weights(1, 2, 50, 50), [f"w{place}" for place in range(50)]))
    assert found.some_rows([7, 3]) == (found.rows[7], found.rows[3])
    assert found.agreeing == sum(row.agrees for row in found.rows)
