"""What must hold of every capture: each check raises, or notes that it held and how closely."""

from dataclasses import dataclass, replace
from functools import cache
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from attnviz.errors import CaptureFailed
from attnviz.record import MASS_TOLERANCE
from attnviz.sources.base import Check

CALLS = "every layer attends as it did when the model was watched"
FINITE = "every weight is a finite number"
POSITIVE = "no weight is negative"
MASS = "no query's mass is above 1"
HIDDEN = "no weight is on a key hidden from its query"
EXPLAINED = "the weights make the output of their layer"
VALUES = "weights times values make it too"
TOKENS = "the tokens line up with the weights"
UNCHANGED = "the model gives what it gives uncaptured"

# How far two ways to one result may be apart, by the precision the model computes in.
_TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-6}
_COARSE = 5e-2

# Each weight in half precision is rounded by up to a part in 256 or 2,048, and a row's rounding may add up.
_MASS_TOLERANCE = {torch.bfloat16: 1 / 128, torch.float16: MASS_TOLERANCE}


class Checks:
    """The checks a capture passed, each with the worst it met."""

    def __init__(self) -> None:
        self._passed: dict[str, tuple[float, str]] = {}

    def passed(self, name: str, worst: float = 0.0, detail: str = "") -> None:
        """Note that a check held.

        Args:
            name: what held, one of the names above.
            worst: how close it came to failing; of several notes the largest stays.
            detail: what to say of it.
        """
        if name not in self._passed or worst > self._passed[name][0]:
            self._passed[name] = (worst, detail)

    def all(self) -> tuple[Check, ...]:
        """Give them in the order in which they were first made."""
        return tuple(Check(name, detail) for name, (_, detail) in self._passed.items())


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of one layer's attention, and what is known of them.

    Attributes:
        layer: the number of the layer.
        weights: (head, query, key).
        visible: bool (query, key), True where a query may look; None where each sees every key.
        values: (key head, key, d_v), several heads in a row sharing one key head; None if not seen.
        output: (head, query, d_v), made beside the weights; one head where heads are already mixed.
        usual: the same rows of what the model itself made and went on with.
    """

    layer: int
    weights: Tensor
    visible: Tensor | None
    values: Tensor | None
    output: Tensor
    usual: Tensor


def checked(rows: Rows, checks: Checks) -> Tensor:
    """Hold rows against all that is known of them, and give their weights (head, query, key).

    A query that sees no key at all, such as padding, has no defined output: every attention function makes up
    another one. It is not checked, and has no weights.

    Raises:
        CaptureFailed: the rows fail a check.
    """
    blind = None if rows.visible is None else ~rows.visible.any(dim=-1)
    if blind is not None and bool(blind.any()):
        weights = rows.weights.masked_fill(blind[:, None], 0)
        if not bool(blind.all()):
            _check(_keep(rows, ~blind), checks)
        return weights
    return _check(rows, checks)


def _check(rows: Rows, checks: Checks) -> Tensor:
    mass = rows.weights.sum(dim=-1, dtype=torch.float32)
    found = _found(rows, mass)
    _check_weights(rows, found, checks)
    _check_explained(rows, found, checks)
    if found.by_values is not None:
        _check_values(rows, found.by_values, checks)
    return _unrounded(rows.weights, mass)


@dataclass(frozen=True)
class _Found:
    """What checks ask of rows, all numbers brought from their device at once.

    Attributes:
        least: the smallest weight.
        most: the largest mass of a row.
        hidden: the largest weight on a key hidden from its query; None where each query sees every key.
        largest: the largest number of the model's output, and `apart` how far ours is from it.
        by_values: how far weights times values are from it, in parts of the largest; None if not seen.
    """

    least: float
    most: float
    hidden: float | None
    largest: float
    apart: float
    by_values: float | None


def _found(rows: Rows, mass: Tensor) -> _Found:
    """Look through rows of which each sees a key; their mass is (head, query).

    One number that is not finite is enough to make the smallest or the largest of them not finite.
    """
    weights, usual = rows.weights, rows.usual
    asked = {
        "least": weights.min(),
        "most": mass.max(),
        "largest": usual.abs().max(),
        "apart": (rows.output - usual).abs().max(),
    }
    if rows.visible is not None:
        asked["hidden"] = weights.amax(dim=0).masked_fill(rows.visible, 0).max()
    if rows.values is not None and rows.output.shape[0] == weights.shape[0]:
        asked["by_values"] = _by_values(weights, rows.values, usual)
    numbers = torch.stack([number.float() for number in asked.values()]).tolist()
    got = dict(zip(asked, numbers, strict=True))
    return _Found(
        got["least"],
        got["most"],
        got.get("hidden"),
        got["largest"],
        got["apart"] / max(1.0, got["largest"]),
        got.get("by_values"),
    )


def _by_values(weights: Tensor, values: Tensor, usual: Tensor) -> Tensor:
    """Say how far weights times values are from an output, in parts of its largest number above 1.

    Shape:
        weights: (head, query, key).
        values: (key head, key, d_v).
        usual: (head, query, d_v).
    """
    exact = values.dtype if values.dtype in _TOLERANCE else torch.float32
    along = direction(values.shape[-1], exact, values.device)
    columns = (values.to(exact) @ along).repeat_interleave(len(weights) // len(values), dim=0)
    return apart_along(weights.to(exact), columns, usual.to(exact) @ along)[0]


def apart_along(weights: Tensor, values: Tensor, given: Tensor, layers: int = 1) -> Tensor:
    """Say how far weights times values are from an output, both in one direction: see `direction`.

    Two products of matrices that differ do so in nearly every direction (Freivalds 1977, Probabilistic
    machines can use less running time): every row is looked at for the price of one column.

    Shape:
        weights: (head, query, key), of one layer or as many heads of each of several.
        values: (head, key).
        given: (head, query).
        result: (layer,), in parts of the largest number that is given there, where that is above 1.
    """
    # A product with a single column is up to ten times as slow as one with a single row.
    made = (values[:, None] @ weights.transpose(1, 2))[:, 0]
    apart, largest = (side.abs().reshape(layers, -1).amax(dim=1) for side in (made - given, given))
    return apart / largest.clamp_min(1)


@cache
def direction(width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Give a vector of ones, each with a sign taken by chance, the same every time: (width,)."""
    signs = torch.randint(2, (width,), generator=torch.Generator().manual_seed(0))
    return (2 * signs - 1).to(device, dtype)


