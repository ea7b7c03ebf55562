"""Sums from fused calls take the place of blocks, where these would be made for their sums alone."""

import numpy as np
import pytest

from attnviz.analysis.measures.table import measure
from attnviz.analysis.streaming.measuring import Measuring
from attnviz.analysis.streaming.sums import Summing
from attnviz.sources.huggingface.streaming import walk
from tests.sources.huggingface.streaming.long_texts import architecture_feed, at_once, streamed

NAMES = ["entropy", "breadth", "participation", "distance", "self mass", "previous mass", "sink"]


class Counting(Summing):
    """Counts the blocks that come all the same."""

    blocks = 0

    def update(self, block):
        Counting.blocks += 1
        super().update(block)


@pytest.mark.parametrize(("kind", "by_fused_calls"), [("gpt2", True), ("llama", True), ("gemma2", False)])
def test_sums_are_the_same_either_way(kind, by_fused_calls, monkeypatch):
    monkeypatch.setattr(walk, "is_cheaper", lambda _: True)
    monkeypatch.setattr(Counting, "blocks", 0)
    reading = streamed(architecture_feed(kind))
    measuring = Measuring(reading.frame(), NAMES)
    assert not measuring.needs_weights
    reading.observe(Counting(measuring))
    assert (Counting.blocks == 0) == by_fused_calls
    whole = measure(at_once(architecture_feed(kind)).record(), names=NAMES)
    np.testing.assert_allclose(measuring.result().means, whole.means, atol=2e-5)
    np.testing.assert_allclose(measuring.result().spreads, whole.spreads, atol=2e-4)


def test_on_a_processor_rows_are_added_up():
    reading = streamed(architecture_feed("gpt2"))
    Counting.blocks = 0
    reading.observe(Counting(Measuring(reading.frame(), NAMES)))
    assert Counting.blocks > 0
