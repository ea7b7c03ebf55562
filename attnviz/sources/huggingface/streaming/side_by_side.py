"""Rows of several layers at once, made of the vectors of their calls, which are kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from attnviz import memory
from attnviz.errors import BudgetError
from attnviz.frame import Frame
from attnviz.observe import RowBlock
from attnviz.sources.huggingface.capturing.capture import as_laid_out
from attnviz.sources.huggingface.capturing.checks import Checks
from attnviz.sources.huggingface.capturing.filled import Cut
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.streaming.remade import Keeping, Remade
from attnviz.sources.huggingface.streaming.stream import pass_over
from attnviz.sources.huggingface.streaming.walk import is_whole
from attnviz.sources.huggingface.watching.sites import Site

# Weights of so many bytes are made at once of each layer: its heads share the keys that are read for them.
_BLOCK_BYTES = 16 * 2**20

_FLOAT32_BYTES = 4


def fits(frame: Frame) -> bool:
    """Say whether the weights of all layers and heads of a frame may be held at once."""
    cells = len(frame.head_ids) * len(frame.queries) * len(frame.keys)
    return cells * _FLOAT32_BYTES <= memory.budget()


def keep_rows(
    feed: Feed, sites: Sequence[Site], frame: Frame, checks: Checks, allowed: int | None = None
) -> "KeptRows | None":
    """Run the model once, and keep what rows of the layers of a frame are made of.

    Args:
        feed: the input.
        sites: every attention call of such a pass, in order.
        frame: the block, layers and heads that are meant.
        checks: where to note the checks that held.
        allowed: how many bytes the vectors may take; None means what weights may.

    Returns:
        The rows; None where a layer does not attend in one call.

    Raises:
        BudgetError: the layers' vectors do not fit.
        CaptureFailed: the attention calls are not those expected.
    """
    keeping = _Keeping(feed.model, frame, checks, memory.budget() if allowed is None else allowed)
    pass_over(feed, sites, frame, keeping.answer, checks)
    return KeptRows(tuple(keeping.kept), frame, keeping.extent) if keeping.is_whole else None


@dataclass(frozen=True, eq=False)
class KeptRows:
    """Rows of the model's own queries and keys, made of kept calls; see `Rows`.

    Attributes:
        kept: the calls, layer by layer.
        frame: the layers and heads that are meant.
        extent: how many queries and keys each layer has.
    """

    kept: tuple[Remade, ...]
    frame: Frame
    extent: tuple[int, int]

    @property
    def pieces(self) -> Iterator[range]:
        """Cut the queries into as many as are made at once."""
        queries, keys = self.extent
        rows = max(1, _BLOCK_BYTES // (len(self.frame.heads) * keys * _FLOAT32_BYTES))
        for start in range(0, queries, rows):
            yield range(start, min(start + rows, queries))

    def blocks(self, rows: range) -> Iterator[RowBlock]:
        """Make some rows of one layer after the other, and check them; see `Rows`."""
        queries, keys = self.extent
        behind = max(rows.stop + keys - queries, 0) if self.frame.causal else keys
        return (call.block(rows, behind) for call in self.kept)


@dataclass(frozen=True, eq=False)
class OwnRows:
    """Of rows and columns that a model filled up, the input's own; see `Rows`.

    Attributes:
        filled: the rows as the model has them.
        cut: which are the input's own.
    """

    filled: KeptRows
    cut: Cut

    def blocks(self, rows: range) -> Iterator[RowBlock]:
        """Give some of the input's own rows; see `Rows`."""
        first, last = (int(self.cut.rows[place]) for place in (rows.start, rows.stop - 1))
        parts = map(self.cut.part, self.filled.blocks(range(first, last + 1)))
        return (part for part in parts if part is not None)


class _Keeping:
    """Lets calls be, and keeps what rows of them are made of.

    Attributes:
        kept: the calls.
        is_whole: whether each is all of its layer.
        extent: how many queries and keys the layers have.
    """

    def __init__(self, model: nn.Module, frame: Frame, checks: Checks, allowed: int) -> None:
        self.kept: list[Remade] = []
        self.is_whole, self.extent = True, (0, 0)
        self._calls = Keeping(model, frame, checks)
        self._allowed = allowed
        self._layers = len(frame.layers)

    def answer(self, site: Site, call: Call) -> Tensor:
        """Keep one call, if as many as there will be fit."""
        call = as_laid_out(site, call)
        usual = call.as_usual()
        kept = self._calls.of(site, call, usual)
        self.is_whole, self.extent = self.is_whole and is_whole(site, call), site.extent
        if (needed := kept.size * self._layers) > self._allowed:
            raise BudgetError(
                f"the vectors of {self._layers} layers for {call.queries} x {call.keys} tokens do not fit: "
                f"they take {memory.told(needed)}, allowed {memory.told(self._allowed)}"
            )
        self.kept.append(kept)
        return usual
