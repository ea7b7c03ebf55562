"""The tokens of a picture: patches named by row and column, whatever grid a layer works on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import CaptureFailed
from attnviz.grid import grid_of
from attnviz.record import Token

# Patches stand in one line if their distance is below this share of that of two lines.
_SAME_LINE = 0.25

# What fills a picture up to a number of patches a model likes.
PADDING = "[PAD]"

# What a model adds to a later stage, and the one query with which some gather a picture into a vector.
ADDED_LATER, POOL = Token("[ADDED]", kind="special"), Token("[POOL]", kind="special")

# How far, as a share of the distance between two lines, a patch may seem to be from the middle of its own.
_OFF = 0.25


def patch(row: int, column: int) -> Token:
    """Name a patch by its place in the grid, counted from 0.

    >>> patch(3, 5).text
    'r3c5'
    """
    return Token(f"r{row}c{column}", kind="patch", place=(row, column))


def piece(number: int) -> Token:
    """Name what was made of a picture, but of which place of it nobody can tell.

    >>> piece(3)
    Token(text='picture 3', id=None, span=None, kind='patch', word=None, place=None, part=None, run=None)
    """
    return Token(f"picture {number}", kind="patch")


@dataclass(frozen=True, eq=False)
class Patches:
    """A side made of the patches of one picture, and of what a model adds to them.

    Layers that work on a coarser grid, as in a pyramid of stages, have fewer patches; in how many rows and
    columns those stand follows from the picture's own sides.

    Attributes:
        first: the tokens of the first layer that attends; empty where they could not be told one by one.
        height: of the picture the model sees; only its ratio to the width counts.
        width: likewise.
        stages: whether there may be layers of fewer patches. A model that is given a list of patches has
            none, and a piece of that list may be a grid by chance.
    """

    first: tuple[Token, ...]
    height: float
    width: float
    stages: bool = True

    def fits(self, count: int) -> bool:
        """Say whether a whole layer may have so many."""
        return count == len(self.first) or self._coarser(count) is not None

    def tokens(self, count: int) -> tuple[Token, ...]:
        """Name so many.

        Raises:
            CaptureFailed: they form no grid of the picture's shape.
        """
        if count == len(self.first):
            return self.first
        found = self._coarser(count)
        if found is None:
            raise CaptureFailed(
                f"the weights' {count} rows or columns form no grid of patches of a picture of "
                f"{self.width:g} x {self.height:g}"
            )
        return found

    def _coarser(self, count: int) -> tuple[Token, ...] | None:
        """Name the patches of another grid, with the same added tokens, or one that was added later."""
        unfilled = tuple(token for token in self.first if token.text != PADDING)
        if count == len(unfilled):
            return unfilled
        if self.first and not (self.stages and 1 < count < len(self.first)):
            return None
        added = tuple(token for token in self.first if token.is_special)
        for before in ((), added, (ADDED_LATER,)) if self.first else ((),):
            sides = grid_of(count - len(before), self.height / self.width)
            if sides is not None:
                return (*before, *grid(*sides))
        return None


@dataclass(frozen=True)
class Pieces:
    """A side made of pieces of a picture that come in an order nobody knows."""

    @property
    def first(self) -> tuple[Token, ...]:
        """The tokens known beforehand: none."""
        return ()

    def fits(self, count: int) -> bool:  # noqa: ARG002
        """Say whether there may be so many."""
        return True

    def tokens(self, count: int) -> tuple[Token, ...]:
        """Number them from 0."""
        return tuple(piece(number) for number in range(count))


@dataclass(frozen=True)
class Slots:
    """A side of places that a model fills with what it finds; they stand for nothing in its input."""

    def fits(self, count: int) -> bool:  # noqa: ARG002
        """Say whether there may be so many; their number is the model's own."""
        return True

    def tokens(self, count: int) -> tuple[Token, ...]:
        """Number them from 0."""
        return tuple(Token(f"slot {number}", kind="special") for number in range(count))


def grid(rows: int, columns: int) -> tuple[Token, ...]:
    """Name the patches of a grid, row by row."""
    return tuple(patch(row, column) for row in range(rows) for column in range(columns))


def placed(centres: NDArray[np.floating]) -> tuple[tuple[int, int], ...] | None:
    """Find each patch's row and column from where its centre is.

    The patches need not come in any order.

    Shape:
        centres: (patch, 2), shares of the picture's height and width, 0 to 1.

    Returns:
        A row and a column for each; None where they stand in no even lines, or two at one place.

    >>> placed(np.array([[0.25, 0.75], [0.75, 0.25]]))
    ((0, 1), (1, 0))
    """
    rows, columns = _lines(centres[:, 0]), _lines(centres[:, 1])
    if rows is None or columns is None:
        return None
    places = tuple((int(row), int(column)) for row, column in zip(rows, columns, strict=True))
    return places if len(set(places)) == len(places) else None


def _lines(positions: NDArray[np.floating]) -> NDArray[np.int_] | None:
    """Number the lines on which positions stand, evenly apart from one end of the side to the other."""
    gaps = np.diff(np.sort(positions))
    # So many patches stand in at most as many lines.
    if gaps.sum() < 0.5 / len(positions):
        return np.zeros(len(positions), dtype=int)
    between = gaps[gaps > _SAME_LINE * gaps.max()]
    at = positions / between.mean() - 0.5
    numbers = np.rint(at)
    return numbers.astype(int) if np.abs(at - numbers).max() < _OFF and numbers.min() >= 0 else None


def named(specials: Sequence[str], places: Sequence[tuple[int, int] | None]) -> tuple[Token, ...]:
    """Join patches with what a model added.

    Args:
        specials: the names of the added tokens, in the order of their positions.
        places: for each position its row and column; None for an added token.
    """
    names = iter(specials)
    return tuple(Token(next(names), kind="special") if place is None else patch(*place) for place in places)
