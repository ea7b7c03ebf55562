"""Activations done in pieces are those done at once, and are put back."""

import pytest
import torch
from transformers import activations
from transformers.activations import ACT2FN

from attnviz.sources.huggingface.streaming import pieces

FORMULAS = sorted(
    name
    for name in ACT2FN
    if type(ACT2FN[name]).__module__ == activations.__name__ and name not in {"linear", "xielu"}
)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("cells", [1, 20, 1000])
def test_pieces_give_what_the_whole_gives(name, cells):
    module, numbers = ACT2FN[name], torch.randn(1, 11, 7)
    whole = module(numbers)
    with pieces.in_pieces(torch.nn.Sequential(module), cells):
        torch.testing.assert_close(module(numbers), whole)
        torch.testing.assert_close(module(numbers.transpose(1, 2)), whole.transpose(1, 2))


def test_no_piece_is_larger_than_it_may_be():
    class Formula(torch.nn.Module):
        def forward(self, numbers):
            shapes.append(tuple(numbers.shape))
            return numbers * 2

    shapes: list[tuple[int, ...]] = []
    Formula.__module__ = activations.__name__
    module, numbers = Formula(), torch.randn(2, 5, 4)
    with pieces.in_pieces(module, 12):
        torch.testing.assert_close(module(numbers), numbers * 2)
    assert shapes == [(3, 4), (3, 4), (3, 4), (1, 4)]
    assert "forward" not in vars(module)


def test_what_somebody_else_put_there_stays():
    module = ACT2FN["gelu_new"]
    own = module.forward = lambda numbers: numbers
    with pieces.in_pieces(module, 1):
        assert module.forward is own
    assert module.forward is own


def test_it_is_put_back_after_an_exception():
    module = ACT2FN["gelu_new"]
    with pytest.raises(AttributeError), pieces.in_pieces(module, 1):
        module("no numbers")
    assert "forward" not in vars(module)
