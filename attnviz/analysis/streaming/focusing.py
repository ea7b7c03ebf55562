"""What each head reads, as rows come: `attnviz.focus` of an input of any length."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.findings import Average, Focus, FocusWord, HeadFocus, Link, Together
from attnviz.analysis.measures.entropy import perplexity
from attnviz.analysis.moments import Moments
from attnviz.analysis.patterns.seen import Places, Seen
from attnviz.analysis.streaming.confirming import Confirming
from attnviz.analysis.streaming.gathering import HeadRows
from attnviz.analysis.streaming.layout import Layout
from attnviz.analysis.streaming.linking import Linking, links_in
from attnviz.analysis.streaming.patterning import Observe, Patterning
from attnviz.analysis.streaming.reducing import SHORT, Reducing
from attnviz.analysis.streaming.sights import union, written_in
from attnviz.frame import Frame
from attnviz.observe import RowBlock, RowSums, Wanted
from attnviz.selection import HeadId

Floats = NDArray[np.floating]

# A word belongs to a head's focus if it gets at least this part of what the head's favourite word gets, and
# this much in queries' worth of attention.
NOTABLE, NOTICED = 0.3, 0.05

# What keys receive may differ by rounding; those that differ by less are told in the order of the text.
_DIGITS = 6


@dataclass(frozen=True, eq=False)
class _Given:
    """What one head's words are made of, as far as that does not depend on what its queries see.

    Attributes:
        received: (key,), what keys that were written receive from other tokens.
        mass: (query,), what each query gives to all of them; 0 for a query that does not count.
    """

    received: Floats
    mass: Floats


class Focusing:
    """Says what each head reads: an observer.

    Let it take every row, and whatever `again` gives the rows of its heads after that, as `settle` does; then
    ask for the result. It keeps two numbers of each head and token, and a dozen while the head's rows come.
    """

    def __init__(self, frame: Frame, top: int = 3, heads: Sequence[HeadId] | None = None) -> None:
        """Begin with no row.

        Args:
            frame: the input.
            top: how many words and links to tell of each head at most.
            heads: the heads to tell about; None means every one.

        Raises:
            OutOfRange: the frame lacks one of the heads.
        """
        self._frame, self._top = frame, top
        self._heads = frame.head_ids if heads is None else tuple(heads)
        self._patterning = Patterning(frame, self._heads)
        self._reducing = self._patterning.reducing
        self._linking = Linking(self._reducing.layout, self._heads, top)
        self._given: dict[HeadId, _Given] = {}
        self._told: dict[HeadId, Callable[..., HeadFocus]] = {}

    @property
    def wanted(self) -> Wanted:
        """What of rows is to be added up."""
        return self._reducing.wanted

    def update(self, block: RowBlock) -> None:
        """Take some rows."""
        self.see(block)

    def see(self, block: RowBlock, sums: RowSums | None = None) -> None:
        """Take some rows whose sums may be known already.

        Args:
            block: the rows.
            sums: what they come to, of all that is `wanted`.
        """
        reduced = self._reducing.reduced(block, sums)
        if reduced is None:
            return
        of_layer = self._reducing.heads[reduced.layer]
        if len(reduced.queries):
            self._linking.take(reduced, [of_layer[place] for place in reduced.heads])
        for head, rows in self._patterning.take(reduced).items():
            self._finish(head, rows)

    def again(self, heads: Sequence[int] | None = None) -> Confirming | None:
        """Give what must take the rows of some heads once more, and settle then; see `Patterning.again`."""
        return self._patterning.again(heads)

    def settle(self, observe: Observe) -> None:
        """Have the rows of some heads handed on once more, if any pattern is open.

        Args:
            observe: hands the weights of a selection on to an observer.
        """
        self._patterning.settle(observe)

    def result(self) -> Focus:
        """Give what was found; nothing is open any more."""
        patterns = self._patterning.result()
        told = [self._told[head](pattern=patterns[head]) for head in self._heads]
        return Focus.of(self._frame, told, self._together())

    def _finish(self, head: HeadId, rows: HeadRows) -> None:
        """Say what a head reads, all of whose rows have come."""
        layout, frame = self._reducing.layout, self._frame
        given = _given(layout, rows)
        self._given[head] = given
        beyond = _beyond(layout, [given], rows.sight.whole, rows.sight.written)[0]
        itself = rows.rows["itself"] * ~layout.special[layout.own[rows.queries]]
        self._told[head] = partial(
            HeadFocus,
            head=head,
            words=_words(frame, beyond, self._top),
            links=tuple(
                Link.of(frame, head, query, key, weight)
                for weight, query, key in self._linking.finish(head, rows.usual)
            ),
            entropy=_average(rows.rows["entropy"]),
            breadth=_average(perplexity(rows.rows["entropy"])),
            distance=_average(rows.rows["distance"]),
            self_mass=_average(itself),
            special_mass=_average(rows.rows["special"]),
            taught=frame.taught.get(head),
        )

    def _together(self) -> Together:
        """Say what all heads read between them."""
        frame, layout, linking = self._frame, self._reducing.layout, self._linking
        covered = linking.looked_at.copy()
        if frame.block != "cross" and not (layout.is_picture and frame.queries != frame.keys):
            covered[np.flatnonzero(linking.looking) + layout.start] = True
        return Together(
            words=self._words_of_all(),
            links=tuple(
                Link.of(frame, self._heads[place], query, key, weight)
                for place, weight, query, key in linking.most_telling()
            ),
            covered=tuple(np.flatnonzero(covered).tolist()),
            coverable=int(np.count_nonzero(~layout.special)),
        )

    def _words_of_all(self) -> tuple[FocusWord, ...]:
        """Rank keys by what they receive beyond chance in the mean over heads."""
        layout, sights = self._reducing.layout, self._reducing.sights
        seen = union([sights[layer] for layer in {head.layer for head in self._heads}], len(layout.special))
        linked = written_in(layout, seen)
        moments = Moments.none(len(layout.special))
        for head in self._heads:
            moments.add(_beyond(layout, [self._given[head]], seen, linked).T)
        return _words(self._frame, moments.means, self._top, moments.spreads)


class Linked:
    """Lists one head's links worth telling: an observer."""

    def __init__(self, frame: Frame, head: HeadId) -> None:
        """Begin with no row.

        Raises:
            OutOfRange: the frame lacks that head.
        """
        self._frame, self._head = frame, head
        self._reducing = Reducing(frame, [head])
        self._links: list[Link] = []

    def update(self, block: RowBlock) -> None:
        """Take some rows."""
        if reduced := self._reducing.reduced(block):
            _, found = links_in(self._reducing.layout, reduced)
            links = (found.queries.tolist(), found.keys.tolist(), found.weights.tolist())
            self._links += [Link.of(self._frame, self._head, *link) for link in zip(*links, strict=True)]

    def result(self) -> list[Link]:
        """Give the links, in the order of the text."""
        return list(self._links)


