"""Differences of weights as cells of the terminal: painted in two colours, or typed with their sign."""

from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from attnviz.render.contrasts import signed
from attnviz.render.terminal.cells import fit, smallest_written, weight_text
from attnviz.render.terminal.ink import Ink, Painted, Typed, can_paint, readable_on, style
from attnviz.render.theme import RGB, Theme, rgb

_STEPS = 64
_LEGEND_WIDTH = 17

# Where a number does not fit: much less, less, about as much, more, much more.
_SIGNS = "▼▽·△▲"
# From which share of the largest difference on a sign is one of the outer and of the inner ones.
_MUCH, _SOME = 0.5, 0.125


def difference_ink(console: Console, theme: Theme, top: float, what: str) -> Ink:
    """Choose how a console shows differences from -`top` to `top`.

    Args:
        console: where they will be shown.
        theme: the colours, where there are any.
        top: the largest difference.
        what: what the numbers are, said in the legend.
    """
    return PaintedDifferences(theme, top, what) if can_paint(console) else TypedDifferences(top, what)


@dataclass(frozen=True)
class PaintedDifferences(Painted):
    """Differences as background colours around that of 0."""

    def cell(self, weight: float, width: int) -> Segment:
        """Paint a cell, and write the difference on it where there is room."""
        digits = _digits(width)
        color = self._color(weight)
        text = _number(weight, digits) if digits and abs(weight) >= smallest_written(digits) else ""
        return Segment(fit(text, width, "^"), style(readable_on(color), color))

    def scale(self, width: int) -> Text:  # noqa: ARG002
        """Paint a strip from the largest loss to the largest gain."""
        steps = np.linspace(-self.top, self.top, _LEGEND_WIDTH)
        strip = [(" ", style(None, self._color(step))) for step in steps]
        return Text.assemble(f"{self.what} -{self.top:.2g} ", *strip, f" +{self.top:.2g}")

    def _color(self, weight: float) -> RGB:
        if not np.isfinite(weight):
            return rgb(self.theme.masked)
        return self.theme.difference(round(weight / self.top * _STEPS) / _STEPS)


@dataclass(frozen=True)
class TypedDifferences(Typed):
    """Differences as numbers with a sign, or as signs that tell more from less."""

    def cell(self, weight: float, width: int) -> Segment:
        """Write the difference, or a sign in a narrow cell."""
        if np.isnan(weight):
            return Segment(" " * width)
        digits = _digits(width)
        if digits:
            small = abs(weight) < smallest_written(digits)
            return Segment(fit("·" if small else _number(weight, digits), width, "^"))
        return Segment(_sign(weight / self.top).ljust(width))

    def scale(self, width: int) -> Text:
        """Say what the numbers are, or what the signs stand for."""
        if digits := _digits(width):
            return Text(f"{self.what} -1 to 1, · within {smallest_written(digits):g} of 0")
        some, much = f"{_SOME * self.top:.2g}", f"{_MUCH * self.top:.2g}"
        return Text(f"{self.what}: △ +{some}, ▲ +{much} and more, ▽ -{some}, ▼ -{much} and less, · about 0")


def _digits(width: int) -> int:
    """Give how many digits, after sign and point and with a gap, fit into a cell."""
    return min(max(width - 3, 0), 2)


def _number(difference: float, digits: int) -> str:
    if digits == 2:
        return signed(difference)
    return ("-" if difference < 0 else "+") + weight_text(abs(difference), digits)


def _sign(share: float) -> str:
    size = 2 if abs(share) >= _MUCH else 1 if abs(share) >= _SOME else 0
    return _SIGNS[2 + (size if share > 0 else -size)]
