"""The matrix of divergences and the map of heads, as the artists that were made."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from attnviz.analysis.comparing.headmap import head_map
from attnviz.analysis.comparing.heads import compare
from attnviz.errors import RequestError
from attnviz.record import from_arrays
from attnviz.render.figure import encode
from attnviz.render.figure.divergences import draw_divergences
from attnviz.render.groups import SIGNS
from tests.render.figure.pictures import bar, cells, cut_off, extents, overlaps, texts
from tests.render.samples import fox, soft

WORDS = ["a", "b", "c", "d", "e"]


def many(layers, heads):
    return compare(from_arrays(soft(5, 5, layers, heads), WORDS))


def named(figure, name):
    (axes,) = (axes for axes in figure.axes if axes.get_label() == name)
    return axes


def test_the_matrix_holds_every_divergence_in_the_clustered_order():
    found = compare(fox())
    axes = named(draw_divergences(found), "divergences")
    np.testing.assert_allclose(cells(axes), found.clustered.divergences, atol=1e-6)
    names = [str(head) for head in found.clustered.heads]
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    assert [label.get_text() for label in axes.get_xticklabels()] == names


def test_groups_are_framed():
    found = compare(fox())
    axes = named(draw_divergences(found), "divergences")
    frames = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    inside = []
    for frame in frames:
        first = round(frame.get_x() + 0.5)
        inside.append(frozenset(found.clustered.heads[first : first + round(frame.get_width())]))
    assert set(inside) == {frozenset(group) for group in found.groups if len(group) > 1}


def test_the_bar_goes_from_nothing_to_the_largest_divergence():
    found = compare(fox())
    axes = bar(draw_divergences(found))
    assert axes.get_ylim() == (0, pytest.approx(found.divergences.max()))


def test_heads_stand_as_far_apart_as_the_map_says():
    found = compare(fox())
    axes = named(draw_divergences(found), "map")
    signs = [text for text in axes.texts if text.get_text() in {*SIGNS, "•"}]
    drawn = np.array([text.get_position() for text in signs])
    places = head_map(found).places
    apart, expected = (np.linalg.norm(p[:, None] - p[None], axis=-1) for p in (drawn, places))
    assert apart / apart.max() == pytest.approx(expected / expected.max())
    # A unit across is as long as one up.
    box = axes.get_window_extent()
    across, up = np.diff(axes.get_xlim()), np.diff(axes.get_ylim())
    assert box.width / across == pytest.approx(box.height / up, rel=1e-3)


@pytest.mark.parametrize(
    ("shape", "theme", "size"),
    [((1, 3), "light", None), ((2, 8), "dark", "column"), ((6, 12), "light", None), ((12, 12), "dark", None)],
)
def test_names_cover_nothing_and_those_left_out_are_counted(shape, theme, size):
    figure = draw_divergences(many(*shape), theme=theme, size=size)
    assert not cut_off(figure)
    axes = named(figure, "map")
    names = [text for text in texts(figure) if text.axes is axes and text.get_text().startswith("L")]
    assert not overlaps(extents(names))
    left_out = shape[0] * shape[1] - len(names)
    told = " ".join(text.get_text() for text in texts(figure))
    assert (f"{left_out} heads have no name" in told) == (left_out > 0)


def test_two_heads_are_a_matrix_without_a_map():
    figure = draw_divergences(compare(fox(), "L0H0", "L1H0"))
    assert [axes.get_label() for axes in figure.axes] == ["divergences", "<colorbar>"]
    assert not cut_off(figure)


def test_heads_that_all_read_alike_can_be_drawn():
    record = from_arrays(np.eye(3)[None].repeat(4, 0), ["a", "b", "c"])
    assert encode(draw_divergences(compare(record)), ".png")


# How a PDF is written is the same for every figure: test_encoding.py holds it.
@pytest.mark.parametrize("suffix", [".png", ".svg", pytest.param(".pdf", marks=pytest.mark.long)])
def test_the_same_comparison_gives_the_same_bytes(suffix):
    assert encode(draw_divergences(many(2, 4)), suffix) == encode(draw_divergences(many(2, 4)), suffix)


def test_a_height_cannot_be_asked_for():
    with pytest.raises(RequestError, match="no height"):
        draw_divergences(many(1, 3), size="8x6")
