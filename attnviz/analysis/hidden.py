"""Special tokens taken out of a record, and how much of what heads read went with them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.readers import special_keys
from attnviz.analysis.sight import sight_of
from attnviz.errors import RequestError
from attnviz.frame import refuse_pooled
from attnviz.record import Attention, Internals
from attnviz.selection import HeadId


def drop_special(record: Attention, *, renormalize: bool = False) -> Attention:
    """Take the tokens the model added out of queries and keys.

    `dropped` of the result is the mean, over the queries kept, layers and heads, of the mass that went to the
    keys taken out. What went to a learned sink is not counted: it never was in the record.

    Args:
        record: one input's attention.
        renormalize: whether to divide each row by what is left of it; a row of which nothing is left stays 0.
            What a row lacked before, because of a learned sink, is then made up as well.

    Returns:
        The record without special tokens, or the same one if it has none and nothing is to be done.

    Raises:
        RequestError: no query or no key would be left.
        MissingWeights: the record's cells stand for several weights each.

    >>> from attnviz.record import Token
    >>> tokens = (Token("[CLS]", kind="special"), Token("lazy"), Token("dog"))
    >>> weights = np.array([[1, 0, 0], [0.5, 0, 0.5], [0.25, 0.5, 0.25]])[None, None]
    >>> record = Attention(tokens, tokens, weights, layers=(0,), heads=(0,), model="arrays")
    >>> kept = drop_special(record)
    >>> kept.dropped, kept.weights[0, 0].tolist()
    (0.375, [[0.0, 0.5], [0.5, 0.25]])
    >>> drop_special(record, renormalize=True).weights[0, 0, 0].tolist()
    [0.0, 1.0]
    """
    refuse_pooled(record)
    rows, columns = _written(record)
    if not rows.size or not columns.size:
        raise RequestError("cannot drop special tokens: nothing else would be left to look, or to look at")
    if rows.size == len(record.queries) and columns.size == len(record.keys) and not renormalize:
        return record
    cells = np.ix_(rows, columns)
    queries, keys = tuple(record.queries[i] for i in rows), tuple(record.keys[j] for j in columns)
    weights = record.weights[:, :, rows[:, None], columns]
    return replace(
        record,
        queries=queries,
        keys=keys,
        weights=_whole(weights) if renormalize else weights,
        sight=sight_of(record, queries, keys, lambda mask: mask[cells]),
        # Rows that were made whole lack nothing any more that could have gone to a sink.
        sinks=() if renormalize else record.sinks,
        predictions=tuple(record.predictions[i] for i in rows) if record.predictions else (),
        dropped=record.dropped + float(np.mean([special_share(record, head) for head in record.head_ids])),
        renormalized=record.renormalized or renormalize,
        internals=_kept(record.internals, rows, columns),
    )


def special_share(record: Attention, head: HeadId) -> float:
    """Say which share of the mass a head gives to tokens the model added.

    The mean over all queries that are not such tokens themselves.

    Returns:
        0 to 1; 0 where every query is special.
    """
    rows, _ = _written(record)
    given = record.head(head)[:, special_keys(record)].sum(axis=-1, dtype=np.float64)
    return float(given[rows].mean()) if rows.size else 0.0


def _written(record: Attention) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the positions of the queries and keys that are no special tokens."""
    queries = np.array([not token.is_special for token in record.queries])
    return np.flatnonzero(queries), np.flatnonzero(~special_keys(record))


def _whole(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring rows back to a mass of 1; one that holds nothing stays as it is."""
    mass = weights.sum(axis=-1, keepdims=True, dtype=np.float64)
    shares: NDArray[np.float32] = (weights / np.where(mass > 0, mass, 1.0)).astype(np.float32)
    return shares


def _kept(internals: Internals | None, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Internals | None:
    if internals is None:
        return None
    return replace(
        internals,
        queries=internals.queries[:, :, rows],
        keys=internals.keys[:, :, columns],
        values=internals.values[:, :, columns],
    )
