"""Keep the query, key and value vectors that pass by in a capture, and what becomes of the values."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from torch import Tensor, nn

from attnviz.errors import MissingInternals
from attnviz.record import Internals
from attnviz.sources.huggingface.capturing.filled import Cut
from attnviz.sources.huggingface.capturing.output import KeepProjections
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.watching.sites import Site


class KeepVectors:
    """Keeps the vectors of some heads of each layer it is shown."""

    def __init__(self, layers: Collection[int], heads: Sequence[int], cut: Cut) -> None:
        self._heads = list(heads)
        self._cut = cut
        self._layers: dict[int, list[np.ndarray]] = {}
        self._scales: dict[int, float | None] = {}
        self._projections = KeepProjections(layers, heads)

    @contextmanager
    def watching(self, model: nn.Module) -> Iterator[None]:
        """Watch which modules take what the heads give."""
        with self._projections.watching(model):
            yield

    def take(self, site: Site, call: Call, usual: Tensor) -> None:
        """Copy one call's vectors; heads that share keys and values get each their own copy.

        Args:
            site: the call's place.
            call: the call.
            usual: what it gave.

        Raises:
            MissingInternals: the call shows only some heads of its layer.
        """
        if site.heads > site.seen.shape[1]:
            raise MissingInternals(f"layer {site.layer} has its heads in modules of their own")
        windows = site.seen.windows
        given = call.vectors or ()
        laid = given if windows is None else [windows.vectors(vectors) for vectors in given]
        own = [self._of_heads(vectors[0], site.seen.shape[1]) for vectors in laid]
        before = self._layers.get(site.layer)
        if before is not None and site.start:  # a further piece of a layer, with keys of its own or not
            firsts = (site.start, site.first_key, site.first_key)
            parts = zip(before, own, firsts, strict=True)
            own = [np.concatenate([one, two], axis=1) if first else one for one, two, first in parts]
        self._layers[site.layer] = own
        self._scales[site.layer] = call.scale
        self._projections.take(site, call, usual)

    def internals(self) -> Internals:
        """Give what was kept, layers ascending.

        Where one layer's output projection could not be read off, there is none of any layer.
        """
        numbers = sorted(self._layers)
        layers = [self._layers[layer] for layer in numbers]
        queries, keys, values = (np.stack(vectors) for vectors in zip(*layers, strict=True))
        scales = [self._scales[layer] for layer in numbers]
        output_weights, output_bias = self._projections.projections() or (None, None)
        found = Internals(
            queries,
            keys,
            values,
            output_weights,
            output_bias,
            scales=np.array([np.nan if scale is None else scale for scale in scales], dtype=np.float32),
        )
        if self._cut.is_whole:
            return found
        rows, columns = self._cut.rows, self._cut.columns
        cut = {"queries": queries[:, :, rows], "keys": keys[:, :, columns], "values": values[:, :, columns]}
        return replace(found, **cut)

    def _of_heads(self, vectors: Tensor, heads: int) -> np.ndarray:
        """Spread (key head, token, d) over all heads and keep the chosen ones."""
        spread = vectors.repeat_interleave(heads // vectors.shape[0], dim=0)
        return spread[self._heads].float().cpu().numpy()
