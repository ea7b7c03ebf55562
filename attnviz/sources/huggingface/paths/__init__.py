"""The ways to an attention call: one file each, tried from the most to the least that can be seen.

`table` sees queries, keys, values and mask of every model file that asks transformers' table for its
attention function; it is how nearly all of them attend.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from attnviz.sources.huggingface.paths import table
from attnviz.sources.huggingface.paths.call import Call

PATHS = ("table",)

Handle = Callable[[Call], Tensor]


@contextmanager
def intercepted(model: nn.Module, handle: Handle, paths: Collection[str] = PATHS) -> Iterator[None]:
    """Hand every attention call of a model's pass to `handle`, which answers in the model's place.

    Args:
        model: the network that will run.
        handle: takes a call, gives what `call.as_usual()` would.
        paths: which ways to watch; each costs a little.
    """
    with table.intercepted(handle):
        yield
