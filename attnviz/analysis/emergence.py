"""How heads came about: what each is called in the end, and how much of it there was at every step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from attnviz.analysis.patterns.find import NO_PATTERN, find_patterns, score_patterns
from attnviz.history import History
from attnviz.selection import HeadId


@dataclass(frozen=True)
class Rise:
    """How one head became what it is.

    Attributes:
        head: the head.
        pattern: what it is called in the end; where there is no clear pattern, the one that comes closest.
        clear: whether it is called so.
        scores: the share of the mass on that pattern at every step of the history, 0 to 1.
        names: what the head was called at every step, "no clear pattern" included.
        since: the step from which on it has been called so without a break; None where it is not clear.
        lesson: what it was taught, if anything.
    """

    head: HeadId
    pattern: str
    clear: bool
    scores: tuple[float, ...]
    names: tuple[str, ...]
    since: int | None
    lesson: str | None = None


def rises(
    history: History,
    heads: Sequence[HeadId] | None = None,
    tick: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Rise, ...]:
    """Follow the pattern each head has in the end back through its training.

    Patterns and their scores are those of `attnviz.analysis.patterns.find`, asked anew at every step; a
    pattern counts as there since the first of the last unbroken run of steps at which it was named.

    Args:
        history: of the training.
        heads: which heads; None means all.
        tick: told after every step.

    Raises:
        OutOfRange: the history does not hold one of the heads.
    """
    chosen = history.head_ids if heads is None else tuple(heads)
    records = list(history)
    last = find_patterns(records[-1], chosen)
    scores: dict[HeadId, list[float]] = {head: [] for head in chosen}
    names: dict[HeadId, list[str]] = {head: [] for head in chosen}
    for done, record in enumerate(records, start=1):
        for head, pattern in find_patterns(record, chosen).items():
            wanted = last[head].nearest
            asked = pattern if pattern.nearest == wanted else score_patterns(record, head)[wanted]
            scores[head].append(asked.score)
            names[head].append(pattern.label)
        tick(done, len(records))
    return tuple(
        Rise(
            head=head,
            pattern=last[head].nearest,
            clear=last[head].label != NO_PATTERN,
            scores=tuple(scores[head]),
            names=tuple(names[head]),
            since=_since(names[head], last[head].label, history.steps),
            lesson=history.taught.get(head),
        )
        for head in chosen
    )


def _since(names: Sequence[str], label: str, steps: Sequence[int]) -> int | None:
    """Give the step at which the last run of a label begins; None where it is none.

    >>> _since(["previous", "local", "previous", "previous"], "previous", [0, 10, 20, 30])
    20
    """
    if label == NO_PATTERN:
        return None
    first = len(names)
    while first > 0 and names[first - 1] == label:
        first -= 1
    return steps[first]
