"""Weights to measure: any row-stochastic square, and the numpy and torch forms of it."""

import numpy as np
from hypothesis import strategies as st


def random_weights(seed: int, *shape: int, causal: bool = False) -> np.ndarray:
    """Row-stochastic weights of a shape (..., query, key), some rows sharp and some flat."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=shape) * generator.choice([0.1, 1.0, 6.0], size=(*shape[:-1], 1))
    if causal:
        logits = np.where(np.tri(*shape[-2:], dtype=bool), logits, -np.inf)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 9)
