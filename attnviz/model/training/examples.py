"""Texts as numbers, in batches, with some of their words replaced.

All chance comes from a seed and a counter, never from a state: the batch of step 1,000 is the same whether or
not the steps before it were run in this process.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from attnviz.model import vocabulary as columns
from attnviz.model.vocabulary import FEATURES, Vocabulary

Features = NDArray[np.int32]

# Clark et al. 2020 replace 15 %; short texts carry more signal with a little more.
_SHARE_REPLACED = 0.2
_SHARE_FROM_NEIGHBOURS = 0.3
_FLATTENING = 0.75
_SHARE_LOWERED = 0.1


@dataclass(frozen=True, eq=False)
class Texts:
    """Many texts, laid end to end.

    Attributes:
        features: (token, feature), rows of the embedding table.
        ends: (text), the place after each text's last token.
    """

    features: Features
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[Features]) -> "Texts":
        """Lay texts, each (token, feature), end to end."""
        ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
        empty = np.zeros((0, FEATURES), dtype=np.int32)
        return cls(np.concatenate([empty, *texts]), ends)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of tokens of each text."""
        return np.diff(self.ends, prepend=0)

    def batch(self, chosen: NDArray[np.int64]) -> "Batch":
        """Put texts side by side, the shorter ones padded."""
        lengths = self.lengths[chosen]
        offsets = np.arange(lengths.max())
        present = offsets < lengths[:, None]
        places = (self.ends[chosen] - lengths)[:, None] + np.where(present, offsets, 0)
        return Batch(self.features[places] * present[..., None], present)


@dataclass(frozen=True, eq=False)
class Batch:
    """Texts side by side.

    Attributes:
        features: (text, token, feature), 0 where padded.
        present: (text, token), False where padded.
    """

    features: Features
    present: NDArray[np.bool_]

    @property
    def visible(self) -> NDArray[np.bool_]:
        """A mask for attention, (text, 1, 1, key): no query looks at padding."""
        return self.present[:, None, None, :]


def batches(lengths: NDArray[np.int64], tokens: int, seed: Sequence[int]) -> Iterator[NDArray[np.int64]]:
    """Deal texts into batches of about `tokens` tokens and of similar lengths, over and over.

    Shape:
        lengths: (text). Each batch holds numbers of texts.
    """
    for epoch in count():
        rng = np.random.default_rng([*seed, epoch])
        order = np.argsort(lengths + rng.random(len(lengths)), kind="stable")
        cuts = _cuts(lengths[order], tokens)
        groups = np.split(order, cuts)
        yield from (groups[i] for i in rng.permutation(len(groups)))


def in_order(lengths: NDArray[np.int64], tokens: int) -> list[NDArray[np.int64]]:
    """Put all texts once into batches, the shortest first.

    Shape:
        lengths: (text). Each batch holds numbers of texts.
    """
    order = np.argsort(lengths, kind="stable")
    return [batch for batch in np.split(order, _cuts(lengths[order], tokens)) if len(batch)]


def _cuts(ascending: NDArray[np.int64], tokens: int) -> list[int]:
    """Cut before every text that would make its batch, padded to its length, larger than `tokens`."""
    cuts, first = [], 0
    for place, length in enumerate(ascending):
        if place > first and (place - first + 1) * length > tokens:
            cuts.append(place)
            first = place
    return cuts


class Replacer:
    """Replaces words of texts by others that could be taken for them.

    Most are drawn by their frequency, flattened to the power of 3/4 (Mikolov et al. 2013); the others were
    seen after the same left or before the same right neighbour, which makes grammar worth learning.
    """

    def __init__(self, texts: Texts, words: Vocabulary) -> None:
        self._texts = texts.features[:, columns.WORD]
        self._order = np.argsort(self._texts, kind="stable")
        self._counts = np.bincount(self._texts, minlength=words.rows)
        self._firsts = np.cumsum(self._counts) - self._counts
        self._features = words.features_by_row()
        weights = self._counts.astype(np.float64) ** _FLATTENING
        weights[: columns.FIRST_WORD] = 0
        self._cumulative = np.cumsum(weights)

    def replace(self, batch: Batch, rng: np.random.Generator) -> tuple[Features, NDArray[np.bool_]]:
        """Replace some words.

        Shape:
            Returns features (text, token, feature) and what was replaced (text, token).
        """
        old = batch.features[..., columns.WORD]
        chosen = (rng.random(old.shape) < _SHARE_REPLACED) & batch.present
        new = np.searchsorted(self._cumulative, rng.random(old.shape) * self._cumulative[-1], side="right")
        likely = self._beside_neighbours(old, rng)
        fitting = (rng.random(old.shape) < _SHARE_FROM_NEIGHBOURS) & (likely >= columns.FIRST_WORD)
        new = np.where(fitting, likely, new)
        replaced = chosen & (new != old)
        features = np.where(replaced[..., None], self._features[new], batch.features)
        features[..., columns.SHAPE] = _kept_capitals(features, batch.features)
        return features, replaced

    def _beside_neighbours(self, old: Features, rng: np.random.Generator) -> Features:
        """Take the word beside another place in the texts where a neighbour stands."""
        from_left = rng.random(old.shape) < 1 / 2
        from_left[:, 0], from_left[:, -1] = False, True
        neighbour = np.where(from_left, np.roll(old, 1, axis=1), np.roll(old, -1, axis=1))
        within = (rng.random(old.shape) * self._counts[neighbour]).astype(np.int64)
        place = self._order[np.minimum(self._firsts[neighbour] + within, len(self._order) - 1)]
        beside = place + np.where(from_left, 1, -1)
        words: Features = self._texts[np.clip(beside, 0, len(self._texts) - 1)]
        return words


def _kept_capitals(new: Features, old: Features) -> Features:
    """A replaced word is written as the one before it was, so that capitals do not betray it."""
    was, becomes = old[..., columns.SHAPE], new[..., columns.SHAPE]
    capital = (was == columns.CAPITAL) | (was == columns.CAPITALS)
    return np.where(capital & (becomes == columns.LOWER), was, becomes)


def lowered(features: Features, rng: np.random.Generator) -> Features:
    """Write some texts without capitals, as some people do."""
    shape = features[..., columns.SHAPE]
    capital = (shape == columns.CAPITAL) | (shape == columns.CAPITALS)
    chosen = rng.random((len(features), 1)) < _SHARE_LOWERED
    result = features.copy()
    result[..., columns.SHAPE] = np.where(capital & chosen, columns.LOWER, shape)
    return result


def with_unknown_words(features: Features, share: float, rng: np.random.Generator) -> Features:
    """Forget which word some words are, so that stems and endings are learned too."""
    result = features.copy()
    result[..., columns.WORD][rng.random(features.shape[:-1]) < share] = columns.UNKNOWN_WORD
    return result
