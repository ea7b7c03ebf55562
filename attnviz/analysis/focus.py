"""What each head reads, as findings a sentence can be made of: words, links, pattern, breadth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.distance import distance
from attnviz.analysis.measures.entropy import breadth, entropy
from attnviz.analysis.patches import is_picture, patch_distance, patch_distances, place_of
from attnviz.analysis.patterns.find import Pattern, find_patterns
from attnviz.analysis.readers import Mask, counted_queries, self_links, special_keys, uniform
from attnviz.record import Attention, Block, Prediction, Token, View, Weights
from attnviz.selection import HeadId

# A word belongs to a head's focus if it gets at least this part of what the head's favourite word gets, and
# this much in queries' worth of attention.
NOTABLE, NOTICED = 0.3, 0.05

# A link is told if it carries twice what evenly spread mass would give it, and always from the second on.
TOLD_FROM, TOLD_ALWAYS = 0.1, 0.5

# Measures how far each query looks, (query,), from weights (query, key).
Far = Callable[[Weights], NDArray[np.floating]]


@dataclass(frozen=True)
class FocusWord:
    """A token that is read more than chance would have it.

    Attributes:
        token: its text.
        position: its place among the keys, from 0.
        mass: what it receives from other tokens beyond evenly spread mass, in queries' worth of attention.
        place: its row and column, where it is a patch of a picture.
        spread: of a mean over several heads, their standard deviation; None of one head.
    """

    token: str
    position: int
    mass: float
    place: tuple[int, int] | None = None
    spread: float | None = None


@dataclass(frozen=True)
class Average:
    """A mean over the queries that count, and how much they differ.

    Attributes:
        mean: over the queries.
        spread: their standard deviation, in the same unit.
    """

    mean: float
    spread: float


@dataclass(frozen=True)
class Link:
    """One query reading one key: `source` looks at `target` with this weight, 0 to 1.

    Positions are places among the queries and among the keys, from 0; in cross-attention these are two texts.
    Of a patch of a picture the row and column are told too.
    """

    head: HeadId
    source: str
    source_position: int
    target: str
    target_position: int
    weight: float
    source_place: tuple[int, int] | None = None
    target_place: tuple[int, int] | None = None


@dataclass(frozen=True)
class HeadFocus:
    """What one head reads.

    Attributes:
        head: its name.
        words: the tokens it focuses on, most mass first.
        links: its strongest links between what the user wrote, strongest first.
        pattern: the shape of its rows.
        entropy: over queries, bits.
        breadth: 2^entropy over queries, in keys.
        distance: over queries, in tokens; of a picture in patches.
        self_mass: the share of the mass that queries keep on themselves; set aside in words and links.
        special_mass: the share that goes to tokens the model added; set aside in words and links.
        taught: what the head was trained towards, or None if it found its pattern by itself.
    """

    head: HeadId
    words: tuple[FocusWord, ...]
    links: tuple[Link, ...]
    pattern: Pattern
    entropy: Average
    breadth: Average
    distance: Average
    self_mass: Average
    special_mass: Average
    taught: str | None

    @property
    def hidden_mass(self) -> float:
        """The share of the mass that words and links leave out."""
        return self.self_mass.mean + self.special_mass.mean


@dataclass(frozen=True)
class Together:
    """What several heads read between them.

    Attributes:
        words: the tokens their average focuses on, most mass first.
        links: the most telling link of each query that has one, in the order of the text: what its head does
            at this query and not at the others.
        covered: places among the keys of the tokens at either end of one of the heads' links, ascending; in
            cross-attention of those that are looked at.
        coverable: how many keys there are to cover.
    """

    words: tuple[FocusWord, ...]
    links: tuple[Link, ...]
    covered: tuple[int, ...]
    coverable: int


@dataclass(frozen=True)
class Focus:
    """The focus of some heads of a record, and of all of them together.

    Attributes:
        model: the model's name.
        text: the source text.
        block: which attention of the model this is.
        view: what the numbers are, as in the record.
        queries: the tokens that look.
        tokens: the tokens looked at; the same as `queries` but in cross-attention.
        predictions: what the model expects after each query, one for each, or none at all.
        heads: what each head reads.
        together: what they read between them.
    """

    model: str
    text: str
    block: Block
    view: View
    queries: tuple[Token, ...]
    tokens: tuple[Token, ...]
    predictions: tuple[Prediction, ...]
    heads: tuple[HeadFocus, ...]
    together: Together


def focus(record: Attention, heads: Sequence[HeadId] | None = None, *, top: int = 3) -> Focus:
    """Say what each head of a record reads.

    Words and links leave out special tokens and self-links; how much mass that hides is part of the result.
    Averages are over the queries that were written, by the user or by the model; nothing is renormalised.

    Args:
        record: one text's attention.
        heads: the heads to tell about; None means every one.
        top: how many words and links to tell of each head at most.

    Raises:
        OutOfRange: the record lacks one of the heads.

    >>> import attnviz
    >>> weights = [[0.0, 0.1, 0.9], [0.0, 0.0, 1.0], [0.1, 0.1, 0.8]]
    >>> record = attnviz.from_arrays(weights, ["the", "lazy", "dog"])
    >>> attnviz.focus(record).heads[0].words[0].token
    'dog'
    """
    chosen = record.head_ids if heads is None else tuple(heads)
    patterns, reading = find_patterns(record, chosen), _Reading(record)
    told = tuple(_head_focus(reading, head, patterns[head], top) for head in chosen)
    return Focus(
        model=record.model,
        text=record.text,
        block=record.block,
        view=record.view,
        queries=record.queries,
        tokens=record.keys,
        predictions=record.predictions,
        heads=told,
        together=_together(reading, chosen, top),
    )


@dataclass(frozen=True, eq=False)
class _Ground:
    """What words and links of a layer are held against.

    Attributes:
        cells: (query, key), those words and links are made of.
        even: (query, key), a mass of 1 spread evenly over each row's cells.
    """

    cells: Mask
    even: NDArray[np.float64]

    @classmethod
    def of(cls, cells: Mask) -> "_Ground":
        return cls(cells, uniform(cells))

    @cached_property
    def enough(self) -> NDArray[np.float64]:
        """How much weight a link needs to be told: (query, 1)."""
        enough: NDArray[np.float64] = np.clip(2 * self.even.max(-1, keepdims=True), TOLD_FROM, TOLD_ALWAYS)
        return enough

    def beyond_chance(self, weights: NDArray[np.floating]) -> NDArray[np.floating]:
        """Say what each key receives beyond what evenly spread mass would give it: (key,)."""
        given = np.where(self.cells, weights, 0.0)
        beyond = given - given.sum(axis=-1, keepdims=True) * self.even
        received: NDArray[np.floating] = beyond.sum(axis=0)
        return received


class _Reading:
    """A record read head by head; what several heads have in common is made once.

    Attributes:
        record: what is read.
        rows: (query,), the queries that count.
        special: (query, key), cells of keys the model added.
        itself: (query, key), the others on which queries meet themselves.
        far: measures how far queries look.
    """

    def __init__(self, record: Attention) -> None:
        self.record, self.rows, self.far = record, counted_queries(record), _distance(record)
        shape = len(record.queries), len(record.keys)
        self.special: Mask = np.broadcast_to(special_keys(record), shape)
        self.itself: Mask = self_links(record) & ~self.special
        self._grounds: dict[int | None, _Ground] = {}
        self._links: dict[HeadId, list[Link]] = {}

    def ground(self, layer: int) -> _Ground:
        """Give what a layer's words and links are held against; layers that see alike share it."""
        mask = self.record.sight.get(layer)
        key = None if mask is None else id(mask)
        if key not in self._grounds:
            self._grounds[key] = _Ground.of(between_words(self.record, layer))
        return self._grounds[key]

    def links(self, head: HeadId) -> list[Link]:
        """List a head's links worth telling."""
        if head not in self._links:
            self._links[head] = _links(self.record, head, self.ground(head.layer))
        return self._links[head]


