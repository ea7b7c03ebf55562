"""How much of a head's mass falls on some cells, how much of that is chance, and how sure it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.patterns.seen import Places
from attnviz.analysis.readers import Mask

Numbers = NDArray[np.float64]

# Fewer rows than this say nothing: five coins that fall alike are the fewest that are rarer than one in 20.
FEWEST = 5

# So many standard errors a margin must be above 0, and so many times what shuffled rows would differ by.
ERRORS, NOISES = 2.0, 3.0

# Margins above 0 that differ by this part of them or less are alike: sums come in blocks of any size.
_ROUNDING = 1e-6


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

    def is_above(self, beyond: Numbers, mass: Numbers) -> Mask:
        """Say whether the margin is above others, by more than rounding.

        Args:
            beyond: what other cells have beyond chance.
            mass: the mass of the queries that are asked of these.
        """
        above: Mask = beyond < (1 - _ROUNDING) * self.over_chance * mass
        return above

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
class Tally:
    r"""What rows give cells, added up.

    Of query i let $m_i$ be the mass, $s_i$ what its cells get, $c_i$ the share of the keys in reach that are
    cells, and $b_i = s_i - c_i m_i$ what they get beyond chance. The margin is $R = \sum b_i / \sum m_i$, and
    the squares of its residuals $b_i - R m_i$ add up to $\sum b_i^2 - 2 R \sum b_i m_i + R^2 \sum m_i^2$, all
    of which is kept about the means, so that no large sums are subtracted from each other.

    Everything is (head, shape).

    Attributes:
        asked: how many queries count.
        queries: how many have a cell.
        on: the sum of $s_i$.
        mass: the mean of $m_i$.
        beyond: the mean of $b_i$.
        masses: the sum of squared deviations of $m_i$ from their mean.
        beyonds: that of $b_i$.
        both: the sum of products of these deviations.
        variance: what shuffled rows would vary by.
    """

    asked: Places
    queries: Places
    on: Numbers
    mass: Numbers
    beyond: Numbers
    masses: Numbers
    beyonds: Numbers
    both: Numbers
    variance: Numbers

    @classmethod
    def of(cls, on: Numbers, mass: Numbers, squares: Numbers, ground: "Chances") -> "Tally":
        """Add up some rows.

        Shape:
            on: (head, shape, query).
            mass, squares: (head, query), of the weights of keys in reach.
        """
        asked = ground.asked
        many = np.count_nonzero(asked, axis=-1)
        spread = asked * mass[:, None]
        beyond = asked * (on - ground.even * mass[:, None])
        means = [values.sum(axis=-1) / np.maximum(many, 1) for values in (spread, beyond)]
        off = [
            asked * (values - mean[..., None]) for values, mean in zip((spread, beyond), means, strict=True)
        ]
        return cls(
            asked=np.broadcast_to(many, means[0].shape),
            queries=np.broadcast_to(np.count_nonzero(ground.many, axis=-1), means[0].shape),
            on=(asked * on).sum(axis=-1),
            mass=means[0],
            beyond=means[1],
            masses=np.vecdot(off[0], off[0]),
            beyonds=np.vecdot(off[1], off[1]),
            both=np.vecdot(off[0], off[1]),
            variance=np.vecdot(ground.drawn * asked, ground.unevenness(mass, squares)[:, None]),
        )

    def scores(self) -> list[list[Score]]:
        r"""Score every shape for each head.

        The share is $\sum s_i / \sum m_i$, the margin $R = \sum b_i / \sum m_i$. Its standard error is that
        of a ratio, $\sqrt{\frac{n}{n-1} \sum (b_i - R m_i)^2} / \sum m_i$ (Cochran 1977, section 2.11). Noise
        is the deviation of R if each row's weights changed places at random; see `Chances`.
        """
        total = np.maximum(self.asked * self.mass, np.finfo(np.float64).tiny)
        margin = self.asked * self.beyond / total
        squares = self.beyonds - 2 * margin * self.both + margin**2 * self.masses
        squares = np.maximum(squares + self.asked * (self.beyond - margin * self.mass) ** 2, 0.0)
        spare = np.where(self.asked > 1, self.asked / np.maximum(self.asked - 1, 1), np.nan)
        error, noise = (np.sqrt(sums) / total for sums in (spare * squares, self.variance))
        columns = [part.tolist() for part in (self.on / total, margin, error, noise, self.queries)]
        return [
            [Score(*of_shape) for of_shape in zip(*of_head, strict=True)]
            for of_head in zip(*columns, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Chances:
    r"""What is known of shapes' cells in some rows, whatever the weights are.

    Attributes:
        many: (shape, query), how many cells in reach each query has.
        reach: (query,), how many keys it can reach.
        asked: (shape, query), which queries count.
    """

    many: Places
    reach: Places
    asked: Mask

    @classmethod
    def of(cls, many: Places, reach: Places, where_possible: Mask) -> "Chances":
        """Let queries count: all of them, or only those that have such a cell.

        Shape:
            where_possible: (shape,), True for the latter.
        """
        return cls(many, reach, (many > 0) | ~where_possible[:, None])

    @property
    def even(self) -> Numbers:
        """The share of what a query can reach that is of a shape: (shape, query)."""
        even: Numbers = self.many / np.maximum(self.reach, 1)
        return even

    @property
    def drawn(self) -> Numbers:
        r"""The part of a row's unevenness that as many cells drawn at random vary by: (shape, query).

        k of N cells hold a sum of variance $\frac{k (N - k)}{N (N - 1)} \sum_j (w_{ij} - m_i / N)^2$ (Cochran
        1977, theorem 2.2).
        """
        reach = np.maximum(self.reach, 2)
        drawn: Numbers = self.many * (self.reach - self.many) / (reach * (reach - 1))
        return drawn

    def unevenness(self, mass: Numbers, squares: Numbers) -> Numbers:
        r"""Give $\sum_j (w_{ij} - m_i / N)^2$: (head, query), from the mass and the sum of squares."""
        uneven: Numbers = np.maximum(squares - mass**2 / np.maximum(self.reach, 2), 0.0)
        return uneven
