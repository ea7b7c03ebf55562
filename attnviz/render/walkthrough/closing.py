"""One head, another head, all heads: the links they have, as pieces of sentences."""

from dataclasses import replace

from attnviz.analysis.focus import Link
from attnviz.analysis.walkthrough.coverage import Covered
from attnviz.analysis.walkthrough.steps import Walkthrough
from attnviz.render.walkthrough.blocks import Piece
from attnviz.render.walkthrough.numbers import name_of

# So many links of a head are told; of more the strongest.
_TOLD = 6


def reads(walk: Walkthrough, covered: Covered) -> tuple[Piece, ...]:
    """Name the links of a head, those with the most weight if they are too many."""
    ranked = sorted(covered.links, key=lambda link: -link.weight)[:_TOLD]
    told = [link for link in covered.links if link in ranked]
    named = [_link(walk, link) for link in told]
    more = len(covered.links) - len(told)
    flat: list[Piece] = []
    for place, pieces in enumerate(named):
        flat += [", "] if place else []
        flat += pieces
    return (*flat, f" and {more} more") if more else tuple(flat)


def _link(walk: Walkthrough, link: Link) -> list[Piece]:
    ends = name_of(walk.queries, link.source_position), name_of(walk.keys, link.target_position)
    source, target = (replace(end, alone=any(char.isalnum() for char in end.text)) for end in ends)
    return [source, " → ", target]
