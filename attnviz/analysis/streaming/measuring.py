"""Every measure of every head of an input whose squares need never exist."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.catalogue import Measure, applicable_on, measures_of
from attnviz.analysis.measures.ground import FIRST, Ground, Rows
from attnviz.analysis.measures.measured import Measured
from attnviz.analysis.moments import Moments
from attnviz.analysis.streaming.even import Evenly
from attnviz.analysis.streaming.sums import Adding, exact
from attnviz.arrays import Array, namespace, on_cpu
from attnviz.frame import Frame
from attnviz.observe import RowBlock, RowSums, Wanted
from attnviz.selection import HeadId

Numbers = NDArray[np.float64]
Key = TypeVar("Key", str, int)

# What rows come to waits until there are so many of them to go into means at once, which takes less time.
# What all rows come to would be 100 MB for 144 heads at 16,384 tokens, what 1,024 do is 8 MB.
_AT_ONCE = 1024

# Of more keys, weights are put in order only for who asks: that takes longer than all else together.
_SORTED = 1024


@dataclass(eq=False)
class Measuring:
    """Takes measures of all heads of a frame, block by block or by what rows come to.

    Means and standard deviations are exact in float64, in whatever parts the rows come. Measures that follow
    from sums of rows need no more than these (`take`); the others need the weights (`update`).

    Attributes:
        frame: the layers and heads that will come.
        asked: the measures to take; None means all that mean anything for the input, but of more than 1,024
            keys not those that put every row in order. See `left_out`.

    Raises:
        RequestError: there is no such measure of this input.
    """

    frame: Frame
    asked: Sequence[str] | None = None
    _waiting: dict[tuple[int, int], "_Waiting"] = field(default_factory=dict, init=False, repr=False)
    _had_sums: bool = field(default=False, init=False, repr=False)
    _had_weights: bool = field(default=False, init=False, repr=False)

    def __post_init__(self) -> None:
        self._ground = Ground(self.frame)
        asked = self.asked
        if asked is None:
            asked = [name for name in applicable_on(self._ground) if name not in self._dear]
        self._measures = measures_of(self._ground, asked)
        heads = len(self.frame.layers), len(self.frame.heads)
        self._moments = Moments.none(*heads, len(self._measures))
        self._firsts = Moments.none(*heads)
        self._even = np.zeros((*heads, len(self._measures)))
        self._evenly = Evenly(self._ground, self.frame.causal, self._measures)

    @property
    def names(self) -> tuple[str, ...]:
        """The measures that are taken, of what has come."""
        return tuple(one.name for one in self._measures if self._is_taken(one))

    @property
    def needs_weights(self) -> bool:
        """Whether some measure that was asked for does not follow from what rows come to."""
        return any(one.needs_weights(self._ground) for one in self._measures)

    @property
    def left_out(self) -> Mapping[str, str]:
        """By the names of measures that mean something and are not taken, why not: "it ..."."""
        dear = () if self.asked is not None else self._dear
        without = [one.name for one in self._measures if not self._is_taken(one)]
        return {
            **dict.fromkeys(dear, "it puts every row in order, which takes longer than all else"),
            **dict.fromkeys(without, "it needs every weight, and sums of rows came"),
        }

    @property
    def wanted(self) -> Wanted:
        """What of rows is to be added up."""
        return self._ground.wanted

    def update(self, block: RowBlock) -> None:
        """Take a block of weights."""
        block = replace(block, weights=exact(block.weights))
        seen, shares = self._evenly.of(block)
        self.see(block, self._adding.up(block, seen), shares)

    def see(self, block: RowBlock, sums: RowSums, shares: Numbers | None = None) -> None:
        """Take a block of weights whose sums are known already.

        Args:
            block: the rows.
            sums: what they come to, of all that is `wanted`.
            shares: of what their queries see, the share that is of each measure, where it is known.
        """
        self._had_weights = True
        shares = self._evenly.of(block)[1] if shares is None else shares
        rows = Rows(self._ground, sums, exact(block.weights), block.first_key)
        weighed = {one.name: one.of(rows) for one in self._measures if one.needs_weights(self._ground)}
        self._keep(_Part(sums, shares, weighed))

    def take(self, sums: RowSums) -> None:
        """Take what some rows come to, which is enough for most measures.

        What a mass is above evenly spread mass is told where a query sees all keys, or all up to itself:
        elsewhere sums do not say which.
        """
        self._had_sums = True
        self._keep(_Part(sums, self._evenly.by_sums(sums), {}))

    def merge(self, other: "Measuring") -> None:
        """Take what another has seen of other rows or heads of the same frame; the other stays as it was.

        In whatever order several are merged, the result is the same up to rounding.
        """
        self._settle()
        other._settle()
        self._moments = self._moments.joined(other._moments)
        self._firsts = self._firsts.joined(other._firsts)
        self._even += other._even
        self._had_sums |= other._had_sums
        self._had_weights |= other._had_weights

    def result(self, heads: Sequence[HeadId] | None = None) -> Measured:
        """Give the measures of what has come.

        Args:
            heads: those to tell, of the frame's; None means every one.
        """
        self._settle()
        chosen = self.frame.head_ids if heads is None else tuple(heads)
        at = np.array([self._place(head.layer, head.index) for head in chosen]).T
        taken = [place for place, one in enumerate(self._measures) if self._is_taken(one)]
        places = at[0][:, None], at[1][:, None], np.array(taken, dtype=np.intp)[None]
        counted = int(self._ground.counted.sum())
        return Measured(
            model=self.frame.model,
            text=self.frame.text,
            block=self.frame.block,
            view=self.frame.view,
            heads=chosen,
            names=self.names,
            units=tuple(self._unit(self._measures[place]) for place in taken),
            means=self._moments.means[places],
            spreads=self._moments.spreads[places],
            over_chance=(self._moments.means - self._even / counted)[places],
            counted=counted,
            queries=self.frame.queries,
            first_key=self._firsts.means[at[0], at[1]],
        )

    @cached_property
    def _adding(self) -> Adding:
        return Adding(self.wanted)

    @property
    def _dear(self) -> tuple[str, ...]:
        return ("gini",) if len(self.frame.keys) > _SORTED else ()

    def _is_taken(self, one: Measure) -> bool:
        """Whether enough has come for a measure; before anything has, it may yet."""
        return self._had_weights or not self._had_sums or not one.needs_weights(self._ground)

    def _unit(self, one: Measure) -> str:
        return "patches" if self._ground.is_picture and one.unit == "tokens" else one.unit

    def _place(self, layer: int, head: int) -> tuple[int, int]:
        return self.frame.layers.index(layer), self.frame.heads.index(head)

    def _keep(self, part: "_Part") -> None:
        """Let rows wait until there are enough of their heads."""
        key = part.sums.layer, part.sums.first_head
        waiting = self._waiting.setdefault(key, _Waiting())
        waiting.add(part)
        if waiting.rows >= _AT_ONCE:
            self._digest([self._waiting.pop(key).parts])

    def _settle(self) -> None:
        """Put into the means whatever waits: of a short text several layers at once."""
        alike: dict[tuple[int, ...], list[list[_Part]]] = {}
        for waiting in self._waiting.values():
            alike.setdefault(tuple(id(part.shares) for part in waiting.parts), []).append(waiting.parts)
        for runs in alike.values():
            at_once = max(1, _AT_ONCE // sum(part.rows for part in runs[0]))
            for first in range(0, len(runs), at_once):
                self._digest(runs[first : first + at_once])
        self._waiting.clear()

    def _digest(self, runs: Sequence[Sequence["_Part"]]) -> None:
        """Put the same rows of some heads of several layers that see alike into their means.

        Args:
            runs: of some heads of one layer each, all of the same rows.
        """
        part = _together(runs)
        rows, counted = Rows(self._ground, part.sums), self._counted(runs[0])
        values = np.full((len(part.sums.mass), len(self._measures), len(counted)), np.nan)
        for place, one in enumerate(self._measures):
            if not one.needs_weights(self._ground):
                values[:, place] = one.of(rows)
            elif one.name in part.weighed:
                values[:, place] = part.weighed[one.name]
        where = self._where([run[0].sums for run in runs])
        self._moments.add(values[..., counted], where)
        self._even[where] += part.sums.mass[:, counted] @ part.shares[:, counted].T
        self._firsts.add(part.sums.on[FIRST], where)

    def _where(self, several: Sequence[RowSums]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Say which layers and heads of the frame rows are of, by their places."""
        places = [
            (self.frame.layers.index(sums.layer), sums.first_head + head)
            for sums in several
            for head in range(sums.mass.shape[0])
        ]
        layers, heads = np.array(places).T
        return layers, heads

    def _counted(self, parts: Sequence["_Part"]) -> NDArray[np.bool_]:
        """Say which of the rows of several parts count."""
        return np.concatenate([self._ground.counted[part.queries] for part in parts])


