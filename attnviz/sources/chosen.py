"""Of blocks with every head of a layer, the heads that were asked for."""

from dataclasses import dataclass

from attnviz.frame import Frame
from attnviz.observe import Observer, RowBlock


@dataclass(frozen=True)
class Chosen:
    """Hands on the layers and heads of a frame.

    Attributes:
        observer: takes their blocks, in which heads are counted as the frame counts them.
        frame: which are meant.
    """

    observer: Observer
    frame: Frame

    def update(self, block: RowBlock) -> None:
        """Take a block with every head of its layer."""
        if block.layer not in self.frame.layers:
            return
        heads = list(self.frame.heads)
        every = len(heads) == block.weights.shape[0]
        self.observer.update(block if every else block.some(heads))
