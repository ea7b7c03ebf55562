"""What a model gives in the end for an input, while its attention calls are answered by somebody else."""

import inspect
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from attnviz.errors import AttnvizError, BudgetError, CaptureFailed, UnsupportedModel
from attnviz.outcome import Outcome
from attnviz.outline import choose
from attnviz.sources.huggingface.faults import brief, is_out_of_memory
from attnviz.sources.huggingface.feed import Answering, Feed
from attnviz.sources.huggingface.intervening.answers import answers, said_of_tokens, states
from attnviz.sources.huggingface.intervening.pieces import are_many, in_pieces, vocabulary
from attnviz.sources.huggingface.paths import PROBED, intercepted
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.paths.rerun import hooked
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.watching.sites import Site, Watched, once, shape_of
from attnviz.sources.keep import refuse_beyond_memory

# Of logits that are differentiated, their probabilities and the gradients by both are kept too.
_BACKWARDS = 4

# Answers a call in the model's place, in the layout of `call.as_usual()`; `call.gated` is one such answer.
Change = Callable[[Site, Call], Tensor]


def run_outcome(
    feed: Feed, watched: Watched, change: Change, concerned: Sequence[Site] | None = None
) -> Outcome:
    """Run a model, with its head where it has one that answers, and give what it makes of the input.

    Gradients are kept where the caller has switched them on: then the rows of the outcome, float32 and on the
    model's device, depend on whatever `change` brought in.

    A head that does not take this input, or runs its model otherwise than it was watched, is left out, and
    the model run again without it; `change` may then be asked anew from the first call on.

    Args:
        feed: the input.
        watched: the pass in which the model was watched.
        change: asked for each call that is concerned, those without a block too.
        concerned: the calls to ask for, all or none of a module; None means all. What attends in the head is
            let be.

    Raises:
        CaptureFailed: the attention calls are not those expected, or what comes out is no number.
        UnsupportedModel: the model does not run so.
        BudgetError: it does not fit into memory so.
    """
    sites = watched.sites if concerned is None else concerned
    with quiet():
        given = None
        if feed.answering is not None:
            looks_back = all(layer.causal for layer in choose(watched.outlines, None).layers)
            if not torch.is_grad_enabled() and _are_many(feed, feed.answering):
                long = _in_pieces(feed, feed.answering, change, sites, looks_back=looks_back)
                if long is not None:
                    return long
            given = _from_head(feed, feed.answering, watched, change, sites)
            found = None if given is None else answers(given, feed, feed.answering, looks_back=looks_back)
            if found is not None:
                return _without_nan(found)
        if given is None or feed.answering is None or feed.answering.model is not feed.model:
            given = _without_head(feed, change, sites)
        return _without_nan(states(given, feed))


def _are_many(feed: Feed, answering: Answering) -> bool:
    """Say whether a text is so long that its logits are not held at once."""
    tokens = feed.arguments.get("input_ids")
    own = answering.model is not feed.model and feed.encoder is None and list(feed.sides) == ["self"]
    return own and isinstance(tokens, Tensor) and are_many(answering.model, tokens.shape[-1])


def _in_pieces(
    feed: Feed, answering: Answering, change: Change, sites: Sequence[Site], *, looks_back: bool
) -> Outcome | None:
    """Run the model without its head, which is asked later, for some rows at a time.

    Returns:
        None if its head makes no row by itself, of what the model without it gives.
    """
    given = _without_head(feed, change, sites)
    pieces = in_pieces(answering.model, feed.model, given, _accepted(answering.model, feed.arguments))
    return None if pieces is None else said_of_tokens(pieces, feed, answering, looks_back=looks_back)


class _UnlikeError(Exception):
    """A head runs its model otherwise than it was watched."""


def _from_head(
    feed: Feed, answering: Answering, watched: Watched, change: Change, sites: Sequence[Site]
) -> Any:  # noqa: ANN401 - what a model gives has no common class
    """Run the model with its head; None if that does not take this input, or runs otherwise."""
    model = answering.model
    arguments = _accepted(model, feed.arguments)
    _refuse_too_many_logits(model, arguments)
    try:
        with _changed(model, change, sites), _running_as_watched(watched.sites):
            return once(model, arguments)
    except AttnvizError:
        raise
    except Exception as error:  # as above; a head that wants other inputs raises whatever it stumbles over
        if is_out_of_memory(error):
            raise _named(error, model) from error
        return None


