"""The two drawings of a walk, in strokes that any form can draw: all shapes on the way, and the weights."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.walkthrough.steps import Walkthrough
from attnviz.record import Attention, Mask
from attnviz.render.walkthrough.blocks import Matrix, shown
from attnviz.render.walkthrough.numbers import nouns
from attnviz.render.walkthrough.tell import Level

Point = tuple[float, float]

# A drawing is so wide, in points where letters of a name have 11.5 of them.
WIDTH = 360.0
NAME, SMALL = 11.5, 10.0

# Where boxes stand: those of queries, keys and values, and everything on the way from the first two.
_QUERIES, _KEYS, _VALUES, _WAY = 56.0, 164.0, 302.0, 110.0
_GAP, _ARROW, _TRUNK, _BESIDE, _EDGE = 6.0, 27.0, 16.0, 9.0, 6.0

# A side grows with the logarithm of its size, else 16 could not be seen beside 4,096.
_LEAST, _GROWTH, _LONGEST = 8.0, 9.0, 110.0

# Of more heads no borders are drawn between their parts.
_BORDERS = 32

# Of more tokens a part of the square is shown.
MOST_ROWS = 32


@dataclass(frozen=True)
class Rect:
    """A rectangle; its corner is the upper left one.

    Attributes:
        corner: (from the left, from the top).
        width: to the right.
        height: down.
        kind: a whole matrix, or the part of it that is meant.
    """

    corner: Point
    width: float
    height: float
    kind: Literal["matrix", "part"] = "matrix"


@dataclass(frozen=True)
class Stroke:
    """A line from point to point, with an arrow's head at its end."""

    points: tuple[Point, ...]
    has_head: bool = True


@dataclass(frozen=True)
class Label:
    """A line of text.

    Attributes:
        at: its place; of its height the middle.
        text: what it says.
        kind: the name of a shape, its size, or what is done.
        anchor: which part of it stands there.
    """

    at: Point
    text: str
    kind: Literal["name", "size", "deed"]
    anchor: Literal["start", "middle"] = "start"


@dataclass(frozen=True)
class Drawing:
    """Strokes on paper of `WIDTH`.

    Attributes:
        height: of the paper.
        rects: below everything else.
        strokes: lines and arrows.
        labels: above everything else.
        matrices: what is drawn, in order.
        caption: how to read it.
    """

    height: float
    rects: tuple[Rect, ...]
    strokes: tuple[Stroke, ...]
    labels: tuple[Label, ...]
    matrices: tuple[Matrix, ...]
    caption: str


@dataclass(frozen=True, eq=False)
class Square:
    """The weights of a head, or of many tokens the part around the query that is followed.

    Attributes:
        weights: (query, key), of those that are shown.
        visible: (query, key), whether the query may look there.
        rows: the names of the queries.
        columns: the names of the keys.
        chosen: the row of the query that is followed.
        names: what rows and columns are.
        caption: how to read it.
    """

    weights: NDArray[np.float64]
    visible: Mask
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    chosen: int
    names: tuple[str, str]
    caption: str

    @property
    def top(self) -> float:
        """The largest weight that is shown, which is darkest."""
        return float(self.weights.max()) or 1.0


@dataclass(frozen=True)
class _Names:
    """What things are called at a level."""

    inputs: tuple[str, str]
    vectors: tuple[str, str, str]
    square: tuple[str, str]
    sums: tuple[str, str, str]
    deeds: tuple[str, str, str, str, str, str]
    caption: str


def flow(walk: Walkthrough, level: Level) -> Drawing:
    """Draw every shape from what comes in to what goes out, with an arrow from step to step."""
    return _Pen(walk, _beginner(walk) if level == "beginner" else _field(walk)).drawing()


def square(walk: Walkthrough, record: Attention, level: Level) -> Square:
    """Show the weights of the head that is followed.

    Args:
        walk: the head and the query.
        record: what the walk was made of.
        level: whose words to use.

    Raises:
        OutOfRange: the record lacks that head.
    """
    rows = _window(len(walk.queries), walk.position)
    columns = _window(len(walk.keys), walk.strongest)
    part = np.ix_(rows, columns)
    weights = record.head(walk.head).astype(np.float64)[part]
    called = nouns(walk)
    if level == "beginner":
        looks = called.word if walk.block == "self" else "word"
        names = (f"the {looks} that looks", f"the {called.word} looked at")
        caption = f"The shares that {walk.head} gives. Framed: those of {shown(walk.query.text)}."
    else:
        names = ("query", "key")
        caption = (
            f"The weights of {walk.head}, each row a query. Framed: {shown(walk.query.text)}, "
            f"place {walk.position}."
        )
    caption += _parts_shown(walk, rows, columns, names)
    visible = record.visible(walk.head.layer)[part]
    if not visible.all():
        caption += " Grey: hidden."
    return Square(
        weights,
        visible,
        tuple(shown(walk.queries[row].text) for row in rows),
        tuple(shown(walk.keys[column].text) for column in columns),
        rows.index(walk.position),
        names,
        caption,
    )