def _keep(rows: Rows, kept: Tensor) -> Rows:
    """Leave some queries out; `kept` is bool (query,)."""
    visible = None if rows.visible is None else rows.visible[kept]
    return replace(
        rows,
        weights=rows.weights[:, kept],
        visible=visible,
        output=rows.output[:, kept],
        usual=rows.usual[:, kept],
    )


def _check_weights(rows: Rows, found: _Found, checks: Checks) -> None:
    """Check that rows are attention weights, and that none is on a key its query could not see."""
    layer = rows.layer
    if not (isfinite(found.least) and isfinite(found.most)):
        raise CaptureFailed(f"layer {layer} has a weight that is not a finite number")
    checks.passed(FINITE)
    if found.least < 0:
        raise CaptureFailed(f"layer {layer} has a negative weight: got {found.least:.3g}, allowed 0 or more")
    checks.passed(POSITIVE)
    if found.most > 1 + _MASS_TOLERANCE.get(rows.weights.dtype, MASS_TOLERANCE):
        raise CaptureFailed(f"a row of layer {layer} sums to {found.most:.4g}, allowed at most 1")
    checks.passed(MASS, found.most, f"the largest is {found.most:.6f}")
    if found.hidden is not None:
        if found.hidden > 0:
            key = f"a key hidden from it: got {found.hidden:.3g}, allowed 0"
            raise CaptureFailed(f"a query of layer {layer} has weight on {key}")
        checks.passed(HIDDEN)


