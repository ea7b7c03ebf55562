"""Every measure over rows gives the same on torch, and of a block the same as of the whole."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from attnviz.analysis.measures.confidence import confidence
from attnviz.analysis.measures.copying import induction_mass, same_token_mass
from attnviz.analysis.measures.distance import distance
from attnviz.analysis.measures.divergence import divergence
from attnviz.analysis.measures.entropy import breadth, entropy, participation, relative_entropy
from attnviz.analysis.measures.gini import gini
from attnviz.analysis.measures.masses import cell_mass, key_mass, offset_mass, over_chance
from attnviz.analysis.measures.sinks import sink_rate
from attnviz.arrays import Array
from tests.analysis.weights import random_weights

SIZE = 9
KEYS = np.arange(SIZE) % 3 == 0
CELLS = np.random.default_rng(0).random((SIZE, SIZE)) < 0.4
VISIBLE = np.tri(SIZE) > 0
TOKENS = np.arange(SIZE) % 4

# Each with what a record would give it, for the rows from `start` on; `on` makes an array of the library.
Measured = Callable[[Array, slice, Callable[[np.ndarray], Array]], Array]
MEASURES: dict[str, Measured] = {
    "entropy": lambda w, _, __: entropy(w),
    "relative entropy": lambda w, rows, on: relative_entropy(w, on(np.arange(1, SIZE + 1)[rows])),
    "breadth": lambda w, _, __: breadth(w),
    "participation": lambda w, _, __: participation(w),
    "gini": lambda w, rows, on: gini(w, on(np.arange(1, SIZE + 1)[rows])),
    "gini of all keys": lambda w, _, __: gini(w),
    "confidence": lambda w, _, __: confidence(w),
    "confidence elsewhere": lambda w, _, on: confidence(w, on(KEYS)),
    "distance": lambda w, rows, _: distance(w, rows.start),
    "previous": lambda w, rows, _: offset_mass(w, -1, rows.start),
    "self": lambda w, rows, _: offset_mass(w, 0, rows.start),
    "next": lambda w, rows, _: offset_mass(w, 1, rows.start),
    "keys": lambda w, _, on: key_mass(w, on(KEYS)),
    "cells": lambda w, rows, on: cell_mass(w, on(CELLS[rows])),
    "over chance": lambda w, rows, on: over_chance(w, on(CELLS[rows]), on(VISIBLE[rows])),
    "same token": lambda w, rows, on: same_token_mass(w, on(TOKENS), rows.start),
    "induction": lambda w, rows, on: induction_mass(w, on(TOKENS), rows.start),
    "divergence": lambda w, _, __: divergence(w[0], w[1]),
}


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_it_is_the_same_on_torch(name: str, kind: type) -> None:
    weights = random_weights(0, 3, SIZE, SIZE, causal=True).astype(kind)
    rows = slice(0, SIZE)
    expected = MEASURES[name](weights, rows, np.asarray)
    measured = MEASURES[name](torch.tensor(weights), rows, torch.tensor)
    assert isinstance(measured, torch.Tensor)
    assert measured.numpy().dtype == expected.dtype == kind
    tolerance = 1e-5 if kind is np.float32 else 1e-12
    assert measured.numpy() == pytest.approx(expected, nan_ok=True, rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("name", MEASURES)
def test_it_stays_on_the_device_it_is_given(name: str) -> None:
    """Torch's device of shapes only: it refuses to meet what lies on another."""

    def on(array: np.ndarray) -> torch.Tensor:
        return torch.tensor(array, device="meta")

    weights = random_weights(0, 3, SIZE, SIZE)
    measured = MEASURES[name](on(weights), slice(0, SIZE), on)
    assert measured.device.type == "meta"
    assert tuple(measured.shape) == (() if name == "divergence" else (3,)) + (SIZE,)


@pytest.mark.parametrize("name", MEASURES)
def test_blocks_of_rows_put_together_are_the_whole(name: str) -> None:
    weights = random_weights(1, 4, SIZE, SIZE, causal=True)
    whole = MEASURES[name](weights, slice(0, SIZE), np.asarray)
    blocks = [slice(0, 1), slice(1, 5), slice(5, SIZE)]
    merged = np.concatenate([MEASURES[name](weights[:, rows], rows, np.asarray) for rows in blocks], axis=-1)
    assert merged == pytest.approx(whole, nan_ok=True, abs=1e-12)


def test_a_rate_is_the_same_on_torch() -> None:
    weights = random_weights(0, 2, 3, SIZE, SIZE, causal=True)
    assert 0 < sink_rate(weights) < 1
    assert sink_rate(torch.tensor(weights)) == sink_rate(weights)
