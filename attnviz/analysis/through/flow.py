"""How much could come from a token at most, if weights were the widths of pipes from layer to layer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.through.rollout import evenly, over_even, with_residual
from attnviz.arrays import Array
from attnviz.errors import RequestError
from attnviz.record import Mask

Numbers = NDArray[np.float64]
Distances = NDArray[np.int16]

# Pipes between all layers and over all pairs of tokens: some twenty seconds' work of one core.
LARGEST = 30_000_000

# So many pipes are worked on at once: what fits a processor's cache is fastest.
_AT_ONCE = 2**17

# Less than this is rounding: widths are sums and differences of numbers up to 1.
_ROUNDING = 1e-15

# Pairs that are done are carried on with the others until fewer than this share are still going.
_CARRIED_ON = 0.7

# The distance of what cannot reach the token asked about.
_FAR = np.int16(2**14)


def flow(weights: Array, visible: Array | None = None, layers: Sequence[int] | None = None) -> Numbers:
    """Find the most that can flow from each output down to each token.

    Tokens at each layer are joined to those one layer below by pipes as wide as the cells of $A'$, the mean
    over the layer's heads with every token kept by half where it is, see `with_residual`. Cell (i, j) of
    layer l is the maximum flow from token i above layer l to token j below layer 0. Abnar and Zuidema 2020,
    section 3. Unlike in `rollout` each pair of tokens has all the pipes to itself, so rows do not sum to 1.

    For causal models it leans to the first tokens as `rollout` does. With `visible` each cell is divided by
    the flow that even attention over the keys each query sees would give, and rows are brought back to 1.

    Of each pair a maximum flow is found exactly, by preflows (Goldberg and Tarjan 1988), of many pairs at
    once. The work grows with the fourth power of the number of tokens.

    Shape:
        weights: (layer, head, query, key), every layer from the lowest on, with as many queries as keys.
        visible: (query, key), or (layer, query, key) where layers see differently far.

    Args:
        weights: rows of weights, as numpy has them.
        visible: True where a query can look; None leaves the leaning of causal models as it is.
        layers: of which layers, by their places in `weights`; None means every one.

    Returns:
        float64 (layer, query, key), 0 to 1, one map for each layer asked for; with `visible`, shares of rows.

    Raises:
        RequestError: queries and keys are not the same tokens, or there are too many of them.

    >>> lower = [[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]]
    >>> upper = [[1, 0, 0], [0.4, 0.6, 0], [0.1, 0.6, 0.3]]
    >>> flow(np.array([[lower], [upper]]))[1].round(4).tolist()
    [[1.0, 0.0, 0.0], [0.45, 0.75, 0.0], [0.4, 0.45, 0.65]]
    """
    mixed = np.asarray(with_residual(weights), dtype=np.float64)
    asked = range(len(mixed)) if layers is None else [range(len(mixed))[layer] for layer in layers]
    _check_size(mixed.shape[-1], asked, times=1 if visible is None else 2)
    widest = _of_layers(mixed, asked)
    if visible is None:
        return widest
    even = np.asarray(with_residual(evenly(weights, visible)), dtype=np.float64)
    corrected: Numbers = over_even(widest, _of_layers(even, asked))
    return corrected


def _check_size(tokens: int, asked: Sequence[int], times: int) -> None:
    """Refuse what would take too long, the flows of even attention too."""
    work = max(sum(asked), 1) * times
    if work * tokens**4 > LARGEST:
        most = int((LARGEST / work) ** 0.25)
        layers = f"up to layer {max(asked)}" if len(asked) == 1 else f"up to each of {len(asked)} layers"
        raise RequestError(f"flow {layers} would take too long: got {tokens} tokens, allowed {most}")


def _of_layers(mixed: Numbers, asked: Sequence[int]) -> Numbers:
    """Find the flows of some layers: (layer, query, key)."""
    flows: Numbers = np.stack([_of_layer(mixed[: layer + 1]) for layer in asked])
    return flows


def _of_layer(mixed: Numbers) -> Numbers:
    """Find the flows of every pair of tokens, from above the last of some layers: (query, key)."""
    count = mixed.shape[-1]
    if len(mixed) == 1:
        only: Numbers = mixed[0]
        return only
    pairs = np.indices((count, count)).reshape(2, -1)
    many = max(_AT_ONCE // (len(mixed) * count * count), 1)
    found = [_of_pairs(mixed, pairs[:, first : first + many]) for first in range(0, count * count, many)]
    flows: Numbers = np.concatenate(found).reshape(count, count)
    return flows


def _of_pairs(mixed: Numbers, pairs: NDArray[np.intp]) -> Numbers:
    """Find the flows of some pairs of tokens: (pair,).

    What the first token can give at most is put below it, and pushed down as far as it goes. What can go no
    further turns back while there is another way, by the distance to the second token that is left then.

    Shape:
        mixed: (layer, query, key), at least two layers.
        pairs: (2, pair), from and to.
    """
    pipes, flows = _Pipes.of(mixed, pairs), np.zeros(pairs.shape[1])
    which = np.arange(pairs.shape[1])
    while True:
        distances = pipes.distances()
        going: Mask = np.any((pipes.waiting > _ROUNDING) & (distances < _FAR), axis=(1, 2))
        if not going.any():
            flows[which] = pipes.arrived
            return flows
        if going.mean() < _CARRIED_ON:
            flows[which] = pipes.arrived
            which, pipes, distances = which[going], pipes.only(going), distances[going]
        pipes.push(distances)


@dataclass
class _Pipes:
    """The pipes between the tokens of all layers, once for each pair of tokens, and what is in them.

    Attributes:
        waiting: (pair, height, token), what was pushed to a token and not yet on; heights count from 0, the
            output of layer 0, to that of the last layer but one.
        down: (pair, height, from, to), how much more fits into each pipe from one height above to this one.
        up: the same pipes with the same axes, how much could be taken back.
        out: (pair, token), how much more fits from height 0 into the token asked about.
        arrived: (pair,), what came out there.
    """

    waiting: Numbers
    down: Numbers
    up: Numbers
    out: Numbers
    arrived: Numbers

    @classmethod
    def of(cls, mixed: Numbers, pairs: NDArray[np.intp]) -> "_Pipes":
        """Lay the pipes, and fill the uppermost.

        Shape:
            mixed: (layer, query, key), at least two layers.
            pairs: (2, pair), from and to.
        """
        sources, targets = pairs
        heights, count = len(mixed) - 1, mixed.shape[-1]
        waiting = np.zeros((len(sources), heights, count))
        waiting[:, -1] = mixed[-1][sources]
        down = np.repeat(mixed[None, 1:-1], len(sources), axis=0)
        out = mixed[0].T[targets]
        return cls(waiting, down, np.zeros_like(down), out, np.zeros(len(sources)))

    def only(self, chosen: Mask) -> "_Pipes":
        """Keep the pipes of some pairs."""
        fields = (self.waiting, self.down, self.up, self.out, self.arrived)
        return _Pipes(*(field[chosen] for field in fields))

    def distances(self) -> Distances:
        """Say over how many pipes that have room each token reaches the one asked about: as `waiting`."""
        found = np.full(self.waiting.shape, _FAR)
        found[:, 0][self.out > _ROUNDING] = 1
        nearer = True
        while nearer:
            for height in range(self.down.shape[1]):
                below = found[:, height, None, :]
                _shorten(found[:, height + 1], _next(self.down[:, height], below, axis=2))
            nearer = False
            for height in reversed(range(self.up.shape[1])):
                above = found[:, height + 1, :, None]
                nearer |= _shorten(found[:, height], _next(self.up[:, height], above, axis=1))
        return found

    def push(self, distances: Distances) -> None:
        """Push on what waits, height by height from the top, each time to tokens that are one pipe nearer."""
        for height in reversed(range(self.waiting.shape[1])):
            nearer = distances[:, height, :, None] - 1
            if height:
                room = np.where(distances[:, height - 1, None, :] == nearer, self.down[:, height - 1], 0.0)
                moved = self._move(height, height - 1, room)
                self.down[:, height - 1] -= moved
                self.up[:, height - 1] += moved
            else:
                self._drain()
            if height < self.up.shape[1]:
                back = self.up[:, height].swapaxes(1, 2)
                room = np.where(distances[:, height + 1, None, :] == nearer, back, 0.0)
                moved = self._move(height, height + 1, room).swapaxes(1, 2)
                self.down[:, height] += moved
                self.up[:, height] -= moved

    def _move(self, height: int, to: int, room: Numbers) -> Numbers:
        """Move what waits at one height to another, as much as there is room: (pair, from, to)."""
        waiting = self.waiting[:, height, :, None]
        moved = np.clip(waiting - (np.cumsum(room, axis=-1) - room), 0.0, room)
        self.waiting[:, height] = np.maximum(self.waiting[:, height] - moved.sum(axis=2), 0.0)
        self.waiting[:, to] += moved.sum(axis=1)
        return moved

    def _drain(self) -> None:
        """Let out what waits at the lowest height."""
        moved = np.minimum(self.waiting[:, 0], self.out)
        self.out -= moved
        self.waiting[:, 0] -= moved
        self.arrived += moved.sum(axis=-1)


def _next(room: Numbers, distances: Distances, axis: int) -> Distances:
    """Give the distance over the pipe with room that leads nearest: one more than there."""
    nearest: Distances = np.where(room > _ROUNDING, distances, _FAR).min(axis=axis) + np.int16(1)
    return nearest


def _shorten(distances: Distances, others: Distances) -> bool:
    """Take the shorter distances over, and say whether there were any."""
    shorter = bool((others < distances).any())
    np.minimum(distances, others, out=distances)
    return shorter
