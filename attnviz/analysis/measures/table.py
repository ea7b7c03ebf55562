"""Every measure of single heads in one table, and all of them taken of a record at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.confidence import confidence
from attnviz.analysis.measures.distance import distance
from attnviz.analysis.measures.entropy import of_most, participation, perplexity
from attnviz.analysis.measures.gini import gini
from attnviz.analysis.measures.ground import Ground, Numbers, Rows, Sight
from attnviz.analysis.measures.masses import cell_mass, key_mass, offset_mass
from attnviz.analysis.measures.sinks import sink_rate
from attnviz.analysis.patches import patch_distance
from attnviz.analysis.readers import counted_queries
from attnviz.errors import RequestError
from attnviz.record import Attention, Block, Mask, Token, View
from attnviz.selection import HeadId

Cells = Callable[[Ground], Mask]

# Heads are measured so many weights at once: they are gone over a dozen times, and should stay in the cache.
_CACHED = 2**18


@dataclass(frozen=True)
class Measure:
    """A number for each query of a head.

    Attributes:
        name: what it is called.
        unit: what it counts, such as "bits".
        says: what it says of a head, in one line.
        of: takes it of some heads of a layer: (head, query).
        applies: whether it means anything for a record.
        cells: for a mass, the cells (query, key) or the keys (key,) it falls on.
    """

    name: str
    unit: str
    says: str
    of: Callable[[Rows], Numbers]
    applies: Callable[[Ground], bool] = lambda _: True
    cells: Cells | None = None

    def rows(self, record: Attention, head: HeadId) -> NDArray[np.float64]:
        """Take it of one head of a record.

        Returns:
            A number for each query, (query,), of special tokens too.

        Raises:
            OutOfRange: the record lacks that head.
        """
        rows = Rows(record.head(head)[None], Sight(record.visible(head.layer), Ground(record)))
        values: NDArray[np.float64] = self.of(rows)[0].astype(np.float64)
        return values


def _on(name: str, says: str, keys: Cells, applies: Callable[[Ground], bool] = lambda _: True) -> Measure:
    """Give the measure of the mass on some keys."""
    return Measure(name, "share", says, lambda rows: key_mass(rows.weights, keys(rows.ground)), applies, keys)


def _in(name: str, says: str, cells: Cells, applies: Callable[[Ground], bool]) -> Measure:
    """Give the measure of the mass on some cells."""
    return Measure(
        name, "share", says, lambda rows: cell_mass(rows.weights, cells(rows.ground)), applies, cells
    )


def _beside(name: str, says: str, steps: int) -> Measure:
    """Give the measure of the mass on the key so many tokens after the query."""
    return Measure(
        name,
        "share",
        says,
        lambda rows: offset_mass(rows.weights, steps, rows.ground.start),
        lambda ground: ground.is_sequence,
        lambda ground: ground.beside(steps),
    )


def _confidence(rows: Rows) -> Numbers:
    delimiters = rows.ground.delimiters
    most: Numbers = confidence(rows.weights, delimiters if delimiters.any() else None)
    return most


def _distance(rows: Rows) -> Numbers:
    if rows.ground.is_picture:
        return patch_distance(rows.weights, rows.ground.apart)
    far: Numbers = distance(rows.weights, rows.ground.start)
    return far


def _is_repeatable(ground: Ground) -> bool:
    return ground.is_sequence and ground.has_text


_ALL = (
    Measure("entropy", "bits", "how undecided a query is", lambda rows: rows.entropy),
    Measure(
        "relative entropy",
        "share",
        "entropy by the most it could be: log2 of the keys a query sees",
        lambda rows: of_most(rows.entropy, rows.sight.seen),
    ),
    Measure(
        "breadth", "keys", "how many keys a query reads: 2^entropy", lambda rows: perplexity(rows.entropy)
    ),
    Measure(
        "participation",
        "keys",
        "how many keys a query reads: 1 / sum of squared weights",
        lambda rows: participation(rows.weights),
    ),
    Measure(
        "gini",
        "0 to 1",
        "how unevenly a query reads what it sees",
        lambda rows: gini(rows.weights, rows.sight.seen),
    ),
    Measure("confidence", "share", "the most a query gives one key, delimiters aside", _confidence),
    Measure(
        "distance",
        "tokens",
        "how far a query looks",
        _distance,
        lambda ground: ground.is_sequence or ground.is_picture,
    ),
    _in(
        "self mass",
        "what a query gives itself",
        lambda ground: ground.itself,
        lambda ground: bool(ground.itself.any()),
    ),
    _beside("previous mass", "what a query gives the token before it", -1),
    _beside("next mass", "what a query gives the token after it", 1),
    _on("sink", "what a query gives the first key, whatever stands there", lambda ground: ground.first),
    _on(
        "delimiter mass",
        "what a query gives tokens the model added, the first key aside",
        lambda ground: ground.delimiters,
    ),
    _on(
        "punctuation mass",
        "what a query gives punctuation",
        lambda ground: ground.punctuation,
        lambda ground: ground.has_text,
    ),
    _in(
        "same token mass",
        "what a query gives earlier tokens equal to itself",
        lambda ground: ground.same_tokens,
        _is_repeatable,
    ),
    _in(
        "induction mass",
        "what a query gives tokens behind earlier ones equal to itself",
        lambda ground: ground.induced,
        _is_repeatable,
    ),
)

MEASURES: Mapping[str, Measure] = MappingProxyType({measure.name: measure for measure in _ALL})


@dataclass(frozen=True, eq=False)
class Measured:
    """Measures of some heads of a record.

    Attributes:
        model: the record's model.
        text: the record's text.
        block: the record's block.
        view: what the record's numbers are.
        heads: the heads measured.
        names: the measures taken of each.
        units: what each counts; a distance in a picture counts patches.
        means: float64 (head, measure), over the queries that count; NaN where no query has the measure.
        spreads: float64 (head, measure), the standard deviation over the same queries.
        over_chance: float64 (head, measure), what the mean of a mass is above that of evenly spread mass; NaN
            for what is no mass.
        counted: the number of queries that count, which are those the user or the model wrote.
        queries: the record's queries.
        sink_rate: the share of these heads whose queries, all of them, give the first key more than
            `sinks.SINK` on average.
    """

    model: str
    text: str
    block: Block
    view: View
    heads: tuple[HeadId, ...]
    names: tuple[str, ...]
    units: tuple[str, ...]
    means: NDArray[np.float64]
    spreads: NDArray[np.float64]
    over_chance: NDArray[np.float64]
    counted: int
    queries: tuple[Token, ...]
    sink_rate: float


def applicable(record: Attention) -> tuple[str, ...]:
    """Name the measures that mean anything for a record.

    Offsets, distances and repeated tokens mean nothing between two texts, nor the former between the rows of
    a picture or the bands of a sound; punctuation nothing where nobody wrote.
    """
    return _applicable(Ground(record))


def measure(
    record: Attention, heads: Sequence[HeadId] | None = None, names: Sequence[str] | None = None
) -> Measured:
    """Take measures of heads of a record.

    Means are over the queries the user or the model wrote; nothing is renormalised.

    Args:
        record: one input's attention.
        heads: the heads to measure; None means every one.
        names: the measures to take; None means all that mean anything for the record.

    Raises:
        OutOfRange: the record lacks one of the heads.
        RequestError: no head is named, or there is no such measure of this record.

    >>> import attnviz
    >>> record = attnviz.from_arrays([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.5, 0.5]], ["a", "b", "c"])
    >>> measured = measure(record, names=["breadth", "self mass"])
    >>> measured.means.round(6).tolist(), measured.units
    ([[1.666667, 0.666667]], ('keys', 'share'))
    """
    chosen = record.head_ids if heads is None else tuple(heads)
    if not chosen:
        raise RequestError("nothing to measure: got no head")
    first_keys = np.stack([record.head(head)[:, :1] for head in chosen])
    ground = Ground(record)
    taken = _taken(ground, names)
    counted = counted_queries(record)
    means, spreads, even = (np.full((len(chosen), len(taken)), np.nan) for _ in range(3))
    for layers in _seeing_alike(record, chosen):
        sight = Sight(record.visible(layers[0]), ground)
        shares = _chances(sight, taken)[:, counted]
        for places in _together(record, chosen, layers):
            rows = Rows(_weights(record, [chosen[place] for place in places]), sight)
            values = np.stack([one.of(rows) for one in taken], axis=1)[..., counted]
            means[places], spreads[places] = _mean_and_spread(values)
            even[places] = rows.weights.sum(axis=-1)[:, counted] @ shares.T / counted.sum()
    return Measured(
        model=record.model,
        text=record.text,
        block=record.block,
        view=record.view,
        heads=chosen,
        names=tuple(one.name for one in taken),
        units=tuple("patches" if ground.is_picture and one.unit == "tokens" else one.unit for one in taken),
        means=means,
        spreads=spreads,
        over_chance=means - even,
        counted=int(counted.sum()),
        queries=record.queries,
        sink_rate=sink_rate(first_keys),
    )


def _applicable(ground: Ground) -> tuple[str, ...]:
    return tuple(name for name, measure in MEASURES.items() if measure.applies(ground))


def _taken(ground: Ground, names: Sequence[str] | None) -> tuple[Measure, ...]:
    allowed = _applicable(ground)
    for name in names or ():
        if name not in allowed:
            raise RequestError(f"no such measure of this record: got {name!r}, allowed {', '.join(allowed)}")
    return tuple(MEASURES[name] for name in (allowed if names is None else names))


def _seeing_alike(record: Attention, heads: Sequence[HeadId]) -> list[list[int]]:
    """Put the layers of some heads together whose queries see the same keys."""
    alike: dict[int | None, list[int]] = {}
    for layer in dict.fromkeys(head.layer for head in heads):
        alike.setdefault(id(record.sight[layer]) if layer in record.sight else None, []).append(layer)
    return list(alike.values())


def _together(record: Attention, heads: Sequence[HeadId], layers: Sequence[int]) -> Iterator[list[int]]:
    """Give the places of the heads of some layers, as many of a layer at once as a cache holds."""
    at_once = max(1, _CACHED // record.weights[0, 0].size)
    for layer in layers:
        places = [place for place, head in enumerate(heads) if head.layer == layer]
        yield from (places[first : first + at_once] for first in range(0, len(places), at_once))


def _weights(record: Attention, heads: Sequence[HeadId]) -> NDArray[np.float32]:
    """Give the rows of heads of one layer: (head, query, key), without a copy of a run of them."""
    places = [record.heads.index(head.index) for head in heads]
    of_layer: NDArray[np.float32] = record.weights[record.layers.index(heads[0].layer)]
    in_a_run = places == list(range(places[0], places[-1] + 1))
    rows: NDArray[np.float32] = of_layer[places[0] : places[-1] + 1] if in_a_run else of_layer[places]
    return rows


def _mean_and_spread(values: Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average over queries, leaving out those without a value.

    Shape:
        values: (head, measure, query).
    """
    values = values.astype(np.float64)
    missing = np.isnan(values)
    count = np.where(missing.all(axis=-1), np.nan, (~missing).sum(axis=-1))
    mean = np.where(missing, 0.0, values).sum(axis=-1) / count
    apart = np.where(missing, 0.0, values - mean[..., None])
    return mean, np.sqrt((apart**2).sum(axis=-1) / count)


def _chances(sight: Sight, taken: Sequence[Measure]) -> NDArray[np.float64]:
    """Give the share of a query's mass that would fall on the cells of each measure, were it spread evenly.

    Returns:
        Shares (measure, query), NaN for measures that are no mass.
    """
    shares = np.full((len(taken), len(sight.visible)), np.nan)
    for place, one in enumerate(taken):
        if one.cells is not None:
            shares[place] = sight.chance(one.cells(sight.ground))
    return shares
