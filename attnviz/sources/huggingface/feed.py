"""What goes into a model, and what the positions of its attention are called."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from attnviz.errors import CaptureFailed
from attnviz.record import Block, Prediction, Token
from attnviz.selection import HeadId


class Side(Protocol):
    """Names the rows or columns of a block's weights."""

    def fits(self, count: int) -> bool:
        """Say whether weights of a whole layer may have so many rows or columns."""
        ...

    def tokens(self, count: int) -> tuple[Token, ...]:
        """Give so many tokens.

        Raises:
            CaptureFailed: the weights have a number of rows or columns that this side cannot have.
        """
        ...


@dataclass(frozen=True)
class Written:
    """A side whose tokens are known beforehand, such as a text's."""

    known: tuple[Token, ...]

    def fits(self, count: int) -> bool:
        """Say whether there are so many tokens."""
        return count == len(self.known)

    def tokens(self, count: int) -> tuple[Token, ...]:
        """Give the tokens, if there are so many."""
        if not self.fits(count):
            raise CaptureFailed(
                f"tokens do not line up with the weights: got {count}, allowed {len(self.known)}"
            )
        return self.known


@dataclass(frozen=True)
class Positions:
    """A side of which only numbers are known.

    Attributes:
        count: how many positions there are; None takes as many as the weights have.
    """

    count: int | None = None

    def fits(self, count: int) -> bool:
        """Say whether there may be so many."""
        return self.count in (None, count)

    def tokens(self, count: int) -> tuple[Token, ...]:
        """Number the positions from 0."""
        if not self.fits(count):
            raise CaptureFailed(
                f"positions do not line up with the weights: got {count}, allowed {self.count}"
            )
        return tuple(Token(str(place), word=place) for place in range(count))


@dataclass(frozen=True, eq=False)
class Answering:
    """A model with the head that answers.

    Attributes:
        model: the network, of which what reads the input is a part.
        word: writes an entry of its vocabulary, by its number.
        made_up: weights of its head that its files lack, and that are random.
    """

    model: nn.Module
    word: Callable[[int], str] = str
    made_up: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Feed:
    """Everything one pass needs, and how to read what comes out.

    Attributes:
        model: the network, or the part of it, that runs.
        arguments: what it is called with.
        sides: for each block that will attend, what its queries and its keys are; the default block last.
        text: the source text into which the tokens' spans point.
        encoder: the part of `model` whose attention is the block "encoder", where there is one.
        memory: what a decoder looks across at, where it is given and no encoder makes it.
        predictions: what the model expects after each query of the default block, and of every block with
            the same queries, if it was asked.
        picture: what the model sees, uint8 (height, width, 3), where it sees a picture.
        aligning: heads whose authors say that they line queries up with keys in time.
        answering: what answers in the end, where `model` is a part of it or is it.
    """

    model: nn.Module
    arguments: Mapping[str, Any]
    sides: Mapping[Block, tuple[Side, Side]]
    text: str = ""
    encoder: nn.Module | None = None
    memory: Tensor | None = None
    predictions: tuple[Prediction, ...] = ()
    picture: NDArray[np.uint8] | None = None
    aligning: tuple[HeadId, ...] = field(default=())
    answering: Answering | None = None


def uncached(model: nn.Module) -> dict[str, bool]:
    """What to call a model with so that it keeps nothing for a next step."""
    return {"use_cache": False} if "use_cache" in inspect.signature(model.forward).parameters else {}