@dataclass(frozen=True, eq=False)
class _Part:
    """Some rows of some heads of a layer.

    Attributes:
        sums: what they come to.
        shares: (measure, query), of what queries see the share that is of each measure; NaN where it is none.
        weighed: by name, (head, query), measures that needed the weights.
    """

    sums: RowSums
    shares: Numbers
    weighed: Mapping[str, Array]

    @property
    def rows(self) -> int:
        return int(self.sums.mass.shape[-1])

    @property
    def queries(self) -> slice:
        return slice(self.sums.start, self.sums.start + self.rows)


@dataclass(eq=False)
class _Waiting:
    """Rows of one and the same heads that wait to be put into means."""

    parts: list[_Part] = field(default_factory=list)
    rows: int = 0

    def add(self, part: _Part) -> None:
        self.parts.append(part)
        self.rows += part.rows


def _together(runs: Sequence[Sequence[_Part]]) -> _Part:
    """Put rows behind each other, and heads below each other, as float64 numpy arrays."""

    def joined(of: Callable[[_Part], Array]) -> Numbers:
        return _below([[of(part) for part in run] for run in runs])

    def each(of: Callable[[_Part], Mapping[Key, Array]]) -> dict[Key, Numbers]:
        def one(key: Key) -> Numbers:
            return joined(lambda part: of(part)[key])

        return {key: one(key) for key in of(first)}

    first = runs[0][0]
    whole = replace(
        first.sums,
        mass=joined(lambda part: part.sums.mass),
        entropy=joined(lambda part: part.sums.entropy),
        squares=joined(lambda part: part.sums.squares),
        distance=None if first.sums.distance is None else joined(lambda part: part.sums.distance),
        on=each(lambda part: part.sums.on),
        beside=each(lambda part: part.sums.beside),
        seen=_below([[part.sums.seen for part in runs[0]]]),
        received=None,
    )
    shares = np.concatenate([part.shares for part in runs[0]], axis=-1)
    return _Part(whole, shares, each(lambda part: part.weighed))


def _below(runs: Sequence[Sequence[Array]]) -> Numbers:
    """Join arrays (head, query), and copy them from whatever device they are on.

    Args:
        runs: below each other, what stands behind each other.
    """
    xp = namespace(*runs[0])
    behind = [run[0] if len(run) == 1 else xp.concat(run, axis=-1) for run in runs]
    below = behind[0] if len(behind) == 1 else xp.concat(behind, axis=0)
    return on_cpu(below).astype(np.float64)
