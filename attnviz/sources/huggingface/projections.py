"""Which matrices a layer attends with, found by following queries, keys and values back to what made them.

No list of names: in one model the matrix of the queries is called "q_proj", in the next it is a third of
"c_attn", in another the queries pass through two. What torch remembers for a backward pass tells.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from attnviz.anatomy import KEY, OUTPUT, QUERY, VALUE, WHOLE, Projection
from attnviz.record import Block
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.paths import intercepted
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.watching.sites import Site

Found = dict[Block, dict[int, tuple[Projection, ...]]]


def find_projections(feed: Feed, sites: Sequence[Site]) -> Found:
    """Find the matrices of every layer that attends.

    Args:
        feed: what the model reads.
        sites: its attention calls, in order.

    Returns:
        For each block and layer the matrices, queries' first and the output's last; where torch cannot say
        what made what, such as for packed weights, every matrix of the module that attends.
    """
    finder = _Finder(feed.model, sites)
    # Not every model runs where gradients are kept; what was found until then is right.
    with suppress(Exception), finder.watching(), torch.enable_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        feed.model(**feed.arguments)
    return finder.found()


class _Finder:
    """Follows one pass of a model."""

    def __init__(self, model: nn.Module, sites: Sequence[Site]) -> None:
        self._model = model
        self._sites = sites
        self._coming = iter(sites)
        self._names = {id(part): name for name, part in model.named_parameters()}
        self._modules = {id(module): name for name, module in model.named_modules()}
        self._roles: dict[tuple[Block, int], dict[str, list[str]]] = {}
        # The matrices that took vectors as long as the output of a layer's attention, since it attended.
        self._takers: dict[tuple[Block, int], list[str]] = {}
        self._last: tuple[tuple[Block, int], int] | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch attention, what takes its output, and keep each layer's history apart from the next one's."""
        entries = {_entry(self._model, site.seen.name) for site in self._sites} - {""}
        with ExitStack() as stack:
            for name in entries:
                hook = self._model.get_submodule(name).register_forward_pre_hook(_forget, with_kwargs=True)
                stack.callback(hook.remove)
            for module in self._model.modules():
                if _matrix(module) is not None:
                    stack.callback(module.register_forward_pre_hook(self._take).remove)
            paths = {site.seen.path for site in self._sites}
            stack.enter_context(intercepted(self._model, self._attend, paths))
            yield

    def _attend(self, call: Call) -> Tensor:
        site = next(self._coming)
        if site.block is not None and call.vectors is not None:
            place = (site.block, site.layer)
            roles = self._roles.setdefault(place, {})
            for role, vectors in zip((QUERY, KEY, VALUE), call.vectors, strict=True):
                for name in self._behind(vectors, site.seen.name):
                    roles.setdefault(name, [])
                    roles[name] += [role] if role not in roles[name] else []
            self._last = (place, call.heads * call.vectors[2].shape[-1])
        return call.as_usual()

    def _take(self, module: nn.Module, given: tuple[Any, ...]) -> None:
        """Note a matrix that attention's output may pass through, by the length of what it takes."""
        if self._last is not None and given and isinstance(given[0], Tensor):
            place, length = self._last
            if given[0].shape[-1] == length:
                self._takers.setdefault(place, []).append(f"{self._modules[id(module)]}.weight")

    def _behind(self, vectors: Tensor, module: str) -> list[str]:
        """Name the matrices that vectors were made with, in the module that attends or one around it."""
        names = [name for name in self._leaves(vectors) if self._shape(name)]
        outermost = _entry(self._model, module)
        while True:
            within = [name for name in names if name.startswith(f"{module}.")]
            if within or module in ("", outermost):
                return within
            module = module.rpartition(".")[0]

    def _leaves(self, vectors: Tensor) -> list[str]:
        """Name all parameters that vectors were made with, in the order of their use."""
        found: dict[str, None] = {}
        queue, met = deque([vectors.grad_fn]), set()
        while queue:
            step = queue.popleft()
            if step is None or step in met:
                continue
            met.add(step)
            if (name := self._names.get(id(getattr(step, "variable", None)))) is not None:
                found[name] = None
            queue += [before for before, _ in step.next_functions]
        return list(found)[::-1]

    def _shape(self, name: str) -> tuple[int, int] | None:
        """Inputs and outputs of a matrix; None for what is none, such as a norm's gain."""
        owner = self._model.get_submodule(name.rpartition(".")[0])
        part = self._model.get_parameter(name)
        if part.ndim < 2 or isinstance(owner, nn.Embedding):
            return None
        outputs, inputs = part.shape[0], math.prod(part.shape[1:])
        return (outputs, inputs) if isinstance(owner, Conv1D) else (inputs, outputs)

    def found(self) -> Found:
        """Give what was found, layer by layer."""
        layers: Found = {}
        for site in self._sites:
            if site.block is None:
                continue
            place, inside = (site.block, site.layer), self._within(site.seen.name)
            roles = self._roles.get(place) or {name: [WHOLE] for name in inside}
            roles = roles | {name: [OUTPUT] for name in self._output(place, inside) if name not in roles}
            made = [self._projection(name, tuple(roles[name])) for name in roles]
            layers.setdefault(site.block, {})[site.layer] = tuple(made)
        return layers

    def _output(self, place: tuple[Block, int], inside: Sequence[str]) -> list[str]:
        """Name the matrix that a layer's output passes through: the first that takes vectors of its length.

        Where it is not called as a module, it is what the module that attends has beside the others.
        """
        takers = [name for name in self._takers.get(place, ()) if name not in self._roles[place]]
        beside = [name for name in inside if name not in self._roles.get(place, inside)]
        return ([name for name in takers if name in inside] or beside or takers)[:1]

    def _within(self, module: str) -> list[str]:
        """Name every matrix of a module that is a module of its own."""
        inner = self._model.get_submodule(module).named_modules(prefix=module)
        return [f"{name}.weight" for name, part in inner if _matrix(part) is not None]

    def _projection(self, name: str, roles: tuple[str, ...]) -> Projection:
        shape = self._shape(name) or (0, 0)
        bias = name.removesuffix("weight") + "bias"
        parts = [part for part in (name, bias) if part in self._names.values()]
        numbers = sum(self._model.get_parameter(part).numel() for part in parts)
        return Projection(roles, name.removesuffix(".weight"), *shape, numbers)


