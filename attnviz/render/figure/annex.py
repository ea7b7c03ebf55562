"""What stands right of a panel and belongs to it: a learned sink's column, and the tokens that follow."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from attnviz.record import Attention, Prediction, Weights
from attnviz.render.figure.canvas import Canvas
from attnviz.render.figure.fonts import Lettering
from attnviz.render.figure.layout import PAD
from attnviz.render.figure.sides import LEFT_TO_RIGHT, elide, shown_text
from attnviz.render.labels import is_right_to_left
from attnviz.render.notes import has_sink, write_share
from attnviz.render.pooling import pool
from attnviz.selection import HeadId

SINK = "sink"


def sink_column(record: Attention, head: HeadId, rows: int) -> Weights | None:
    """Give the mass a head's learned sink took, pooled to as many rows as are drawn; None without a sink.

    Shape:
        result: (row, 1).
    """
    if not has_sink(record, head):
        return None
    column: Weights = pool(record.lost(head).astype(np.float32)[:, None], rows, 1)
    return column


def draw_sink(canvas: Canvas, number: int, name: str, column: Weights, *, labelled: bool) -> Axes:
    """Draw a sink's column beside a panel, split from it by a gap.

    Shape:
        column: (row, 1).
    """
    axes = canvas.axes(canvas.layout.place_sink(number), name)
    rows = canvas.layout.labels.rows.count
    axes.imshow(
        column,
        cmap=canvas.colors.colormap,
        norm=canvas.colors.norm,
        interpolation="nearest",
        interpolation_stage="data",
        origin="upper",
        aspect="auto",
        extent=(-0.5, 0.5, rows - 0.5, -0.5),
    )
    if labelled:
        canvas.label_sink(axes, SINK)
    return axes


def prediction_labels(
    predictions: Sequence[Prediction], lettering: Lettering, limit: float
) -> tuple[str, ...]:
    """Write what follows each query: an arrow, the token and its probability.

    Args:
        predictions: one for each query.
        lettering: how they are written.
        limit: where a token is elided, in units of the letter size.
    """
    labels = []
    for prediction in predictions:
        token = elide(lettering.spell(shown_text(prediction.text)), lettering, limit)
        mark = LEFT_TO_RIGHT if is_right_to_left(token) else ""
        labels.append(f"{mark}→ {token}{mark} {write_share(prediction.probability)}")
    return tuple(labels)


def write_predictions(canvas: Canvas, axes: Axes, labels: Sequence[str]) -> None:
    """Write what follows, right of each row that has a label of its own."""
    layout = canvas.layout
    away = sum(layout.sink) + 2 * PAD * layout.letter
    left = layout.labels.columns.count - 0.5 + away / layout.cell[0]
    for row in layout.labels.rows.labels:
        style = canvas.lettering.style(layout.labels.letter, canvas.theme.muted)
        axes.text(left, row.at, labels[row.at], ha="left", va="center_baseline", **style)