def _given(layout: Layout, rows: HeadRows) -> _Given:
    received = np.where(layout.special, 0.0, rows.elsewhere["received"])
    mass = np.zeros(len(layout.own))
    mass[rows.queries] = np.maximum(rows.rows["mass"] - rows.rows["special"], 0.0)
    exact = np.float64 if len(received) <= SHORT else np.float32
    return _Given(received.astype(exact), mass.astype(exact))


def _beyond(layout: Layout, several: Sequence[_Given], seen: Seen, linked: Places) -> Floats:
    """Say what each key receives beyond what evenly spread mass would give it: (head, key).

    Shape:
        linked: (query,), how many keys each query sees that words and links are made of.
    """
    each = np.array([given.mass for given in several], dtype=np.float64) / np.maximum(linked, 1)
    even = seen.spread(each, len(layout.special))
    meeting = np.flatnonzero(layout.own >= 0)
    meeting = meeting[seen.has(meeting, layout.own[meeting])]
    even[:, layout.own[meeting]] -= each[:, meeting]
    received = np.array([given.received for given in several], dtype=np.float64)
    beyond: Floats = np.where(layout.special, 0.0, received - even)
    return beyond


def _words(frame: Frame, received: Floats, top: int, spreads: Floats | None = None) -> tuple[FocusWord, ...]:
    """Rank keys by what they receive beyond chance, as long as it is worth telling.

    Shape:
        received, spreads: (key,).
    """
    enough = max(NOTABLE * received.max(initial=0.0), NOTICED)
    order = np.argsort(-received.round(_DIGITS), kind="stable")[:top].tolist()
    return tuple(
        FocusWord.of(frame, key, float(received[key]), None if spreads is None else float(spreads[key]))
        for key in order
        if received[key] >= enough
    )


def _average(values: Floats) -> Average:
    return Average(float(values.mean()), float(values.std()))
