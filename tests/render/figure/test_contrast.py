"""Difference maps and the overview of heads, as the artists that were made."""

from dataclasses import replace

import numpy as np
import pytest

from attnviz.errors import OutOfRange, RequestError
from attnviz.render.contrasts import DIVERGENCE, difference_map, signed
from attnviz.render.figure import encode
from attnviz.render.figure.contrast import draw_contrast
from attnviz.render.theme import THEMES, rgb
from attnviz.selection import HeadId
from tests.render.contrasted import causal, grown, long, minimal_pair, other_shape, unchanged
from tests.render.figure.pictures import cells, cut_off, extents, overlaps, texts

EVERY = [("light", None), ("dark", "column"), ("light", "page")]


def named(figure, name):
    (axes,) = (axes for axes in figure.axes if axes.get_label() == name)
    return axes


def bars(figure):
    return [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]


def said(figure):
    return [text.get_text() for text in texts(figure)]


def test_a_map_shows_every_difference_on_a_scale_around_nothing():
    found = minimal_pair()
    figure = draw_contrast(found, ["L1H1"])
    axes = named(figure, "L1H1")
    np.testing.assert_allclose(cells(axes), difference_map(found, HeadId(1, 1)), atol=1e-6)
    low, high = axes.images[0].get_clim()
    assert low == -high
    assert high == pytest.approx(np.abs(found.differences[found.row(HeadId(1, 1))]).max())
    assert [label.get_text() for label in axes.get_yticklabels()] == ["The", "cat→dog", "sat", "down", "."]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("from (query)", "to (key)")


def test_without_heads_the_one_that_changed_most_is_drawn():
    found = minimal_pair()
    assert named(draw_contrast(found), str(found.ranked[0].head))


def test_the_overview_has_a_cell_for_each_head():
    found = minimal_pair()
    axes = named(draw_contrast(found), "overview")
    np.testing.assert_allclose(
        cells(axes), np.reshape([change.divergence.mean for change in found.changes], (2, 3)), atol=1e-6
    )
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("layer", "head")
    assert axes.images[0].get_clim()[0] == 0


def test_numbers_in_the_cells_have_their_sign():
    found = grown()
    figure = draw_contrast(found, ["L0H0"])
    shown = [text.get_text() for text in named(figure, "L0H0").texts]
    expected = [
        "0" if abs(cell) < 0.005 else signed(cell) for cell in difference_map(found, HeadId(0, 0)).flat
    ]
    assert shown == expected


def test_what_is_elsewhere_has_a_column_of_its_own_behind_a_line():
    axes = named(draw_contrast(grown()), str(grown().ranked[0].head))
    assert [label.get_text() for label in axes.get_xticklabels()][-1] == "elsewhere"
    (line,) = axes.get_lines()
    assert line.get_xdata()[0] == 4.5
    whole = named(draw_contrast(minimal_pair(), ["L1H1"]), "L1H1")
    assert not whole.get_lines()


def test_both_scales_have_a_bar():
    above, below = sorted(bars(draw_contrast(minimal_pair())), key=lambda axes: -axes.get_position().y0)
    assert above.get_ylim()[0] == 0
    assert below.get_ylim()[0] == -below.get_ylim()[1]
    ticks = below.get_yticks()
    assert list(ticks) == pytest.approx([-tick for tick in ticks[::-1]])


def test_several_heads_stand_side_by_side_on_one_scale():
    found = minimal_pair()
    figure = draw_contrast(found, ["L1H1", "L0H2", "L1H2"])
    squares = [named(figure, name) for name in ("L1H1", "L0H2", "L1H2")]
    assert len({axes.images[0].get_clim() for axes in squares}) == 1
    assert not overlaps(axes.get_position() for axes in figure.axes)


def test_one_head_needs_no_overview_and_says_its_divergence():
    from attnviz.analysis.comparing.contrast import contrast
    from attnviz.record import from_arrays

    record = from_arrays(np.eye(2), ["a", "b"])
    figure = draw_contrast(contrast(record, from_arrays(np.eye(2)[::-1], ["a", "b"])))
    assert [axes.get_label() for axes in figure.axes] == ["L0H0", "<colorbar>"]
    assert "L0H0: second minus first · 1.000 ±0.000 bits" in said(figure)


def test_keys_a_query_cannot_see_are_masked():
    found = causal(6)
    figure = draw_contrast(found, ["L0H0"])
    image = cells(named(figure, "L0H0"))
    np.testing.assert_array_equal(np.ma.getmaskarray(image) | np.isnan(image), ~found.visible[0])
    assert any("cannot see" in text for text in said(figure))


def test_more_differences_than_pixels_are_pooled_to_the_largest():
    found = causal(500, heads=1)
    figure = draw_contrast(found, size="column", dpi=40)
    image = cells(named(figure, "L0H0"))
    assert image.shape[0] < 500
    assert np.nanmin(image) < 0 < np.nanmax(image)
    assert np.nanmax(np.abs(image)) == pytest.approx(np.abs(found.differences[0]).max(), abs=1e-6)
    assert any("largest of several differences" in text for text in said(figure))


def test_a_contrast_without_change_can_be_drawn():
    figure = draw_contrast(unchanged())
    assert any("no head has changed" in text for text in said(figure))


