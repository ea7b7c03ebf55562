"""Windows of a picture: a layer that cuts its patches into squares attends to all squares in one call.

Shifts, padding and the order of the squares differ from model to model, and the patches of an even picture
are alike, so nothing in a square tells where it is from. It is found by trying: some patches are changed as
they enter the layer, and it is seen which rows of which squares change with them. Each patch is a number; one
run for each of its binary digits, and one for the digit's opposite, give every row its number.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from attnviz.sources.huggingface.paths.rerun import hooked

# A change below this share of the largest is none.
_STILL = 1e-4

# Where a row of a square is padding.
_PADDING = -1


@dataclass(frozen=True, eq=False)
class Windows:
    """Where the rows of a call's squares stand in their layer.

    Attributes:
        positions: (square, row), the position of a patch, or -1 for padding.
        count: how many patches the layer has.
    """

    positions: Tensor
    count: int

    @classmethod
    def side_by_side(cls, squares: int, rows: int) -> "Windows":
        """Give squares that were never one layer, such as several views of a picture: one after the other."""
        return cls(torch.arange(squares * rows).reshape(squares, rows), squares * rows)

    @property
    def squares(self) -> int:
        """The number of squares."""
        return len(self.positions)

    @property
    def mask(self) -> Tensor:
        """Say which patches are in one square: bool (query, key)."""
        square_of, _ = self._squares_and_rows()
        return square_of[:, None] == square_of

    def rows(self, weights: Tensor, start: int, stop: int) -> Tensor:
        """Lay out some queries' weights over all patches; what was on padding is left out.

        Shape:
            weights: (square, head, query, key), of all squares.
            result: (head, query, key), of the queries from `start` to `stop`.
        """
        squares, rows = (part[start:stop] for part in self._squares_and_rows())
        columns = self.positions[squares]
        columns = torch.where(columns == _PADDING, self.count, columns)  # one more column, which is cut off
        laid = weights.new_zeros(weights.shape[1], stop - start, self.count + 1)
        own = weights[squares, :, rows].transpose(0, 1)
        laid.scatter_(2, columns.expand(len(own), -1, -1), own)
        return laid[..., : self.count]

    def vectors(self, vectors: Tensor) -> Tensor:
        """Bring the vectors of squares back into the layer's order.

        Shape:
            vectors: (square, head, row, d).
            result: (1, head, patch, d).
        """
        squares, rows = self._squares_and_rows()
        return vectors[squares, :, rows].transpose(0, 1)[None]

    def _squares_and_rows(self) -> tuple[Tensor, Tensor]:
        """For each patch its square, and its row there."""
        squares, rows = (self.positions != _PADDING).nonzero(as_tuple=True)
        order = self.positions[squares, rows].argsort()
        return squares[order], rows[order]


class WindowFinder:
    """Finds the windows of attention calls while a model runs."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._entered: list[_Entered] = []
        self._trying = False

    @contextmanager
    def watching(self) -> Iterator["WindowFinder"]:
        """Keep note of what enters each module that runs."""

        def enter(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            if not self._trying:
                self._entered.append(_Entered(module, given, named))

        def leave(module: nn.Module, _given: object, _output: object) -> None:
            while not self._trying and self._entered and self._entered.pop().module is not module:
                pass

        with ExitStack() as hooks:
            for module in self._model.modules():
                if not isinstance(module, torch.jit.ScriptModule):
                    before = module.register_forward_pre_hook(enter, with_kwargs=True)
                    hooks.enter_context(hooked(before))
                    hooks.enter_context(hooked(module.register_forward_hook(leave, always_call=True)))
            yield self
        self._entered.clear()

    def windows(self, squares: int, rows: int) -> Windows | None:
        """Find where the rows of the call that is just being made are from.

        Args:
            squares: how many squares it has; windows and heads may come as one axis, so 1 may be several.
            rows: how many rows each of them has.

        Returns:
            None if it is one square that is not cut out of anything, or if the cut cannot be told.
        """
        cuts = [
            (around, within) for around, within in pairwise(self._entered) if within.is_cut_from(around, rows)
        ]
        self._trying = True
        try:
            found = (_Trial(around, within.module, within.numbers, rows).windows() for around, within in cuts)
            understood = next((windows for windows in found if windows is not None), None)
        finally:
            self._trying = False
        if understood is None and squares > 1 and not any(len(within.numbers) > 1 for _, within in cuts):
            return Windows.side_by_side(squares, rows)
        return understood


@dataclass(frozen=True, eq=False)
class _Entered:
    """What entered a module.

    Attributes:
        module: the module.
        given: its arguments.
        named: its named arguments.
    """

    module: nn.Module
    given: tuple[Any, ...]
    named: Mapping[str, Any]

    @property
    def numbers(self) -> Tensor:
        """The first numbers among the arguments, where there are some."""
        assert self.tensor is not None
        return self.tensor

    @property
    def tensor(self) -> Tensor | None:
        """The first numbers among the arguments."""
        for value in (*self.given, *self.named.values()):
            if isinstance(value, Tensor) and value.is_floating_point() and value.ndim > 1:
                return value
        return None

    def is_cut_from(self, around: "_Entered", rows: int) -> bool:
        """Say whether what entered may be squares of so many rows, cut out of what entered around it.

        One square may be the whole of it, with padding.
        """
        own, whole = self.tensor, around.tensor
        if own is None or whole is None or whole.shape[0] != 1:
            return False
        return own[0].numel() == rows * own.shape[-1] and own.numel() != whole.numel() * (own.shape[0] == 1)

    def instead(self, tensor: Tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give the arguments with other numbers in place of the first ones."""
        usual = self.tensor
        given = tuple(tensor if value is usual else value for value in self.given)
        return given, {name: tensor if value is usual else value for name, value in self.named.items()}


class _ReachedError(Exception):
    """Ends a run once what enters the squares has been seen."""


@dataclass(frozen=True, eq=False)
class _Trial:
    """Tries out which rows of squares change with which patches.

    Attributes:
        around: what is tried out: the layer, and what entered it when the model ran.
        inner: the module in it that the squares enter.
        usual: what entered there, (square, ..., channel).
        rows: how many rows each square has.
    """

    around: _Entered
    inner: nn.Module
    usual: Tensor
    rows: int

    def windows(self) -> Windows | None:
        """Find the windows; None if they are not a cut of the patches, each of them in one place."""
        entering = self.around.numbers
        axis = _channel_axis(entering, self.usual.shape[-1])
        if axis is None:
            return None
        count = entering.numel() // entering.shape[axis]
        numbers = torch.arange(count, device=entering.device)
        real = self._changed(numbers >= 0, axis)
        found = torch.zeros_like(real, dtype=torch.long)
        for digit in range(max(1, (count - 1).bit_length())):
            is_set = (numbers >> digit) % 2 == 1
            ones, zeros = self._changed(is_set, axis), self._changed(~is_set, axis)
            if bool(((ones ^ zeros) != real).any()):
                return None  # a row that changes with either is made of several patches
            found += ones.long() << digit
        if not torch.equal(found[real].sort().values, numbers):
            return None
        return Windows(found.masked_fill(~real, _PADDING), count)

    def _changed(self, patches: Tensor, axis: int) -> Tensor:
        """Change some patches, bool (patch,), and say which rows change with them: bool (square, row)."""
        entering = self.around.numbers
        chance = torch.Generator().manual_seed(0)
        noise = torch.randn(entering.shape, generator=chance).to(entering)
        shape = [size for place, size in enumerate(entering.shape) if place != axis % entering.ndim]
        chosen = patches.reshape(shape).unsqueeze(axis)
        entered = self._enters_with(torch.where(chosen, entering + noise, entering))
        change = (entered - self.usual).abs().amax(dim=-1).reshape(-1, self.rows)
        return change > _STILL * float(change.max())

    def _enters_with(self, tensor: Tensor) -> Tensor:
        """Run the layer with other numbers, as far as its squares."""
        entered: list[Tensor] = []

        def look(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            tensor = _Entered(module, given, named).tensor
            if tensor is not None:
                entered.append(tensor)
            raise _ReachedError

        given, named = self.around.instead(tensor)
        before = self.inner.register_forward_pre_hook(look, with_kwargs=True)
        with hooked(before), suppress(_ReachedError):
            self.around.module.forward(*given, **named)
        return entered[0] if entered else self.usual


def _channel_axis(entering: Tensor, channels: int) -> int | None:
    """Say which axis of what enters a layer counts channels: the last one, or the one behind the first."""
    axes: Sequence[int] = (-1, 1)
    return next((axis for axis in axes if entering.shape[axis] == channels), None)
