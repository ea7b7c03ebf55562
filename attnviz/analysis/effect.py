"""What a model's answer loses when heads are removed, and how much it leans on each of them."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attnviz.arrays import Array, namespace
from attnviz.errors import RequestError
from attnviz.outcome import Outcome, Outlook
from attnviz.record import Block, Token
from attnviz.selection import HeadId

Mode = Literal["each", "together", "alone", "layers"]
Numbers = NDArray[np.float64]

# Distributions over a large vocabulary are compared so many probabilities at a time.
_AT_ONCE = 1 << 22

# What an effect is, by what the rows of an outcome are.
_MOVED: dict[Outlook, str] = {
    "next token": "how far the distribution over next tokens moves: KL divergence",
    "masked token": "how far the distribution over tokens moves: KL divergence",
    "judgement": "how far the judgement whether a token was replaced moves: KL divergence",
    "class": "how far the distribution over classes moves: KL divergence",
    "states": "how far final states turn: 1 - cosine",
}


@dataclass(frozen=True)
class Flip:
    """A row at which another answer has become the likeliest.

    Attributes:
        row: among the rows that count, from 0.
        before: the answer that was likeliest.
        after: the one that is.
    """

    row: int
    before: str
    after: str


@dataclass(frozen=True, eq=False)
class Effect:
    """What an answer loses without some heads, row by row of those that count.

    Attributes:
        removed: the heads that were removed.
        head: the head this is said of: the one removed, or the one left alone in its layer; a layer's number
            with the index `TOGETHER` where all of it was removed; None for a set of heads.
        rows: (row,), bits of KL divergence, or 1 - cosine of states.
        flips: where the likeliest answer has changed; None for states.
        losses: (row,), how many bits of -log2 p(reference) each row has more than before; None for states.
    """

    removed: tuple[HeadId, ...]
    head: HeadId | None
    rows: Numbers
    flips: tuple[Flip, ...] | None = None
    losses: Numbers | None = None

    @property
    def name(self) -> str:
        """What this is the effect of."""
        return " ".join(map(str, self.removed)) if self.head is None else str(self.head)

    @property
    def mean(self) -> float:
        """The effect, on average over the rows that count."""
        return float(self.rows.mean())

    @property
    def spread(self) -> float:
        """The standard deviation of the effect over these rows."""
        return float(self.rows.std())

    @property
    def changed(self) -> float | None:
        """The share of these rows whose likeliest answer is another one, 0 to 1; None for states."""
        return None if self.flips is None else len(self.flips) / len(self.rows)

    @property
    def loss(self) -> float | None:
        """How many bits more the references cost, on average; below 0 where they became likelier."""
        return None if self.losses is None else float(self.losses.mean())

    @property
    def largest(self) -> int:
        """The row with the largest effect."""
        return int(self.rows.argmax())


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects of several removals on one answer.

    Attributes:
        outlook: what the answer's rows are; see `Outcome`.
        tokens: at which each row stands, of those that count.
        aside: how many rows do not count: those at tokens the model added.
        cost: what the references cost before anything was removed, in bits per row; None for states.
        noise: the mean effect of running the model again with every head open: 0 but for chance within it.
        entries: the effects, in the order they were found.
    """

    outlook: Outlook
    tokens: tuple[Token, ...]
    aside: int
    cost: float | None
    noise: float
    entries: tuple[Effect, ...]

    @property
    def unit(self) -> str:
        """What a mean counts: "bits", or nothing, for states."""
        return "" if self.outlook == "states" else "bits"

    @property
    def by_head(self) -> dict[HeadId, Effect]:
        """Each effect by the head, or layer, it is said of."""
        return {entry.head: entry for entry in self.entries if entry.head is not None}

    @property
    def measure(self) -> str:
        """Say what the effect at one row is."""
        return f"{_MOVED[self.outlook]}, in {self.unit}" if self.unit else _MOVED[self.outlook]

    @property
    def description(self) -> str:
        """Say what a mean and its spread are, in one line."""
        count = len(self.tokens)
        over = f"; mean over {count} tokens ± their standard deviation" if count > 1 else ""
        return self.measure + over


@dataclass(frozen=True)
class Importance:
    """How much an answer leans on a head, as far as its gate's gradient tells.

    Attributes:
        gradient: how the loss, in bits, changes with the head's gate; below 0 where the head helps.
        share: its size, with the sizes of a layer's heads brought to a length of 1 together; 0 to 1.
    """

    gradient: float
    share: float


