"""The picture of words lined up with a sound, inspected part by part."""

import numpy as np
import pytest
from matplotlib.patches import PathPatch

from attnviz.analysis.alignment import align
from attnviz.render.figure import encode
from attnviz.render.figure.timeline import timeline
from attnviz.selection import HeadId
from tests.render.figure.pictures import cells, cut_off, extents, overlaps, panels, texts
from tests.spoken import PIECES, spoken

FOUND = align(spoken(aligning=(HeadId(2, 0), HeadId(3, 2))))


def test_rows_are_words_and_columns_are_frames():
    (axes,) = panels(timeline(FOUND))
    assert [label.get_text() for label in axes.get_yticklabels()] == [*PIECES, "end"]
    assert np.allclose(cells(axes), FOUND.weights, atol=1e-6)


def test_columns_are_labelled_at_round_seconds():
    (axes,) = panels(timeline(FOUND))
    labels = {
        label.get_text(): at for at, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    }
    assert labels == {"0": 0, "0.5": 25, "1": 50, "1.5": 75, "2": 100, "2.5": 125, "3": 150}
    assert "in seconds" in axes.get_xlabel()


def test_each_row_is_outlined_where_the_way_passes_it():
    (axes,) = panels(timeline(FOUND))
    outline = next(patch for patch in axes.patches if isinstance(patch, PathPatch)).get_path().vertices
    boxes = outline[:60].reshape(12, 5, 2)
    for row, box in enumerate(boxes):
        passed = FOUND.path[FOUND.path[:, 0] == row, 1]
        assert box[:, 0].min() == passed.min() - 0.5
        assert box[:, 1].min() == row - 0.5
    assert boxes[-1, :, 0].max() == len(FOUND.frames) - 0.5


def test_each_word_has_its_times_once():
    written = [text.get_text() for text in texts(timeline(FOUND))]
    assert written.count("1.30-1.84") == 1  # "jump" and "s" together
    assert written.count("0.00-0.28") == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [None, "column", "page", "slide"])
def test_nothing_written_leaves_the_picture_or_touches(theme, size):
    figure = timeline(FOUND, theme=theme, size=size)
    assert cut_off(figure) == []
    assert overlaps(extents(texts(figure))) == []


def test_the_same_alignment_gives_the_same_bytes():
    assert encode(timeline(FOUND), ".png") == encode(timeline(FOUND), ".png")
