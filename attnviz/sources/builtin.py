"""The built-in model, or one trained like it, as a source of records; numpy and safetensors suffice."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import EmptyText
from attnviz.model.network import Reading, read
from attnviz.model.parameters import SHIPPED, load_model
from attnviz.model.tokenizer import words
from attnviz.observe import Observer, RowBlock
from attnviz.record import Attention, Internals, Token
from attnviz.selection import HeadId, Selection
from attnviz.sources.keep import KeepRows

NAME = "builtin"


class BuiltinSource:
    """A model of this project's own kind.

    Attributes:
        name: "builtin" for the shipped model, else its folder.
        revision: the first digits of the SHA-256 of its weights.
        layers: the layers' numbers.
        heads: the heads' numbers in each layer.
        taught: for heads trained towards a relation of a treebank, the relation's name.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Load a model.

        Args:
            folder: one written by training; None means the model shipped with the package.

        Raises:
            NotFound: there is no such folder.
            IncompleteModel: one of its files is missing.
            Damaged: a file is not what was written.
        """
        self._model = load_model(SHIPPED if folder is None else folder)
        self.name = NAME if folder is None else str(folder)
        self.revision = self._model.revision
        self.layers = tuple(range(self._model.architecture.layers))
        self.heads = tuple(range(self._model.architecture.heads))
        self.taught = dict(self._model.taught)

    def attend(
        self,
        text: str,
        selection: Selection = Selection(),  # noqa: B008 - it is frozen
        *,
        internals: bool = False,
    ) -> Attention:
        """Read a text and keep the weights of the heads selected.

        Args:
            text: any text with at least one character that can be seen.
            selection: which layers and heads.
            internals: keep the query, key and value vectors too.

        Raises:
            EmptyText: there is no word in the text.
            OutOfRange: the selection names a layer or head that is not there.
            BudgetError: the weights do not fit this machine's memory.
        """
        chosen = selection.resolve(self.layers, self.heads)
        tokens = self.tokens(text)
        keep = KeepRows(chosen, len(tokens), len(tokens))
        reading = self.observe(tokens, keep)
        grid = {HeadId(layer, head) for layer in keep.layers for head in keep.heads}
        return Attention(
            queries=tokens,
            keys=tokens,
            weights=keep.weights(),
            layers=keep.layers,
            heads=keep.heads,
            model=self.name,
            text=text,
            revision=self.revision,
            taught={head: relation for head, relation in self.taught.items() if head in grid},
            internals=_internals(reading, keep) if internals else None,
        )

    def tokens(self, text: str) -> tuple[Token, ...]:
        """Cut a text into tokens, one for each word.

        Raises:
            EmptyText: there is no word in the text.
        """
        found = list(words(text))
        if not found:
            raise EmptyText("empty text: there is no word in it")
        ids = self._model.vocabulary.ids([word.text for word in found])
        return tuple(
            Token(word.text, id=number, span=(word.start, word.end), word=place)
            for place, (word, number) in enumerate(zip(found, ids, strict=True))
        )

    def observe(self, tokens: tuple[Token, ...], observer: Observer) -> Reading:
        """Run the network, handing every layer's weights on block of rows by block of rows."""

        def watch(layer: int, first: int, weights: NDArray[np.float32]) -> None:
            observer.update(RowBlock(layer, first, weights))

        features = self._model.vocabulary.features([token.text for token in tokens])
        return read(self._model.network, features, watch)


def _internals(reading: Reading, keep: KeepRows) -> Internals:
    """Pick the kept heads' vectors out of a reading."""
    heads = list(keep.heads)
    return Internals(
        queries=np.stack([reading.queries[layer][heads] for layer in keep.layers]),
        keys=np.stack([reading.memories[layer].keys[heads] for layer in keep.layers]),
        values=np.stack([reading.memories[layer].values[heads] for layer in keep.layers]),
    )
