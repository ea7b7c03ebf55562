"""What each head reads, as findings a sentence can be made of: words, links, pattern, breadth."""

from collections.abc import Sequence

import numpy as np

from attnviz.analysis.findings import Average, Focus, FocusWord, HeadFocus, Link, Together
from attnviz.analysis.readers import Mask, counted_queries, self_links, special_keys
from attnviz.analysis.streaming.focusing import NOTABLE, NOTICED, Focusing, Linked
from attnviz.analysis.streaming.linking import TOLD_ALWAYS, TOLD_FROM
from attnviz.analysis.streaming.patterning import Observe, look_at
from attnviz.frame import Frame, blocks_of, frame_of
from attnviz.record import Attention
from attnviz.selection import HeadId, Selection

__all__ = [
    "NOTABLE", "NOTICED", "TOLD_ALWAYS", "TOLD_FROM",
    "Average", "Focus", "FocusWord", "HeadFocus", "Link", "Together",
    "between_words", "focus", "focus_stream", "links_of",
]  # fmt: skip


def focus(record: Attention, heads: Sequence[HeadId] | None = None, *, top: int = 3) -> Focus:
    """Say what each head of a record reads.

    Words and links leave out special tokens and self-links; how much mass that hides is part of the result.
    Averages are over the queries that were written, by the user or by the model; nothing is renormalised.

    Args:
        record: one text's attention.
        heads: the heads to tell about; None means every one.
        top: how many words and links to tell of each head at most.

    Raises:
        OutOfRange: the record lacks one of the heads.

    >>> import attnviz
    >>> weights = [[0.0, 0.1, 0.9], [0.0, 0.0, 1.0], [0.1, 0.1, 0.8]]
    >>> record = attnviz.from_arrays(weights, ["the", "lazy", "dog"])
    >>> attnviz.focus(record).heads[0].words[0].token
    'dog'
    """
    focusing = Focusing(frame_of(record), top, heads)
    look_at(record, focusing)
    return focusing.result()


def focus_stream(
    observe: Observe,
    frame: Frame,
    top: int = 3,
    selection: Selection | None = None,
) -> Focus:
    """Say what each head reads of an input whose weights are too many to hold, as `focus` does.

    The weights are handed on once, and once more for the few heads whose pattern sums alone cannot settle.

    Args:
        observe: hands the weights of a selection on to an observer, as `Reading.observe` does.
        frame: the input, with the layers and heads of the selection.
        top: how many words and links to tell of each head at most.
        selection: the layers and heads meant; None means every one.
    """
    focusing = Focusing(frame, top)
    observe(focusing, selection or Selection())
    focusing.settle(observe)
    return focusing.result()


def between_words(record: Attention, layer: int) -> Mask:
    """Give the cells words and links are made of: (query, key), from what was written to something else."""
    written = np.outer(counted_queries(record), ~special_keys(record))
    cells: Mask = written & record.visible(layer) & ~self_links(record)
    return cells


def links_of(record: Attention, head: HeadId) -> list[Link]:
    """List one head's links worth telling, in the order of the text.

    A link is told if it carries twice what evenly spread mass would give it, from .1 on; from .5 on always.

    Raises:
        OutOfRange: the record lacks that head.
    """
    linked = Linked(frame_of(record), head)
    for block in blocks_of(record):
        linked.update(block)
    return linked.result()
