"""A head's weights over the picture the model saw, as a reader of the figure sees them."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from attnviz.errors import OutOfRange, RequestError
from attnviz.render.figure import encode
from attnviz.render.figure.overlay import overlay
from attnviz.selection import HeadId
from tests.render.figure.pictures import bar, cut_off, extents, lay_out, overlaps, panels, texts
from tests.render.samples import crossed, patched, seen_and_said

BLUE, RED = (40, 70, 180), (220, 40, 30)


def red_corner(height=64, width=64):
    """Blue, with a red square at the lower right."""
    picture = np.empty((height, width, 3), dtype=np.uint8)
    picture[:] = BLUE
    picture[height // 2 :, width // 2 :] = RED
    return picture


def seeing(rows=4, columns=4, heads=1, layers=1, picture=None):
    """A record of a model that sees; the class token of head h reads patch h alone."""
    record = patched(rows, columns, heads=heads)
    weights = np.tile(record.weights, (layers, 1, 1, 1))
    weights[:, :, 0] = 0
    for head in range(heads):
        weights[:, head, 0, 1 + head] = 0.5
    side = 16
    shown = red_corner(side * rows, side * columns) if picture is None else picture
    return replace(record, weights=weights, layers=tuple(range(layers)), picture=shown)


def heat(axes):
    """The weights laid over a panel's picture."""
    return np.asarray(axes.images[-1].get_array())


def pixels(figure):
    return np.asarray(Image.open(BytesIO(encode(figure, ".png"))).convert("RGB")).astype(int)


def inside(figure, axes):
    """The pixels of a panel."""
    lay_out(figure)
    box = axes.get_window_extent()
    high = round(figure.bbox.height)
    return pixels(figure)[high - round(box.y1) : high - round(box.y0), round(box.x0) : round(box.x1)]


def frames(axes):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_the_picture_stands_beside_its_heads():
    figure = overlay(seeing(heads=2))
    assert [axes.get_label() for axes in panels(figure)] == ["picture", "L0H0", "L0H1"]
    assert np.array_equal(panels(figure)[0].images[0].get_array(), seeing().picture)


def test_each_patch_has_its_weight_where_it_is():
    figure = overlay(seeing(heads=3))
    for head, axes in enumerate(panels(figure)[1:]):
        expected = np.zeros((4, 4))
        expected[divmod(head, 4)] = 0.5
        np.testing.assert_allclose(heat(axes), expected, atol=1e-6)
        assert all(list(image.get_extent()) == [-0.5, 3.5, 3.5, -0.5] for image in axes.images)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_only_what_is_read_has_a_colour(theme):
    figure = overlay(seeing(heads=1), theme=theme)
    shown = inside(figure, panels(figure)[1])
    high, wide = shown.shape[0] // 4, shown.shape[1] // 4
    read, unread = shown[4 : high - 4, 4 : wide - 4], shown[high + 4 : -4, 4:-4]
    assert np.ptp(read, axis=-1).min() > 60
    assert np.ptp(unread, axis=-1).max() <= 2
    assert abs(int(unread[0, 0, 0]) - int(unread[-1, -1, 0])) > 5  # blue and red are told apart in grey too


