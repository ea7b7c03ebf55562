"""In how many rows and columns square patches stand in a picture, as far as its shape tells."""

from itertools import count as counting
from math import log

_ROUNDING = 1e-9


def fills(rows: int, columns: int, ratio: float) -> bool:
    """Say whether square patches of one size can be cut from a picture in so many rows and columns.

    Where they do not fill it exactly, the rest is left out on both sides, or filled up on both.

    Args:
        rows: how many there are.
        columns: how many.
        ratio: the picture's height as a share of its width.

    >>> fills(2, 3, 2 / 3), fills(3, 3, 2 / 3)
    (True, False)
    """
    return _leaves_out(rows, columns, ratio) or _fills_up(rows, columns, ratio)


def _leaves_out(rows: int, columns: int, ratio: float) -> bool:
    """Say whether some size of patch fits so many times into both sides."""
    return max(ratio / (rows + 1), 1 / (columns + 1)) < min(ratio / rows, 1 / columns) - _ROUNDING


def _fills_up(rows: int, columns: int, ratio: float) -> bool:
    """Say whether some size of patch covers both sides with so many, and with no fewer."""
    if rows == 1 or columns == 1:
        return False
    return max(ratio / rows, 1 / columns) < min(ratio / (rows - 1), 1 / (columns - 1)) - _ROUNDING


def grid_of(patches: int, ratio: float) -> tuple[int, int] | None:
    """Find the rows and columns in which so many patches fill a picture; None where they cannot.

    >>> grid_of(196, 1.0), grid_of(6, 1.5), grid_of(7, 1.0), grid_of(30, 2 / 3)
    ((14, 14), (3, 2), None, None)
    """
    pairs = [(rows, patches // rows) for rows in range(1, patches + 1) if patches % rows == 0]
    filling = [pair for pair in pairs if fills(*pair, ratio)]
    return min(filling, key=lambda pair: abs(log(pair[0] / pair[1] / ratio)), default=None)


def grid_around(rows: int, columns: int, ratio: float) -> tuple[int, int]:
    """Find the grid of a picture, some of whose last rows or columns may be missing.

    That is the grid known, if it fills the picture, or else the smallest around it that does.

    >>> grid_around(14, 13, 1.0), grid_around(4, 4, 5.0)
    ((14, 14), (20, 4))
    """
    if fills(rows, columns, ratio):
        return rows, columns
    for more in counting(1):
        for down in range(more + 1):
            found = rows + down, columns + more - down
            if _leaves_out(*found, ratio):
                return found
    raise AssertionError("unreachable: some grid fills every picture")
