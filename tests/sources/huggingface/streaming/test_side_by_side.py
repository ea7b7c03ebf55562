"""The same rows of every layer at once, to hold heads of different layers against each other."""

from dataclasses import replace

import numpy as np
import pytest

import attnviz
from attnviz import memory
from attnviz.analysis.comparing.contrast import contrast
from attnviz.analysis.comparing.heads import Comparing
from attnviz.errors import BudgetError
from attnviz.prompt import Prompt
from attnviz.selection import Selection
from attnviz.sources import load
from attnviz.sources.huggingface.streaming import side_by_side
from attnviz.sources.huggingface.streaming.scale import Scale
from attnviz.studies.contrasting import Part, contrast_of
from tests.sources.test_observing import Gathered
from tests.sources.tiny_pretrained import DECODERS, ENCODERS
from tests.studies.test_contrasting import assert_alike, in_pieces

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
    monkeypatch.setattr(side_by_side, "_BLOCK_BYTES", 1000)
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


@pytest.mark.parametrize("reading", MODELS, indirect=True, ids=[*DECODERS, "bert"])
@pytest.mark.parametrize("selection", [Selection(), Selection(heads="L0H1,L2H3")], ids=str)
def test_rows_are_made_when_they_are_asked_for(reading, selection):
    record, rows = reading.record(selection), reading.rows(selection)
    assert isinstance(rows, side_by_side.KeptRows)
    for some in (range(3, 7), range(1), range(len(record.queries))):
        blocks = list(rows.blocks(some))
        assert [(block.layer, block.start, block.first_key) for block in blocks] == [
            (layer, some.start, 0) for layer in record.layers
        ]
        found = np.stack([block.weights for block in blocks])
        told, expected = found.shape[-1], record.weights[:, :, some.start : some.stop]
        assert told == (some.stop if record.causal else len(record.keys))
        np.testing.assert_allclose(found, expected[..., :told], atol=1e-5)
        assert not expected[..., told:].any()
        for block in blocks:
            seen, visible = block.visible(), record.visible(block.layer)[some.start : some.stop]
            assert visible[:, :told].all() if seen is None else np.array_equal(seen, visible[:, :told])


@pytest.mark.parametrize("causal", [True, False], ids=["gpt2", "bert"])
def test_two_readings_are_contrasted_in_step(save_model, request, monkeypatch, causal):
    config, pieces = MODELS[list(DECODERS).index("gpt2")] if causal else MODELS[-1]
    source = load(save_model(config, request.getfixturevalue(pieces)))
    readings = [replace(source.read(Prompt(text)), scale=LONG) for text in (TEXT, TEXT.replace("lazy ", ""))]
    in_pieces(monkeypatch, 900)
    whole = contrast(*(reading.record() for reading in readings))
    found = contrast_of(*map(Part, readings), maps=3, most=99)
    assert_alike(found, whole, 99, 1e-5)
    with pytest.raises(BudgetError) as refused:
        contrast_of(*map(Part, readings), budget=100)
    assert str(refused.value).startswith("the vectors of 1 layers")
    one = vectors_of_a_layer(readings[0])
    with pytest.raises(BudgetError, match="the vectors of 3 layers"):
        readings[0].rows(allowed=2 * one)
    few = contrast_of(*map(Part, readings), maps=1, most=99, budget=2 * 2 * one)
    assert_alike(few, whole, 99, 1e-5)


def vectors_of_a_layer(reading):
    """Say how many bytes what is kept of one layer takes."""
    return sum(call.size for call in reading.rows(Selection("0")).kept)
