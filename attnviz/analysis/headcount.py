"""What the number of heads buys: networks that differ in nothing else, held against each other."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.floating]
Verdict = Literal["gain", "no gain", "worse"]

# Below this share of the largest singular value a direction is rounding, as numpy.linalg.matrix_rank has it.
_ROUNDING = float(np.finfo(np.float32).eps)


def subspace_distance(first: Matrix, second: Matrix) -> float:
    r"""Say how far apart the spaces are that the columns of two matrices span.

    $1 - \lVert U^T V \rVert_F^2 / d$ with orthonormal bases $U$ and $V$: the mean of $\sin^2 \theta_k$ over
    the $d$ principal angles (Golub and Van Loan, "Matrix computations", 4th edition, section 6.4.3), which is
    the squared distance in the projection F-norm of Edelman, Arias and Smith 1998, section 4.3, divided by
    its most. Read it as the share of one head's directions that the other does not see.

    Shape:
        first, second: (d_model, direction).

    Returns:
        Share, 0 to 1: 0 where one space holds the other, 1 where they are orthogonal; NaN for a matrix of 0.

    >>> subspace_distance(np.eye(4)[:, :2], np.eye(4)[:, 1:3])
    0.5
    """
    one, other = _basis(first), _basis(second)
    directions = min(one.shape[1], other.shape[1])
    if not directions:
        return float("nan")
    return float(np.clip(1 - np.sum((one.T @ other) ** 2) / directions, 0, 1))


def random_subspace_distance(width: int, directions: int) -> float:
    r"""Say how far apart random spaces are on average: $1 - d / d_{model}$, exactly.

    A random orthonormal basis $V$ has $E[V V^T] = (d / d_{model}) I$, so $E \lVert U^T V \rVert_F^2 = d^2 /
    d_{model}$. With h heads that share the width this is 1 - 1/h: two heads cannot be as far apart as 16.

    >>> random_subspace_distance(128, 64), random_subspace_distance(128, 8)
    (0.5, 0.9375)
    """
    return 1 - directions / width


def heads_apart(projections: Sequence[Matrix]) -> float | None:
    """Say how far apart the spaces of heads are, on average over pairs; None for one head.

    Shape:
        projections: for each head (d_model, d_k), its part of a query or key projection.
    """
    pairs = [subspace_distance(one, other) for one, other in combinations(projections, 2)]
    return statistics.fmean(pairs) if pairs else None


@dataclass(frozen=True)
class Followed:
    """How well the best head follows one relation.

    Attributes:
        relation: its name and direction.
        head: the head that follows it best, chosen on other sentences.
        score: the share of words whose strongest link to another word is the one asked for.
        fixed_offset: the same for always looking the same distance ahead or back.
        words: the number of words that have the relation.
    """

    relation: str
    head: str
    score: float
    fixed_offset: float
    words: int


@dataclass(frozen=True)
class Trial:
    """One training and what was measured of its network.

    Attributes:
        heads: h, the number of heads in each layer.
        seed: where its chance comes from.
        d_k: the length of a query or key; the width / h.
        parameters: how many numbers it learned.
        attention_parameters: how many of them belong to attention.
        loss: on texts held out, in nats per word.
        auc: area under the ROC curve on the same texts, 1/2 for guessing.
        divergence: between two heads of a layer, bits, mean over words and pairs; None for one head.
        closest: the same of the two heads that are most alike.
        entropy: of rows as a share of the most it could be, mean over words and heads.
        removal: for each head, layer by layer, by how much the loss rises without it, in nats per word.
        subspace: between the query (and key) spaces of two heads of a layer, mean over pairs, 0 to 1.
        relations: how well heads follow grammar; empty without a treebank.
        seconds: processor time of one step of training.
    """

    heads: int
    seed: int
    d_k: int
    parameters: int
    attention_parameters: int
    loss: float
    auc: float
    divergence: float | None
    closest: float | None
    entropy: float
    removal: tuple[float, ...]
    subspace: float | None
    relations: tuple[Followed, ...]
    seconds: float

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Trial":
        """Read what `dataclasses.asdict` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        given: dict[str, Any] = {field.name: stored[field.name] for field in fields(cls)}
        for name, value in given.items():
            if name == "removal":
                given[name] = tuple(_number(name, loss) for loss in value)
            elif name == "relations":
                given[name] = tuple(Followed(**relation) for relation in value)
            else:
                given[name] = _number(name, value)
        trial = cls(**given)
        if not (trial.heads >= 1 and trial.removal and trial.seconds > 0):
            raise ValueError(f"no training has {trial.heads} heads and {trial.seconds} seconds a step")
        return trial


@dataclass(frozen=True)
class Conditions:
    """What is the same for all trainings of a sweep.

    Attributes:
        width: d_model.
        layers: the number of layers.
        steps: the batches each network learned from.
        texts: the texts they were taken from.
        words: the words of these.
        held_out: the texts that loss and area are measured on.
        looked_at: those of them that heads are removed, compared and measured on.
        judged: the parsed sentences relations are measured on.
        command: what was typed.
    """

    width: int
    layers: int
    steps: int
    texts: int
    words: int
    held_out: int
    looked_at: int
    judged: int
    command: str = ""


