"""Tiny models of many families with texts that are long for them, and an observer that keeps everything."""

from dataclasses import dataclass, field

import numpy as np
import torch

from attnviz.frame import Frame
from attnviz.record import Token
from attnviz.sources.huggingface.feed import Feed, Written
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.reading import PretrainedReading
from attnviz.sources.huggingface.streaming.prefix import carried_over, watch_prefix
from attnviz.sources.huggingface.streaming.scale import Scale
from attnviz.sources.huggingface.watching.sites import watch
from tests.sources.architecture import ids
from tests.sources.architectures import ARCHITECTURES

COUNT = 40

# What is long here, how much of it is watched, and blocks of seven rows of two heads.
SMALL = Scale(long=16, prefix=8, block_bytes=4 * 14 * COUNT, rows=(2, 7), step=4)


def text_feed(model, count=COUNT, **more):
    side = Written(tuple(Token(f"t{place}", word=place) for place in range(count)))
    arguments = {"input_ids": ids(count), "attention_mask": torch.ones_like(ids(count)), **more}
    return Feed(model, arguments, {"self": (side, side)})


def streamed(feed, scale=SMALL):
    """A reading of a text that is long for a scale."""
    with quiet():
        beginning = watch_prefix(feed, "long", scale)
        watched = carried_over(beginning, feed) if beginning else watch(feed, "long")
    return PretrainedReading("long", None, feed, watched, beginning, scale)


def at_once(feed):
    """A reading of the same text as one that is short."""
    with quiet():
        return PretrainedReading("long", None, feed, watch(feed, "long"))


def architecture_feed(name):
    """The input of a model by the name of its architecture: a text where it reads one, else what it reads."""
    architecture = ARCHITECTURES[name]
    model = architecture.build()
    return text_feed(model) if architecture.inputs.__name__ == "text" else architecture.feed(model)


@dataclass
class Keep:
    """Keeps all that comes, and makes sure that every row comes once, in order."""

    frame: Frame
    blocks: list = field(default_factory=list)

    def __post_init__(self):
        frame = self.frame
        shape = (len(frame.layers), len(frame.heads), len(frame.queries), len(frame.keys))
        self.weights = np.zeros(shape, np.float32)
        self.entropy = np.full(shape[:3], np.nan)
        self.visible = np.zeros((shape[0], *shape[2:]), bool)
        self.next = np.zeros(shape[:2], int)

    def update(self, block):
        layer = self.frame.layers.index(block.layer)
        heads, rows, columns = block.weights.shape
        own = slice(block.first_head, block.first_head + heads)
        some = slice(block.start, block.start + rows)
        keys = slice(block.first_key, block.first_key + columns)
        assert (self.next[layer, own] == block.start).all()
        self.next[layer, own] += rows
        self.weights[layer, own, some, keys] = block.weights.float().numpy()
        if block.entropy is not None:
            self.entropy[layer, own, some] = block.entropy.numpy()
        seen = block.visible()
        self.visible[layer, some, keys] = True if seen is None else seen.numpy()
        self.blocks.append((block.layer, block.first_head, block.start, tuple(block.weights.shape)))


def kept(reading, selection, **asked):
    """All that a reading hands on."""
    keep = Keep(reading.frame(selection, **asked))
    reading.observe(keep, selection, **asked)
    assert (keep.next == keep.weights.shape[2]).all()
    return keep
