"""Records whose numbers are made of weights: pictures and tables show them as they show weights."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.through.flow import flow
from attnviz.analysis.through.gradients import supporting
from attnviz.analysis.through.norms import joint_norms, norms
from attnviz.analysis.through.relevance import relevance
from attnviz.analysis.through.rollout import rollout, shares
from attnviz.errors import OutOfRange, RequestError
from attnviz.frame import refuse_pooled
from attnviz.outcome import Gradients
from attnviz.record import Attention, Mask, View
from attnviz.selection import TOGETHER, numbers_as_ranges

Numbers = NDArray[np.floating]


@dataclass(frozen=True)
class Needs:
    """What a view is made of, beside weights.

    Attributes:
        internals: the values and the output projection they go through.
        answer: how an answer depends on the weights.
        layers_below: every layer below those shown, and all heads of each; it gives one map for each layer.
    """

    internals: bool = False
    answer: bool = False
    layers_below: bool = False


NEEDS: Mapping[View, Needs] = MappingProxyType(
    {
        "weights": Needs(),
        "norms": Needs(internals=True),
        "gradients": Needs(answer=True),
        "rollout": Needs(layers_below=True),
        "flow": Needs(layers_below=True),
        "relevance": Needs(answer=True, layers_below=True),
    }
)

# What can be made of weights.
_MADE = tuple(kind for kind in NEEDS if kind != "weights")


def view(
    record: Attention,
    kind: View,
    *,
    layers: Sequence[int] | None = None,
    gradients: Gradients | None = None,
    attending: Iterable[int] | None = None,
) -> Attention:
    """Make a record whose numbers are another view of what its heads read.

    "norms": the norm-weighted weights of `norms`, of each row as shares of its sum. "gradients": what speaks
    for an answer, see `supporting`, divided by the largest row sum of the result, so that rows and heads can
    be compared. "rollout", "flow" and "relevance" go through all layers below, and give one map for each
    layer, whose head is `TOGETHER`. `rollout` and `flow` of a causal model are taken relative to even
    attention; the functions themselves also give them without. Rows of flow are shares of their sum; so are
    those of `relevance`, without what each token has of itself from the start.

    Args:
        record: one input's weights, with all heads of each layer where the view goes through layers. Of
            tokens that were taken out of it nothing is known any more: take them out of the view instead.
        kind: which view.
        layers: the layers to give; None means every one of the record.
        gradients: how the answer meant depends on the record's weights, where the view asks for it.
        attending: the numbers of the layers that attend, for models in which others stand between them; None
            means all from 0 on.

    Returns:
        A record of the same tokens; rows hold at most 1.

    Raises:
        RequestError: there is no such view, it is made already, the answer is missing, or the view goes
            through layers that the record lacks or that attend to other tokens.
        OutOfRange: the record lacks one of the layers asked for.
        MissingInternals: the view needs the values and the output projection, and the record lacks them.

    >>> import attnviz
    >>> lower = [[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]]
    >>> upper = [[1, 0, 0], [0.4, 0.6, 0], [0.1, 0.6, 0.3]]
    >>> record = attnviz.from_arrays([[lower], [upper]], ["a", "b", "c"])
    >>> view(record, "rollout", layers=[1]).head("L1")[1].tolist()
    [0.4000000059604645, 0.6000000238418579, 0.0]
    """
    refuse_pooled(record)
    chosen = _chosen(record, kind, layers)
    needs = NEEDS[kind]
    values = _values(record, kind, gradients) if needs.answer else None
    answer = _in_words(gradients) if needs.answer and gradients is not None else None
    if needs.layers_below:
        _check_way(record, kind, chosen[-1], attending)
        made = _through(record, kind, chosen, values)
        return replace(_of_layers(record, kind, chosen, made, _reached(record)), answer=answer)
    made = _norms(record, chosen) if values is None else _gradients(record, chosen, values)
    return replace(_of_heads(record, kind, chosen, made), answer=answer)


def view_together(record: Attention, *, layers: Sequence[int] | None = None) -> Attention:
    """Make the view "norms" with one map for each layer: what each key adds to all heads' output, as shares.

    Args:
        record: one input's weights, all heads of each layer, with internals.
        layers: the layers to give; None means every one of the record.

    Raises:
        RequestError: the record is a view already.
        OutOfRange: the record lacks one of the layers asked for.
        MissingInternals: the record lacks the values or the output projection.
    """
    chosen = _chosen(record, "norms", layers)
    made = shares(joint_norms(record)[_places(record, chosen)])
    return _of_layers(record, "norms", chosen, made, record.sight)


def describe(record: Attention) -> str:
    """Say in one line what a record's numbers are.

    >>> import attnviz
    >>> describe(view(attnviz.from_arrays([[1.0]], ["a"]), "rollout"))
    'rollout: heads averaged, half of each row left where it is, multiplied through layer 0'
    """
    kind, last = record.view, record.layers[-1]
    through = f"through layers 0 to {last}" if last else "through layer 0"
    through = "through the layers up to each" if len(record.layers) > 1 else through
    even = ", relative to even attention" if record.causal else ""
    whose = "the layer's output, all heads together" if record.heads == (TOGETHER,) else "the head's output"
    speaks = f"weight × gradient of {record.answer or 'an answer'}, where above 0"
    mixed = "heads averaged, half of each row left where it is"
    said: dict[View, str] = {
        "weights": "how each query shares its attention out among keys",
        "norms": f"length of what each key adds to {whose}, as shares of each row",
        "gradients": f"{speaks}; 1 is the largest row",
        "rollout": f"{mixed}, multiplied {through}{even}",
        "flow": f"{mixed}, the most that flows {through}{even}; shares of each row",
        "relevance": f"{speaks}, added up {through}; shares of each row; read the row asked about",
    }
    return f"{kind}: {said[kind]}"


def _chosen(record: Attention, kind: str, layers: Sequence[int] | None) -> tuple[int, ...]:
    """Give the layers asked for, ascending; refuse a view that cannot be made."""
    if kind not in _MADE:
        raise RequestError(f"no such view of weights: got {kind!r}, allowed {', '.join(_MADE)}")
    if record.view != "weights":
        raise RequestError(f"a view is made of weights: got {record.view}, allowed a record of weights")
    chosen = record.layers if layers is None else tuple(sorted(set(layers)))
    if missing := set(chosen) - set(record.layers):
        held = numbers_as_ranges(record.layers)
        raise OutOfRange(f"no layer {min(missing)}: this record holds layers {held}")
    if not chosen:
        raise RequestError("no layer to show: got none, allowed one or more")
    return chosen


def _places(record: Attention, layers: Iterable[int]) -> list[int]:
    return [record.layers.index(layer) for layer in layers]


def _values(record: Attention, kind: View, gradients: Gradients | None) -> Numbers:
    if gradients is None:
        raise RequestError(f"{kind} asks what an answer depends on: got no answer's gradients")
    if gradients.values.shape != record.weights.shape:
        raise RequestError(
            f"gradients do not fit the weights: got {gradients.values.shape}, allowed {record.weights.shape}"
        )
    return gradients.values


def _in_words(gradients: Gradients) -> str:
    answer, at = repr(gradients.answer), repr(gradients.token)
    return f"log2 p({answer}) at {at} (p = {gradients.probability:.2g})"


def _check_way(record: Attention, kind: View, last: int, attending: Iterable[int] | None) -> None:
    """Refuse a record in which no way leads through every layer up to the last one asked for."""
    if record.block == "cross" or record.queries != record.keys:
        raise RequestError(
            f"{kind} goes through layers whose queries are their keys: got attention to other tokens, "
            "allowed a model's attention to its own"
        )
    numbers = range(last + 1) if attending is None else sorted(set(attending))
    needed = [number for number in numbers if number <= last]
    if not set(needed) <= set(record.layers):
        held, all_of_them = numbers_as_ranges(record.layers), numbers_as_ranges(needed)
        raise RequestError(
            f"{kind} of layer {last} goes through every layer below: got layers {held}, needed {all_of_them}"
        )


def _norms(record: Attention, layers: Iterable[int]) -> Numbers:
    """Give what each key adds to each head's output, as shares: (layer, head, query, key)."""
    return np.asarray(shares(norms(record)[_places(record, layers)]))


