"""What the number of heads buys, as small pictures side by side: each seed a dot, their mean a line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from attnviz.analysis.headcount.quantities import quantities_of, quantity
from attnviz.analysis.headcount.sweep import Sweep, conclusion, mean_fixed_offset
from attnviz.errors import RequestError
from attnviz.render.figure import chosen_theme
from attnviz.render.figure.canvas import HAIRLINE
from attnviz.render.figure.drawing import PLAIN
from attnviz.render.figure.fonts import Lettering
from attnviz.render.figure.layout import HEADING, MARGIN, NOTE, POINTS, Sheet
from attnviz.render.figure.size import Size, check_dpi, parse_size
from attnviz.render.theme import CATEGORIES, Theme

Panel = tuple[str, str, str, bool]
Box = tuple[float, float, float, float]

# What is drawn where it was measured: the quantity, its title and unit, and whether its axis begins at 0.
_PANELS = (
    ("loss", "validation loss", "nats per word", False),
    ("divergence", "how heads differ", "bits, 0 to 1", True),
    ("relations", "relations followed", "share of words", True),
    ("removal", "one head removed", "nats per 1,000 words", True),
    ("subspace", "subspaces apart", "share of directions", True),
    ("time", "time per step", "ratio", True),
)

# In inches: paper from this width on has three panels beside each other.
_WIDE = 5.0
# Of a panel's height to its width, and the least height, in letters.
_RATIO, _LEAST = 0.68, 4.0

# In letters: what stands around a panel.
_LEFT, _RIGHT, _ABOVE, _BELOW = 3.6, 0.8, 3.0, 2.4

_TITLE = "What the number of heads buys"

_DOT, _LINE = 3.2, 1.1
_SEED_OPACITY = 0.6


@dataclass(frozen=True)
class _Page:
    """The paper and the pen.

    Attributes:
        figure: what is drawn on.
        theme: its colours.
        lettering: how words are written.
        letter: the size of ordinary letters, in points.
    """

    figure: Figure
    theme: Theme
    lettering: Lettering
    letter: float

    @property
    def ink(self) -> str:
        """The colour of what was measured: one that stands out from the page."""
        return CATEGORIES[0] if self.theme.name == "light" else CATEGORIES[5]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points."""
        width, height = self.figure.get_size_inches()
        return width * POINTS, height * POINTS

    def write(self, text: str, left: float, baseline: float, size: float, *, bold: bool = False) -> None:
        """Write a line; its place in points from the left and from the top."""
        width, height = self.size
        color = self.theme.foreground if bold else self.theme.muted
        style = self.lettering.style(size, color, "bold" if bold else "normal")
        self.figure.text(left / width, 1 - baseline / height, text, va="baseline", **style)


