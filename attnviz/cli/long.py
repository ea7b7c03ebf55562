"""Inputs whose square does not fit: what is shown of them then, and what of any input a window shows."""

from typing import TYPE_CHECKING

from attnviz import memory
from attnviz.cli.options import Long, Showing, SpecialTokens, ViewName
from attnviz.cli.outputs import note
from attnviz.errors import BudgetError, RequestError
from attnviz.window import Window, parse_window

if TYPE_CHECKING:
    from attnviz.frame import Frame
    from attnviz.record import Attention

_FLOAT32_BYTES = 4

# Weights of so many bytes fit everywhere.
_ALWAYS = 2**26

# Less of the mass than this is not worth a note.
_TOLD = 0.005


def window_of(frame: "Frame", asked: Long) -> Window | None:
    """Read which part of an input is asked for.

    Raises:
        RequestError: it is no part of it.
        OutOfRange: it begins or ends beyond it.
    """
    return parse_window(asked.start, asked.stop, len(frame.queries), len(frame.keys))


def is_too_long(frame: "Frame", window: Window | None, at_once: int | None = None) -> bool:
    """Say whether the weights of a frame, or of a window of it, take more than they may.

    Args:
        frame: the layers, heads and tokens meant.
        window: the part that is shown; None means all.
        at_once: of how many queries all weights are looked at at once even if they fit; None for any number.
    """
    shown = window or Window(range(len(frame.queries)), range(len(frame.keys)))
    if at_once is not None and len(shown.queries) > at_once:
        return True
    needed = len(frame.head_ids) * len(shown.queries) * len(shown.keys) * _FLOAT32_BYTES
    if needed <= _ALWAYS and memory.limit() is None:
        return False  # to ask how much is free takes longer than to read a sentence
    return needed > memory.budget()


def tell_window(whole: "Frame", part: "Attention", window: Window) -> None:
    """Say which part is shown, and how much of what its queries read is beside it."""
    sides = {"queries": (window.queries, whole.queries), "keys": (window.keys, whole.keys)}
    if window.is_square and whole.queries == whole.keys:
        sides = {"tokens": sides["keys"]}
    told = ", ".join(
        f"{name} {shown.start} to {shown.stop - 1} of {len(side)}" for name, (shown, side) in sides.items()
    )
    beside = f"; {part.dropped:.0%} of the mass is on keys beside them" if part.dropped >= _TOLD else ""
    note(f"{told}{beside}")


def tell_pooling(record: "Attention") -> None:
    """Say what became of a square that did not fit."""
    pooling = record.pooling
    assert pooling is not None
    to = f"{len(record.queries)} x {len(record.keys)}"
    note(f"pooled {pooling.queries} x {pooling.keys} to {to}, {pooling.statistic} per cell")


def refuse_on_long(frame: "Frame", showing: Showing) -> None:
    """Refuse what needs every weight at once of an input whose weights do not fit.

    Raises:
        BudgetError: a view is asked for that is made of all of them.
        RequestError: tokens are to be merged or dropped.
    """
    view, tokens = showing.viewed.view, showing.tokens
    if view is not ViewName.weights:
        size = f"{len(frame.queries)} x {len(frame.keys)}"
        cells = len(frame.head_ids) * len(frame.queries) * len(frame.keys)
        raise BudgetError(
            f"--view {view.value} needs all weights of {size} tokens at once: they take "
            f"{memory.told(cells * _FLOAT32_BYTES)}, allowed {memory.told(memory.budget())}"
        )
    got = "--words" if tokens.words else "--special drop" if tokens.special is SpecialTokens.drop else None
    if got:
        raise RequestError(
            f"what does not fit into memory is shown by tokens, all of them: got {got}, allowed with a part "
            "of it, by --from and --to"
        )
