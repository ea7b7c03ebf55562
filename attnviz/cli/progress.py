"""A bar on stderr for what takes its time; nothing where stderr is no terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

# Takes how much is done, and of how much.
Tick = Callable[[int, int], None]


@contextmanager
def progress(what: str) -> Iterator[Tick]:
    """Show a bar for the length of a block.

    Args:
        what: is being done, in a word or two.
    """
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what)
        yield lambda done, total: bar.update(task, completed=done, total=total)
