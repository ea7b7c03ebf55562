"""Two drawings on one sheet, one below the other, each with its own headings, panels and notes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from attnviz.errors import RequestError
from attnviz.render.figure.fonts import Lettering
from attnviz.render.figure.layout import BAR, BAR_GAP, BAR_TICKS, MARGIN, Layout, Sheet
from attnviz.render.figure.sides import Label, Side
from attnviz.render.figure.size import Size, check_dpi, parse_size

# What stands right of the panels, in letters.
_AFTER = BAR_GAP + BAR + BAR_TICKS + MARGIN

# Notes are written smaller than other letters, and a little wider than measured.
_NOTE, _SPARE = 0.85, 1.06


@dataclass(frozen=True)
class NameLabels:
    """The labels of a side made of anything that has a name.

    Attributes:
        names: one for each row or column.
        lettering: how they are written.
    """

    names: Sequence[str]
    lettering: Lettering

    def every(self, step: int) -> Side:
        """Label every so-manieth."""
        labels = [Label(at, self.names[at]) for at in range(0, len(self.names), step)]
        return Side.of(labels, len(self.names), step, self.lettering)


def sheet_of(size: Size | str | None, dpi: int | None) -> Sheet:
    """Read the size of a sheet whose height follows from what stands on it.

    Raises:
        RequestError: no such size, or one with a height.
    """
    paper = parse_size(size) if isinstance(size, str) else size or Size()
    if paper.height is not None:
        raise RequestError(f"no height: got {size}, allowed a width, such as column, page or 84mm")
    return Sheet.of(paper, check_dpi(dpi, paper))


def stack(upper: Layout, lower: Layout) -> tuple[Layout, Layout]:
    """Put one layout below another; headings begin at one edge, and panels too if they all fit so."""
    width = max(upper.width, lower.width)
    # One margin between both will do.
    start = upper.height - MARGIN * upper.letter
    height = start + lower.height
    edge = min(upper.edge, lower.edge)
    left = edge + max(upper.left - upper.edge, lower.left - lower.edge)
    if any(left + layout.block[0] + _AFTER * layout.letter > width + 0.01 for layout in (upper, lower)):
        lefts = edge + upper.left - upper.edge, edge + lower.left - lower.edge
    else:
        lefts = left, left
    return (
        replace(upper, width=width, height=height, edge=edge, left=lefts[0]),
        replace(
            lower,
            width=width,
            height=height,
            edge=edge,
            left=lefts[1],
            top=lower.top + start,
            crown=lower.crown + start,
            foot=lower.foot + start,
        ),
    )


def wrapped(notes: Iterable[str], lettering: Lettering, width: float, letter: float) -> tuple[str, ...]:
    """Break notes into lines that fit.

    Args:
        notes: what to say.
        lettering: how it is written.
        width: of the figure.
        letter: the size of its ordinary letters.
    """
    room = (width - 2 * MARGIN * letter) / (_NOTE * letter * _SPARE)
    return tuple(line for note in notes for line in _lines(note.split(" "), lettering, room))


def _lines(words: Sequence[str], lettering: Lettering, room: float) -> Iterator[str]:
    line = ""
    for word in words:
        longer = f"{line} {word}".strip()
        if line and lettering.measure(longer)[0] > room:
            yield line
            longer = word
        line = longer
    yield line