def _without_head(feed: Feed, change: Change, sites: Sequence[Site]) -> Any:  # noqa: ANN401
    """Run the model as it was watched."""
    try:
        with _changed(feed.model, change, sites):
            return once(feed.model, feed.arguments)
    except AttnvizError:
        raise
    except Exception as error:  # what a model raises in which something else goes on has no common class
        raise _named(error, feed.model) from error


@contextmanager
def _changed(model: nn.Module, change: Change, sites: Sequence[Site]) -> Iterator[None]:
    """Ask for the calls of some modules, and let all others be.

    A head may run parts of its model in another order, but each part as often as when it was watched.
    """
    pending: dict[nn.Module, deque[Site]] = {}
    for site in sites:
        pending.setdefault(site.seen.module, deque()).append(site)

    def handle(call: Call) -> Tensor:
        if call.module not in pending:
            return call.as_usual()
        return change(_expected(pending[call.module], call), call)

    probed = {site.seen.module for site in sites if site.seen.path == PROBED}
    with intercepted(model, handle, {site.seen.path for site in sites}, probed):
        yield
    for missed in filter(None, pending.values()):
        raise CaptureFailed(f"layer {missed[0].layer} did not attend: {len(missed)} of its calls are missing")


def _expected(pending: deque[Site], call: Call) -> Site:
    """The place of a call, if it is such a one as was seen there."""
    site = pending.popleft() if pending else None
    if site is None or shape_of(call, site.seen.windows) != site.seen.shape:
        raise CaptureFailed(f"{type(call.module).__name__} attends otherwise than when the model was watched")
    return site


@contextmanager
def _running_as_watched(sites: Sequence[Site]) -> Iterator[None]:
    """Hold that each module that attends runs as often as when it was watched.

    Raises:
        _UnlikeError: it does not: what its heads give may not reach the end, or reach it by other ways.
    """
    seen = {(site.seen.module, site.seen.run) for site in sites if site.seen.run}
    expected = Counter(module for module, _ in seen)
    begun: Counter[nn.Module] = Counter()

    def note(module: nn.Module, _given: object) -> None:
        begun[module] += 1
        if begun[module] > expected[module]:
            raise _UnlikeError

    with ExitStack() as hooks:
        for module in expected:
            hooks.enter_context(hooked(module.register_forward_pre_hook(note)))
        yield
    if begun != expected:
        raise _UnlikeError


def _accepted(model: nn.Module, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a model takes, and let it keep nothing for a next step."""
    known = inspect.signature(model.forward).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
    given = {name: value for name, value in arguments.items() if takes_any or name in known}
    return {"use_cache": False, **given} if "use_cache" in known else given


def _refuse_too_many_logits(model: Any, arguments: Mapping[str, Any]) -> None:  # noqa: ANN401
    """Refuse logits that would take more than was allowed, or half of this machine's memory.

    Raises:
        BudgetError: they would.
    """
    tokens = arguments.get("decoder_input_ids", arguments.get("input_ids"))
    if isinstance(tokens, Tensor) and (known := vocabulary(model)):
        count, backwards = tokens.shape[-1], torch.is_grad_enabled()
        what = f"the logits of {known} tokens after each of {count}"
        copies = _BACKWARDS if backwards else 1
        refuse_beyond_memory(count * known * copies, f"{what}, and gradients by them," if backwards else what)


def _without_nan(outcome: Outcome) -> Outcome:
    if bool(outcome.rows.isnan().any()):
        raise CaptureFailed("the model gives something that is no number")
    return outcome


def _named(error: Exception, model: nn.Module) -> AttnvizError:
    """Name what went wrong in a model."""
    kind = type(model).__name__
    if is_out_of_memory(error):
        return BudgetError(f"out of memory: {kind} does not fit with this input")
    return UnsupportedModel(f"{kind} does not run on this input: {brief(error)}")
