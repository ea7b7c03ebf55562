"""One record as a map of the page: what is said about it, and the buffers of its numbers."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from attnviz.record import MASS_TOLERANCE, Attention, Mask
from attnviz.render import notes
from attnviz.render.hidden import reasons
from attnviz.render.labels import printable
from attnviz.render.machine.plain import Fields, plain
from attnviz.render.page.contents import Contents, id_of, title_of, twin_of
from attnviz.render.page.digested import digest_of
from attnviz.render.page.heads import has_focus, heads_of, measures_of
from attnviz.render.page.pack import Buffers
from attnviz.render.page.pooled import is_pooled, masks_of, shape_of, weights_of
from attnviz.render.page.quantize import ERROR, as_levels
from attnviz.render.page.topkeys import top_fields
from attnviz.render.page.vectors import vector_fields
from attnviz.selection import numbers_as_ranges

# A row that holds less than this lost mass to something, not to rounding.
_WHOLE_ROW = 0.99


def map_fields(contents: Contents, record: Attention, buffers: Buffers) -> Fields:
    """Write what a page says of a record; its numbers go into buffers, of each layer into one of its own."""
    maxima: list[NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(record.layers)

    def levels(layer: int) -> NDArray[np.uint8]:
        found = as_levels(weights_of(contents, record, layer))
        maxima[layer] = found.maxima
        return found.levels

    weights = [buffers.add(partial(levels, layer)) for layer in range(len(record.layers))]
    heads, covered = heads_of(contents, record)
    return {
        "id": id_of(record),
        "title": title_of(record),
        "about": list(about(contents, record)),
        "block": record.block,
        "view": record.view,
        "layers": list(record.layers),
        "heads": list(record.heads),
        "queries": contents.sides.index(record.queries),
        "keys": contents.sides.index(record.keys),
        "causal": record.causal,
        "sharing": record.heads_per_key,
        "sight": _sight(contents, record, buffers),
        "sinks": list(record.sinks),
        "dropped": plain(record.dropped),
        "renormalized": record.renormalized,
        "predictions": _predictions(contents, record),
        "weights": weights,
        "maxima": buffers.add(lambda: np.stack(maxima), after=weights),
        "masses": _masses(contents, record, buffers),
        "error": ERROR,
        "vectors": vector_fields(contents, record, buffers),
        "focus": heads,
        "covered": covered,
        **_pooling(contents, record, buffers),
    }


def _pooling(contents: Contents, record: Attention, buffers: Buffers) -> Fields:
    """Say what the cells of a record stand for that was pooled from the start, and what is known beside."""
    if record.pooling is None:
        return {}
    twin = twin_of(contents, record)
    return {
        "pooling": {
            "statistic": record.pooling.statistic,
            "queries": record.pooling.queries,
            "keys": record.pooling.keys,
            "twin": None if twin is None else id_of(twin),
        },
        "top": top_fields(contents, record, buffers),
        "measures": measures_of(contents, record),
    }


def about(contents: Contents, record: Attention) -> Iterator[str]:
    """Say what has to be known of a record's numbers, a line each."""
    heads = record.head_ids
    yield from notes.view(record)
    if record.pooling is not None:
        yield from notes.sharing(record, heads)
        digest = digest_of(contents, record)
        yield from (f"{name} left out: {why}" for name, why in (digest.left_out if digest else {}).items())
        if record.view == "weights" and not any(has_focus(contents, one) for one in contents.records):
            yield "what each head reads is not said: of pooled weights it cannot be told"
        return
    yield from notes.dropped(record)
    yield from notes.sinks(record, heads)
    yield from _elsewhere(record)
    yield from notes.sharing(record, heads)
    if record.sight and reasons(record, heads)[1]:
        yield f"in {_layers(record)} a query sees only the keys of a window"
    if is_pooled(contents, record):
        rows, columns = shape_of(contents, record)
        before = f"{len(record.queries):,} x {len(record.keys):,}"
        yield f"pooled {before} to {rows:,} x {columns:,}, maximum per cell"
    if record.view == "weights" and not has_focus(contents, record):
        yield "what each head reads is left out: too many weights"


def _elsewhere(record: Attention) -> Iterator[str]:
    """Say so if rows lack mass for a reason that nothing else tells."""
    unexplained = {head.layer for head in notes.unexplained(record, record.head_ids)}
    places = [place for place, layer in enumerate(record.layers) if layer in unexplained]
    least = min((float(record.weights[place].sum(axis=-1).min()) for place in places), default=1.0)
    if least < _WHOLE_ROW:
        yield f"rows hold {notes.write_share(least)} of their mass or more: the rest goes to no key"


def _layers(record: Attention) -> str:
    numbers = tuple(sorted(record.sight))
    return f"layer{'s' * (len(numbers) > 1)} {numbers_as_ranges(numbers)}"


def _sight(contents: Contents, record: Attention, buffers: Buffers) -> dict[str, int]:
    masks = masks_of(contents, record)
    return {str(layer): buffers.share(mask, packed) for layer, mask in masks.items()}


def packed(mask: Mask) -> NDArray[np.uint8]:
    """Write a mask as bits: each row in whole bytes, its first key in the lowest bit of the first."""
    bits: NDArray[np.uint8] = np.packbits(mask, axis=-1, bitorder="little")
    return bits


def _predictions(contents: Contents, record: Attention) -> list[Fields]:
    """Give what the model expects after each query; what is expected after a run is not known."""
    if shape_of(contents, record)[0] < len(record.queries):
        return []
    return [
        {"text": found.text, "shown": printable(found.text), "probability": plain(found.probability)}
        for found in record.predictions
    ]


def _masses(contents: Contents, record: Attention, buffers: Buffers) -> int | None:
    """Write the mass of each row where some row holds less than all: the sum of rounded weights is not it."""
    if is_pooled(contents, record) or record.pooling is not None:
        return None
    masses = record.weights.sum(axis=-1, dtype=np.float64)
    if masses.min() >= 1 - MASS_TOLERANCE:
        return None
    return buffers.add(lambda: masses.astype(np.float32))
