"""Several things done at once, each on cores of its own; what they hand on, they hand on in a fixed order."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from threading import Condition
from typing import TypeVar

import torch

Item = TypeVar("Item")
Turn = Callable[[], AbstractContextManager[None]]

# Each that is done at once takes memory of its own, and more than so many gain little.
_MOST = 8


def at_once(device: torch.device) -> int:
    """Say how many are worked on at once, where there are as many."""
    return min(torch.get_num_threads(), _MOST) if device.type == "cpu" else 1


def on_cores(work: Callable[[int, Item, Turn], None], items: Sequence[Item], device: torch.device) -> None:
    """Work on some items at once, where a processor has several cores.

    Blocks of weights of one head stay in its core's cache from the product that makes them to the last sum,
    and no core waits for another at the end of each product; what takes one thread alone, as numpy's sums do,
    is done by all of them.

    Args:
        work: takes the place of an item among those that are done at once, the item, and what makes it wait
            for its turn. All items must take equally many turns; what happens in turns happens in the same
            order each time.
        items: what to work on. Those that begin together end together.
        device: where the work is done. A graphics card has its own order.

    Raises:
        Exception: what the work raised; no turn begins after it.
    """
    threads = torch.get_num_threads()
    several = min(at_once(device), len(items))
    if several <= 1:
        for item in items:
            work(0, item, nullcontext)
        return
    share = threads // several
    try:
        with ThreadPoolExecutor(several, initializer=torch.set_num_threads, initargs=(share,)) as pool:
            for first in range(0, len(items), several):
                _together(pool, work, items[first : first + several])
    finally:
        torch.set_num_threads(threads)  # the last that set it, set it for whatever threads begin later, too


def _together(
    pool: ThreadPoolExecutor, work: Callable[[int, Item, Turn], None], items: Sequence[Item]
) -> None:
    order = _Order(len(items))
    has_gradients = torch.is_grad_enabled()

    def alone(place: int, item: Item) -> None:
        with order.guarding(), torch.set_grad_enabled(has_gradients):
            work(place, item, partial(order.turn, place))

    def begun(place: int, item: Item) -> Future[None]:
        return pool.submit(partial(copy_context().run, alone, place, item))

    running = [begun(place, item) for place, item in enumerate(items)]
    with order.guarding():
        for each in running:
            each.result()


class _GivenUpError(Exception):
    """Ends the work of one after that of another failed."""


@dataclass(eq=False)
class _Order:
    """Whose turn it is, of several.

    Attributes:
        count: how many they are.
    """

    count: int
    _next: int = field(default=0, init=False)
    _is_broken: bool = field(default=False, init=False)
    _changed: Condition = field(default_factory=Condition, init=False)

    @contextmanager
    def turn(self, place: int) -> Iterator[None]:
        """Wait for the turn of one, and pass it on."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_broken or self._next == place)
            if self._is_broken:
                raise _GivenUpError
            yield
            self._next = (place + 1) % self.count
            self._changed.notify_all()

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Let all others end if something is raised, however far they are."""
        try:
            yield
        except _GivenUpError:
            pass
        except BaseException:
            with self._changed:
                self._is_broken = True
                self._changed.notify_all()
            raise
