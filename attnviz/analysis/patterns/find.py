"""Named shapes a head may have, each with a score, what chance would give it, and how sure that is."""

from collections.abc import Sequence

from attnviz.analysis.patterns.naming import CLEAR, NO_PATTERN, WIDE, Pattern
from attnviz.analysis.streaming.patterning import Patterning, look_at
from attnviz.frame import frame_of
from attnviz.record import Attention
from attnviz.selection import HeadId

__all__ = ["CLEAR", "NO_PATTERN", "WIDE", "Pattern", "find_pattern", "find_patterns", "score_patterns"]


def find_pattern(record: Attention, head: HeadId) -> Pattern:
    r"""Name what one head of a record does.

    A pattern is a set of cells of the query x key square. Its score is the share of a head's mass that falls
    on them; chance is the share that would fall there if every query spread the same mass evenly over the
    keys it can see. Self-links are set aside: a head that rests on itself where it has nothing to say is
    judged by what it does elsewhere. Only a head that does hardly anything else is called "self". Queries
    are those the user or the model wrote; "same word" and "induction" ask only those whose word stands
    elsewhere too.

    A pattern is named if all of this holds, and else there is no clear one:

    - The score lies .3 above chance. "vertical" (in a picture "one patch"), a single key, has more than half
      of the mass besides. "broad" is named where no other is, if the breadth of the rows, $2^H$, is .8 of the
      keys seen, two standard errors off.
    - Five queries or more have such a cell.
    - The margin is two standard errors over the queries above 0, and three times what it would be off 0 if
      each query's weights changed places at random.
    - "punctuation", "same word" and "induction": the margin is above that in each of 99 texts in which the
      words have changed places and the weights have not. One sign in a short text is never certain, since
      it might as well be its place that is read.
    - "block": less than half as much crosses a border as would if the mass were spread evenly over all
      places as far from their queries.

    Of several the one furthest above chance is named, or one within it that has three quarters of its margin:
    "previous" goes before "local". After the classes of Kovaleva et al. 2019, section 4.1, the heads of Clark
    et al. 2019, section 3, and Voita et al. 2019, section 4, Olsson et al. 2022 (induction) and Xiao et al.
    2023 (first token); the bounds are our own.

    Raises:
        OutOfRange: the record lacks that head.

    >>> import numpy as np
    >>> from attnviz.record import from_arrays
    >>> record = from_arrays(np.eye(8)[[0, *range(7)]], list("abcdefgh"))
    >>> found = find_pattern(record, HeadId(0, 0))
    >>> found.label, found.score, round(found.over_chance, 3), found.evidence[0].key
    ('previous', 1.0, 0.857, 'a')
    """
    return find_patterns(record, [head])[head]


def find_patterns(record: Attention, heads: Sequence[HeadId] | None = None) -> dict[HeadId, Pattern]:
    """Name what heads of a record do; see `find_pattern`.

    Args:
        record: one input's attention.
        heads: None means every one.

    Raises:
        OutOfRange: the record lacks one of the heads.
    """
    return _look(record, heads, every=False).result()


def score_patterns(record: Attention, head: HeadId) -> dict[str, Pattern]:
    """Hold one head of a record against every pattern.

    Returns:
        By name, each pattern as if it were the head's label; "self" and "broad" among them.

    Raises:
        OutOfRange: the record lacks that head.
    """
    return _look(record, [head], every=True).found[head].scored()


def _look(record: Attention, heads: Sequence[HeadId] | None, *, every: bool) -> Patterning:
    patterning = Patterning(frame_of(record), heads, every=every)
    look_at(record, patterning)
    return patterning
