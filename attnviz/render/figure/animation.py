"""How heads came about, as an animated picture: a figure for each step, all of one size and on one scale."""

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from attnviz.errors import UnknownSuffix
from attnviz.history import History
from attnviz.render.figure import chosen_theme
from attnviz.render.figure.drawing import draw
from attnviz.render.figure.encoding import to_bytes
from attnviz.render.figure.frame import Moment
from attnviz.render.figure.pace import SUFFIXES, frame_durations
from attnviz.render.figure.size import Size, check_dpi
from attnviz.render.when import when
from attnviz.selection import HeadId

# A picture for screens: as many pixels per inch as these have.
DPI = 100

# GIF has so many colours in a picture.
_COLORS = 256

# One head alone needs no page.
_ONE_HEAD = Size(5.0)

Pixels = NDArray[np.uint8]


def animate(
    history: History,
    heads: Sequence[HeadId],
    suffix: str,
    *,
    fps: float = 8,
    theme: str = "light",
    size: Size | None = None,
    dpi: int | None = None,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> bytes:
    """Play a history as a picture that moves, over and over; the last frame stays longer.

    Args:
        history: what to play.
        heads: which heads, one or more.
        suffix: of the file's name: ".gif", or ".png" or ".apng" for an animated PNG.
        fps: frames a second, 0.1 to 50.
        theme: "light" or "dark".
        size: of the picture; None means as large as the content needs, and of one head 5 inches wide.
        dpi: pixels per inch, 100 unless told.
        tick: told after every frame.

    Raises:
        UnknownSuffix: another suffix.
        RequestError: fps, theme, size or dpi out of bounds.
        OutOfRange: the history does not hold such a head.
    """
    if suffix.lower() not in SUFFIXES:
        raise UnknownSuffix(
            f"no animated format: got {suffix or 'no suffix'!r}, allowed {', '.join(SUFFIXES)}"
        )
    durations = frame_durations(len(history), fps)
    pictures = []
    for pixels in frames(history, heads, theme=theme, size=size, dpi=dpi):
        pictures.append(Image.fromarray(pixels))
        tick(len(pictures), len(history))
    target = BytesIO()
    moving: dict[str, Any] = {"save_all": True, "duration": durations, "loop": 0}
    if suffix.lower() == ".gif":
        first, *others = _few_colors(pictures)
        first.save(target, "GIF", append_images=others, optimize=False, **moving)
    else:
        first, *others = pictures
        first.save(target, "PNG", append_images=others, **moving)
    return target.getvalue()


def frames(
    history: History,
    heads: Sequence[HeadId],
    *,
    theme: str = "light",
    size: Size | None = None,
    dpi: int | None = None,
) -> Iterator[Pixels]:
    """Draw a history, one figure after the other.

    Shape:
        result: (height, width, 3) each, all alike.

    Raises:
        RequestError, OutOfRange: see `animate`.
    """
    top = scale_top(history, heads)
    paper = size or (_ONE_HEAD if len(heads) == 1 else Size())
    resolution = check_dpi(DPI if dpi is None else dpi, paper)
    for place, record in enumerate(history):
        moment = Moment(when(history.steps[place], history.planned, history.losses[place]), top)
        figure = draw(record, heads, chosen_theme(theme), paper, resolution, moment)
        with Image.open(BytesIO(to_bytes(figure, "png"))) as picture:
            yield np.asarray(picture.convert("RGB"))


def scale_top(history: History, heads: Sequence[HeadId]) -> float:
    """Give the largest weight of all steps, so that a colour means the same in each."""
    return max(float(record.head(head).max()) for record in history for head in heads) or 1.0


def _few_colors(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Give all frames one palette, so that a colour does not flicker and only what changes is stored."""
    # The first, the middle and the last frame hold what colours there are.
    asked = [pictures[0], pictures[len(pictures) // 2], pictures[-1]]
    sheet = Image.fromarray(np.concatenate([np.asarray(picture) for picture in asked]))
    palette = sheet.quantize(_COLORS, method=Image.Quantize.MEDIANCUT)
    return [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
