"""The grid of layers and heads: one image, every head in its place."""

import numpy as np
import pytest

from attnviz.record import from_arrays
from attnviz.render.figure import heatmap
from attnviz.render.figure.grid import mosaic, stretch
from attnviz.render.theme import THEMES, rgb
from tests.render.figure.pictures import FOX, bar, cut_off, extents, overlaps, panels, record, texts, words


def only(figure):
    (axes,) = panels(figure)
    (image,) = axes.images
    return axes, image


def test_many_heads_are_one_image_on_one_axes():
    only(heatmap(record(FOX, layers=12, heads=12)))


def test_many_heads_of_one_layer_stay_panels_with_their_tokens():
    assert len(panels(heatmap(record(FOX, heads=16)))) == 16


def test_every_head_stands_where_its_numbers_say():
    """Each head lights one cell of its own; the picture is read at that cell."""
    layers, heads, tokens = 3, 5, 10
    weights = np.zeros((layers, heads, tokens, tokens))
    for layer, head in np.ndindex(layers, heads):
        weights[layer, head, layer, 2 * head] = 0.5
    _, image = only(heatmap(from_arrays(weights, FOX)))
    mosaic_ = np.asarray(image.get_array())
    high, wide = mosaic_.shape[0] // layers, mosaic_.shape[1] // heads
    for layer, head in np.ndindex(layers, heads):
        tile = mosaic_[layer * high : (layer + 1) * high, head * wide : (head + 1) * wide]
        rows, columns = np.nonzero(tile > 0)
        assert round(float(rows.mean()) / high * tokens - 0.5) == layer
        assert round(float(columns.mean()) / wide * tokens - 0.5) == 2 * head


def test_layers_are_numbered_at_the_left_and_heads_on_top():
    axes, _ = only(heatmap(record(FOX, layers=3, heads=5)))
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("layer", "head")
    left = {text.get_text() for text in axes.texts if text.get_position()[0] < -0.5}
    above = {text.get_text() for text in axes.texts if text.get_position()[1] < -0.5}
    assert (left, above) == ({"0", "1", "2"}, {"0", "1", "2", "3", "4"})


@pytest.mark.parametrize("size", [None, "column", "slide"])
@pytest.mark.parametrize("shape", [(3, 5), (12, 12), (32, 32), (28, 2), (2, 40)])
def test_nothing_touches_and_nothing_is_cut_off(shape, size):
    figure = heatmap(record(FOX[:4], layers=shape[0], heads=shape[1]), size=size, dpi=100)
    assert not overlaps(extents(texts(figure)))
    assert not cut_off(figure)


def test_the_bar_is_common_and_so_is_the_way_to_read_a_square():
    figure = heatmap(record(FOX, layers=3, heads=5))
    assert bar(figure)
    assert "each square is a head: rows from (query), columns to (key)" in {
        t.get_text() for t in texts(figure)
    }


@pytest.mark.parametrize("theme", THEMES)
def test_masked_rule_and_zero_are_three_colors(theme):
    figure = heatmap(record(FOX, layers=3, heads=5, causal=True), theme=theme)
    _, image = only(figure)
    assert figure.legends
    colors = THEMES[theme]
    assert tuple(image.cmap(np.ma.masked, bytes=True)[:3]) == rgb(colors.masked)
    assert tuple(image.cmap(-1.0, bytes=True)[:3]) == rgb(colors.rule)
    assert len({colors.masked, colors.rule, colors.scale[0]}) == 3


def test_heads_that_were_not_asked_for_leave_grey_squares():
    figure = heatmap(record(FOX, layers=4, heads=4), heads=[f"L{at // 4}H{at % 4}" for at in range(15)])
    shown = {text.get_text() for text in texts(figure)}
    assert {"15 heads of layers 0-3", "grey squares: heads that were not asked for"} <= shown
    _, image = only(figure)
    corner = np.asarray(image.get_array())[-20:, -20:]
    assert (corner < 0).all()


def test_squares_larger_than_their_pixels_are_pooled_to_maxima():
    weights = np.full((4, 4, 400, 400), 1e-4, dtype=np.float32)
    weights[2, 3, 123, 321] = 0.9
    figure = heatmap(from_arrays(weights, words(400)), dpi=72)
    _, image = only(figure)
    assert float(image.get_array().max()) == pytest.approx(0.9)
    assert any(text.get_text().startswith("each cell shows the largest of up to") for text in texts(figure))


def test_mosaic_by_hand():
    tiles = np.array([[[1.0]], [[2.0]]], dtype=np.float32)
    laid = mosaic(tiles, [(0, 0), (1, 1)], (2, 2), gap=1)
    np.testing.assert_array_equal(
        laid, [[1, -1, -1, -1], [-1, -1, -1, -1], [-1, -1, 2, -1], [-1, -1, -1, -1]]
    )


def test_stretch_repeats_rows_and_columns():
    tile = np.array([[[1.0, 2.0]]])
    np.testing.assert_array_equal(stretch(tile, 2, 4), [[[1, 1, 2, 2], [1, 1, 2, 2]]])