def _unrounded(weights: Tensor, mass: Tensor) -> Tensor:
    """Give weights in which rounding to half precision brings no row's mass above 1."""
    if weights.dtype not in _MASS_TOLERANCE:
        return weights
    return weights.float() / mass.clamp(min=1.0)[..., None]


def _check_explained(rows: Rows, found: _Found, checks: Checks) -> None:
    """Check that the output made beside the weights is the one the model went on with."""
    if not isfinite(found.largest):
        raise CaptureFailed(f"layer {rows.layer} gives something that is not a finite number")
    if not found.apart <= tolerance(rows.usual):
        far = f"{found.apart:.2g} apart"
        raise CaptureFailed(f"the weights of layer {rows.layer} do not explain its output: {far}")
    checks.passed(EXPLAINED, found.apart, _closely(found.apart))


def _check_values(rows: Rows, apart: float, checks: Checks) -> None:
    """Check that weights times values make the output.

    This notices weights that are not the ones the output was made with.
    """
    if not apart <= tolerance(rows.usual):
        raise CaptureFailed(f"the weights of layer {rows.layer} do not fit its values: {apart:.2g} apart")
    checks.passed(VALUES, apart, _closely(apart))


def check_unchanged(checks: Checks, output: Any, usual: Any, name: str) -> None:  # noqa: ANN401 - see _states
    """Check that the model gave what it gives when nothing is captured.

    Raises:
        CaptureFailed: it gave something else.
    """
    apart = _apart_by(output, usual)
    if not apart <= tolerance(*_states(usual)):
        raise CaptureFailed(f"the capture changed what {name} gives: {apart:.2g} apart")
    checks.passed(UNCHANGED, apart, _closely(apart))


def alike(ours: Tensor, theirs: Tensor, *, coarse: bool = False) -> bool:
    """Say whether two ways to one result agree, as a share of the largest number, which must be finite.

    Args:
        ours: one result.
        theirs: the other, in the precision the model computes in.
        coarse: whether it computes with numbers it keeps in fewer digits than that.
    """
    largest = float(theirs.abs().max()) if theirs.numel() else 0.0
    allowed = _COARSE if coarse else tolerance(theirs)
    return isfinite(largest) and bool(((ours - theirs).abs() <= allowed * largest).all())


def steady(one: Any, other: Any) -> bool:  # noqa: ANN401 - what a model gives has no common class
    """Say whether two runs of a model gave the same."""
    return _apart_by(one, other) <= tolerance(*_states(other))


def _apart_by(one: Any, other: Any) -> float:  # noqa: ANN401
    """How far apart two results of a model are: infinitely, if in shape or in what is finite."""
    ours, theirs = _states(one), _states(other)
    alike = [state.shape for state in ours] == [state.shape for state in theirs] and all(
        torch.equal(a.isfinite(), b.isfinite()) for a, b in zip(ours, theirs, strict=True)
    )
    if not alike:
        return float("inf")
    return max((_apart(a.nan_to_num(), b.nan_to_num()) for a, b in zip(ours, theirs, strict=True)), default=0)


def _closely(apart: float) -> str:
    return f"at most {apart:.1g} apart" if apart else "exactly"


def _apart(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, in parts of the largest number where that is above 1."""
    if not theirs.numel():
        return 0.0
    return float((ours - theirs).abs().max()) / max(1.0, float(theirs.abs().max()))


def tolerance(*results: Tensor) -> float:
    """Say how far two ways to one result may be apart: that of the coarsest precision among some results."""
    return max((_TOLERANCE.get(result.dtype, _COARSE) for result in results), default=0)


def _states(output: Any) -> list[Tensor]:  # noqa: ANN401 - what a model gives has no common class
    """The numbers a model gave; what it caches or repeats in nested tuples follows from the same layers."""
    if isinstance(output, Tensor):
        return [output]
    values = output.values() if hasattr(output, "values") else output
    return [value for value in values if isinstance(value, Tensor) and value.is_floating_point()]
