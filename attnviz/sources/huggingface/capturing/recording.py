"""A record, made of what was kept of a capture: rows of weights, what queries could see, vectors."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from attnviz.errors import MissingInternals
from attnviz.frame import Frame
from attnviz.record import Attention, Weights, leaking
from attnviz.sources.huggingface.capturing.filled import Cut, KeepOwn
from attnviz.sources.huggingface.capturing.sight import Sight
from attnviz.sources.huggingface.capturing.vectors import KeepVectors
from attnviz.sources.huggingface.paths import PROBED
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.watching.sites import Site
from attnviz.sources.windowed import placed
from attnviz.window import Window

# What a row of float32 weights may lack to 1 without having lost anything.
_ROUNDING = 1e-5


@dataclass(eq=False)
class Recording:
    """Keeps what a record of some heads is made of while their rows and calls pass by.

    Attributes:
        frame: the layers, heads and tokens meant, and what else a record says of them.
        cut: which rows and columns of a layer are the record's own.
        window: the part of the input that is meant; None means all.
        internals: whether the vectors are kept too.
        rows: takes the weights.
        sight: takes what queries could see.
        vectors: takes what the weights are made of.
    """

    frame: Frame
    cut: Cut
    window: Window | None = None
    internals: bool = False
    rows: KeepOwn = field(init=False)
    sight: Sight = field(init=False)
    vectors: KeepVectors = field(init=False)

    def __post_init__(self) -> None:
        layers, heads = self.frame.layers, self.frame.heads
        self.rows, self.sight = KeepOwn(layers, heads, self.cut), Sight(self.cut)
        self.vectors = KeepVectors(layers, heads, self.cut)

    def take(self, site: Site, call: Call, usual: Tensor) -> None:
        """Take one call, with its vectors where they are kept.

        Args:
            site: the call's place.
            call: the call.
            usual: what it gave.

        Raises:
            MissingInternals: the call does not show its vectors.
        """
        self.sight.take(site, call)
        if not self.internals:
            return
        if call.vectors is None:
            raise MissingInternals(f"layer {site.layer} of {self.frame.model} does not show its vectors")
        self.vectors.take(site, call, usual)

    def record(self, sites: Iterable[Site], sinks: tuple[int, ...] | None = None) -> Attention:
        """Make the record of all that came.

        Args:
            sites: every attention call of the model.
            sinks: the layers with a learned sink; None where whole rows tell.

        Raises:
            RequestError: what was kept is no attention.
        """
        frame, weights, window = self.frame, self.rows.weights(), self.window
        shown = window or Window(range(len(frame.queries)), range(len(frame.keys)))
        # Only a window along the diagonal leaves queries and keys in step.
        causal = frame.causal and (window is None or window.is_square)
        mass = self.rows.mass
        aside = self._aside(mass, sites)
        return Attention(
            queries=placed(frame.queries, shown.queries),
            keys=placed(frame.keys, shown.keys),
            weights=weights,
            layers=frame.layers,
            heads=frame.heads,
            model=frame.model,
            text=frame.text,
            block=frame.block,
            causal=causal,
            sight=self.sight.beyond(causal=causal),
            sinks=self._sinks(mass + aside) if sinks is None else sinks,
            heads_per_key=frame.heads_per_key,
            predictions=frame.predictions[shown.queries.start : shown.queries.stop],
            picture=frame.picture,
            aligning=frame.aligning,
            revision=frame.revision,
            dropped=float((self.rows.beyond + aside).mean()),
            internals=self.vectors.internals() if self.internals else None,
        )

    def _aside(self, mass: Weights, sites: Iterable[Site]) -> Weights:
        """Say how much mass each query gave to what is no key of its layer: padding, or summaries of keys.

        Shape:
            mass: (layer, head, query), what it gave to keys, as of the result.
        """
        beside = {site.layer for site in sites if site.seen.path == PROBED or site.seen.windows is not None}
        aside = np.zeros_like(mass)
        for place, layer in enumerate(self.frame.layers):
            if layer in beside:
                looking = self.sight.looking(layer)
                aside[place] = np.where(looking & (mass[place] < 1 - _ROUNDING), 1 - mass[place], 0)
        return aside

    def _sinks(self, mass: Weights) -> tuple[int, ...]:
        """Name the layers with a learned sink: a query's mass is below 1 there, though it saw keys.

        Shape:
            mass: (layer, head, query), what each query gave to all keys of the model.
        """
        return tuple(
            layer
            for layer, heads in zip(self.frame.layers, mass, strict=True)
            if leaking(heads[None, :, self.sight.looking(layer), None], (layer,))
        )
