"""Many heads at a glance: a grid of small squares without labels, two query rows to a line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style

from attnviz.render.pooling import Counts, pool
from attnviz.render.terminal.cells import fit
from attnviz.render.terminal.ink import Ink
from attnviz.render.terminal.square import Line, evenly
from attnviz.selection import TOGETHER, HeadId

# A thumbnail is at least wide enough for its name, and a weight at most two cells.
_GAP, _SMALLEST, _LARGEST_WEIGHT = 1, 4, 2

# So many rows of a thumbnail with fewer columns are drawn, if it has them.
_TALL = 24

# Lines of a tall terminal window.
_SCREEN = 48

_MUTED, _BOLD = Style(dim=True), Style(bold=True)


@dataclass(frozen=True)
class Thumbnail:
    """One head at a glance.

    Attributes:
        head: which.
        name: what it goes by within its layer.
        weights: (query, key), or signs where hidden.
        counts: of how many weights each of these is the mean; None where they are no means.
    """

    head: HeadId
    name: str
    weights: NDArray[np.floating]
    counts: Counts | None = None

    @classmethod
    def of(
        cls, head: HeadId, title: str, weights: NDArray[np.floating], counts: Counts | None = None
    ) -> Self:
        """Make one; its layer's name stands at the left already, where layers have rows of their own."""
        band = _band_of(head)
        return cls(head, title.removeprefix(band), weights, counts)


@dataclass(frozen=True)
class Grid:
    """How thumbnails stand: layers from top to bottom, their heads from left to right.

    Attributes:
        margin: cells for the layers' names.
        side: cells per thumbnail.
        rows: rows per thumbnail, at most.
        across: thumbnails side by side; a layer with more heads takes several bands.
    """

    margin: int
    side: int
    rows: int
    across: int


def lay_out_grid(width: int, thumbnails: Sequence[Thumbnail]) -> Grid:
    """Find a size at which the heads of a layer stand side by side.

    Where these would be too small for every token, and all heads at full size fit on one screen, a layer
    takes several bands instead.
    """
    margin = max(len(_margin(thumbnail.head)) for thumbnail in thumbnails)
    rows, columns = thumbnails[0].weights.shape
    high = rows if rows <= columns else min(rows, max(columns, _TALL))
    layers = _layers(thumbnails)
    most = max(len(layer) for layer in layers)
    across, full = (_across(most, width - margin, side) for side in (_SMALLEST, columns))
    bands = sum(-(-len(layer) // full) for layer in layers)
    if full < across and bands * (max(high, columns) // 2 + 3) <= _SCREEN:
        across = full
    side = _side((width - margin) // across - _GAP, columns)
    return Grid(margin, side, side if rows <= columns else max(side, high), across)


def _side(room: int, columns: int) -> int:
    """Give the cells of a thumbnail: whole weights, but no less than its name needs."""
    if room < columns:
        return max(room, 1)
    return max(columns * min(room // columns, _LARGEST_WEIGHT), min(room, _SMALLEST))


def _across(heads: int, room: int, side: int) -> int:
    return evenly(heads, max(room // (side + _GAP), 1))


def draw_grid(thumbnails: Sequence[Thumbnail], grid: Grid, ink: Ink) -> Iterator[Line]:
    """Draw thumbnails line by line; the heads' numbers stand above the first band they are right for."""
    above: list[str] = []
    for layer in _layers(thumbnails):
        for first in range(0, len(layer), grid.across):
            band = layer[first : first + grid.across]
            names = [thumbnail.name for thumbnail in band]
            if names != above:
                yield [Segment(" " * grid.margin), *(_name(name, grid) for name in names)]
            above = names
            yield from _band(band, grid, ink)
            yield []


def _layers(thumbnails: Sequence[Thumbnail]) -> list[list[Thumbnail]]:
    return [list(heads) for _, heads in groupby(thumbnails, key=lambda thumbnail: _band_of(thumbnail.head))]


def _band_of(head: HeadId) -> str:
    """Name the row a head stands in: its layer; maps of whole layers follow each other in one row."""
    return "" if head.index == TOGETHER else f"L{head.layer}"


def _margin(head: HeadId) -> str:
    return f"{_band_of(head)} ".lstrip()


def _name(name: str, grid: Grid) -> Segment:
    return Segment(fit(name, grid.side) + " " * _GAP, _BOLD)


def _band(band: Sequence[Thumbnail], grid: Grid, ink: Ink) -> Iterator[Line]:
    images = [scaled(one.weights, grid.side, grid.rows, one.counts) for one in band]
    height = len(images[0])
    for row in range(0, height, 2):
        name = _margin(band[0].head) if row == 0 else ""
        line = [Segment(name.ljust(grid.margin), _BOLD)]
        for image in images:
            lower = image[row + 1] if row + 1 < height else [None] * image.shape[1]
            line += [ink.pair(*weights) for weights in zip(image[row], lower, strict=True)]
            line.append(Segment(" " * (grid.side - image.shape[1] + _GAP)))
        yield line


def scaled(
    weights: NDArray[np.floating], side: int, high: int, counts: Counts | None = None
) -> NDArray[np.floating]:
    """Fit weights into so many columns and rows: pooled if they are more, each drawn larger if fewer.

    Shape:
        weights: (query, key).
    """
    rows, columns = min(weights.shape[0], high), min(weights.shape[1], side)
    higher, wider = (min(room // count, _LARGEST_WEIGHT) for room, count in ((high, rows), (side, columns)))
    return pool(weights, rows, columns, counts).repeat(higher, axis=0).repeat(wider, axis=1)


def weights_per_cell(thumbnails: Sequence[Thumbnail], grid: Grid, ink: Ink) -> tuple[int, int]:
    """Give how many queries and keys a cell stands for at most, or half a cell where it shows two weights."""
    rows, columns = thumbnails[0].weights.shape
    image = scaled(thumbnails[0].weights, grid.side, grid.rows)
    shown = -(-image.shape[0] // 2) * ink.weights_in_pair
    return -(-rows // min(rows, shown)), -(-columns // min(columns, image.shape[1]))
