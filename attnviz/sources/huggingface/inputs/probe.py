"""What a model makes of a picture, found by trying: which positions it reaches, and what is added to them.

No list of models says where a class token stands or in which order patches come. What enters the first
attention does: a position that does not change with the picture was added by the model, and the parameter it
was made from gives it its name; a position that changes with some place of the picture is the patch of that
place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnviz.sources.huggingface.inputs.patches import PADDING
from attnviz.sources.huggingface.paths import intercepted
from attnviz.sources.huggingface.paths.call import Call

# How far a picture's numbers are moved to see what moves with them; small, so that the answer is a slope.
_STEP = 0.01

# What moves by less than this share of what moves most does not move.
_STILL = 1e-4

# Words of a parameter's name that say only that it is a token, and those that have a usual short form.
_IDLE = {"token", "tokens", "embedding", "embeddings", "embed", "weight", "param"}
_SHORT = {"class": "cls", "distillation": "dist", "register": "reg", "detection": "det"}

Wanted = Callable[[nn.Module], bool]
Enter = Callable[[Tensor], Tensor | None]


def first_call(module: nn.Module) -> bool:  # noqa: ARG001
    """Want the very first attention of a model."""
    return True


class _EnoughError(Exception):
    """Ends a run once what was wanted has been seen."""


@dataclass(frozen=True, eq=False)
class Turn:
    """A module attending: how many queries to how many keys."""

    module: nn.Module
    queries: int
    keys: int


def turns(model: nn.Module, arguments: Mapping[str, Any]) -> list[Turn]:
    """Run a model and list what attends, in order."""
    found: list[Turn] = []

    def note(call: Call) -> Tensor:
        found.append(Turn(call.module, call.queries, call.keys))
        return call.as_usual()

    with intercepted(model, note), torch.no_grad(), _same_chance():
        model(**arguments)
    return found


def stacks(model: nn.Module, modules: Sequence[nn.Module]) -> list[nn.Module]:
    """Find the stacks of layers that some modules belong to, in the order in which they attend.

    Layers of one stack differ in a number of their names; where names part at a word, two stacks part.

    Args:
        model: the network.
        modules: those that attend, in order.

    Returns:
        The part of the network that holds each stack; the network itself if there is but one.
    """
    names = {module: path.split(".") for path, module in model.named_modules()}
    paths = [names[module] for module in modules if module in names]
    common = 0
    while all(len(path) > common + 1 for path in paths) and len({path[common] for path in paths}) == 1:
        common += 1
    parts = list(dict.fromkeys(path[common] for path in paths))
    if len(parts) < 2 or any(part.isdigit() for part in parts):
        return [model]
    return [model.get_submodule(".".join([*paths[0][:common], part])) for part in parts]


def entering(model: nn.Module, arguments: Mapping[str, Any], wanted: Wanted, views: int = 1) -> Tensor | None:
    """Run a model up to the first attention of some part of it.

    Args:
        model: the network.
        arguments: what it is called with.
        wanted: says of a module that attends whether it is in that part.
        views: how many pictures, such as tiles, the model may look at side by side.

    Returns:
        What enters that attention, (position, d), view after view; None where it comes in other pieces, or in
        none.
    """
    given: dict[nn.Module, Tensor] = {}
    seen: list[Tensor | None] = []

    def remember(module: nn.Module, positional: tuple[object, ...], named: dict[str, object]) -> None:
        tensors = [value for value in (*positional, *named.values()) if isinstance(value, Tensor)]
        if tensors:
            given[module] = tensors[0]

    def note(call: Call) -> Tensor:
        if wanted(call.module):
            seen.append(_rows(given.get(call.module), call.queries, views))
            raise _EnoughError
        return call.as_usual()

    hooks = [module.register_forward_pre_hook(remember, with_kwargs=True) for module in model.modules()]
    try:
        with intercepted(model, note), _same_chance():
            model(**arguments)
    except _EnoughError:
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return seen[0] if seen else None


def slope(enter: Enter, pixels: Tensor, light: Tensor) -> Tensor | None:
    """Measure how what enters an attention answers to a little more light.

    The first layers of a model are nearly linear in a little of what it is given, so that thrice the light
    has thrice the answer: answers tell how strong the light was where a position looks.

    Args:
        enter: gives what enters the attention, (position, d), for numbers like `pixels`.
        pixels: the picture, or the sound, as the model is given it.
        light: what is added to it.

    Returns:
        The answer of each position to the light, (position, d); None where what enters could not be seen.
    """
    with torch.no_grad():
        ahead, behind = enter(pixels + _STEP * light), enter(pixels - _STEP * light)
    if ahead is None or behind is None or ahead.shape != behind.shape:
        return None
    return (ahead.double() - behind.double()) / (2 * _STEP)


def reaches(answer: Tensor) -> NDArray[np.bool_]:
    """Say which positions answer to light at all: (position,)."""
    strength = answer.norm(dim=-1)
    reached: NDArray[np.bool_] = (strength > _STILL * strength.max()).cpu().numpy()
    return reached


def strengths(answer: Tensor, even: Tensor) -> NDArray[np.float64]:
    """Say how strong light was at each position, from its answers to it and to light of strength 1."""
    shares: NDArray[np.float64] = ((answer * even).sum(dim=-1) / (even * even).sum(dim=-1)).cpu().numpy()
    return shares


def moved(before: Tensor, after: Tensor | None) -> NDArray[np.bool_] | None:
    """Say which positions are others than before.

    Shape:
        before: (position, d).
        after: the same.
        result: (position,).

    Returns:
        None where what was seen is not the same number of positions.
    """
    if after is None or before.shape != after.shape:
        return None
    change = (after.float() - before.float()).abs().amax(dim=-1)
    others: NDArray[np.bool_] = (change > _STILL * change.max()).cpu().numpy()
    return others


def added_names(
    model: nn.Module, enter: Callable[[], Tensor | None], others: NDArray[np.bool_]
) -> tuple[str, ...]:
    """Name the positions a model added itself by the parameters they are made from.

    Args:
        model: whose parameters.
        enter: gives what enters the attention, (position, d).
        others: (position,), which positions it did not add.

    Returns:
        A name for each added position, such as "[CLS]" or "[REG0]".
    """
    added = np.flatnonzero(~others).tolist()
    if not added:
        return ()
    parameters = {name: part for name, part in model.named_parameters() if part.requires_grad}
    with torch.enable_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        states = enter()
        if states is None or not states.requires_grad:
            return _numbered("added", len(added))
        # A sum over what a norm gives is the same whatever enters it, so the features are weighed unevenly.
        heights = states @ torch.randn(states.shape[-1], dtype=states.dtype, device=states.device)
        shared = _used(heights[torch.from_numpy(others)].sum(), parameters) if others.any() else {}
        own = {name: part for name, part in parameters.items() if name not in shared}
        return tuple(_name(_used(heights[place], own)) for place in added)


def _used(height: Tensor, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """The parameters that a number depends on, each with its gradient."""
    gradients = torch.autograd.grad(height, list(parameters.values()), retain_graph=True, allow_unused=True)
    return {
        name: gradient
        for name, gradient in zip(parameters, gradients, strict=True)
        if gradient is not None and bool(gradient.any())
    }


def _name(used: Mapping[str, Tensor]) -> str:
    """Name an added token by the parameter that it alone, or it and its like, is made from; none fills up."""
    if not used:
        return PADDING
    path, gradient = next(iter(used.items()))
    words = [word for word in path.split(".")[-1].split("_") if word not in _IDLE]
    words = words or [word for word in path.split(".")[-2].split("_") if word not in _IDLE] or ["added"]
    name = "_".join(_SHORT.get(word, word) for word in words).upper()
    rows = gradient.reshape(-1, gradient.shape[-1])
    return f"[{name}]" if len(rows) == 1 else f"[{name}{int(rows.abs().amax(dim=-1).argmax())}]"


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"[{name.upper()}{number}]" for number in range(count))


def _rows(given: Tensor | None, queries: int, views: int) -> Tensor | None:
    """What enters a module as rows (position, d), if it is one whole sequence, or one of each view.

    A sequence may then be cut up for several calls.
    """
    if given is None or not given.is_floating_point():
        return None
    if given.ndim == 3 and len(given) == 1:
        given = given[0]
    if given.ndim == 2:
        return given if len(given) >= queries else None
    if given.ndim != 3 or queries not in given.shape[:2]:
        return None
    sequences = given if given.shape[1] == queries else given.transpose(0, 1)
    return sequences.flatten(0, 1) if len(sequences) in (1, views) else None


@contextmanager
def _same_chance() -> Iterator[None]:
    """Let whatever a model leaves to chance come out as in the run that is captured."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
