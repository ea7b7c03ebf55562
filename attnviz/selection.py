"""Which heads: their names (`L3H7`) and the little language that picks several (`0,3,5-7`, `-1`, `all`)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from attnviz.errors import OutOfRange, RequestError

_HEAD_NAME = re.compile(r"L(-?\d+)H(-?\d+)", re.IGNORECASE)
_LAYER_NAME = re.compile(r"L(-?\d+)", re.IGNORECASE)
_RANGE = re.compile(r"(-?\d+)(?:-(-?\d+))?")

# Stands for a head where the numbers are those of all heads of a layer at once.
TOGETHER = -1


@dataclass(frozen=True, order=True)
class HeadId:
    """One attention head, by the model's own numbers, counted from 0; written `L3H7`.

    What a layer does with all its heads together has the index `TOGETHER`, and is written `L3`.
    """

    layer: int
    index: int

    def __str__(self) -> str:
        return f"L{self.layer}" if self.index == TOGETHER else f"L{self.layer}H{self.index}"

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read a head's name.

        >>> HeadId.parse("L3H7")
        HeadId(layer=3, index=7)
        >>> str(HeadId.parse("L3"))
        'L3'
        """
        if whole := _LAYER_NAME.fullmatch(name.strip()):
            return cls(int(whole[1]), TOGETHER)
        match = _HEAD_NAME.fullmatch(name.strip())
        if not match:
            raise RequestError(f"not a head: got {name!r}, allowed a name such as L3H7")
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True)
class Selection:
    """Layers and heads as they were asked for, before the model they belong to is known.

    Each is a comma-separated list of numbers and ranges (`0,3,5-7`), negative numbers count from the end, and
    `all` (or None) means every one. `heads` may instead list full names (`L0H2,L3H7`), which name layers too.
    """

    layers: str | None = None
    heads: str | None = None

    @property
    def names_heads(self) -> bool:
        """Whether `heads` lists full names such as `L3H7`."""
        return self.heads is not None and _HEAD_NAME.match(self.heads.strip()) is not None

    def resolve(self, layers: Sequence[int], heads: Sequence[int]) -> tuple[HeadId, ...]:
        """Pick from what a model has.

        Args:
            layers: the layer numbers there are, ascending.
            heads: the head numbers there are in each layer, ascending.

        Returns:
            The heads asked for, each once, in the order they were asked for.

        Raises:
            RequestError: the list cannot be read, or gives a layer twice over.
            OutOfRange: it names a layer or head that is not there.

        >>> [str(head) for head in Selection("-1", "0,2").resolve(range(6), range(12))]
        ['L5H0', 'L5H2']
        """
        if not self.names_heads:
            chosen_layers = _pick(self.layers, layers, "layer")
            chosen_heads = _pick(self.heads, heads, "head")
            return tuple(HeadId(layer, head) for layer in chosen_layers for head in chosen_heads)
        if self.layers is not None:
            raise RequestError(f"layer given twice: --layer {self.layers} and --head {self.heads}")
        names = [HeadId.parse(name) for name in (self.heads or "").split(",")]
        picked = (HeadId(_own(n.layer, layers, "layer"), _own(n.index, heads, "head")) for n in names)
        return tuple(dict.fromkeys(picked))


def _pick(spec: str | None, available: Sequence[int], kind: str) -> tuple[int, ...]:
    """Read one list of numbers and ranges against the numbers there are."""
    if spec is None or spec.strip().lower() == "all":
        return tuple(available)
    numbers: list[int] = []
    for part in spec.split(","):
        match = _RANGE.fullmatch(part.strip())
        if not match:
            raise RequestError(f"not a {kind}: got {part.strip()!r}, allowed 0,3,5-7, negatives or all")
        first = _own(int(match[1]), available, kind)
        last = first if match[2] is None else _own(int(match[2]), available, kind)
        if last < first:
            raise RequestError(f"empty {kind} range: got {part.strip()}, allowed the smaller number first")
        numbers += [number for number in available if first <= number <= last]
    return tuple(dict.fromkeys(numbers))


def _own(number: int, available: Sequence[int], kind: str) -> int:
    """Turn a number counted from either end into the model's own number."""
    if number in available:
        return number
    if number < 0 and -number <= len(available):
        return available[number]
    raise OutOfRange(f"no {kind} {number}: this model has {kind}s {numbers_as_ranges(available)}")


def numbers_as_ranges(numbers: Sequence[int]) -> str:
    """Write ascending numbers briefly.

    >>> numbers_as_ranges([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