def test_the_heaviest_weight_has_the_colour_at_the_end_of_the_bar():
    figure = overlay(seeing(heads=1))
    shown, scale = inside(figure, panels(figure)[1]), inside(figure, bar(figure))
    strongest = shown[shown.shape[0] // 8, shown.shape[1] // 8]
    assert np.abs(strongest - scale[3, scale.shape[1] // 2]).max() <= 12
    assert bar(figure).get_yticklabels()[-1].get_text() == "0.5"


def test_the_title_says_from_where():
    said = [text.get_text() for text in texts(overlay(seeing()))]
    assert "L0H0 · from [CLS]" in said
    assert not any("no patches" in line for line in said)
    own = [text.get_text() for text in texts(overlay(seeing(heads=2), query="2,3"))]
    assert "Layer 0, heads 0-1 · from row 2 column 3" in own


def test_weight_beside_the_patches_is_told():
    record = seeing()
    weights = record.weights.copy()
    weights[0, 0, 0, 0] = 0.25
    said = [text.get_text() for text in texts(overlay(replace(record, weights=weights)))]
    assert "25% of the weight is on tokens that are no patches" in said


def test_the_querys_own_patch_is_framed_in_every_panel():
    for axes in panels(overlay(seeing(heads=2), query=(2, 3))):
        assert {frame.get_bbox().bounds for frame in frames(axes)} == {(2.5, 1.5, 1.0, 1.0)}
    assert not any(frames(axes) for axes in panels(overlay(seeing(heads=2))))


def test_a_query_of_a_finer_grid_is_framed_at_its_own_size():
    fine, coarse = patched(4, 4), patched(2, 2)
    record = replace(
        fine,
        queries=fine.queries[1:],
        keys=coarse.keys[1:],
        weights=np.full((1, 1, 16, 4), 0.25),
        picture=red_corner(),
    )
    (frame, *_) = frames(panels(overlay(record, query="3,3"))[1])
    assert frame.get_bbox().bounds == (1.0, 1.0, 0.5, 0.5)


def test_a_patch_that_was_not_seen_stays_as_it_is():
    record = seeing()
    kept = [0, *range(2, 17)]
    tokens = tuple(record.keys[place] for place in kept)
    weights = record.weights[:, :, kept][..., kept]
    figure = overlay(replace(record, queries=tokens, keys=tokens, weights=weights), query="1,1")
    axes = panels(figure)[1]
    assert np.argwhere(np.isnan(heat(axes))).tolist() == [[0, 0]]
    assert axes.images[-1].get_alpha()[0, 0] == 0


def test_many_heads_are_a_grid_of_small_pictures():
    record = seeing(heads=5, layers=4)
    figure = overlay(record)
    (axes,) = panels(figure)
    under, over = (np.asarray(image.get_array()) for image in axes.images)
    assert under.shape == over.shape
    high, wide = over.shape[0] // 4, over.shape[1] // 5
    for layer in range(4):
        for head in range(5):
            tile = over[layer * high : (layer + 1) * high, head * wide : (head + 1) * wide]
            row, column = divmod(head, 4)
            middle = tile[round((row + 0.5) * high / 4), round((column + 0.5) * wide / 4)]
            assert middle == pytest.approx(0.5)
            assert (tile > 0).mean() < 0.1
    assert len(frames(panels(overlay(record, query="1,1"))[0])) == 2 * 20


def test_a_grid_leaves_the_places_of_other_heads_empty():
    record = seeing(heads=5, layers=4)
    some = [head for head in record.head_ids if head != HeadId(2, 3)]
    figure = overlay(record, some)
    assert "empty places: heads that were not asked for" in [text.get_text() for text in texts(figure)]
    over = np.asarray(panels(figure)[0].images[-1].get_array())
    high, wide = over.shape[0] // 4, over.shape[1] // 5
    assert (over[2 * high : 3 * high, 3 * wide : 4 * wide] < 0).all()


def test_more_patches_than_pixels_show_the_largest():
    record = seeing(24, 24, heads=9, layers=2)
    figure = overlay(record, size="2.2x2.2", dpi=72)
    over = np.asarray(panels(figure)[0].images[-1].get_array())
    assert over.shape[0] < 2 * 24
    assert over.shape[1] < 9 * 24
    assert over.max() == pytest.approx(0.5)


@pytest.mark.parametrize("size", [None, "column", "slide", "8x6"])
@pytest.mark.parametrize("shape", [(4, 4), (14, 14), (8, 22), (22, 8), (1, 1), (37, 37)])
def test_nothing_overlaps_and_nothing_is_cut_off(shape, size):
    figure = overlay(seeing(*shape, heads=1), size=size)
    assert not cut_off(figure)
    assert not overlaps(extents(texts(figure)))


def test_a_question_beside_a_picture_is_the_mean_of_its_words():
    record = replace(seen_and_said(), picture=red_corner(48, 48))
    said = [text.get_text() for text in texts(overlay(record))]
    assert "L0H0 · from the mean of 7 queries" in said


# How a PDF is written is the same for every figure: test_encoding.py holds it.
@pytest.mark.parametrize("suffix", [".png", ".svg", pytest.param(".pdf", marks=pytest.mark.long)])
def test_the_same_figure_gives_the_same_bytes(suffix):
    assert encode(overlay(seeing(), query=3), suffix) == encode(overlay(seeing(), query=3), suffix)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(RequestError, match="no picture to draw on"):
        overlay(patched())
    with pytest.raises(RequestError, match="no patches"):
        overlay(replace(crossed(), picture=red_corner()))
    with pytest.raises(RequestError, match="no such query"):
        overlay(seeing(), query="9,9")
    with pytest.raises(RequestError, match="no such theme"):
        overlay(seeing(), theme="pink")
    with pytest.raises(OutOfRange):
        overlay(seeing(), ["L7H0"])
