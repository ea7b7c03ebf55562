"""What speaks for an answer: closed forms, properties, naive loops, and an answer differentiated by torch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.through.gradients import supporting
from attnviz.analysis.through.relevance import relevance
from attnviz.errors import RequestError
from tests.analysis.weights import random_weights, seeds

layers, sizes = st.integers(1, 4), st.integers(1, 6)


def random_gradients(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed + 1).normal(size=shape)


class TestSupporting:
    def test_closed_forms(self) -> None:
        assert supporting(np.array([0.5, 0.5, 0.0]), np.array([3.0, -1.0, 9.0])).tolist() == [1.5, 0.0, 0.0]

    @given(seeds, sizes)
    def test_a_naive_loop_agrees(self, seed: int, size: int) -> None:
        weights, gradients = random_weights(seed, size, size), random_gradients(seed, size, size)
        found = supporting(weights, gradients)
        for cell in np.ndindex(size, size):
            assert found[cell] == pytest.approx(max(weights[cell] * gradients[cell], 0.0))

    @given(seeds, sizes)
    def test_for_and_against_make_the_whole(self, seed: int, size: int) -> None:
        weights, gradients = random_weights(seed, size, size), random_gradients(seed, size, size)
        whole = supporting(weights, gradients) - supporting(weights, -gradients)
        assert whole == pytest.approx(weights * gradients)


class TestRelevance:
    def test_without_gradients_every_token_keeps_itself(self) -> None:
        weights = random_weights(0, 3, 2, 4, 4)
        identity = np.broadcast_to(np.eye(4), (3, 4, 4))
        assert (relevance(weights, np.zeros_like(weights)) == identity).all()
        assert (relevance(weights, -np.ones_like(weights)) == identity).all()

    def test_closed_form(self) -> None:
        # (I + A)^l, where every head's product is the same A.
        weights, gradients = np.full((2, 2, 2, 2), 0.5), np.full((2, 2, 2, 2), 2.0)
        once = np.eye(2) + np.ones((2, 2))
        assert relevance(weights, gradients)[0] == pytest.approx(once)
        assert relevance(weights, gradients)[1] == pytest.approx(once @ once)

    @given(seeds, layers, sizes)
    def test_it_grows_from_the_identity_whatever_tokens_are_called(
        self, seed: int, depth: int, size: int
    ) -> None:
        weights, gradients = (f(seed, depth, 2, size, size) for f in (random_weights, random_gradients))
        found = relevance(weights, gradients)
        assert (found[0] >= np.eye(size)).all()
        assert (np.diff(found, axis=0) >= 0).all()
        order = np.random.default_rng(seed).permutation(size)
        renamed = relevance(weights[..., order, :][..., order], gradients[..., order, :][..., order])
        assert renamed == pytest.approx(found[:, order][..., order])

    @given(seeds, layers, sizes)
    def test_a_naive_loop_agrees(self, seed: int, depth: int, size: int) -> None:
        weights, gradients = (f(seed, depth, 3, size, size) for f in (random_weights, random_gradients))
        naive = np.eye(size)
        for layer in range(depth):
            before = naive.copy()
            for i in range(size):
                for j in range(size):
                    for k in range(size):
                        cells = [
                            weights[layer, head, i, k] * gradients[layer, head, i, k] for head in range(3)
                        ]
                        naive[i, j] += sum(max(cell, 0) for cell in cells) / 3 * before[k, j]
        assert relevance(weights, gradients)[-1] == pytest.approx(naive)

    def test_an_answer_read_at_one_row_stands_on_what_that_row_reads(self) -> None:
        values = torch.tensor([1.0, 2.0, 0.0])
        weights = torch.tensor(random_weights(2, 2, 1, 3, 3), requires_grad=True)
        lower = values + weights[0, 0] @ values.double()
        upper = lower + weights[1, 0] @ lower
        upper[2].backward()
        found = relevance(weights.detach(), weights.grad)
        assert isinstance(found, torch.Tensor)
        # Upper rows that the answer is not read from have no gradient, and stay as they were below.
        assert found[1, :2].numpy() == pytest.approx(found[0, :2].numpy())
        assert found[1, 2, 1] > found[1, 2, 0] > 0

    def test_other_keys_than_queries_are_refused(self) -> None:
        with pytest.raises(RequestError, match="got 2 queries and 3 keys"):
            relevance(np.ones((1, 1, 2, 3)) / 3, np.ones((1, 1, 2, 3)))
