"""What queries see as runs of keys, held to the mask it was made of."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.patterns.seen import Seen, together
from tests.analysis.weights import seeds


def mask(seed: int, rows: int = 5, keys: int = 7) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return chance.random((rows, keys)) < chance.choice([0.2, 0.8, 1.0])


@given(seeds)
def test_runs_count_and_find_and_spread_as_their_mask_does(seed: int) -> None:
    visible, chance = mask(seed), np.random.default_rng(seed)
    seen = Seen.of(visible)
    keys, values = chance.random(7) < 0.5, chance.random((2, 5))
    np.testing.assert_array_equal(seen.mask(7), visible)
    np.testing.assert_array_equal(seen.count(keys), (visible & keys).sum(axis=-1))
    np.testing.assert_allclose(seen.spread(values, 7), values @ visible, atol=1e-12)
    row, key = np.nonzero(np.ones((5, 7)))
    np.testing.assert_array_equal(seen.has(row, key).reshape(5, 7), visible)


@given(seeds, st.integers(0, 5), st.integers(0, 5))
def test_parts_put_together_are_the_whole(seed: int, one: int, other: int) -> None:
    visible = mask(seed)
    first, last = sorted((one, other))
    parts = [Seen.of(visible[some]) for some in (slice(first), slice(first, last), slice(last, None))]
    whole = Seen.joined(parts)
    assert whole.equals(Seen.of(visible))
    np.testing.assert_array_equal(whole.part(first, last).mask(7), visible[first:last])


@given(seeds)
def test_several_layers_see_what_any_of_them_sees(seed: int) -> None:
    masks = [mask(seed), mask(seed), mask(seed + 1)]
    np.testing.assert_array_equal(together([Seen.of(one) for one in masks], 7).mask(7), np.any(masks, axis=0))


def test_everything_is_seen_where_no_mask_is() -> None:
    everything = Seen.everything(3, range(2, 6))
    assert everything.equals(Seen.of(np.ones((3, 4), dtype=bool), first_key=2))
