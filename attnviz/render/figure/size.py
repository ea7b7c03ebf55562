"""How large a picture is: a paper's column, a page, a slide, or any width and height."""

import re
from dataclasses import dataclass

from attnviz.errors import RequestError

_INCHES = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4}
_MEASURES = re.compile(r"(\d+(?:\.\d+)?)(?:\s*x\s*(\d+(?:\.\d+)?))?\s*(in|cm|mm)?", re.IGNORECASE)
_LEAST, _MOST = 1.5, 60.0

DEFAULT_DPI = 200
_DPI_LIMITS = (36, 1200)
# A side longer than this no PNG viewer and no printer takes.
_MOST_PIXELS = 20_000


@dataclass(frozen=True)
class Size:
    """The size of a picture in inches.

    Attributes:
        width: exactly this wide; None for what the content needs, at most a page.
        height: exactly this high; None for what the content needs.
    """

    width: float | None = None
    height: float | None = None


SIZES = {"column": Size(3.3), "page": Size(6.9), "slide": Size(13.333, 7.5)}


def parse_size(text: str) -> Size:
    """Read a size: a name, a width, or a width and height, in inches unless it says cm or mm.

    Raises:
        RequestError: it cannot be read, or a side is under 1.5 or over 60 inches.

    >>> parse_size("column"), parse_size("8x6"), parse_size("12.7cm")
    (Size(width=3.3, height=None), Size(width=8.0, height=6.0), Size(width=5.0, height=None))
    """
    if text in SIZES:
        return SIZES[text]
    match = _MEASURES.fullmatch(text.strip())
    if not match:
        raise RequestError(f"not a size: got {text!r}, allowed {', '.join(SIZES)}, 8x6, 12x9cm or 84mm")
    inch = _INCHES[(match[3] or "in").lower()]
    sides = [round(float(side) * inch, 6) for side in match.groups()[:2] if side is not None]
    if not all(_LEAST <= side <= _MOST for side in sides):
        raise RequestError(f"not a size: got {text!r}, allowed sides of {_LEAST:g} to {_MOST:g} inches")
    return Size(*sides)


def check_dpi(dpi: int | None, size: Size) -> int:
    """Give the pixels per inch, 200 where none were asked for.

    Raises:
        RequestError: too few or too many, alone or for a picture of that size.
    """
    pixels = DEFAULT_DPI if dpi is None else dpi
    low, high = _DPI_LIMITS
    if not low <= pixels <= high:
        raise RequestError(f"dpi: got {pixels}, allowed {low} to {high}")
    side = pixels * max(size.width or 0, size.height or 0)
    if side > _MOST_PIXELS:
        raise RequestError(f"too large a picture: got {side:.0f} pixels a side, allowed {_MOST_PIXELS}")
    return pixels
