"""Attention that is softmax(scale q k' + mask), done by that formula in blocks: the logits are at hand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from attnviz.sources.huggingface.paths.call import Vectors
from attnviz.sources.huggingface.streaming.layout import Piece

# Products with so many keys at once stay in a core's cache: with 16,384 they take a third longer.
_KEYS = 2048


@dataclass(eq=False)
class Room:
    """Memory that blocks use again and again: what is made in it is gone with the next block."""

    _kept: dict[str, Tensor] = field(default_factory=dict)

    def take(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Give memory of a shape, on the device and in the precision of another tensor."""
        count = math.prod(shape)
        kept = self._kept.get(name)
        if kept is None or kept.numel() < count or kept.dtype != like.dtype or kept.device != like.device:
            # Blocks of a causal layer are each larger than the last: what is left behind would add up.
            kept = self._kept[name] = like.new_empty(1 << (count - 1).bit_length())
        return kept[:count].view(shape)


@dataclass(frozen=True, eq=False)
class Softmax:
    """One call, read as a plain softmax. Arithmetic is in float32, or in float64 where the vectors are.

    Attributes:
        query: (head, query, d_k).
        key: (key head, key, d_k).
        value: (key head, key, d_v).
        scale: what products are multiplied by.
        mask: (1 or head, 1 or query, key), bool or added to the logits; None if there is none.
        hides_later: whether, there being no mask, queries see the keys up to their own position.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    scale: float
    mask: Tensor | None
    hides_later: bool

    @classmethod
    def of(cls, call: Vectors, scale: float | None) -> "Softmax | None":
        """Read a call so; None where it cannot be. Whether it is one, the caller has to find out."""
        if call.batch != 1 or scale is None:
            return None
        mask = call.mask
        if mask is not None:
            mask = mask.reshape((1,) * (4 - mask.ndim) + mask.shape)
            if mask.shape[0] != 1:
                return None
            mask = mask[0].expand(-1, -1, call.keys)
        return cls(call.query[0], call.key[0], call.value[0], scale, mask, call.hides_later)

    def some(self, heads: Sequence[int]) -> "Heads":
        """Give some heads."""
        exact = self.query.dtype if self.query.dtype == torch.float64 else torch.float32
        query, key, value = (self._of(own, heads).to(exact) for own in (self.query, self.key, self.value))
        return Heads(query, key, value, self.scale, self._mask_of(heads), self.hides_later)

    def fused(self, heads: Sequence[int]) -> Tensor:
        """Let torch's fused function do some heads: (head, query, d_v)."""
        query, key, value = (self._of(own, heads)[None] for own in (self.query, self.key, self.value))
        mask = self._mask_of(heads)
        return F.scaled_dot_product_attention(
            query,
            key,
            value,
            None if mask is None else mask[None],
            is_causal=self.hides_later,
            scale=self.scale,
        )[0]

    def _of(self, vectors: Tensor, heads: Sequence[int]) -> Tensor:
        """Give some heads' vectors, of which several may share one; what stands together is not copied."""
        shared = len(self.query) // len(vectors)
        places = [head // shared for head in heads]
        first, last = places[0], places[-1]
        return vectors[first : last + 1] if places == list(range(first, last + 1)) else vectors[places]

    def _mask_of(self, heads: Sequence[int]) -> Tensor | None:
        return self.mask if self.mask is None or len(self.mask) == 1 else self.mask[list(heads)]


@dataclass(frozen=True, eq=False)
class Heads:
    """Some heads of a call, made ready.

    Attributes:
        query: (head, query, d_k).
        key: (head, key, d_k).
        value: (head, key, d_v).
        scale: as of the call.
        mask: as of the call.
        hides_later: as of the call.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    scale: float
    mask: Tensor | None
    hides_later: bool

    @property
    def together(self) -> "Heads":
        """The same with vectors that stand together in memory, for many products."""
        query, key, value = (side.contiguous() for side in (self.query, self.key, self.value))
        return replace(self, query=query, key=key, value=value)

    def done(self, piece: Piece, room: Room) -> "Done":
        """Do one block: its weights, what queries make of the values, and what rows come to."""
        logits = self.logits(piece, self._room(piece, room))
        weights = torch.softmax(logits, dim=-1, out=room.take("weights", tuple(logits.shape), logits))
        output = weights @ self.value[:, piece.keys.start : piece.keys.stop]
        return Done(weights, output, weights.sum(dim=-1), _entropy(logits, weights))

    def weighed(self, piece: Piece, room: Room) -> Tensor:
        """Give the weights of one block alone, in the room of their logits: (head, query, key)."""
        logits = self.logits(piece, self._room(piece, room))
        return torch.softmax(logits, dim=-1, out=logits)

    def logits(self, piece: Piece, out: Tensor) -> Tensor:
        """Write the logits of one block, those of hidden keys taken away: (head, query, key)."""
        rows, keys = (slice(side.start, side.stop) for side in (piece.rows, piece.keys))
        query, key = self.query[:, rows], self.key[:, keys]
        for few, made in zip(torch.split(key, _KEYS, dim=1), torch.split(out, _KEYS, dim=2), strict=True):
            torch.baddbmm(made, query, few.transpose(1, 2), beta=0, alpha=self.scale, out=made)
        self._hide(out, piece)
        return out

    def _room(self, piece: Piece, room: Room) -> Tensor:
        return room.take("logits", (len(self.query), len(piece.rows), len(piece.keys)), self.query)

    def at(self, rows: Tensor) -> Tensor:
        """Give the weights of some rows: (head, row, key)."""
        logits = (self.query[:, rows] @ self.key.transpose(1, 2)).mul_(self.scale)
        least = torch.finfo(logits.dtype).min
        if self.mask is not None:
            mask = self.mask if self.mask.shape[1] == 1 else self.mask[:, rows]
            logits = _masked(logits, mask)
        elif self.hides_later:
            places = torch.arange(logits.shape[-1], device=rows.device)
            logits.masked_fill_(places > rows[:, None], least)
        return logits.softmax(dim=-1)

    def _hide(self, logits: Tensor, piece: Piece) -> None:
        """Take away what the mask hides, in place; see `_masked`."""
        if self.mask is not None:
            rows = slice(None) if self.mask.shape[1] == 1 else slice(piece.rows.start, piece.rows.stop)
            _masked(logits, self.mask[:, rows, piece.keys.start : piece.keys.stop])
        elif self.hides_later and piece.rows.start < len(piece.keys):
            own = logits[..., piece.rows.start :]  # every key before the first query is seen by all of them
            later = torch.ones(own.shape[1:], dtype=torch.bool, device=own.device).triu(1)
            own.masked_fill_(later, torch.finfo(own.dtype).min)


def _masked(logits: Tensor, mask: Tensor) -> Tensor:
    """Apply a mask in place.

    What is hidden gets the least number there is, not minus infinity: its weight is 0 likewise, and weight
    times logit is 0 too.
    """
    least = torch.finfo(logits.dtype).min
    if mask.dtype == torch.bool:
        return logits.masked_fill_(~mask, least)
    return logits.add_(mask).clamp_(min=least)


def largest_mass(weights: Tensor) -> float:
    """Give the largest mass of a row; not a finite number if some weight is none."""
    return float(weights.sum(dim=-1).max())


@dataclass(frozen=True, eq=False)
class Done:
    """One block, done.

    Attributes:
        weights: (head, query, key).
        output: (head, query, d_v).
        mass: (head, query), the sum of each row's weights.
        entropy: (head, query), of each row, in bits.
    """

    weights: Tensor
    output: Tensor
    mass: Tensor
    entropy: Tensor


def _entropy(logits: Tensor, weights: Tensor) -> Tensor:
    """Give each row's entropy in bits: (head, query). It takes the logits' room.

    With weights w = exp(s - lse) it is lse - sum w s: one product of what is there instead of a logarithm
    for each weight. From the largest of each row, lse = max s - log max w.
    """
    most = logits.amax(dim=-1)
    # A sum of products this way takes a sixth of the time of a matrix product of rows with columns.
    mean = logits.mul_(weights).sum(dim=-1)
    return (most - mean - weights.amax(dim=-1).log()).clamp_min(0) / math.log(2)
