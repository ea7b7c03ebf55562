"""What keys add to a layer's output: closed forms, properties, naive sums of whole vectors."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import attnviz
from attnviz.analysis.through.norms import joint_norms, norms, value_norms
from attnviz.errors import MissingInternals
from attnviz.record import Attention, Internals
from tests.analysis.weights import random_weights, seeds

LAYERS, HEADS, TOKENS, D_V, D_MODEL = 2, 3, 4, 2, 5
sizes = st.integers(1, 5)


def made(seed: int, *, heads: int = HEADS, tokens: int = TOKENS, d_v: int = D_V) -> Attention:
    """A record with random values and a random output projection."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(LAYERS, heads, tokens, d_v))
    output = generator.normal(size=(LAYERS, heads, d_v, D_MODEL))
    record = attnviz.from_arrays(
        random_weights(seed, LAYERS, heads, tokens, tokens, causal=True), [f"t{n}" for n in range(tokens)]
    )
    return replace(record, internals=Internals(values, values, values, output))


def contributions(record: Attention) -> np.ndarray:
    """Every vector a key adds to a head's output: (layer, head, query, key, d_model)."""
    internals = record.internals
    projected = np.einsum("lhkd,lhdm->lhkm", internals.values, internals.output_weights, dtype=np.float64)
    return record.weights[..., None] * projected[:, :, None]


class TestValueNorms:
    def test_closed_forms(self) -> None:
        values = np.array([[[[3, 4], [0, 0]]]])
        turned = np.array([[[[0, 2], [-2, 0]]]])  # a quarter turn, twice as long
        assert value_norms(Internals(values, values, values, turned)).tolist() == [[[10, 0]]]

    @given(seeds, st.integers(1, 9))
    def test_a_naive_product_agrees(self, seed: int, d_v: int) -> None:
        internals = made(seed, d_v=d_v).internals
        projected = internals.values.astype(np.float64) @ internals.output_weights
        assert value_norms(internals) == pytest.approx(np.linalg.norm(projected, axis=-1))

    def test_without_the_output_projection_there_are_none(self) -> None:
        bare = replace(made(0).internals, output_weights=None)
        with pytest.raises(MissingInternals, match="no output projection"):
            value_norms(bare)


class TestNorms:
    def test_even_values_leave_the_weights(self) -> None:
        record = made(0)
        values, output = np.ones((LAYERS, HEADS, TOKENS, 1)), np.ones((LAYERS, HEADS, 1, 1))
        even = replace(record, internals=Internals(values, values, values, output))
        assert norms(even) == pytest.approx(record.weights)
        assert joint_norms(even) == pytest.approx(record.weights.sum(axis=1))

    @given(seeds, sizes, sizes)
    def test_naive_vectors_agree(self, seed: int, heads: int, tokens: int) -> None:
        record = made(seed, heads=heads, tokens=tokens)
        assert norms(record) == pytest.approx(np.linalg.norm(contributions(record), axis=-1))

    @given(seeds, st.floats(0.1, 10))
    def test_longer_values_add_as_much_more(self, seed: int, times: float) -> None:
        record = made(seed)
        values = record.internals.values * times
        longer = replace(record, internals=replace(record.internals, values=values))
        assert norms(longer) == pytest.approx(times * norms(record), rel=1e-5)

    def test_a_record_without_values_has_none(self) -> None:
        with pytest.raises(MissingInternals, match="no value vectors"):
            norms(replace(made(0), internals=None))
        with pytest.raises(MissingInternals, match="no value vectors"):
            joint_norms(replace(made(0), internals=None))


class TestJointNorms:
    def test_heads_that_write_against_each_other_add_nothing(self) -> None:
        record = attnviz.from_arrays([[[1.0]], [[1.0]]], ["a"])
        values, output = np.ones((1, 2, 1, 1)), np.array([[[[1.0]], [[-1.0]]]])
        against = replace(record, internals=Internals(values, values, values, output))
        assert joint_norms(against).tolist() == [[[0.0]]]
        assert norms(against).tolist() == [[[[1.0]], [[1.0]]]]

    @given(seeds, sizes, sizes)
    def test_naive_vectors_agree(self, seed: int, heads: int, tokens: int) -> None:
        record = made(seed, heads=heads, tokens=tokens)
        together = contributions(record).sum(axis=1)
        assert joint_norms(record) == pytest.approx(np.linalg.norm(together, axis=-1), abs=1e-9)

    @given(seeds)
    def test_it_is_at_most_the_sum_of_heads(self, seed: int) -> None:
        record = made(seed)
        assert (joint_norms(record) <= norms(record).sum(axis=1) + 1e-9).all()
