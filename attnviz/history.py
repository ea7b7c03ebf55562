"""How heads came about: their weights on one text at several steps of a training, and these as a file."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import OutOfRange, RequestError
from attnviz.files import tensor_file, whole_file
from attnviz.record import Attention, Token
from attnviz.selection import HeadId

SCHEMA = "attnviz/history/1"

_WEIGHTS = "weights"

# What differs between two parts of one history.
_ALIKE: dict[str, Any] = {"steps": (0,), "losses": (None,)}


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """The attention weights of one text at several steps of a training, frozen and checked.

    Attributes:
        tokens: what the model reads: rows look, columns are looked at.
        weights: float16 (step, layer, head, query, key), read-only: a weight differs from that of the
            network by at most a two-thousandth of itself.
        steps: how many steps the network had learned each time, ascending; 0 is before the first.
        losses: the loss of the batch learned last, in nats per word; None where none was.
        planned: the steps of the whole training; it was interrupted where the last step is another.
        layers: the model's own numbers of the layers, ascending.
        heads: the model's own numbers of the heads in each layer, ascending.
        model: the model's name.
        text: the source text, into which the tokens' spans point.
        taught: for heads trained towards a labelled pattern, what they are taught.

    Raises:
        RequestError: the parts do not fit each other, or the weights are no attention.
    """

    tokens: tuple[Token, ...]
    weights: NDArray[np.float16]
    steps: tuple[int, ...]
    losses: tuple[float | None, ...]
    planned: int
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    model: str
    text: str
    taught: Mapping[HeadId, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        frozen = np.array(self.weights, dtype=np.float16)
        frozen.flags.writeable = False
        object.__setattr__(self, "weights", frozen)
        _check(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        return self._facts() == other._facts() and np.array_equal(self.weights, other.weights)

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Attention]:
        return (self.record(place) for place in range(len(self)))

    def __repr__(self) -> str:
        return f"History({self.model}: {len(self)} times, steps {self.steps[0]} to {self.steps[-1]})"

    def _facts(self) -> tuple[object, ...]:
        kept = (self.tokens, self.steps, self.losses, self.planned, self.layers, self.heads)
        return (*kept, self.model, self.text, dict(self.taught))

    @property
    def head_ids(self) -> tuple[HeadId, ...]:
        """Every head kept, layer by layer."""
        return tuple(HeadId(layer, head) for layer in self.layers for head in self.heads)

    def record(self, place: int) -> Attention:
        """Give the attention at one of the steps.

        Args:
            place: of the step among `steps`, counted from 0; negative ones from the end.

        Raises:
            OutOfRange: there are fewer steps.
        """
        if not -len(self) <= place < len(self):
            raise OutOfRange(f"no time {place}: this history has {len(self)}")
        return Attention(
            queries=self.tokens,
            keys=self.tokens,
            weights=self.weights[place].astype(np.float32),
            layers=self.layers,
            heads=self.heads,
            model=self.model,
            text=self.text,
            taught=self.taught,
        )

    def then(self, later: "History") -> "History":
        """Add what came after.

        Raises:
            RequestError: it is of something else, or did not come after.
        """
        ours, theirs = (replace(part, weights=part.weights[:1], **_ALIKE) for part in (self, later))
        if ours._facts() != theirs._facts():
            raise RequestError("two histories of different trainings do not make one")
        return replace(
            self,
            weights=np.concatenate([self.weights, later.weights]),
            steps=self.steps + later.steps,
            losses=self.losses + later.losses,
        )

    def thinned(self, most: int) -> "History":
        """Keep so many steps at most, evenly spaced, the first and the last among them; of one the last."""
        if most >= len(self):
            return self
        places = np.linspace(len(self) - 1, 0, max(most, 1)).round().astype(int)[::-1].tolist()
        steps = tuple(self.steps[place] for place in places)
        losses = tuple(self.losses[place] for place in places)
        return replace(self, weights=self.weights[places], steps=steps, losses=losses)

    def until(self, step: int) -> "History":
        """Forget what came after a step.

        Raises:
            RequestError: nothing would be left.
        """
        kept = sum(known <= step for known in self.steps)
        return replace(self, weights=self.weights[:kept], steps=self.steps[:kept], losses=self.losses[:kept])


def save_history(history: History, path: str | Path, *, force: bool = False) -> Path:
    """Write a history, whole or not at all.

    Args:
        history: what to write.
        path: of the file, safetensors whatever its name.
        force: replace what is there.

    Returns:
        The path written.

    Raises:
        OutputExists: something is there and `force` is off.
        Unwritable: the file cannot be made.
    """
    from safetensors.numpy import save_file

    target = Path(path)
    with whole_file(target, force=force) as temporary:
        save_file({_WEIGHTS: history.weights}, temporary, {"attnviz": json.dumps(facts(history))})
    return target


def read_history(path: str | Path) -> History:
    """Read a history back; it equals the one written.

    Raises:
        NotFound: there is no such file.
        Damaged: it is truncated, garbled, or no history of attnviz.
    """
    with tensor_file(Path(path), "history", SCHEMA) as (told, file):
        return _from_facts(told, file.get_tensor(_WEIGHTS))


def facts(history: History) -> dict[str, Any]:
    """Give everything of a history but its weights, as the JSON of docs/record.md."""
    return {
        "schema": SCHEMA,
        "model": history.model,
        "text": history.text,
        "planned": history.planned,
        "steps": list(history.steps),
        "losses": list(history.losses),
        "layers": list(history.layers),
        "heads": list(history.heads),
        "taught": {str(head): lesson for head, lesson in history.taught.items()},
        "tokens": [token.facts() for token in history.tokens],
    }


def _from_facts(told: dict[str, Any], weights: NDArray[Any]) -> History:
    if weights.dtype != np.float16:
        raise TypeError(f"weights: got {weights.dtype}, allowed float16")
    return History(
        tokens=tuple(Token(**{**token, "span": tuple(token["span"])}) for token in told["tokens"]),
        weights=weights,
        steps=tuple(told["steps"]),
        losses=tuple(told["losses"]),
        planned=told["planned"],
        layers=tuple(told["layers"]),
        heads=tuple(told["heads"]),
        model=told["model"],
        text=told["text"],
        taught={HeadId.parse(head): lesson for head, lesson in told["taught"].items()},
    )


def _check(history: History) -> None:
    times = len(history.steps)
    if not times:
        raise RequestError("an empty history: it needs a step")
    if history.weights.ndim != 5 or (len(history.weights), len(history.losses)) != (times, times):
        got = f"weights {history.weights.shape} and {len(history.losses)} losses"
        raise RequestError(f"weights, steps and losses do not fit: got {got}, allowed {times} of each")
    ascending = all(a < b for a, b in zip((-1, *history.steps), history.steps, strict=False))
    if not ascending or history.steps[-1] > history.planned:
        raise RequestError(
            f"steps: got {history.steps} of {history.planned}, allowed ascending ones from 0 to the last"
        )
    if not all(loss is None or np.isfinite(loss) for loss in history.losses):
        raise RequestError("a loss is no finite number")
    for place in range(times):
        history.record(place)  # a record checks itself
