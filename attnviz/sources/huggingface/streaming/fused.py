"""Sums of rows from a fused attention call and its log-sum-exp: no weight is ever made.

With logits s_ij = scale q_i . k_j, weights w_ij = exp(s_ij - lse_i) and P their square:

- entropy_i = lse_i - scale q_i . (P K)_i, in nats: P K is one fused call with the keys as values;
- the mass on a set of keys, or a mean of the keys' places: columns appended to those values;
- sum_j w_ij^2 = exp(lse_i(2 scale) - 2 lse_i(scale));
- sum_i w_ij = exp(logsumexp_i(s_ij - lse_i)), one call with the roles of queries and keys exchanged;
- a single weight: exp(s_ij - lse_i).

These identities follow from the definition of the softmax. All together they cost about four fused calls,
and memory grows with the number of tokens alone. A processor makes the weights themselves for less; it is
meant for graphics cards, where traffic with memory decides, and was not timed on one yet. Not possible in
this way: a row's largest weight, its Gini coefficient, and whatever looks at single cells (patterns, repeated
tokens, rollout, the similarity of heads).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attnviz.errors import CaptureFailed
from attnviz.observe import RowSums, SumsObserver, Wanted
from attnviz.sources.huggingface.capturing.checks import alike
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.streaming.bands import Columns, Weighed, every, within
from attnviz.sources.huggingface.streaming.plain import Plain, plain

# What heads that are done together may take in a processor's memory, and elsewhere: one head alone would
# leave much of a graphics card idle.
CHUNK_BYTES, CHUNK_BYTES_ELSEWHERE = 2**27, 2**31

# About how many arrays as large as the queries are alive at once.
_ALIVE = 10

# Fused kernels want widths in steps of 8 and none too wide; beyond it columns come in several calls.
_STEP = 8
_WIDEST = 256

# What stands in a logit for minus infinity: twice of it is still a number.
_HIDDEN = 1e30

# Two channels of ours behind those of queries and keys: what hides keys, and what is added for queries.
_OURS = 2


def is_cheaper(device: torch.device) -> bool:
    """Say whether sums from fused calls cost less there than sums of rows of weights."""
    return device.type == "cuda"


def fused_sums(
    call: Call,
    wanted: Wanted,
    *,
    layer: int,
    heads: Sequence[int] | None = None,
    usual: Tensor | None = None,
    chunk_bytes: int | None = None,
) -> Iterator[RowSums] | None:
    """Add up rows of one call.

    Arithmetic is in float32, or in float64 where the vectors are; those of half precision are taken as they
    are.

    Args:
        call: the attention call.
        wanted: what is to be added up.
        layer: the model's own number of the layer.
        heads: which heads of the call, in the order in which they are handed on; None means all.
        usual: what the call gave. The sums' weights must explain it in a direction taken by chance.
        chunk_bytes: about how much memory the heads that are done together may take; at least one is done.
            None leaves it to the device.

    Returns:
        Sums of all rows of some heads after the other, on the call's device; None where the call is no plain
        softmax over a band of keys, or positions are wanted that its queries do not have.

    Raises:
        CaptureFailed: the weights do not explain the output, as is found when the sums are taken.
    """
    found = plain(call)
    square = call.queries == call.keys
    if found is None or not (wanted.first is None or (wanted.first == 0 and square)):
        return None
    output = None if usual is None else call.by_head(usual)[0]
    task = _Task.of(found, wanted, layer, output)
    room = chunk_bytes or (CHUNK_BYTES if found.query.device.type == "cpu" else CHUNK_BYTES_ELSEWHERE)
    return task.sums(range(call.heads) if heads is None else heads, room)


def hand_on_sums(
    call: Call, observer: SumsObserver, usual: Tensor, *, layer: int, heads: Sequence[int] | None = None
) -> bool:
    """Hand the sums of one call on, and say whether that could be done; see `fused_sums`.

    Raises:
        CaptureFailed: the weights do not explain the output.
    """
    found = fused_sums(call, observer.wanted, layer=layer, heads=heads, usual=usual)
    for sums in found or ():
        observer.take(sums)
    return found is not None


@dataclass(frozen=True, eq=False)
class _Task:
    """What is done for some heads after the other.

    Attributes:
        plain: the call.
        wanted: what is to be added up.
        layer: the number of the layer.
        output: (head, query, d_v), what the call gave; None if that is not to be checked.
        sets: (set, key), 1 for the keys of each set.
        seen: (query,), how many keys a query sees.
        counted: bool (query,), which rows are added up for each key.
    """

    plain: Plain
    wanted: Wanted
    layer: int
    output: Tensor | None
    sets: Tensor
    seen: Tensor
    counted: Tensor

    @classmethod
    def of(cls, plain: Plain, wanted: Wanted, layer: int, output: Tensor | None) -> "_Task":
        """Bring what is wanted to the call's device."""
        device, keys = plain.query.device, plain.key.shape[1]
        seen = plain.sight.counts(plain.query.shape[1], keys, device)
        chosen = [torch.as_tensor(chosen, device=device) for chosen in wanted.keys.values()]
        sets = torch.stack(chosen) if chosen else torch.zeros(0, keys, device=device)
        counted = torch.as_tensor(wanted.counted, device=device) & (seen > 0)
        return cls(plain, wanted, layer, output, sets, seen, counted)

    @property
    def _dtype(self) -> torch.dtype:
        exact = self.plain.query.dtype == torch.float64 and self.plain.query.device.type == "cpu"
        return torch.float64 if exact else torch.float32

    @property
    def _columns(self) -> int:
        """How many columns are weighed: a distance, the sets, a direction of the output, the keys."""
        return 1 + len(self.sets) + 1 + self.plain.key.shape[2]

    @property
    def _width(self) -> int:
        """How wide queries, keys and columns are in one call."""
        least = _rounded(self.plain.key.shape[2] + _OURS)
        return max(least, min(_rounded(self._columns), _WIDEST))

    def sums(self, heads: Sequence[int], chunk_bytes: int) -> Iterator[RowSums]:
        """Give the sums of some heads after the other."""
        tokens = max(self.plain.query.shape[1], self.plain.key.shape[1])
        each = _ALIVE * tokens * self._width * torch.finfo(self._dtype).bits // 8
        chunk = max(1, chunk_bytes // each)
        for first in range(0, len(heads), chunk):
            yield self._sums(heads[first : first + chunk], first)

    @torch.no_grad()
    def _sums(self, heads: Sequence[int], first_head: int) -> RowSums:
        query, key = self._vectors(heads)
        means, lse = self._means(query, key, heads)
        sets, channels = len(self.sets), self.plain.key.shape[2]
        directed, keys = means[..., 1 + sets], means[..., -channels:]
        self._check(heads, directed)
        looking = self.seen > 0
        entropy = (lse - (query[..., :channels] * keys).sum(dim=-1)) / math.log(2)
        squares = (self._lse(2 * query, key) - 2 * lse).exp()
        on = {name: means[..., 1 + place] * looking for place, name in enumerate(self.wanted.keys)}
        return RowSums(
            layer=self.layer,
            start=0,
            first_head=first_head,
            mass=looking.to(lse).expand(lse.shape),
            entropy=entropy.clamp(min=0) * looking,
            squares=squares * looking,
            distance=None if self.wanted.first is None else means[..., 0].clamp(min=0) * looking,
            on=on,
            beside={step: self._beside(query, key, lse, step) for step in self.wanted.steps},
            seen=self.seen,
            received=self._received(query, key, lse),
        )

    def _vectors(self, heads: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Give queries and keys of some heads, (head, token, width), whose products are the logits."""
        query, key = self.plain.query[list(heads)].to(self._dtype), self._of(self.plain.key, heads)
        # A softmax is the same when all keys are moved alike. Some models' keys have a large bias in common:
        # without it, the log-sum-exp and what is subtracted from it are no large numbers.
        key = key - key.mean(dim=1, keepdim=True)
        channels, tokens = key.shape[2], key.shape[1]
        wide = (0, self._width - channels)
        query, key = (torch.nn.functional.pad(given, wide) for given in (query * self.plain.scale, key))
        query[..., channels] = 1
        seen = self.plain.sight.keys
        key[..., channels] = 0 if seen is None else seen.to(key).sub(1).mul(_HIDDEN).expand(tokens)
        key[..., channels + 1] = 1
        return query, key

    def _means(self, query: Tensor, key: Tensor, heads: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Weigh all columns: (head, query, column), and the log-sum-exp (head, query)."""
        numbers = key.new_zeros(*key.shape[:2], 1 + len(self.sets) + 1)
        numbers[..., 1 : 1 + len(self.sets)] = self.sets.T
        if self.output is not None:
            numbers[..., -1] = self._of(self.plain.value, heads) @ self._direction
        numbers = torch.cat([numbers, key[..., : self.plain.key.shape[2]]], dim=2)
        parts = []
        for place, some in enumerate(torch.split(numbers, self._width, dim=2)):
            wide = torch.nn.functional.pad(some, (0, self._width - some.shape[2]))
            is_far = place == 0 and self.wanted.first is not None
            parts.append(self._weigh(query, key, Columns(wide, 0 if is_far else None)))
        means = torch.cat([part.means for part in parts], dim=2)
        return means[..., : numbers.shape[2]], parts[0].lse

    def _weigh(self, query: Tensor, key: Tensor, columns: Columns) -> Weighed:
        """Let queries see what the call lets them see."""
        sight = self.plain.sight
        if sight.is_whole and columns.distance is None:
            return every(query, key, columns)
        return within(query, key, columns, sight.back, sight.ahead)

    def _lse(self, query: Tensor, key: Tensor) -> Tensor:
        """The log-sum-exp alone: whatever is weighed, (head, query)."""
        return self._weigh(query, key, Columns(key)).lse

    def _received(self, query: Tensor, key: Tensor, lse: Tensor) -> Tensor:
        """What each key is given by the counted queries: (head, key)."""
        logarithm = torch.where(self.counted, -lse, -_HIDDEN)
        query = query.clone()
        query[..., self.plain.key.shape[2] + 1] = logarithm
        # Which queries see a key is what a key sees from the end, when it asks and queries answer.
        asked = self._lse(key.flip(1), query.flip(1)).flip(1)
        seen = self.plain.sight.keys
        given = asked.exp()
        return given if seen is None else given * seen

    def _beside(self, query: Tensor, key: Tensor, lse: Tensor, step: int) -> Tensor:
        """The weight of the key so many tokens after each query, (head, query); 0 where it is not seen."""
        weights, tokens = torch.zeros_like(lse), lse.shape[1]
        if self.wanted.first is None or not self.plain.sight.reaches(step) or abs(step) >= tokens:
            return weights
        queries = slice(max(0, -step), tokens - max(0, step))
        keys = slice(max(0, step), tokens + min(0, step))
        logits = (query[:, queries] * key[:, keys]).sum(dim=-1)
        weights[:, queries] = (logits - lse[:, queries]).exp().clamp(max=1)
        return weights * (self.seen > 0)

    @property
    def _direction(self) -> Tensor:
        """A direction of values, taken by chance, the same each time: (d_v,)."""
        chance = torch.randn(self.plain.value.shape[2], generator=torch.Generator().manual_seed(0))
        return chance.to(self.plain.value.device, self._dtype)

    def _check(self, heads: Sequence[int], directed: Tensor) -> None:
        """Check in one direction of the output that these are the weights it was made with.

        A product that is wrong anywhere is so in nearly every direction (Freivalds 1977, Probabilistic
        Machines Can Use Less Running Time).
        """
        if self.output is None:
            return
        looking = self.seen > 0
        usual = self.output[list(heads)].to(self._dtype) @ self._direction
        coarse = self.output.dtype not in (torch.float32, torch.float64)
        if not alike(directed[:, looking], usual[:, looking], coarse=coarse):
            raise CaptureFailed(f"the weights of layer {self.layer} do not explain its output")

    def _of(self, vectors: Tensor, heads: Sequence[int]) -> Tensor:
        """Give what some heads have of keys or values that several heads share: (head, key, d)."""
        shared = len(self.plain.query) // len(vectors)
        return vectors[[head // shared for head in heads]].to(self._dtype)


def _rounded(width: int) -> int:
    return -(-width // _STEP) * _STEP
