"""What the tests of figures look for is found."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.render.figure.pictures import cut_off, extents, lay_out, overlaps, texts


def test_texts_stand_where_a_drawing_puts_them():
    one, other = titled(), titled()
    lay_out(one)
    FigureCanvasAgg(other).draw()
    assert [box.bounds for box in extents(texts(one))] == [box.bounds for box in extents(texts(other))]


def test_texts_that_touch_are_found_though_they_were_apart_before():
    figure = titled()
    assert overlaps(extents(texts(figure))) == []
    figure.axes[0].set_title("first", loc="left", x=0.85)
    [(one, other)] = overlaps(extents(texts(figure)))
    assert {one.x0, other.x0} <= {box.x0 for box in extents(texts(figure))}


def test_a_text_that_leaves_the_figure_is_found():
    figure = titled()
    assert cut_off(figure) == []
    figure.text(1.0, 0.5, "beyond")
    assert cut_off(figure) == ["beyond"]


def titled() -> Figure:
    figure = Figure(figsize=(4, 3), layout="constrained")
    axes = figure.subplots()
    axes.set_title("first", loc="left")
    axes.set_title("second", loc="right")
    return figure
