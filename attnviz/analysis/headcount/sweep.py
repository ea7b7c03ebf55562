"""Trainings that differ in the number of heads and the seed: what was measured, and what may be concluded."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from attnviz.analysis.headcount.subspaces import random_subspace_distance
from attnviz.relation import BestHead

Verdict = Literal["gain", "no gain", "worse"]

# What only two heads or more have.
_OF_PAIRS = ("divergence", "closest", "subspace")


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
    relations: tuple[BestHead, ...]
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
                given[name] = tuple(BestHead(**relation) for relation in value)
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


def mean_fixed_offset(sweep: Sweep) -> float | None:
    """What always looking the same distance away reaches, mean over relations; None without a treebank."""
    offsets = [sweep.fixed_offset(relation) for relation in sweep.relations]
    return statistics.fmean(offsets) if offsets else None


def _followed(trial: Trial, relation: str) -> BestHead:
    return next(followed for followed in trial.relations if followed.relation == relation)


def _number(name: str, value: Any) -> Any:  # noqa: ANN401
    """Give a number as it is stored; one head has no other to be compared with.

    Raises:
        TypeError: it is no number.
    """
    if isinstance(value, int | float) or (value is None and name in _OF_PAIRS):
        return value
    raise TypeError(f"{name}: got {value!r}, allowed a number")
