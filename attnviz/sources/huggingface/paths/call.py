"""What every way of getting at the weights hands on: one attention call, as the model made it."""

from typing import Protocol

from torch import Tensor, nn


class Call(Protocol):
    """One attention call, however it was noticed.

    Attributes:
        path: the way it was noticed, such as "table".
        module: the module that calls.
    """

    @property
    def path(self) -> str: ...  # noqa: D102

    @property
    def module(self) -> nn.Module: ...  # noqa: D102

    @property
    def batch(self) -> int:
        """How many squares come at once: more than 1 where a model cuts its input into windows."""
        ...

    @property
    def heads(self) -> int:
        """The number of heads."""
        ...

    @property
    def queries(self) -> int:
        """The number of rows of each square."""
        ...

    @property
    def keys(self) -> int:
        """The number of columns of each square."""
        ...

    @property
    def vectors(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """Queries (batch, head, query, d_k), keys and values (batch, key head, key, d); None if not seen."""
        ...

    @property
    def window(self) -> int | None:
        """To how many keys a sliding window keeps each query, where the model says so."""
        ...

    def visible(self) -> Tensor | None:
        """Say which keys any head let each query see: bool (batch or 1, query, key); None means all."""
        ...

    def as_usual(self) -> Tensor:
        """Do what the model would have done."""
        ...

    def rows(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Do some rows in a way that shows the weights; softmax rows do not depend on each other.

        Returns:
            These rows of the output, as `rows_of` gives them, and the weights (batch, head, query, key).
        """
        ...

    def rows_of(self, output: Tensor, start: int, stop: int) -> Tensor:
        """Cut some queries' rows out of what `as_usual` gave."""
        ...

    def by_head(self, output: Tensor) -> Tensor:
        """Turn any rows of output into (batch, head, query, d_v); one head where they are already mixed."""
        ...


def is_causal(visible: Tensor | None) -> bool:
    """Say whether no query sees a later key, the queries being the last of the keys.

    Shape:
        visible: bool (batch, query, key), or None for all.
    """
    if visible is None:
        return False
    queries, keys = visible.shape[-2:]
    return not bool(visible.triu(keys - queries + 1).any())
