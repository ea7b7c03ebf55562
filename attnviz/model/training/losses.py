"""What training makes small: three losses over torch tensors."""

from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional

# A row without a relation is taught to look at itself, but more gently than a row with one.
_REST_WEIGHT = 0.4
_SMALLEST = 1e-9


def detection_loss(judgements: Tensor, replaced: Tensor, present: Tensor) -> Tensor:
    """Binary cross-entropy of "this word was replaced", in nats per word.

    Source: Clark et al. 2020, "ELECTRA", section 2.

    Shape:
        judgements: logits (text, token). replaced, present: booleans (text, token).
    """
    return functional.binary_cross_entropy_with_logits(judgements[present], replaced[present].float())


def teaching_loss(weights: Tensor, pairs: Tensor, present: Tensor) -> Tensor:
    """How far taught heads are from looking where the treebank says, in nats per word.

    For a word with the relation: -log of the weight on all the words it should look at. For any other:
    -log of the weight on itself, counted less.

    Shape:
        weights: (text, head, query, key). pairs: booleans of the same shape. present: booleans (text, token).
    """
    related = pairs.any(dim=-1)
    resting = present[:, None, :] & ~related
    on_related = (weights * pairs).sum(dim=-1)[related]
    on_itself = weights.diagonal(dim1=-2, dim2=-1)[resting]
    return _surprise(on_related) + _REST_WEIGHT * _surprise(on_itself)


def overlap_loss(weights: Tensor, present: Tensor) -> Tensor:
    """How alike heads are: the cosine of their rows, averaged over words and pairs of heads, 0 to 1.

    Shape:
        weights: (text, head, query, key), at least two heads. present: booleans (text, token).
    """
    rows = functional.normalize(weights, dim=-1)
    pairs = combinations(range(rows.shape[1]), 2)
    alike = torch.stack([(rows[:, one] * rows[:, other]).sum(dim=-1) for one, other in pairs])
    return alike[:, present].mean()


def _surprise(shares: Tensor) -> Tensor:
    """Average -log share; 0 where there is none."""
    return -shares.clamp(min=_SMALLEST).log().sum() / max(1, shares.numel())
