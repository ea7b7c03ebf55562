"""Rows of the built-in model's weights, made when they are asked for."""

from collections.abc import Iterator
from dataclasses import dataclass

from attnviz.frame import Frame
from attnviz.model.layers import multi_head_attention
from attnviz.model.network import Network, Reading
from attnviz.observe import RowBlock


@dataclass(frozen=True, eq=False)
class BuiltinRows:
    """The rows of some heads; see `Rows`.

    Attributes:
        network: the parameters.
        reading: one pass, up to the last of the layers.
        frame: the layers and heads.
    """

    network: Network
    reading: Reading
    frame: Frame

    def blocks(self, rows: range) -> Iterator[RowBlock]:
        """Make some rows; see `Rows`."""
        heads = list(self.frame.heads)
        for layer in self.frame.layers:
            inputs, attention = self.reading.inputs[layer], self.network.layers[layer].attention
            made = multi_head_attention(
                inputs[rows.start : rows.stop], self.reading.memories[layer], attention, first=rows.start
            )
            every = len(heads) == len(made.weights)
            yield RowBlock(layer, rows.start, made.weights if every else made.weights[heads])
