"""Every measure of single heads, taken of a record at once."""

from collections.abc import Iterator, Sequence

from attnviz.analysis.measures.catalogue import MEASURES as MEASURES
from attnviz.analysis.measures.catalogue import Measure as Measure
from attnviz.analysis.measures.catalogue import applicable as applicable
from attnviz.analysis.measures.measured import Measured as Measured
from attnviz.analysis.streaming.measuring import Measuring
from attnviz.errors import RequestError
from attnviz.frame import blocks_of, frame_of
from attnviz.observe import RowBlock
from attnviz.record import Attention
from attnviz.selection import HeadId


def measure(
    record: Attention, heads: Sequence[HeadId] | None = None, names: Sequence[str] | None = None
) -> Measured:
    """Take measures of heads of a record.

    Means are over the queries the user or the model wrote; nothing is renormalised.

    Args:
        record: one input's attention.
        heads: the heads to measure; None means every one.
        names: the measures to take; None means all that mean anything for the record.

    Raises:
        OutOfRange: the record lacks one of the heads.
        RequestError: no head is named, or there is no such measure of this record.

    >>> import attnviz
    >>> record = attnviz.from_arrays([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.5, 0.5]], ["a", "b", "c"])
    >>> measured = measure(record, names=["breadth", "self mass"])
    >>> measured.means.round(6).tolist(), measured.units
    ([[1.666667, 0.666667]], ('keys', 'share'))
    """
    chosen = record.head_ids if heads is None else tuple(heads)
    if not chosen:
        raise RequestError("nothing to measure: got no head")
    for head in chosen:
        record.head(head)
    measuring = Measuring(frame_of(record), applicable(record) if names is None else names)
    for block in _blocks(record, set(chosen)):
        measuring.update(block)
    return measuring.result(chosen)


def _blocks(record: Attention, heads: set[HeadId]) -> Iterator[RowBlock]:
    """Give the rows of some heads: of all at once, or one by one."""
    if heads == set(record.head_ids):
        return blocks_of(record)
    alone = blocks_of(record, heads=1)
    return (block for block in alone if HeadId(block.layer, record.heads[block.first_head]) in heads)
