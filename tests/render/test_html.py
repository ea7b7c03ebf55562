"""A walk as an HTML file: whole, harmless, and with every number."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from attnviz.render.html import POLICY, html
from attnviz.render.walkthrough.blocks import Table
from attnviz.render.walkthrough.drawings import MOST_ROWS, WIDTH, flow, square
from attnviz.render.walkthrough.tell import LEVELS, tell
from tests.render.drawn import NASTY, drawn, fox

# Of HTML and of SVG the elements that a page is made of, and which of them have no end.
VOID = {"meta"}
ELEMENTS = set(
    "html head meta title style body main header section h1 h2 small p bdi strong dfn ul ol li span div "  # noqa: SIM905
    "table thead tbody tr th td figure figcaption svg rect polyline path text".split()
)
ATTRIBUTES = set(
    "lang dir charset http-equiv content name class id scope viewbox style role aria-label aria-hidden x y "  # noqa: SIM905
    "width height points d fill stroke font-size text-anchor dominant-baseline transform "
    "preserveaspectratio".split()
)

CASES = [(name, level) for name in drawn() for level in LEVELS]


class Read(HTMLParser):
    """Checks that every element is closed in turn, and keeps what is said."""

    def __init__(self, page):
        super().__init__()
        self.open, self.seen, self.attributes, self.said, self.cells = [], [], [], [], []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag == "rect" and self.open[-1] == "svg":
            self.cells.append(dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.said.append(data.strip())


def page(name, level):
    walk, record = drawn()[name]
    return html(walk, record, level)


@pytest.mark.parametrize(("name", "level"), CASES)
def test_a_page_is_well_formed_and_holds_nothing_that_acts(name, level):
    read = Read(page(name, level))
    assert set(read.seen) <= ELEMENTS
    assert {key for key, _ in read.attributes} <= ATTRIBUTES
    assert ("content", POLICY) in read.attributes
    assert {"main", "header", "h1", "h2", "table", "figure"} <= set(read.seen)
    assert read.seen.count("h2") == 7


def test_the_policy_forbids_all_but_style():
    assert POLICY.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert "script" not in POLICY


@pytest.mark.parametrize("level", LEVELS)
def test_a_page_asks_nobody_for_anything(level):
    written = page("fox", level)
    assert "://" not in written
    assert not re.search(r"\b(src|href|srcset|action)\s*=|url\(|@import", written)


@pytest.mark.parametrize("level", LEVELS)
def test_tokens_stay_text(level):
    written = page("nasty", level)
    assert "<script" not in written.lower()
    assert "<img" not in written.lower()
    assert not set("\u202e\u2066\ud800") & set(written)
    said = "\n".join(Read(written).said)
    shown = square(*drawn()["nasty"], level).rows
    assert shown[0] == NASTY[0]
    assert shown[5] == r"\ud800"
    assert written.encode()
    for token in shown[:4]:
        assert token[:8] in said


@pytest.mark.parametrize(("name", "level"), CASES)
def test_every_cell_of_the_tables_is_there(name, level):
    walk, _ = drawn()[name]
    said = set(Read(page(name, level)).said)
    for story_page in tell(walk, level).pages:
        assert story_page.title in said
        for block in story_page.blocks:
            if isinstance(block, Table):
                for column in block.columns:
                    assert {cell.strip() for cell in column.cells if cell.strip()} <= said


@pytest.mark.parametrize("level", LEVELS)
def test_the_shapes_are_those_of_the_record(level):
    walk, record = fox()
    vectors, layer = record.internals, 0
    tokens, d_k = vectors.queries[layer, 0].shape
    d_v, heads = vectors.values.shape[-1], len(record.heads)
    width = vectors.output_weights.shape[-1]
    expected = [
        (tokens, vectors.inputs.shape[-1]),
        (tokens, d_k),
        vectors.keys[layer, 0].shape,
        vectors.values[layer, 0].shape,
        record.head(walk.head).shape,
        record.head(walk.head).shape,
        (tokens, d_v),
        (tokens, heads * d_v),
        (tokens, width),
    ]
    found = flow(walk, level)
    assert [(matrix.rows, matrix.columns) for matrix in found.matrices] == expected
    said = Read(html(walk, record, level)).said
    for rows, columns in expected:
        assert said.count(f"{rows} × {columns}") >= expected.count((rows, columns))


@pytest.mark.parametrize(("name", "level"), CASES)
def test_all_strokes_lie_on_the_paper_and_no_two_boxes_on_each_other(name, level):
    found = flow(drawn()[name][0], level)
    for rect in found.rects:
        assert 0 <= rect.corner[0] <= rect.corner[0] + rect.width <= WIDTH
        assert 0 <= rect.corner[1] <= rect.corner[1] + rect.height <= found.height
    for stroke in found.strokes:
        assert all(0 <= x <= WIDTH and 0 <= y <= found.height for x, y in stroke.points)
    boxes = [rect for rect in found.rects if rect.kind == "matrix"]
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            beside = one.corner[0] + one.width <= other.corner[0] or (
                other.corner[0] + other.width <= one.corner[0]
            )
            assert beside or one.corner[1] + one.height < other.corner[1]


def test_the_part_that_is_marked_is_that_of_the_head():
    walk, _ = drawn()["nasty"]
    found = flow(walk, "math")
    (part,) = (rect for rect in found.rects if rect.kind == "part")
    (whole,) = (rect for rect in found.rects if rect.kind == "matrix" and rect.corner[1] == part.corner[1])
    assert (part.corner[0] - whole.corner[0]) / whole.width == pytest.approx(walk.place / len(walk.heads))
    assert part.width / whole.width == pytest.approx(1 / len(walk.heads))


@pytest.mark.parametrize("name", drawn())
def test_cells_have_the_colours_of_their_weights(name):
    walk, record = drawn()[name]
    found = square(walk, record, "practitioner")
    written = html(walk, record, "practitioner")
    kinds = re.findall(r'<rect class="(w\d+|hidden)"[^>]*><title>', written)
    rows, columns = found.weights.shape
    assert len(kinds) == rows * columns
    for kind, weight, seen in zip(kinds, found.weights.flat, found.visible.flat, strict=True):
        expected = f"w{round(weight / found.weights.max() * 32)}" if seen else "hidden"
        assert kind == expected
    assert f".{kinds[0]} {{ fill: var(--{kinds[0]}); }}" in written or kinds[0] == "hidden"


def test_the_frame_is_around_the_query():
    walk, record = fox()
    written = html(walk, record, "practitioner")
    frame = re.search(r'<rect class="frame"[^>]* y="([\d.]+)"[^>]* height="([\d.]+)"', written)
    top, cell = map(float, frame.groups())
    assert (top - 6) / cell == pytest.approx(walk.position, abs=0.01)


def test_of_many_tokens_the_part_around_the_query_is_drawn_and_told_of():
    walk, record = drawn()["many"]
    found = square(walk, record, "practitioner")
    assert found.weights.shape == (MOST_ROWS, MOST_ROWS)
    assert found.rows[found.chosen] == walk.query.text
    first = walk.position - found.chosen
    left = int(found.columns[0].removeprefix("number"))
    np.testing.assert_allclose(
        found.weights,
        record.head(walk.head)[first : first + MOST_ROWS, left : left + MOST_ROWS],
    )
    assert f"Of 70 places of query, {first} to {first + MOST_ROWS - 1} are shown." in found.caption
    assert walk.keys[walk.strongest].text in found.columns


def test_a_beginner_is_shown_no_word_of_the_field():
    found, weights = flow(fox()[0], "beginner"), square(*fox(), "beginner")
    words = " ".join(
        [*(label.text for label in found.labels), found.caption, weights.caption, *weights.names]
    )
    assert not re.search(r"query|key|value|logit|softmax|concat|matrix|W_|token", words)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes_are_there(theme):
    from attnviz.render.theme import THEMES

    assert f"--page: {THEMES[theme].background};" in page("fox", "math")
    assert "@media (prefers-color-scheme: dark)" in page("fox", "math")
