"""Activations that are written as formulas, done a piece at a time.

What such a formula makes on its way is several times as large as what goes in: of 16,384 tokens in a model of
GPT-2's size a gigabyte, which is more than all else a pass needs. Each number's activation depends on that
number alone, so pieces that stay in a processor's cache give the same, and sooner.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from torch import Tensor, nn

# Where transformers defines activations; every one of them takes each number by itself.
_FORMULAS = "transformers.activations"

# How many numbers are done at once.
_CELLS = 2**18


@contextmanager
def in_pieces(model: nn.Module, cells: int = _CELLS) -> Iterator[None]:
    """Let a model's activations be done in pieces for the length of a block.

    Args:
        model: the network.
        cells: how many numbers are done at once.
    """
    parts = [
        part for part in model.modules() if type(part).__module__ == _FORMULAS and "forward" not in vars(part)
    ]
    for part in parts:
        part.forward = partial(_done, part.forward, cells)
    try:
        yield
    finally:
        for part in parts:
            del part.forward


def _done(formula: Callable[[Tensor], Tensor], cells: int, numbers: Tensor) -> Tensor:
    """Apply a formula to numbers, some rows of them at a time."""
    if numbers.numel() <= cells or numbers.ndim < 2 or not numbers.is_contiguous():
        return formula(numbers)
    rows = numbers.view(-1, numbers.shape[-1])
    size = max(1, cells // rows.shape[1])
    first = formula(rows[:size])
    made = first.new_empty(rows.shape)
    made[:size] = first
    for start in range(size, len(rows), size):
        made[start : start + size] = formula(rows[start : start + size])
    return made.view(numbers.shape)
