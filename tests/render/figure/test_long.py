"""Long inputs as the artists that were made: positions at the sides, scales, thin structures."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from attnviz.render.figure import encode, heatmap
from attnviz.render.figure.colors import ColorScale
from attnviz.render.theme import THEMES, rgb
from tests.render.figure.pictures import FOX, bar, cells, cut_off, overlaps, panels, record, texts
from tests.render.longer import KINDS, part_of, pooled, runs_of

SIZES = ["column", "page", "slide", "84mm", None]


def labels(axis):
    return [label.get_text() for label in axis if label.get_text()]


def said(figure):
    return [text.get_text() for text in texts(figure)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("statistic", ["maximum", "mean"])
def test_a_pooled_head_says_what_it_shows(size, statistic):
    figure = heatmap(pooled(statistic), head="L0H0", size=size)
    told = said(figure)
    assert f"L0H0 · {statistic} per cell" in told
    assert f"pooled 1,024 × 1,024 to 64 × 64, {statistic} per cell" in told
    assert "query and key positions 0 to 1,023, 16 tokens a cell" in told
    assert any(line.startswith("logarithmic colours from 0.00098 up") for line in told)
    assert not cut_off(figure)
    assert not overlaps(label.get_window_extent() for label in panels(figure)[0].get_xticklabels())


@pytest.mark.parametrize("size", ["column", "page"])
@pytest.mark.parametrize("count", [1, len(KINDS)])
def test_marks_stand_at_round_positions(size, count):
    long = replace(pooled(), queries=runs_of(16384, 64), keys=runs_of(16384, 64))
    axes = panels(heatmap(long, heads=long.head_ids[:count], size=size))[-1 if count > 1 else 0]
    columns = [int(text.replace(",", "")) for text in labels(axes.get_xticklabels())]
    assert columns == [at * 256 for at in axes.get_xticks()]
    assert columns[0] == 0
    assert 1 < len(columns) <= 9
    assert {text.get_rotation() for text in axes.get_xticklabels()} == {0.0}


def test_words_stand_beside_positions_where_there_is_room():
    wide, narrow = (panels(heatmap(pooled(), head="L0H0", size=size))[0] for size in ("page", "column"))
    assert labels(wide.get_yticklabels())[1].startswith("128 ")
    assert labels(wide.get_yticklabels())[1] != "128"
    assert "128" in labels(narrow.get_yticklabels())


def test_colours_go_by_orders_of_magnitude():
    figure = heatmap(pooled("mean"), head="L0H2")
    (image,) = panels(figure)[0].images
    top, floor = float(pooled("mean").head("L0H2").max()), 1 / 1024
    middle = float(np.sqrt(top * floor))
    assert np.asarray(image.norm([0.0, floor, middle, top])).tolist() == pytest.approx([0, 0, 0.5, 1])
    written = labels(bar(figure).get_yticklabels())
    assert (written[0], written[-1]) == ("0.001", f"{top:.2g}")
    assert "0.01" in written


@pytest.mark.parametrize("top", np.random.default_rng(0).random(20).astype(np.float32))
def test_the_largest_cell_has_the_colour_of_the_top(top):
    scale = ColorScale(THEMES["light"], float(top), 1 / 4096)
    weights = np.array([top, top / 2], np.float32)
    assert tuple(scale.colormap(scale.norm(weights))[0]) == tuple(scale.colormap(1.0))


def test_the_bar_of_a_logarithmic_scale_is_evenly_coloured():
    (image,) = bar(heatmap(pooled("mean"), head="L0H2")).images
    shades = np.asarray(image.norm(image.get_array())).ravel()
    np.testing.assert_allclose(np.diff(shades), 1 / 255, atol=1e-6)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_no_query_sees_is_masked_on_a_logarithmic_scale_too(theme):
    figure = heatmap(pooled(), head="L0H3", theme=theme)
    axes = panels(figure)[0]
    assert cells(axes).mask[0, 1:].all()
    pixels = np.asarray(Image.open(io.BytesIO(encode(figure, ".png"))).convert("RGB"))
    high, wide = pixels.shape[:2]
    box = axes.get_position()
    # Three quarters to the right and a quarter down, which is above the diagonal.
    at = int(high * (1 - box.y0 - 0.75 * box.height)), int(wide * (box.x0 + 0.75 * box.width))
    assert tuple(pixels[at]) == rgb(THEMES[theme].masked)


@pytest.mark.parametrize("size", ["column", None])
def test_a_sink_is_not_hidden_by_the_frame(size):
    long = pooled("mean", tokens=1024, cells=512, kinds=("sink",))
    figure = heatmap(long, head="L0H0", size=size)
    pixels = np.asarray(Image.open(io.BytesIO(encode(figure, ".png"))).convert("L")).astype(int)
    box = panels(figure)[0].get_position()
    high, wide = pixels.shape
    left, row = round(wide * box.x0), int(high * (1 - box.y0 - 0.2 * box.height))
    assert pixels[row, left] < 120 < pixels[row, left + 8]


@pytest.mark.parametrize("statistic", ["maximum", "mean"])
@pytest.mark.parametrize("layers", [1, 12])
def test_a_thin_band_is_unbroken_in_the_grid(statistic, layers):
    long = pooled(statistic, tokens=512, cells=256, kinds=("previous token",) * 13, layers=layers)
    figure = heatmap(long, size="column")
    for axes in panels(figure):
        shown = cells(axes).filled(0)
        tile = shown if layers == 1 else shown[1 : shown.shape[0] // 12 - 1, 1 : shown.shape[1] // 13 - 1]
        assert (tile.max(axis=1)[1:] > 5 / 512).all()


@pytest.mark.parametrize(("statistic", "shown"), [("maximum", "largest"), ("mean", "mean")])
def test_the_grid_says_how_many_weights_share_a_pixel(statistic, shown):
    long = pooled(statistic, tokens=512, cells=256, kinds=KINDS * 2, layers=12)
    (line,) = (line for line in said(heatmap(long, size="column")) if line.startswith("each cell shows"))
    shared = int(line.split()[-4])
    assert line == f"each cell shows the {shown} of up to {shared} × {shared} weights"
    # 12 tiles in 3.3 inches of 200 pixels each, less what stands beside them.
    assert 512 * 12 / 660 < shared < 512 * 12 / 330


def test_no_sink_stands_beside_pooled_cells():
    figure = heatmap(pooled(sink=True), head="L0H1")
    assert not any("sink" in text for text in said(figure))
    assert not any(axes.get_label().endswith("sink") for axes in figure.axes)


def test_a_window_counts_in_the_whole():
    tokens = [f"word{at}" for at in range(60)]
    figure = heatmap(part_of(record(tokens), 1000), size="column")
    assert "query and key positions 1,000 to 1,059 of the whole input" in said(figure)
    assert labels(panels(figure)[0].get_yticklabels())[0] == "1,000 word0"


def test_a_whole_record_is_drawn_as_it_was():
    figure = heatmap(record(FOX))
    assert not any("positions" in line or "pooled" in line for line in said(figure))
    assert type(panels(figure)[0].images[0].norm).__name__ == "Normalize"
    assert panels(figure)[0].spines["left"].get_zorder() == 2.5


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_every_format_takes_a_pooled_grid(suffix):
    assert encode(heatmap(pooled("mean")), suffix)
