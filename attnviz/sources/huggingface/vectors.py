"""Keep the query, key and value vectors that pass by in a capture."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from attnviz.record import Internals
from attnviz.sources.huggingface.filled import Cut
from attnviz.sources.huggingface.paths.call import Call


class KeepVectors:
    """Keeps the vectors of some heads of each layer it is shown."""

    def __init__(self, heads: Sequence[int], cut: Cut) -> None:
        self._heads = list(heads)
        self._cut = cut
        self._layers: dict[int, list[np.ndarray]] = {}

    def take(self, layer: int, call: Call) -> None:
        """Copy one layer's vectors; heads that share keys and values get each their own copy."""
        self._layers[layer] = [self._of_heads(vector[0], call.heads) for vector in call.vectors or ()]

    def internals(self) -> Internals:
        """Give what was kept, layers ascending."""
        layers = [self._layers[layer] for layer in sorted(self._layers)]
        queries, keys, values = (np.stack(vectors) for vectors in zip(*layers, strict=True))
        if self._cut.is_whole:
            return Internals(queries, keys, values)
        rows, columns = self._cut.rows, self._cut.columns
        return Internals(queries[:, :, rows], keys[:, :, columns], values[:, :, columns])

    def _of_heads(self, vectors: Tensor, heads: int) -> np.ndarray:
        """Spread (key head, token, d) over all heads and keep the chosen ones."""
        spread = vectors.repeat_interleave(heads // vectors.shape[0], dim=0)
        return spread[self._heads].float().cpu().numpy()
