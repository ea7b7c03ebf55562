"""One input as a pretrained model reads it: watched first, recorded when asked."""

from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attnviz.errors import CaptureFailed, MissingInternals, RequestError
from attnviz.frame import Frame
from attnviz.observe import Observer, RowBlock
from attnviz.outcome import OPEN, Gates, Gradients, Outcome, Question
from attnviz.outline import Outline, choose
from attnviz.record import Attention, Block, Weights, leaking
from attnviz.selection import HeadId, Selection
from attnviz.sources.base import EVERYTHING, LIKELIEST, Check
from attnviz.sources.chosen import Chosen
from attnviz.sources.huggingface.capturing.capture import OnCall, capture, recall
from attnviz.sources.huggingface.capturing.checks import TOKENS, Checks, check_unchanged, steady
from attnviz.sources.huggingface.capturing.filled import Cut, KeepOwn
from attnviz.sources.huggingface.capturing.sight import Sight
from attnviz.sources.huggingface.capturing.vectors import KeepVectors
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.intervening.gates import concerned, gating, layer_gates
from attnviz.sources.huggingface.intervening.gradients import gate_gradients, weight_gradients
from attnviz.sources.huggingface.intervening.outcomes import run_outcome
from attnviz.sources.huggingface.paths import PROBED
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.watching.sites import Site, Watched, run
from attnviz.window import Window

# What a row of float32 weights may lack to 1 without having lost anything.
_ROUNDING = 1e-5


