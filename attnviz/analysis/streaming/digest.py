"""What is left of an input whose squares do not fit: maps in cells, top keys, measures, findings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass

import numpy as np

from attnviz.analysis.findings import Focus
from attnviz.analysis.measures.measured import Measured
from attnviz.analysis.streaming.topkeys import Top
from attnviz.frame import Frame
from attnviz.record import Attention


@dataclass(frozen=True, eq=False, repr=False)
class Digest:
    """What is left of an input's attention, whose weights were seen once and not kept.

    Attributes:
        frame: the input: every token, and the layers and heads that were looked at.
        maxima: of every head the largest weight of each cell, as a record whose tokens are runs of tokens.
        means: the same with the mean of those weights of a cell that a query could see.
        top: the keys each query reads most; None where they were left out.
        measured: the measures of every head, of all its weights; None where they were not asked for.
        focus: what each head reads, told from all its weights; None where it was not asked for.
        left_out: by name, what was left out, and why.
    """

    frame: Frame
    maxima: Attention
    means: Attention
    top: Top | None = None
    measured: Measured | None = None
    focus: Focus | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Digest) and all(
            _alike(getattr(self, one.name), getattr(other, one.name)) for one in fields(self)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        tokens = f"{len(self.frame.queries)} queries x {len(self.frame.keys)} keys"
        cells = f"{len(self.maxima.queries)} x {len(self.maxima.keys)}"
        return f"Digest({self.frame.model}: {len(self.frame.head_ids)} heads, {tokens} in {cells} cells)"


def _alike(one: object, other: object) -> bool:
    """Compare results that hold arrays; what is no number on both sides is alike."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    if isinstance(one, Frame | Measured) and is_dataclass(other) and type(one) is type(other):
        return all(_alike(getattr(one, each.name), getattr(other, each.name)) for each in fields(one))
    return bool(one == other)
