"""What every source is: a model, or a file, that gives a record for a text."""

from typing import Protocol

from attnviz.record import Attention
from attnviz.selection import Selection

EVERYTHING = Selection()


class Source(Protocol):
    """Gives records; whoever holds one need not know what kind of model or file is behind it."""

    @property
    def name(self) -> str:
        """The name shown beside every picture: "builtin", a folder or a hub id."""
        ...

    @property
    def layers(self) -> tuple[int, ...]:
        """The model's own numbers of the layers whose weights it gives, ascending."""
        ...

    @property
    def heads(self) -> tuple[int, ...]:
        """The model's own numbers of the heads in each of those layers, ascending."""
        ...

    def attend(self, text: str, selection: Selection = EVERYTHING, *, internals: bool = False) -> Attention:
        """Read one text and record what its tokens look at.

        Args:
            text: one text; nothing of it is cut off.
            selection: the layers and heads to keep.
            internals: keep the query, key and value vectors too.

        Raises:
            EmptyText: the text has no token.
            OutOfRange: the selection names a layer or head that is not there.
            MissingInternals: the vectors are asked for and the source has none.
            BudgetError: the weights would not fit this machine's memory.
            SourceError: the text or the model cannot be read; the subclass says why.
        """
        ...