def _gradients(record: Attention, layers: Iterable[int], values: Numbers) -> Numbers:
    """Give what speaks for an answer, the largest row summing to 1: (layer, head, query, key)."""
    places = _places(record, layers)
    speaking = supporting(record.weights[places].astype(np.float64), values[places])
    largest = speaking.sum(axis=-1).max()
    return np.asarray(speaking / largest if largest > 0 else speaking)


def _through(record: Attention, kind: View, layers: Iterable[int], values: Numbers | None) -> Numbers:
    """Give a view through layers: (layer, query, key) of those asked for."""
    places = _places(record, layers)
    weights = record.weights[: places[-1] + 1]
    if values is not None:
        found = relevance(weights.astype(np.float64), values[: len(weights)])[places]
        # Rounding may leave less of a token to itself than it began with.
        return np.asarray(shares(np.maximum(found - np.eye(found.shape[-1]), 0.0)))
    mean = weights.mean(axis=1, keepdims=True, dtype=np.float64)
    visible = _visible(record)[: len(weights)] if record.causal else None
    if kind == "rollout":
        return np.asarray(rollout(mean, visible)[places])
    return np.asarray(shares(flow(mean, visible, places)))


def _visible(record: Attention) -> Mask:
    """Say which keys each layer let each query see: (layer, query, key)."""
    seen: Mask = np.stack([record.visible(layer) for layer in record.layers])
    return seen