@dataclass(frozen=True, eq=False)
class Ablation:
    """What a model loses on one input without some of its heads.

    Attributes:
        model: the model's name.
        text: the source text.
        block: which attention of the model this is.
        mode: "each" head removed alone, all of them "together", all others of a layer so that each is left
            "alone", or whole "layers".
        effects: what each removal does.
        importance: of every head of the block; empty where it is not known.
        unknown: why it is not known, if it was asked for.
    """

    model: str
    text: str
    block: Block
    mode: Mode
    effects: Effects
    importance: Mapping[HeadId, Importance]
    unknown: str | None = None

    @property
    def ranked(self) -> tuple[Effect, ...]:
        """The effects, the most telling first: the largest; of heads left alone, that of the least loss."""
        sign = 1 if self.mode == "alone" else -1
        return tuple(sorted(self.effects.entries, key=lambda entry: sign * entry.mean))

    @property
    def importance_ranks(self) -> dict[HeadId, int]:
        """The place of each head the effects are said of when these are ranked by importance, from 1."""
        known = [head for head in self.effects.by_head if head in self.importance]
        known.sort(key=lambda head: -self.importance[head].share)
        return {head: place for place, head in enumerate(known, start=1)}


def kullback_leibler(before: Array, after: Array) -> Array:
    r"""Measure how far answers have moved from what they were, row by row, in bits.

    $KL(p \| q) = \sum_a p_a \log_2 (p_a / q_a)$ of the softmax p of the logits before and q of those after
    (Kullback and Leibler 1951, section 2), summed as $\sum_a p_a (r_a - 1 - \ln r_a)$ with r = q / p: the
    same, since p and q both sum to 1, but no term is below 0, so that a small effect does not drown in the
    rounding of large terms.

    Shape:
        before, after: (row, answer), logits.

    Returns:
        Bits per row, (row,): 0 or more, without a limit.

    >>> import numpy as np
    >>> float(kullback_leibler(np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]]))[0].round(4))
    0.2075
    """
    xp = namespace(before, after)
    log_p, log_q = _log_softmax(xp, before), _log_softmax(xp, after)
    p, q = xp.exp(log_p), xp.exp(log_q)
    # An answer that was impossible before adds what it has now.
    ratio = xp.where(p > 0, log_q, 0.0) - xp.where(p > 0, log_p, 0.0)
    small = xp.clip(ratio, -1.0, 1.0)
    near, far = p * (xp.expm1(small) - small), q - p - p * ratio
    terms = xp.where((p > 0) & (small == ratio), near, far)
    return xp.clip(xp.sum(terms, axis=-1), 0.0, None) / math.log(2)


def cosine_distance(before: Array, after: Array) -> Array:
    r"""Measure how far states have turned from where they pointed, row by row.

    $1 - \cos(u, v)$, computed as half the squared distance of the two unit vectors: the same, without the
    cancellation that would hide a small turn. A state of zeros points nowhere: 1 from any other.

    Shape:
        before, after: (row, d_model).

    Returns:
        (row,), 0 for the same direction to 2 for the opposite one; a length alone changes nothing.

    >>> import numpy as np
    >>> cosine_distance(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 2.0], [-3.0, 0.0]]))
    array([1., 2.])
    """
    xp = namespace(before, after)
    lengths = [xp.sqrt(xp.sum(states * states, axis=-1, keepdims=True)) for states in (before, after)]
    first, second = (
        states / xp.where(length > 0, length, 1.0)
        for states, length in zip((before, after), lengths, strict=True)
    )
    turned = xp.sum((first - second) ** 2, axis=-1) / 2
    nowhere = [length[..., 0] == 0 for length in lengths]
    return xp.where(nowhere[0] != nowhere[1], 1.0, xp.clip(turned, 0.0, 2.0))


def surprisal(logits: Array, reference: NDArray[np.intp]) -> Array:
    r"""Give what the answers held against a model cost it, row by row, in bits: $-\log_2 p(reference)$.

    Shape:
        logits: (row, answer). reference: (row,), numbers of answers.

    Returns:
        Bits per row, (row,): 0 for a certain answer, without a limit.

    >>> import numpy as np
    >>> surprisal(np.log([[0.25, 0.75], [0.5, 0.5]]), np.array([0, 1]))
    array([2., 1.])
    """
    xp = namespace(logits)
    chosen = xp.asarray(np.asarray(reference)[:, None], device=logits.device)
    log_p = xp.take_along_axis(_log_softmax(xp, logits), chosen, axis=-1)[:, 0]
    return xp.abs(log_p) / math.log(2)


