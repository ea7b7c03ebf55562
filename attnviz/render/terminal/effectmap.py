"""Effects of removed heads as a map, layers down and heads across: painted, or typed without colours."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

from attnviz.analysis.effect import Ablation
from attnviz.render import effects
from attnviz.render.terminal.cells import fit
from attnviz.render.terminal.ink import Ink, Painted, Typed, can_paint, readable_on, style
from attnviz.render.terminal.square import Axis, Panel, draw, lay_out, printed
from attnviz.render.theme import Theme

# What such a number takes with its gaps, and the names of layers with theirs.
_WIDEST_CELL, _NAMES = 6, 6


@dataclass(frozen=True)
class EffectMap:
    """The effect of each head at its place.

    Attributes:
        ablation: what to show.
        theme: the colours, where there are any.
    """

    ablation: Ablation
    theme: Theme

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        layers, indices, values = effects.as_grid(self.ablation)
        ink = _ink(console, self.theme, float(np.nanmax(values)) or 1.0, _what(self.ablation))
        panels = [Panel("", values)]
        rows = _axis("", (f"L{layer}" for layer in layers), layers)
        columns = _axis("head →", map(str, indices), indices)
        layout = lay_out(min(options.max_width, _widest(len(indices))), panels, rows, columns)
        yield from printed(draw(panels, layout, ink))
        yield ink.scale(layout.cell)
        if np.isnan(values).any():
            yield ink.masked("not removed")


def _what(ablation: Ablation) -> str:
    return "effect in bits" if ablation.effects.unit else "effect, 1 - cos"


def _widest(columns: int) -> int:
    """Give as much width as cells need for their numbers, and as the names of layers do at most."""
    return _NAMES + _WIDEST_CELL * columns


def _axis(name: str, labels: Iterable[str], numbers: Sequence[int]) -> Axis:
    """Name rows or columns; where names have no room, their numbers stand in for them."""
    shown = tuple(labels)
    positions = tuple(range(number, number + 1) for number in numbers)
    return Axis(name, shown, (False,) * len(shown), positions)


def _ink(console: Console, theme: Theme, top: float, what: str) -> Ink:
    return PaintedEffects(theme, top, what) if can_paint(console) else TypedEffects(top, what)


@dataclass(frozen=True)
class PaintedEffects(Painted):
    """Effects as background colours, with their numbers where these have room."""

    def cell(self, weight: float, width: int) -> Segment:
        """Paint a cell, and write the effect on it."""
        color = self._color(weight)
        text = "" if np.isnan(weight) else _number(weight, self.top, width)
        return Segment(fit(text, width, "^"), style(readable_on(color), color))

    def scale(self, width: int) -> Text:
        """Paint a strip from 0 to the largest effect."""
        return super().scale(width) + _thousandths(self.top, width)


@dataclass(frozen=True)
class TypedEffects(Typed):
    """Effects as numbers, or as shades where a number does not fit."""

    def cell(self, weight: float, width: int) -> Segment:
        """Write the effect, or shade a narrow cell."""
        if np.isnan(weight):
            return Segment(" " * width)
        if _number(self.top, self.top, width):
            return Segment(fit(_number(weight, self.top, width), width, "^"))
        shade = self._shade(weight)
        return Segment(fit(shade, width) if shade == effects.NOTHING else shade * width)

    def scale(self, width: int) -> Text:
        """Say what the numbers are, or list the shades with the effect each begins at."""
        if not _number(self.top, self.top, width):
            return super().scale(1)
        return Text(f"{self.what}, {effects.NOTHING} about 0") + _thousandths(self.top, width)


def _number(value: float, top: float, width: int) -> str:
    """Write an effect for a cell, with a gap on either side; nothing if there is too little room."""
    return effects.number(value, top, width - 2)


def _thousandths(top: float, width: int) -> str:
    """Say so if the cells tell thousandths."""
    return "; numbers are thousandths" if effects.factor_of(top) != 1 and _number(top, top, width) else ""
