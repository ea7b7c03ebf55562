"""Attention written by hand: a softmax over keys whose rows then weigh values in a matrix product.

A softmax alone says little: routers, gates and language models end in one too. What makes it attention is
that its rows are multiplied with values. So a softmax's result is followed through what leaves its rows in
place (dropout, a change of precision, another shape, a sink cut off) up to such a product: that is the call.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it
from torch.utils.weak import WeakTensorKeyDictionary

from attnviz.sources.huggingface.paths.masks import shown

SOFTMAX: frozenset[Callable[..., Any]] = frozenset(
    (F.softmax, torch.softmax, Tensor.softmax, torch.special.softmax)
)

_PRODUCTS: frozenset[Callable[..., Any]] = frozenset(
    (torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm, torch.einsum)
)

# What leaves each row of weights in its place, by name: each is both a function and a method of tensors.
_IN_PLACE = frozenset(
    (
        "dropout", "dropout_", "to", "type", "type_as", "float", "half", "bfloat16", "double",
        "contiguous", "clone", "detach", "nan_to_num", "where", "mul", "mul_", "__mul__", "__rmul__",
        "__imul__", "div", "div_", "__truediv__", "masked_fill", "masked_fill_", "view", "reshape",
        "flatten", "unflatten", "squeeze", "unsqueeze", "expand", "narrow", "__getitem__",
    )
)  # fmt: skip

_MOST_DIMENSIONS = 4


@dataclass(frozen=True, eq=False)
class Origin:
    """The softmax that some weights come from.

    Attributes:
        shape: of its result.
        visible: bool (batch, query, key), True where the logit of some head was not that of a hidden key.
    """

    shape: torch.Size
    visible: Tensor


@dataclass(frozen=True, eq=False)
class ProductCall:
    """The product of weights with values.

    Attributes:
        module: the module that calls.
        function: what multiplies.
        given: what it is given: the weights, the values, and for `einsum` the equation before them.
        place: which of them the weights are.
        layout: how weights and output are laid out.
        origin: the softmax the weights come from.
    """

    module: nn.Module
    function: Callable[..., Tensor]
    given: tuple[Any, ...]
    place: int
    layout: "_Layout"
    origin: Origin

    path: ClassVar[str] = "softmax"

    @property
    def batch(self) -> int:
        """How many squares come at once."""
        return self._shape[0]

    @property
    def heads(self) -> int:
        """The number of heads."""
        return self._shape[1]

    @property
    def queries(self) -> int:
        """The number of rows."""
        return self._weights.shape[-2]

    @property
    def keys(self) -> int:
        """The number of columns."""
        return self._weights.shape[-1]

    @property
    def vectors(self) -> None:
        """Queries and keys are not seen."""
        return

    @property
    def scale(self) -> None:
        """Logits are not seen, only what the softmax makes of them."""
        return

    @property
    def window(self) -> None:
        """No sliding window is named here: it is in the mask."""
        return

    def visible(self) -> Tensor | None:
        """Say which keys any head let each query see: bool (batch, query, key); None means all."""
        # Behind the keys there may have been sinks, which are no keys.
        seen = self.origin.visible[..., : self.keys]
        if seen.shape[1:] != (self.queries, self.keys) or bool(seen.all()):
            return None
        return seen

    def as_usual(self) -> Tensor:
        """Do what the model would have done."""
        return self.function(*self.given)

    def gated(self, gates: Tensor) -> Tensor:
        """Do it with each head's weights multiplied by its gate, gates (head,) or (batch, head).

        The product is linear in the weights, so this multiplies each head's part of what it gives.
        """
        apart = self._weights.reshape(self.batch, self.heads, self.queries, self.keys)
        weights = (apart * gates.to(apart)[..., None, None]).reshape(self._weights.shape)
        return self._product(weights)

    def shifted(self, added: Tensor) -> Tensor:
        """Do it with numbers added to the weights: added (batch, head, query, key)."""
        weights = self._weights
        return self._product(weights + added.to(weights).reshape(weights.shape))

    def rows(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Multiply some rows only.

        Returns:
            The output, laid out as the model wants it, and the weights (batch, head, query, key).
        """
        rows = self._weights[..., start:stop, :]
        return self._product(rows), rows.reshape(self.batch, self.heads, stop - start, self.keys)

    def rows_of(self, output: Tensor, start: int, stop: int) -> Tensor:
        """Cut some queries' rows out of an output."""
        return output.narrow(self.layout.query, start, stop - start)

    def by_head(self, output: Tensor) -> Tensor:
        """Turn rows of output into (batch, head, query, d_v)."""
        rows = output.shape[self.layout.query]
        return output.permute(self.layout.order).reshape(self.batch, self.heads, rows, -1)

    def _product(self, weights: Tensor) -> Tensor:
        """Multiply other weights with the values."""
        return self.function(*self.given[: self.place], weights, *self.given[self.place + 1 :])

    @property
    def _weights(self) -> Tensor:
        weights: Tensor = self.given[self.place]
        return weights

    @property
    def _shape(self) -> tuple[int, int]:
        """Numbers of batch and heads: where both are one dimension now, they were two at the softmax."""
        for shape in (self._weights.shape, self.origin.shape):
            if len(shape) == _MOST_DIMENSIONS:
                return shape[0], shape[1]
        return (1, self._weights.shape[0]) if self._weights.ndim == 3 else (1, 1)


