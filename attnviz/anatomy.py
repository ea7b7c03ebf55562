"""What a model is made of, as far as attention is concerned: frozen facts, found by watching it read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from attnviz.outline import Layer, Outline
from attnviz.record import Block

# The text a model reads when it is asked what it is.
SAMPLE = "The quick brown fox jumps over the lazy dog."

QUERY, KEY, VALUE, OUTPUT, WHOLE = "query", "key", "value", "output", "attention"


@dataclass(frozen=True)
class Projection:
    """One matrix of a layer that attends.

    Attributes:
        roles: what is made with it: "query", "key", "value" or "output", several where it serves several;
            "attention" where that could not be told.
        name: its name in the model.
        inputs: the length of the vectors it takes.
        outputs: the length of the vectors it gives.
        parameters: how many numbers it has, its bias included.
    """

    roles: tuple[str, ...]
    name: str
    inputs: int
    outputs: int
    parameters: int


@dataclass(frozen=True)
class Anatomy:
    """The parts of a model that attention is made with, and how its weights are read.

    Attributes:
        model: the model's name: "builtin", a folder or a hub id.
        revision: its exact version, where known.
        kind: the type its configuration names, such as "bert".
        network: the class it was saved as, such as "BertForMaskedLM".
        parameters: how many numbers it has learned, in all.
        width: d_model, the length of the vectors between its layers; None where there are several.
        positions: how many tokens it has positions for; None where it does not say.
        sample: what it was given to read, in words.
        scales: whether what it reads may be of any length; a picture has one size.
        blocks: its blocks with their layers, the default block last; none if nothing in it attends.
        projections: for each block and layer, the matrices it attends with.
        beside: for each stack of layers, those that do not attend, by number, and what they hold instead.
        checks: what was checked of a capture of the sample and held, and how closely.
        halves: what else it reads with layers of its own, such as a text where this tells of a picture.
    """

    model: str
    kind: str
    network: str
    parameters: int
    sample: str
    revision: str | None = None
    width: int | None = None
    positions: int | None = None
    scales: bool = True
    blocks: Mapping[Block, Outline] = field(default_factory=dict)
    projections: Mapping[Block, Mapping[int, tuple[Projection, ...]]] = field(default_factory=dict)
    beside: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    halves: tuple["Anatomy", ...] = ()

    @property
    def matrices(self) -> tuple[Projection, ...]:
        """Every matrix that attention is made with, once, even where layers share it."""
        layers = [layer for block in self.projections.values() for layer in block.values()]
        own = {matrix.name: matrix for layer in layers for matrix in layer}
        return (*own.values(), *(matrix for half in self.halves for matrix in half.matrices))

    @property
    def attention_parameters(self) -> int:
        """How many of the numbers are in those matrices."""
        return sum(matrix.parameters for matrix in self.matrices)

    @property
    def parameters_by_role(self) -> dict[tuple[str, ...], int]:
        """The same, by what the matrices make."""
        counted: dict[tuple[str, ...], int] = {}
        for matrix in self.matrices:
            counted[matrix.roles] = counted.get(matrix.roles, 0) + matrix.parameters
        return counted


def alike(layers: tuple[Layer, ...]) -> tuple[tuple[Layer, ...], ...]:
    """Gather the layers that differ in nothing but their number, in the order of the model."""
    groups: dict[Layer, list[Layer]] = {}
    for layer in layers:
        groups.setdefault(replace(layer, number=0, module=""), []).append(layer)
    return tuple(map(tuple, groups.values()))