def _reached(record: Attention) -> dict[int, Mask]:
    """Say which tokens each query reaches through all layers below, where that is not what `causal` says."""
    count = len(record.queries)
    usual: Mask = np.tri(count, dtype=bool) if record.causal else np.ones((count, count), dtype=bool)
    reached: Mask = np.eye(count, dtype=bool)
    found = {}
    for layer, seen in zip(record.layers, _visible(record), strict=True):
        reached = (seen | np.eye(count, dtype=bool)) @ reached
        if not np.array_equal(reached, usual):
            found[layer] = reached
    return found


def _of_heads(record: Attention, kind: View, layers: tuple[int, ...], made: Numbers) -> Attention:
    """Put numbers in place of each head's weights: (layer, head, query, key)."""
    return replace(
        record,
        weights=made,
        layers=layers,
        sight={layer: mask for layer, mask in record.sight.items() if layer in layers},
        sinks=(),
        aligning=tuple(head for head in record.aligning if head.layer in layers),
        taught={head: lesson for head, lesson in record.taught.items() if head.layer in layers},
        follows={head: found for head, found in record.follows.items() if head.layer in layers},
        renormalized=record.renormalized or (kind == "norms" and record.dropped > 0),
        internals=None,
        view=kind,
    )


def _of_layers(
    record: Attention, kind: View, layers: tuple[int, ...], made: Numbers, sight: Mapping[int, Mask]
) -> Attention:
    """Put one map for each layer in place of its heads' weights: (layer, query, key)."""
    return replace(
        record,
        weights=made[:, None],
        layers=layers,
        heads=(TOGETHER,),
        sight={layer: mask for layer, mask in sight.items() if layer in layers},
        sinks=(),
        heads_per_key=1,
        aligning=(),
        taught={},
        follows={},
        renormalized=record.renormalized or record.dropped > 0,
        internals=None,
        view=kind,
    )