@pytest.mark.parametrize(("theme", "size"), EVERY)
@pytest.mark.parametrize("made", [minimal_pair, grown, other_shape, lambda: causal(60)])
def test_nothing_is_cut_off_and_nothing_overlaps(made, theme, size):
    figure = draw_contrast(made(), theme=theme, size=size)
    assert not cut_off(figure)
    assert not overlaps(extents(texts(figure)))
    assert figure.get_facecolor()[:3] == pytest.approx([part / 255 for part in rgb(THEMES[theme].background)])


def test_notes_are_whole():
    for size in (None, "column"):
        shown = said(draw_contrast(minimal_pair(), size=size))
        assert DIVERGENCE in " ".join(text for text in shown)


# How a PDF is written is the same for every figure: test_encoding.py holds it.
@pytest.mark.parametrize("suffix", [".png", ".svg", pytest.param(".pdf", marks=pytest.mark.long)])
def test_the_same_contrast_gives_the_same_bytes(suffix):
    assert encode(draw_contrast(minimal_pair()), suffix) == encode(draw_contrast(minimal_pair()), suffix)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(OutOfRange, match="L7H0"):
        draw_contrast(minimal_pair(), ["L7H0"])
    with pytest.raises(RequestError, match="empty list"):
        draw_contrast(minimal_pair(), [])
    with pytest.raises(RequestError, match="no height"):
        draw_contrast(minimal_pair(), size="slide")
    with pytest.raises(RequestError, match="no such theme"):
        draw_contrast(minimal_pair(), theme="neon")


@pytest.mark.parametrize(("theme", "size"), EVERY)
@pytest.mark.parametrize("grows", [True, False])
def test_a_long_one_is_marked_at_round_positions_and_nothing_is_cut_off(theme, size, grows):
    found = long(grows=grows)
    figure = draw_contrast(found, found.pooled.heads[:1], theme=theme, size=size)
    assert not cut_off(figure)
    assert not overlaps(extents(texts(figure)))
    axes = named(figure, str(found.pooled.heads[0]))
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels[0] == "0"
    assert all(label.replace(",", "").isdecimal() for label in labels)
    drawn = cells(axes)
    np.testing.assert_allclose(drawn[:, :64], scale(found) * found.pooled.cells[0], atol=1e-4)
    assert drawn.shape == (64, 64 + 3 * grows)
    assert any("pooled 900 x 900 to 64 x 64, largest difference per cell" in text for text in said(figure))


def scale(found):
    return 100 if np.nanmax(np.abs(found.pooled.cells[0])) < 0.01 else 1


def test_what_is_elsewhere_does_not_take_the_colours_from_a_long_map():
    found = long()
    figure = draw_contrast(found, found.pooled.heads)
    axes = named(figure, str(found.pooled.heads[0]))
    sizes = np.abs(found.pooled.cells[np.isfinite(found.pooled.cells)])
    top = axes.images[0].get_clim()[1] / 100
    assert np.count_nonzero(sizes > 1.0001 * top) <= len(sizes) / 1000
    assert top > sorted(sizes)[-len(sizes) // 500]
    assert np.abs(found.pooled.elsewhere).max() > np.nanmax(np.abs(found.pooled.cells))
    assert any("elsewhere goes beyond the colours, to a change of 50%" in text for text in said(figure))


def changed_once(found, head):
    """The same with one cell in which much changed."""
    cells = found.pooled.cells.copy()
    cells[found.pooled.heads.index(head), 40, 3] = -0.9
    return replace(found, pooled=replace(found.pooled, cells=cells))


def test_a_single_large_change_does_not_take_the_colours_from_a_long_map():
    found = long(grows=False)
    head = found.pooled.heads[0]
    once = changed_once(found, head)
    before, after = (named(draw_contrast(each, [head]), str(head)).images[0] for each in (found, once))
    assert after.get_clim()[1] == pytest.approx(before.get_clim()[1], rel=0.05)
    assert after.cmap(after.norm(-90.0)) == after.cmap(after.norm(after.get_clim()[0]))
    assert "one cell in 1,000 goes beyond the colours, to a change of 90%" in said(
        draw_contrast(once, [head])
    )


@pytest.mark.parametrize("heads", [1, 2])
def test_the_column_for_what_is_elsewhere_is_named_beside_positions(heads):
    found = long()
    figure = draw_contrast(found, found.pooled.heads[:heads])
    panels = [named(figure, str(head)).get_position() for head in found.pooled.heads[:heads]]
    above = [
        text.get_position()
        for text in texts(figure)
        if text.get_text() == "elsewhere" and text.get_position()[1] > panels[0].y1
    ]
    assert len(above) == heads
    for (x, _), panel in zip(above, panels, strict=True):
        assert panel.x0 + panel.width / 2 < x < panel.x1
    assert "elsewhere" not in said(draw_contrast(long(grows=False)))


def test_a_title_says_as_much_as_there_is_room_for():
    found = long(grows=False)
    (head,) = found.pooled.heads[:1]
    change = found.changes[found.row(head)].divergence
    short = f"{head}: second minus first · {change.mean:.3f}"
    for size, title in ((None, f"{short} ±{change.spread:.3f} bits"), ("column", f"{short} bits")):
        assert title in said(draw_contrast(found, [head], size=size))
