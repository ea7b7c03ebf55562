"""The layer x head grid of 144 heads against 144 matplotlib subplots of the same size, both to a PNG."""

import argparse
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import attnviz
from attnviz.record import Attention
from attnviz.render.figure import encode
from benchmarks.ratio import Ratio, report, side_by_side

LAYERS, HEADS = 12, 12
TOKENS = (10, 32, 128)


def measure() -> Iterator[Ratio]:
    """Time both ways at each length."""
    for tokens in TOKENS:
        record = random_record(tokens)
        yield side_by_side(
            f"grid of {LAYERS * HEADS} heads, {tokens} tokens",
            partial(grid, record),
            f"{LAYERS * HEADS} subplots",
            partial(subplots, record),
            target=1 / 8,
            rounds=7,
        )


def random_record(tokens: int) -> Attention:
    """A causal model of the shape of GPT-2 small, its weights a softmax of noise."""
    noise = np.random.default_rng(0).normal(scale=2.5, size=(LAYERS, HEADS, tokens, tokens))
    seen = np.exp(noise) * np.tri(tokens)
    weights = seen / seen.sum(axis=-1, keepdims=True)
    return attnviz.from_arrays(weights, [f"word{i}" for i in range(tokens)], causal=True)


def grid(record: Attention) -> bytes:
    """Our way: one image, with its titles, numbers, colour bar and legend."""
    return encode(attnviz.heatmap(record), ".png")


def subplots(record: Attention) -> bytes:
    """The usual way, told the same and no more: numbers at the left and on top, one colour bar, no ticks."""
    figure = Figure(figsize=(6.9, 6.9), dpi=200)
    every = figure.subplots(LAYERS, HEADS)
    for layer, row in enumerate(every):
        for head, axes in enumerate(row):
            image = axes.imshow(record.weights[layer, head], cmap="Blues", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
    for number in range(LAYERS):
        every[number, 0].set_ylabel(number)
    for number in range(HEADS):
        every[0, number].set_title(number)
    figure.colorbar(image, ax=every)
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the raw numbers here")
    report(measure(), parser.parse_args().json)
