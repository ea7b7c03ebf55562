"""Every fault attnviz can name, each with the exit code the command line ends with.

A message is one plain sentence: what is wrong, what was given, what is allowed. It carries no advice:
the room that raises it cannot know whether a shell or a notebook listens. `attnviz.cli.faults` adds that.
"""


class AttnvizError(Exception):
    """The root of all named faults; raised itself, it means a fault of ours."""

    exit_code = 1


class RequestError(AttnvizError):
    """What was asked for is unclear or impossible."""

    exit_code = 2


class EmptyText(RequestError):
    """There is no word in the text."""


class OutOfRange(RequestError):
    """A layer, head or position the model does not have."""


class UnknownSuffix(RequestError):
    """A file name whose suffix names no known format."""


class OutputExists(RequestError):
    """Writing would replace what is already there."""


class Unwritable(RequestError):
    """The output path cannot be written."""


class MissingInternals(RequestError):
    """A measure needs query, key or value vectors that this record was made without."""


class MissingWeights(RequestError):
    """Single weights are needed, and what was saved of a long input holds only what they come to."""


class SourceError(AttnvizError):
    """The model or the file cannot be used."""

    exit_code = 3


class NotFound(SourceError):
    """No such model or file."""


class HubUnreachable(SourceError):
    """The model hub did not answer, and the model is not in the local cache."""


class Damaged(SourceError):
    """A file that is truncated, garbled or not what its name says."""


class UnsafeModel(SourceError):
    """Using the model would run code that came with it, such as a pickle."""


class ForeignCode(UnsafeModel):
    """The model comes with code of its own, which runs only when that is asked for."""


class IncompleteModel(SourceError):
    """A model folder that lacks weights or a tokenizer."""


class UnsupportedModel(SourceError):
    """A kind of model whose attention weights this version does not read."""


class MissingPackage(UnsupportedModel):
    """Reading this model needs a package that is not installed."""


class NoAttention(SourceError):
    """A model in which nothing attends: it has no attention weights."""


class NoAnswer(SourceError):
    """A model without a head that answers: it gives states only, which have no probability."""


class CaptureFailed(SourceError):
    """What was captured is no attention: a check of the weights failed, so nothing is shown."""


class TextTooLong(SourceError):
    """More tokens than the model has positions for."""


class BudgetError(AttnvizError):
    """The work does not fit the memory budget."""

    exit_code = 4


class PageTooLarge(BudgetError):
    """An interactive page would take more bytes than it may."""


class ModelTooLarge(BudgetError):
    """The model itself does not fit into the memory of this machine."""
