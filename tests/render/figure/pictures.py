"""Records to draw, and what a reader of a figure can see of it."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from attnviz import from_arrays
from attnviz.record import Attention

FOX = ["The", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "."]
LONG = ["a", "of", "transformer", "attention", "internationalization", "is", "the", "representation"]


def record(
    tokens: Sequence[str],
    *,
    layers: int = 1,
    heads: int = 1,
    keys: Sequence[str] | None = None,
    causal: bool = False,
    model: str = "arrays",
) -> Attention:
    """Sharp, seeded weights."""
    columns = len(tokens if keys is None else keys)
    noise = np.random.default_rng(0).normal(scale=2.5, size=(layers, heads, len(tokens), columns))
    seen = np.exp(noise) * (np.tri(len(tokens), columns) if causal else 1)
    weights = seen / seen.sum(axis=-1, keepdims=True)
    return from_arrays(weights, tokens, keys, causal=causal, model=model)


def words(count: int) -> list[str]:
    return [LONG[at % len(LONG)] for at in range(count)]


def panels(figure: Figure):
    aside = ("<colorbar>", "sink")
    return [axes for axes in figure.axes if not axes.get_label().endswith(aside)]


def sinks(figure: Figure):
    return [axes for axes in figure.axes if axes.get_label().endswith("sink")]


def bar(figure: Figure):
    (axes,) = (axes for axes in figure.axes if axes.get_label() == "<colorbar>")
    return axes


def cells(axes) -> np.ma.MaskedArray:
    (image,) = axes.images
    return image.get_array()


def texts(figure: Figure) -> list[Text]:
    """Every text that shows, where a drawing puts it."""
    lay_out(figure)
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def lay_out(figure: Figure) -> None:
    """Do all that a drawing does but for its pixels, unless nothing was changed since it was done."""
    if figure.stale:
        FigureCanvasAgg(figure)
        figure.draw_without_rendering()


def extents(some: Iterable[Text]) -> list[Bbox]:
    return [text.get_window_extent() for text in some]


def overlaps(boxes: Iterable[Bbox]) -> list[tuple[Bbox, Bbox]]:
    """Pairs of boxes that share more than half a pixel."""
    listed = list(boxes)
    edges = np.array([(box.x0, box.y0, box.x1, box.y1) for box in listed]).reshape(-1, 4)
    low, high = edges[:, None, :2], edges[:, None, 2:]
    shared = (np.minimum(high, edges[:, 2:]) - np.maximum(low, edges[:, :2])).min(axis=-1)
    return [(listed[one], listed[other]) for one, other in np.argwhere(np.triu(shared > 0.5, 1))]


def cut_off(figure: Figure) -> list[str]:
    """Texts that leave the figure."""
    edge = figure.bbox
    return [
        text.get_text()
        for text in texts(figure)
        for box in [text.get_window_extent()]
        if box.x0 < edge.x0 - 1 or box.y0 < edge.y0 - 1 or box.x1 > edge.x1 + 1 or box.y1 > edge.y1 + 1
    ]
