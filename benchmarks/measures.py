"""All measures of every head of a record against the plain pass of the model it came from."""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from attnviz.analysis.measures.table import measure as measure_heads
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.reading import PretrainedReading
from attnviz.sources.huggingface.watching.sites import watch
from benchmarks.capture import as_feed, minilm, runs
from benchmarks.ratio import Ratio, report, side_by_side

LENGTHS = (32, 128, 512)
ROUNDS = 25


def measure() -> Iterator[Ratio]:
    """Time both at each length, on one and the same tokens."""
    torch.set_num_threads(1)
    with quiet():
        model = minilm("sdpa").train(False)
    for tokens in LENGTHS:
        ids = torch.randint(1000, 20000, (1, tokens), generator=torch.Generator().manual_seed(0))
        feed = as_feed(model, ids)
        record = PretrainedReading("benchmark", None, feed, watch(feed, "benchmark")).record()
        yield side_by_side(
            f"all measures, MiniLM's {len(record.head_ids)} heads, {tokens} tokens",
            partial(measure_heads, record),
            "a pass without weights",
            partial(runs, model, ids),
            rounds=ROUNDS,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the raw numbers to this file")
    report(measure(), parser.parse_args().json)
