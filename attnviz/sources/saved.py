"""A saved record as a source: everything can be drawn and told again without the model."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from attnviz.errors import MissingInternals, RequestError
from attnviz.record import Attention
from attnviz.selection import Selection
from attnviz.sources.base import EVERYTHING
from attnviz.store import read


class SavedSource:
    """Gives the one record it was opened with, or the part of it that is asked for."""

    def __init__(self, path: Path) -> None:
        """Open a saved record.

        Raises:
            NotFound: there is no such file.
            Damaged: it is no record, or a broken one.
        """
        self._record = read(path)

    @property
    def name(self) -> str:
        """The name of the model the record came from."""
        return self._record.model

    @property
    def layers(self) -> tuple[int, ...]:
        """The numbers of the layers the record holds, ascending."""
        return self._record.layers

    @property
    def heads(self) -> tuple[int, ...]:
        """The numbers of the heads the record holds in each layer, ascending."""
        return self._record.heads

    def attend(
        self, text: str = "", selection: Selection = EVERYTHING, *, internals: bool = False
    ) -> Attention:
        """Give the record, or the layers and heads asked for.

        Args:
            text: the record's own text, or nothing.
            selection: heads named one by one are completed to a grid, as in every record.
            internals: a file does not hold the query, key and value vectors, so this fails.

        Raises:
            RequestError: the text is not the record's.
            OutOfRange: the record does not hold a layer or head asked for.
            MissingInternals: the vectors are asked for.
        """
        if text not in ("", self._record.text):
            raise RequestError(f"the record is of another text: got {text!r}, allowed {self._record.text!r}")
        if internals:
            raise MissingInternals("a saved record has no query, key and value vectors")
        return _part(self._record, selection)


def _part(record: Attention, selection: Selection) -> Attention:
    """Keep some layers and heads of a record."""
    chosen = selection.resolve(record.layers, record.heads)
    layers = tuple(sorted({head.layer for head in chosen}))
    heads = tuple(sorted({head.index for head in chosen}))
    rows = np.ix_([record.layers.index(n) for n in layers], [record.heads.index(n) for n in heads])
    taught = {
        head: what for head, what in record.taught.items() if head.layer in layers and head.index in heads
    }
    return replace(record, weights=record.weights[rows], layers=layers, heads=heads, taught=taught)
