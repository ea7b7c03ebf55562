"""Maximum flows through layers: closed forms, properties, and two other ways to find them."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnviz.analysis.through import flow as module
from attnviz.analysis.through.flow import flow
from attnviz.analysis.through.rollout import rollout, with_residual
from attnviz.errors import RequestError
from tests.analysis.test_through_rollout import TWO
from tests.analysis.weights import random_weights, seeds


def augmented(mixed: np.ndarray, source: int, target: int) -> float:
    """Ford and Fulkerson by shortest paths, over a plain table of pipes."""
    layers, size = len(mixed), mixed.shape[-1]
    room = {
        ((layer + 1, i), (layer, j)): mixed[layer, i, j]
        for layer in range(layers)
        for i in range(size)
        for j in range(size)
    }
    room |= {(end, start): 0.0 for start, end in list(room)}
    joined: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for start, end in room:
        joined.setdefault(start, []).append(end)
    total, first, last = 0.0, (layers, source), (0, target)
    while True:
        came = {first: first}
        waiting = deque([first])
        while waiting and last not in came:
            here = waiting.popleft()
            for there in joined[here]:
                if room[here, there] > 1e-15 and there not in came:
                    came[there] = here
                    waiting.append(there)
        if last not in came:
            return total
        path = [last]
        while path[-1] != first:
            path.append(came[path[-1]])
        steps = list(zip(path[1:], path, strict=False))
        more = min(room[step] for step in steps)
        for start, end in steps:
            room[start, end] -= more
            room[end, start] += more
        total += more


class TestFlow:
    def test_closed_forms(self) -> None:
        expected = [[1, 0, 0], [0.45, 0.75, 0], [0.4, 0.45, 0.65]]
        assert flow(TWO)[1] == pytest.approx(np.array(expected))
        assert flow(TWO)[0] == pytest.approx(with_residual(TWO)[0])
        assert flow(np.broadcast_to(np.eye(3), (4, 2, 3, 3)))[3] == pytest.approx(np.eye(3))

    def test_a_narrow_pipe_holds_back_what_another_lets_through(self) -> None:
        chain = np.zeros((3, 1, 3, 3))
        chain[2, 0] = [[0, 1, 0], [0, 1, 0], [0, 0, 1]]
        chain[1, 0] = [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
        chain[0, 0] = [[0, 0.5, 0.5], [0, 1, 0], [0, 0, 1]]
        # 0 over 0, 0 leads into 2 by 1/4; 0 over 1, 2 by 1/2.
        assert flow(chain)[2, 0, 2] == pytest.approx(0.75)

    @given(seeds, st.integers(1, 5), st.integers(1, 5), st.booleans())
    @settings(max_examples=50)
    def test_shortest_augmenting_paths_agree(self, seed: int, depth: int, size: int, causal: bool) -> None:
        weights = random_weights(seed, depth, 2, size, size, causal=causal)
        mixed = with_residual(weights)
        naive = [[augmented(mixed, i, j) for j in range(size)] for i in range(size)]
        assert flow(weights)[-1] == pytest.approx(np.array(naive), abs=1e-12)

    @pytest.mark.parametrize(("depth", "size"), [(6, 7), (12, 4), (3, 10)])
    def test_networkx_agrees(self, depth: int, size: int) -> None:
        networkx = pytest.importorskip("networkx")
        weights = random_weights(depth, depth, 2, size, size, causal=True)
        mixed = with_residual(weights)
        graph = networkx.DiGraph()
        for layer, i, j in np.argwhere(mixed > 0).tolist():
            graph.add_edge((layer + 1, i), (layer, j), capacity=mixed[layer, i, j])
        found = flow(weights)[-1]
        for i in range(size):
            for j in range(i + 1):
                value = networkx.maximum_flow_value(graph, (depth, i), (0, j))
                assert found[i, j] == pytest.approx(value, abs=1e-12)
        assert (found[~(np.tri(size) > 0)] == 0).all()

    @given(seeds, st.integers(1, 4), st.integers(1, 6))
    def test_it_fits_the_pipes_at_either_end_and_holds_what_is_rolled_out(
        self, seed: int, depth: int, size: int
    ) -> None:
        weights = random_weights(seed, depth, 2, size, size)
        mixed, found = with_residual(weights), flow(weights)
        assert (found <= 1 + 1e-12).all()
        assert (found <= mixed[0].sum(axis=0) + 1e-12).all()
        # Rollout sends what reaches a token on in shares, which is one of the ways it could flow.
        assert (found >= rollout(weights) - 1e-12).all()

    @given(seeds, st.integers(1, 6))
    def test_any_naming_of_tokens_keeps_it(self, seed: int, size: int) -> None:
        weights = random_weights(seed, 4, 2, size, size)
        order = np.random.default_rng(seed).permutation(size)
        renamed = flow(weights[..., order, :][..., order])
        assert renamed == pytest.approx(flow(weights)[:, order][..., order], abs=1e-12)

    def test_pairs_taken_a_few_at_once_are_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        weights = random_weights(3, 4, 2, 6, 6)
        whole = flow(weights)
        monkeypatch.setattr(module, "_AT_ONCE", 1000)
        assert flow(weights) == pytest.approx(whole, abs=1e-14)

    def test_layers_asked_for_alone_are_the_same(self) -> None:
        weights = random_weights(4, 4, 2, 5, 5)
        assert flow(weights, layers=[1, -1]) == pytest.approx(flow(weights)[[1, 3]])

    def test_even_attention_comes_out_even(self) -> None:
        even = np.tri(5) / np.arange(1, 6)[:, None]
        found = flow(np.broadcast_to(even, (3, 2, 5, 5)), np.tri(5) > 0)
        assert found == pytest.approx(np.broadcast_to(even, (3, 5, 5)))

    def test_of_a_causal_model_it_is_relative_to_the_flow_of_even_attention(self) -> None:
        weights = random_weights(5, 3, 2, 5, 5, causal=True)
        even = np.broadcast_to(np.tri(5) / np.arange(1, 6)[:, None], (3, 1, 5, 5))
        ratios = np.where(np.tri(5) > 0, flow(weights)[2] / np.maximum(flow(even)[2], 1e-9), 0)
        expected = ratios / ratios.sum(axis=-1, keepdims=True)
        assert flow(weights, np.tri(5) > 0)[2] == pytest.approx(expected)

    def test_too_many_tokens_are_refused_with_the_number_allowed(self) -> None:
        weights = np.broadcast_to(np.full((60, 60), 1 / 60), (6, 1, 60, 60))
        with pytest.raises(RequestError, match=r"up to each of 6 layers would .* got 60 tokens, allowed 37"):
            flow(weights)
        with pytest.raises(RequestError, match=r"up to layer 5 would .* got 60 tokens, allowed 49"):
            flow(weights, layers=[5])
        with pytest.raises(RequestError, match=r"up to layer 5 would .* got 60 tokens, allowed 41"):
            flow(weights, np.tri(60) > 0, layers=[5])

    def test_other_keys_than_queries_are_refused(self) -> None:
        with pytest.raises(RequestError, match="got 2 queries and 3 keys"):
            flow(np.ones((1, 1, 2, 3)) / 3)
