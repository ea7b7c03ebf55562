"""The built-in model, or one trained like it, as a source of records; numpy and safetensors suffice."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attnviz.anatomy import KEY, OUTPUT, QUERY, SAMPLE, VALUE, Anatomy, Projection
from attnviz.errors import EmptyText
from attnviz.model.network import Reading, parameter_shapes, read
from attnviz.model.parameters import SHIPPED, load_model
from attnviz.model.tokenizer import words
from attnviz.observe import Observer, RowBlock
from attnviz.outline import Layer, Outline, choose
from attnviz.prompt import Prompt
from attnviz.record import Attention, Block, Internals, Token
from attnviz.selection import HeadId, Selection
from attnviz.sources.base import EVERYTHING, Source, refuse_beside
from attnviz.sources.keep import KeepRows

NAME = "builtin"

# What every record makes sure of itself.
_CHECKED = (
    "every weight is a finite number",
    "no weight is negative",
    "no query's mass is above 1",
    "the tokens line up with the weights",
)


class BuiltinSource(Source):
    """A model of this project's own kind.

    Attributes:
        revision: the first digits of the SHA-256 of its weights.
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
        self._name = NAME if folder is None else str(folder)
        self.revision = self._model.revision
        self.taught = dict(self._model.taught)

    @property
    def name(self) -> str:
        """Either "builtin", for the shipped model, or its folder."""
        return self._name

    def read(self, prompt: Prompt) -> "BuiltinReading":
        """Cut a text into words; the network runs when a record is asked for.

        Raises:
            EmptyText: there is no word in the text.
            RequestError: something stands beside the text.
        """
        refuse_beside(prompt, name=self.name)
        return BuiltinReading(self, prompt.text, self.tokens(prompt.text))

    def layers(self, tokens: int) -> tuple[Layer, ...]:
        """Describe the layers, as they are with so many tokens."""
        shape = self._model.architecture
        return tuple(
            Layer(
                number,
                tuple(range(shape.heads)),
                tokens,
                tokens,
                key_heads=shape.heads,
                d_k=shape.d_k,
                d_v=shape.d_v,
                path="own",
            )
            for number in range(shape.layers)
        )

    def anatomy(self) -> Anatomy:
        """Say what the model is made of; see `Source`."""
        shape = self._model.architecture
        sizes = parameter_shapes(shape)
        outlines = self.read(Prompt(SAMPLE)).outlines
        self.attend(SAMPLE)  # a record checks itself
        return Anatomy(
            model=self.name,
            revision=self.revision,
            kind=NAME,
            network="Network",
            parameters=sum(math.prod(size) for size in sizes.values()),
            sample=f"a text of {outlines['self'].layers[0].queries} tokens",
            width=shape.width,
            blocks=outlines,
            projections={"self": {layer: _projections(layer, sizes) for layer in range(shape.layers)}},
            checks=dict.fromkeys(_CHECKED, ""),
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


@dataclass(frozen=True, eq=False)
class BuiltinReading:
    """One text as a model of this project's own kind reads it.

    Attributes:
        source: the model.
        text: the source text.
        tokens: its words.
    """

    source: BuiltinSource
    text: str
    tokens: tuple[Token, ...]

    @property
    def outlines(self) -> dict[Block, Outline]:
        """The one block."""
        return {"self": Outline("self", self.source.layers(len(self.tokens)))}

    def record(
        self, selection: Selection = EVERYTHING, *, block: Block | None = None, internals: bool = False
    ) -> Attention:
        """Run the network and keep the weights of the heads selected; see `Reading`."""
        chosen = choose(self.outlines, block).resolve(selection)
        keep = KeepRows(chosen, len(self.tokens), len(self.tokens))
        reading = self.source.observe(self.tokens, keep)
        grid = {HeadId(layer, head) for layer in keep.layers for head in keep.heads}
        return Attention(
            queries=self.tokens,
            keys=self.tokens,
            weights=keep.weights(),
            layers=keep.layers,
            heads=keep.heads,
            model=self.source.name,
            text=self.text,
            revision=self.source.revision,
            taught={head: relation for head, relation in self.source.taught.items() if head in grid},
            internals=_internals(reading, keep) if internals else None,
        )


def _projections(layer: int, sizes: Mapping[str, tuple[int, ...]]) -> tuple[Projection, ...]:
    """The matrices one layer attends with."""
    found = []
    for role in (QUERY, KEY, VALUE, OUTPUT):
        name = f"layers.{layer}.attention.{role}"
        inputs, outputs = sizes[f"{name}.weight"]
        found.append(Projection((role,), name, inputs, outputs, inputs * outputs + outputs))
    return tuple(found)


def _internals(reading: Reading, keep: KeepRows) -> Internals:
    """Pick the kept heads' vectors out of a reading."""
    heads = list(keep.heads)
    return Internals(
        queries=np.stack([reading.queries[layer][heads] for layer in keep.layers]),
        keys=np.stack([reading.memories[layer].keys[heads] for layer in keep.layers]),
        values=np.stack([reading.memories[layer].values[heads] for layer in keep.layers]),
    )
