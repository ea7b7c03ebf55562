"""Weights as cells of the terminal: painted where it has colours, typed where it has none."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Protocol

import numpy as np
from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from attnviz.render.hidden import OUTSIDE
from attnviz.render.scales import shares, weight_at, written
from attnviz.render.terminal.cells import fit, smallest_written, weight_text
from attnviz.render.theme import RGB, Theme, luminance, rgb

# More steps than an eye can tell apart; few enough that every style is made once.
_STEPS = 64

# Black and white have the same contrast with a colour of this luminance (WCAG 2.2).
_MIDDLE = 0.179

_SHADES = "·░▒▓█"

# Stands in the cell of a key outside a window.
_HATCH = "╱"
_LEGEND_WIDTH = 16


class Ink(Protocol):
    """A way to show weights; `hidden.LATER` and `hidden.OUTSIDE` stand for keys the query could not see.

    Attributes:
        weights_in_pair: how many of the two weights of a pair can be told apart.
    """

    weights_in_pair: ClassVar[int]

    def cell(self, weight: float, width: int) -> Segment:
        """Show one weight in a cell, with its number where there is room."""

    def pair(self, upper: float, lower: float | None) -> Segment:
        """Show two weights, one above the other, in one cell; None leaves the lower half empty."""

    def scale(self, width: int) -> Text:
        """Explain the scale to a reader of cells of this width."""

    def masked(self, what: str) -> Text:
        """Say what an empty cell is, that of a later key."""

    def hatched(self, what: str) -> Text:
        """Say what a hatched cell is, that of a key outside a window."""


def ink_for(console: Console, theme: Theme, top: float, what: str, floor: float = 0.0) -> Ink:
    """Choose how a console shows numbers from 0 to `top`; sixteen colours are too few for a scale.

    Args:
        console: where they will be shown.
        theme: the colours, where there are any.
        top: the largest number.
        what: what the numbers are, said in the legend.
        floor: where a logarithmic scale begins; 0 for a linear one.
    """
    return Painted(theme, top, what, floor) if can_paint(console) else Typed(top, what, floor)


def can_paint(console: Console) -> bool:
    """Say whether a console has colours enough for a scale."""
    return console.color_system in ("256", "truecolor") and not console.no_color


@dataclass(frozen=True)
class Painted:
    """Weights as background colours.

    Attributes:
        theme: where the colours come from.
        top: the weight with the last colour of the scale.
        what: what the numbers are.
        floor: where a logarithmic scale begins; 0 for a linear one.
    """

    theme: Theme
    top: float
    what: str
    floor: float = 0.0
    weights_in_pair: ClassVar[int] = 2

    def cell(self, weight: float, width: int) -> Segment:
        """Paint a cell, and write the weight on it where there is room."""
        if weight == OUTSIDE:
            return Segment(_HATCH * width, self._hatch())
        digits = _digits(width)
        text = weight_text(weight, digits) if digits and weight >= smallest_written(digits) else ""
        color = self._color(weight)
        return Segment(fit(text, width, "^"), style(readable_on(color), color))

    def pair(self, upper: float, lower: float | None) -> Segment:
        """Paint two weights with a half block."""
        if lower is not None and np.fmax(upper, lower) == OUTSIDE:
            return Segment(_HATCH, self._hatch())
        return Segment("▀", style(self._color(upper), None if lower is None else self._color(lower)))

    def scale(self, width: int) -> Text:  # noqa: ARG002
        """Paint a strip from 0 to the top."""
        steps = [weight_at(step / (_LEGEND_WIDTH - 1), self.top, self.floor) for step in range(_LEGEND_WIDTH)]
        strip = [(" ", style(None, self._color(step))) for step in steps]
        return Text.assemble(f"{self.what} {written(self.floor)} ", *strip, f" {written(self.top)}")

    def masked(self, what: str) -> Text:
        """Show the colour of no weight at all."""
        return Text.assemble(("  ", style(None, self._color(np.nan))), f" {what}")

    def hatched(self, what: str) -> Text:
        """Show the lines across that colour."""
        return Text.assemble((_HATCH * 2, self._hatch()), f" {what}")

    def _hatch(self) -> Style:
        return style(rgb(self.theme.hatch), rgb(self.theme.masked))

    def _color(self, weight: float) -> RGB:
        if not np.isfinite(weight):
            return rgb(self.theme.masked)
        return self.theme.color(round(shares(weight, self.top, self.floor) * _STEPS) / _STEPS)


@dataclass(frozen=True)
class Typed:
    """Weights as numbers, or as shades where a number does not fit.

    Attributes:
        top: the weight with the solid shade.
        what: what the numbers are.
        floor: where a logarithmic scale begins; 0 for a linear one.
    """

    top: float
    what: str
    floor: float = 0.0
    weights_in_pair: ClassVar[int] = 1

    def cell(self, weight: float, width: int) -> Segment:
        """Write the weight, or shade a narrow cell."""
        if np.isnan(weight):
            return Segment(" " * width)
        if digits := _digits(width):
            return Segment(fit(_HATCH if weight == OUTSIDE else weight_text(weight, digits), width, "^"))
        if weight == OUTSIDE:
            return Segment(_HATCH.ljust(width))
        shade = self._shade(weight)
        return Segment(shade.ljust(width) if shade == _SHADES[0] else shade * width)

    def pair(self, upper: float, lower: float | None) -> Segment:
        """Shade a cell for the larger of two weights."""
        weight = upper if lower is None else np.fmax(upper, lower)
        if weight == OUTSIDE:
            return Segment(_HATCH)
        return Segment(" " if np.isnan(weight) else self._shade(weight))

    def scale(self, width: int) -> Text:
        """Say what the numbers are, or list the shades with the weight each begins at."""
        if digits := _digits(width):
            return Text(f"{self.what} 0 to 1, · below {smallest_written(digits):g}")
        places = [(step - 0.5) / (len(_SHADES) - 1) for step in range(1, len(_SHADES))]
        starts = [written(weight_at(place, self.top, self.floor)) for place in places]
        listed = ", ".join(f"{shade} {start}" for shade, start in zip(_SHADES[1:], starts, strict=True))
        return Text(f"{self.what}: {_SHADES[0]} less, {listed} and more")

    def masked(self, what: str) -> Text:
        """Say what a blank cell is."""
        return Text(f"blank: {what}")

    def hatched(self, what: str) -> Text:
        """Say what the sign of hatching means."""
        return Text(f"{_HATCH} {what}")

    def _shade(self, weight: float) -> str:
        share = min(shares(weight, self.top, self.floor), 1.0)
        return _SHADES[int(share * (len(_SHADES) - 1) + 0.5)]


def _digits(width: int) -> int:
    """Give how many digits of a weight, after its point and with a gap, fit into a cell."""
    return min(max(width - 2, 0), 2)


def readable_on(color: RGB) -> RGB:
    """Give black or white, whichever stands out from a colour."""
    return (0, 0, 0) if luminance(color) > _MIDDLE else (255, 255, 255)


@lru_cache(maxsize=8192)
def style(color: RGB | None, background: RGB | None) -> Style:
    """Give a style of two colours, each made once."""
    return Style(
        color=None if color is None else Color.from_rgb(*color),
        bgcolor=None if background is None else Color.from_rgb(*background),
    )
