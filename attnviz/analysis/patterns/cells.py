"""The shapes that depend on places alone: each a set of cells of the query x key square.

The classes of Kovaleva et al. 2019, "Revealing the dark secrets of BERT", section 4.1 (vertical, diagonal,
vertical and diagonal, block, heterogeneous) were drawn by hand and told apart by a network. These are after
them, but each is a set of cells written down.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.parts import part_of
from attnviz.analysis.patches import grid_shape, places
from attnviz.analysis.patterns.shapes import Cells, Columns, Masked, Places, Slices, Steps, alike, nowhere
from attnviz.analysis.readers import Mask, special_keys
from attnviz.frame import Sides
from attnviz.record import Token

# Gives a pattern's cells in one input.
Pattern = Callable[[Sides], Cells]
Apart = NDArray[np.float64]

# How many tokens to either side are local; beyond a neighbour, and less than most sentences.
WINDOW = 3

_SENTENCE_ENDS = frozenset(".!?…。！？؟।")
_CLOSING = frozenset("\"'”’»)]」』")


def _beside(*steps: int) -> Pattern:
    """Give the cells whose key stands so many tokens after the query; none if they are of two texts."""

    def cells(sides: Sides) -> Cells:
        if sides.block == "cross":
            return _nowhere(sides)
        return Steps(steps, len(sides.keys) - len(sides.queries), len(sides.keys))

    return cells


def _on(keys: Callable[[Sides], Mask]) -> Pattern:
    """Give whole columns as cells."""
    return lambda sides: Columns(keys(sides))


def _patch(wanted: Callable[[Apart, Apart], Mask]) -> Pattern:
    """Give the cells whose patch is wanted by how many rows below and columns beyond the query's it stands.

    Between grids of different patches there are no such cells.
    """

    def cells(sides: Sides) -> Cells:
        if grid_shape(sides.queries, sides.picture) != grid_shape(sides.keys, sides.picture):
            return _nowhere(sides)
        of_queries, of_keys = places(sides.queries), places(sides.keys)

        def made(queries: Places) -> Mask:
            below, beyond = np.moveaxis(of_keys[None] - of_queries[queries][:, None], -1, 0)
            return wanted(below, beyond)

        return Masked(made)

    return cells


def _at(down: int, right: int) -> Pattern:
    """Give the cells whose patch stands so far below and to the right of the query's."""
    return _patch(lambda below, beyond: (below == down) & (beyond == right))


def first_key(sides: Sides) -> Mask:
    """Say which key stands first, whoever put it there: (key,)."""
    first: Mask = np.arange(len(sides.keys)) == 0
    return first


def _block(sides: Sides) -> Cells:
    """The rest of a query's own part of the input, or of its own sentence where there is one part only.

    Nowhere, unless there are two such blocks of two tokens or more.
    """
    if sides.block == "cross":
        return _nowhere(sides)
    of_keys = _blocks(sides.keys)
    _, sizes = np.unique(of_keys[of_keys >= 0], return_counts=True)
    if np.count_nonzero(sizes > 1) < 2:
        return _nowhere(sides)
    return alike(of_keys[len(sides.keys) - len(sides.queries) :], of_keys)


def _blocks(tokens: Sequence[Token]) -> Places:
    """Number the parts of an input, or the sentences of its only part: (token,), -1 for added tokens."""
    numbers: dict[str, int] = {}
    parts = [-1 if token.is_special else numbers.setdefault(part_of(token), len(numbers)) for token in tokens]
    return np.array(parts if len(numbers) > 1 else _sentences(tokens), dtype=np.intp)


def _sentences(tokens: Sequence[Token]) -> list[int]:
    """Number sentences: one ends with its mark, and with what closes behind it."""
    numbers, sentence, ended = [], 0, False
    for token in tokens:
        ends = _only(token, _SENTENCE_ENDS | _CLOSING) and token.text.strip() != "'"
        if ended and not ends and not token.is_special:
            sentence, ended = sentence + 1, False
        ended = ended or (ends and bool(_SENTENCE_ENDS & set(token.text))) or "\n" in token.text
        numbers.append(-1 if token.is_special else sentence)
    return numbers