def effect(
    before: Outcome, after: Outcome, removed: Iterable[HeadId] = (), head: HeadId | None = None
) -> Effect:
    """Say what an intervention did to a model's answer, over the rows that count.

    Bits of KL divergence where the model answers (`kullback_leibler`), 1 - cosine of its final states where
    it does not (`cosine_distance`). Source: removing a head is Michel et al. 2019, "Are sixteen heads really
    better than one?", section 3, who tell the change of the score of a whole test set. Only one number for
    each row leaves the device the outcomes are on.

    Args:
        before: the unchanged outcome.
        after: the outcome with heads removed.
        removed: these heads.
        head: the head this is said of.

    Raises:
        RequestError: the two are not of one input.
    """
    if (before.outlook, before.rows.shape) != (after.outlook, after.rows.shape):
        got, allowed = (f"{one.outlook} {tuple(one.rows.shape)}" for one in (after, before))
        raise RequestError(f"outcomes cannot be held against each other: got {got}, allowed {allowed}")
    rows = before.counted_rows
    if not before.answers or before.reference is None:
        turned = _by_rows(cosine_distance(before.rows, after.rows))[rows]
        return Effect(tuple(removed), head, turned)
    pieces = [
        _changes(was, is_now, before.reference[first : first + len(was)])
        for first, (was, is_now) in _in_blocks(before, after)
    ]
    moved, losses, was, is_now = (np.concatenate(piece)[rows] for piece in zip(*pieces, strict=True))
    flips = _flips(was.astype(int).tolist(), is_now.astype(int).tolist(), before.naming)
    return Effect(tuple(removed), head, moved, tuple(flips), losses)


def cost(outcome: Outcome) -> float | None:
    """Give what the references cost, in bits, on average over the rows that count; None for states."""
    if not outcome.answers or outcome.reference is None:
        return None
    return float(_costs(outcome, outcome.reference)[outcome.counted_rows].mean())


def importances(gradients: Mapping[HeadId, float]) -> dict[HeadId, Importance]:
    r"""Say how much an answer leans on each head.

    $I_h = |\partial L / \partial \xi_h|$ with the gate $\xi_h$ at 1, divided by the root of the sum of
    squares over the heads of its layer (Michel et al. 2019, section 4.1). Theirs is a mean over many texts,
    this one is of a single text. It tells what an infinitely small part of a head does, not all of it.

    Args:
        gradients: the derivative of the loss, in bits, by each head's gate.

    Returns:
        For each head its gradient and its share, 0 to 1; a layer no head of which matters has zeros.

    >>> found = importances({HeadId(0, 0): -0.3, HeadId(0, 1): 0.4, HeadId(1, 0): 0.0})
    >>> [round(one.share, 3) for one in found.values()]
    [0.6, 0.8, 0.0]
    """
    squares: dict[int, float] = {}
    for head, gradient in gradients.items():
        squares[head.layer] = squares.get(head.layer, 0.0) + gradient**2
    return {
        head: Importance(gradient, abs(gradient) / (math.sqrt(squares[head.layer]) or 1.0))
        for head, gradient in gradients.items()
    }


def _log_softmax(xp: ModuleType, logits: Array) -> Array:
    """Give log p (row, answer), whatever the size of the logits."""
    shifted = logits - xp.max(logits, axis=-1, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True))


def _changes(before: Array, after: Array, reference: NDArray[np.intp]) -> tuple[Numbers, ...]:
    """Say of some rows how far they moved, what more the references cost, and which answers are likeliest.

    Shape:
        before, after: (row, answer), logits. reference: (row,). Every result: (row,).
    """
    xp = namespace(before, after)
    return (
        _by_rows(kullback_leibler(before, after)),
        _by_rows(surprisal(after, reference)) - _by_rows(surprisal(before, reference)),
        *(_by_rows(xp.argmax(logits, axis=-1)) for logits in (before, after)),
    )


def _in_blocks(*outcomes: Outcome) -> Iterator[tuple[int, tuple[Array, ...]]]:
    """Cut the rows of outcomes alike, into as many at once as fit; tell the first of each block."""
    count, answers = outcomes[0].rows.shape
    step = max(_AT_ONCE // answers, 1)
    for first in range(0, count, step):
        yield first, tuple(outcome.rows[first : first + step] for outcome in outcomes)


def _costs(outcome: Outcome, reference: NDArray[np.intp]) -> Numbers:
    """Give what the references cost, (row,)."""
    return np.concatenate(
        [
            _by_rows(surprisal(rows, reference[first : first + len(rows)]))
            for first, (rows,) in _in_blocks(outcome)
        ]
    )


def _flips(was: Sequence[int], is_now: Sequence[int], naming: Callable[[int], str]) -> Iterator[Flip]:
    for place, (before, after) in enumerate(zip(was, is_now, strict=True)):
        if before != after:
            yield Flip(place, naming(before), naming(after))


def _by_rows(numbers: Array) -> Numbers:
    """Bring a number for each row here from wherever it is."""
    return np.array(numbers.tolist(), dtype=np.float64)