@dataclass(frozen=True)
class Summary:
    """One quantity over the seeds.

    Attributes:
        values: one for each seed.
        mean: of these.
        spread: their standard deviation, with one less than their number in its denominator; None for one.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:  # noqa: D102
        return statistics.fmean(self.values)

    @property
    def spread(self) -> float | None:  # noqa: D102
        return statistics.stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Sweep:
    """Trainings that differ in the number of heads and in the seed only.

    Attributes:
        conditions: what they have in common.
        trials: the trainings, in the order in which they were done.
    """

    conditions: Conditions
    trials: tuple[Trial, ...]

    @classmethod
    def of_stored(cls, stored: Mapping[str, Any]) -> "Sweep":
        """Read the JSON form `attnviz/sweep/1`: all else in it follows from the trainings.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        trials = tuple(Trial.of(trial) for trial in stored["trainings"])
        if not trials:
            raise ValueError("no training")
        if len({(trial.heads, trial.seed) for trial in trials}) < len(trials):
            raise ValueError("a training is there twice")
        if len({tuple(followed.relation for followed in trial.relations) for trial in trials}) > 1:
            raise ValueError("trainings were measured on different relations")
        return cls(Conditions(**stored["conditions"]), trials)

    @property
    def heads(self) -> tuple[int, ...]:
        """The numbers of heads, ascending."""
        return tuple(sorted({trial.heads for trial in self.trials}))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, ascending."""
        return tuple(sorted({trial.seed for trial in self.trials}))

    def of(self, heads: int) -> tuple[Trial, ...]:
        """Give the trainings with so many heads, by seed."""
        return tuple(sorted((t for t in self.trials if t.heads == heads), key=lambda trial: trial.seed))

    def summary(self, heads: int, quantity: "Quantity") -> Summary | None:
        """Give a quantity over the seeds, or None where so many heads do not have it."""
        values = [quantity.value(self, trial) for trial in self.of(heads)]
        known = tuple(value for value in values if value is not None)
        return Summary(known) if known else None

    @property
    def quantities(self) -> "tuple[Quantity, ...]":
        """What was measured of at least one training."""
        return tuple(q for q in QUANTITIES if any(self.summary(heads, q) for heads in self.heads))

    @property
    def relations(self) -> tuple[str, ...]:
        """The relations every training was measured on."""
        return tuple(followed.relation for followed in self.trials[0].relations)

    def fixed_offset(self, relation: str) -> float:
        """What always looking the same distance away reaches; the same for every training."""
        return _followed(self.trials[0], relation).fixed_offset

    def followed(self, heads: int, relation: str) -> Summary:
        """How well the best of so many heads follows a relation."""
        return Summary(tuple(_followed(trial, relation).score for trial in self.of(heads)))

    def random_subspaces(self, heads: int) -> float | None:
        """How far apart random spaces of the size of these heads' are; None for one head."""
        if heads == 1:
            return None
        return random_subspace_distance(self.conditions.width, self.of(heads)[0].d_k)

    def against_fewer(self, heads: int) -> Verdict | None:
        """Hold the loss with so many heads against the best with fewer, by the rule of `RULE`.

        None for the fewest heads, and where a single seed has no spread.
        """
        fewer = [self._loss(count) for count in self.heads if count < heads]
        if not fewer:
            return None
        best, here = min(fewer, key=lambda summary: summary.mean), self._loss(heads)
        if best.spread is None or here.spread is None:
            return None
        if not apart(best, here):
            return "no gain"
        return "gain" if here.mean < best.mean else "worse"

    @property
    def enough(self) -> int | None:
        """The smallest number of heads over which no larger one is a gain in loss; None for one seed."""
        losses = {heads: self._loss(heads) for heads in self.heads}
        if len(losses) < 2 or any(loss.spread is None for loss in losses.values()):
            return None
        return next(
            heads
            for heads, loss in losses.items()
            if not any(
                apart(loss, more) and more.mean < loss.mean for count, more in losses.items() if count > heads
            )
        )

    def _loss(self, heads: int) -> Summary:
        return Summary(tuple(trial.loss for trial in self.of(heads)))


RULE = "Two numbers of heads differ only where their mean ± spread do not overlap"


def apart(one: Summary, other: Summary) -> bool:
    """Tell whether two means differ by more than their spreads together; never where one has no spread.

    >>> apart(Summary((1.0, 1.2)), Summary((1.5, 1.7))), apart(Summary((1.0, 1.2)), Summary((1.1, 1.4)))
    (True, False)
    """
    if one.spread is None or other.spread is None:
        return False
    return abs(one.mean - other.mean) > one.spread + other.spread


def conclusion(sweep: Sweep) -> str:
    """Say what may be concluded from the losses, by the rule and no further."""
    if len(sweep.heads) == 1:
        return "One number of heads: there is nothing to compare it with."
    if sweep.enough is None:
        return "A single seed has no spread: which number of heads is better cannot be told from it."
    if sweep.enough == sweep.heads[-1]:
        return f"{RULE}. By it, the most heads trained here, {sweep.enough}, are still a gain in loss."
    return f"{RULE}. By it, more heads than {sweep.enough} bring no further gain in loss."


