"""Heatmaps for papers and slides: a matplotlib Figure, and its bytes as PNG, SVG or PDF.

Importing this room is cheap; matplotlib is imported when the first figure is drawn.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attnviz.errors import RequestError, UnknownSuffix
from attnviz.record import Attention
from attnviz.render.figure.size import DEFAULT_DPI, SIZES, Size, check_dpi, parse_size
from attnviz.render.theme import THEMES, Theme
from attnviz.selection import HeadId

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DEFAULT_DPI", "SIZES", "SUFFIXES", "Size", "encode", "heatmap", "parse_size"]

SUFFIXES = (".png", ".svg", ".pdf")


def heatmap(
    record: Attention,
    head: HeadId | str | None = None,
    *,
    heads: Sequence[HeadId | str] | None = None,
    theme: str = "light",
    size: Size | str | None = None,
    dpi: int | None = None,
) -> "Figure":
    """Draw attention weights: one head, several side by side, or the grid of all layers and heads.

    Args:
        record: whose weights.
        head: the one head to draw, such as "L3H7".
        heads: the heads to draw, in this order; neither this nor `head` means all.
        theme: "light" or "dark".
        size: "column", "page", "slide", "8x6" or "12x9cm"; None means as large as the content needs.
        dpi: pixels per inch, 200 unless told.

    Returns:
        A figure, independent of pyplot: `figure.savefig("fox.png")`.

    Raises:
        OutOfRange: the record does not hold such a head.
        RequestError: an unknown theme or size, no head at all, or a picture too small for its content.
    """
    from attnviz.render.figure.drawing import draw

    paper = parse_size(size) if isinstance(size, str) else size or Size()
    return draw(record, chosen_heads(record, head, heads), chosen_theme(theme), paper, check_dpi(dpi, paper))


def encode(figure: "Figure", suffix: str) -> bytes:
    """Write a figure as the bytes of a file; the same figure always gives the same bytes.

    Args:
        figure: any matplotlib figure.
        suffix: of the file's name: ".png", ".svg" or ".pdf".

    Raises:
        UnknownSuffix: another suffix.
    """
    if suffix.lower() not in SUFFIXES:
        raise UnknownSuffix(
            f"no picture format: got {suffix or 'no suffix'!r}, allowed {', '.join(SUFFIXES)}"
        )
    from attnviz.render.figure.encoding import to_bytes

    return to_bytes(figure, suffix.lower().removeprefix("."))


def chosen_heads(
    record: Attention, head: HeadId | str | None, heads: Sequence[HeadId | str] | None
) -> tuple[HeadId, ...]:
    """Read which heads are meant: one, several in an order, or all.

    Raises:
        RequestError: both one and several, or none at all.
    """
    if head is not None and heads is not None:
        raise RequestError(f"heads given twice: head {head} and {len(heads)} heads")
    if head is not None:
        heads = [head]
    if heads is None:
        return record.head_ids
    if not heads:
        raise RequestError("no head to draw: got an empty list, allowed one or more")
    return tuple(HeadId.parse(name) if isinstance(name, str) else name for name in heads)


def chosen_theme(name: str) -> Theme:
    """Find a theme by its name.

    Raises:
        RequestError: there is none of that name.
    """
    if name not in THEMES:
        raise RequestError(f"no such theme: got {name!r}, allowed {', '.join(THEMES)}")
    return THEMES[name]
