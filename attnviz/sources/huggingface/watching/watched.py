"""A pass in which a model was watched: what attended, where it stands, and what came out."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from attnviz.outline import Outline
from attnviz.record import Block
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.watching.kept import KeptCall
from attnviz.sources.huggingface.watching.turns import Seen


@dataclass(frozen=True, eq=False)
class Site:
    """One call of a pass with its place in the model.

    Attributes:
        seen: the call.
        block: which attention of the model it is; None where it attends to something else than the input, as
            a pooling head or the tower for another kind of input does.
        layer: the model's own number of the layer.
        start: the position of its first query; above 0 where a layer attends piece by piece.
        first_key: the position of its first key, likewise.
        extent: the numbers of queries and keys of the whole layer.
        first_head: the number of its first head; above 0 where heads attend in modules of their own.
        heads: how many heads the whole layer has.
        kept: the call itself, if it was kept.
    """

    seen: Seen
    block: Block | None
    layer: int = 0
    start: int = 0
    first_key: int = 0
    extent: tuple[int, int] = (0, 0)
    first_head: int = 0
    heads: int = 0
    kept: KeptCall | None = None


@dataclass(frozen=True, eq=False)
class Watched:
    """A pass in which nothing was changed.

    Attributes:
        sites: every attention call, in order.
        outlines: the layers of each block, the default block last.
        gave: what the model gave.
        finish: where the pass ended with the last attention, what runs it to its end.
    """

    sites: tuple[Site, ...]
    outlines: dict[Block, Outline]
    gave: Any = None
    finish: Callable[[], Any] | None = None

    @cached_property
    def output(self) -> Any:  # noqa: ANN401 - what a model gives has no common class
        """What the model gave."""
        return self.gave if self.finish is None else self.finish()


def run(feed: Feed) -> Any:  # noqa: ANN401 - what a model gives has no common class
    """Run a model once, in evaluation and without gradients; its chances are the same every time."""
    with torch.no_grad():
        return once(feed.model, feed.arguments)


def once(model: nn.Module, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Run a network in evaluation, with gradients if the caller keeps them; see `run`."""
    with evaluating(model), torch.random.fork_rng(devices=[]):
        _seed()
        return model(**arguments)


def _seed() -> None:
    """Let chance take the same way every time.

    `torch.manual_seed` would do as much; where no graphics card is in use it also formats three tracebacks,
    and keeps them for as long as the process lives.
    """
    torch.default_generator.manual_seed(0)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(0)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(0)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, and every part of it back into the mode it was in."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True