def _only(token: Token, signs: frozenset[str]) -> bool:
    text = token.text.strip()
    return not token.is_special and text != "" and signs.issuperset(text)


def _in_order(sides: Sides) -> Cells:
    """Where both sides of a translation go through their texts in step; nowhere within one text.

    A query stands at the middle of its share of the written queries, a key likewise; a cell counts if these
    are less apart than half a share of the shorter side.
    """
    if sides.block != "cross":
        return _nowhere(sides)
    queries, keys = (_progress(side) for side in (sides.queries, sides.keys))
    written = np.flatnonzero(np.isfinite(keys))
    steps = min(np.isfinite(queries).sum(), len(written))
    if steps == 0:
        return _nowhere(sides)
    far = (0.5 + 1e-9) / steps  # for two sides of one length: the diagonal
    first = np.searchsorted(keys[written], queries - far, side="left")
    stop = np.searchsorted(keys[written], queries + far, side="right")
    stop = np.where(np.isfinite(queries), np.maximum(first, stop), first)
    return Slices(written, written, np.zeros(len(queries), dtype=np.intp), first, stop)


def _progress(tokens: Sequence[Token]) -> NDArray[np.float64]:
    """How far through the written text each token stands, 0 to 1; NaN for what was not written."""
    written = np.array([not token.is_special for token in tokens])
    middle = (np.cumsum(written) - 0.5) / max(written.sum(), 1)
    return np.where(written, middle, np.nan)


def _nowhere(sides: Sides) -> Cells:
    return nowhere(len(sides.queries))


BLOCK = "block"

# The diagonals and marks of Clark et al. 2019, section 3, and Voita et al. 2019, section 4; the first token
# of Xiao et al. 2023, section 3.1.
OF_TEXT: dict[str, Pattern] = {
    "previous": _beside(-1),
    "next": _beside(1),
    "local": _beside(*(step for step in range(-WINDOW, WINDOW + 1) if step)),
    "first": _on(first_key),
    "special": _on(special_keys),
    BLOCK: _block,
    "in order": _in_order,
}

# In a picture the next token is the next patch only within a row; what lies around a patch takes its place.
OF_PICTURES: dict[str, Pattern] = {
    "left": _at(0, -1),
    "right": _at(0, 1),
    "above": _at(-1, 0),
    "below": _at(1, 0),
    "neighbours": _patch(lambda below, beyond: np.maximum(np.abs(below), np.abs(beyond)) == 1),
    "same row": _patch(lambda below, beyond: (below == 0) & (beyond != 0)),
    "same column": _patch(lambda below, beyond: (below != 0) & (beyond == 0)),
    "special": _on(special_keys),
}

# Every pattern a text's heads may have, and what it says of a head.
PATTERNS: dict[str, str] = {
    "previous": "looks at the token before",
    "next": "looks at the token after",
    "self": "rests on the token itself",
    "first": "rests on the first token, often because it has nothing to say (a sink)",
    "special": "rests on tokens the model added, such as [SEP]",
    "punctuation": "looks at signs such as the full stop",
    "same word": "looks at other places where this word stands",
    "induction": "looks at what followed the last time this word stood there",
    "local": f"looks at the {WINDOW} tokens to either side",
    "vertical": "nearly all queries look at one and the same token",
    BLOCK: "stays within its own sentence, or its own part of the input",
    "broad": "reads nearly all it can see, alike",
    "in order": "goes through the other text in step",
}

# Likewise for pictures.
GRID_PATTERNS: dict[str, str] = {
    "left": "looks at the patch to the left",
    "right": "looks at the patch to the right",
    "above": "looks at the patch above",
    "below": "looks at the patch below",
    "neighbours": "looks at the eight patches around",
    "same row": "looks along its own row",
    "same column": "looks along its own column",
    "self": "rests on the patch itself",
    "special": "rests on tokens the model added, such as [CLS]",
    "one patch": "nearly all queries look at one and the same patch",
    "broad": "reads nearly all it can see, alike",
}
