"""One input as a pretrained model reads it: watched first, recorded when asked."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from attnviz.errors import CaptureFailed, MissingInternals, RequestError
from attnviz.frame import Frame, RecordRows, blocks_of
from attnviz.observe import Observer, RowBlock, Rows
from attnviz.outcome import OPEN, Gates, Gradients, Outcome, Question
from attnviz.outline import Outline, choose
from attnviz.record import Attention, Block
from attnviz.selection import HeadId, Selection
from attnviz.sources.base import EVERYTHING, LIKELIEST, Check
from attnviz.sources.chosen import Chosen
from attnviz.sources.huggingface.capturing.capture import OnCall, capture
from attnviz.sources.huggingface.capturing.checks import TOKENS, Checks, check_unchanged, steady
from attnviz.sources.huggingface.capturing.filled import Cut, OwnBlocks
from attnviz.sources.huggingface.capturing.recording import Recording
from attnviz.sources.huggingface.capturing.sinks import leaking_layers
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.intervening.gates import concerned, gating, layer_gates
from attnviz.sources.huggingface.intervening.gradients import gate_gradients, weight_gradients
from attnviz.sources.huggingface.intervening.outcomes import run_outcome
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.streaming.recall import recall
from attnviz.sources.huggingface.streaming.scale import SCALE, Scale
from attnviz.sources.huggingface.streaming.side_by_side import KeptRows, OwnRows, fits, keep_rows
from attnviz.sources.huggingface.streaming.stream import stream
from attnviz.sources.huggingface.watching.sites import Site, Watched, run
from attnviz.window import Window


@dataclass(frozen=True, eq=False)
class PretrainedReading:
    """One input as a model of transformers, or any torch module, reads it.

    Attributes:
        name: the model's name.
        revision: its exact version, where known.
        feed: the input.
        watched: the pass in which the model was watched; of a long text what was learnt from its beginning.
        beginning: the pass over that beginning, where there was one.
        scale: how long is long.
    """

    name: str
    revision: str | None
    feed: Feed
    watched: Watched
    beginning: Watched | None = None
    scale: Scale = SCALE

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

    @cached_property
    def _leaking(self) -> frozenset[tuple[Block, int]]:
        """Name the layers with a learned sink, as a few rows of the calls that were kept show."""
        with quiet():
            return leaking_layers(self.feed.model, (self.beginning or self.watched).sites)

    def frame(self, selection: Selection = EVERYTHING, *, block: Block | None = None) -> Frame:
        """Say what a record would, beside its weights; see `Reading`."""
        return self._with_sinks(self._frame(selection, block))

    def _with_sinks(self, frame: Frame) -> Frame:
        leaking = tuple(layer for layer in frame.layers if (frame.block, layer) in self._leaking)
        return replace(frame, sinks=leaking)

    def _frame(self, selection: Selection, block: Block | None) -> Frame:
        """Say the same, but for sinks, which take a few rows to find."""
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
        frame = self._frame(selection, block)
        outline = choose(self.outlines, block)
        cut = self._cut(outline, frame.layers)
        own = observer if cut.is_whole else OwnBlocks(observer, cut)
        if not side_by_side:
            self._hand_on(outline, frame, own, None)
        elif (kept := self._kept_rows(outline, frame)) is None:
            for each in blocks_of(self.record(selection, block=block), side_by_side=True):
                observer.update(each)
        else:
            for rows in kept.pieces:
                for each in kept.blocks(rows):
                    own.update(each)

    def rows(
        self, selection: Selection = EVERYTHING, *, block: Block | None = None, allowed: int | None = None
    ) -> Rows:
        """Run the model, and give rows of what some heads look at when they are asked for; see `Reading`."""
        frame, outline = self._frame(selection, block), choose(self.outlines, block)
        if (kept := self._kept_rows(outline, frame, allowed)) is None:
            return RecordRows(self.record(selection, block=block))
        cut = self._cut(outline, frame.layers)
        return kept if cut.is_whole else OwnRows(kept, cut)

    def _kept_rows(self, outline: Outline, frame: Frame, allowed: int | None = None) -> KeptRows | None:
        """Keep what rows of many tokens are made of, if each layer attends in one call."""
        if not self._is_long(outline, frame) and fits(frame):
            return None
        with quiet():
            return keep_rows(self.feed, self.watched.sites, frame, Checks(), allowed)

    def _is_long(self, outline: Outline, frame: Frame) -> bool:
        """Say whether the layers of a frame have more tokens than are looked at at once."""
        layers = [outline.layer(number) for number in frame.layers]
        return any(max(layer.queries, layer.keys) > self.scale.long for layer in layers)

    def record(
        self,
        selection: Selection = EVERYTHING,
        *,
        block: Block | None = None,
        internals: bool = False,
        window: Window | None = None,
    ) -> Attention:
        """Run the model again and record what some heads look at; see `Reading`."""
        if internals and window:
            raise MissingInternals("a window has no query, key and value vectors")
        frame = self._frame(selection, block)
        outline = choose(self.outlines, block)
        cut = self._cut(outline, frame.layers, window)
        kept = Recording(frame, cut, window, internals)
        if internals:
            self._with_vectors(outline, kept)
        else:
            self._hand_on(outline, frame, kept.rows, None if window is None else cut.reach, kept.sight.take)
        try:
            return kept.record(self.watched.sites, self._with_sinks(frame).sinks if window else None)
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

    def _cut(self, outline: Outline, layers: tuple[int, ...], window: Window | None = None) -> Cut:
        """Say which rows and columns of a block are the input's own, and of these in a window."""
        _, queries, keys = outline.layer(layers[0]).shape
        return Cut.of(self.feed.sides[outline.block], queries, keys, window)

    def _hand_on(
        self,
        outline: Outline,
        frame: Frame,
        observer: Observer,
        rows: range | None,
        on_call: Callable[[Site, Call], None] | None = None,
    ) -> None:
        """Hand rows of the heads of a frame on, in the cheapest way there is.

        Args:
            outline: the block.
            frame: its layers and heads.
            observer: takes the rows as the model has them.
            rows: the positions of the queries that are meant; None means all.
            on_call: takes each attention call of these layers before its rows.
        """
        if self._is_long(outline, frame):
            self._stream(frame, observer, rows, on_call)
            return

        chosen, sites = Chosen(observer, frame), self.watched.sites
        recalled = recall(
            self.feed, sites, chosen, block=frame.block, chosen=frame.layers, on_call=on_call, rows=rows
        )
        if not recalled:

            def take(site: Site, call: Call, _usual: Tensor) -> None:
                if on_call:
                    on_call(site, call)

            self._capture(outline, chosen, frame.layers, Checks(), take, rows=rows, stops=True)

    def _stream(
        self,
        frame: Frame,
        observer: Observer,
        rows: range | None,
        on_call: Callable[[Site, Call], None] | None,
    ) -> None:
        """Run the model block by block, as far as anything is wanted."""
        checks, known = Checks(), self.beginning is None and self.watched.finish is None
        with quiet():
            output = stream(
                self.feed,
                self.watched.sites,
                observer,
                frame,
                rows=rows,
                checks=checks,
                on_call=on_call,
                to_the_end=known,
                scale=self.scale,
            )
            if known and output is not None:
                self._check_unchanged(checks, output)

    def _with_vectors(self, outline: Outline, kept: Recording) -> None:
        """Run the model again, and keep the vectors too; what becomes of the values is seen only then."""
        with kept.vectors.watching(self.feed.model):
            chosen = Chosen(kept.rows, kept.frame)
            self._capture(outline, chosen, kept.frame.layers, Checks(), kept.take, stops=True)

    def _capture(
        self,
        outline: Outline,
        observer: Observer,
        chosen: Collection[int],
        checks: Checks,
        on_call: OnCall | None = None,
        *,
        rows: range | None = None,
        stops: bool = False,
    ) -> None:
        """Run the model again, hand its weights on, and hold what it gives against the watched pass."""
        with quiet():
            output = capture(
                self.feed,
                self.watched.sites,
                observer,
                block=outline.block,
                chosen=chosen,
                checks=checks,
                on_call=on_call,
                rows=rows,
                stops=stops,
            )
            if output is not None and self.beginning is None:
                self._check_unchanged(checks, output)

    def _check_unchanged(self, checks: Checks, output: Any) -> None:  # noqa: ANN401 - of no common class
        """Hold what the model gave against what it gave when it was watched."""
        try:
            check_unchanged(checks, output, self.watched.output, self.name)
        except CaptureFailed as error:
            if not steady(run(self.feed), run(self.feed)):
                what = f"{self.name} gives something else each time it runs: no capture can be checked"
                raise CaptureFailed(what) from error
            raise


class _Pass:
    """Takes rows and keeps none."""

    def update(self, block: RowBlock) -> None:
        """Let a block go."""
