"""A text model that was watched before, watched again: no module is hooked, and the pass ends early.

Little is believed of it: the model must have the very modules it had, with the forward passes of their
classes, and each call must come from the module that attended then in this place, with as many heads of the
same widths, from the whole text to the whole text. Where anything is otherwise, it is watched as if for the
first time. Only what comes behind the last layer that attends is taken to attend to nothing, as it did then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, ref

from torch import Tensor, nn

from attnviz.outline import Layer, Outline
from attnviz.sources.huggingface.feed import Feed, Written
from attnviz.sources.huggingface.paths import intercepted
from attnviz.sources.huggingface.paths.call import Call, Vectors, looks_back
from attnviz.sources.huggingface.paths.table import PATH as TABLE
from attnviz.sources.huggingface.watching.kept import KeepCalls
from attnviz.sources.huggingface.watching.turns import Seen
from attnviz.sources.huggingface.watching.watched import Site, Watched, run


@dataclass(frozen=True)
class _Layer:
    """One layer as it attended; its module is named by its place, so that no model is kept alive.

    Attributes:
        place: of the module, among all of the model.
        number: the model's own number of the layer.
        seen: what else was seen of its call, by the names of `Seen`.
        widths: heads, key heads, d_k and d_v.
        causal: whether no query saw a later key.
    """

    place: int
    number: int
    seen: Mapping[str, Any]
    widths: tuple[int | None, ...]
    causal: bool


@dataclass(frozen=True, eq=False)
class _Known:
    """How a model attends to texts.

    Attributes:
        parts: its modules, in order.
        layers: its layers, in the order in which they attend.
    """

    parts: tuple[ref[nn.Module], ...]
    layers: tuple[_Layer, ...]

    def is_of(self, parts: Sequence[nn.Module]) -> bool:
        """Say whether a model still has these modules, none of which was given another forward pass."""
        same = all(one() is part for one, part in zip(self.parts, parts, strict=False))
        return same and len(parts) == len(self.parts) and not any("forward" in vars(part) for part in parts)


_KNOWN: WeakKeyDictionary[nn.Module, _Known] = WeakKeyDictionary()

# What differs from text to text in what is seen of a call, and the module, which is not kept.
_OWN = ("module", "shape", "causal", "window")


class _EnoughError(Exception):
    """Ends a pass whose last layer has attended."""


class _OtherwiseError(Exception):
    """Ends a pass in which a model attends otherwise than it did."""


def remember(feed: Feed, watched: Watched) -> None:
    """Keep how a model attends, if that is simple enough: each layer once, from the whole text to itself."""
    _KNOWN.pop(feed.model, None)
    count = _tokens(feed)
    parts = tuple(feed.model.modules())
    steady = all(_is_simple(site, count) for site in watched.sites)
    # What a model that is spread over devices has brought to one is taken back at the end of a pass.
    if count is None or not steady or any(hasattr(part, "_hf_hook") for part in parts):
        return
    places = {part: place for place, part in enumerate(parts)}
    layers = [_layer(site, places[site.seen.module]) for site in watched.sites]
    if len({layer.number for layer in layers}) == len(layers):
        _KNOWN[feed.model] = _Known(tuple(ref(part) for part in parts), tuple(layers))


def watched_as_before(feed: Feed) -> Watched | None:
    """Watch a model that is known, up to its last attention if all calls can be kept.

    Returns:
        The pass; None where the model is not known, does not run, or attends otherwise than it did.
    """
    known, count = _KNOWN.get(feed.model), _tokens(feed)
    if known is None or count is None:
        return None
    parts = tuple(feed.model.modules())
    if not known.is_of(parts):
        return None
    again = _Again(known, parts, count)
    gave, finish = None, None
    try:
        with intercepted(feed.model, again.take, (TABLE,)):
            gave = run(feed)
    except _EnoughError:
        finish = partial(run, feed)
    except Exception:  # what is wrong is found, and named, when it is watched every way
        return None
    return again.watched(gave, finish) if len(again.seen) == len(known.layers) else None


class _Again:
    """Takes the calls of a pass, each held to the one that came in its place.

    Attributes:
        seen: the calls, in order.
    """

    def __init__(self, known: _Known, parts: Sequence[nn.Module], count: int) -> None:
        self.seen: list[Seen] = []
        self._known = known
        self._parts = parts
        self._count = count
        self._kept = KeepCalls()

    def take(self, call: Call) -> Tensor:
        """Note a call and let it be; end the pass with the last one."""
        number = len(self.seen)
        if number == len(self._known.layers):
            raise _OtherwiseError
        layer = self._known.layers[number]
        module = self._parts[layer.place]
        if call.module is not module or not isinstance(call, Vectors) or _widths(call) != layer.widths:
            raise _OtherwiseError
        shape = (call.batch, call.heads, call.queries, call.keys)
        if shape != (1, call.heads, self._count, self._count) or looks_back(call) != layer.causal:
            raise _OtherwiseError
        self.seen.append(
            Seen(module=module, shape=shape, causal=layer.causal, window=call.window, **layer.seen)
        )
        usual = call.as_usual()
        self._kept.take(number, call, usual)
        if number + 1 == len(self._known.layers) and self._kept.call(0) is not None:
            raise _EnoughError
        return usual

    def watched(self, gave: Any, finish: Callable[[], Any] | None) -> Watched:  # noqa: ANN401 - see `run`
        """Put the pass together."""
        layers = list(zip(self._known.layers, self.seen, strict=True))
        sites = [
            Site(
                seen=seen,
                block="self",
                layer=layer.number,
                extent=seen.shape[2:],
                heads=seen.shape[1],
                kept=self._kept.call(number),
            )
            for number, (layer, seen) in enumerate(layers)
        ]
        in_order = sorted(layers, key=lambda layer: layer[0].number)
        outline = Outline("self", tuple(_outlined(layer, seen) for layer, seen in in_order))
        return Watched(tuple(sites), {"self": outline}, gave, finish)


def _tokens(feed: Feed) -> int | None:
    """Count the tokens, if the input is one text that looks at itself."""
    sides = feed.sides.get("self")
    if sides is None or len(feed.sides) > 1 or feed.encoder is not None or feed.memory is not None:
        return None
    queries, keys = sides
    return len(queries.known) if queries is keys and isinstance(queries, Written) else None


def _is_simple(site: Site, count: int | None) -> bool:
    """Say whether a call is a whole layer's, from every token to every token."""
    seen = site.seen
    alone = not (seen.again or seen.beside) and seen.windows is None
    whole = seen.shape == (1, site.heads, count, count) == (1, site.heads, *site.extent)
    return site.block == "self" and seen.path == TABLE and alone and whole


def _layer(site: Site, place: int) -> _Layer:
    """Keep what was seen of a layer, but for what holds its model."""
    seen = {name: value for name, value in vars(site.seen).items() if name not in _OWN}
    widths = (site.heads, site.seen.key_heads, site.seen.d_k, site.seen.d_v)
    return _Layer(place, site.layer, seen, widths, site.seen.causal)


def _outlined(layer: _Layer, seen: Seen) -> Layer:
    _, key_heads, d_k, d_v = layer.widths
    return Layer(
        number=layer.number,
        heads=tuple(range(seen.shape[1])),
        queries=seen.shape[2],
        keys=seen.shape[3],
        causal=seen.causal,
        key_heads=key_heads,
        d_k=d_k,
        d_v=d_v,
        window=seen.window,
        path=seen.path,
        module=seen.name,
    )


def _widths(call: Vectors) -> tuple[int, ...]:
    return call.heads, call.key.shape[1], call.query.shape[-1], call.value.shape[-1]
