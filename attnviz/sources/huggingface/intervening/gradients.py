"""A model run backwards from its answer: how that depends on its heads' gates, and on its weights."""

import math
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnviz.errors import AttnvizError, BudgetError, NoAnswer, RequestError, UnsupportedModel
from attnviz.outcome import Gradients, Outcome, Question
from attnviz.outline import Outline
from attnviz.record import Attention, Block
from attnviz.selection import HeadId
from attnviz.sources.huggingface.capturing.filled import Cut
from attnviz.sources.huggingface.faults import brief, is_out_of_memory
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.intervening.gates import concerned, gating, weighing_sites
from attnviz.sources.huggingface.intervening.outcomes import run_outcome
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.watching.sites import Site, Watched
from attnviz.sources.keep import refuse_beyond_memory
from attnviz.sources.question import settle

Layer = tuple[Block, int]
Name = TypeVar("Name", bound=Hashable)

_PRECISIONS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)

# So many numbers are kept for each weight: its gradient, what that is made of, and what goes into the result.
_KEPT_PER_WEIGHT = 4


def gate_gradients(feed: Feed, watched: Watched) -> dict[Block, dict[HeadId, float]]:
    """Differentiate the loss by every head's gate, all gates standing at 1, in bits.

    The loss is the mean over the outcome's rows that count of -log2 p(reference). Source: Michel et al. 2019,
    "Are sixteen heads really better than one?", section 4.1, whose importance of a head is the size of this
    derivative, averaged over texts.

    Args:
        feed: the input.
        watched: the pass in which the model was watched.

    Raises:
        NoAnswer: the model has no head that answers.
        UnsupportedModel: it cannot be run backwards.
        BudgetError: that does not fit into memory.
    """
    with _differentiating(feed):
        gates = {
            (block, layer.number): torch.ones(len(layer.heads)).requires_grad_()
            for block, outline in watched.outlines.items()
            for layer in outline.layers
        }
        outcome = run_outcome(feed, watched, gating(gates, watched.sites))
        own = {place: place for place in gates}
        slopes = _Backwards(feed, watched, outcome).by(_loss(outcome), gates, own)
    found: dict[Block, dict[HeadId, float]] = {block: {} for block in watched.outlines}
    for (block, layer), slope in slopes.items():
        found[block] |= {HeadId(layer, head): float(each) for head, each in enumerate(slope)}
    return found


def weight_gradients(feed: Feed, watched: Watched, record: Attention, question: Question) -> Gradients:
    """Differentiate log2 p(answer) by every weight of a record.

    Each weight is a variable of its own: what else the softmax of its row would change along with it is left
    out, as Chefer et al. 2021, "Generic attention-model explainability", need it (equation 5). Weights of
    later layers follow from what the earlier ones bring about, as they do in the model. Where a query could
    not look there is no weight, and 0 stands.

    Args:
        feed: the input.
        watched: the pass in which the model was watched.
        record: made of the same input.
        question: which answer.

    Raises:
        RequestError: the record is of something else, or the question has no answer here.
        NoAnswer: the model has no head that answers.
        UnsupportedModel: it cannot be run backwards.
        BudgetError: that does not fit into memory.
    """
    outline, cut = _place_of(record, feed, watched)
    layers = [outline.layer(number) for number in record.layers]
    weights = sum(len(layer.heads) * layer.queries * layer.keys for layer in layers)
    what = f"the gradients of weights for {layers[0].queries} x {layers[0].keys} tokens"
    refuse_beyond_memory(_KEPT_PER_WEIGHT * weights, what)
    meant = {(record.block, number) for number in record.layers}
    with _differentiating(feed):
        shifts = _Shifts(meant, weighing_sites(watched.sites), _zero(feed.model))
        outcome = run_outcome(feed, watched, shifts.change, concerned(meant, watched.sites))
        row, answer = settle(replace(outcome, rows=outcome.rows.detach()), question)
        said = torch.log_softmax(outcome.rows[row], dim=-1)[answer] / math.log(2)
        layer_of = {site: (site.block, site.layer) for site in shifts.added if site.block is not None}
        slopes = _Backwards(feed, watched, outcome).by(said, shifts.added, layer_of)
    values = _gathered(slopes, record, cut)
    for place, layer in enumerate(record.layers):
        values[place, :, ~record.visible(layer)] = 0
    return Gradients(
        values=values,
        row=row,
        answer=outcome.naming(answer),
        probability=float(2 ** said.detach()),
        token=outcome.tokens[row].text,
    )


def _place_of(record: Attention, feed: Feed, watched: Watched) -> tuple[Outline, Cut]:
    """Say where a record stands in a model, and which rows and columns it holds.

    Raises:
        RequestError: it is of something else, or tokens were taken out of it.
    """
    outline = watched.outlines.get(record.block)
    if outline is None or not set(record.layers) <= set(outline.numbers):
        raise RequestError("a record of another model: allowed one of this reading")
    first = outline.layer(record.layers[0])
    queries, keys = feed.sides[record.block]
    if record.queries != queries.tokens(first.queries) or record.keys != keys.tokens(first.keys):
        raise RequestError("a record of other tokens: allowed one of this reading, no token taken out")
    if not set(record.heads) <= set(first.heads):
        raise RequestError("a record of other heads: allowed one of this reading, each head by itself")
    return outline, Cut.of((queries, keys), first.queries, first.keys)


def _zero(model: nn.Module) -> Tensor:
    """Give a zero in the model's precision, and where the model is; packed or unloaded parts do not tell."""
    parts = (part for part in model.parameters() if part.dtype in _PRECISIONS and not part.is_meta)
    first = next(parts, torch.zeros(()))
    return torch.zeros((), dtype=first.dtype, device=first.device)


