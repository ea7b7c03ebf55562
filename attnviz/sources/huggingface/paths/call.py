"""What every way of getting at the weights hands on: one attention call, as the model made it."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from attnviz.sources.huggingface.paths.masks import seen_by_any_head, up_to_itself


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

    @property
    def scale(self) -> float | None:
        """What products of queries and keys are multiplied by before the softmax; None if not seen."""
        ...

    def visible(self) -> Tensor | None:
        """Say which keys any head let each query see: bool (batch or 1, query, key); None means all."""
        ...

    def as_usual(self) -> Tensor:
        """Do what the model would have done."""
        ...

    def gated(self, gates: Tensor) -> Tensor:
        """Do what the model would have done, each head's part of it multiplied by its gate.

        Gates may want gradients: all of what is given depends on them, and on what came before.

        Shape:
            gates: (head,), or (batch, head) where heads and windows come as one axis.
        """
        ...

    def shifted(self, added: Tensor) -> Tensor:
        """Do what the model would have done, with numbers added to the weights that its values have.

        The output is linear in these weights. Zeros that want gradients get what it depends on each of them,
        all others left as they are.

        Shape:
            added: (batch, head, query, key).

        Raises:
            UnsupportedModel: the values are not seen.
        """
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


@dataclass(frozen=True, eq=False)
class Vectors:
    """What is common to calls that hold queries, keys and values.

    Attributes:
        module: the module that calls.
        query: (batch, head, query, d_k), positions already rotated in.
        key: (batch, key head, key, d_k); grouped heads have fewer key heads than heads.
        value: (batch, key head, key, d_v).
        mask: spreads to (batch, head, query, key): bool, True where a query may look, or numbers added to the
            logits, or None.
        hides_later: whether, there being no mask, each query sees only as many keys as its position counts.
    """

    module: nn.Module
    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor | None
    hides_later: bool

    @property
    def batch(self) -> int:
        """How many squares come at once."""
        return self.query.shape[0]

    @property
    def heads(self) -> int:
        """The number of heads."""
        return self.query.shape[1]

    @property
    def queries(self) -> int:
        """The number of rows."""
        return self.query.shape[2]

    @property
    def keys(self) -> int:
        """The number of columns."""
        return self.key.shape[2]

    @property
    def vectors(self) -> tuple[Tensor, Tensor, Tensor]:
        """The queries, keys and values."""
        return self.query, self.key, self.value

    def weighed(self, weights: Tensor) -> Tensor:
        """Multiply weights (batch, head, query, key) with the values: (batch, head, query, d_v)."""
        shared = for_each_head(self.value, self.heads)
        return weights.to(shared) @ shared

    def visible(self) -> Tensor | None:
        """Say which keys any head let each query see: bool (batch or 1, query, key); None means all."""
        if self.mask is not None:
            return seen_by_any_head(self.mask, self.queries, self.keys)
        everyone = range(self.queries)
        return up_to_itself(everyone, self.keys, self.query.device) if self.hides_later else None


def for_each_head(vectors: Tensor, heads: int) -> Tensor:
    """Repeat keys or values (batch, key head, key, d) that several heads share for each of the heads."""
    each = heads // vectors.shape[1]
    return vectors if each == 1 else vectors.repeat_interleave(each, dim=1)


def looks_back(call: Call) -> bool:
    """Say whether no query of a call sees a later key; a call that says so itself need write no mask."""
    if (
        isinstance(call, Vectors)
        and call.mask is None
        and (call.keys >= call.queries or not call.hides_later)
    ):
        return call.hides_later
    return is_causal(call.visible())


def is_causal(visible: Tensor | None) -> bool:
    """Say whether no query sees a later key, the queries being the last of the keys.

    Shape:
        visible: bool (batch, query, key), or None for all.
    """
    if visible is None:
        return False
    queries, keys = visible.shape[-2:]
    return not bool(visible.triu(keys - queries + 1).any())
