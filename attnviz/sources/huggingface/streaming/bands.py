"""Fused attention over bands of keys, with its log-sum-exp and without a square.

Fused functions know two shapes: every query sees every key, or query i sees the keys 0 to i. Whatever else
queries see is cut into rectangles and triangles of these shapes, whose means are put together by their
log-sum-exps, as flash attention itself does with its tiles (Dao et al. 2022, FlashAttention, section 3.1).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

# How many queries are done together on a processor, and elsewhere, where fewer would leave much of a graphics
# card idle. Positions are counted from the first of them, so that the mean position of near keys is not the
# small difference of two large numbers.
ROWS, ROWS_ELSEWHERE = 2048, 8192


@dataclass(frozen=True, eq=False)
class Weighed:
    """What queries make of columns that stand in the place of values.

    Attributes:
        lse: (head, query), the logarithm of the sum of exp(logit) over the keys seen; -inf where none is.
        means: (head, query, column), the columns' sums under the weights.
    """

    lse: Tensor
    means: Tensor


@dataclass(frozen=True, eq=False)
class Columns:
    """Numbers for each key, of which queries take the means.

    Attributes:
        numbers: (head, key, column).
        distance: which column becomes the distance between query and key; None means no column.
    """

    numbers: Tensor
    distance: int | None = None

    def flipped(self) -> "Columns":
        """Give them for the keys in reverse."""
        return Columns(self.numbers.flip(1), self.distance)

    def without(self, keys: slice) -> "Columns":
        """Give them for some of the keys."""
        return Columns(self.numbers[:, keys], self.distance)


def every(query: Tensor, key: Tensor, columns: Columns) -> Weighed:
    """Let every query see every key.

    Shape:
        query: (head, query, width), already scaled.
        key: (head, key, width).
    """
    return _fused(query, key, columns.numbers, causal=False)


def within(
    query: Tensor,
    key: Tensor,
    columns: Columns,
    back: int | None,
    ahead: int | None,
    *,
    rows: int | None = None,
) -> Weighed:
    """Let each query see the keys at most so many tokens before and after itself; None means all.

    Shape:
        query, key: (head, token, width), as many of both; queries are already scaled.

    Args:
        query: the queries.
        key: the keys.
        columns: of what to take the means. A column for distances is written to.
        back: how many tokens before itself a query sees at most.
        ahead: how many after itself.
        rows: how many queries to do together; None leaves it to the device.
    """
    rows = rows or (ROWS if query.device.type == "cpu" else ROWS_ELSEWHERE)
    before = up_to_itself(query, key, columns, back, rows=rows)
    if ahead == 0 or query.shape[1] == 1:
        return before
    # Seen from the end, later keys are earlier ones. The first query from there has none, so the second
    # meets the first key: without one query and one key it is as above, each key one token farther away.
    query, key, columns = query.flip(1)[:, 1:], key.flip(1)[:, :-1], columns.flipped().without(slice(-1))
    after = up_to_itself(query, key, columns, None if ahead is None else ahead - 1, rows=rows)
    if columns.distance is not None:
        after.means[..., columns.distance] += 1
    nothing = Weighed(after.lse.new_full((len(query), 1), -torch.inf), torch.zeros_like(after.means[:, :1]))
    after = _joined([nothing, after])
    return merged([before, Weighed(after.lse.flip(1), after.means.flip(1))])


def up_to_itself(query: Tensor, key: Tensor, columns: Columns, back: int | None, *, rows: int) -> Weighed:
    """Let each query see its own key and those at most so many tokens before; see `within`."""
    tokens = query.shape[1]
    if back == 0:
        return _itself(query, key, columns)
    reach = tokens if back is None else min(back, tokens)
    # Up to the query that sees exactly all before it, and from there in steps of at most the reach, so that
    # what a step sees is a rectangle between two whole triangles.
    edges = [*range(0, reach, rows), *range(reach, tokens, min(rows, reach)), tokens]
    return _joined([_step(query, key, columns, reach, start, stop) for start, stop in pairwise(edges)])


def merged(parts: Sequence[Weighed]) -> Weighed:
    """Put together what the same queries make of different keys."""
    if len(parts) == 1:
        return parts[0]
    total = torch.stack([part.lse for part in parts]).logsumexp(dim=0)
    shares = [(part.lse - total).exp()[..., None] for part in parts]
    means = sum(part.means * share for part, share in zip(parts[1:], shares[1:], strict=True))
    return Weighed(total, parts[0].means * shares[0] + means)


def _step(query: Tensor, key: Tensor, columns: Columns, reach: int, start: int, stop: int) -> Weighed:
    """Do some queries: what they see is [a triangle whose later rows see less,] a rectangle, a triangle."""
    some, numbers = query[:, start:stop], columns.numbers
    place = columns.distance
    if place is not None:
        own = torch.arange(len(numbers[0]), dtype=numbers.dtype, device=numbers.device) - start
        numbers[..., place] = own

    def part(act: Callable[[Tensor, Tensor, Tensor], Weighed], low: int, high: int) -> Weighed:
        return act(some, key[:, low:high], numbers[:, low:high])

    full = max(0, stop - reach)
    parts = [part(_lower, start, stop)]
    if full < start:
        parts.append(part(_whole, full, start))
    if start >= reach:
        parts.append(part(_upper, start - reach, stop - reach))
    found = merged(parts)
    if place is not None:
        found.means[..., place] = own[start:stop] - found.means[..., place]
    return found


def _whole(query: Tensor, key: Tensor, columns: Tensor) -> Weighed:
    return _fused(query, key, columns, causal=False)


def _lower(query: Tensor, key: Tensor, columns: Tensor) -> Weighed:
    """Let the i-th query see the keys 0 to i."""
    return _fused(query, key, columns, causal=True)


def _upper(query: Tensor, key: Tensor, columns: Tensor) -> Weighed:
    """Let the i-th query see the keys i and later."""
    found = _fused(query.flip(1), key.flip(1), columns.flip(1), causal=True)
    return Weighed(found.lse.flip(1), found.means.flip(1))


def _itself(query: Tensor, key: Tensor, columns: Columns) -> Weighed:
    """Let each query see its own key alone."""
    means = columns.numbers.clone()
    if columns.distance is not None:
        means[..., columns.distance] = 0
    return Weighed((query * key).sum(dim=-1), means)


def _joined(parts: Sequence[Weighed]) -> Weighed:
    """Put queries together, in order."""
    if len(parts) == 1:
        return parts[0]
    return Weighed(
        torch.cat([part.lse for part in parts], dim=1), torch.cat([part.means for part in parts], dim=1)
    )


def _fused(query: Tensor, key: Tensor, columns: Tensor, *, causal: bool) -> Weighed:
    """Call the device's fused attention: (head, query, width), (head, key, width), (head, key, width).

    These are torch's own kernels below `scaled_dot_product_attention`, which drops the log-sum-exp.
    """
    kernels, given = torch.ops.aten, (query[None], key[None], columns[None])
    if query.device.type == "cpu":
        means, lse = kernels._scaled_dot_product_flash_attention_for_cpu(*given, 0.0, causal, scale=1.0)
    else:
        means, lse, *_ = kernels._scaled_dot_product_efficient_attention(
            *given, None, True, 0.0, causal, scale=1.0
        )
    # Some kernels fill the last tile of the log-sum-exp up.
    return Weighed(lse[0, :, : query.shape[1]].to(means.dtype), means[0])
