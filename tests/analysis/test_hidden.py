"""Special tokens taken out: a closed form, what must hold of any record, a naive loop."""

import numpy as np
import pytest
from hypothesis import given

from attnviz.analysis.hidden import drop_special, special_share
from attnviz.analysis.words import merge_words
from attnviz.errors import RequestError
from attnviz.record import Attention, Internals, Token
from attnviz.selection import HeadId
from tests.analysis.records import records

TOKENS = (Token("[CLS]", kind="special"), Token("lazy", word=0), Token("dog", word=1))
WEIGHTS = np.array([[1, 0, 0], [0.5, 0, 0.5], [0.25, 0.5, 0.25]])


def of(tokens, weights, **facts):
    return Attention(tokens, tokens, np.asarray(weights)[None, None], (0,), (0,), "m", **facts)


def written(tokens):
    return [place for place, token in enumerate(tokens) if token.kind != "special"]


def test_what_went_to_special_tokens_is_said():
    kept = drop_special(of(TOKENS, WEIGHTS))
    assert kept.weights[0, 0].tolist() == [[0, 0.5], [0.5, 0.25]]
    assert kept.queries == kept.keys == TOKENS[1:]
    assert kept.dropped == (0.5 + 0.25) / 2
    assert not kept.renormalized
    assert special_share(of(TOKENS, WEIGHTS), HeadId(0, 0)) == kept.dropped


def test_rows_are_brought_back_to_one_unless_nothing_is_left():
    weights = np.array([[1, 0, 0], [1, 0, 0], [0.25, 0.5, 0.25]])
    kept = drop_special(of(TOKENS, weights), renormalize=True)
    assert kept.weights[0, 0] == pytest.approx(np.array([[0, 0], [2 / 3, 1 / 3]]))
    assert kept.renormalized
    assert kept.dropped == (1 + 0.25) / 2


def test_mass_of_a_sink_is_not_special():
    kept = drop_special(of(TOKENS, WEIGHTS * 0.5, sinks=(0,)))
    assert kept.dropped == 0.375 / 2
    assert kept.sinks == (0,)
    whole = drop_special(of(TOKENS, WEIGHTS * 0.5, sinks=(0,)), renormalize=True)
    assert whole.weights.sum(axis=-1) == pytest.approx(1)
    assert whole.sinks == ()


@given(records())
def test_a_naive_loop_agrees(record):
    rows, columns = written(record.queries), written(record.keys)
    if not rows or not columns:
        with pytest.raises(RequestError, match="nothing else would be left"):
            drop_special(record)
        return
    kept = drop_special(record)
    away = [
        sum(float(record.head(head)[i, j]) for j in range(len(record.keys)) if j not in columns)
        for head in record.head_ids
        for i in rows
    ]
    assert kept.dropped == pytest.approx(sum(away) / len(away), abs=1e-6)
    for head in record.head_ids:
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                assert kept.head(head)[i, j] == record.head(head)[row, column]
                assert kept.visible(head.layer)[i, j] == record.visible(head.layer)[row, column]


@given(records())
def test_what_is_kept_and_what_is_dropped_make_up_the_mass(record):
    rows = written(record.queries)
    if not rows or not written(record.keys):
        return
    kept = drop_special(record)
    mass = record.weights[:, :, rows].sum(axis=-1, dtype=float).mean()
    assert kept.weights.sum(axis=-1, dtype=float).mean() + kept.dropped == pytest.approx(mass, abs=1e-5)
    assert kept.predictions == tuple(record.predictions[row] for row in rows)
    assert kept.internals.queries.shape[2] == len(kept.queries)
    assert kept.internals.keys.shape[2] == kept.internals.values.shape[2] == len(kept.keys)
    assert drop_special(kept) == kept
    whole = drop_special(record, renormalize=True)
    mass = whole.weights.sum(axis=-1, dtype=float)
    assert np.all((np.abs(mass - 1) < 1e-5) | (mass == 0))
    assert whole.dropped == kept.dropped


@given(records())
def test_words_and_special_tokens_do_not_mind_which_goes_first(record):
    if not written(record.queries) or not written(record.keys):
        return
    one, other = drop_special(merge_words(record)), merge_words(drop_special(record))
    # Taking out what parts two pieces of a word could join them, so tokens are the same at least in order.
    if one.queries == other.queries and one.keys == other.keys:
        assert one.weights == pytest.approx(other.weights, abs=1e-6)


def test_a_second_time_rows_can_still_be_made_whole():
    kept = drop_special(of(TOKENS, WEIGHTS))
    whole = drop_special(kept, renormalize=True)
    assert whole.weights.sum(axis=-1) == pytest.approx(1)
    assert (whole.dropped, whole.renormalized) == (kept.dropped, True)


def test_a_record_of_special_tokens_alone_cannot_lose_them():
    with pytest.raises(RequestError, match="nothing else would be left"):
        drop_special(of((Token("[CLS]", kind="special"),) * 2, np.eye(2)))


def test_what_becomes_of_the_values_stays_known():
    vectors, projection = np.arange(6.0).reshape(1, 1, 3, 2), np.ones((1, 1, 2, 4))
    internals = Internals(vectors, vectors, vectors, projection, np.ones((1, 4)), np.ones(1))
    kept = drop_special(of(TOKENS, WEIGHTS, internals=internals)).internals
    np.testing.assert_array_equal(kept.values, vectors[:, :, 1:])
    np.testing.assert_array_equal(kept.output_weights, projection)
    assert kept.output_bias.shape == (1, 4)
    assert kept.scales.tolist() == [1]
