"""The same rows of every layer at once, to hold heads of different layers against each other."""

from dataclasses import replace

import numpy as np
import pytest

import attnviz
from attnviz import memory
from attnviz.analysis.comparing.heads import Comparing
from attnviz.errors import BudgetError
from attnviz.prompt import Prompt
from attnviz.selection import Selection
from attnviz.sources import load
from attnviz.sources.huggingface.streaming import side_by_side
from attnviz.sources.huggingface.streaming.scale import Scale
from tests.sources.test_observing import Gathered
from tests.sources.tiny_pretrained import DECODERS, ENCODERS

TEXT = "The quick brown fox jumps over the lazy dog."
LONG = Scale(long=4, prefix=4, block_bytes=400)
MODELS = [*((config, "byte_pieces") for config in DECODERS.values()), (ENCODERS["bert"], "word_pieces")]


@pytest.fixture
def reading(request, save_model):
    config, pieces = request.param
    found = load(save_model(config, request.getfixturevalue(pieces))).read(Prompt(TEXT))
    return replace(found, scale=LONG)


@pytest.mark.parametrize("reading", MODELS, indirect=True, ids=[*DECODERS, "bert"])
@pytest.mark.parametrize("selection", [Selection(), Selection("1"), Selection(heads="L0H1,L2H3")], ids=str)
def test_rows_of_all_layers_come_at_once(reading, selection, monkeypatch):
    monkeypatch.setattr(side_by_side, "_BLOCK_BYTES", 2000)
    record, gathered = reading.record(selection), Gathered(reading.frame(selection))
    reading.observe(gathered, selection, side_by_side=True)
    np.testing.assert_allclose(gathered.weights, record.weights, atol=1e-5)
    starts = [start for start, _ in gathered.came]
    assert starts == sorted(starts)
    assert len(set(starts)) > 1


@pytest.mark.parametrize("reading", [(DECODERS["gpt2"], "byte_pieces")], indirect=True)
def test_heads_of_different_layers_are_compared(reading):
    record = reading.record()
    comparing = Comparing(reading.frame(), record.head_ids)
    reading.observe(comparing, side_by_side=True)
    np.testing.assert_allclose(comparing.result().divergences, attnviz.compare(record).divergences, atol=1e-5)


@pytest.mark.parametrize("reading", [(DECODERS["gpt2"], "byte_pieces")], indirect=True)
def test_vectors_that_do_not_fit_are_refused_with_the_figure(reading, monkeypatch):
    monkeypatch.setattr(memory, "budget", lambda: 1000)
    with pytest.raises(BudgetError, match=r"the vectors of 3 layers .* they take .* kB, allowed 1.0 kB"):
        reading.observe(Gathered(reading.frame()), side_by_side=True)
