"""The blocks of a story, set in type."""

from collections.abc import Iterator

from attnviz.render.figure.walkthrough.lines import Piece, Setter
from attnviz.render.figure.walkthrough.paper import (
    ACCENT,
    CELL,
    FINE,
    MARGIN,
    ROOM,
    THEME,
    Part,
    Sheet,
    Style,
)
from attnviz.render.figure.walkthrough.table import set_table
from attnviz.render.walkthrough.blocks import (
    Arrow,
    Block,
    Formula,
    Paragraph,
    Points,
    Shapes,
    Strip,
    Term,
    Word,
)


def set_block(setter: Setter, block: Block) -> Iterator[Part]:
    """Set a block in as many parts as it needs."""
    if isinstance(block, Paragraph):
        yield from setter.lines(list(_pieces(block)))
    elif isinstance(block, Points):
        for paragraph in block.paragraphs:
            yield from setter.lines([Piece("·  ", Style()), *_pieces(paragraph)], 12)
    elif isinstance(block, Formula):
        yield from setter.lines([Piece(block.plain, Style(11))], 16)
        if block.source:
            yield from setter.lines([Piece(f"({block.source})", Style(FINE, THEME.muted))], 16)
    elif isinstance(block, Shapes):
        for arrow in block.arrows:
            yield from setter.lines(list(_arrow(arrow)))
    elif isinstance(block, Strip):
        yield _strip(setter, block)
    else:
        yield set_table(setter, block)


def words_of(block: Block) -> Iterator[str]:
    """Give everything a block says."""
    if isinstance(block, Paragraph):
        yield from (piece.text for piece in _pieces(block))
    elif isinstance(block, Points):
        yield from (piece.text for paragraph in block.paragraphs for piece in _pieces(paragraph))
    elif isinstance(block, Formula):
        yield from (block.plain, block.source)
    elif isinstance(block, Shapes):
        yield from (piece.text for arrow in block.arrows for piece in _arrow(arrow))
    elif isinstance(block, Strip):
        yield from block.labels
    else:
        for column in block.columns:
            yield from (column.title, *column.cells)


def _strip(setter: Setter, strip: Strip) -> Part:
    """Set pieces side by side, in as many rows as they need."""
    widths = [setter.width(Piece(label, Style(CELL, bold=True))) + 10 for label in strip.labels]
    places, x, row = [], 0.0, 0
    for width in widths:
        if x and x + width > ROOM:
            x, row = 0.0, row + 1
        places.append((x, row))
        x += width + 2

    def draw(sheet: Sheet, top: float) -> None:
        for at, (label, width, (x, row)) in enumerate(zip(strip.labels, widths, places, strict=True)):
            chosen = at == strip.chosen
            y = top + row * 18
            fill = ACCENT if chosen else "none"
            sheet.rect((MARGIN + x, y), (width, 15), fill=fill, edge=THEME.rule)
            color = THEME.background if chosen else THEME.muted
            style = Style(CELL, color, bold=chosen)
            sheet.write(label, MARGIN + x + width / 2, y + 7.5, style, "middle")

    return Part((row + 1) * 18.0, draw)


def _pieces(paragraph: Paragraph) -> Iterator[Piece]:
    """Give running text in its styles."""
    for piece in paragraph.pieces:
        if isinstance(piece, Word):
            text = piece.text if piece.alone else f"“{piece.text}”"
            yield Piece(text, Style(bold=True))
        elif isinstance(piece, Term):
            yield Piece(piece.text, Style(slanted=True))
        else:
            yield Piece(piece, Style())


def _arrow(arrow: Arrow) -> Iterator[Piece]:
    muted = Style(color=THEME.muted)
    yield Piece(f"{arrow.source}  ", Style())
    yield Piece(f"— {arrow.by} →  " if str(arrow.by) else "→  ", muted)
    yield Piece(f"{arrow.result}  ", Style(bold=True))
    if arrow.says:
        yield Piece(arrow.says, muted)