@dataclass(frozen=True)
class _Layout:
    """How a product is laid out.

    Attributes:
        query: the output's dimension that counts queries.
        order: the output's dimensions in the order batch, head, query, others.
    """

    query: int
    order: tuple[int, ...]


@dataclass(eq=False)
class Followed:
    """The softmaxes of a pass, and what became of them."""

    _origins: WeakTensorKeyDictionary = field(default_factory=WeakTensorKeyDictionary)

    def softmax(self, given: tuple[Any, ...], named: dict[str, Any], result: Tensor) -> None:
        """Note a softmax over the last dimension."""
        logits = given[0] if given else named["input"]
        dim = named.get("dim", given[1] if len(given) > 1 else None)
        if not 2 <= result.ndim <= _MOST_DIMENSIONS or dim not in (-1, result.ndim - 1):
            return
        by_head = logits.detach().reshape((1,) * (_MOST_DIMENSIONS - logits.ndim) + logits.shape)
        self._origins[result] = Origin(result.shape, shown(by_head).any(dim=1))

    def onward(self, function: Callable[..., Any], given: tuple[Any, ...], result: object) -> None:
        """Note that followed weights now also stand in another tensor."""
        if not isinstance(result, Tensor) or getattr(function, "__name__", "") not in _IN_PLACE:
            return
        origin = next((found for value in given if (found := self._origin(value))), None)
        if origin and result.is_floating_point() and result.ndim <= _MOST_DIMENSIONS:
            self._origins[result] = origin

    def product(
        self, module: nn.Module, function: Callable[..., Any], given: tuple[Any, ...]
    ) -> ProductCall | None:
        """Read a product with values; None if this is none."""
        if function not in _PRODUCTS:
            return None
        if function is torch.einsum:
            return self._equation(module, given)
        origin = self._origin(given[0]) if len(given) == 2 else None
        if origin is None or given[1].ndim < 2:
            return None
        dimensions = max(given[0].ndim, given[1].ndim)
        layout = _Layout(dimensions - 2, tuple(range(dimensions)))
        return ProductCall(module, function, given, 0, layout, origin)

    def _equation(self, module: nn.Module, given: tuple[Any, ...]) -> ProductCall | None:
        """Read a product that is written as an equation of two operands."""
        operands = given[1:] if len(given) > 2 else tuple(given[-1])
        if len(operands) != 2 or not isinstance(given[0], str):
            return None
        place = next((place for place, value in enumerate(operands) if self._origin(value)), None)
        layout = None if place is None else _read_equation(given[0], place)
        if place is None or layout is None:
            return None
        origin = self._origins[operands[place]]
        return ProductCall(module, torch.einsum, (given[0], *operands), place + 1, layout, origin)

    def _origin(self, value: object) -> Origin | None:
        if not isinstance(value, Tensor) or value not in self._origins:
            return None
        origin: Origin = self._origins[value]
        return origin


def _read_equation(equation: str, place: int) -> _Layout | None:
    """Read how an equation lays out weights and output; None if it sums over anything but the keys.

    >>> _read_equation("bnij,jbnd->ibnd", 0)
    _Layout(query=0, order=(1, 2, 0, 3))
    """
    left, arrow, output = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow or "." in equation or len(terms[place]) < 2:
        return None
    *before, query, key = list(terms[place])
    if key in output or key not in terms[1 - place] or not {*before, query} <= {*output}:
        return None
    first = [*before, query]
    order = [*first, *(label for label in output if label not in first)]
    return _Layout(output.index(query), tuple(output.index(label) for label in order))
