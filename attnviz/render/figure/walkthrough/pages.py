"""A story as pages of paper: real text, tables to check the sums by, and the drawings beside them."""

from collections.abc import Iterator

from matplotlib.figure import Figure

from attnviz.analysis.walkthrough.steps import Walkthrough
from attnviz.record import Attention
from attnviz.render.figure.encoding import pages_to_bytes
from attnviz.render.figure.fonts import letter
from attnviz.render.figure.sides import elide
from attnviz.render.figure.walkthrough.blocks import set_block, words_of
from attnviz.render.figure.walkthrough.drawings import set_way, set_weights
from attnviz.render.figure.walkthrough.lines import Piece, Setter
from attnviz.render.figure.walkthrough.paper import (
    BETWEEN,
    FINE,
    FOOT,
    HEADING,
    MARGIN,
    PAPER,
    ROOM,
    THEME,
    TITLE,
    Part,
    Sheet,
    Style,
    on_sheets,
    rule,
    space,
)
from attnviz.render.walkthrough.blocks import Story
from attnviz.render.walkthrough.drawings import Drawing, Square, flow, square
from attnviz.render.walkthrough.tell import Level, tell

# Below a step the way of the shapes is smaller by so much that both fit on a page.
_SMALLER = 0.75


def walkthrough_figures(walk: Walkthrough, record: Attention, level: Level) -> list[Figure]:
    """Draw a walk on pages of A4, with drawings of the shapes and of the weights.

    Args:
        walk: what to tell.
        record: what the walk was made of.
        level: of the telling; see `attnviz.render.walkthrough.tell`.

    Raises:
        OutOfRange: the record lacks the head that is followed.
    """
    story, way, weights = tell(walk, level), flow(walk, level), square(walk, record, level)
    lettering = letter(_said(story, way, weights))
    sheets = on_sheets(_sections(Setter(lettering), story, level, way, weights), lettering)
    for number, sheet in enumerate(sheets):
        y = PAPER[1] - FOOT / 2
        fine = Style(FINE, THEME.muted)
        sheet.write(f"{number + 1} / {len(sheets)}", PAPER[0] - MARGIN, y, fine, "right")
        sheet.write(elide(lettering.spell(story.title), lettering, ROOM / FINE / 2), MARGIN, y, fine)
    return [sheet.figure for sheet in sheets]


def walkthrough_pdf(walk: Walkthrough, record: Attention, level: Level) -> bytes:
    """Write the pages of `walkthrough_figures` as a PDF: the same walk always gives the same bytes."""
    return pages_to_bytes(walkthrough_figures(walk, record, level))


def _sections(setter: Setter, story: Story, level: Level, way: Drawing, weights: Square) -> list[list[Part]]:
    """Set the heading, and every step with its drawings."""
    heading = [
        *setter.lines([Piece(story.title, Style(TITLE, bold=True))]),
        *setter.lines([Piece(story.about, Style(color=THEME.muted))]),
        space(BETWEEN),
    ]
    drawn = set_way(setter, way, _SMALLER if level == "beginner" else 1.0)
    sections = [heading] if level == "beginner" else [[*heading, *drawn]]
    last = len(story.pages) - 1
    for number, page in enumerate(story.pages):
        step = f"Step {number + 1} of {last}   " if number < last else ""
        title = [
            Piece(step, Style(FINE, THEME.muted)),
            Piece(page.title, Style(HEADING, bold=True)),
        ]
        parts = [space(BETWEEN), rule(), *setter.lines(title), space(BETWEEN / 2)]
        for block in page.blocks:
            parts += [*set_block(setter, block), space(BETWEEN)]
        if number == 2:
            parts += set_weights(setter, weights)
        if number == last - 1 and level == "beginner":
            parts += drawn
        sections.append(_kept_together(parts))
    return sections


def _kept_together(parts: list[Part]) -> list[Part]:
    """Keep a heading on the page of what follows it, and a line above a table on that of the table."""
    first = parts[:5]

    def draw(sheet: Sheet, top: float) -> None:
        for part in first:
            part.draw(sheet, top)
            top += part.height

    return [Part(sum(part.height for part in first), draw), *parts[5:]]


def _said(story: Story, way: Drawing, weights: Square) -> Iterator[str]:
    """Give everything the pages say."""
    yield from (story.title, story.about, way.caption, weights.caption, "·—→←“”…")
    yield from (label.text for label in way.labels)
    yield from (*weights.rows, *weights.columns, *weights.names)
    for page in story.pages:
        yield page.title
        for block in page.blocks:
            yield from words_of(block)