def _head_focus(reading: _Reading, head: HeadId, pattern: Pattern, top: int) -> HeadFocus:
    record, rows = reading.record, reading.rows
    weights = record.head(head)
    return HeadFocus(
        head=head,
        words=_words(record, reading.ground(head.layer).beyond_chance(weights), top),
        links=_strongest(reading.links(head), top),
        pattern=pattern,
        entropy=_average(entropy(weights)[rows]),
        breadth=_average(breadth(weights)[rows]),
        distance=_average(reading.far(weights)[rows]),
        self_mass=_share(weights, reading.itself, rows),
        special_mass=_share(weights, reading.special, rows),
        taught=record.taught.get(head),
    )


def _together(reading: _Reading, heads: Sequence[HeadId], top: int) -> Together:
    record = reading.record
    cells = np.any([reading.ground(layer).cells for layer in {head.layer for head in heads}], axis=0)
    usual = {head: record.head(head)[reading.rows].mean(axis=0) for head in heads}
    links = [link for head in heads for link in reading.links(head)]
    covered = {link.target_position for link in links}
    if record.block != "cross" and not (is_picture(record) and record.queries != record.keys):
        covered |= {link.source_position + _start(record) for link in links}
    return Together(
        words=_words_of_all(record, heads, _Ground.of(cells), top),
        links=_most_telling(links, usual),
        covered=tuple(sorted(covered)),
        coverable=sum(not token.is_special for token in record.keys),
    )


