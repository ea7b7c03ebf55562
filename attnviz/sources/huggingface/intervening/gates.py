"""Heads closed, wholly or in part, whatever kind of model they are in."""

from collections.abc import Mapping

from torch import Tensor

from attnviz.outcome import Gates
from attnviz.outline import Outline
from attnviz.record import Block
from attnviz.sources.huggingface.intervening.outcomes import Change
from attnviz.sources.huggingface.watching.sites import Site

# For layers, by block and number, what each head's part of its output is multiplied by: (head,).
LayerGates = Mapping[tuple[Block, int], Tensor]


def layer_gates(gates: Gates, outlines: Mapping[Block, Outline]) -> LayerGates:
    """Give the gates of every layer in which one is named; heads not named have 1.

    Raises:
        RequestError: there is no such block.
        OutOfRange: there is no such layer or head.
    """
    raise NotImplementedError


def gating(gates: LayerGates, sites: list[Site]) -> Change:
    """Give what answers attention calls with each head's part multiplied by its gate; gates may want gradients."""
    raise NotImplementedError
