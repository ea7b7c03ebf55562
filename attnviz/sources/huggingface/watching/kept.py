"""The calls of a watched pass, kept as they were made: the model need not run again for their weights."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from attnviz.sources.huggingface.paths.call import Call, Vectors

# Together they may hold so much; a text of some 5,000 tokens for a model of GPT-2's size.
KEPT_BYTES = 256 * 2**20


@dataclass(frozen=True, eq=False)
class KeptCall:
    """A call and what it gave.

    Attributes:
        call: the call.
        usual: what it gave, and the model went on with.
        versions: how often each of their numbers had been written over.
    """

    call: Call
    usual: Tensor
    versions: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        """Whether all is as it was: a model may write over what it handed to attention, or had from it."""
        return self.versions == tuple(tensor._version for tensor in tensors_of(self.call, self.usual))


class KeepCalls:
    """Keeps calls that hold queries, keys and values, as long as they take little memory."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._calls: dict[int, KeptCall] = {}
        self._room = most

    def take(self, number: int, call: Call, usual: Tensor) -> None:
        """Keep one call, if there is room; once there is not, none is kept."""
        if self._room < 0 or not isinstance(call, Vectors):
            return
        tensors = tuple(tensors_of(call, usual))
        self._room -= sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        self._calls[number] = KeptCall(call, usual, tuple(tensor._version for tensor in tensors))
        if self._room < 0:
            self._calls.clear()

    def call(self, number: int) -> KeptCall | None:
        """Give a call by its number in the pass."""
        return self._calls.get(number)


def tensors_of(call: Call, usual: Tensor) -> Iterator[Tensor]:
    """Name everything a call holds, what it gave too."""
    yield usual
    for value in vars(call).values():
        for one in value.values() if isinstance(value, dict) else (value,):
            if isinstance(one, Tensor):
                yield one
