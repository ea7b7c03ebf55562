"""A part of a long input: from which query to which, and to which keys."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from attnviz.errors import OutOfRange, RequestError

_POSITION = re.compile(r"-?\d+")
_RANGE = re.compile(r"(-?\d+)-(-?\d+)")


@dataclass(frozen=True)
class Window:
    """Which rows and columns of the square are meant.

    Attributes:
        queries: the positions of the queries.
        keys: the positions of the keys.
    """

    queries: range
    keys: range

    @property
    def is_square(self) -> bool:
        """Whether queries and keys stand in the same places."""
        return self.queries == self.keys


def parse_window(start: str | None, stop: str | None, queries: int, keys: int) -> Window | None:
    """Read what `--from` and `--to` ask for.

    Two positions cut a square out of a text that reads itself: from the one token to the other, both
    included. Ranges say what each side shows: `--from 100-160` the queries, `--to 0-50` the keys; the side
    that is not named is whole. Positions count from 0, negative ones from the end.

    Args:
        start: of `--from`, or None.
        stop: of `--to`, or None.
        queries: how many queries there are.
        keys: how many keys.

    Returns:
        The window; None where nothing is asked for.

    Raises:
        RequestError: they are no positions, one is a range and the other is none, or they name no token.
        OutOfRange: a position is not there.

    >>> parse_window("2", "4", 9, 9)
    Window(queries=range(2, 5), keys=range(2, 5))
    >>> parse_window("-2--1", None, 9, 9)
    Window(queries=range(7, 9), keys=range(0, 9))
    """
    if start is None and stop is None:
        return None
    ranged = {name: _RANGE.fullmatch(text) for name, text in _given(start, stop).items()}
    if all(ranged.values()):
        return Window(_range("--from", start, queries), _range("--to", stop, keys))
    for name, text in _given(start, stop).items():
        if ranged[name] or not _POSITION.fullmatch(text):
            both = " and ".join(f"{name} {text}" for name, text in _given(start, stop).items())
            raise RequestError(
                f"no window: got {both}, allowed two positions, such as 100 and 160, or ranges"
            )
    if queries != keys:
        raise RequestError(
            f"a square window needs as many queries as keys: got {queries} and {keys}, allowed ranges, such "
            "as --from 0-9 --to 0-9"
        )
    first = 0 if start is None else _position("--from", start, queries)
    last = queries - 1 if stop is None else _position("--to", stop, keys)
    whole = _ordered(f"--from {start or 0} --to {stop or last}", first, last)
    return Window(whole, whole)


def _given(start: str | None, stop: str | None) -> Mapping[str, str]:
    return {name: text for name, text in (("--from", start), ("--to", stop)) if text is not None}


def _range(name: str, text: str | None, count: int) -> range:
    if text is None:
        return range(count)
    found = _RANGE.fullmatch(text)
    assert found is not None  # as was just asked
    return _ordered(f"{name} {text}", *(_position(name, end, count) for end in found.groups()))


def _ordered(asked: str, first: int, last: int) -> range:
    if first > last:
        raise RequestError(f"an empty window: got {asked}, allowed a first position up to the last")
    return range(first, last + 1)


def _position(name: str, text: str, count: int) -> int:
    position = int(text)
    if not -count <= position < count:
        raise OutOfRange(f"no such position: got {name} {text}, allowed 0 to {count - 1}")
    return position % count
