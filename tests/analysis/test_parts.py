"""Sums between parts: a closed form, what must hold of any record, a naive loop."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.parts import Dividing, between_parts
from attnviz.errors import OutOfRange, RequestError
from attnviz.frame import blocks_of, frame_of
from attnviz.record import Attention, Token
from attnviz.selection import HeadId
from tests.analysis.records import records

PAIR = (
    Token("[CLS]", kind="special"),
    Token("a", part="A"),
    Token("b", part="A"),
    Token("[SEP]", kind="special"),
    Token("c", part="B"),
)


def of(tokens, weights, keys=None, **facts):
    return Attention(tokens, keys or tokens, np.asarray(weights)[None, None], (0,), (0,), "m", **facts)


def names(parts):
    return [part.name for part in parts]


def test_what_each_part_gives_to_each():
    weights = [
        [0, 0.5, 0, 0, 0.5],
        [0.1, 0.2, 0.3, 0.1, 0.3],
        [0.0, 0.4, 0.0, 0.0, 0.6],
        [1, 0, 0, 0, 0],
        [0, 0.25, 0.25, 0.5, 0],
    ]
    found = between_parts(of(PAIR, weights))
    assert names(found.queries) == names(found.keys) == ["A", "B", "special"]
    assert [part.tokens for part in found.queries] == [2, 1, 2]
    [head] = found.heads
    assert head.mass == pytest.approx(np.array([[0.45, 0.45, 0.1], [0.5, 0, 0.5], [0.25, 0.25, 0.5]]))
    assert head.chance == pytest.approx(np.array([[0.4, 0.2, 0.4]] * 3))
    assert head.over_chance == pytest.approx(head.mass - head.chance)
    assert head.lost == pytest.approx(0)
    assert found.together.mass == pytest.approx(head.mass)


def test_kinds_are_parts_where_tokens_name_none():
    keys = (Token("", kind="patch"), Token("", kind="patch"), Token("cat"), Token("ok", kind="generated"))
    found = between_parts(of((Token("x"), Token("y", kind="generated")), np.full((2, 4), 0.25), keys))
    assert names(found.queries) == ["text", "generated"]
    assert names(found.keys) == ["patch", "text", "generated"]
    assert found.heads[0].mass == pytest.approx(np.array([[0.5, 0.25, 0.25]] * 2))


def test_evenly_spread_mass_is_chance_also_where_later_keys_are_hidden():
    weights = np.tri(5) / np.arange(1, 6)[:, None]
    [head] = between_parts(of(PAIR, weights, causal=True)).heads
    assert head.over_chance == pytest.approx(0, abs=1e-7)


def test_mass_that_goes_to_no_key_is_lost():
    [head] = between_parts(of(PAIR, np.eye(5) * 0.6)).heads
    assert head.lost == pytest.approx(0.4)
    assert head.over_chance.sum(axis=-1) == pytest.approx(0, abs=1e-7)


@given(records())
def test_a_naive_loop_agrees_and_rows_sum_to_the_mass_of_their_queries(record):
    found = between_parts(record)

    def name(token):
        return token.part or token.kind

    assert sum(part.tokens for part in found.queries) == len(record.queries)
    for head in found.heads:
        weights = record.head(head.head)
        for a, source in enumerate(found.queries):
            rows = [i for i, token in enumerate(record.queries) if name(token) == source.name]
            for b, target in enumerate(found.keys):
                columns = [j for j, token in enumerate(record.keys) if name(token) == target.name]
                naive = sum(float(weights[i, j]) for i in rows for j in columns) / len(rows)
                assert head.mass[a, b] == pytest.approx(naive, abs=1e-9)
            mass = float(weights[rows].sum(axis=-1, dtype=float).mean())
            assert head.mass[a].sum() == pytest.approx(mass)
            assert head.chance[a].sum() <= mass + 1e-9
    assert found.together.mass == pytest.approx(np.mean([head.mass for head in found.heads], axis=0))


def test_only_the_heads_asked_for():
    weights = np.stack([np.eye(5), np.eye(5)[::-1]])[None]
    record = Attention(PAIR, PAIR, weights, (3,), (0, 1), "m")
    found = between_parts(record, [HeadId(3, 1)])
    assert [head.head for head in found.heads] == [HeadId(3, 1)]
    assert found.together.mass == pytest.approx(found.heads[0].mass)
    with pytest.raises(OutOfRange):
        between_parts(record, [HeadId(0, 0)])
    with pytest.raises(RequestError, match="no head"):
        between_parts(record, [])


@given(records(), st.integers(1, 9), st.integers(1, 2), st.booleans())
def test_blocks_of_any_size_come_to_the_same(record, rows, heads, on_torch):
    dividing = Dividing(frame_of(record))
    for block in blocks_of(record, rows=rows, heads=heads):
        weights = np.array(block.weights)
        dividing.update(replace(block, weights=torch.from_numpy(weights) if on_torch else weights))
    for ours, theirs in zip(dividing.result().heads, between_parts(record).heads, strict=True):
        np.testing.assert_allclose(ours.mass, theirs.mass, atol=1e-6)
        np.testing.assert_allclose(ours.chance, theirs.chance, atol=1e-6)
