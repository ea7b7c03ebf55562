"""The ways to an attention call: one file each, tried from the most to the least that can be seen.

`table` sees queries, keys, values and mask of every model file that asks transformers' table for its
attention function; it is how nearly all of them attend. `sdpa` and `multihead` see as much of models that
call torch's own attention functions. `softmax` sees weights and values of attention that is written by hand.
`values` is for attention that shows itself in none of these: it tries out what modules do to their values.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn

from attnviz.sources.huggingface.paths import functions, table, values
from attnviz.sources.huggingface.paths.call import Call

PATHS = (table.PATH, *functions.PATHS)
PROBED = values.ValuesCall.path

Handle = Callable[[Call], Tensor]


@contextmanager
def intercepted(
    model: nn.Module,
    handle: Handle,
    paths: Collection[str] = PATHS,
    probed: Collection[nn.Module] | None = None,
) -> Iterator[None]:
    """Hand every attention call of a model's pass to `handle`, which answers in the model's place.

    What runs within a call that is handled is no further call.

    Args:
        model: the network that will run.
        handle: takes a call, gives what `call.as_usual()` would.
        paths: which ways to watch; each costs a little.
        probed: which modules to try out, on the way that does; None means all that may attend.
    """
    guard = functions.Guard(handle)
    with ExitStack() as stack:
        if table.PATH in paths:
            stack.enter_context(table.intercepted(guard))
        if seen := set(paths) & set(functions.PATHS):
            stack.enter_context(functions.intercepted(model, guard, seen))
        if PROBED in paths:
            stack.enter_context(values.intercepted(model, guard, probed))
        yield
