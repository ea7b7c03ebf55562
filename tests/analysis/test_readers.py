"""Which queries count, and what a head without preference does."""

import numpy as np
import pytest
from hypothesis import given

from attnviz.analysis.readers import counted_queries, self_links, uniform
from attnviz.record import Attention, Token, from_arrays
from tests.analysis.weights import seeds


def test_special_queries_count_only_where_nothing_else_is() -> None:
    special, word = Token("[CLS]", kind="special"), Token("a")
    for tokens, expected in [((special, word), [False, True]), ((special, special), [True, True])]:
        record = Attention(
            queries=tokens, keys=tokens, weights=np.eye(2)[None, None], layers=(0,), heads=(0,), model="m"
        )
        assert counted_queries(record).tolist() == expected


def test_a_query_meets_itself_on_the_diagonal_but_not_across() -> None:
    assert self_links(from_arrays(np.eye(2), ["a", "b"])).tolist() == [[True, False], [False, True]]
    assert not self_links(from_arrays(np.eye(2), ["a", "b"], ["c", "d"])).any()


@given(seeds)
def test_evenly_spread_mass_is_one_over_the_cells(seed: int) -> None:
    cells = np.random.default_rng(seed).random((4, 6)) < 0.5
    for row, even in zip(cells, uniform(cells), strict=True):
        assert even.sum() == pytest.approx(1.0 if row.any() else 0.0)
        assert set(even[row]) <= {1 / max(row.sum(), 1)}
        assert not even[~row].any()
