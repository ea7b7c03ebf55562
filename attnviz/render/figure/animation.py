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
from attnviz.render.theme import Theme, rgb
from attnviz.render.when import when
from attnviz.selection import HeadId

# A picture for screens: as many pixels per inch as these have.
DPI = 100

# GIF has so many colours in a picture; each kind of letters and lines fades into the page in so many.
_COLORS, _FADES = 256, 28

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
    pictures: list[Pixels] = []
    for pixels in frames(history, heads, theme=theme, size=size, dpi=dpi):
        pictures.append(pixels)
        tick(len(pictures), len(history))
    target = BytesIO()
    moving: dict[str, Any] = {"save_all": True, "duration": durations, "loop": 0}
    if suffix.lower() == ".gif":
        first, *others = _few_colors(pictures, chosen_theme(theme))
        first.save(target, "GIF", append_images=others, optimize=False, **moving)
    else:
        first, *others = map(Image.fromarray, pictures)
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


def _few_colors(pictures: Sequence[Pixels], theme: Theme) -> list[Image.Image]:
    """Give all frames one palette, so that no colour flickers: each pixel takes the nearest of it."""
    palette = _palette(theme)
    known: dict[int, int] = {}
    reduced = []
    for pixels in pictures:
        packed = pixels.astype(np.int64) @ (1 << 16, 1 << 8, 1)
        colors, places = np.unique(packed, return_inverse=True)
        new = [color for color in colors.tolist() if color not in known]
        known.update(zip(new, _nearest(np.array(new, dtype=np.int64), palette), strict=True))
        entries = np.array([known[color] for color in colors.tolist()], dtype=np.uint8)
        picture = Image.fromarray(entries[places.reshape(packed.shape)])
        picture.putpalette(palette.astype(np.uint8).tobytes())
        reduced.append(picture)
    return reduced


def _palette(theme: Theme) -> NDArray[np.int64]:
    """List what a figure is drawn with: the scale of weights, and letters and lines fading into the page."""
    page = np.array(rgb(theme.background))
    colors = [theme.color(share) for share in np.linspace(0, 1, _COLORS - 3 * _FADES)]
    for ink in (theme.foreground, theme.muted, theme.rule):
        shares = np.linspace(0, 1, _FADES)[:, None]
        colors += np.rint(page + shares * (np.array(rgb(ink)) - page)).astype(int).tolist()
    return np.array(colors, dtype=np.int64)


def _nearest(packed: NDArray[np.int64], palette: NDArray[np.int64]) -> list[int]:
    """Find for each colour the entry of a palette that is nearest to it."""
    colors = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1)
    distances = ((colors[:, None] - palette) ** 2).sum(axis=-1)
    return list(map(int, distances.argmin(axis=-1)))
