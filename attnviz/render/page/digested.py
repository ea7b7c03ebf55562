"""Inputs too long for every weight: what a page takes of a digest, and which tokens its rows stand for."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from attnviz.record import Attention, Token
from attnviz.render.labels import from_to, printable
from attnviz.render.pooling import starts

if TYPE_CHECKING:
    from attnviz.analysis.streaming.digest import Digest
    from attnviz.render.page.contents import Contents

Bounds = list[tuple[int, int]]


def digest_of(contents: "Contents", record: Attention) -> "Digest | None":
    """Give the digest whose maxima a record is: what is known of its heads is said beside them."""
    return next((found for found in contents.digests if found.maxima is record), None)


def whole_side(contents: "Contents", side: tuple[Token, ...]) -> tuple[Token, ...] | None:
    """Give every token of a side whose rows stand for runs; None where they are not known."""
    if not is_of_runs(side):
        return None
    for found in contents.digests:
        if found.maxima.queries == side:
            return found.frame.queries
        if found.maxima.keys == side:
            return found.frame.keys
    return None


def is_of_runs(side: Sequence[Token]) -> bool:
    """Whether some token of a side stands for a run of the model's."""
    return any(token.run is not None and token.run[0] < token.run[1] for token in side)


def bounds_of(side: Sequence[Token], rows: int) -> Bounds:
    """Say which of the model's tokens each row stands for: the first and the last.

    >>> bounds_of([Token("a", run=(0, 3)), Token("b", run=(4, 7)), Token("c", run=(8, 9))], 2)
    [(0, 3), (4, 9)]
    """
    ends = [token.run or (place, place) for place, token in enumerate(side)]
    edges = [*starts(len(side), rows).tolist(), len(side)]
    return [(ends[first][0], ends[stop - 1][1]) for first, stop in pairwise(edges)]


def run_label(run: Sequence[Token], whole: Sequence[Token] | None, bounds: tuple[int, int]) -> str:
    """Label a row by the ends of what it stands for.

    Args:
        run: the tokens of runs that the row stands for.
        whole: every token of the side, where they are known.
        bounds: the first and the last of these.
    """
    first, last = bounds
    if whole is not None:
        ends = printable(whole[first].text), printable(whole[last].text)
        return ends[0] if first == last else from_to(*ends)
    if len(run) == 1:
        return printable(run[0].text)
    return from_to(_end(run[0], 0), _end(run[-1], -1))


def _end(token: Token, place: int) -> str:
    """Give the first or last part of a run's own label."""
    return printable(token.text).split("…")[place]
