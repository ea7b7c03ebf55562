"""What becomes of the heads' outputs: the projection that takes them, read off what it does.

No list of names: after a layer has attended, whichever module is handed just what its heads gave is the
projection, if it is affine. Vectors with one number each are then sent through it, and what comes out are the
rows of its matrix, whether it keeps that as it is, transposed, packed, in a convolution or in several parts.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnviz.errors import AttnvizError, BudgetError
from attnviz.sources.huggingface.capturing.checks import alike
from attnviz.sources.huggingface.faults import is_out_of_memory
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.paths.multihead import MultiheadCall
from attnviz.sources.huggingface.paths.rerun import hooked
from attnviz.sources.huggingface.watching.sites import Site
from attnviz.sources.keep import refuse_beyond_memory

Numbers = NDArray[np.float32]
Mix = Callable[[Tensor], Tensor]

# How large the one number is: it makes an added bias small beside it, even in half precision. A power of two,
# so that dividing by it rounds nothing.
_LARGE = 1024.0

# On so many rows what was read off is held against what the projection gave.
_SAMPLE = 64

# How channels may lie in what modules take: last, or behind the batch as in convolutions.
_AXES = (-1, 1)


@dataclass(frozen=True, eq=False)
class _Given:
    """What the heads of a layer gave.

    Attributes:
        site: its call, of several the last one.
        heads: how many heads.
        forms: as (row, head x d_v), what the last call gave, and what all of the layer gave until now.
    """

    site: Site
    heads: int
    forms: tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class _Projection:
    """What a layer's heads go through.

    Attributes:
        module: what does it; None where torch's multi-head function does.
        weights: (head, d_v, d_model) of the heads kept.
        bias: (d_model,), what it gives for nothing.
    """

    module: nn.Module | None
    weights: Numbers
    bias: Numbers


class KeepProjections:
    """Keeps of each layer it is shown what becomes of some heads' outputs.

    A layer whose heads go through anything else first (a norm of all of them, a gate, a difference of two)
    has no such projection: what a key adds depends on the rest then.
    """

    def __init__(self, layers: Collection[int], heads: Sequence[int]) -> None:
        self._layers = tuple(layers)
        self._heads = list(heads)
        self._given: _Given | None = None
        self._found: dict[int, _Projection] = {}
        self._trying = False

    @contextmanager
    def watching(self, model: nn.Module) -> Iterator[None]:
        """Watch what every module of a model is handed, and gives."""
        with ExitStack() as hooks:
            for module in model.modules():
                if not isinstance(module, torch.jit.ScriptModule):
                    hooks.enter_context(hooked(module.register_forward_hook(self._leave, with_kwargs=True)))
            yield

    def take(self, site: Site, call: Call, usual: Tensor) -> None:
        """Note what a call gave, for whoever is handed it."""
        rows = _own_rows(site, call, usual)
        before = self._given
        further = before is not None and before.site.layer == site.layer and (site.start or site.first_key)
        whole = torch.cat([before.forms[-1], rows]) if before is not None and further else rows
        self._given = _Given(site, site.seen.shape[1], (rows, whole))
        if isinstance(call, MultiheadCall):
            self._keep(None, lambda given: call.finished(given)[0], rows, call.finished(rows)[0])

    def projections(self) -> tuple[Numbers, Numbers] | None:
        """Give the weights (layer, head, d_v, d_model) and biases (layer, d_model), layers ascending.

        Returns:
            None unless the projection of every layer was found.
        """
        found = [self._found.get(layer) for layer in sorted(self._layers)]
        known = [projection for projection in found if projection is not None]
        if len(known) < len(found) or len({projection.weights.shape for projection in known}) > 1:
            return None
        return np.stack([one.weights for one in known]), np.stack([one.bias for one in known])

    def _leave(self, module: nn.Module, given: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:  # noqa: ANN401
        """See whether a module took what the heads gave, and nothing else."""
        if self._given is None or self._trying or named or len(given) != 1:
            return
        entered = given[0]
        if not isinstance(entered, Tensor) or not isinstance(output, Tensor) or entered.ndim < 2:
            return
        before = self._found.get(self._given.site.layer)
        if before is not None and (before.module is None or before.module not in set(module.modules())):
            return  # of those that hold one another the outermost is meant, else the first
        for axis in _AXES:
            rows = _as_rows(entered, axis)
            if any(_same(rows, form) for form in self._given.forms):
                self._keep(module, _laid(module, entered.ndim, axis), rows, _as_rows(output, axis))
                return

    def _keep(self, module: nn.Module | None, mix: Mix, rows: Tensor, made: Tensor) -> None:
        """Read a projection off, if it is one."""
        assert self._given is not None
        if len(made) != len(rows) or torch.equal(rows, made):
            return  # such as dropout, which does nothing in evaluation
        d_v = rows.shape[-1] // self._given.heads
        numbers = len(self._layers) * len(self._heads) * d_v * made.shape[-1]
        refuse_beyond_memory(
            numbers, f"the output projections of {len(self._layers)} layers x {len(self._heads)} heads"
        )
        channels = torch.tensor(
            [head * d_v + place for head in self._heads for place in range(d_v)], device=rows.device
        )
        self._trying = True
        try:
            with torch.no_grad():
                matrix, bias = _read_off(mix, rows, channels)
                holds = _explains(mix, matrix, channels, rows, made, coarse=_is_packed(module))
        except AttnvizError:
            raise
        except Exception as error:  # a module that is no projection may raise anything when it is tried out
            if is_out_of_memory(error):
                raise BudgetError("out of memory: the output projection of a layer does not fit") from error
            return
        finally:
            self._trying = False
        if holds:
            weights = _on_cpu(matrix).reshape(len(self._heads), d_v, -1)
            self._found[self._given.site.layer] = _Projection(module, weights, _on_cpu(bias))


def _own_rows(site: Site, call: Call, usual: Tensor) -> Tensor:
    """Lay out what a call gave as (row, head x d_v), one square after the other."""
    squares, heads, queries, _ = site.seen.shape
    apart = call.by_head(usual).reshape(squares, heads, queries, -1)
    return apart.transpose(1, 2).reshape(squares * queries, -1)


def _same(rows: Tensor, form: Tensor) -> bool:
    """Say whether rows are what heads gave, in whatever precision."""
    alike = rows.shape == form.shape and rows.device == form.device
    return alike and torch.equal(rows, form.to(rows.dtype))


def _as_rows(numbers: Tensor, axis: int) -> Tensor:
    """Lay numbers out as (row, channel)."""
    return numbers.movedim(axis, -1).flatten(0, -2)


def _laid(module: nn.Module, dimensions: int, axis: int) -> Mix:
    """Let a module take and give (row, channel), though it is used to more dimensions."""

    def mix(rows: Tensor) -> Tensor:
        laid = rows.reshape((1,) * (dimensions - 2) + rows.shape).movedim(-1, axis)
        return _as_rows(module(laid), axis)

    return mix


def _read_off(mix: Mix, rows: Tensor, channels: Tensor) -> tuple[Tensor, Tensor]:
    """Read an affine map: what it makes of some channels (channel, d_model), and of nothing (d_model,)."""
    units = rows.new_zeros(len(channels), rows.shape[-1])
    units.scatter_(1, channels[:, None], _LARGE)
    nothing = mix(torch.zeros_like(units[:1]))
    return (mix(units).float() - nothing.float()) / _LARGE, nothing[0]


def _explains(
    mix: Mix, matrix: Tensor, channels: Tensor, rows: Tensor, made: Tensor, *, coarse: bool
) -> bool:
    """Say whether a map gave what its matrix makes of some channels, plus what it makes of all others.

    With every channel the others are nothing: then it is the matrix and the bias that are held against it.
    """
    sample = torch.arange(0, len(rows), -(-len(rows) // _SAMPLE))
    others, own = rows[sample].clone(), rows[sample][:, channels]
    others[:, channels] = 0
    return alike(mix(others).float() + own.float() @ matrix, made[sample], coarse=coarse)


def _is_packed(module: nn.Module | None) -> bool:
    """Say whether a module keeps its numbers in another form than it computes with."""
    return module is not None and not any(
        part.is_floating_point() and part.ndim > 1 for part in module.parameters()
    )


def _on_cpu(numbers: Tensor) -> Numbers:
    found: Numbers = numbers.detach().float().cpu().numpy()
    return found
