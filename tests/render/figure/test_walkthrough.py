"""A walk on paper, inspected part by part."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from attnviz.render.figure.walkthrough.pages import walkthrough_figures, walkthrough_pdf
from attnviz.render.walkthrough.blocks import Table
from attnviz.render.walkthrough.drawings import flow, square
from attnviz.render.walkthrough.tell import LEVELS, tell
from tests.render.drawn import drawn, fox

CASES = [(name, level) for name in drawn() for level in LEVELS]


@pytest.fixture(autouse=True)
def _quiet(recwarn):
    """Letters that no font has are warned of, which is tested elsewhere."""


def said(figures):
    return [text.get_text() for figure in figures for text in figure.findobj(Text) if text.get_text()]


def weights_of(figures):
    (axes,) = (axes for figure in figures for axes in figure.axes if axes.get_label() == "weights")
    return axes


@pytest.mark.parametrize("name", drawn())
def test_the_cells_are_the_weights(name):
    walk, record = drawn()[name]
    found = square(walk, record, "math")
    (image,) = weights_of(walkthrough_figures(walk, record, "math")).images
    cells = np.ma.filled(image.get_array().astype(float), np.nan)
    np.testing.assert_array_equal(cells, np.where(found.visible, found.weights, np.nan))
    if name == "fox":
        np.testing.assert_array_equal(cells, record.head(walk.head).astype(float))


@pytest.mark.parametrize(("name", "level"), CASES)
@pytest.mark.filterwarnings("ignore:no installed font")
def test_all_texts_lie_between_the_margins(name, level):
    walk, record = drawn()[name]
    for figure in walkthrough_figures(walk, record, level):
        width, height = figure.bbox.width, figure.bbox.height
        renderer = FigureCanvasAgg(figure).get_renderer()
        for text in figure.findobj(Text):
            if text.get_text().strip():
                box = text.get_window_extent(renderer)
                assert box.x0 >= width * 0.09, text.get_text()
                assert box.x1 <= width * 0.93, text.get_text()
                assert 0 <= box.y0 <= box.y1 <= height, text.get_text()


@pytest.mark.parametrize("level", LEVELS)
def test_every_cell_of_the_tables_is_written(level):
    walk, record = fox()
    texts = set(said(walkthrough_figures(walk, record, level)))
    for page in tell(walk, level).pages:
        for block in page.blocks:
            if isinstance(block, Table):
                for column in block.columns:
                    assert {cell.strip() for cell in column.cells if cell.strip()} <= texts


@pytest.mark.parametrize("level", LEVELS)
def test_a_few_steps_come_to_a_page(level):
    walk, record = fox()
    figures = walkthrough_figures(walk, record, level)
    assert 4 <= len(figures) <= 6
    titles = [page.title for page in tell(walk, level).pages]
    on_pages = [[text for text in said([figure]) if text in titles] for figure in figures]
    assert [title for page in on_pages for title in page] == titles
    assert all(len(page) <= (3 if level == "math" else 2) for page in on_pages)
    assert [texts for texts in said(figures) if " / " in texts and texts[0].isdigit()] == [
        f"{number + 1} / {len(figures)}" for number in range(len(figures))
    ]


@pytest.mark.parametrize("level", LEVELS)
def test_all_labels_of_the_drawing_are_written(level):
    walk, record = fox()
    texts = said(walkthrough_figures(walk, record, level))
    for label in flow(walk, level).labels:
        assert label.text in texts


def test_the_same_walk_gives_the_same_bytes():
    walk, record = fox()
    first = walkthrough_pdf(walk, record, "beginner")
    assert first.startswith(b"%PDF")
    assert first == walkthrough_pdf(walk, record, "beginner")
    assert first.count(b"/Type /Page\n") + first.count(b"/Type /Page ") == len(
        walkthrough_figures(walk, record, "beginner")
    )
    assert b"CreationDate" not in first
