"""A saved digest as a source: what it holds is shown again without the model, and what it lacks is said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np

from attnviz.analysis.measures.measured import Measured
from attnviz.analysis.patterns.naming import Pattern
from attnviz.analysis.streaming.digest import Digest
from attnviz.analysis.streaming.topkeys import Top
from attnviz.errors import MissingWeights, RequestError
from attnviz.frame import Frame
from attnviz.observe import Observer
from attnviz.outline import Layer, Outline, choose
from attnviz.prompt import Prompt
from attnviz.record import Block
from attnviz.selection import HeadId, Selection
from attnviz.sources.base import EVERYTHING, Source, refuse_beside
from attnviz.sources.saved import WithoutModel, chosen, part_of, part_of_frame
from attnviz.studies.digest_files import read_digest
from attnviz.studies.digest_focus import focus_of
from attnviz.window import Window

_HOLDS = "pooled maps, top keys, measures and what heads read"


class DigestSource(Source):
    """Gives the one digest it was opened with, or the part of it that is asked for."""

    def __init__(self, path: Path) -> None:
        """Open a saved digest.

        Raises:
            NotFound: there is no such file.
            Damaged: it is no digest, or a broken one.
        """
        self._digest = read_digest(path)

    @property
    def name(self) -> str:
        """The name of the model the digest came from."""
        return self._digest.frame.model

    def read(self, prompt: Prompt) -> "DigestReading":
        """Give the digest.

        Raises:
            RequestError: the prompt holds another text, or more than a text.
        """
        refuse_beside(prompt, name="a saved digest")
        if prompt.text not in ("", self._digest.frame.text):
            raise RequestError("the digest is of another text: allowed none beside it")
        return DigestReading(self._digest)


@dataclass(frozen=True, eq=False)
class DigestReading(WithoutModel):
    """An input whose digest was made before.

    Attributes:
        digest: all that is left of it.
    """

    kind = "digest"

    digest: Digest

    @property
    def model(self) -> str:
        """The name of the model the digest came from."""
        return self.digest.frame.model

    @property
    def text(self) -> str:
        """The text of the digest."""
        return self.digest.frame.text

    @property
    def outlines(self) -> dict[Block, Outline]:
        """The block the digest is of, and the layers and heads kept of it."""
        frame = self.digest.frame
        queries, keys = len(frame.queries), len(frame.keys)
        layers = tuple(Layer(number, frame.heads, queries, keys, frame.causal) for number in frame.layers)
        return {frame.block: Outline(frame.block, layers)}

    def part(self, selection: Selection = EVERYTHING) -> Digest:
        """Give the layers and heads asked for; heads named one by one are completed to a grid.

        Raises:
            OutOfRange: the selection names a layer or head that is not there.
        """
        return digest_of_heads(self.digest, *chosen(self.digest.frame, selection))

    def frame(self, selection: Selection = EVERYTHING, *, block: Block | None = None) -> Frame:
        """Say what is known beside weights; see `Reading`."""
        choose(self.outlines, block)
        frame = self.digest.frame
        return part_of_frame(frame, *chosen(frame, selection))

    def record(
        self,
        selection: Selection = EVERYTHING,  # noqa: ARG002 - readings are asked alike
        *,
        block: Block | None = None,  # noqa: ARG002
        internals: bool = False,  # noqa: ARG002
        window: Window | None = None,  # noqa: ARG002
    ) -> NoReturn:
        """A digest holds no weights to make a record of; see `Reading`.

        Raises:
            MissingWeights: always.
        """
        raise self.lacking("weights")

    def observe(
        self,
        observer: Observer,  # noqa: ARG002
        selection: Selection = EVERYTHING,  # noqa: ARG002
        *,
        block: Block | None = None,  # noqa: ARG002
        side_by_side: bool = False,  # noqa: ARG002
    ) -> NoReturn:
        """A digest holds no weights to hand on; see `Reading`.

        Raises:
            MissingWeights: always.
        """
        raise self.lacking("weights")

    def rows(
        self,
        selection: Selection = EVERYTHING,  # noqa: ARG002
        *,
        block: Block | None = None,  # noqa: ARG002
        allowed: int | None = None,  # noqa: ARG002
    ) -> NoReturn:
        """A digest holds no rows; see `Reading`.

        Raises:
            MissingWeights: always.
        """
        raise self.lacking("weights")

    def lacking(self, what: str) -> MissingWeights:
        """Say that something is not in the digest."""
        return MissingWeights(f"not in a digest: got {what}, allowed {_HOLDS}")


@dataclass(frozen=True, eq=False)
class DigestRows:
    """What a ranking asks of an input, answered by its digest as far as that knows; see `ranking.Rows`.

    Attributes:
        reading: of the digest.
    """

    reading: DigestReading

    @property
    def frame(self) -> Frame:
        """What is known of the input."""
        return self.reading.digest.frame

    def measured(self, heads: Sequence[HeadId], names: Sequence[str]) -> Measured:
        """Give measures of some heads.

        Raises:
            MissingWeights: the digest lacks one of them.
        """
        measured = self.reading.digest.measured
        if measured is None or not set(names) <= set(measured.names):
            raise self.reading.lacking(", ".join(names))
        places = [measured.names.index(name) for name in names]
        some = measured.of(heads)
        return replace(
            some,
            names=tuple(names),
            units=tuple(some.units[place] for place in places),
            means=some.means[:, places],
            spreads=some.spreads[:, places],
            over_chance=some.over_chance[:, places],
        )

    def patterns(self, heads: Sequence[HeadId]) -> Mapping[HeadId, Pattern]:
        """Name what some heads do.

        Raises:
            MissingWeights: the digest says nothing of it.
        """
        focus = self.reading.digest.focus
        if focus is None:
            raise self.reading.lacking("patterns")
        known = {head.head: head.pattern for head in focus.heads}
        return {head: known[head] for head in heads}

    def scores(self, heads: Sequence[HeadId]) -> Mapping[HeadId, Mapping[str, Pattern]]:
        """Give the one pattern of each head whose score the digest knows: the one it comes nearest to."""
        nearest = self.patterns(heads)
        return {head: _Nearest(self.reading, pattern) for head, pattern in nearest.items()}


class _Nearest(dict[str, Pattern]):
    """The pattern a head comes nearest to, by its name; of any other it is said that it is not known."""

    def __init__(self, reading: DigestReading, nearest: Pattern) -> None:
        super().__init__({nearest.nearest: nearest})
        self._reading = reading

    def __missing__(self, name: str) -> NoReturn:
        raise self._reading.lacking(f"every head's score for {name}")


def digest_of_heads(digest: Digest, layers: Sequence[int], heads: Sequence[int]) -> Digest:
    """Keep some layers and heads of a digest."""
    before = digest.frame
    if (tuple(layers), tuple(heads)) == (before.layers, before.heads):
        return digest
    frame = part_of_frame(before, layers, heads)
    rows = np.ix_([before.layers.index(n) for n in layers], [before.heads.index(n) for n in heads])
    top, measured, focus = digest.top, digest.measured, digest.focus
    return replace(
        digest,
        frame=frame,
        maxima=part_of(digest.maxima, layers, heads),
        means=part_of(digest.means, layers, heads),
        top=Top(top.positions[rows], top.weights[rows]) if top else None,
        measured=measured.of(frame.head_ids) if measured else None,
        focus=focus_of(focus, frame.head_ids) if focus else None,
    )
