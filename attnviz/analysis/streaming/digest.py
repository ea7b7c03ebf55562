"""What is left of an input whose squares do not fit: maps in cells, top keys, measures, findings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import isnan

import numpy as np

from attnviz.analysis.findings import Average, Focus, HeadFocus
from attnviz.analysis.measures.measured import Measured
from attnviz.analysis.patterns.naming import Pattern
from attnviz.analysis.streaming.topkeys import Top
from attnviz.frame import Frame
from attnviz.record import Attention

# What is compared field by field: some of their numbers may be NaN.
_OF_NUMBERS = (Frame, Measured, Focus, HeadFocus, Pattern, Average)


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

    def _repr_html_(self) -> str:
        """Show itself in a notebook, as a record does."""
        from attnviz import inline

        return inline(self)

    def __repr__(self) -> str:
        tokens = f"{len(self.frame.queries)} queries x {len(self.frame.keys)} keys"
        cells = f"{len(self.maxima.queries)} x {len(self.maxima.keys)}"
        return f"Digest({self.frame.model}: {len(self.frame.head_ids)} heads, {tokens} in {cells} cells)"


def _alike(one: object, other: object) -> bool:
    """Compare results that hold arrays; what is no number on both sides is alike."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (isnan(one) and isnan(other))
    if isinstance(one, tuple) and isinstance(other, tuple):
        return one == other or (len(one) == len(other) and all(map(_alike, one, other)))
    if isinstance(one, _OF_NUMBERS) and type(one) is type(other):
        return all(_alike(getattr(one, each.name), getattr(other, each.name)) for each in fields(one))
    return bool(one == other)