@dataclass(frozen=True)
class _Places:
    """Where everything is, in points from the left and from the top.

    Attributes:
        letter: the size of ordinary letters.
        room: between the margins.
        columns: how many panels stand beside each other.
        top: where the first row of panels begins.
        high: how high a panel is between its axes.
        foot: where the notes begin.
        height: of the paper.
    """

    letter: float
    room: float
    columns: int
    top: float
    high: float
    foot: float
    height: float

    @classmethod
    def of(cls, sheet: Sheet, panels: int, heading: int, notes: int) -> "_Places":
        """Lay out so many panels, below and above so many lines.

        Raises:
            RequestError: there is no room for the panels.
        """
        letter, asked = sheet.letter, sheet.size.height
        room = _room(sheet)
        columns = 3 if sheet.width >= _WIDE * POINTS else 2
        rows = -(-panels // columns)
        top = (MARGIN + HEADING + NOTE * heading + 0.6) * letter
        foot = (NOTE * notes + MARGIN + 0.4) * letter
        around = (_ABOVE + _BELOW) * letter
        high = (room / columns - (_LEFT + _RIGHT) * letter) * _RATIO
        if asked is not None:
            high = (asked * POINTS - top - foot) / rows - around
        if high < _LEAST * letter:
            raise RequestError("too small a picture: no room for its panels")
        height = asked * POINTS if asked is not None else top + rows * (high + around) + foot
        return cls(letter, room, columns, top, high, height - foot, height)

    def corner(self, place: int) -> tuple[float, float]:
        """Say where a panel begins, with what stands around it."""
        row, column = divmod(place, self.columns)
        x = MARGIN * self.letter + column * (self.room / self.columns)
        return x, self.top + row * (self.high + (_ABOVE + _BELOW) * self.letter)

    def box(self, place: int) -> Box:
        """Give left, top, width and height of what is between a panel's axes."""
        x, y = self.corner(place)
        wide = self.room / self.columns - (_LEFT + _RIGHT) * self.letter
        return x + _LEFT * self.letter, y + _ABOVE * self.letter, wide, self.high


def sweep_figure(
    sweep: Sweep, *, theme: str = "light", size: Size | str | None = None, dpi: int | None = None
) -> Figure:
    """Draw what the number of heads buys.

    Args:
        sweep: the trainings.
        theme: "light" or "dark".
        size: "column", "page", "slide", "8x6" or "12x9cm"; None means as wide as a paper's column.
        dpi: pixels per inch, 200 unless told.

    Returns:
        A figure, independent of pyplot.

    Raises:
        RequestError: there is no such theme or size, or it has no room for the panels.
    """
    paper = (parse_size(size) if isinstance(size, str) else size) or parse_size("column")
    colors = chosen_theme(theme)
    dots = check_dpi(dpi, paper)
    sheet = Sheet.of(paper, dots)
    measured = quantities_of(sweep)
    panels = [panel for panel in _PANELS if quantity(panel[0]) in measured]
    lettering, room = Lettering(), _room(sheet)
    heading = list(_wrapped([_setting(sweep)], lettering, room / sheet.letter))
    notes = list(_wrapped(_notes(sweep), lettering, room / (0.9 * sheet.letter)))
    places = _Places.of(sheet, len(panels), len(heading), len(notes))
    with matplotlib.rc_context(PLAIN):
        figure = Figure(
            figsize=(sheet.width / POINTS, places.height / POINTS), dpi=dots, facecolor=colors.background
        )
        page = _Page(figure, colors, lettering, sheet.letter)
        _write_above(page, heading)
        for place, panel in enumerate(panels):
            _panel(page, places, place, panel, sweep)
        for line, text in enumerate(notes):
            y = places.foot + (1.0 + NOTE * line) * sheet.letter
            page.write(text, MARGIN * sheet.letter, y, 0.9 * sheet.letter)
        return figure


def _room(sheet: Sheet) -> float:
    return sheet.width - 2 * MARGIN * sheet.letter


def _write_above(page: _Page, heading: Sequence[str]) -> None:
    """Write the title, and what the trainings have in common."""
    letter, left = page.letter, MARGIN * page.letter
    page.write(_TITLE, left, (MARGIN + 1.0) * letter, 1.25 * letter, bold=True)
    for line, text in enumerate(heading):
        page.write(text, left, (MARGIN + HEADING + 0.8 + NOTE * line) * letter, letter)


def _panel(page: _Page, places: _Places, place: int, panel: Panel, sweep: Sweep) -> None:
    """Draw one quantity where it belongs, its title and unit above it."""
    name, title, unit, from_zero = panel
    (x, y), letter = places.corner(place), places.letter
    page.write(title, x, y + 1.0 * letter, letter, bold=True)
    page.write(unit, x, y + 2.2 * letter, 0.85 * letter)
    _draw(page, _axes(page, places.box(place), name), sweep, name, from_zero=from_zero)


def _setting(sweep: Sweep) -> str:
    same = sweep.conditions
    seeds = f"{len(sweep.seeds)} seed" + "s" * (len(sweep.seeds) > 1)
    layers = f"{same.layers} layer" + "s" * (same.layers > 1)
    return f"width {same.width}, {layers}, {same.steps:,} steps, {seeds}"


def _notes(sweep: Sweep) -> Iterable[str]:
    yield "across: heads in each layer; dots: seeds; line: their mean"
    dashed = []
    if any(heads > 1 for heads in sweep.heads):
        dashed.append("random subspaces")
    if sweep.relations:
        dashed.append("a fixed distance")
    if dashed:
        yield f"dashed, without training: {', '.join(dashed)}"
    yield conclusion(sweep)


def _axes(page: _Page, box: Box, name: str) -> Axes:
    """Open axes; the box is left, top, width and height in points."""
    width, height = page.size
    left, top, wide, high = box
    axes = page.figure.add_axes(
        (left / width, 1 - (top + high) / height, wide / width, high / height), label=name
    )
    axes.set_facecolor("none")
    axes.spines[:].set(color=page.theme.rule, linewidth=HAIRLINE)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _draw(page: _Page, axes: Axes, sweep: Sweep, name: str, *, from_zero: bool) -> None:
    """Draw one quantity over the number of heads, evenly spaced."""
    places = range(len(sweep.heads))
    known = [
        (place, found)
        for place, heads in zip(places, sweep.heads, strict=True)
        if (found := quantity(name).over_seeds(sweep, heads)) is not None
    ]
    reference = _reference(sweep, name)
    for place, summary in known:
        axes.plot(
            [place] * len(summary.values),
            summary.values,
            "o",
            color=page.ink,
            alpha=_SEED_OPACITY,
            markersize=_DOT,
            markeredgewidth=0,
            label="seeds",
        )
    axes.plot(
        [p for p, _ in known], [s.mean for _, s in known], color=page.ink, linewidth=_LINE, label="mean"
    )
    if reference:
        axes.plot(
            [place for place, _ in reference],
            [share for _, share in reference],
            "--",
            color=page.theme.muted,
            linewidth=0.8 * _LINE,
            zorder=3,
            label="reference",
        )
    drawn = [*chain.from_iterable(s.values for _, s in known), *(share for _, share in reference)]
    _scale(axes, drawn, from_zero=from_zero)
    _tick(page, axes, sweep.heads)


def _reference(sweep: Sweep, name: str) -> list[tuple[int, float]]:
    """Give what needs no training, for each place along: random subspaces, or a fixed distance."""
    if name == "subspace":
        shares = (sweep.random_subspaces(heads) for heads in sweep.heads)
    elif name == "relations":
        shares = (mean_fixed_offset(sweep) for _ in sweep.heads)
    else:
        return []
    return [(place, share) for place, share in enumerate(shares) if share is not None]


def _scale(axes: Axes, drawn: Sequence[float], *, from_zero: bool) -> None:
    low, high = min(drawn), max(drawn)
    if from_zero:
        low = min(low, 0.0)
    air = 0.08 * (high - low or abs(high) or 1.0)
    axes.set_ylim(low if from_zero and low == 0 else low - air, high + air)


def _tick(page: _Page, axes: Axes, heads: Sequence[int]) -> None:
    """Write the numbers of heads below, and a few round numbers at the left."""
    style = page.lettering.style(0.9 * page.letter, page.theme.muted)
    axes.set_xlim(-0.35, len(heads) - 0.65)
    axes.set_xticks(range(len(heads)), [str(count) for count in heads], **style)
    low, high = axes.get_ylim()
    ticks = [
        tick for tick in MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= tick <= high
    ]
    axes.set_yticks(ticks, [f"{round(tick, 6):g}" for tick in ticks], **style)
    axes.tick_params(length=0.25 * page.letter, width=HAIRLINE, color=page.theme.rule, pad=0.3 * page.letter)


def _wrapped(texts: Iterable[str], lettering: Lettering, room: float) -> Iterable[str]:
    """Break lines between words where they are wider than the room, in letters."""
    hinted = 1.05
    for text in texts:
        line = ""
        for word in text.split():
            longer = f"{line} {word}".strip()
            if line and lettering.measure(longer)[0] * hinted > room:
                yield line
                longer = word
            line = longer
        yield line
