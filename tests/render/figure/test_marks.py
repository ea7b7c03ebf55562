"""Windows, borders and parts, as the artists that were made and the pixels they leave."""

import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.patches import PathPatch

from attnviz.render.figure import encode, heatmap
from attnviz.render.figure.colors import STRIPE
from attnviz.render.figure.grid import striped
from attnviz.render.hidden import OUTSIDE
from attnviz.render.theme import THEMES, luminance, rgb
from tests.render.figure.pictures import cells, panels, texts
from tests.render.samples import continued, fox, paired, seen_and_said, window, windowed


def hatched(axes):
    """Where each hatching of a panel shows, in its rows and columns."""
    clips = [patch.get_clip_path() for patch in axes.patches if isinstance(patch, PathPatch)]
    places = [clip.get_fully_transformed_path() for clip in clips]
    return [place.transformed(axes.transData.inverted()) for place in places]


def legends(figure):
    return [legend.get_texts()[0].get_text() for legend in figure.legends]


def lines(axes):
    """The levels of lines across a panel, among rows and among columns."""
    rows = {float(line.get_ydata()[0]) for line in axes.lines if tuple(line.get_xdata()) == (0, 1)}
    columns = {float(line.get_xdata()[0]) for line in axes.lines if tuple(line.get_ydata()) == (0, 1)}
    return sorted(rows), sorted(columns)


def test_keys_outside_the_window_are_hatched_and_no_others():
    (axes,) = panels(heatmap(windowed(), "L0H0"))
    (path,) = hatched(axes)
    outside = np.tri(10, k=-4, dtype=bool)
    for row, column in np.ndindex(10, 10):
        assert path.contains_point((column, row)) == outside[row, column]
    np.testing.assert_array_equal(np.ma.getmaskarray(cells(axes)), ~window(10, 4))


def test_both_reasons_for_a_masked_cell_are_explained_by_an_example():
    figure = heatmap(windowed(), "L0H0")
    assert legends(figure) == [
        "masked: later keys, which the query cannot see",
        "hatched: keys outside the query's window",
    ]
    later, outside = (legend.get_patches()[0] for legend in figure.legends)
    assert (bool(later.get_hatch()), bool(outside.get_hatch())) == (False, True)


def test_a_layer_without_a_window_has_no_hatching():
    (windowless,) = panels(heatmap(windowed(), "L1H0"))
    assert not hatched(windowless)
    assert [bool(hatched(axes)) for axes in panels(heatmap(windowed()))] == [True, False]


def test_a_pooled_window_is_hatched_where_all_of_a_cell_is_outside():
    figure = heatmap(windowed(1, 1, 400, 60), size="column", dpi=72)
    (axes,) = panels(figure)
    (path,) = hatched(axes)
    assert cells(axes).shape[0] < 400
    assert path.contains_point((0, 399))
    assert not path.contains_point((399, 0))
    assert not path.contains_point((390, 395))


@pytest.mark.parametrize("theme", THEMES)
def test_a_hatching_shows_in_black_and_white(theme):
    """Its lines differ in lightness from the cell, in one head and in the grid."""
    for record in (windowed(1), windowed(4, 4)):
        picture = imread(io.BytesIO(encode(heatmap(record, theme=theme, dpi=100), ".png")))
        pixels = np.round(picture[..., :3] * 255).astype(int)
        assert (pixels == rgb(THEMES[theme].masked)).all(axis=-1).any()
        assert (np.abs(pixels - rgb(THEMES[theme].hatch)).max(axis=-1) <= 40).any()
    light, dark = sorted((luminance(rgb(THEMES[theme].hatch)), luminance(rgb(THEMES[theme].masked))))[::-1]
    assert (light + 0.05) / (dark + 0.05) > 1.8


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_hatching_is_written_the_same_every_time(suffix):
    assert encode(heatmap(windowed(), "L0H0"), suffix) == encode(heatmap(windowed(), "L0H0"), suffix)


def test_stripes_by_hand():
    tiles = np.full((1, 3, 3), OUTSIDE)
    tiles[0, 0, 1] = 0.5
    laid = striped(tiles, 3)
    np.testing.assert_array_equal(
        laid[0], [[STRIPE, 0.5, np.nan], [np.nan, np.nan, STRIPE], [np.nan, STRIPE, np.nan]]
    )


def test_tiles_without_a_window_are_not_copied():
    tiles = np.array([[[0.5, np.nan]]])
    assert striped(tiles, 3) is tiles


def test_the_largest_weight_of_a_striped_grid_keeps_its_colour():
    figure = heatmap(windowed(4, 4))
    (axes,) = panels(figure)
    (image,) = axes.images
    shown = np.asarray(image.get_array())
    assert {STRIPE, image.norm.vmax} <= set(shown[np.isfinite(shown)].tolist())
    picture = np.round(imread(io.BytesIO(encode(figure, ".png")))[..., :3] * 255).astype(int)
    assert (picture == rgb(THEMES["light"].scale[-1])).all(axis=-1).sum() > 50


def test_the_border_is_drawn_on_both_axes():
    figure = heatmap(continued())
    (axes,) = panels(figure)
    assert lines(axes) == ([4.5], [4.5])
    assert "where what the model said itself begins" in legends(figure)


def test_rows_alone_have_a_border_where_keys_are_another_text():
    said = continued()
    across = replace(said, keys=fox().keys[:9], causal=False, block="cross")
    (axes,) = panels(heatmap(across))
    assert lines(axes) == ([4.5], [])


def test_every_panel_has_the_border():
    assert all(lines(axes) == ([4.5], [4.5]) for axes in panels(heatmap(continued(3))))


def test_parts_are_split_and_named_along_both_axes():
    (axes,) = panels(heatmap(paired()))
    assert lines(axes) == ([4.5], [4.5])
    named = [(text.get_text(), text.get_rotation()) for text in axes.texts if text.get_text() in ("A", "B")]
    assert sorted(named) == [("A", 0.0), ("A", 90.0), ("B", 0.0), ("B", 90.0)]


def test_only_outer_panels_name_parts():
    named = [sorted(text.get_text() for text in axes.texts) for axes in panels(heatmap(paired(3)))]
    assert named == [["A", "A", "B", "B"], ["A", "B"], ["A", "B"]]


def test_a_part_without_room_for_its_name_keeps_its_bracket():
    record = seen_and_said()
    turns = [replace(token, part=f"a very long name {at}") for at, token in enumerate(record.keys)]
    figure = heatmap(replace(record, queries=tuple(turns), keys=tuple(turns)), size="column")
    (axes,) = panels(figure)
    brackets = [line for line in axes.lines if not line.get_clip_on()]
    assert len(brackets) == 2 * len(turns)


def test_a_plain_record_has_neither_lines_nor_brackets():
    (axes,) = panels(heatmap(fox(), "L0H0"))
    assert not axes.lines
    assert not axes.patches
    assert {"A", "B"}.isdisjoint(text.get_text() for text in texts(heatmap(fox(), "L0H0")))
