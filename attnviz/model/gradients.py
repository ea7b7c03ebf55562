"""The network run backwards: how what it says depends on its heads' gates and on its attention weights.

The layers are the ones that read a text on numpy; torch runs them here because it can differentiate them.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnviz.model.network import Network, answer_logits, converted, read

Numbers = NDArray[np.float32]


def gate_gradients(network: Network, features: NDArray[np.integer], reference: NDArray[np.intp]) -> Numbers:
    """Differentiate the loss by every head's gate, all gates standing at 1, in bits.

    The loss is the mean over tokens of -log2 p(reference). Source: Michel et al. 2019, "Are sixteen heads
    really better than one?", section 4.1, whose importance of a head is the size of this derivative,
    averaged over texts.

    Shape:
        features: (token, feature). reference: (token,), numbers of `ANSWERS`. Returns (layer, head).

    Args:
        network: the parameters, on numpy.
        features: what is known of each word.
        reference: the answer held against each judgement.
    """
    gates = {
        number: torch.ones(layer.attention.heads, requires_grad=True)
        for number, layer in enumerate(network.layers)
    }
    with torch.enable_grad():
        reading = read(
            converted(network, torch.from_numpy), torch.from_numpy(features), lambda *_: None, gates=gates
        )
        said = _log2_probabilities(reading.judgements)
        right = torch.take_along_dim(said, torch.from_numpy(reference)[:, None], dim=-1)
        slopes = torch.autograd.grad(-right.mean(), list(gates.values()))
    return np.stack([slope.numpy() for slope in slopes])


def weight_gradients(
    network: Network, features: NDArray[np.integer], row: int, answer: int, layers: Sequence[int]
) -> Numbers:
    """Differentiate log2 p(answer) at one token by every attention weight of some layers.

    Each weight is a variable of its own: what else the softmax of its row would change along with it is left
    out, as Chefer et al. 2021, "Generic attention-model explainability", need it (equation 5). Weights of
    later layers follow from what the earlier ones bring about, as they do in the network.

    Shape:
        features: (token, feature). Returns (layer, head, query, key), layers as given.

    Args:
        network: the parameters, on numpy.
        features: what is known of each word.
        row: the token.
        answer: the number of the answer in `ANSWERS`.
        layers: the layers meant, each once.
    """
    blocks: dict[int, list[Tensor]] = {layer: [] for layer in layers}

    def keep(layer: int, _first: int, weights: Tensor) -> None:
        if layer in blocks:
            blocks[layer].append(weights)

    with torch.enable_grad():
        reading = read(converted(network, _wanting_gradients), torch.from_numpy(features), keep)
        said = _log2_probabilities(reading.judgements)[row, answer]
        weights = [block for of_layer in blocks.values() for block in of_layer]
        slopes = iter(torch.autograd.grad(said, weights))
    return np.stack(
        [np.concatenate([next(slopes).numpy() for _ in blocks[layer]], axis=-2) for layer in blocks]
    )


def _wanting_gradients(array: NDArray[np.float32]) -> Tensor:
    """Hand a parameter to torch, which can differentiate by weights only if they depend on such a tensor."""
    return torch.from_numpy(array).requires_grad_()


def _log2_probabilities(judgements: Tensor) -> Tensor:
    """Give log2 p of both answers at each token: (token, 2)."""
    return torch.log_softmax(answer_logits(judgements), dim=-1) / math.log(2)
