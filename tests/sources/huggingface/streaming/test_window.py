"""A window makes only its own rows, and is what would be cut out of the whole record."""

from dataclasses import replace

import numpy as np
import pytest

from attnviz.errors import MissingInternals
from attnviz.observe import RowBlock
from attnviz.selection import Selection
from attnviz.sources.huggingface.capturing.filled import Cut
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.windowed import cut
from attnviz.window import Window
from tests.sources.huggingface.streaming.long_texts import SMALL, architecture_feed, at_once, streamed

FAMILIES = [
    "bert", "modernbert", "gpt2", "llama", "mistral", "falcon", "gemma2", "gpt_oss", "mpnet", "gptj", "xlnet",
]  # fmt: skip
WINDOWS = {
    "a square": Window(range(5, 9), range(5, 9)),
    "earlier keys": Window(range(20, 30), range(3, 12)),
    "later keys": Window(range(2, 8), range(10, 12)),
    "some rows": Window(range(3, 4), range(12)),
    "all": Window(range(12), range(12)),
}


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    with quiet():
        yield


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("long", [4, 1000])
def test_a_window_is_cut_out_of_the_record(name, long):
    feed = architecture_feed(name)
    whole, reading = at_once(feed).record(), streamed(feed, replace(SMALL, long=long))
    for window in WINDOWS.values():
        if window.queries.stop <= len(whole.queries):
            assert_alike(reading.record(window=window), cut(whole, window))


@pytest.mark.parametrize("name", ["bart", "t5"])
@pytest.mark.parametrize("long", [4, 1000])
def test_a_window_of_a_block(name, long):
    feed = architecture_feed(name)
    short, reading = at_once(feed), streamed(feed, replace(SMALL, long=long))
    for block in short.outlines:
        window = Window(range(2, 6), range(1, 5))
        part = reading.record(Selection("1", "2"), block=block, window=window)
        assert_alike(part, cut(short.record(Selection("1", "2"), block=block), window))


def assert_alike(part, expected):
    np.testing.assert_allclose(part.weights, expected.weights, atol=5e-5)
    for layer in expected.layers:
        np.testing.assert_array_equal(part.visible(layer), expected.visible(layer))
    assert part.dropped == pytest.approx(expected.dropped, abs=1e-5)
    for name in ("queries", "keys", "layers", "heads", "block", "causal", "sinks", "predictions", "model"):
        assert getattr(part, name) == getattr(expected, name), name


def test_a_window_has_no_vectors():
    with pytest.raises(MissingInternals, match="a window has no"):
        at_once(architecture_feed("gpt2")).record(internals=True, window=WINDOWS["a square"])


def test_a_part_of_a_block_counts_among_what_is_held():
    import torch

    weights = torch.rand(2, 4, 6)
    held = Cut(np.array([1, 3, 4, 9]), np.array([2, 5, 8]), 10, 10)
    seen = torch.rand(4, 6) > 0.5
    block = RowBlock(7, 2, weights, 1, 1, entropy=weights.sum(dim=-1), visible=lambda: seen)
    part = held.part(block)
    assert (part.layer, part.start, part.first_head, part.first_key) == (7, 1, 1, 0)
    np.testing.assert_array_equal(part.weights, weights[:, [1, 2]][:, :, [1, 4]])
    np.testing.assert_array_equal(part.entropy, weights.sum(dim=-1)[:, [1, 2]])
    np.testing.assert_array_equal(part.visible(), seen[[1, 2]][:, [1, 4]])
    assert held.part(replace(block, start=5)) is None
