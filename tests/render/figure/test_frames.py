"""Sides made of the frames of a sound: labelled at round seconds, not frame by frame."""

from dataclasses import replace

import numpy as np
import pytest

from attnviz.record import Attention, Token
from attnviz.render.figure import heatmap
from attnviz.render.figure.fonts import letter
from attnviz.render.figure.sides import TokenLabels
from tests.render.figure.pictures import cut_off, extents, overlaps, panels, texts
from tests.spoken import frames, spoken


def heard(count, length=0.02):
    """A sound that looks at itself."""
    tokens = frames(count, length)
    return Attention(tokens, tokens, np.full((1, 1, count, count), 1 / count), (0,), (0,), model="heard")


def labelled(axis):
    return dict(zip((text.get_text() for text in axis.get_ticklabels()), axis.get_ticklocs(), strict=True))


@pytest.mark.parametrize(
    ("count", "length", "expected"),
    [
        (100, 0.02, {"0": 0, "0.2": 10, "0.4": 20, "1": 50, "1.8": 90}),
        (1500, 0.02, {"0": 0, "5": 250, "25": 1250}),
        (50, 0.024, {"0": 0, "0.1": 4, "1.1": 45}),
        (13, 0.08, {"0": 0, "0.1": 1, "0.9": 11}),
    ],
)
def test_labels_stand_at_round_seconds(count, length, expected):
    (axes,) = panels(heatmap(heard(count, length), "L0H0"))
    for axis in (axes.xaxis, axes.yaxis):
        found = labelled(axis)
        assert expected.items() <= found.items()
        assert len(found) <= 13
    assert axes.get_xlabel() == "to (key), in seconds"
    assert axes.get_ylabel() == "from (query), in seconds"


def test_a_few_frames_are_labelled_one_by_one():
    (axes,) = panels(heatmap(heard(5), "L0H0"))
    assert list(labelled(axes.xaxis)) == [token.text for token in frames(5)]
    assert axes.get_xlabel() == "to (key)"


def test_frames_that_do_not_follow_each_other_are_labelled_as_tokens():
    record = heard(40)
    twice = tuple(replace(token, part=f"band {at // 20}") for at, token in enumerate(frames(20) * 2))
    (axes,) = panels(heatmap(replace(record, queries=twice, keys=twice), "L0H0"))
    assert "in seconds" not in axes.get_xlabel()
    mixed = (Token("[CLS]", kind="special"), *frames(39))
    (axes,) = panels(heatmap(replace(record, queries=mixed, keys=mixed), "L0H0"))
    assert "in seconds" not in axes.get_xlabel()


@pytest.mark.parametrize("size", ["column", "page", "slide"])
def test_labels_do_not_touch(size):
    for figure in (heatmap(spoken(), "L2H0", size=size), heatmap(heard(300), "L0H0", size=size)):
        assert overlaps(extents(texts(figure))) == []
        assert cut_off(figure) == []


def test_frames_in_bands_are_labelled_alike_in_each():
    bands = tuple(replace(token, part=f"band {at // 20}") for at, token in enumerate(frames(20) * 3))
    labels = TokenLabels(bands, letter(["band"]), 100)
    inside = labels.every(8).labels
    assert [label.at for label in inside] == [0, 8, 20, 28, 40, 48]
    assert [label.text for label in inside] == ["0.00-0.02s", "0.16-0.18s"] * 3
    named = labels.every(11).labels
    assert [(label.at, label.text) for label in named] == [(0, "band 0"), (20, "band 1"), (40, "band 2")]
    assert [label.at for label in labels.every(25).labels] == [0, 40]
    assert len(labels.every(1).labels) == 60
