"""How many of a layer's links one head has, two heads have, and all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from attnviz.analysis.focus import Link
from attnviz.analysis.walkthrough.telling import telling_links
from attnviz.record import Attention
from attnviz.selection import HeadId

Pair = tuple[int, int]


@dataclass(frozen=True)
class Covered:
    """The links of one head.

    Attributes:
        head: its name.
        links: in the order of the text.
    """

    head: HeadId
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Coverage:
    """Which different links (from which word to which) heads have.

    Attributes:
        first: the head that has most.
        second: the head that adds most to those; None where no other head adds any.
        both: how many different links these two have between them.
        every: how many different links all heads have between them.
        heads: how many heads were asked.
    """

    first: Covered
    second: Covered | None
    both: int
    every: int
    heads: int


def coverage(record: Attention, heads: Sequence[HeadId]) -> Coverage | None:
    """Find the two heads that have the most different links between them.

    Greedily: first the head with most links, then the one that adds most to them; of equals the first. Links
    are those of `telling_links`.

    Args:
        record: one input's attention.
        heads: the heads to choose from.

    Returns:
        None where no head has a link.

    Raises:
        OutOfRange: the record lacks one of the heads.

    >>> from attnviz import from_arrays
    >>> behind = [[1, 0, 0], [1, 0, 0], [0, 1, 0]]
    >>> ahead = [[0, 1, 0], [0, 1, 0], [0, 0, 1]]
    >>> found = coverage(from_arrays([behind, ahead], "abc"), [HeadId(0, 0), HeadId(0, 1)])
    >>> len(found.first.links), len(found.second.links), found.both, found.every
    (2, 1, 3, 3)
    """
    covered = [Covered(head, telling_links(record, head)) for head in heads]
    first = max(covered, key=lambda one: len(_pairs(one)))
    known = _pairs(first)
    if not known:
        return None
    second = max(covered, key=lambda one: len(_pairs(one) - known))
    every = set().union(*map(_pairs, covered))
    return Coverage(
        first=first,
        second=second if _pairs(second) - known else None,
        both=len(known | _pairs(second)),
        every=len(every),
        heads=len(covered),
    )


def _pairs(covered: Covered) -> set[Pair]:
    return {(link.source_position, link.target_position) for link in covered.links}
