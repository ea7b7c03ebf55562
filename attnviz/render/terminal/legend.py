"""What stands under a heatmap, so that nothing in it has to be guessed."""

from collections.abc import Iterator, Sequence
from math import ceil, floor, log10

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.text import Text

from attnviz.record import Attention, Prediction
from attnviz.render import notes, sections
from attnviz.render.hidden import reasons
from attnviz.render.labels import printable, printable_sentence
from attnviz.render.terminal.cells import elide, fit, weight_text
from attnviz.render.terminal.ink import Ink
from attnviz.render.terminal.square import Axis, Layout
from attnviz.selection import HeadId

# The sign behind the name of a head that was taught its pattern.
TAUGHT = "*"

# A row that holds less than this lost mass to a sink, not to rounding.
_WHOLE_ROW = 0.99

_LONGEST_LISTED, _LONGEST_FOLLOWING = 20, 12

# Of columns that stand for several tokens each, so many are listed.
_MOST_LISTED = 24


def scale_top(shown: Sequence[NDArray[np.floating]]) -> float:
    """Give a scale's top: the largest weight of all, rounded up to one digit.

    Shape:
        shown: (query, key) each, NaN where masked.

    >>> scale_top([np.array([[0.31, np.nan]]), np.array([[0.02, 0.0]])])
    0.4
    """
    largest = max(float(np.nanmax(weights, initial=0.0)) for weights in shown)
    if largest <= 0:
        return 1.0
    digit = 10.0 ** floor(log10(largest))
    # Rounding may lift a weight a little above a round one; that is no reason for a higher top.
    return min(round(ceil(largest / digit - 0.01) * digit, 12), 1.0)


def lost_mass(record: Attention, heads: Sequence[HeadId]) -> Iterator[Text]:
    """Say how much mass is on no key of the picture, and where it is."""
    yield from map(Text, notes.dropped(record))
    sums = [float(record.head(head).sum(axis=-1).min()) for head in notes.unexplained(record, heads)]
    least = min(sums, default=1.0)
    if least < _WHOLE_ROW:
        yield Text(f"rows hold {weight_text(least)} of their mass or more: the rest goes to no key")


def following(prediction: Prediction) -> str:
    """Write the token that follows and its probability."""
    token = elide(printable(prediction.text), _LONGEST_FOLLOWING)
    return f"→ {fit(token, cell_len(token))} {notes.write_share(prediction.probability)}"


def sharing(record: Attention, heads: Sequence[HeadId]) -> Iterator[Text]:
    """Say which heads read the same keys and values."""
    name = f"{heads[0]} " if len(heads) == 1 else ""
    yield from (Text(name + note) for note in notes.sharing(record, heads))


def hidden(record: Attention, heads: Sequence[HeadId], ink: Ink) -> Iterator[Text]:
    """Explain the cells of keys the query could not see."""
    later, outside = reasons(record, heads)
    if later:
        yield ink.masked("later keys" if outside else "not visible to the query")
    if outside:
        yield ink.hatched(notes.OUTSIDE)


def lines(layout: Layout, record: Attention) -> Iterator[Text]:
    """Explain the lines between rows and columns."""
    if not (layout.rows.lines or layout.columns.lines):
        return
    queries, keys = sections.parts(record.queries), sections.parts(record.keys)
    for side in [queries, keys] if queries != keys else [queries]:
        named = (f"{printable_sentence(part.name)} {_run(part)}" for part in side if part.name)
        if listed := ", ".join(named):
            yield Text(f"│ {listed}")
    if sections.border(record.queries) or sections.border(record.keys):
        yield Text(f"┃ {notes.BORDER}")


def _run(part: sections.Part) -> str:
    return f"{part.start}-{part.stop - 1}" if part.stop - part.start > 1 else str(part.start)


def taught(record: Attention, heads: Sequence[HeadId]) -> Iterator[Text]:
    """Say what heads were taught; the others found their patterns by themselves."""
    for head in heads:
        if head in record.taught:
            yield Text(f"{TAUGHT} {head} was taught {printable_sentence(record.taught[head])}")


def pooled(rows: int, columns: int, *, shown: str = "largest") -> Iterator[Text]:
    """Say so if a cell stands for more than one weight, for at most so many rows and columns of them."""
    if rows * columns > 1:
        yield Text(f"each cell: the {shown} of {rows:,} × {columns:,} weights")


def extent(record: Attention, top: float) -> Iterator[Text]:
    """Say what was made of a long input, or which part of it this is."""
    told = (notes.pooled(record), notes.positions(record), notes.logarithmic(record, top))
    yield from (Text(note) for several in told for note in several)


def key_list(columns: Axis) -> Iterator[Text]:
    """List numbered columns with their labels; of those that stand for several tokens, some and the first."""
    pooled = any(len(run) > 1 for run in columns.positions)
    step = -(-len(columns) // _MOST_LISTED) if pooled else 1
    if pooled:
        yield Text("keys that columns begin with:", style="dim")
    for place in range(0, len(columns), step):
        number = str(columns.whole[place][0])
        yield Text.assemble((number, "dim"), " ", elide(columns.firsts[place], _LONGEST_LISTED))
