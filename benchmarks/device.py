"""Sums of rows from fused calls on a graphics card, against one plain fused call and the card's own limit.

Nothing is measured where there is no card.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LENGTHS = (8192, 32768, 131072)
ROUNDS = 5
HEADS, WIDTH = 12, 64  # a layer of GPT-2 small
KINDS = ("float32", "bfloat16")

_HEAD = """
## On a graphics card

Sums of rows (mass, entropy, squares, distance, masses on two sets of keys, what keys receive) of one causal
layer of 12 heads of 64 channels, from fused calls and their log-sum-exp, against one call of
`scaled_dot_product_attention` on the same vectors, in turn; medians of {rounds}. **of the card's limit**: the
arithmetic of the sums' fused calls in a second, in parts of what a product of large float32 matrices reaches
on the same card. **memory**: what the sums take above the vectors.

"""

_OPEN = """\
Open: no graphics card was at hand. On CPU both ways are tested equal to the whole square; `python -m
benchmarks --only device` measures and fills in this table where `torch.cuda.is_available()`.
"""

_COLUMNS = ("card", "tokens", "vectors", "a fused call", "sums", "ratio", "of the card's limit", "memory")


@dataclass(frozen=True)
class Sums:
    """Sums of one layer on one card.

    Attributes:
        card: its name.
        tokens: how many queries and keys.
        kind: the vectors' precision.
        pairs: seconds of the sums and of one plain call, in turn.
        limit: operations in a second that a product of large matrices reaches.
        memory: bytes at the highest above the vectors.
    """

    card: str
    tokens: int
    kind: str
    pairs: tuple[tuple[float, float], ...]
    limit: float
    memory: int

    def row(self) -> str:
        """Give a row of a Markdown table."""
        ours, plain = (statistics.median(times) for times in zip(*self.pairs, strict=True))
        cells = (
            self.card,
            f"{self.tokens:,}",
            self.kind,
            f"{1000 * plain:.2f} ms",
            f"{1000 * ours:.2f} ms",
            f"**{statistics.median(first / second for first, second in self.pairs):.2f}**",
            f"{100 * operations(self.tokens) / ours / self.limit:.0f} %",
            f"{self.memory / 1e6:.0f} MB",
        )
        return f"| {' | '.join(cells)} |\n"


def measure(
    lengths: Sequence[int] = LENGTHS,
    rounds: int = ROUNDS,
    device: str = "cuda",
    kinds: Sequence[str] = KINDS,
) -> Iterator[Sums]:
    """Measure at each length, with vectors of each precision; nothing where there is no card."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        return
    limit = _limit(device)
    for kind in kinds:
        for tokens in lengths:
            yield _measured(tokens, kind, rounds, device, limit)


def from_json(facts: dict[str, Any]) -> Sums:
    """Read back what results.json keeps."""
    return Sums(**{**facts, "pairs": tuple(map(tuple, facts["pairs"]))})


def section(found: Sequence[Sums]) -> str:
    """Give the section on graphics cards, in Markdown; an open one if none was at hand."""
    head = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}\n"
    rows = "".join(each.row() for each in found)
    rounds = len(found[0].pairs) if found else ROUNDS
    return _HEAD.format(rounds=rounds) + (head + rows if found else _OPEN)


def operations(tokens: int) -> float:
    """Count what the sums' three fused calls multiply and add: two products each, half of the square."""
    return 3 * 2 * 2 * HEADS * (WIDTH + 8) * tokens**2 / 2


def _measured(tokens: int, kind: str, rounds: int, device: str, limit: float) -> Sums:
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    chance = torch.Generator(device).manual_seed(0)
    shape = 1, HEADS, tokens, WIDTH
    query, key, value = (
        torch.randn(shape, generator=chance, device=device, dtype=getattr(torch, kind)) for _ in range(3)
    )

    def plain() -> object:
        return scaled_dot_product_attention(query, key, value, is_causal=True)

    sums = _sums(query, key, value)
    _seconds(sums, device), _seconds(plain, device)
    pairs = tuple((_seconds(sums, device), _seconds(plain, device)) for _ in range(rounds))
    name = torch.cuda.get_device_name() if device == "cuda" else device
    return Sums(name, tokens, kind, pairs, limit, _memory(sums, device))


def _sums(query: Any, key: Any, value: Any) -> Callable[[], object]:  # noqa: ANN401
    """Make ready to add up the rows of all heads."""
    import numpy as np
    from torch import nn

    from attnviz.observe import Wanted
    from attnviz.sources.huggingface.paths.sdpa import FusedCall
    from attnviz.sources.huggingface.streaming.fused import fused_sums

    tokens = query.shape[2]
    call = FusedCall(nn.Identity(), query, key, value, None, True, WIDTH**-0.5, lambda: value)
    places = np.arange(tokens)
    wanted = Wanted({"first": places == 0, "even": places % 2 == 0}, (-1, 0, 1), places >= 0)

    def run() -> object:
        return list(fused_sums(call, wanted, layer=0) or ())

    return run


def _memory(run: Callable[[], object], device: str) -> int:
    """What something takes on the card at the highest."""
    import torch

    if device != "cuda":
        return 0
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated()
    run()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - held


def _limit(device: str, size: int = 8192) -> float:
    """Operations in a second of a product of large float32 matrices, the quickest of several."""
    import torch

    size = size if device == "cuda" else 256
    one = torch.randn(size, size, device=device)
    return 2 * size**3 / min(_seconds(lambda: one @ one, device) for _ in range(ROUNDS))


def _seconds(run: Callable[[], object], device: str) -> float:
    import torch

    def settle() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    settle()
    start = time.perf_counter()
    run()
    settle()
    return time.perf_counter() - start


if __name__ == "__main__":
    print(section(list(measure())))
