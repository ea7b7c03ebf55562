"""What a model gives in the end for an input, while its attention calls are answered by somebody else."""

from collections.abc import Callable, Sequence

from torch import Tensor

from attnviz.outcome import Outcome
from attnviz.sources.huggingface.feed import Feed
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.watching.sites import Site

# Answers a call in the model's place, in the layout of `call.as_usual()`; `call.gated` is one such answer.
Change = Callable[[Site, Call], Tensor]


def run_outcome(feed: Feed, sites: Sequence[Site], change: Change) -> Outcome:
    """Run a model, with its head where it has one that answers, and give what it makes of the input.

    Gradients are kept where the caller has switched them on: then the rows of the outcome, float32 and on the
    model's device, depend on whatever `change` brought in.

    Args:
        feed: the input.
        sites: every attention call of such a pass, in order.
        change: asked for each call of `sites`, those with no block too; calls of the head are let be. A head
            that turns out not to take this input is left out and the model run again without it, so that
            `change` may be asked anew from the first site.

    Raises:
        CaptureFailed: the attention calls are not those expected.
        UnsupportedModel: the model does not run so.
        BudgetError: it does not fit into memory so.
    """
    raise NotImplementedError
