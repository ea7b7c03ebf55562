"""One head and several, as the artists that were made."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attnviz
from attnviz.errors import OutOfRange, RequestError
from attnviz.record import Token, from_arrays
from attnviz.render.figure import SIZES, encode, heatmap
from attnviz.render.theme import THEMES, luminance, rgb
from attnviz.selection import HeadId
from tests.render.figure.pictures import (
    FOX,
    bar,
    cells,
    cut_off,
    extents,
    overlaps,
    panels,
    record,
    texts,
    words,
)

EVERY = [("light", None), ("dark", "column"), ("light", "9x12cm"), ("dark", "slide")]


def test_one_head_is_one_square_with_all_its_weights():
    fox = record(FOX, heads=3)
    (axes,) = panels(attnviz.heatmap(fox, head="L0H2"))
    np.testing.assert_array_equal(cells(axes), fox.head("L0H2"))
    assert [label.get_text() for label in axes.get_xticklabels()] == FOX
    assert [label.get_text() for label in axes.get_yticklabels()] == FOX
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("from (query)", "to (key)")


def test_the_first_query_is_on_top():
    (axes,) = panels(heatmap(record(FOX)))
    bottom, top = axes.get_ylim()
    assert bottom > top


def test_a_figure_saves_itself(tmp_path):
    attnviz.heatmap(record(FOX), head="L0H0").savefig(tmp_path / "fox.png")
    assert (tmp_path / "fox.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("count", [2, 3, 4, 5, 7, 8, 12])
def test_several_heads_stand_side_by_side_on_one_scale(count):
    fox = record(FOX, heads=count)
    figure = heatmap(fox)
    squares = panels(figure)
    assert [axes.get_label() for axes in squares] == [str(head) for head in fox.head_ids]
    assert {axes.images[0].get_clim() for axes in squares} == {(0.0, float(fox.weights.max()))}
    assert not overlaps(axes.get_position() for axes in figure.axes)
    assert {f"L0H{head}" for head in range(count)} <= {text.get_text() for text in texts(figure)}


def test_heads_are_drawn_in_the_order_asked_for():
    figure = heatmap(record(FOX, layers=2, heads=4), heads=["L1H3", HeadId(0, 2)])
    assert [axes.get_label() for axes in panels(figure)] == ["L1H3", "L0H2"]


def test_only_outer_panels_are_labelled():
    figure = heatmap(record(FOX, heads=7))
    named = [(bool(axes.get_ylabel()), bool(axes.get_xlabel())) for axes in panels(figure)]
    assert (
        named == [(True, False)] + [(False, False)] * 2 + [(False, True), (True, True)] + [(False, True)] * 2
    )


def test_the_bar_goes_from_nothing_to_the_largest_weight():
    fox = record(FOX, heads=2)
    axes = bar(heatmap(fox))
    largest = float(fox.weights.max())
    assert axes.get_ylim() == (0, largest)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert (labels[0], labels[-1]) == ("0", f"{largest:.2g}")


def test_all_weights_zero_are_drawn_too():
    figure = heatmap(from_arrays(np.zeros((3, 3)), "abc"))
    assert bar(figure).get_ylim() == (0, 1)
    assert "rows hold 0.00 of their mass or more: the rest goes to no key" in shown(figure)


def test_masked_cells_differ_from_zero_and_are_explained():
    figure = heatmap(record(FOX, causal=True))
    (axes,) = panels(figure)
    mask = np.ma.getmaskarray(cells(axes))
    np.testing.assert_array_equal(mask, ~np.tri(10, dtype=bool))
    (image,) = axes.images
    hidden, zero = image.cmap(np.ma.masked), image.cmap(0.0)
    assert hidden != zero
    (legend,) = figure.legends
    assert legend.get_patches()[0].get_facecolor() == hidden
    assert "masked" in legend.get_texts()[0].get_text()


def test_without_a_mask_there_is_no_legend():
    assert not heatmap(record(FOX)).legends


@pytest.mark.parametrize("theme", THEMES)
def test_colors_are_the_terminal_s(theme):
    figure = heatmap(record(FOX), theme=theme)
    (image,) = panels(figure)[0].images
    for share in np.linspace(0, 1, 33):
        np.testing.assert_allclose(image.cmap(share, bytes=True)[:3], THEMES[theme].color(share), atol=2)


def test_special_tokens_are_muted():
    fox = record(FOX)
    tokens = (Token("[CLS]", kind="special"), *fox.queries[1:])
    (axes,) = panels(heatmap(replace(fox, queries=tokens, keys=tokens)))
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert labels[0].get_color() == THEMES["light"].muted
        assert labels[1].get_color() == THEMES["light"].foreground


@pytest.mark.parametrize("theme", THEMES)
def test_numbers_stand_in_small_squares_and_can_be_read(theme):
    fox = record(FOX)
    figure = heatmap(fox, theme=theme)
    (axes,) = panels(figure)
    assert len(axes.texts) == 100
    assert {text.get_text() for text in axes.texts} <= {
        "0",
        *(f"{weight / 100:.2f}" for weight in range(1, 101)),
    }
    for text in axes.texts:
        column, row = (round(at) for at in text.get_position())
        cell = luminance(THEMES[theme].color(fox.head("L0H0")[row, column] / fox.weights.max()))
        ink = luminance(rgb(text.get_color()))
        assert (max(cell, ink) + 0.05) / (min(cell, ink) + 0.05) >= 3
    assert not overlaps(extents(axes.texts))


def test_numbers_are_left_out_of_masked_cells_large_squares_and_panels():
    assert len(panels(heatmap(record(FOX, causal=True)))[0].texts) == 55
    assert not panels(heatmap(record(words(13))))[0].texts
    assert not any(axes.texts for axes in panels(heatmap(record(FOX, heads=2))))


@pytest.mark.parametrize(("theme", "size"), EVERY)
@pytest.mark.parametrize("count", [1, 3, 10, 40, 100, 200])
def test_no_label_touches_another_and_none_is_cut_off(count, theme, size):
    figure = heatmap(record(words(count)), theme=theme, size=size)
    assert not overlaps(extents(texts(figure)))
    assert not cut_off(figure)


@pytest.mark.parametrize("size", [None, "column"])
@pytest.mark.parametrize("heads", [2, 5, 8])
def test_panels_do_not_touch_each_other(heads, size):
    figure = heatmap(record(words(20), heads=heads, causal=True), size=size)
    assert not overlaps(extents(texts(figure)))
    assert not cut_off(figure)


def test_labels_left_out_leave_positions():
    (axes,) = panels(heatmap(record(words(200))))
    labels = [label.get_text() for label in axes.get_yticklabels()]
    step = 200 // len(labels)
    assert step > 1
    assert labels[1].startswith(f"{step} ")
    assert [int(label.split()[0]) for label in labels] == list(axes.get_yticks())


def test_a_long_label_is_elided():
    (axes,) = panels(heatmap(record(["short", "x" * 500, "words"])))
    label = axes.get_xticklabels()[1].get_text()
    assert label.startswith("xxx")
    assert label.endswith("…")


@pytest.mark.parametrize(("queries", "keys"), [(10, 23), (3, 60), (60, 3), (1, 1), (1, 40)])
def test_rectangles(queries, keys):
    figure = heatmap(record(words(queries), keys=words(keys)))
    (axes,) = panels(figure)
    assert cells(axes).shape == (queries, keys)
    assert not overlaps(extents(texts(figure)))
    assert "L0H0 · cross attention" in shown(figure)


def test_cells_are_square_and_whole_pixels():
    (axes,) = panels(heatmap(record(FOX)))
    box = axes.get_window_extent()
    assert box.width == pytest.approx(box.height)
    assert box.width / 10 == pytest.approx(round(box.width / 10), abs=1e-6)


def test_more_tokens_than_pixels_are_pooled_to_their_maxima():
    weights = np.full((900, 900), 1e-4)
    weights[450, 777] = 0.7
    figure = heatmap(from_arrays(weights, words(900)), size="column")
    (axes,) = panels(figure)
    assert cells(axes).shape[0] < 900
    assert float(cells(axes).max()) == pytest.approx(0.7)
    assert "each cell shows the largest of up to 3 × 3 weights" in shown(figure)


@pytest.mark.parametrize("name", SIZES)
def test_named_sizes_are_kept_to_the_pixel(name):
    figure = heatmap(record(FOX, heads=3), size=name, dpi=100)
    width, height = figure.get_size_inches()
    assert width == pytest.approx(SIZES[name].width, abs=0.01)
    if SIZES[name].height:
        assert height == pytest.approx(SIZES[name].height, abs=0.01)


def test_what_a_head_was_taught_is_said():
    fox = replace(record(FOX, heads=2), taught={HeadId(0, 1): "modifier -> noun"})
    together = shown(heatmap(fox))
    assert "modifier -> noun" in together
    assert any(line.startswith("grey below a name: what that head was taught") for line in together)
    assert "L0H1 · taught modifier -> noun" in shown(heatmap(fox, "L0H1"))
    assert "L0H0" in shown(heatmap(fox, "L0H0"))


def test_the_model_and_the_text_are_named_but_no_folder_of_this_machine():
    fox = replace(record(FOX, model="/home/someone/models/tiny"), text="The\nquick \x1b[31mfox")
    assert "models/tiny · “The quick \\x1b[31mfox”" in shown(heatmap(fox))


def test_what_a_notebook_set_for_its_plots_changes_nothing():
    import matplotlib

    plain = encode(heatmap(record(FOX)), ".png")
    loud = {
        "axes.grid": True,
        "font.size": 30,
        "image.cmap": "jet",
        "axes.facecolor": "red",
        "text.usetex": True,
    }
    with matplotlib.rc_context(loud):
        styled = encode(heatmap(record(FOX)), ".png")
    assert styled == plain


@settings(max_examples=40)
@given(tokens=st.lists(st.text(st.characters(), max_size=12), min_size=1, max_size=4))
@pytest.mark.filterwarnings("ignore:no installed font")
def test_any_text_is_drawn_as_text(tokens):
    figure = heatmap(from_arrays(np.full((len(tokens),) * 2, 1 / len(tokens)), tokens), size="column", dpi=72)
    assert not any(text.get_parse_math() or text.get_usetex() for text in texts(figure))
    assert encode(figure, ".svg")


def test_markup_of_any_kind_shows_as_it_is():
    markup = ["$x^2$", "$\\bad{", "<b>", "[red]", "\\frac{1}{2}", "_^", "&amp;"]
    (axes,) = panels(heatmap(record(markup)))
    assert [label.get_text() for label in axes.get_yticklabels()] == markup


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"theme": "sepia"}, "no such theme: got 'sepia', allowed light, dark"),
        ({"size": "poster"}, "not a size: got 'poster'"),
        ({"size": "0.5x4"}, "allowed sides of 1.5 to 60 inches"),
        ({"dpi": 0}, "dpi: got 0, allowed 36 to 1200"),
        ({"size": "50x50", "dpi": 1200}, "too large a picture: got 60000 pixels"),
        ({"heads": []}, "no head to draw"),
        ({"head": "L0H0", "heads": ["L0H1"]}, "heads given twice"),
        ({"head": "first"}, "not a head: got 'first'"),
        ({"size": "1.5x1.5"}, "too small a picture: got 1.5 x 1.5 inches for 8 heads"),
    ],
)
def test_an_impossible_request_is_refused(options, message):
    with pytest.raises(RequestError) as fault:
        heatmap(record(FOX, heads=8), **options)
    assert message in str(fault.value)


def test_a_head_that_is_not_there_is_refused():
    with pytest.raises(OutOfRange):
        heatmap(record(FOX), "L7H7")


def shown(figure) -> set[str]:
    return {text.get_text() for text in texts(figure)}