@dataclass(frozen=True, eq=False)
class PretrainedReading:
    """One input as a model of transformers, or any torch module, reads it.

    Attributes:
        name: the model's name.
        revision: its exact version, where known.
        feed: the input.
        watched: the pass in which the model was watched.
    """

    name: str
    revision: str | None
    feed: Feed
    watched: Watched

    @property
    def model(self) -> str:
        """The model's name, as records have it."""
        return self.name

    @property
    def text(self) -> str:
        """The source text, as records have it."""
        return self.feed.text

    @property
    def outlines(self) -> dict[Block, Outline]:
        """Every block there is, the one meant by default last."""
        return self.watched.outlines

    def frame(self, selection: Selection = EVERYTHING, *, block: Block | None = None) -> Frame:
        """Say what a record would, beside its weights; see `Reading`."""
        outline = choose(self.outlines, block)
        chosen = outline.resolve(selection)
        layers = [outline.layer(number) for number in sorted({head.layer for head in chosen})]
        queries, keys = self.feed.sides[outline.block]
        return Frame(
            queries=queries.tokens(layers[0].queries),
            keys=keys.tokens(layers[0].keys),
            layers=tuple(layer.number for layer in layers),
            heads=tuple(sorted({head.index for head in chosen})),
            model=self.name,
            text=self.feed.text,
            block=outline.block,
            causal=all(layer.causal for layer in layers),
            heads_per_key=len(layers[0].heads) // (layers[0].key_heads or len(layers[0].heads)),
            predictions=self.feed.predictions if queries is list(self.feed.sides.values())[-1][0] else (),
            picture=self.feed.picture,
            aligning=self.feed.aligning if outline.block == "cross" else (),
            revision=self.revision,
        )

    def observe(
        self,
        observer: Observer,
        selection: Selection = EVERYTHING,
        *,
        block: Block | None = None,
        side_by_side: bool = False,
    ) -> None:
        """Run the model and hand on what some heads look at, block by block; see `Reading`."""
        frame = self.frame(selection, block=block)
        outline = choose(self.outlines, block)
        self._capture(outline, Chosen(observer, frame), frame.layers, Checks())

    def record(
        self,
        selection: Selection = EVERYTHING,
        *,
        block: Block | None = None,
        internals: bool = False,
        window: Window | None = None,
    ) -> Attention:
        """Run the model again and record what some heads look at; see `Reading`."""
        outline = choose(self.outlines, block)
        chosen = outline.resolve(selection)
        _, queries, keys = outline.layer(chosen[0].layer).shape
        cut = Cut.of(self.feed.sides[outline.block], queries, keys)
        own = KeepOwn(chosen, cut)
        seen = Sight(cut)
        vectors = KeepVectors(own.kept.layers, own.kept.heads, cut) if internals else None

        def on_call(site: Site, call: Call, usual: Tensor) -> None:
            seen.take(site, call)
            if vectors and call.vectors is None:
                raise MissingInternals(f"layer {site.layer} of {self.name} does not show its vectors")
            if vectors:
                vectors.take(site, call, usual)

        # What becomes of the values is seen only while the model runs.
        if vectors or not self._recall(outline, own, on_call):
            with vectors.watching(self.feed.model) if vectors else nullcontext():
                self._capture(outline, own, own.kept.layers, Checks(), on_call)
        try:
            return self._record(outline, own, seen, vectors)
        except RequestError as error:  # what a record finds wrong is the capture's fault, not the user's
            raise CaptureFailed(f"the capture of {self.name} failed a check: {error}") from error

    def outcome(self, gates: Gates = OPEN) -> Outcome:
        """Run the model, with its head where it has one, and give what comes out; see `Reading`.

        A torch module that is no model of transformers gives its first numbers as states.
        """
        closed = layer_gates(gates, self.outlines)
        sites = self.watched.sites
        with torch.no_grad():
            return run_outcome(self.feed, self.watched, gating(closed, sites), concerned(closed, sites))

    def gate_gradients(self) -> dict[Block, dict[HeadId, float]]:
        """Say how the loss changes with each head's gate; see `Reading`."""
        return gate_gradients(self.feed, self.watched)

    def weight_gradients(self, record: Attention, question: Question = LIKELIEST) -> Gradients:
        """Say how an answer depends on every weight of a record; see `Reading`."""
        return weight_gradients(self.feed, self.watched, record, question)

    def checks(self) -> tuple[Check, ...]:
        """Capture every layer of every block, keep nothing, and say which checks held.

        Raises:
            CaptureFailed: one did not hold.
        """
        checks = Checks()
        for outline in self.outlines.values():
            self._capture(outline, _Pass(), outline.numbers, checks)
            for layer in outline.layers:
                for side, count in zip(
                    self.feed.sides[outline.block], (layer.queries, layer.keys), strict=True
                ):
                    side.tokens(count)
                checks.passed(TOKENS)
        return checks.all()

    def _recall(self, outline: Outline, own: KeepOwn, on_call: OnCall) -> bool:
        """Hand on the weights of what was kept of the watched pass, if all that is needed was."""
        sites, chosen = self.watched.sites, own.kept.layers
        with quiet():
            return recall(self.feed, sites, own, block=outline.block, chosen=chosen, on_call=on_call)

    def _capture(
        self,
        outline: Outline,
        observer: Observer,
        chosen: Collection[int],
        checks: Checks,
        on_call: OnCall | None = None,
    ) -> None:
        """Run the model again, hand its weights on, and hold what it gives against the watched pass."""
        block, sites = outline.block, self.watched.sites
        with quiet():
            output = capture(
                self.feed, sites, observer, block=block, chosen=chosen, checks=checks, on_call=on_call
            )
            try:
                check_unchanged(checks, output, self.watched.output, self.name)
            except CaptureFailed as error:
                if not steady(run(self.feed), run(self.feed)):
                    what = f"{self.name} gives something else each time it runs: no capture can be checked"
                    raise CaptureFailed(what) from error
                raise

    def _record(self, outline: Outline, own: KeepOwn, seen: Sight, vectors: KeepVectors | None) -> Attention:
        kept = own.kept
        layers = [outline.layer(number) for number in kept.layers]
        weights = kept.weights()
        queries, keys = self.feed.sides[outline.block]
        causal = all(layer.causal for layer in layers)
        mass = weights.sum(axis=-1) + own.beyond
        aside = self._aside(mass, kept.layers, seen)
        speaking = list(self.feed.sides.values())[-1][0]
        return Attention(
            queries=queries.tokens(layers[0].queries),
            keys=keys.tokens(layers[0].keys),
            weights=weights,
            layers=kept.layers,
            heads=kept.heads,
            model=self.name,
            text=self.feed.text,
            block=outline.block,
            causal=causal,
            sight=seen.beyond(causal=causal),
            sinks=_sinks(mass + aside, kept.layers, seen),
            heads_per_key=len(layers[0].heads) // (layers[0].key_heads or len(layers[0].heads)),
            predictions=self.feed.predictions if queries is speaking else (),
            picture=self.feed.picture,
            aligning=self.feed.aligning if outline.block == "cross" else (),
            revision=self.revision,
            dropped=float((own.beyond + aside).mean()),
            internals=vectors.internals() if vectors else None,
        )

    def _aside(self, mass: Weights, layers: tuple[int, ...], seen: Sight) -> Weights:
        """Say how much mass each query gave to what is no key of its layer: padding, or summaries of keys.

        Shape:
            mass: (layer, head, query), what it gave to keys, as of the result.
        """
        beside = {
            site.layer
            for site in self.watched.sites
            if site.seen.path == PROBED or site.seen.windows is not None
        }
        aside = np.zeros_like(mass)
        for place, layer in enumerate(layers):
            if layer in beside:
                aside[place] = np.where(
                    seen.looking(layer) & (mass[place] < 1 - _ROUNDING), 1 - mass[place], 0
                )
        return aside


class _Pass:
    """Takes rows and keeps none."""

    def update(self, block: RowBlock) -> None:
        """Let a block go."""


def _sinks(mass: Weights, layers: tuple[int, ...], seen: Sight) -> tuple[int, ...]:
    """Name the layers with a learned sink: a query's mass is below 1 there, though it saw keys.

    Shape:
        mass: (layer, head, query), what each query gave to all keys of the model.
    """
    return tuple(
        layer
        for layer, heads in zip(layers, mass, strict=True)
        if leaking(heads[None, :, seen.looking(layer), None], (layer,))
    )