def side(size: int | None) -> float:
    """Say how long the side of a box is: 1 still shows, and 4,096 still fits.

    >>> side(1), side(16), side(1 << 30)
    (8.0, 44.0, 110.0)
    """
    return min(_LEAST + _GROWTH * math.log2(16 if size is None else size), _LONGEST)


def _window(count: int, place: int) -> list[int]:
    """Give the places around one that are shown."""
    first = min(max(place - MOST_ROWS // 2, 0), max(count - MOST_ROWS, 0))
    return list(range(first, min(first + MOST_ROWS, count)))


def _parts_shown(walk: Walkthrough, rows: list[int], columns: list[int], names: tuple[str, str]) -> str:
    told = ""
    for name, places, count in zip(names, (rows, columns), (len(walk.queries), len(walk.keys)), strict=True):
        if len(places) < count:
            told += f" Of {count} places of {name}, {places[0]} to {places[-1]} are shown."
    return told


def _beginner(walk: Walkthrough) -> _Names:
    called, heads = nouns(walk), len(walk.heads)
    others = f"the reports of all {heads} readers side by side" if heads > 1 else "there is one reader only"
    width, words = walk.projections.width, called.words if walk.block == "self" else "words"
    count = len(walk.queries)
    each = "" if width is None else f" {count} × {width}: {width} numbers for each of {count} {words}."
    return _Names(
        inputs=("cards", "other cards"),
        vectors=("questions", "labels", "contents"),
        square=("points", "shares"),
        sums=(f"reports of {walk.head}", "all reports", "answers"),
        deeds=(
            f"three notes about every {called.word}",
            "how well they fit",
            "made to come to 100%",
            "contents, as much as shares say",
            others,
            "mixed into one list",
        ),
        caption=f"The whole way, from cards to answers. A larger box has more numbers.{each}",
    )


def _field(walk: Walkthrough) -> _Names:
    found, heads = walk.scores, len(walk.heads)
    scale = "" if found.scale == 1 else f" × {found.scale:.4g}"
    more = {"nothing": "", "distance": " + distance", "recovered": " + rest"}[found.addition]
    return _Names(
        inputs=("X", "Y"),
        vectors=("Q", "K", "V"),
        square=("logits", "weights"),
        sums=(f"Z of {walk.head}", "concat", "O"),
        deeds=(
            "× W_Q, W_K, W_V",
            f"Q Kᵀ{scale}{more}",
            "mask, softmax" if not found.visible.all() else "softmax",
            "weights × V",
            f"beside the other {heads - 1} heads" if heads > 1 else "the only head",
            "× W_O",
        ),
        caption="All shapes, rows × columns, a row for each token. Sides grow with the logarithm of a size.",
    )


class _Pen:
    """Draws a flow from top to bottom."""

    def __init__(self, walk: Walkthrough, names: _Names) -> None:
        self._walk, self._names = walk, names
        self._top = _EDGE
        self._rects: list[Rect] = []
        self._strokes: list[Stroke] = []
        self._labels: list[Label] = []
        self._matrices: list[Matrix] = []

    def drawing(self) -> Drawing:
        """Draw everything."""
        walk, names = self._walk, self._names
        queries, keys = len(walk.queries), len(walk.keys)
        heads, d_v = len(walk.heads), walk.projections.d_v
        self._inputs()
        below = self._vectors()
        self._step(Matrix(names.square[0], queries, keys), names.deeds[1])
        self._step(Matrix(names.square[1], queries, keys), names.deeds[2])
        first, _ = self._step(Matrix(names.sums[0], queries, d_v), names.deeds[3])
        # The values go past the square, and meet it where they are summed.
        joins = first - _GAP - _ARROW / 2
        self._strokes.append(Stroke(((_VALUES, below), (_VALUES, joins), (_WAY, joins)), has_head=False))
        whole = Matrix(names.sums[1], queries, heads * d_v)
        top, height = self._step(whole, names.deeds[4])
        self._mark_part(top, height, side(whole.columns))
        if walk.joining is not None:
            self._step(Matrix(names.sums[2], queries, len(walk.joining.output)), names.deeds[5])
        return Drawing(
            self._top + _EDGE,
            tuple(self._rects),
            tuple(self._strokes),
            tuple(self._labels),
            tuple(self._matrices),
            names.caption,
        )

    def _inputs(self) -> None:
        """Draw what comes in, and arrows to what is made of it."""
        walk, width = self._walk, self._walk.projections.width
        across = walk.block == "cross"
        if across:
            sources = [
                (_QUERIES, Matrix(self._names.inputs[0], len(walk.queries), width), (_QUERIES,)),
                (
                    (_KEYS + _VALUES) / 2,
                    Matrix(self._names.inputs[1], len(walk.keys), width),
                    (_KEYS, _VALUES),
                ),
            ]
        else:
            x = Matrix(self._names.inputs[0], len(walk.queries), width)
            sources = [(_KEYS, x, (_QUERIES, _KEYS, _VALUES))]
        deepest = 0.0
        for at, matrix, _ in sources:
            height = self._box(at, self._top, matrix)
            self._beside(at, self._top, height, matrix)
            deepest = max(deepest, height)
        start = self._top + deepest + _GAP
        bus, end = start + _TRUNK, start + _TRUNK + _ARROW * 0.6
        for at, matrix, targets in sources:
            top = self._top + side(matrix.rows) + _GAP
            self._strokes += [
                Stroke(((at, top), (at, bus), (target, bus), (target, end))) for target in targets
            ]
        self._labels.append(Label((sources[0][0] + 8, bus - 8), self._names.deeds[0], "deed"))
        self._top = end + _GAP

    def _vectors(self) -> float:
        """Draw queries, keys and values; give how far the values reach down."""
        walk, found = self._walk, self._walk.projections
        query, key, value = self._names.vectors
        boxes = (
            (_QUERIES, Matrix(query, len(walk.queries), found.d_k)),
            (_KEYS, Matrix(key, len(walk.keys), found.d_k)),
            (_VALUES, Matrix(value, len(walk.keys), found.d_v)),
        )
        ends = []
        for at, matrix in boxes:
            height = self._box(at, self._top, matrix)
            under = self._top + height
            self._labels.append(Label((at, under + 8), matrix.name, "name", "middle"))
            self._labels.append(Label((at, under + 20), _size(matrix), "size", "middle"))
            ends.append(under + 28)
        start = max(ends[:2])
        for at, end in zip((_QUERIES, _KEYS), ends, strict=False):
            self._strokes.append(Stroke(((at, end), (at, start + 6), (_WAY, start + 6)), has_head=False))
        self._top = start
        return ends[2]

    def _step(self, matrix: Matrix, deed: str) -> tuple[float, float]:
        """Draw an arrow and the next box; give where it begins, and its height."""
        start = self._top + _GAP
        end = start + _ARROW
        self._strokes.append(Stroke(((_WAY, start), (_WAY, end))))
        above = deed == self._names.deeds[3]
        self._labels.append(Label((_WAY + 8, start + (5 if above else _ARROW / 2)), deed, "deed"))
        top = end + _GAP
        height = self._box(_WAY, top, matrix)
        self._beside(_WAY, top, height, matrix)
        self._top = top + max(height, 14)
        return top, height

    def _box(self, at: float, top: float, matrix: Matrix) -> float:
        width, height = side(matrix.columns), side(matrix.rows)
        self._rects.append(Rect((at - width / 2, top), width, height))
        self._matrices.append(matrix)
        return height

    def _beside(self, at: float, top: float, height: float, matrix: Matrix) -> None:
        left, middle = at + side(matrix.columns) / 2 + _BESIDE, top + height / 2
        self._labels.append(Label((left, middle - 6), matrix.name, "name"))
        self._labels.append(Label((left, middle + 7), _size(matrix), "size"))

    def _mark_part(self, top: float, height: float, width: float) -> None:
        """Mark which part of all heads' sums is this head's."""
        heads, left = len(self._walk.heads), _WAY - width / 2
        each = width / heads
        self._rects.append(Rect((left + each * self._walk.place, top), each, height, "part"))
        if heads <= _BORDERS:
            for place in range(1, heads):
                x = left + each * place
                self._strokes.append(Stroke(((x, top), (x, top + height)), has_head=False))


def _size(matrix: Matrix) -> str:
    """Write the size of a matrix.

    >>> _size(Matrix("X", 9, None))
    '9 × ?'
    """
    return " × ".join("?" if size is None else f"{size}" for size in (matrix.rows, matrix.columns))
