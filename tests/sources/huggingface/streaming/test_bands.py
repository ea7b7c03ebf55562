"""Bands of keys, cut into rectangles and triangles of any size, weigh what the whole square would."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnviz.sources.huggingface.streaming.bands import Columns, every, within


@settings(deadline=None, max_examples=80)
@given(
    tokens=st.integers(1, 30),
    back=st.none() | st.integers(0, 32),
    ahead=st.none() | st.integers(0, 32),
    rows=st.integers(1, 12),
)
def test_any_cut_gives_the_same(tokens: int, back: int | None, ahead: int | None, rows: int) -> None:
    chance = torch.Generator().manual_seed(tokens)
    query, key, numbers = (torch.randn(2, tokens, 8, generator=chance).double() for _ in range(3))
    places = torch.arange(tokens)
    steps = places - places[:, None]
    seen = (steps >= (-tokens if back is None else -back)) & (steps <= (tokens if ahead is None else ahead))
    logits = (query @ key.mT).masked_fill(~seen, -torch.inf)
    weights = logits.softmax(dim=-1)
    found = within(query, key, Columns(numbers.clone(), 3), back, ahead, rows=rows)
    expected = weights @ numbers
    expected[..., 3] = (weights * steps.abs()).sum(dim=-1)
    torch.testing.assert_close(found.lse, logits.logsumexp(dim=-1))
    torch.testing.assert_close(found.means, expected)


def test_every_key_needs_no_places() -> None:
    query, key = torch.randn(2, 7, 8).double(), torch.randn(2, 11, 8).double()
    found = every(query, key, Columns(key))
    logits = query @ key.mT
    torch.testing.assert_close(found.lse, logits.logsumexp(dim=-1))
    torch.testing.assert_close(found.means, logits.softmax(dim=-1) @ key)
