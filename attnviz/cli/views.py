"""What of a reading is shown: the weights, or what is made of them."""

from typing import TYPE_CHECKING, NoReturn

from attnviz.cli.options import Viewed, ViewName, place_or_name
from attnviz.errors import RequestError
from attnviz.outcome import Question
from attnviz.outline import Outline
from attnviz.selection import HeadId, Selection, numbers_as_ranges

if TYPE_CHECKING:
    from attnviz.record import Attention
    from attnviz.sources.base import Reading


def view_of(
    reading: "Reading", outline: Outline, meant: Selection, asked: Viewed
) -> "tuple[Attention, tuple[HeadId, ...]]":
    """Record what a view needs, and make it of that.

    Args:
        reading: one input as a model reads it.
        outline: the block meant.
        meant: the layers and heads meant.
        asked: the view.

    Returns:
        A record of the view, and the heads meant: of a view that has one map for each layer, the layers.

    Raises:
        RequestError: an answer is asked about where none is needed, or a head where a layer has one map.
        MissingInternals: the view needs vectors that the model does not show.
        NoAnswer: it needs an answer, and the model gives none.
    """
    from attnviz.analysis.through.view import NEEDS, view

    kind = asked.kind
    needs = NEEDS[kind]
    question = Question(place_or_name(asked.at), asked.answer)
    if question != Question() and not needs.answer:
        _refuse_question(asked)
    heads = outline.resolve(meant)
    if needs.layers_below:
        if meant.heads is not None:
            raise RequestError(
                f"{kind} has one map for each layer: got --head {meant.heads}, allowed --layer"
            )
        layers = tuple(dict.fromkeys(head.layer for head in heads))
        below = [layer.number for layer in outline.layers if layer.number <= max(layers)]
        source = reading.record(Selection(numbers_as_ranges(below)), block=outline.block)
        gradients = reading.weight_gradients(source, question) if needs.answer else None
        record = view(source, kind, layers=layers, gradients=gradients, attending=outline.numbers)
        return record, tuple(HeadId(layer, record.heads[0]) for layer in layers)
    source = reading.record(meant, block=outline.block, internals=needs.internals)
    gradients = reading.weight_gradients(source, question) if needs.answer else None
    return view(source, kind, gradients=gradients), heads


def _refuse_question(asked: Viewed) -> NoReturn:
    """Refuse to be asked about an answer that a view does not look at."""
    got = "--answer" if asked.answer is not None else "--at"
    allowed = f"with --view {ViewName.gradients} or {ViewName.relevance}"
    raise RequestError(f"{asked.view} asks about no answer: got {got}, allowed {allowed}")
