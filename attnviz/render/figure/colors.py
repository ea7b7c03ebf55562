"""One colour scale for everything in a figure."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.colors import Colormap, FuncNorm, LinearSegmentedColormap, Normalize
from numpy.typing import NDArray

from attnviz.render.scales import shares, weight_at
from attnviz.render.theme import RGB, Theme, luminance, rgb

# Below the scale: what parts the tiles of a grid, and the place of a head that was not asked for.
RULE = -1.0
# Above the scale, and above any weight: the lines of a hatching made of pixels.
STRIPE = 2.0


@dataclass(frozen=True)
class ColorScale:
    """The colours of weights from 0 to the largest one shown.

    Attributes:
        theme: where the colours come from.
        top: the weight at the upper end.
        floor: where a logarithmic scale begins; 0 for a linear one.
    """

    theme: Theme
    top: float
    floor: float = 0.0

    @property
    def bottom(self) -> float:
        """What the lower end stands for."""
        return 0.0

    @cached_property
    def norm(self) -> Normalize:
        """Numbers as shares of the way from the bottom to the top."""
        if not self.floor:
            return Normalize(self.bottom, self.top)
        return FuncNorm((self._way, self._back), self.bottom, self.top)

    @cached_property
    def colormap(self) -> Colormap:
        """Shares as colours; what is masked, what is below and what is above have their own."""
        colors = LinearSegmentedColormap.from_list(f"attnviz {self.theme.name}", self._stops, N=1024)
        return colors.with_extremes(bad=self.theme.masked, under=self.theme.rule, over=self.theme.hatch)

    def ink(self, weight: float) -> str:
        """Give whichever of the theme's two inks stands out from a cell; contrast as in WCAG 2.2."""
        cell = luminance(self._color(weight))

        def contrast(ink: str) -> float:
            lightness = luminance(rgb(ink))
            return (max(cell, lightness) + 0.05) / (min(cell, lightness) + 0.05)

        return max((self.theme.foreground, self.theme.background), key=contrast)

    @property
    def _stops(self) -> tuple[str, ...]:
        return self.theme.scale

    def _way(self, weights: NDArray[np.floating]) -> NDArray[np.floating]:
        """Give the shares of a logarithmic scale; signs below it stay there, and what is masked is NaN."""
        # In float32 the logarithm of the largest weight may come out above the top's, which is in float64.
        numbers: NDArray[np.floating] = np.ma.filled(weights, np.nan).astype(np.float64)
        return np.where(numbers < 0, numbers, shares(numbers, self.top, self.floor))

    def _back(self, places: NDArray[np.floating]) -> NDArray[np.floating]:
        return weight_at(places, self.top, self.floor)

    def _color(self, weight: float) -> RGB:
        return self.theme.color(shares(weight, self.top, self.floor))


@dataclass(frozen=True)
class DifferenceScale(ColorScale):
    """The colours of differences from the largest loss to a gain as large, around 0 in the middle."""

    @property
    def bottom(self) -> float:
        """What the lower end stands for."""
        return -self.top

    @cached_property
    def colormap(self) -> Colormap:
        """Shares as colours; a difference that rounding puts outside the scale has the colour of its end."""
        colors = LinearSegmentedColormap.from_list(f"attnviz {self.theme.name}", self._stops, N=1025)
        return colors.with_extremes(bad=self.theme.masked)

    @property
    def _stops(self) -> tuple[str, ...]:
        return self.theme.diverging

    def _color(self, weight: float) -> RGB:
        return self.theme.difference(weight / self.top)
