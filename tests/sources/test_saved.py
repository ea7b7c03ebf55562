"""A saved record serves like the model it came from."""

from dataclasses import replace

import numpy as np
import pytest

from attnviz.errors import Damaged, MissingInternals, NotFound, OutOfRange, RequestError
from attnviz.prompt import Prompt
from attnviz.record import Attention, Token
from attnviz.selection import HeadId, Selection
from attnviz.sources.saved import SavedSource
from attnviz.store import save


@pytest.fixture
def record():
    weights = np.random.default_rng(0).dirichlet(np.ones(2), size=(3, 4, 2)).astype(np.float32)
    return Attention(
        queries=(tokens := (Token("a", 1, (0, 1), word=0), Token("b", 2, (2, 3), word=1))),
        keys=tokens,
        weights=weights,
        layers=(1, 3, 5),
        heads=(0, 1, 2, 3),
        model="somebody/model",
        text="a b",
        taught={HeadId(1, 2): "amod", HeadId(5, 3): "det"},
    )


@pytest.fixture
def source(record, tmp_path):
    return SavedSource(save(record, tmp_path / "record.safetensors"))


def test_gives_the_record_back(source, record):
    outline = source.read(Prompt()).outlines["self"]
    assert (source.name, outline.numbers) == ("somebody/model", (1, 3, 5))
    assert source.attend() == source.attend("a b") == record


def test_gives_the_part_asked_for(source, record):
    part = source.attend(selection=Selection("1,-1", "2-3"))
    assert (part.layers, part.heads) == ((1, 5), (2, 3))
    np.testing.assert_array_equal(part.weights, record.weights[[0, 2]][:, [2, 3]])
    assert part.taught == record.taught
    assert source.attend(selection=Selection(heads="L3H0")).taught == {}


def test_a_part_keeps_what_is_known_of_its_own_layers(record, tmp_path):
    window = np.array([[True, False], [False, True]])
    facts = {"weights": record.weights * window, "sight": {1: window, 3: window, 5: window}, "sinks": (1, 5)}
    source = SavedSource(save(replace(record, **facts), tmp_path / "window.safetensors"))
    part = source.attend(selection=Selection("3,5"))
    assert (set(part.sight), part.sinks) == ({3, 5}, (5,))


def test_heads_named_one_by_one_are_completed_to_a_grid(source):
    part = source.attend(selection=Selection(heads="L5H2,L1H0"))
    assert (part.layers, part.heads) == ((1, 5), (0, 2))


def test_says_what_the_record_does_not_hold(source):
    with pytest.raises(OutOfRange, match="no layer 2: this model has layers 1,3,5"):
        source.attend(selection=Selection("2"))
    with pytest.raises(RequestError, match="another text: got 'c', allowed 'a b'"):
        source.attend("c")
    with pytest.raises(MissingInternals):
        source.attend(internals=True)


def test_no_record_there(tmp_path):
    with pytest.raises(NotFound):
        SavedSource(tmp_path / "nothing.safetensors")
    (tmp_path / "other.safetensors").write_text("something else")
    with pytest.raises(Damaged):
        SavedSource(tmp_path / "other.safetensors")
