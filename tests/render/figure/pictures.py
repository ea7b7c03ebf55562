"""Records to draw, and what a reader of a figure can see of it."""

from collections.abc import Iterable, Sequence
from itertools import combinations

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
    FigureCanvasAgg(figure).draw()
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def extents(some: Iterable[Text]) -> list[Bbox]:
    return [text.get_window_extent() for text in some]


def overlaps(boxes: Iterable[Bbox]) -> list[tuple[Bbox, Bbox]]:
    """Pairs of boxes that share more than half a pixel."""
    return [(one, other) for one, other in combinations(boxes, 2) if _depth(one, other) > 0.5]


def _depth(one: Bbox, other: Bbox) -> float:
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    return min(across, min(one.y1, other.y1) - max(one.y0, other.y0))


def cut_off(figure: Figure) -> list[str]:
    """Texts that leave the figure."""
    edge = figure.bbox
    return [
        text.get_text()
        for text in texts(figure)
        for box in [text.get_window_extent()]
        if box.x0 < edge.x0 - 1 or box.y0 < edge.y0 - 1 or box.x1 > edge.x1 + 1 or box.y1 > edge.y1 + 1
    ]
