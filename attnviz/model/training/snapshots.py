"""How heads come about: what they do on one sentence, kept at several steps of their training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import RequestError
from attnviz.history import History, read_history, save_history
from attnviz.model.network import assemble, read
from attnviz.model.tokenizer import words
from attnviz.model.training.loop import lessons_of
from attnviz.model.training.material import Material
from attnviz.model.training.sentence import SENTENCE, check_sentence
from attnviz.model.training.settings import Settings
from attnviz.model.training.teaching import heads_taught
from attnviz.model.vocabulary import Vocabulary
from attnviz.record import Attention, Token

HISTORY = "history.safetensors"

# Snapshots of a whole training, besides the one before its first step.
TIMES = 60

Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Snapshot:
    """What heads do at one step.

    Attributes:
        step: the steps done.
        planned: the steps of the whole training.
        loss: of the last one's batch, in nats per word; None before the first.
        record: their attention.
    """

    step: int
    planned: int
    loss: float | None
    record: Attention


class Snapshots:
    """Keeps what a network's heads do on one sentence while it is trained; a `Watcher`."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        material: Material,
        text: str = SENTENCE,
        show: Callable[[Snapshot], None] = lambda _: None,
    ) -> None:
        """Prepare to watch.

        Args:
            folder: where the history is kept; one that is there is continued where the training is.
            settings: how the network is trained.
            material: what it learns from.
            text: what it reads each time.
            show: handed every snapshot as it is made.

        Raises:
            EmptyText: there is no word in the text.
            RequestError: it has more than 48 words.
        """
        check_sentence(text)
        self._path, self._settings, self._text, self._show = folder / HISTORY, settings, text, show
        self._architecture = settings.architecture(material.vocabulary.rows)
        self._tokens = _tokens(text, material.vocabulary)
        self._features = material.vocabulary.features([token.text for token in self._tokens])
        self._taught = heads_taught(lessons_of(material, settings), settings.layers)
        self._steps = frozenset(looked_at(settings.steps))
        self._seen: History | None = None

    def begin(self, step: int, arrays: Arrays) -> None:
        """Keep what heads do before they learn, or go on after an interruption.

        Raises:
            Damaged: what was kept before cannot be read.
            RequestError: it is of another sentence.
        """
        if step == 0:
            self._keep(step, None, arrays)
        elif self._path.exists():
            self._go_on(read_history(self._path), step)

    def see(self, step: int, loss: float, arrays: Arrays) -> None:
        """Keep what heads do if it is time."""
        if step in self._steps:
            self._keep(step, loss, arrays)

    def keep(self) -> None:
        """Write all that was seen, whole or not at all.

        Raises:
            Unwritable: the file cannot be made.
        """
        if self._seen:
            save_history(self._seen, self._path, force=True)

    def _go_on(self, before: History, step: int) -> None:
        if before.text != self._text:
            raise RequestError(
                f"{self._path} is of another sentence: got {self._text!r}, allowed {before.text!r}"
            )
        # What came after the checkpoint comes again.
        if before.steps[0] <= step:
            self._seen = before.until(step)

    def _keep(self, step: int, loss: float | None, arrays: Arrays) -> None:
        now = History(
            tokens=self._tokens,
            weights=self._weights(arrays)[None],
            steps=(step,),
            losses=(loss,),
            planned=self._settings.steps,
            layers=tuple(range(self._architecture.layers)),
            heads=tuple(range(self._architecture.heads)),
            model=str(self._path.parent),
            text=self._text,
            taught=self._taught,
        )
        self._seen = now if self._seen is None else self._seen.then(now)
        self._show(Snapshot(step, self._settings.steps, loss, now.record(0)))

    def _weights(self, arrays: Arrays) -> NDArray[np.float16]:
        """Read the sentence: (layer, head, query, key)."""
        layers: list[list[NDArray[np.float32]]] = [[] for _ in range(self._architecture.layers)]

        def watch(layer: int, _first: int, weights: NDArray[np.float32]) -> None:
            layers[layer].append(weights.copy())

        read(assemble(self._architecture, arrays), self._features, watch)
        return np.stack([np.concatenate(blocks, axis=-2) for blocks in layers]).astype(np.float16)


def looked_at(steps: int) -> tuple[int, ...]:
    """Say after which steps heads are looked at: close together at first, when they change most.

    >>> looked_at(2200)[:9], looked_at(2200)[-3:]
    ((0, 1, 2, 6, 10, 15, 22, 30, 39), (2056, 2127, 2200))
    >>> looked_at(3)
    (0, 1, 2, 3)
    """
    return tuple(sorted({round(steps * (time / TIMES) ** 2) for time in range(TIMES + 1)}))


def _tokens(text: str, vocabulary: Vocabulary) -> tuple[Token, ...]:
    found = list(words(text))
    ids = vocabulary.ids([word.text for word in found])
    return tuple(
        Token(word.text, id=number, span=(word.start, word.end), word=place)
        for place, (word, number) in enumerate(zip(found, ids, strict=True))
    )
