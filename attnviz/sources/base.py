"""What every source is: a model, or a file, that reads an input and gives records of it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from attnviz.anatomy import Anatomy
from attnviz.errors import RequestError
from attnviz.frame import Frame
from attnviz.observe import Observer, Rows
from attnviz.outcome import OPEN, Gates, Gradients, Outcome, Question
from attnviz.outline import Outline
from attnviz.prompt import Prompt
from attnviz.record import Attention, Block
from attnviz.selection import HeadId, Selection
from attnviz.window import Window

EVERYTHING = Selection()
LIKELIEST = Question()


@dataclass(frozen=True)
class Check:
    """One thing that was checked of a capture, and held.

    Attributes:
        name: what holds, such as "no weight is negative".
        detail: how closely, such as "at most 3e-07 apart"; empty where there is no more to say.
    """

    name: str
    detail: str = ""


class Reading(Protocol):
    """One input as a model read it: what attends there, and records of any part of it."""

    @property
    def model(self) -> str:
        """The name of the model, as its records have it."""
        ...

    @property
    def text(self) -> str:
        """The source text, into which the tokens' spans point, as its records have it."""
        ...

    @property
    def outlines(self) -> Mapping[Block, Outline]:
        """Every block there is: "self" alone, or several of which the last is the one meant by default."""
        ...

    def record(
        self,
        selection: Selection = EVERYTHING,
        *,
        block: Block | None = None,
        internals: bool = False,
        window: Window | None = None,
    ) -> Attention:
        """Record what the queries of one block look at.

        Args:
            selection: the layers and heads to keep; heads named one by one are completed to a grid.
            block: "self", "encoder", "decoder" or "cross"; None means the last of `outlines`.
            internals: keep the query, key and value vectors too.
            window: the rows and columns to keep, of which alone weights are made where a model allows that;
                `dropped` tells the mass on keys beside it.

        Raises:
            RequestError: there is no such block.
            OutOfRange: the selection names a layer or head that is not there.
            MissingInternals: the vectors are asked for and the source has none.
            BudgetError: the weights would not fit this machine's memory.
            CaptureFailed: a check of the weights failed.
        """
        ...

    def frame(self, selection: Selection = EVERYTHING, *, block: Block | None = None) -> Frame:
        """Say what a record of the selection would, beside its weights; nothing is run.

        Args:
            selection: the layers and heads meant; heads named one by one are completed to a grid.
            block: as in `record`.

        Raises:
            RequestError: there is no such block.
            OutOfRange: the selection names a layer or head that is not there.
        """
        ...

    def observe(
        self,
        observer: Observer,
        selection: Selection = EVERYTHING,
        *,
        block: Block | None = None,
        side_by_side: bool = False,
    ) -> None:
        """Hand the weights on block by block, so that no square need ever exist; keep none.

        What is handed on are the layers and heads of `frame(selection)`. Layers behind the last of them need
        not run.

        Args:
            observer: takes the blocks.
            selection: the layers and heads meant.
            block: as in `record`.
            side_by_side: whether all heads of all layers are to come for some rows before any comes for the
                rows behind them, as is needed to hold heads against each other. This takes memory for the
                vectors of all these layers.

        Raises:
            RequestError: there is no such block.
            OutOfRange: the selection names a layer or head that is not there.
            BudgetError: it does not fit this machine's memory even so.
            CaptureFailed: a check of the weights failed.
        """
        ...

    def rows(
        self, selection: Selection = EVERYTHING, *, block: Block | None = None, allowed: int | None = None
    ) -> Rows:
        """Give the rows of the layers and heads of `frame(selection)` when they are asked for.

        So two readings can be walked in step. This takes memory for the vectors of all these layers, or for
        their weights where these cannot be made of vectors.

        Args:
            selection: the layers and heads meant.
            block: as in `record`.
            allowed: how many bytes the vectors may take; None means what weights may.

        Raises:
            RequestError: there is no such block.
            OutOfRange: the selection names a layer or head that is not there.
            BudgetError: they do not fit.
            CaptureFailed: a check of the weights failed.
        """
        ...

    def outcome(self, gates: Gates = OPEN) -> Outcome:
        """Run the model and give what it makes of the input in the end.

        Args:
            gates: what to multiply each head's part of its layer's output by, before the output projection;
                0 removes a head.

        Raises:
            RequestError: there is no model behind this source, or no such block.
            OutOfRange: a gate names a head that is not there.
            UnsupportedModel: the heads of a layer cannot be told apart in its output.
        """
        ...

    def gate_gradients(self) -> dict[Block, dict[HeadId, float]]:
        """Say how the loss changes with each head's gate, all gates standing at 1.

        The loss is the mean over the outcome's rows (special tokens aside, unless there are no others) of
        -log2 of the probability of `Outcome.reference`, in bits.

        Raises:
            RequestError: there is no model behind this source.
            NoAnswer: the model has no head that answers.
            UnsupportedModel: the heads of a layer cannot be told apart in its output.
            BudgetError: running backwards does not fit this machine's memory.
        """
        ...

    def weight_gradients(self, record: Attention, question: Question = LIKELIEST) -> Gradients:
        """Say how an answer depends on every weight of a record of this reading.

        Args:
            record: made by `record` of this reading: its block, layers and heads are meant.
            question: which answer.

        Raises:
            RequestError: there is no model behind this source, or the question has no answer here.
            NoAnswer: the model has no head that answers.
            UnsupportedModel: the model cannot be run backwards.
            BudgetError: running backwards does not fit this machine's memory.
        """
        ...