def _matrix(module: nn.Module) -> Tensor | None:
    """The matrix of a module that is nothing else."""
    weight = getattr(module, "weight", None)
    plain = isinstance(weight, Tensor) and weight.ndim == 2 and not isinstance(module, nn.Embedding)
    return weight if plain else None


def _entry(model: nn.Module, module: str) -> str:
    """The layer a module is in: the innermost entry of a list of modules; empty where there is none."""
    parts = module.split(".")
    for stop in range(len(parts) - 1, 0, -1):
        if isinstance(model.get_submodule(".".join(parts[:stop])), nn.ModuleList):
            return ".".join(parts[: stop + 1])
    return ""


def _forget(_: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Cut what a layer is given off from what made it."""
    return _cut(given), _cut(named)


def _cut(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Tensor):
        return value.detach()
    if type(value) in (tuple, list):
        return type(value)(map(_cut, value))
    return {name: _cut(part) for name, part in value.items()} if type(value) is dict else value


def not_attending(model: nn.Module, attending: Sequence[str]) -> Mapping[str, Mapping[int, str]]:
    """Find the layers beside those that attend, and say what they hold instead.

    Args:
        model: the network.
        attending: the names of the modules that attend; with none, its longest list of modules is described.

    Returns:
        For each list of layers in which some attend and some do not, the numbers of the others, and the names
        (where those are the same: the classes) of their parts that no layer that attends has.
    """
    found: dict[str, dict[int, str]] = {}
    for stack in _stacks(model, attending):
        entries = list(model.get_submodule(stack).named_children())
        inside = [any(name.startswith(f"{stack}.{key}.") for name in attending) for key, _ in entries]
        usual = {
            part for (_, entry), has in zip(entries, inside, strict=True) if has for part in _parts(entry)
        }
        others = {
            number: _instead(entry, usual)
            for number, ((_, entry), has) in enumerate(zip(entries, inside, strict=True))
            if not has
        }
        if others:
            found[stack] = others
    return found


def _stacks(model: nn.Module, attending: Sequence[str]) -> list[str]:
    """Name the outermost lists of modules that layers are in."""
    lists = [name for name, module in model.named_modules() if isinstance(module, nn.ModuleList)]
    if not attending:
        longest = sorted(lists, key=lambda name: -len(list(model.get_submodule(name).children())))
        return longest[:1]
    outermost = [
        min((n for n in lists if name.startswith(f"{n}.")), key=len, default="") for name in attending
    ]
    return sorted(set(outermost) - {""})


def _parts(entry: nn.Module) -> set[tuple[str, str]]:
    return {(name, type(module).__name__) for name, module in entry.named_children()}


def _instead(entry: nn.Module, usual: set[tuple[str, str]]) -> str:
    """Say what a layer has that those that attend have not."""
    names = {name for name, _ in usual}
    own = _parts(entry)
    if usual and (new := sorted(name for name, _ in own if name not in names)):
        return ", ".join(new)
    other = sorted(kind for _, kind in own - usual) if usual else []
    return ", ".join(other) or type(entry).__name__
