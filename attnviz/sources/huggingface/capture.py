"""From token ids to rows of weights: one forward pass whose attention is done in blocks of query rows."""

from collections.abc import Callable, Collection, Iterator, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from attnviz.errors import CaptureFailed
from attnviz.observe import Observer, RowBlock
from attnviz.sources.huggingface.table import Call, intercepted

# One block of float32 weights of all heads of a layer; below about 512 tokens a layer is one block.
BLOCK_BYTES = 64 * 2**20

_FLOAT32_BYTES = 4


def capture(
    model: PreTrainedModel,
    ids: Sequence[int],
    layers: Sequence[int],
    observer: Observer,
    *,
    chosen: Collection[int],
    on_call: Callable[[int, Call], None] | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Tensor:
    """Run the model on one text and hand the weights of some layers to an observer.

    The other layers do what they always do. The output is the model's own.

    Args:
        model: on any device, in evaluation mode.
        ids: the token ids of the text.
        layers: the model's own numbers of its attention layers, in the order they are called.
        observer: takes the rows (head, query, key) of every head of the chosen layers.
        chosen: the numbers of the layers to hand on.
        on_call: takes the number and the attention call of each chosen layer, before its rows.
        block_bytes: about how much memory one block of weights may take; at least one row is done at once.

    Returns:
        The final hidden states (token, d_model).

    Raises:
        CaptureFailed: the attention calls are not those expected.
    """
    pending = iter(layers)

    def handle(call: Call) -> Tensor:
        layer = _expected(pending, call, len(ids))
        if layer not in chosen:
            return call.as_usual()
        if on_call:
            on_call(layer, call)
        return _in_blocks(call, layer, observer, block_bytes)

    row = torch.tensor([list(ids)], device=model.device)
    with intercepted(handle), torch.no_grad():
        output = model(input_ids=row, attention_mask=torch.ones_like(row))
    missed = list(pending)
    if missed:
        raise CaptureFailed(
            f"layer {missed[0]} did not attend: {len(missed)} of {len(layers)} calls are missing"
        )
    states: Tensor = output[0][0]
    return states


def _expected(pending: Iterator[int], call: Call, tokens: int) -> int:
    """The number of the layer that calls, if the call is one that was expected."""
    layer = next(pending, None)
    if layer is None:
        raise CaptureFailed("more attention calls came than the model has layers")
    shape = (call.query.shape[0], call.queries, call.keys)
    if shape != (1, tokens, tokens):
        raise CaptureFailed(f"layer {layer} attends over something other than its tokens: got {shape}")
    return layer


def _in_blocks(call: Call, layer: int, observer: Observer, block_bytes: int) -> Tensor:
    """Do a layer's attention block by block: the output (batch, query, head, d_v)."""
    rows = max(1, block_bytes // (call.heads * call.keys * _FLOAT32_BYTES))
    outputs = []
    for start in range(0, call.queries, rows):
        output, weights = call.rows(start, start + rows)
        observer.update(RowBlock(layer, start, weights[0]))
        outputs.append(output)
    return torch.cat(outputs, dim=1)
