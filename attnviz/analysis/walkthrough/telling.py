"""Which links say something of a query: those that a head's other queries do not have."""

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.focus import Link, between_words, links_of
from attnviz.record import Attention
from attnviz.selection import HeadId

# Of a link's weight the part that must be its query's own: a key that most queries look at tells little.
_OWN = 0.5


def leads(record: Attention, head: HeadId) -> NDArray[np.float64]:
    """Say how far each weight is above what the head's other queries give that key on average.

    Self-links and added tokens are set aside, as in `attnviz.analysis.focus`: there, and where a query cannot
    look, it is -1.

    Returns:
        (query, key), from -1 to 1.

    Raises:
        OutOfRange: the record lacks that head.

    >>> from attnviz import from_arrays
    >>> record = from_arrays([[0.0, 0.25, 0.75], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], "abc")
    >>> leads(record, HeadId(0, 0)).tolist()
    [[-1.0, 0.25, 0.25], [-0.5, -1.0, 0.625], [1.0, -0.125, -1.0]]
    """
    cells = between_words(record, head.layer)
    weights = np.where(cells, record.head(head), 0.0).astype(np.float64)
    others = max(int(cells.any(axis=-1).sum()) - 1, 1)
    usual = (weights.sum(axis=0) - weights) / others
    return np.where(cells, weights - usual, -1.0)


def telling_links(record: Attention, head: HeadId) -> tuple[Link, ...]:
    """List one head's links, in the order of the text, but for those to a key that it gives to most queries.

    A link is told if it is one `attnviz.analysis.focus` tells of, and more than half of its weight is beyond
    what the head's other queries give that key on average.

    Raises:
        OutOfRange: the record lacks that head.
    """
    ahead = leads(record, head)
    return tuple(
        link
        for link in links_of(record, head)
        if ahead[link.source_position, link.target_position] > _OWN * link.weight
    )
