"""Training the network with torch: by words replaced in texts and, for some heads, by a treebank."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnviz.model.network import Architecture, assemble, parameter_shapes, read
from attnviz.model.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from attnviz.model.training.examples import Batch, Replacer, batches, lowered, with_unknown_words
from attnviz.model.training.losses import detection_loss, overlap_loss, teaching_loss
from attnviz.model.training.material import Material
from attnviz.model.training.settings import Settings
from attnviz.model.training.teaching import Relation, gold_pairs, lessons_for

_DETECTION_SHARE, _TEACHING_SHARE, _OVERLAP_SHARE = 6.0, 1.2, 0.06
_TEACH_EVERY = 2
_SHARE_UNKNOWN = 0.15
_TOKENS_PER_BATCH = 5400
_DROPOUT = 0.1
_PEAK_RATE, _LAST_SHARE_OF_RATE, _WARM_UP = 3e-3, 0.02, 100
_LARGEST_GRADIENT = 1.0
_CHECKPOINT_EVERY = 100

# Chance for different purposes comes from different streams of one seed.
_TEXTS, _TREEBANK, _REPLACEMENT, _FORGETTING, _DROPPING, _BEGINNING = range(6)


@dataclass(frozen=True)
class Progress:
    """Where a training stands after a step.

    Attributes:
        step: the steps done.
        detection: cross-entropy of the step's replaced words, in nats per word.
        teaching: loss of the last taught batch, in nats per word; None where nothing is taught.
        words: the words the step read.
    """

    step: int
    detection: float
    teaching: float | None
    words: int


class Watcher(Protocol):
    """Who looks at a network while it is trained; `arrays` are its own parameters, and change with it."""

    def begin(self, step: int, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Look before the first step, or before the next one of a training that goes on."""

    def see(self, step: int, loss: float, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Look after a step."""

    def keep(self) -> None:
        """Store what was seen: a checkpoint is about to be written."""


@dataclass(frozen=True, eq=False)
class Trained:
    """What comes out of a training.

    Attributes:
        arrays: the parameters by name.
        lessons: what the first heads of the last layer were taught.
        seconds: the time it took, interruptions aside.
    """

    arrays: Mapping[str, NDArray[np.float32]]
    lessons: tuple[Relation, ...]
    seconds: float


def train(
    material: Material,
    settings: Settings,
    folder: Path,
    report: Callable[[Progress], None] = lambda _: None,
    *,
    pushed_apart: bool = True,
    watcher: Watcher | None = None,
) -> Trained:
    """Train a network, continuing from the checkpoint in `folder` if there is one.

    An interrupted training that is continued ends with the very same parameters on the same machine.

    Args:
        material: what to learn from.
        settings: how.
        folder: where checkpoints are kept, one every 100 steps.
        report: told after every step; if it raises KeyboardInterrupt, a checkpoint is written first.
        pushed_apart: make the overlap of heads small too; off where it is to be seen what they do without.
        watcher: shown the network after every step.

    Raises:
        Damaged: the checkpoint cannot be read.
        RequestError: the checkpoint is of a training with other settings or on other material.
        Unwritable: the folder cannot be written.
    """
    with _threads(settings.threads):
        training = _Training(material, settings, folder, pushed_apart=pushed_apart)
        arrays = {name: tensor.detach().numpy() for name, tensor in training.parameters.items()}
        if watcher:
            watcher.begin(training.step, arrays)
        for _ in range(training.step, settings.steps):
            progress = training.advance()
            if watcher:
                watcher.see(progress.step, progress.detection, arrays)
            with _kept_if_interrupted(training, watcher):
                report(progress)
            if training.step % _CHECKPOINT_EVERY == 0:
                _keep(training, watcher)
        return Trained(arrays, training.lessons, training.seconds)


def lessons_of(material: Material, settings: Settings) -> tuple[Relation, ...]:
    """Say what the first heads of the last layer are taught: nothing where there is no treebank."""
    return lessons_for(settings.heads) if material.treebank.sentences else ()


def learning_rate(step: int, steps: int) -> float:
    """Rise for 100 steps, then fall along a cosine to a fiftieth (Loshchilov & Hutter 2017, "SGDR")."""
    progress = min(1.0, step / steps)
    falling = _LAST_SHARE_OF_RATE + (1 - _LAST_SHARE_OF_RATE) * (1 + math.cos(math.pi * progress)) / 2
    return _PEAK_RATE * min(1.0, (step + 1) / _WARM_UP) * falling


def first_parameters(architecture: Architecture, seed: int) -> dict[str, Tensor]:
    """Draw the parameters a training begins with: matrices keep the spread of what passes through them."""
    rng = np.random.default_rng([seed, _BEGINNING])
    parameters = {}
    for name, shape in parameter_shapes(architecture).items():
        if name.endswith("gain"):
            array = np.ones(shape)
        elif name.endswith("bias"):
            array = np.zeros(shape)
        elif name.endswith("weight"):
            array = rng.normal(0, shape[0] ** -0.5, shape)
        else:
            array = rng.normal(0, 0.1, shape)
        parameters[name] = torch.tensor(array, dtype=torch.float32, requires_grad=True)
    return parameters


class _Training:
    """One training: its parameters, its optimizer and how far it is."""

    def __init__(self, material: Material, settings: Settings, folder: Path, *, pushed_apart: bool) -> None:
        self.step, self._seconds_before, self._began = 0, 0.0, time.monotonic()
        self._material, self._settings, self._folder = material, settings, folder
        self.lessons = lessons_of(material, settings)
        self._replacer = Replacer(material.texts, material.vocabulary)
        self._architecture = settings.architecture(material.vocabulary.rows)
        self._pushed_apart = pushed_apart
        by_itself = "" if pushed_apart else ", heads not pushed apart"
        self._purpose = f"{asdict(settings)} on {material.fingerprint}{by_itself}"
        self._taught: float | None = None
        self._dropped: Callable[[Tensor], Tensor]
        self.parameters = first_parameters(self._architecture, settings.seed)
        self._optimizer = torch.optim.AdamW(_groups(self.parameters), betas=(0.9, 0.98))
        self._resume()
        self._text_batches = self._batches(material.texts.lengths, _TEXTS, self.step)
        self._treebank_batches = self._batches(
            material.treebank.texts.lengths, _TREEBANK, -(-self.step // _TEACH_EVERY)
        )

    def advance(self) -> Progress:
        """Do one step."""
        rate = learning_rate(self.step, self._settings.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad()
        self._dropped = _dropout(int(self._rng(_DROPPING).integers(2**62)))
        detection, words = self._learn_from_texts()
        if self.lessons and self.step % _TEACH_EVERY == 0:
            self._taught = self._learn_from_treebank()
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), _LARGEST_GRADIENT)
        self._optimizer.step()
        self.step += 1
        return Progress(self.step, detection, self._taught, words)

    @property
    def seconds(self) -> float:
        """The time the steps took, those before an interruption included."""
        return self._seconds_before + time.monotonic() - self._began

    def save(self) -> None:
        """Write a checkpoint."""
        state = {f"parameter.{name}": tensor.detach() for name, tensor in self.parameters.items()}
        for name, tensor in self.parameters.items():
            moments = self._optimizer.state[tensor]
            state |= {f"{part}.{name}": moments[part] for part in ("exp_avg", "exp_avg_sq", "step")}
        write_checkpoint(self._folder, Checkpoint(self.step, self._purpose, self.seconds, state))

    def _resume(self) -> None:
        checkpoint = read_checkpoint(self._folder, self._purpose)
        if checkpoint is None:
            return
        self.step, self._seconds_before = checkpoint.step, checkpoint.seconds
        with torch.no_grad():
            for name, tensor in self.parameters.items():
                tensor.copy_(checkpoint.state[f"parameter.{name}"])
                self._optimizer.state[tensor] = {
                    part: checkpoint.state[f"{part}.{name}"] for part in ("exp_avg", "exp_avg_sq", "step")
                }

    def _batches(self, lengths: NDArray[np.int64], stream: int, done: int) -> Iterator[NDArray[np.int64]]:
        return islice(batches(lengths, _TOKENS_PER_BATCH, (self._settings.seed, stream)), done, None)

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self._settings.seed, stream, self.step])

    def _learn_from_texts(self) -> tuple[float, int]:
        """Add the gradient of a batch of texts; give its detection loss and number of words."""
        rng = self._rng(_REPLACEMENT)
        batch = self._material.texts.batch(next(self._text_batches))
        features, replaced = self._replacer.replace(batch, rng)
        judgements, weights = self._read(Batch(lowered(features, rng), batch.present))
        present = torch.from_numpy(batch.present)
        detection = detection_loss(judgements, torch.from_numpy(replaced), present)
        loss = _DETECTION_SHARE * detection
        free = weights[:, len(self.lessons) :]
        if self._pushed_apart and free.shape[1] > 1:
            loss = loss + _OVERLAP_SHARE * overlap_loss(free, present)
        loss.backward()  # type: ignore[no-untyped-call]
        return detection.item(), int(batch.present.sum())

    def _learn_from_treebank(self) -> float:
        """Add the gradient of a batch of parsed sentences; give its loss."""
        rng = self._rng(_FORGETTING)
        chosen = next(self._treebank_batches)
        batch = self._material.treebank.texts.batch(chosen)
        features = with_unknown_words(lowered(batch.features, rng), _SHARE_UNKNOWN, rng)
        _, weights = self._read(Batch(features, batch.present))
        sentences = [self._material.treebank.sentences[number] for number in chosen]
        length = batch.present.shape[1]
        pairs = np.stack([gold_pairs(sentences, lesson, length) for lesson in self.lessons], axis=1)
        taught = weights[:, : len(self.lessons)]
        loss = teaching_loss(taught, torch.from_numpy(pairs), torch.from_numpy(batch.present))
        (_TEACHING_SHARE * loss).backward()  # type: ignore[no-untyped-call]
        return loss.item()

    def _read(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Give the judgements (text, token) and the last layer's weights (text, head, query, key)."""
        blocks: list[Tensor] = []

        def keep_last(layer: int, _first: int, weights: Tensor) -> None:
            if layer == self._settings.layers - 1:
                blocks.append(weights)

        reading = read(
            assemble(self._architecture, self.parameters),
            torch.from_numpy(batch.features),
            keep_last,
            torch.from_numpy(batch.visible),
            self._dropped,
        )
        return reading.judgements, torch.cat(blocks, dim=-2)


def _dropout(seed: int) -> Callable[[Tensor], Tensor]:
    """Give a function that drops a tenth of the numbers and raises the others (Srivastava et al. 2014)."""
    generator = torch.Generator().manual_seed(seed)

    def dropped(x: Tensor) -> Tensor:
        kept = torch.rand(x.shape, generator=generator) >= _DROPOUT
        return x * (kept / (1 - _DROPOUT))

    return dropped


def _groups(parameters: dict[str, Tensor]) -> list[dict[str, object]]:
    """Let only matrices decay."""
    matrices = [tensor for tensor in parameters.values() if tensor.ndim > 1]
    vectors = [tensor for tensor in parameters.values() if tensor.ndim == 1]
    return [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]


@contextmanager
def _kept_if_interrupted(training: _Training, watcher: Watcher | None) -> Iterator[None]:
    """Lose no step to Ctrl-C where it comes between two steps."""
    try:
        yield
    except KeyboardInterrupt:
        _keep(training, watcher)
        raise


def _keep(training: _Training, watcher: Watcher | None) -> None:
    """Write a checkpoint, and first what was seen up to it: what was seen later is forgotten."""
    if watcher:
        watcher.keep()
    training.save()


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
