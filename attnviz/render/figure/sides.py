"""What stands at the sides of a heatmap: tokens as short labels, and the room they need."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from attnviz.record import Token
from attnviz.render.figure.fonts import Lettering
from attnviz.render.labels import clusters, is_right_to_left, printable

# Measuring a label of a thousand characters only to cut it would take long.
_MOST_CHARACTERS = 64

# A line of the base font is as high as its letter size, whichever letters stand in it.
_LINE = 1.0

# Keeps what stands beside an Arabic or Hebrew token on its side.
LEFT_TO_RIGHT = "\u200e"

# More frames of a sound than this are labelled at round seconds, at about so many of them at most.
_FEW_FRAMES, _MOST_TIMES = 12, 12
_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1200, 3600)
_ROUNDING = 1e-6

_STEPS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10_000)


@dataclass(frozen=True)
class Label:
    """One label.

    Attributes:
        at: the position of its token, counted from 0.
        text: what it says.
        muted: whether it says something the user did not write.
    """

    at: int
    text: str
    muted: bool = False


@dataclass(frozen=True)
class Side:
    """The labels of the rows or of the columns, some of which are left out where they have no room.

    Attributes:
        labels: those that are written.
        count: how many rows or columns there are.
        step: 1 if all are labelled, 5 if every fifth is.
        width: of the widest label, in units of the letter size.
        height: of the highest label, in the same units.
    """

    labels: tuple[Label, ...]
    count: int
    step: int
    width: float
    height: float

    @classmethod
    def of(cls, labels: Sequence[Label], count: int, step: int, lettering: Lettering) -> "Side":
        """Measure the labels that are written."""
        sizes = [lettering.measure(label.text) for label in labels]
        width, height = (max(extent) for extent in zip(*sizes, strict=True))
        return cls(tuple(labels), count, step, width, max(height, _LINE))

    def no_narrower(self, text: str, lettering: Lettering) -> "Side":
        """Leave as much room as another text needs that stands in line with the labels."""
        return replace(self, width=max(self.width, lettering.measure(text)[0]))


@dataclass(frozen=True)
class TokenLabels:
    """The labels of a side made of tokens.

    Attributes:
        tokens: one for each row or column.
        lettering: how they are written.
        limit: where a label is elided, in units of the letter size.
    """

    tokens: Sequence[Token]
    lettering: Lettering
    limit: float

    def every(self, step: int) -> Side:
        """Label every so-manieth token; so thinned out, each says its position too.

        Of the patches of a picture whole rows are left out, and patches and frames say their place anyway;
        many frames of a sound are labelled at round seconds only.
        """
        starts = _starts(self.tokens)
        if starts is not None and len(starts) > _FEW_FRAMES:
            labels = _at_round_seconds(starts, step)
            apart = min((after.at - before.at for before, after in pairwise(labels)), default=len(starts))
            return Side.of(labels, len(starts), apart, self.lettering)
        bands = _first_of_bands(self.tokens) if step > 1 else []
        if len(bands) > 1:
            return Side.of(self._in_bands(bands, step), len(self.tokens), step, self.lettering)
        labels = [self._label(at, step) for at in self._labelled(step)]
        return Side.of(labels, len(self.tokens), step, self.lettering)

    def _in_bands(self, firsts: Sequence[int], step: int) -> list[Label]:
        """Label every so-manieth frame of each band, or where that leaves each but one, the bands alone."""
        length = min(after - before for before, after in pairwise(firsts))
        if 2 * step > length:
            named = firsts[:: -(-step // length)]
            return [Label(at, self.lettering.spell(self.tokens[at].part or "")) for at in named]
        ends = [*firsts[1:], len(self.tokens)]
        inside = zip(firsts, ends, strict=True)
        return [self._label(at, step) for first, end in inside for at in range(first, end - step + 1, step)]

    def _labelled(self, step: int) -> Sequence[int]:
        firsts = _first_of_rows(self.tokens) if step > 1 else []
        if len(firsts) < 2:
            return range(0, len(self.tokens), step)
        apart = min(after - before for before, after in pairwise(firsts))
        return firsts[:: -(-step // apart)]

    def _label(self, at: int, step: int) -> Label:
        token = self.tokens[at]
        text = elide(self.lettering.spell(shown(token)), self.lettering, self.limit)
        # The mark keeps the position at the left of an Arabic or Hebrew token too.
        mark = LEFT_TO_RIGHT if is_right_to_left(text) else ""
        position = f"{token.run[0]:,}" if token.run else at
        return Label(at, text if step == 1 or token.place else f"{mark}{position} {text}", token.is_special)


@dataclass(frozen=True)
class NumberLabels:
    """The labels of a side made of layers or heads.

    Attributes:
        numbers: one for each row or column.
        lettering: how they are written.
    """

    numbers: Sequence[int]
    lettering: Lettering

    def every(self, step: int) -> Side:
        """Label every so-manieth number."""
        labels = [Label(at, str(self.numbers[at])) for at in range(0, len(self.numbers), step)]
        return Side.of(labels, len(self.numbers), step, self.lettering)


def _first_of_rows(tokens: Sequence[Token]) -> list[int]:
    """Give the positions of the patches that begin a row of the picture, if there is nothing else."""
    if any(token.kind != "patch" and not token.is_special for token in tokens):
        return []
    return [at for at, token in enumerate(tokens) if token.place and token.place[1] == 0]


def _first_of_bands(tokens: Sequence[Token]) -> list[int]:
    """Give the positions of the frames that begin a band of frequencies."""
    frames = [at for at, token in enumerate(tokens) if token.kind == "frame" and token.part]
    parts = [tokens[at].part for at in frames]
    return [at for place, at in enumerate(frames) if not place or parts[place - 1] != parts[place]]


def _starts(tokens: Sequence[Token]) -> list[float] | None:
    """Give when each frame of a sound begins, in seconds; None if they are not frames one after another."""
    starts = [token.place[0] for token in tokens if token.kind == "frame" and token.place]
    in_order = len(starts) == len(tokens) and all(one < other for one, other in pairwise(starts))
    return starts if in_order else None


def _at_round_seconds(starts: Sequence[float], step: int) -> list[Label]:
    """Label the frames at round seconds, at least `step` frames apart and not too many of them."""
    length = (starts[-1] - starts[0]) / (len(starts) - 1)
    least = length * max(step, len(starts) / _MOST_TIMES)
    apart = next((seconds for seconds in _SECONDS if seconds >= least - _ROUNDING), least)
    labels = []
    for number in range(
        math.ceil(starts[0] / apart - _ROUNDING), math.floor(starts[-1] / apart + _ROUNDING) + 1
    ):
        at = bisect_right(starts, number * apart + _ROUNDING) - 1
        labels.append(Label(at, f"{number * apart:.6g}"))
    return labels or [Label(0, f"{starts[0]:.3g}")]


def in_seconds(tokens: Sequence[Token], name: str) -> str:
    """Add to what rows or columns are that their labels are seconds, where they are no more than that."""
    starts = _starts(tokens)
    return name if starts is None or len(starts) <= _FEW_FRAMES else f"{name}, in seconds"


def shown(token: Token) -> str:
    """Give a token's text as it is looked up in fonts and drawn, but for its length."""
    return shown_text(token.text)


def shown_text(text: str) -> str:
    """Give a text as it is looked up in fonts and drawn, but for its length."""
    return printable(text[:_MOST_CHARACTERS])


def elide(text: str, lettering: Lettering, limit: float) -> str:
    """Cut a text to a width, between characters that belong together, and say so with an ellipsis."""
    if lettering.measure(text)[0] <= limit:
        return text
    parts = clusters(text)
    low, high = 0, len(parts) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if lettering.measure(_cut(parts, middle))[0] <= limit:
            low = middle
        else:
            high = middle - 1
    return _cut(parts, low)


def next_step(step: int, count: int) -> int:
    """Give the next larger round step to thin so many labels out by; the last leaves one."""
    return next((larger for larger in _STEPS if step < larger < count), count)


def _cut(parts: Sequence[str], count: int) -> str:
    return "".join(parts[:count]).rstrip() + "…"
