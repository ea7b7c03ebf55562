import numpy as np
import pytest
import torch

from attnviz.errors import BudgetError, CaptureFailed
from attnviz.observe import RowBlock
from attnviz.selection import HeadId
from attnviz.sources.keep import KeepRows, refuse_too_large


def softmax_rows(seed, heads=4, queries=6, keys=5):
    logits = np.random.default_rng(seed).normal(size=(heads, queries, keys))
    exponentials = np.exp(logits)
    return (exponentials / exponentials.sum(-1, keepdims=True)).astype(np.float32)


def test_keeps_the_grid_of_the_heads_asked_for():
    squares = {layer: softmax_rows(layer) for layer in range(3)}
    keep = KeepRows([HeadId(2, 3), HeadId(0, 1)], queries=6, keys=5)
    for layer, square in squares.items():
        keep.update(RowBlock(layer, 0, square))
    assert (keep.layers, keep.heads) == ((0, 2), (1, 3))
    expected = np.stack([squares[0][[1, 3]], squares[2][[1, 3]]])
    np.testing.assert_array_equal(keep.weights(), expected)


def test_blocks_in_any_order_make_the_same_record():
    square = softmax_rows(0)
    keep = KeepRows([HeadId(0, head) for head in range(4)], queries=6, keys=5)
    for start in (4, 0, 2):
        keep.update(RowBlock(0, start, square[:, start : start + 2]))
    np.testing.assert_array_equal(keep.weights()[0], square)


def test_what_is_kept_is_a_copy_and_read_only():
    square = softmax_rows(0)
    keep = KeepRows([HeadId(0, 0)], queries=6, keys=5)
    keep.update(RowBlock(0, 0, square))
    square[:] = 0
    assert keep.weights().sum() == pytest.approx(6)
    with pytest.raises(ValueError, match="read-only"):
        keep.weights()[0, 0, 0, 0] = 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_takes_torch_tensors_of_any_precision(dtype):
    square = torch.from_numpy(softmax_rows(0)).to(dtype)
    keep = KeepRows([HeadId(0, 2)], queries=6, keys=5)
    keep.update(RowBlock(0, 0, square))
    np.testing.assert_array_equal(keep.weights()[0, 0], square[2].float().numpy())


def test_a_missing_row_fails_the_capture():
    keep = KeepRows([HeadId(1, 0)], queries=6, keys=5)
    keep.update(RowBlock(1, 0, softmax_rows(0)[:, :4]))
    with pytest.raises(CaptureFailed, match="layer 1, query 4"):
        keep.weights()


def test_refuses_what_the_machine_cannot_hold():
    with pytest.raises(BudgetError, match="32 layers x 32 heads"):
        refuse_too_large((32, 32, 10**6, 10**6))
