"""What stands around the panels: headings above, notes and the legend below."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import Literal, Protocol

import numpy as np
from matplotlib.artist import Artist
from matplotlib.patches import Patch

from attnviz.record import Attention, Pooling, Weights
from attnviz.render import notes
from attnviz.render.figure.canvas import HAIRLINE, Canvas
from attnviz.render.figure.layout import HEADING, MARGIN, NOTE, PAD
from attnviz.render.figure.marks import HATCH, HATCH_LINE, border_sample
from attnviz.render.hidden import reasons
from attnviz.render.labels import name_of_model, printable_sentence
from attnviz.render.theme import Theme
from attnviz.selection import TOGETHER, HeadId, numbers_as_ranges

# In letters: the size of a figure's title.
TITLE = 1.25

_MOST_CHARACTERS = 300

# Below a picture as wide as a paper's column so many letters fit on a line.
_COLUMN = 66

# A row that holds less lost mass to a sink, not to rounding.
_WHOLE_ROW = 0.99


Sign = Literal["later", "outside", "border"]
_EXPLAINED: dict[Sign, str] = {
    "later": f"masked: {notes.LATER}",
    "outside": f"hatched: {notes.OUTSIDE}",
    "border": notes.BORDER,
}


@dataclass(frozen=True)
class Moment:
    """What makes a figure one of several that follow each other.

    Attributes:
        when: said before the title.
        top: the weight with the last colour, the same in all of them.
    """

    when: str
    top: float


@dataclass(frozen=True)
class Words:
    """What a figure says around its panels.

    Attributes:
        title: which heads.
        source: which model, and the text.
        notes: what a reader has to know to read the panels, a line each.
        signs: what is explained by an example: "later" keys, keys "outside" a window, the "border".
    """

    title: str
    source: str
    notes: tuple[str, ...] = ()
    signs: tuple[Sign, ...] = ()

    @property
    def lines(self) -> int:
        """How many lines stand below the panels."""
        return len(self.notes) + len(self.signs)

    def at(self, moment: Moment | None) -> "Words":
        """Say when first, where the figure is one of several: that is never cut off."""
        return self if moment is None else replace(self, title=f"{moment.when} · {self.title}")

    def with_notes(self, *more: str) -> "Words":
        """Add lines below the panels."""
        return replace(self, notes=(*self.notes, *more))


class Sourced(Protocol):
    """Whatever was made by a model from a text."""

    @property
    def model(self) -> str: ...  # noqa: D102

    @property
    def text(self) -> str: ...  # noqa: D102


def source_line(record: Sourced) -> str:
    """Say which model read which text, on one line; of a folder only the end of its path."""
    model = name_of_model(record.model)
    text = printable_sentence(record.text[:_MOST_CHARACTERS])
    return f"{model} · “{text}”" if text else model


def gather(record: Attention, heads: Sequence[HeadId]) -> Weights:
    """Stack the weights of several heads.

    Shape:
        result: (head, query, key).
    """
    if tuple(heads) == record.head_ids:
        together: Weights = record.weights.reshape(-1, *record.weights.shape[2:])
        return together
    return np.stack([record.head(head) for head in heads])


def signs(record: Attention, heads: Sequence[HeadId]) -> Iterator[Sign]:
    """Name what cells need an example for."""
    later, outside = reasons(record, heads)
    if later:
        yield "later"
    if outside:
        yield "outside"


def view_notes(record: Attention) -> Iterator[str]:
    """Say what the numbers are, where they are not the weights, in lines a column of a paper has room for."""
    for note in notes.view(record):
        yield from wrap(note, _COLUMN)


def mass_notes(record: Attention, heads: Sequence[HeadId]) -> Iterator[str]:
    """Say how much mass is on no key of the picture, and where it is."""
    yield from notes.dropped(record)
    if unexplained := notes.unexplained(record, heads):
        least = float(gather(record, unexplained).sum(axis=-1).min())
        if least < _WHOLE_ROW:
            yield f"rows hold {least:.2f} of their mass or more: the rest goes to no key"


def extent_notes(record: Attention, top: float) -> tuple[str, ...]:
    """Say what was made of a long input, or which part of it this is."""
    return (*notes.pooled(record), *notes.positions(record), *notes.logarithmic(record, top))


def pooled_note(
    rows: int, columns: int, weights: Weights, pooling: Pooling | None = None, shown: str = "largest"
) -> tuple[str, ...]:
    """Say how many weights share a cell, if more do than the record says itself.

    Shape:
        weights: (..., query, key).
    """
    high, wide = -(-weights.shape[-2] // rows), -(-weights.shape[-1] // columns)
    if max(high, wide) == 1:
        return ()
    if pooling:
        high, wide = -(-pooling.queries // rows), -(-pooling.keys // columns)
    return (f"each cell shows the {shown} of up to {high:,} × {wide:,} weights",)


def name_heads(heads: Sequence[HeadId]) -> str:
    """Name several heads.

    >>> name_heads([HeadId(5, 0), HeadId(5, 1), HeadId(5, 2)])
    'Layer 5, heads 0-2'
    """
    layers = sorted({head.layer for head in heads})
    indices = sorted({head.index for head in heads})
    name = f"layer{'s' * (len(layers) > 1)} {numbers_as_ranges(layers)}"
    if indices == [TOGETHER]:
        return name.capitalize()
    if len(heads) < len(layers) * len(indices):
        return f"{len(heads)} heads of {name}"
    return f"{name.capitalize()}, heads {numbers_as_ranges(indices)}"


def draw_words(canvas: Canvas, words: Words) -> None:
    """Write the headings and the notes, and explain the colour of masked cells."""
    layout, unit = canvas.layout, canvas.layout.letter
    title, source, small = TITLE * unit, 0.92 * unit, 0.85 * unit
    widths = [canvas.width(words.title, title, "bold"), canvas.width(words.source, source)]
    widths += [canvas.width(note, small) for note in words.notes]
    widths += [canvas.width(_EXPLAINED[sign], small) + 2 * unit for sign in words.signs]
    # Beside a narrow panel in the middle of the paper, long lines begin further left than it does.
    left = min(layout.edge, max(MARGIN * unit, layout.width - MARGIN * unit - max(widths)))
    canvas.write(words.title, (left, layout.crown), title, weight="bold")
    canvas.write(words.source, (left, layout.crown + HEADING * unit), source)
    first = layout.foot + PAD * unit
    for line, sign in enumerate(words.signs):
        _draw_legend(canvas, sign, left, first + line * NOTE * unit)
    for line, note in enumerate(words.notes, start=len(words.signs)):
        canvas.write(note, (left, first + line * NOTE * unit), small)


def _draw_legend(canvas: Canvas, sign: Sign, left: float, top: float) -> None:
    size, theme = 0.85 * canvas.layout.letter, canvas.theme
    x, bottom, _, height = canvas.layout.box(left, top, 0, size)
    legend = canvas.figure.legend(
        handles=[_example(theme, sign)],
        loc="lower left",
        bbox_to_anchor=(x, bottom - 0.2 * height),
        borderpad=0,
        borderaxespad=0,
        frameon=False,
        handlelength=1.2,
        handleheight=0.7,
        handletextpad=0.6,
        fontsize=size,
    )
    for text in legend.get_texts():
        text.set(**canvas.lettering.style(size, theme.muted))


def _example(theme: Theme, sign: Sign) -> Artist:
    label = _EXPLAINED[sign]
    if sign == "border":
        return border_sample(theme, label)
    swatch = Patch(facecolor=theme.masked, edgecolor=theme.rule, linewidth=HAIRLINE, label=label)
    if sign == "outside":
        swatch.set(hatch=HATCH, hatchcolor=theme.hatch, hatch_linewidth=HATCH_LINE)
    return swatch
