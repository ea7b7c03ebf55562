"""Blocks of a plain softmax, held to its formula in double precision."""

import math
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnviz.sources.huggingface.streaming import softmax
from attnviz.sources.huggingface.streaming.layout import Piece
from attnviz.sources.huggingface.streaming.softmax import Heads, Room

HEADS, TOKENS, WIDTH, SCALE = 2, 13, 4, 3.0


def heads(seed: int, *, hides_later: bool) -> Heads:
    generator = torch.Generator().manual_seed(seed)
    query, key, value = (torch.randn(HEADS, TOKENS, WIDTH, generator=generator) for _ in range(3))
    return Heads(query, key, value, SCALE, None, hides_later)


def by_formula(some: Heads, rows: range) -> torch.Tensor:
    logits = some.query[:, rows.start : rows.stop].double() @ some.key.double().transpose(1, 2) * SCALE
    if some.hides_later:
        logits.masked_fill_(torch.arange(TOKENS) > torch.tensor(rows)[:, None], -math.inf)
    return logits.softmax(dim=-1)


@given(st.integers(0, 1000), st.booleans(), st.integers(0, TOKENS - 1), st.integers(1, 6), st.integers(1, 9))
def test_a_block_is_what_the_formula_gives_in_however_many_products(
    seed: int, hides_later: bool, start: int, count: int, keys: int
) -> None:
    some = heads(seed, hides_later=hides_later)
    rows = range(start, min(start + count, TOKENS))
    stop = rows.stop if hides_later else TOKENS
    with patch.object(softmax, "_KEYS", keys):
        done = some.done(Piece(rows, range(stop)), Room())
    expected = by_formula(some, rows)
    np.testing.assert_allclose(done.weights, expected[..., :stop], atol=1e-6)
    np.testing.assert_allclose(done.output, expected @ some.value.double(), atol=1e-5)
    np.testing.assert_allclose(done.mass, np.ones((HEADS, len(rows))), rtol=1e-6)
    np.testing.assert_allclose(done.entropy, torch.special.entr(expected).sum(-1) / math.log(2), atol=1e-5)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_key_that_is_no_number_is_told_by_the_mass(number: float) -> None:
    some = heads(0, hides_later=True)
    some.key[0, 2, 1] = number
    assert not some.done(Piece(range(4), range(4)), Room()).mass[0].isfinite().all()


def test_blocks_that_grow_take_new_memory_seldom() -> None:
    room, like = Room(), torch.zeros(1)
    taken = [room.take("logits", (2, size), like) for size in range(1, 1001)]
    assert [block.shape for block in taken] == [(2, size) for size in range(1, 1001)]
    assert len({block.untyped_storage().data_ptr() for block in taken}) <= 11
