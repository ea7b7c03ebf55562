"""What can be chosen about a training, checked before anything is read."""

from dataclasses import dataclass

from attnviz.errors import RequestError
from attnviz.model.network import Architecture


@dataclass(frozen=True)
class Settings:
    """What can be chosen about a training.

    Attributes:
        steps: the number of batches of texts.
        seed: where all chance comes from.
        layers: the number of layers.
        heads: the number of heads in each.
        width: d_model; a multiple of `heads` unless d_k and d_v are given.
        d_k: the length of a query or key; width / heads if None.
        d_v: the length of a value; width / heads if None.
        words: the largest number of words in the vocabulary.
        endings: the largest number of endings in the vocabulary.
        threads: the processor threads torch may use; results depend on it in the last digits.
    """

    steps: int = 2200
    seed: int = 0
    layers: int = 2
    heads: int = 8
    width: int = 128
    d_k: int | None = None
    d_v: int | None = None
    words: int = 8000
    endings: int = 1000
    threads: int = 1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            smallest = 0 if name == "seed" else 1
            if value is not None and value < smallest:
                raise RequestError(f"{name}: got {value}, allowed {smallest} or more")
        if None in (self.d_k, self.d_v) and self.width % self.heads:
            raise RequestError(f"width: got {self.width}, allowed a multiple of {self.heads} heads")

    def architecture(self, rows: int) -> Architecture:
        """Fix the sizes of a network with so many embedding rows."""
        d_head = self.width // self.heads
        return Architecture(
            rows=rows,
            layers=self.layers,
            heads=self.heads,
            width=self.width,
            d_k=self.d_k or d_head,
            d_v=self.d_v or d_head,
            inner=2 * self.width,
        )
