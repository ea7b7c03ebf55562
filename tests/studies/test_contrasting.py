"""Readings held against each other in step: the same as their whole records held against each other."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import attnviz
from attnviz.analysis.comparing.contrast import Contrast, contrast
from attnviz.errors import OutOfRange, RequestError
from attnviz.prompt import Prompt
from attnviz.record import Attention, Token, from_arrays
from attnviz.render.contrasts import pool_differences
from attnviz.selection import HeadId
from attnviz.sources.saved import SavedReading
from attnviz.studies import contrasting
from attnviz.studies.contrasting import Part, contrast_of
from tests.analysis.records import records
from tests.analysis.weights import random_weights, seeds

CAT = "The cat, which was old and didn't move, sat on the mat."
DOG = "The dog, which was very old, sat down on the mat of the house."


def in_pieces(patch: pytest.MonkeyPatch, cells: int) -> None:
    """Let few weights be made at once, and fewer compared."""
    for name, most in (("_CELLS", cells), ("_MOST_CELLS", cells), ("_COMPARED", cells // 2)):
        patch.setattr(contrasting, name, most)


def part(record: Attention) -> Part:
    return Part(SavedReading(record), block=record.block)


def assert_alike(found: Contrast, whole: Contrast, most: int, atol: float = 1e-6) -> None:
    """Hold a contrast that came in pieces against that of whole records."""
    for name in ("block", "view", "by_words", "same_heads", "queries", "keys", "is_whole"):
        assert getattr(found, name) == getattr(whole, name), name
    for side, other in ((found.first, whole.first), (found.second, whole.second)):
        assert replace(side, elsewhere=0) == replace(other, elsewhere=0)
        assert side.elsewhere == pytest.approx(other.elsewhere, abs=atol)
    assert [(change.head, change.against) for change in found.changes] == [
        (change.head, change.against) for change in whole.changes
    ]
    for change, expected in zip(found.changes, whole.changes, strict=True):
        assert change.divergence.mean == pytest.approx(expected.divergence.mean, abs=atol)
        assert change.divergence.spread == pytest.approx(expected.divergence.spread, abs=atol)
        shift = found.largest(change.head)
        assert abs(shift.weight) == pytest.approx(abs(whole.largest(change.head).weight), abs=atol)
        row, cells = whole.row(change.head), (whole.differences, whole.elsewhere)
        there = cells[1][row, shift.query] if shift.key is None else cells[0][row, shift.query, shift.key]
        assert shift.weight == pytest.approx(there, abs=atol)
        assert found.queries[shift.query].counted
    assert_pooled(found, whole, most, atol)


def assert_pooled(found: Contrast, whole: Contrast, most: int, atol: float) -> None:
    maps = found.pooled
    assert maps is not None
    rows, columns = min(most, len(whole.queries)), min(most, len(whole.keys))
    for head, cells, elsewhere in zip(maps.heads, maps.cells, maps.elsewhere, strict=True):
        place = whole.row(head)
        shown = np.where(whole.visible[place], whole.differences[place], np.nan)
        assert_same_size(cells, pool_differences(shown, rows, columns), atol)
        assert_same_size(elsewhere, pool_differences(whole.elsewhere[place][:, None], rows, 1)[:, 0], atol)


def assert_same_size(found: np.ndarray, expected: np.ndarray, atol: float) -> None:
    """Differences may tie up to rounding, and then either sign is right."""
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=atol)


@given(records(), records(), st.integers(1, 60), st.integers(1, 4))
def test_any_two_records_come_to_the_same_in_pieces(
    first: Attention, second: Attention, cells: int, most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        in_pieces(patch, cells)
        try:
            whole = contrast(first, second)
        except RequestError as refused:
            with pytest.raises(RequestError, match=str(refused)[:20]):
                contrast_of(part(first), part(second))
        else:
            assert_alike(contrast_of(part(first), part(second), maps=9, most=most), whole, most)


@given(records(), seeds, st.integers(1, 60), st.integers(1, 4))
def test_other_weights_on_the_same_tokens_do_too(first: Attention, seed: int, cells: int, most: int) -> None:
    queries, keys = len(first.queries), len(first.keys)
    weights = random_weights(seed, 2, 2, queries, keys, causal=first.causal)
    second = replace(first, weights=weights, sight={}, sinks=())
    with pytest.MonkeyPatch.context() as patch:
        in_pieces(patch, cells)
        found = contrast_of(part(first), part(second), maps=9, most=most)
    assert_alike(found, contrast(first, second), most)


@given(seeds, st.integers(1, 3), st.lists(st.sampled_from("abcdef"), min_size=2, max_size=9))
def test_heads_of_another_shape_find_their_nearest(seed: int, layers: int, words: list[str]) -> None:
    first = from_arrays(random_weights(seed, 2, 2, 4, 4), ["a", "b", "c", "d"])
    count = len(words) + 1
    second = from_arrays(random_weights(seed + 1, layers, 3, count, count), [*words, "a"])
    with pytest.MonkeyPatch.context() as patch:
        in_pieces(patch, 40)
        found = contrast_of(part(first), part(second), maps=2, most=3)
    assert_alike(found, contrast(first, second), 3)


@given(records())
def test_nothing_has_changed_between_a_record_and_itself(record: Attention) -> None:
    found = contrast_of(part(record), part(record))
    assert not found.has_changed
    assert {(change.divergence.mean, change.divergence.spread) for change in found.changes} == {(0.0, 0.0)}


def test_heads_that_are_asked_for_are_compared_and_mapped() -> None:
    words = ["the", "cat", "sat"]
    first, second = (from_arrays(random_weights(seed, 2, 3, 3, 3), words) for seed in (1, 2))
    heads = [HeadId(1, 2), HeadId(0, 1)]
    found = contrast_of(part(first), part(second), heads, maps=heads[1:])
    assert_alike(found, contrast(first, second, *heads), 512)
    assert found.pooled is not None
    assert found.pooled.heads == (HeadId(0, 1),)
    with pytest.raises(OutOfRange, match="L2H0"):
        contrast_of(part(first), part(second), [HeadId(2, 0)])


def test_texts_of_the_built_in_model_and_of_a_saved_record() -> None:
    source = attnviz.load("builtin")
    first, second = (Part(source.read(Prompt(text))) for text in (CAT, DOG))
    with pytest.MonkeyPatch.context() as patch:
        in_pieces(patch, 500)
        whole = contrast(source.attend(CAT), source.attend(DOG))
        assert_alike(contrast_of(first, second, most=5), whole, 5)
        assert_alike(contrast_of(first, part(source.attend(DOG)), most=5), whole, 5)


def test_what_was_dropped_before_is_said() -> None:
    tokens = (Token("a"), Token("b"))
    record = Attention(
        tokens, tokens, np.full((1, 1, 2, 2), 0.25), layers=(0,), heads=(0,), model="m", dropped=0.5
    )
    assert_alike(contrast_of(part(record), part(record)), contrast(record, record), 512)


def test_a_few_rows_are_made_at_once_unless_they_are_very_many_weights() -> None:
    made = [contrasting._rows_made(heads * keys) for heads, keys in ((4, 1024), (12, 16384), (96, 2**17))]
    assert made == [128, 32, 1]