@dataclass(eq=False)
class _Shifts:
    """Adds a zero to every weight of some layers: what an answer depends on.

    Attributes:
        layers: the layers meant.
        weighing: for each call, the one whose weights it uses.
        zero: one number.
        added: by call, the zeros (square, head, query, key) that want gradients.
    """

    layers: Collection[Layer]
    weighing: Mapping[Site, Site]
    zero: Tensor
    added: dict[Site, Tensor] = field(default_factory=dict)

    def change(self, site: Site, call: Call) -> Tensor:
        """Answer a call as usual, plus zeros where it is meant."""
        own = self.weighing.get(site)
        if own is None or (own.block, own.layer) not in self.layers:
            return call.as_usual()
        if site is own:  # one number seen as many takes no room
            self.added[site] = self.zero.expand(site.seen.shape).requires_grad_()
        return call.shifted(self.added[own].reshape(call.batch, call.heads, call.queries, call.keys))


def _gathered(slopes: Mapping[Site, Tensor], record: Attention, cut: Cut) -> NDArray[np.float32]:
    """Bring what calls gave, (square, head, query, key), into the order of a record."""
    shape = (len(record.layers), len(record.heads), cut.queries, cut.keys)
    found = np.zeros(shape, dtype=np.float32)
    for site, slope in slopes.items():
        place, laid = record.layers.index(site.layer), _laid_out(slope, site)
        for head, of_head in enumerate(laid, start=site.first_head):
            if head in record.heads:
                found[place, record.heads.index(head)] += of_head.float().cpu().numpy()
    return found if cut.is_whole else found[:, :, cut.rows[:, None], cut.columns]


def _laid_out(slope: Tensor, site: Site) -> Tensor:
    """Put a call's part among all queries and keys of its layer: (head, query, key)."""
    if site.seen.windows is not None:
        return site.seen.windows.rows(slope, 0, site.seen.windows.count)
    queries, keys = site.extent
    rows, columns = slice(site.start, queries), slice(site.first_key, keys)
    wide = slope.new_zeros(slope.shape[1], queries, keys)
    room = wide[:, rows, columns][:, : slope.shape[2], : slope.shape[3]]
    room += slope[0, :, : room.shape[1], : room.shape[2]]
    return wide


def _loss(outcome: Outcome) -> Tensor:
    """Give the mean of -log2 p(reference) over the rows that count, in bits."""
    if not outcome.answers or outcome.reference is None:
        raise NoAnswer("the model has no head that answers: it gives states, which have no probability")
    counted = torch.tensor(outcome.counted_rows)
    right = torch.from_numpy(outcome.reference)[counted].to(outcome.rows.device)
    said = torch.log_softmax(outcome.rows[counted], dim=-1)
    return -said.gather(-1, right[:, None]).mean() / math.log(2)


@contextmanager
def _differentiating(feed: Feed) -> Iterator[None]:
    """Keep gradients of what is asked for and of nothing else: parameters want none for the time being."""
    models = [feed.model] if feed.answering is None else [feed.model, feed.answering.model]
    wanting = {part for model in models for part in model.parameters() if part.requires_grad}
    for part in wanting:
        part.requires_grad_(False)
    try:
        with torch.inference_mode(mode=False), torch.enable_grad():
            yield
    finally:
        for part in wanting:
            part.requires_grad_()


@dataclass(frozen=True, eq=False)
class _Backwards:
    """Runs a model backwards.

    Attributes:
        feed: the input.
        watched: the pass in which the model was watched.
        outcome: what it gave, with what torch remembers of how.
    """

    feed: Feed
    watched: Watched
    outcome: Outcome

    def by(
        self, total: Tensor, leaves: Mapping[Name, Tensor], layer_of: Mapping[Name, Layer]
    ) -> dict[Name, Tensor]:
        """Differentiate a number.

        Args:
            total: the number.
            leaves: what it depends on, by name.
            layer_of: the layer each of them belongs to.

        Raises:
            UnsupportedModel: torch lost track of how it does.
            BudgetError: that does not fit into memory.
        """
        kind = type(self.feed.model).__name__
        slopes = self._slopes(total, list(leaves.values()), kind)
        found = {}
        for (name, leaf), slope in zip(leaves.items(), slopes, strict=True):
            if slope is None:
                self._check_without_effect(layer_of[name], kind)
            elif not bool(slope.isfinite().all()):
                raise UnsupportedModel(f"{kind} run backwards gives something that is no finite number")
            found[name] = torch.zeros_like(leaf) if slope is None else slope
        return found

    def _slopes(self, total: Tensor, leaves: Sequence[Tensor], kind: str) -> Sequence[Tensor | None]:
        if not total.requires_grad:
            return [None] * len(leaves)
        try:
            with quiet():
                return torch.autograd.grad(total, leaves, allow_unused=True)
        except AttnvizError:
            raise
        except Exception as error:  # what goes wrong in a model's own steps has no common class
            if is_out_of_memory(error):
                raise BudgetError(f"out of memory: {kind} run backwards does not fit") from error
            raise UnsupportedModel(f"{kind} cannot be run backwards: {brief(error)}") from error

    def _check_without_effect(self, layer: Layer, kind: str) -> None:
        """Hold that a layer which left no trace has no effect: without its heads the outcome stays as it is.

        Raises:
            UnsupportedModel: it does not.
        """
        block, number = layer
        heads = self.watched.outlines[block].layer(number).heads
        closed, sites = {layer: torch.zeros(len(heads))}, self.watched.sites
        with torch.no_grad():
            without = run_outcome(self.feed, self.watched, gating(closed, sites), concerned(closed, sites))
        if not torch.equal(without.rows, self.outcome.rows.detach()):
            raise UnsupportedModel(f"{kind} cannot be run backwards: torch loses track of its layer {number}")
