"""Our numbers beside those of public reference code, on seeded random weights, to 1e-12.

None of that code is kept here. Where the environment variable ATTNVIZ_REFERENCES names a folder with
checkouts of it, each function is taken from its file and run; otherwise these tests are skipped.

    attention-analysis/  github.com/clarkkev/attention-analysis   Clark et al. 2019
    attention_flow/      github.com/samiraabnar/attention_flow    Abnar and Zuidema 2020
    Attention-Sink/      github.com/sail-sg/Attention-Sink        Gu et al. 2024
"""

import ast
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attnviz.analysis.measures.sinks import sink_rate
from attnviz.analysis.through.flow import flow
from attnviz.analysis.through.rollout import rollout
from attnviz.analysis.words import merge_words
from attnviz.record import Attention, Token
from tests.analysis.weights import random_weights

TOLERANCE = 1e-12
WORDS = [[[0], [1, 2], [3]], [[0, 1, 2, 3], [4], [5, 6]], [[0], [1], [2], [3]]]


def reference(path: str, *functions: str, **names: Any) -> list[Callable[..., Any]]:
    """Take functions out of a file of reference code, without what its other parts import.

    Args:
        path: the file in the folder of checkouts.
        functions: their names.
        names: what they use of what the file imports.
    """
    folder = os.environ.get("ATTNVIZ_REFERENCES")
    if not folder:
        pytest.skip("no reference code: ATTNVIZ_REFERENCES names no folder of checkouts")
    file = Path(folder) / path
    if not file.is_file():
        pytest.skip(f"no reference code: {path} is not in the folder that ATTNVIZ_REFERENCES names")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    wanted = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in functions]
    assert [node.name for node in wanted] == list(functions)
    code = compile(ast.Module(wanted, type_ignores=[]), str(file), "exec")
    exec(code, names)
    return [names[function] for function in functions]


@pytest.mark.parametrize("words", WORDS, ids=["one split", "two split", "none split"])
def test_words_are_those_of_clark(words: list[list[int]]) -> None:
    """bpe_utils.get_word_word_attention, in the mode of the paper; its default takes the first piece."""
    [get_word_word_attention] = reference("attention-analysis/bpe_utils.py", "get_word_word_attention", np=np)
    pieces = sum(map(len, words))
    # A record keeps float32: sums and halves of these weights have no more digits than that.
    weights = np.floor(random_weights(1, pieces, pieces) * 2**16) / 2**16
    theirs = get_word_word_attention(weights, words, mode="mean")
    tokens = tuple(
        Token(f"t{piece}", word=word, span=(piece, piece + 1))
        for word, members in enumerate(words)
        for piece in members
    )
    record = Attention(tokens, tokens, weights[None, None], (0,), (0,), "any", "x" * pieces)
    np.testing.assert_allclose(merge_words(record).weights[0, 0], theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("layers", [1, 2, 6])
@pytest.mark.parametrize("causal", [False, True])
def test_rollout_is_that_of_abnar_and_zuidema(layers: int, causal: bool) -> None:
    """attention_graph_util.compute_joint_attention, of the mean over heads."""
    [compute_joint_attention] = reference(
        "attention_flow/attention_graph_util.py", "compute_joint_attention", np=np
    )
    weights = random_weights(2, layers, 4, 9, 9, causal=causal)
    theirs = compute_joint_attention(weights.mean(axis=1), add_residual=True)
    np.testing.assert_allclose(rollout(weights), theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("causal", [False, True])
def test_flow_is_that_of_abnar_and_zuidema(layers: int, causal: bool) -> None:
    """attention_graph_util.get_adjmat and .compute_flows, over the weights with residual connections.

    Theirs divides each row by its sum, and is of every layer; ours of the last keeps what flows.
    """
    networkx = pytest.importorskip("networkx")
    get_adjmat, compute_flows = reference(
        "attention_flow/attention_graph_util.py", "get_adjmat", "compute_flows", np=np, nx=networkx
    )
    count = 5
    weights = random_weights(3, layers, 2, count, count, causal=causal)
    mixed = weights.mean(axis=1) + np.eye(count)
    mixed /= mixed.sum(axis=-1, keepdims=True)
    between, places = get_adjmat(mixed, [f"t{at}" for at in range(count)])
    graph = networkx.from_numpy_array(between, create_using=networkx.DiGraph)
    networkx.set_edge_attributes(graph, networkx.get_edge_attributes(graph, "weight"), "capacity")
    inputs = [name for name, place in places.items() if place < count]
    flows = compute_flows(graph, places, inputs, count)
    theirs = flows[-count:, (layers - 1) * count : layers * count]
    ours = flow(weights)[-1]
    ours = ours / ours.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("causal", [False, True])
def test_sinks_are_those_of_gu(tmp_path: Path, causal: bool) -> None:
    """eval_sink_open_source.compute_attention_sink, in percent for each key: ours is of the first."""
    [compute_attention_sink] = reference(
        "Attention-Sink/eval_sink_open_source.py", "compute_attention_sink", np=np, torch=torch
    )
    weights = random_weights(4, 5, 3, 4, 16, 16, causal=causal)
    np.save(tmp_path / "weights.npy", weights)
    heads = 5 * 3 * 4
    for above in (0.05, 0.1, 0.2, 0.3):
        percent = compute_attention_sink(tmp_path / "weights.npy", above)[0].item()
        # Theirs is a mean in float32; what it counted is a whole number of heads.
        assert percent / 100 * heads == pytest.approx(round(percent / 100 * heads), abs=1e-4)
        assert sink_rate(weights, above) * heads == pytest.approx(round(percent / 100 * heads), abs=TOLERANCE)
    rates = [sink_rate(weights, above) for above in (0.05, 0.1, 0.2, 0.3)]
    assert any(0 < rate < 1 for rate in rates)
