"""Every measure of single heads in one table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.confidence import confidence
from attnviz.analysis.measures.distance import per_mass
from attnviz.analysis.measures.entropy import of_most, perplexity, taking_part
from attnviz.analysis.measures.gini import gini
from attnviz.analysis.measures.ground import DELIMITERS, FIRST, PUNCTUATION, Ground, Rows
from attnviz.analysis.patches import patch_distance
from attnviz.analysis.streaming.sums import near, row_sums
from attnviz.arrays import Array, namespace
from attnviz.errors import RequestError
from attnviz.frame import Sides
from attnviz.observe import RowBlock
from attnviz.record import Attention
from attnviz.selection import HeadId


def _always(_: Ground) -> bool:
    return True


def _never(_: Ground) -> bool:
    return False


@dataclass(frozen=True)
class Measure:
    """A number for each query of a head.

    Attributes:
        name: what it is called.
        unit: what it counts, such as "bits".
        says: what it says of a head, in one line.
        of: takes it of some heads of a layer: (head, query).
        applies: whether it means anything for an input.
        is_mass: whether it is a share of the mass, which can be held against evenly spread mass.
        needs_weights: whether it asks for the weights themselves, not only for what rows come to.
    """

    name: str
    unit: str
    says: str
    of: Callable[[Rows], Array]
    applies: Callable[[Ground], bool] = _always
    is_mass: bool = False
    needs_weights: Callable[[Ground], bool] = _never

    def rows(self, record: Attention, head: HeadId) -> NDArray[np.float64]:
        """Take it of one head of a record.

        Returns:
            A number for each query, (query,), of special tokens too.

        Raises:
            OutOfRange: the record lacks that head.
        """
        ground, weights = Ground(record), record.head(head)[None]
        block = RowBlock(head.layer, 0, weights, visible=partial(record.visible, head.layer))
        values: NDArray[np.float64] = self.of(Rows(ground, row_sums(block, ground.wanted), weights))[0]
        return values.astype(np.float64)


def _on(name: str, says: str, keys: str, applies: Callable[[Ground], bool] = _always) -> Measure:
    """Give the measure of the mass on some keys."""
    return Measure(name, "share", says, lambda rows: rows.sums.on[keys], applies, is_mass=True)


def _beside(name: str, says: str, step: int) -> Measure:
    """Give the measure of the mass on the key so many tokens after the query."""
    return Measure(
        name,
        "share",
        says,
        lambda rows: rows.sums.beside[step],
        lambda ground: ground.is_sequence,
        is_mass=True,
    )


def _repeated(name: str, says: str, behind: int) -> Measure:
    """Give the measure of the mass so many tokens behind earlier tokens equal to the query's."""
    return Measure(
        name,
        "share",
        says,
        lambda rows: rows.ground.repeats.mass(rows.weights, rows.at, rows.first_key, behind),
        lambda ground: ground.is_sequence and ground.has_text,
        is_mass=True,
        needs_weights=_always,
    )


def _confidence(rows: Rows) -> Array:
    delimiters = rows.ground.delimiters[rows.keys]
    return confidence(rows.weights, delimiters if delimiters.any() else None)


def _gini(rows: Rows) -> Array:
    seen = rows.sums.seen
    return gini(rows.weights, namespace(rows.weights).asarray(seen, device=rows.weights.device))


def _distance(rows: Rows) -> Array:
    if not rows.ground.is_picture:
        return per_mass(rows.sums.distance, rows.sums.mass)
    apart = rows.ground.apart(rows.queries)[:, rows.keys]
    return patch_distance(near(rows.weights), apart)


def _self_mass(rows: Rows) -> Array:
    """Give what each query gives the key that it is: a diagonal, but in pictures seen at several scales."""
    if rows.ground.own_in_order:
        return rows.sums.beside[0]
    own = rows.ground.own[rows.queries]
    cells = (own[:, None] >= 0) & (own[:, None] == np.arange(rows.keys.start, rows.keys.stop))
    return np.vecdot(near(rows.weights), cells.astype(np.float32))


_ALL = (
    Measure("entropy", "bits", "how undecided a query is", lambda rows: rows.sums.entropy),
    Measure(
        "relative entropy",
        "share",
        "entropy by the most it could be: log2 of the keys a query sees",
        lambda rows: of_most(rows.sums.entropy, rows.sums.seen),
    ),
    Measure(
        "breadth",
        "keys",
        "how many keys a query reads: 2^entropy",
        lambda rows: perplexity(rows.sums.entropy),
    ),
    Measure(
        "participation",
        "keys",
        "how many keys a query reads: 1 / sum of squared weights",
        lambda rows: taking_part(rows.sums.mass, rows.sums.squares),
    ),
    Measure("gini", "0 to 1", "how unevenly a query reads what it sees", _gini, needs_weights=_always),
    Measure(
        "confidence",
        "share",
        "the most a query gives one key, delimiters aside",
        _confidence,
        needs_weights=_always,
    ),
    Measure(
        "distance",
        "tokens",
        "how far a query looks",
        _distance,
        lambda ground: ground.is_sequence or ground.is_picture,
        needs_weights=lambda ground: ground.is_picture,
    ),
    Measure(
        "self mass",
        "share",
        "what a query gives itself",
        _self_mass,
        lambda ground: bool((ground.own >= 0).any()),
        is_mass=True,
        needs_weights=lambda ground: not ground.own_in_order,
    ),
    _beside("previous mass", "what a query gives the token before it", -1),
    _beside("next mass", "what a query gives the token after it", 1),
    _on("sink", "what a query gives the first key, whatever stands there", FIRST),
    _on("delimiter mass", "what a query gives tokens the model added, the first key aside", DELIMITERS),
    _on(
        "punctuation mass",
        "what a query gives punctuation",
        PUNCTUATION,
        lambda ground: ground.has_text,
    ),
    _repeated("same token mass", "what a query gives earlier tokens equal to itself", 0),
    _repeated("induction mass", "what a query gives tokens behind earlier ones equal to itself", 1),
)

MEASURES: Mapping[str, Measure] = MappingProxyType({measure.name: measure for measure in _ALL})


def applicable(sides: Sides) -> tuple[str, ...]:
    """Name the measures that mean anything for a record, or a frame.

    Offsets, distances and repeated tokens mean nothing between two texts, nor the former between the rows of
    a picture or the bands of a sound; punctuation nothing where nobody wrote.
    """
    return applicable_on(Ground(sides))


def applicable_on(ground: Ground) -> tuple[str, ...]:
    """Name them by what is known of an input; see `applicable`."""
    return tuple(name for name, measure in MEASURES.items() if measure.applies(ground))


def measures_of(ground: Ground, names: Sequence[str] | None = None) -> tuple[Measure, ...]:
    """Give measures by name; None means all that mean anything.

    Raises:
        RequestError: there is no such measure of this input.
    """
    allowed = applicable_on(ground)
    for name in names or ():
        if name not in allowed:
            raise RequestError(f"no such measure of this record: got {name!r}, allowed {', '.join(allowed)}")
    return tuple(MEASURES[name] for name in (allowed if names is None else names))