class Source(ABC):
    """Gives records; whoever holds one need not know what kind of model or file is behind it."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name shown beside every picture: "builtin", a folder or a hub id."""

    @abstractmethod
    def read(self, prompt: Prompt) -> Reading:
        """Read one input.

        Raises:
            EmptyText: the text has no token.
            RequestError: the prompt holds what this model cannot read.
            SourceError: the text or the model cannot be read; the subclass says why.
        """

    def anatomy(self) -> Anatomy:
        """Say what the model is made of, and hold a capture of a sample against every check.

        Raises:
            RequestError: there is no model behind this source, or it can read no sample.
            CaptureFailed: a check failed.
            SourceError: the model cannot be used; the subclass says why.
        """
        raise RequestError(f"nothing is known of {self.name} beside its records: allowed a model")

    def attend(
        self,
        text: str = "",
        selection: Selection = EVERYTHING,
        *,
        block: Block | None = None,
        internals: bool = False,
        window: Window | None = None,
        **beside: Any,  # noqa: ANN401 - each is a field of Prompt, which knows its type
    ) -> Attention:
        """Read one input and record what its queries look at.

        Args:
            text: one text; nothing of it is cut off.
            selection: the layers and heads to keep.
            block: which attention of a model that has several.
            internals: keep the query, key and value vectors too.
            window: the rows and columns to keep; None means all.
            beside: what stands beside the text, by the names of `Prompt`: target="...", generate=5 ...

        Raises:
            EmptyText: the text has no token.
            RequestError: the prompt holds what this model cannot read, or there is no such block.
            OutOfRange: the selection names a layer or head that is not there.
            MissingInternals: the vectors are asked for and the source has none.
            BudgetError: the weights would not fit this machine's memory.
            SourceError: the text or the model cannot be read; the subclass says why.
        """
        reading = self.read(Prompt(text, **beside))
        return reading.record(selection, block=block, internals=internals, window=window)


def refuse_beside(prompt: Prompt, *understood: str, name: str) -> None:
    """Refuse a prompt with something beside its text that a source does not read.

    Args:
        prompt: the input.
        understood: what may stand beside the text, by the names of `Prompt`.
        name: the source's name.

    Raises:
        RequestError: something else stands there.
    """
    for given in prompt.beside:
        if given not in understood:
            allowed = ", ".join(("a text", *understood))
            raise RequestError(f"{name} cannot read this input: got {given}, allowed {allowed}")