@dataclass(frozen=True)
class Quantity:
    """Something that is measured of every training.

    Attributes:
        name: what JSON calls it.
        title: what people read.
        unit: of its values.
        digits: behind the point.
        says: what it is, in plain words.
        value: takes it from one training of a sweep; None where it does not exist.
    """

    name: str
    title: str
    unit: str
    digits: int
    says: str
    value: Callable[[Sweep, Trial], float | None]


def _relations(_: Sweep, trial: Trial) -> float | None:
    return statistics.fmean(r.score for r in trial.relations) if trial.relations else None


def _over_offset(_: Sweep, trial: Trial) -> float | None:
    return float(sum(r.score > r.fixed_offset for r in trial.relations)) if trial.relations else None


def _time(sweep: Sweep, trial: Trial) -> float | None:
    """Processor time as a ratio to that of the fewest heads with the same seed."""
    first = next((t for t in sweep.of(sweep.heads[0]) if t.seed == trial.seed), None)
    return None if first is None else trial.seconds / first.seconds


# What only two heads or more have.
_OF_PAIRS = ("divergence", "closest", "subspace")

_PER_THOUSAND = "nats per 1,000 words"

QUANTITIES = (
    Quantity(
        "loss",
        "validation loss",
        "nats per word",
        3,
        "how badly replaced words are told from original ones, on texts held out: low is good",
        lambda _, trial: trial.loss,
    ),
    Quantity(
        "auc",
        "area under ROC",
        "share",
        3,
        "the chance that a replaced word is judged more suspicious than an original one: .5 is guessing",
        lambda _, trial: trial.auc,
    ),
    Quantity(
        "divergence",
        "heads differ by",
        "bits",
        2,
        "Jensen-Shannon divergence of two heads of a layer, mean over words and pairs: 0 alike, 1 apart",
        lambda _, trial: trial.divergence,
    ),
    Quantity(
        "closest",
        "closest pair",
        "bits",
        2,
        "the same of the two heads that are most alike",
        lambda _, trial: trial.closest,
    ),
    Quantity(
        "entropy",
        "entropy / most",
        "share",
        2,
        "how widely a row spreads its attention: 0 one word, 1 all words alike",
        lambda _, trial: trial.entropy,
    ),
    Quantity(
        "relations",
        "relations",
        "share",
        3,
        "of words with a grammatical relation, how many the best head links rightly; mean over relations",
        _relations,
    ),
    Quantity(
        "over_offset",
        "above an offset",
        "relations",
        1,
        "in how many relations the best head beats always looking the same distance away",
        _over_offset,
    ),
    Quantity(
        "removal",
        "one head removed",
        _PER_THOUSAND,
        1,
        "by how much the loss rises when one head adds nothing: mean over all heads, each removed once",
        lambda _, trial: 1000 * statistics.fmean(trial.removal),
    ),
    Quantity(
        "removal_spread",
        "  among heads ±",
        _PER_THOUSAND,
        1,
        "the standard deviation of that among the heads of a network: how unequal they are",
        lambda _, trial: 1000 * statistics.pstdev(trial.removal),
    ),
    Quantity(
        "subspace",
        "subspaces apart",
        "share",
        3,
        "the share of directions one head's queries (or keys) are made from and another's are not",
        lambda _, trial: trial.subspace,
    ),
    Quantity(
        "time",
        "time per step",
        "ratio",
        2,
        "processor time of one step of training, as a ratio to the fewest heads",
        _time,
    ),
)


def quantity(name: str) -> Quantity:
    """Find a quantity by its name.

    >>> quantity("loss").unit
    'nats per word'
    """
    return next(one for one in QUANTITIES if one.name == name)


def mean_fixed_offset(sweep: Sweep) -> float | None:
    """What always looking the same distance away reaches, mean over relations; None without a treebank."""
    offsets = [sweep.fixed_offset(relation) for relation in sweep.relations]
    return statistics.fmean(offsets) if offsets else None


def _followed(trial: Trial, relation: str) -> Followed:
    return next(followed for followed in trial.relations if followed.relation == relation)


def _number(name: str, value: Any) -> Any:  # noqa: ANN401
    """Give a number as it is stored; one head has no other to be compared with.

    Raises:
        TypeError: it is no number.
    """
    if isinstance(value, int | float) or (value is None and name in _OF_PAIRS):
        return value
    raise TypeError(f"{name}: got {value!r}, allowed a number")


def _basis(matrix: Matrix) -> Matrix:
    """Give an orthonormal basis of the space of a matrix's columns: (d_model, rank)."""
    left, sizes, _ = np.linalg.svd(np.asarray(matrix, dtype=np.float64), full_matrices=False)
    if not sizes.size or not sizes[0]:
        return left[:, :0]
    return left[:, sizes > _ROUNDING * max(matrix.shape) * sizes[0]]
