"""The shapes that patterns are made of: each a set of cells of the query x key square."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.patches import grid_shape, places
from attnviz.analysis.readers import Mask, self_links, special_keys
from attnviz.record import Attention, Token

Cells = Callable[[Attention], Mask]
Steps = NDArray[np.float64]


def _offset(steps: int) -> Cells:
    """Give the cells whose key stands `steps` tokens after the query; none if they are of two texts."""

    def cells(record: Attention) -> Mask:
        queries, keys = len(record.queries), len(record.keys)
        if record.block == "cross":
            return np.zeros((queries, keys), dtype=bool)
        diagonal: Mask = np.eye(queries, keys, keys - queries + steps, dtype=bool)
        return diagonal

    return cells


def _on(keys: Callable[[Attention], Mask]) -> Cells:
    """Give whole columns as cells."""
    return lambda record: np.broadcast_to(keys(record), (len(record.queries), len(record.keys)))


def _beside(down: int, right: int) -> Cells:
    """Give the cells whose patch stands so far below and to the right of the query's."""
    return _steps(lambda below, beyond: (below == down) & (beyond == right))


def _steps(wanted: Callable[[Steps, Steps], Mask]) -> Cells:
    """Give the cells whose patch is wanted by how many rows below and columns beyond the query's it stands.

    Between grids of different patches there are no such cells.
    """

    def cells(record: Attention) -> Mask:
        if grid_shape(record.queries, record.picture) != grid_shape(record.keys, record.picture):
            return np.zeros((len(record.queries), len(record.keys)), dtype=bool)
        below, beyond = np.moveaxis(places(record.keys)[None] - places(record.queries)[:, None], -1, 0)
        return wanted(below, beyond)

    return cells


def _first(record: Attention) -> Mask:
    """The first key, when the user wrote it; a special token there is a special token."""
    first: Mask = np.arange(len(record.keys)) == 0
    written: Mask = first & ~special_keys(record)
    return written


def _punctuation(record: Attention) -> Mask:
    return np.array([_is_punctuation(token) for token in record.keys])


def _is_punctuation(token: Token) -> bool:
    text = token.text.strip()
    return not token.is_special and text != "" and not any(char.isalnum() for char in text)


def _same_word(record: Attention) -> Mask:
    """The other places where a query's own word stands."""
    queries = np.array([token.text.strip().casefold() for token in record.queries])
    keys = np.array([token.text.strip().casefold() for token in record.keys])
    same: Mask = queries[:, None] == keys[None, :]
    elsewhere: Mask = same & ~self_links(record) & ~special_keys(record)
    return elsewhere


def _in_order(record: Attention) -> Mask:
    """Where both sides of a translation go through their texts in step; nowhere within one text.

    A query stands at the middle of its share of the written queries, a key likewise; a cell counts if these
    are less apart than half a share of the shorter side.
    """
    queries, keys = (_progress(side) for side in (record.queries, record.keys))
    if record.block != "cross":
        return np.zeros((len(queries), len(keys)), dtype=bool)
    steps = min(np.isfinite(queries).sum(), np.isfinite(keys).sum())
    apart = np.abs(queries[:, None] - keys[None, :])
    in_step: Mask = apart * steps <= 0.5 + 1e-9  # for two sides of one length: the diagonal
    return in_step


def _progress(tokens: Sequence[Token]) -> NDArray[np.float64]:
    """How far through the written text each token stands, 0 to 1; NaN for what was not written."""
    written = np.array([not token.is_special for token in tokens])
    middle = (np.cumsum(written) - 0.5) / max(written.sum(), 1)
    return np.where(written, middle, np.nan)


PATTERNS: dict[str, Cells] = {
    "previous": _offset(-1),
    "next": _offset(1),
    "first": _on(_first),
    "special": _on(special_keys),
    "punctuation": _on(_punctuation),
    "same word": _same_word,
    "in order": _in_order,
}

# In a picture the next token is the next patch only within a row; what lies around a patch takes its place.
GRID_PATTERNS: dict[str, Cells] = {
    "left": _beside(0, -1),
    "right": _beside(0, 1),
    "above": _beside(-1, 0),
    "below": _beside(1, 0),
    "neighbours": _steps(lambda below, beyond: np.maximum(np.abs(below), np.abs(beyond)) == 1),
    "same row": _steps(lambda below, beyond: (below == 0) & (beyond != 0)),
    "same column": _steps(lambda below, beyond: (below != 0) & (beyond == 0)),
    "special": _on(special_keys),
}
