"""A saved record as a source: everything can be drawn and told again without the model."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, NoReturn, TypeVar

import numpy as np

from attnviz.errors import MissingInternals, RequestError
from attnviz.frame import Frame, RecordRows, blocks_of, frame_of, refuse_pooled
from attnviz.observe import Observer
from attnviz.outcome import OPEN, Gates, Question
from attnviz.outline import Layer, Outline, choose
from attnviz.prompt import Prompt
from attnviz.record import Attention, Block
from attnviz.selection import HeadId, Selection
from attnviz.sources.base import EVERYTHING, LIKELIEST, Source, refuse_beside
from attnviz.sources.windowed import cut
from attnviz.store import read
from attnviz.window import Window

Fact = TypeVar("Fact")


class SavedSource(Source):
    """Gives the one record it was opened with, or the part of it that is asked for."""

    def __init__(self, path: Path) -> None:
        """Open a saved record.

        Raises:
            NotFound: there is no such file.
            Damaged: it is no record, or a broken one.
        """
        self._record = read(path)

    @property
    def name(self) -> str:
        """The name of the model the record came from."""
        return self._record.model

    def read(self, prompt: Prompt) -> "SavedReading":
        """Give the record.

        Raises:
            RequestError: the prompt holds another text, or more than a text.
        """
        refuse_beside(prompt, name="a saved record")
        if prompt.text not in ("", self._record.text):
            got = f"got {prompt.text!r}, allowed {self._record.text!r}"
            raise RequestError(f"the record is of another text: {got}")
        return SavedReading(self._record)


class WithoutModel(ABC):
    """What is common to readings of what was saved: no model can be run again."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def model(self) -> str:
        """The name of the model it came from."""

    def outcome(self, gates: Gates = OPEN) -> NoReturn:  # noqa: ARG002 - readings are asked alike
        """Nothing that was saved has a model to run; see `Reading`.

        Raises:
            RequestError: always.
        """
        raise self._no_model()

    def gate_gradients(self) -> NoReturn:
        """Nothing that was saved has a model to run; see `Reading`.

        Raises:
            RequestError: always.
        """
        raise self._no_model()

    def weight_gradients(self, record: Attention, question: Question = LIKELIEST) -> NoReturn:  # noqa: ARG002
        """Nothing that was saved has a model to run; see `Reading`.

        Raises:
            RequestError: always.
        """
        raise self._no_model()

    def _no_model(self) -> RequestError:
        return RequestError(f"a saved {self.kind} cannot be run again: allowed its model, {self.model}")


@dataclass(frozen=True, eq=False)
class SavedReading(WithoutModel):
    """A record that was made before."""

    kind = "record"

    saved: Attention

    @property
    def model(self) -> str:
        """The name of the model the record came from."""
        return self.saved.model

    @property
    def text(self) -> str:
        """The text of the record."""
        return self.saved.text

    @property
    def outlines(self) -> dict[Block, Outline]:
        """The block the record holds, and the layers and heads kept of it."""
        record = self.saved
        queries, keys = len(record.queries), len(record.keys)
        layers = tuple(Layer(number, record.heads, queries, keys, record.causal) for number in record.layers)
        return {record.block: Outline(record.block, layers)}

    def record(
        self,
        selection: Selection = EVERYTHING,
        *,
        block: Block | None = None,
        internals: bool = False,
        window: Window | None = None,
    ) -> Attention:
        """Give the layers and heads asked for; see `Reading`."""
        choose(self.outlines, block)
        if internals:
            raise MissingInternals("a saved record has no query, key and value vectors")
        part = part_of(self.saved, *chosen(self.saved, selection))
        if window is None:
            return part
        refuse_pooled(part)
        return cut(part, window)

    def frame(self, selection: Selection = EVERYTHING, *, block: Block | None = None) -> Frame:
        """Say what the record does beside its weights; see `Reading`."""
        choose(self.outlines, block)
        return part_of_frame(frame_of(self.saved), *chosen(self.saved, selection))

    def observe(
        self,
        observer: Observer,
        selection: Selection = EVERYTHING,
        *,
        block: Block | None = None,
        side_by_side: bool = False,
    ) -> None:
        """Hand the layers and heads asked for on; see `Reading`."""
        for each in blocks_of(self.record(selection, block=block), side_by_side=side_by_side):
            observer.update(each)

    def rows(
        self,
        selection: Selection = EVERYTHING,
        *,
        block: Block | None = None,
        allowed: int | None = None,  # noqa: ARG002 - readings are asked alike
    ) -> RecordRows:
        """Give the rows of the layers and heads asked for; see `Reading`."""
        return RecordRows(self.record(selection, block=block))


def part_of(record: Attention, layers: Sequence[int], heads: Sequence[int]) -> Attention:
    """Keep some layers and heads of a record."""
    rows = np.ix_([record.layers.index(n) for n in layers], [record.heads.index(n) for n in heads])
    return replace(
        record,
        weights=record.weights[rows],
        layers=tuple(layers),
        heads=tuple(heads),
        sight={layer: mask for layer, mask in record.sight.items() if layer in layers},
        sinks=tuple(layer for layer in record.sinks if layer in layers),
        taught=_of(record.taught, layers, heads),
        follows=_of(record.follows, layers, heads),
    )


def part_of_frame(frame: Frame, layers: Sequence[int], heads: Sequence[int]) -> Frame:
    """Keep some layers and heads of what is known beside weights."""
    return replace(
        frame,
        layers=tuple(layers),
        heads=tuple(heads),
        sinks=tuple(layer for layer in frame.sinks if layer in layers),
        taught=_of(frame.taught, layers, heads),
        follows=_of(frame.follows, layers, heads),
    )


def chosen(record: Attention | Frame, selection: Selection) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Give the numbers of the layers and heads meant, heads named one by one completed to a grid."""
    meant = selection.resolve(record.layers, record.heads)
    return tuple(sorted({head.layer for head in meant})), tuple(sorted({head.index for head in meant}))


def _of(known: Mapping[HeadId, Fact], layers: Sequence[int], heads: Sequence[int]) -> dict[HeadId, Fact]:
    """Keep what is known of some layers and heads."""
    return {head: fact for head, fact in known.items() if head.layer in layers and head.index in heads}
