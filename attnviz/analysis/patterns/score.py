"""How much of a head's mass falls on some cells, how much of that is chance, and how sure it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.masses import cell_mass, chance
from attnviz.analysis.readers import Mask, uniform

Numbers = NDArray[np.float64]

# Fewer rows than this say nothing: five coins that fall alike are the fewest that are rarer than one in 20.
FEWEST = 5

# So many standard errors a margin must be above 0, and so many times what shuffled rows would differ by.
ERRORS, NOISES = 2.0, 3.0


@dataclass(frozen=True)
class Score:
    """What one head's rows give some cells.

    Attributes:
        share: the share of their mass, 0 to 1.
        over_chance: the share less what evenly spread mass would give, -1 to 1.
        error: the standard error of that margin over the queries; NaN for one query alone.
        noise: by how much that margin differs from 0 (one standard deviation) if each query's weights change
            places at random among the keys it can see.
        queries: how many queries have such a cell.
    """

    share: float
    over_chance: float
    error: float
    noise: float
    queries: int

    def is_certain(self, tried: int = 1) -> bool:
        r"""Say whether the margin is above what noise would give.

        The best of several shapes tried is held to more: `NOISES` becomes $\sqrt{z^2 + 2 \ln k}$, for which
        the bound $e^{-z^2 / 2}$ of a normal tail is as small for all k together as for one alone.

        Args:
            tried: of how many shapes this is the best.

        >>> score = Score(0.6, 0.5, 0.1, 0.15, 9)
        >>> score.is_certain(), score.is_certain(tried=20)
        (True, False)
        """
        far = np.sqrt(NOISES**2 + 2 * np.log(tried))
        above = self.over_chance >= max(far * self.noise, ERRORS * self.error)
        return bool(self.queries >= FEWEST and above)


@dataclass(frozen=True, eq=False)
class Shapes:
    """Sets of cells, and what is known of them whatever the weights are.

    Attributes:
        cells: (shape, query, key), True for cells a query can reach.
        reachable: (query, key), all it can reach.
        asked: (shape, query), which queries count.
        many: (shape, query), how many cells each query has.
        reach: (query,), how many keys each query can reach.
        even: (shape, query), the share of those that are cells.
    """

    cells: Mask
    reachable: Mask
    asked: Mask
    many: NDArray[np.intp]
    reach: NDArray[np.intp]
    even: Numbers

    @classmethod
    def of(cls, cells: Mask, reachable: Mask, where_possible: Mask) -> "Shapes":
        """Count cells.

        Shape:
            cells: (shape, query, key).
            reachable: (query, key).
            where_possible: (shape,), True where only queries count that have such a cell.
        """
        cells = cells & reachable
        many = np.count_nonzero(cells, axis=-1)
        asked = (many > 0) | ~where_possible[:, None]
        even = chance(cells, reachable, np.zeros(0))
        return cls(cells, reachable, asked, many, np.count_nonzero(reachable, axis=-1), even)

    def weigh(self, weights: Numbers) -> list[list[Score]]:
        r"""Weigh what each head gives each shape.

        With the mass $m_i$ of query i, what it gives the cells $s_i$ and what chance would, $c_i m_i$:
        share $\sum s_i / \sum m_i$, margin $R = \sum (s_i - c_i m_i) / \sum m_i$. Its standard error is that
        of a ratio, $\sqrt{\frac{n}{n-1} \sum (s_i - c_i m_i - R m_i)^2} / \sum m_i$ (Cochran 1977, section
        2.11). Noise is the deviation of R if each row's weights changed places at random: k of N cells then
        hold a sum of variance $\frac{k (N - k)}{N (N - 1)} \sum_j (w_{ij} - m_i / N)^2$ (the
        same, theorem 2.2).

        Shape:
            weights: (head, query, key), 0 where a query cannot reach.

        Returns:
            For each head, a score of each shape.
        """
        # From here on everything is (head, shape, query), until the queries are summed up.
        mass = weights.sum(axis=-1)[:, None]
        on = np.stack([cell_mass(weights, cells) for cells in self.cells], axis=1) * self.asked
        beyond = on - self.even * mass * self.asked
        total = np.maximum((self.asked * mass).sum(axis=-1), np.finfo(np.float64).tiny)
        margin = beyond.sum(axis=-1) / total
        residuals = beyond - margin[..., None] * mass * self.asked
        variance = self._variance(weights, mass) * self.asked
        columns = (
            on.sum(axis=-1) / total,
            margin,
            np.sqrt(self._spare() * (residuals**2).sum(axis=-1)) / total,
            np.sqrt(variance.sum(axis=-1)) / total,
        )
        queries = np.count_nonzero(self.many, axis=-1).tolist()
        told = np.stack(columns, axis=-1).tolist()
        return [
            [
                Score(share, over, error, noise, many)
                for (share, over, error, noise), many in zip(head, queries, strict=True)
            ]
            for head in told
        ]

    def _spare(self) -> Numbers:
        """Give n / (n - 1) for the n queries that count: (shape,), NaN for one alone."""
        counted = np.count_nonzero(self.asked, axis=-1)
        spare: Numbers = np.where(counted > 1, counted / np.maximum(counted - 1, 1), np.nan)
        return spare

    def _variance(self, weights: Numbers, mass: Numbers) -> Numbers:
        """Say how much of a row's mass would vary on as many cells drawn at random: (head, shape, query)."""
        reach = np.maximum(self.reach, 2)
        unevenness = np.maximum(np.vecdot(weights, weights)[:, None] - mass**2 / reach, 0.0)
        drawn: Numbers = self.many * (self.reach - self.many) / (reach * (reach - 1)) * unevenness
        return drawn


def beyond_chance(weights: Numbers, reachable: Mask) -> Numbers:
    """Take from every weight what evenly spread mass would put there: (query, key)."""
    left: Numbers = weights - weights.sum(axis=-1, keepdims=True) * uniform(reachable)
    return left
