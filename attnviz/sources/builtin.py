"""The built-in model, or one trained like it, as a source of records; numpy and safetensors suffice."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attnviz.anatomy import KEY, OUTPUT, QUERY, SAMPLE, VALUE, Anatomy, Projection
from attnviz.errors import CaptureFailed, EmptyText, MissingInternals, RequestError
from attnviz.frame import Frame
from attnviz.model.layers import MultiHead, output_of_heads
from attnviz.model.network import (
    ANSWERS,
    LayerGates,
    Network,
    Reading,
    Watch,
    answer_logits,
    parameter_shapes,
    read,
)
from attnviz.model.parameters import SHIPPED, load_model
from attnviz.model.tokenizer import words
from attnviz.observe import Observer, RowBlock
from attnviz.outcome import OPEN, Gates, Gradients, Outcome, Question
from attnviz.outline import Layer, Outline, choose
from attnviz.prompt import Prompt
from attnviz.record import Attention, Block, Internals, Token
from attnviz.relation import Followed
from attnviz.selection import HeadId, Selection
from attnviz.sources.base import EVERYTHING, LIKELIEST, Source, refuse_beside
from attnviz.sources.builtin_rows import BuiltinRows
from attnviz.sources.chosen import Chosen
from attnviz.sources.gating import gates_by_layer
from attnviz.sources.keep import KeepRows, refuse_beyond_memory
from attnviz.sources.question import settle
from attnviz.sources.windowed import placed
from attnviz.window import Window

NAME = "builtin"

# The weights of one block of rows of several layers take 8 MiB.
_CELLS = 2**21

# So many numbers are kept for each weight in order to run backwards, to the gates or to the weights: with
# 1,000 and 2,000 words, 2.8 and 7.9 were measured.
_KEPT_FOR_GATES, _KEPT_FOR_WEIGHTS = 3, 8

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

    @property
    def relations(self) -> Mapping[HeadId, Followed]:
        """The grammatical relation each head follows best, measured when the model was trained."""
        return self._model.followed

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

    def observe(self, tokens: tuple[Token, ...], observer: Observer, *, upto: int | None = None) -> Reading:
        """Run the network, handing every layer's weights on block of rows by block of rows; see `run`."""

        def watch(layer: int, first: int, weights: NDArray[np.float32]) -> None:
            observer.update(RowBlock(layer, first, weights))

        return self.run(tokens, watch, upto=upto)

    def run(
        self,
        tokens: tuple[Token, ...],
        watch: Watch = lambda *_: None,
        gates: LayerGates | None = None,
        *,
        upto: int | None = None,
    ) -> Reading:
        """Run the network.

        Args:
            tokens: the words.
            watch: is handed the weights.
            gates: where heads are closed.
            upto: the last layer that is needed; None means that the judgements are.
        """
        network = self.network
        if upto is not None:
            network = replace(network, layers=network.layers[: upto + 1])
        return read(network, self.features(tokens), watch, gates=gates)

    @property
    def network(self) -> Network:
        """The model's parameters."""
        return self._model.network

    def features(self, tokens: tuple[Token, ...]) -> NDArray[np.int32]:
        """Say what is known of each word: (token, feature)."""
        return self._model.vocabulary.features([token.text for token in tokens])


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
    def model(self) -> str:
        """The model's name, as records have it."""
        return self.source.name

    @property
    def outlines(self) -> dict[Block, Outline]:
        """The one block."""
        return {"self": Outline("self", self.source.layers(len(self.tokens)))}

    def record(
        self,
        selection: Selection = EVERYTHING,
        *,
        block: Block | None = None,
        internals: bool = False,
        window: Window | None = None,
    ) -> Attention:
        """Run the network and keep the weights of the heads selected; see `Reading`."""
        if internals and window:
            raise MissingInternals("a window has no query, key and value vectors")
        frame = self.frame(selection, block=block)
        keep = KeepRows(frame.head_ids, len(self.tokens), len(self.tokens), window)
        reading = self.source.observe(self.tokens, keep, upto=frame.layers[-1])
        shown = window or Window(range(len(self.tokens)), range(len(self.tokens)))
        return Attention(
            queries=placed(self.tokens, shown.queries),
            keys=placed(self.tokens, shown.keys),
            weights=keep.weights(),
            layers=frame.layers,
            heads=frame.heads,
            model=frame.model,
            text=frame.text,
            revision=frame.revision,
            taught=frame.taught,
            follows=frame.follows,
            dropped=float(keep.beyond.mean()),
            internals=_internals(self.source.network, reading, keep) if internals else None,
        )

    def frame(self, selection: Selection = EVERYTHING, *, block: Block | None = None) -> Frame:
        """Say what a record would, beside its weights; see `Reading`."""
        chosen = choose(self.outlines, block).resolve(selection)
        layers = tuple(sorted({head.layer for head in chosen}))
        heads = tuple(sorted({head.index for head in chosen}))
        grid = {HeadId(layer, head) for layer in layers for head in heads}
        return Frame(
            queries=self.tokens,
            keys=self.tokens,
            layers=layers,
            heads=heads,
            model=self.source.name,
            text=self.text,
            revision=self.source.revision,
            taught={head: relation for head, relation in self.source.taught.items() if head in grid},
            follows={head: found for head, found in self.source.relations.items() if head in grid},
        )

    def observe(
        self,
        observer: Observer,
        selection: Selection = EVERYTHING,
        *,
        block: Block | None = None,
        side_by_side: bool = False,
    ) -> None:
        """Run the network and hand the weights of the heads selected on; see `Reading`."""
        frame = self.frame(selection, block=block)
        if side_by_side and len(frame.layers) > 1:
            rows, count = self.rows(selection, block=block), len(self.tokens)
            size = max(
                1, _CELLS // (count * len(frame.layers) * self.source.network.layers[0].attention.heads)
            )
            for start in range(0, count, size):
                for each in rows.blocks(range(start, min(start + size, count))):
                    observer.update(each)
        else:
            self.source.observe(self.tokens, Chosen(observer, frame), upto=frame.layers[-1])

    def rows(
        self,
        selection: Selection = EVERYTHING,
        *,
        block: Block | None = None,
        allowed: int | None = None,  # noqa: ARG002 - these vectors are small
    ) -> BuiltinRows:
        """Run the network, and give rows of its weights when they are asked for; see `Reading`."""
        frame = self.frame(selection, block=block)
        return BuiltinRows(self.source.network, self.source.run(self.tokens, upto=frame.layers[-1]), frame)

    def outcome(self, gates: Gates = OPEN) -> Outcome:
        """Judge of every word whether it was replaced; see `Reading`.

        The network gives one logit z for each word, that of "replaced"; the two answers have the logits 0 and
        z, whose softmax is that very probability (`answer_logits`).
        """
        closed = gates_by_layer(gates, self.outlines)
        judgements = self.source.run(self.tokens, gates=closed.get("self")).judgements
        if not np.isfinite(judgements).all():
            raise CaptureFailed("the model gives something that is no number")
        return Outcome("judgement", answer_logits(judgements), self.tokens, self._reference, _named)

    def gate_gradients(self) -> dict[Block, dict[HeadId, float]]:
        """Say how the loss changes with each head's gate; see `Reading`."""
        from attnviz.model.gradients import gate_gradients

        self._refuse_too_long("the gradients of gates", _KEPT_FOR_GATES)
        slopes = gate_gradients(self.source.network, self.source.features(self.tokens), self._reference)
        return {"self": {HeadId(*head): float(slope) for head, slope in np.ndenumerate(slopes)}}

    def weight_gradients(self, record: Attention, question: Question = LIKELIEST) -> Gradients:
        """Say how a judgement depends on every weight of a record; see `Reading`."""
        from attnviz.model.gradients import weight_gradients

        if (record.queries, record.keys) != (self.tokens, self.tokens):
            raise RequestError("a record of other tokens: allowed one of this reading, no token taken out")
        outcome = self.outcome()
        row, answer = settle(outcome, question)
        self._refuse_too_long("the gradients of weights", _KEPT_FOR_WEIGHTS)
        features = self.source.features(self.tokens)
        slopes = weight_gradients(self.source.network, features, row, answer, record.layers)
        odds = np.exp(outcome.rows[row].astype(np.float64) - outcome.rows[row].max())
        return Gradients(
            values=slopes[:, list(record.heads)],
            row=row,
            answer=outcome.naming(answer),
            probability=float(odds[answer] / odds.sum()),
            token=self.tokens[row].text,
        )

    @property
    def _reference(self) -> NDArray[np.intp]:
        """Hold every word against "original": the text is as it was written."""
        return np.zeros(len(self.tokens), dtype=np.intp)

    def _refuse_too_long(self, what: str, kept: int) -> None:
        """Refuse to run backwards where what is kept for it would not fit.

        Raises:
            BudgetError: it would take more than half of this machine's memory.
        """
        layers, tokens = self.outlines["self"].layers, len(self.tokens)
        weights = sum(len(layer.heads) for layer in layers) * tokens**2
        refuse_beyond_memory(kept * weights, f"{what} for {tokens} x {tokens} tokens")


