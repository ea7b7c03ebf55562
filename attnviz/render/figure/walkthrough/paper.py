"""Pages of paper: what is written and drawn on them, from the top down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle

from attnviz.render.figure.fonts import Lettering
from attnviz.render.figure.layout import POINTS
from attnviz.render.theme import CATEGORIES, THEMES

# A4, upright, in points.
PAPER = (595.0, 842.0)
MARGIN, FOOT = 62.0, 56.0
ROOM = PAPER[0] - 2 * MARGIN
_BOTTOM = PAPER[1] - FOOT

# The sizes of letters.
TITLE, HEADING, _BODY, CELL, FINE = 19.0, 13.0, 9.5, 8.0, 8.0

# Between blocks.
BETWEEN = 8.0

_DOTS_PER_INCH = 150

THEME = THEMES["light"]
ACCENT = CATEGORIES[1]


@dataclass(frozen=True)
class Style:
    """How a piece of text is written."""

    size: float = _BODY
    color: str = THEME.foreground
    bold: bool = False
    slanted: bool = False


@dataclass(frozen=True)
class Part:
    """Something as wide as the page that is never torn apart.

    Attributes:
        height: in points.
        draw: draws it on the sheet, from a distance from the top on.
    """

    height: float
    draw: Callable[["Sheet", float], None]


@dataclass
class Sheet:
    """One page being drawn; places are in points from the left and from the top."""

    lettering: Lettering
    figure: Figure = field(
        default_factory=lambda: Figure(
            figsize=(PAPER[0] / POINTS, PAPER[1] / POINTS),
            dpi=_DOTS_PER_INCH,
            facecolor=THEME.background,
        )
    )

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Give a place as matplotlib counts it."""
        return x / PAPER[0], 1 - y / PAPER[1]

    def write(
        self, text: str, x: float, y: float, style: Style, align: str = "left", *, turned: bool = False
    ) -> None:
        """Write a line, the middle of its letters at y."""
        weight = "bold" if style.bold else "normal"
        self.figure.text(
            *self.place(x, y),
            self.lettering.spell(text),
            ha="center" if turned and align == "middle" else {"middle": "center"}.get(align, align),
            va="center_baseline",
            rotation=90 if turned else 0,
            rotation_mode="anchor",
            fontstyle="italic" if style.slanted else "normal",
            **self.lettering.style(style.size, style.color, weight),
        )

    def rect(
        self,
        corner: tuple[float, float],
        size: tuple[float, float],
        *,
        fill: str = "none",
        edge: str = "none",
        thick: float = 0.6,
        dotted: bool = False,
    ) -> None:
        """Draw a rectangle from its upper left corner."""
        left, bottom = self.place(corner[0], corner[1] + size[1])
        self.figure.add_artist(
            Rectangle(
                (left, bottom),
                size[0] / PAPER[0],
                size[1] / PAPER[1],
                facecolor=fill,
                edgecolor=edge,
                linewidth=thick,
                linestyle=":" if dotted else "-",
            )
        )

    def line(self, points: Sequence[tuple[float, float]], color: str = THEME.muted) -> None:
        """Draw a line from point to point."""
        xs, ys = zip(*(self.place(x, y) for x, y in points), strict=True)
        self.figure.add_artist(Line2D(xs, ys, linewidth=0.7, color=color))

    def tip(self, x: float, y: float, size: float) -> None:
        """Draw the head of an arrow that points down."""
        corners = [(x, y), (x - size * 0.55, y - size), (x + size * 0.55, y - size)]
        self.figure.add_artist(Polygon([self.place(*corner) for corner in corners], color=THEME.muted))


def on_sheets(sections: Sequence[list[Part]], lettering: Lettering) -> list[Sheet]:
    """Lay sections onto sheets: one that fits on what is left of a page stays whole."""
    sheets = [Sheet(lettering)]
    top = MARGIN
    for section in sections:
        whole = sum(part.height for part in section)
        if top > MARGIN and top + whole > _BOTTOM:
            sheets.append(Sheet(lettering))
            top = MARGIN
        for part in section:
            if top + part.height > _BOTTOM and top > MARGIN:
                sheets.append(Sheet(lettering))
                top = MARGIN
            part.draw(sheets[-1], top)
            top += part.height
    return sheets


def space(height: float) -> Part:
    """Leave room."""
    return Part(height, lambda _sheet, _top: None)


def rule() -> Part:
    """Draw a line from margin to margin."""

    def draw(sheet: Sheet, top: float) -> None:
        sheet.line([(MARGIN, top), (PAPER[0] - MARGIN, top)], color=THEME.rule)

    return Part(10, draw)
