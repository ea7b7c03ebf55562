"""A picture's patches as a grid: what a query reads of it, and how far apart in it queries and keys are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import RequestError
from attnviz.frame import Sides
from attnviz.grid import grid_around
from attnviz.record import Attention, Token, Weights
from attnviz.selection import HeadId

# A query by its position, by the row and column of its patch, or by its text, such as "[CLS]" or "r3c5".
Query = int | tuple[int, int] | str

_PLACE = re.compile(r"\s*(?:row|r)?\s*(\d+)\s*(?:,|column|col|c|\s)+\s*(\d+)\s*", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Gaze:
    """What one query, or several on average, read of a picture.

    Attributes:
        name: whose it is, such as "[CLS]", "row 3 column 5" or "the mean of 196 queries".
        position: the query's position; None for a mean over several.
        place: the row and column of the query's own patch, where it is one.
        weights: (row, column), NaN where the model saw no patch, or not from there.
        aside: the mass on keys that are no patches.
    """

    name: str
    position: int | None
    place: tuple[int, int] | None
    weights: NDArray[np.float64]
    aside: float


def has_patches(sides: Sides) -> bool:
    """Say whether some keys are patches whose places in a picture are known."""
    return any(_is_placed(token) for token in sides.keys)


def is_picture(sides: Sides) -> bool:
    """Say whether queries and keys are patches, and what a model added to them, and nothing else."""
    tokens = sides.queries + sides.keys
    no_text = all(_is_placed(token) or token.is_special for token in tokens)
    return no_text and has_patches(sides) and any(map(_is_placed, sides.queries))


def places(tokens: Sequence[Token]) -> NDArray[np.float64]:
    """Give rows and columns: (token, 2), NaN for what is no patch."""
    nowhere = (np.nan, np.nan)
    return np.array([token.place if _is_placed(token) else nowhere for token in tokens], dtype=np.float64)


def grid_shape(tokens: Sequence[Token], picture: NDArray[np.uint8] | None = None) -> tuple[int, int]:
    """Give the rows and columns of the grid that patches stand in.

    Args:
        tokens: the patches, and whatever stands beside them.
        picture: what they are patches of; the last rows or columns of its grid may be missing among them.

    Raises:
        RequestError: there is no patch.
    """
    found = places(tokens)
    if not np.isfinite(found).any():
        raise RequestError("no patches of a picture: got tokens of a text only")
    rows, columns = (int(last) + 1 for last in np.nanmax(found, axis=0))
    return (rows, columns) if picture is None else grid_around(rows, columns, len(picture) / picture.shape[1])


def place_of(token: Token) -> tuple[int, int] | None:
    """Give the row and column of a patch; None for any other token."""
    return _place(token) if _is_placed(token) else None


def spoken(token: Token) -> str:
    """Name a token as one speaks of it: a patch by its row and column.

    >>> spoken(Token("r3c5", kind="patch", place=(3, 5))), spoken(Token("fox"))
    ('row 3 column 5', 'fox')
    """
    place = place_of(token)
    return token.text if place is None else f"row {place[0]} column {place[1]}"


def gaze(record: Attention, head: HeadId, query: Query | None = None) -> Gaze:
    """Say what a head reads of a picture.

    Args:
        record: some keys of which are patches.
        head: one of its heads.
        query: from where; None means the class token, where a model that sees put one first, and otherwise
            the mean over the queries that can see a patch: of a text beside the picture, or of the patches.

    Raises:
        OutOfRange: the record lacks that head.
        RequestError: no key is a patch, or there is no such query.

    >>> tokens = [Token("[CLS]", kind="special"), Token("r0c0", kind="patch", place=(0, 0))]
    >>> weights = np.array([[[[0.25, 0.75], [0.5, 0.5]]]])
    >>> record = Attention(tuple(tokens), tuple(tokens), weights, (0,), (0,), "vit")
    >>> found = gaze(record, HeadId(0, 0))
    >>> found.name, found.weights.tolist(), found.aside
    ('[CLS]', [[0.75]], 0.25)
    """
    shape = grid_shape(record.keys, record.picture)
    chosen = _chosen(record, head.layer, query)
    weights = record.head(head)[chosen].mean(axis=0, dtype=np.float64)
    patches = np.array([_is_placed(token) for token in record.keys])
    cells = np.full(shape, np.nan)
    seen = patches & record.visible(head.layer)[chosen].any(axis=0)
    rows, columns = places(record.keys)[seen].astype(int).T
    cells[rows, columns] = weights[seen]
    alone = chosen[0] if len(chosen) == 1 else None
    token = record.queries[chosen[0]]
    return Gaze(
        name=spoken(token) if alone is not None else f"the mean of {len(chosen)} queries",
        position=alone,
        place=place_of(token) if alone is not None else None,
        weights=cells,
        aside=float(weights[~patches].sum()),
    )


def find_query(sides: Sides, query: Query) -> int:
    """Find a query's position.

    Args:
        sides: whose queries.
        query: a position, counted from the end if it is negative; the row and column of a patch, as numbers
            or as "3,5" or "row 3 column 5"; or a token's text. Of several of one text the first is meant.

    Raises:
        RequestError: there is no such query.

    >>> tokens = (Token("[CLS]", kind="special"), Token("r0c1", kind="patch", place=(0, 1)))
    >>> record = Attention(tokens, tokens, np.full((1, 1, 2, 2), 0.5), (0,), (0,), "vit")
    >>> find_query(record, "0,1"), find_query(record, "[CLS]"), find_query(record, -1)
    (1, 0, 1)
    """
    count = len(sides.queries)
    if isinstance(query, int):
        if not -count <= query < count:
            raise RequestError(f"no such query: got {query}, allowed 0 to {count - 1}")
        return query % count
    named = [place for place, token in enumerate(sides.queries) if token.text == query]
    if named:
        return named[0]
    wanted = _as_place(query)
    at = [
        place
        for place, token in enumerate(sides.queries)
        if wanted is not None and _is_placed(token) and _place(token) == wanted
    ]
    if at:
        return at[0]
    if wanted is not None and any(map(_is_placed, sides.queries)):
        rows, columns = grid_shape(sides.queries, sides.picture)
        raise RequestError(
            f"no such query: got row {wanted[0]} column {wanted[1]}, allowed rows 0 to {rows - 1} and "
            f"columns 0 to {columns - 1}"
        )
    raise RequestError(
        f"no such query: got {query!r}, allowed a position, a row and column, or a token's text"
    )


def patch_distances(sides: Sides, rows: slice = slice(None)) -> NDArray[np.float64]:
    """Measure how far apart patches are in a picture: (query, key), in patches of the queries' grid.

    Euclidean, between the middles of the patches; NaN where either is no patch. Where the keys' grid is
    coarser, as in a pyramid of stages, their patches are as much larger.

    Args:
        sides: a record, or a frame.
        rows: of which queries; all if nobody says.

    Raises:
        RequestError: queries or keys have no patch.
    """
    own, other = (np.array(grid_shape(side, sides.picture)) for side in (sides.queries, sides.keys))
    queries, keys = places(sides.queries[rows]) + 0.5, (places(sides.keys) + 0.5) * (own / other)
    apart: NDArray[np.float64] = np.hypot(*np.moveaxis(queries[:, None] - keys[None], -1, 0))
    return apart


def patch_distance(weights: Weights, apart: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Measure how far each query looks in a picture: $\sum_j w_{ij} d_{ij} / \sum_j w_{ij}$ over patches.

    Dosovitskiy et al. 2021, section 4.5 and appendix D.7, "attention distance", before its mean over queries
    and pictures; here in patches, there in pixels. What goes to other tokens has no distance and counts not.

    Shape:
        weights: (query, key).
        apart: (query, key), as `patch_distances` gives it.

    Returns:
        Patches per query, (query,); 0 for a query that is no patch, or that reads none.

    >>> patch_distance(np.array([[0.5, 0.25, 0.25]]), np.array([[np.nan, 0.0, 3.0]])).tolist()
    [1.5]
    """
    counted = np.where(np.isfinite(apart), weights, 0.0)
    mass = counted.sum(axis=-1)
    travelled = (counted * np.nan_to_num(apart)).sum(axis=-1)
    far: NDArray[np.float64] = travelled / np.where(mass > 0, mass, 1.0)
    return far


def _chosen(record: Attention, layer: int, query: Query | None) -> list[int]:
    """The positions of the queries whose weights are told."""
    if query is not None:
        return [find_query(record, query)]
    first = record.queries[0]
    if is_picture(record) and first.is_special and record.queries[0] in record.keys:
        return [0]
    patches = np.array([_is_placed(token) for token in record.keys])
    sees = np.logical_or.reduce(record.visible(layer)[:, patches], axis=-1)
    for kinds in (("text", "generated"), ("patch",)):
        found = [i for i, token in enumerate(record.queries) if sees[i] and token.kind in kinds]
        if found:
            return found
    return list(range(len(record.queries)))


def _is_placed(token: Token) -> bool:
    return token.kind == "patch" and token.place is not None


def _place(token: Token) -> tuple[int, int]:
    assert token.place is not None
    return int(token.place[0]), int(token.place[1])


def _as_place(query: str | tuple[int, int]) -> tuple[int, int] | None:
    if isinstance(query, tuple):
        return query
    read = _PLACE.fullmatch(query)
    return (int(read[1]), int(read[2])) if read else None