def _named(answer: int) -> str:
    return ANSWERS[answer]


def _projections(layer: int, sizes: Mapping[str, tuple[int, ...]]) -> tuple[Projection, ...]:
    """The matrices one layer attends with."""
    found = []
    for role in (QUERY, KEY, VALUE, OUTPUT):
        name = f"layers.{layer}.attention.{role}"
        inputs, outputs = sizes[f"{name}.weight"]
        found.append(Projection((role,), name, inputs, outputs, inputs * outputs + outputs))
    return tuple(found)


def _internals(network: Network, reading: Reading, keep: KeepRows) -> Internals:
    """Pick the kept heads' vectors out of a reading, and what the layers make of their values.

    Queries and keys alone do not give the weights here: the logits hold, beside scale x q k^T, what a key's
    distance adds (`distance_logits`).
    """
    heads = list(keep.heads)
    attention: list[MultiHead] = [network.layers[layer].attention for layer in keep.layers]
    queries = np.stack([reading.queries[layer][heads] for layer in keep.layers])
    return Internals(
        queries=queries,
        keys=np.stack([reading.memories[layer].keys[heads] for layer in keep.layers]),
        values=np.stack([reading.memories[layer].values[heads] for layer in keep.layers]),
        output_weights=np.stack([output_of_heads(layer)[heads] for layer in attention]),
        output_bias=np.stack([layer.output.bias for layer in attention]),
        scales=np.full(len(keep.layers), 1 / math.sqrt(queries.shape[-1]), dtype=np.float32),
        inputs=np.stack([reading.inputs[layer] for layer in keep.layers]),
        distances=_distances(attention, heads),
    )


def _distances(attention: Sequence[MultiHead], heads: list[int]) -> NDArray[np.float32] | None:
    """Stack the vectors of distances of some heads; None for a model that knows no positions."""
    learned = [layer.distances[heads] for layer in attention if layer.distances is not None]
    return np.stack(learned) if len(learned) == len(attention) else None
