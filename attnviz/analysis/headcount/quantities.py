"""What is measured of every training of a sweep: a table of quantities."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from attnviz.analysis.headcount.sweep import Summary, Sweep, Trial


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

    def over_seeds(self, sweep: Sweep, heads: int) -> Summary | None:
        """Give the quantity of so many heads, or None where they do not have it."""
        values = [self.value(sweep, trial) for trial in sweep.of(heads)]
        known = tuple(value for value in values if value is not None)
        return Summary(known) if known else None


def _relations(_: Sweep, trial: Trial) -> float | None:
    return statistics.fmean(r.score for r in trial.relations) if trial.relations else None


def _over_offset(_: Sweep, trial: Trial) -> float | None:
    return float(sum(r.score > r.fixed_offset for r in trial.relations)) if trial.relations else None


def _time(sweep: Sweep, trial: Trial) -> float | None:
    """Processor time as a ratio to that of the fewest heads with the same seed."""
    first = next((t for t in sweep.of(sweep.heads[0]) if t.seed == trial.seed), None)
    return None if first is None else trial.seconds / first.seconds


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


def quantities_of(sweep: Sweep) -> tuple[Quantity, ...]:
    """Give what was measured of at least one training."""
    return tuple(one for one in QUANTITIES if any(one.over_seeds(sweep, heads) for heads in sweep.heads))
