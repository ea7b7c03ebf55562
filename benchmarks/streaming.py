"""Statistics of inputs too long for their squares against a plain pass: time and memory, by length.

Every pass runs in a process of its own, so that its memory is nobody else's; kinds of passes take turns,
A B A B. A child is run as `python -m benchmarks.streaming --way statistics --tokens 2048`; prints JSON.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from benchmarks.ratio import Ratio, compared, report
from benchmarks.writing import forget_highest, memory

# A plain pass; a pass in which all measures of all heads are taken, or of those of layer 5.
Way = Literal["plain", "statistics", "layer 5"]

ROUNDS = {512: 7, 2048: 5, 8192: 3, 16384: 3}
QUICK = {128: 1, 1100: 1, 1600: 1, 2200: 1}
LAYER_TOKENS = 2048
WARM_TOKENS = 64
MODEL = "GPT-2 small, random"
PLAIN = "a pass without weights"
MOST_TIME, FROM_TOKENS = 1.5, 2048
MOST_OF_ONE_LAYER = 1 / 6


@dataclass(frozen=True)
class Pass:
    """One pass in a process of its own.

    Attributes:
        way: what was done.
        tokens: how many the input had.
        seconds: what it took in all.
        watched: what of it went by before the first weight was made, while the model was watched; 0 for a
            plain pass.
        held: bytes the process held when it began, the model's parameters among them.
        peak: bytes it held at the highest from there on, watching among it.
        highest: bytes it held at the highest since it was started.
    """

    way: Way
    tokens: int
    seconds: float
    watched: float
    held: int
    peak: int
    highest: int

    @property
    def memory(self) -> int:
        """What the pass took above what was held."""
        return self.peak - self.held


def measure(rounds: Mapping[int, int] = ROUNDS, *, quick: bool = False) -> Iterator[Pass]:
    """Run the ways in turn at each length; layer 5 by itself at one of them.

    Args:
        rounds: how often, by the number of tokens.
        quick: whether a model of the same numbers of layers and heads, but far narrower, is enough.
    """
    for tokens, times in rounds.items():
        ways: list[Way] = ["plain", "statistics"]
        if tokens == LAYER_TOKENS or quick:
            ways.append("layer 5")
        for _ in range(times):
            for way in ways:
                done = child(way, tokens, quick=quick)
                print(f"{way}, {tokens:,} tokens: {done.seconds:.2f} s", file=sys.stderr, flush=True)
                yield done


def child(way: Way, tokens: int, *, quick: bool = False) -> Pass:
    """Run one pass in a new process."""
    command = [sys.executable, "-m", "benchmarks.streaming", "--way", way, "--tokens", str(tokens)]
    told = subprocess.run([*command, *(["--quick"] if quick else [])], check=True, stdout=subprocess.PIPE)
    return from_json(json.loads(told.stdout))


def from_json(facts: dict[str, Any]) -> Pass:
    """Read back what results.json keeps."""
    return Pass(**facts)


def passed(way: Way, tokens: int, *, quick: bool = False) -> Pass:
    """Run one pass here, after a short one that is not counted."""
    model = _model(max(tokens, WARM_TOKENS), quick=quick)
    _run(way, model, WARM_TOKENS)
    highest = memory("VmHWM")
    done = _run(way, model, tokens)
    return replace(done, highest=max(highest, done.peak))


def _model(tokens: int, *, quick: bool) -> Any:  # noqa: ANN401 - a model of transformers
    """The shape of GPT-2 small, whose positions reach far enough; random, for time does not depend on it."""
    from transformers import AutoModel, GPT2Config

    from attnviz.sources.huggingface.quiet import quiet as without_warnings

    config = GPT2Config(n_positions=tokens, use_cache=False, n_embd=96 if quick else 768)
    with without_warnings():
        model = AutoModel.from_config(  # type: ignore[no-untyped-call]
            config, attn_implementation="sdpa"
        )
    return model.train(False)


def _run(way: Way, model: Any, tokens: int) -> Pass:  # noqa: ANN401
    import torch

    from attnviz.sources.huggingface.watching.sites import run
    from benchmarks.capture import as_feed, reading

    ids = torch.randint(1000, 20000, (1, tokens), generator=torch.Generator().manual_seed(0))
    feed = as_feed(model, ids)
    forget_highest()
    held, begun = memory("VmRSS"), time.perf_counter()
    watched = 0.0
    if way == "plain":
        run(feed)
    else:
        read = reading(feed)
        watched = time.perf_counter() - begun
        observe(read, way)
    return Pass(way, tokens, time.perf_counter() - begun, watched, held, memory("VmHWM"), highest=0)


def observe(reading: Any, way: Way) -> object:  # noqa: ANN401 - a reading of any source
    """Take every measure of every head meant, and keep no weights."""
    from attnviz.analysis.streaming.measuring import Measuring
    from attnviz.selection import Selection

    selection = Selection(layers="5") if way == "layer 5" else Selection()
    measuring = Measuring(reading.frame(selection))
    reading.observe(measuring, selection)
    return measuring.result()


def ratios(passes: Sequence[Pass]) -> Iterator[Ratio]:
    """Hold the times against each other, pair by pair."""
    for tokens in dict.fromkeys(each.tokens for each in passes):
        plain, all_layers, one = (_seconds_of(passes, tokens, way) for way in get_args(Way))
        of = f"{MODEL}, {tokens} tokens"
        target = MOST_TIME if tokens >= FROM_TOKENS else None
        every = compared(f"statistics, {of}", PLAIN, _pairs(all_layers, plain), target=target)
        yield every
        if one:
            # What one layer may cost above a pass is a share of what all of them do.
            most = 1 + MOST_OF_ONE_LAYER * max(0.0, every.ratio - 1)
            yield compared(
                f"statistics of layer 5 of 12, {of}", PLAIN, _pairs(one, plain), target=round(most, 2)
            )


def _pairs(ours: Sequence[float], theirs: Sequence[float]) -> tuple[tuple[float, float], ...]:
    return tuple(zip(ours, theirs, strict=True))


def _seconds_of(passes: Sequence[Pass], tokens: int, way: Way) -> list[float]:
    return [each.seconds for each in passes if each.tokens == tokens and each.way == way]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", choices=get_args(Way), help="one pass, here")
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--quick", action="store_true", help="a narrow model and short inputs: does it run?")
    given = parser.parse_args()
    if given.way:
        print(json.dumps(asdict(passed(given.way, given.tokens, quick=given.quick))))
    else:
        from benchmarks.long import section

        found = list(measure(QUICK if given.quick else ROUNDS, quick=given.quick))
        report(ratios(found))
        print(section(found))
