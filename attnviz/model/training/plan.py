"""Which networks a sweep over the number of heads trains, checked before anything is read."""

from collections.abc import Sequence
from dataclasses import dataclass

from attnviz.errors import RequestError
from attnviz.model.training.settings import Settings

HEAD_COUNTS = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Plan:
    """Which networks are trained: every number of heads with every seed, all else equal.

    Attributes:
        heads: the numbers of heads, ascending; each divides the width.
        width: d_model.
        layers: the number of layers.
        steps: the number of batches each network learns from.
        seeds: how many seeds, from `seed` on.
        seed: the first of them.
        threads: the processor threads torch may use.
    """

    heads: tuple[int, ...] = HEAD_COUNTS
    width: int = 128
    layers: int = 2
    steps: int = 600
    seeds: int = 3
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        if not self.heads or list(self.heads) != sorted(set(self.heads)):
            raise RequestError(f"heads: got {_listed(self.heads)}, allowed different numbers, ascending")
        if self.seeds < 1:
            raise RequestError(f"seeds: got {self.seeds}, allowed 1 or more")
        for heads in self.heads:
            self._settings(heads, self.seed)

    @property
    def runs(self) -> tuple[Settings, ...]:
        """Every training, one seed after the other, so that an early end leaves whole comparisons."""
        return tuple(
            self._settings(heads, seed)
            for seed in range(self.seed, self.seed + self.seeds)
            for heads in self.heads
        )

    def _settings(self, heads: int, seed: int) -> Settings:
        return Settings(
            steps=self.steps,
            seed=seed,
            layers=self.layers,
            heads=heads,
            width=self.width,
            threads=self.threads,
        )


def _listed(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers)) or "none"
