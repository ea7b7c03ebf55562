"""The network once more, written out, with attention weights that can be nudged one by one."""

import numpy as np

from attnviz.model.layers import feed_forward, layer_norm, linear, multi_head_attention, remember
from attnviz.model.network import embed


def passed(network, features, nudges=None):
    """Read a text, adding `nudges` (layer -> (head, query, key)) to the weights.

    Returns the judgements (token,) and for each layer what its attention adds (token, d_model).
    """
    x = layer_norm(embed(features, network.embedding), network.embedding_norm)
    added = []
    for number, layer in enumerate(network.layers):
        y = layer_norm(x, layer.attention_norm)
        memory = remember(y, layer.attention)
        weights = multi_head_attention(y, memory, layer.attention).weights + (nudges or {}).get(number, 0)
        parts = np.concatenate(list(weights @ memory.values), axis=-1)
        added.append(linear(parts, layer.attention.output))
        x = x + added[-1]
        x = x + feed_forward(layer_norm(x, layer.inner_norm), layer.inner, layer.outer)
    return linear(layer_norm(x, network.final_norm), network.judgement)[:, 0], added


def bits(judgements, answer):
    """log2 of the probability of "original" (0) or "replaced" (1)."""
    return -np.logaddexp(0, -judgements if answer else judgements) / np.log(2)
