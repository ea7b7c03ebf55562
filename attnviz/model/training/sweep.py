"""One training of a sweep over the number of heads: everything but that number is the same for all."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.model.network import Architecture, parameter_shapes
from attnviz.model.training.loop import Progress, train
from attnviz.model.training.material import Material
from attnviz.model.training.settings import Settings
from attnviz.selection import HeadId

Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Grown:
    """A network that has been trained.

    Attributes:
        architecture: its sizes.
        arrays: its parameters by name.
        seconds: processor time of one step, the median over all; time other programs take is not in it.
    """

    architecture: Architecture
    arrays: Arrays
    seconds: float

    @property
    def parameters(self) -> int:
        """How many numbers were learned."""
        return sum(array.size for array in self.arrays.values())


def grow(material: Material, settings: Settings, report: Callable[[Progress], Any] = lambda _: None) -> Grown:
    """Train one network without any lesson, and without the push that keeps heads of other trainings apart.

    The push would be missing with one head and grow with their number: what heads do by themselves is asked.
    Texts are dealt into batches, and their words replaced, by the seed alone: with the same seed, networks
    of any number of heads learn from the very same batches.

    Args:
        material: texts, and no treebank.
        settings: the number of heads, the seed and the rest.
        report: told after every step.
    """
    took: list[float] = []
    before = time.process_time()

    def timed(progress: Progress) -> None:
        nonlocal before
        took.append(time.process_time() - before)
        report(progress)
        before = time.process_time()

    with TemporaryDirectory(prefix="attnviz-") as checkpoints:
        trained = train(material, settings, Path(checkpoints), timed, pushed_apart=False)
    # The first step pays for what is set up once.
    seconds = statistics.median(took[1:] or took)
    return Grown(settings.architecture(material.vocabulary.rows), trained.arrays, seconds)


def without_head(architecture: Architecture, arrays: Arrays, head: HeadId) -> Arrays:
    """Remove a head: its rows of the output projection become 0, so that it adds nothing to any token."""
    name = f"layers.{head.layer}.attention.output.weight"
    weight = arrays[name].copy()
    weight[head.index * architecture.d_v : (head.index + 1) * architecture.d_v] = 0
    return {**arrays, name: weight}


def attention_parameters(architecture: Architecture) -> int:
    """Count the numbers that attention learns, in all layers."""
    shapes = parameter_shapes(architecture)
    return sum(int(np.prod(shape)) for name, shape in shapes.items() if ".attention." in name)