def between_words(record: Attention, layer: int) -> Mask:
    """Give the cells words and links are made of: (query, key), from what was written to something else."""
    written = np.outer(counted_queries(record), ~special_keys(record))
    cells: Mask = written & record.visible(layer) & ~self_links(record)
    return cells


def _words(record: Attention, received: NDArray[np.floating], top: int) -> tuple[FocusWord, ...]:
    """Rank keys by what they receive beyond chance: (key,)."""
    return tuple(
        FocusWord(record.keys[j].text, j, float(received[j]), place_of(record.keys[j]))
        for j in _notable(received, top)
    )


def _words_of_all(
    record: Attention, heads: Sequence[HeadId], ground: _Ground, top: int
) -> tuple[FocusWord, ...]:
    """Rank keys by what they receive beyond chance in the mean over heads, and say how much these differ."""
    received = np.array([ground.beyond_chance(record.head(head)) for head in heads])
    means, spreads = received.mean(axis=0), received.std(axis=0)
    return tuple(
        FocusWord(record.keys[j].text, j, float(means[j]), place_of(record.keys[j]), float(spreads[j]))
        for j in _notable(means, top)
    )


def _notable(received: NDArray[np.floating], top: int) -> list[int]:
    """Give the positions of the keys that receive most, as long as it is worth telling."""
    enough = max(NOTABLE * received.max(initial=0.0), NOTICED)
    order = np.argsort(-received, kind="stable")[:top].tolist()
    return [j for j in order if received[j] >= enough]


def links_of(record: Attention, head: HeadId) -> list[Link]:
    """List one head's links worth telling, in the order of the text.

    A link is told if it carries twice what evenly spread mass would give it, from .1 on; from .5 on always.

    Raises:
        OutOfRange: the record lacks that head.
    """
    return _links(record, head, _Ground.of(between_words(record, head.layer)))


def _links(record: Attention, head: HeadId, ground: _Ground) -> list[Link]:
    weights = record.head(head)
    found = []
    for i, j in np.argwhere(ground.cells & (weights >= ground.enough)).tolist():
        query, key = record.queries[i], record.keys[j]
        places = place_of(query), place_of(key)
        found.append(Link(head, query.text, i, key.text, j, float(weights[i, j]), *places))
    return found


def _strongest(links: Sequence[Link], top: int) -> tuple[Link, ...]:
    return tuple(sorted(links, key=lambda link: -link.weight)[:top])


def _most_telling(links: Sequence[Link], usual: Mapping[HeadId, Weights]) -> tuple[Link, ...]:
    """Keep one link of each query: the one furthest above what its head's queries give that key on average.

    A head that gives every query the same key, such as the full stop, would otherwise have the last word.

    Shape:
        usual: for each head, (key,).
    """
    ranked = sorted(links, key=lambda link: link.weight - usual[link.head][link.target_position])
    telling = {link.source_position: link for link in ranked}
    return tuple(telling[position] for position in sorted(telling))


def _share(weights: NDArray[np.floating], cells: Mask, rows: Mask) -> Average:
    return _average((weights * cells)[rows].sum(axis=-1))


def _average(values: NDArray[np.floating]) -> Average:
    return Average(float(values.mean()), float(values.std()))


def _distance(record: Attention) -> Far:
    """Give what measures how far each query looks: along a text, or across a picture."""
    if not is_picture(record):
        return lambda weights: distance(weights, _start(record))
    apart = patch_distances(record)
    return lambda weights: patch_distance(weights, apart)


def _start(record: Attention) -> int:
    """Give the first query's position: where keys outnumber queries, the earlier ones came before."""
    return 0 if record.block == "cross" else len(record.keys) - len(record.queries)
