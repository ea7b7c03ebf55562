"""Networks with more and more heads, trained and measured one after the other; what is done stays done."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.headcount.subspaces import heads_apart
from attnviz.analysis.headcount.sweep import Conditions, Sweep, Trial
from attnviz.analysis.measures.divergence import divergence
from attnviz.analysis.measures.entropy import relative_entropy
from attnviz.errors import Damaged, RequestError
from attnviz.files import whole_file
from attnviz.model.network import Network, assemble, read
from attnviz.model.training.evaluation import evaluate_detection
from attnviz.model.training.examples import Batch, Replacer, Texts, in_order
from attnviz.model.training.facts import measure
from attnviz.model.training.loop import Progress
from attnviz.model.training.material import SHORTEST, Material, prepare
from attnviz.model.training.plan import Plan
from attnviz.model.training.settings import Settings
from attnviz.model.training.sweep import Grown, attention_parameters, grow, without_head
from attnviz.model.training.teaching import Parse, Sentence, sentences_of
from attnviz.selection import HeadId

TRIAL = "attnviz/trial/1"

_LONGEST_JUDGED = 60
_TOKENS_AT_ONCE = 4096

# Heads are removed and compared on so many texts: on all that are held out it would take as long as to train.
_MOST_LOOKED_AT = 500

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Stand:
    """Where a sweep stands.

    Attributes:
        settings: of the training that is going on or has ended.
        number: which of them it is, counted from 0.
        trainings: how many there are.
        progress: where that training is; None where it has not begun.
        trial: what was measured of it; None before.
        kept: it was done before, and nothing was trained.
    """

    settings: Settings
    number: int
    trainings: int
    progress: Progress | None = None
    trial: Trial | None = None
    kept: bool = False


@dataclass(frozen=True, eq=False)
class Ground:
    """What every network of a sweep learns from and is measured on."""

    material: Material
    looked_at: Texts
    judged: tuple[Sentence, ...]
    replacer: Replacer

    @classmethod
    def of(cls, material: Material, judged: Iterable[Parse]) -> "Ground":
        """Choose the texts heads are looked at on, spread evenly over those held out."""
        held_out = material.held_out
        count = len(held_out.ends)
        chosen = np.unique(np.linspace(0, count - 1, min(count, _MOST_LOOKED_AT)).round().astype(int))
        firsts = held_out.ends - held_out.lengths
        some = Texts.of([held_out.features[firsts[i] : held_out.ends[i]] for i in chosen])
        sentences = tuple(sentences_of(judged, SHORTEST, _LONGEST_JUDGED))
        return cls(material, some, sentences, Replacer(material.texts, material.vocabulary))

    @property
    def fingerprint(self) -> str:
        """A hash that tells this ground from any other."""
        judged = sha256(repr(self.judged).encode()).hexdigest()[:12]
        return f"{self.material.fingerprint}, judged by {judged}"

    def conditions(self, plan: Plan, command: str) -> Conditions:
        """Say what is the same for all trainings."""
        return Conditions(
            width=plan.width,
            layers=plan.layers,
            steps=plan.steps,
            texts=len(self.material.texts.ends),
            words=len(self.material.texts.features),
            held_out=len(self.material.held_out.ends),
            looked_at=len(self.looked_at.ends),
            judged=len(self.judged),
            command=command,
        )


def sweep(
    texts: Iterable[str],
    plan: Plan,
    folder: Path,
    judged: Iterable[Parse] = (),
    *,
    command: str = "",
    report: Callable[[Stand], Any] = lambda _: None,
) -> Sweep:
    """Train networks with different numbers of heads, and measure each; one that is broken off is lost.

    Args:
        texts: what to learn from; every fiftieth, at most 2,000, is held out for measuring.
        plan: which networks.
        folder: where each finished training is kept, a JSON file each; one that is there is not done again.
        judged: parsed sentences to measure relations on; nothing is taught from them.
        command: what the result gives as the way to make it again.
        report: told after every step and every training.

    Raises:
        EmptyText: there is too little to learn from.
        Damaged: a file in the folder is not what was written.
        RequestError: a file there is of a training with other settings or on other texts.
        Unwritable: the folder cannot be written.
    """
    first = plan.runs[0]
    ground = Ground.of(prepare(texts, (), first.words, first.endings), judged)
    trainings = len(plan.runs)
    trials = (
        _done_or_kept(ground, Stand(settings, number, trainings), folder, report)
        for number, settings in enumerate(plan.runs)
    )
    return Sweep(ground.conditions(plan, command), tuple(trials))


def kept_in(folder: Path) -> tuple[Path, ...]:
    """Find the trainings a folder keeps."""
    return tuple(sorted(folder.glob("h*-seed*.json")))


def _done_or_kept(ground: Ground, stand: Stand, folder: Path, report: Callable[[Stand], Any]) -> Trial:
    """Take one training from the folder, or do it and keep it there."""
    settings = stand.settings
    path = folder / f"h{settings.heads:02}-seed{settings.seed}.json"
    purpose = f"{asdict(settings)} on {ground.fingerprint}"
    kept = _read(path, purpose)
    if kept is None:
        report(stand)
        grown = grow(ground.material, settings, lambda progress: report(_with(stand, progress=progress)))
        trial = measure_grown(grown, ground, settings.seed)
        _write(path, purpose, trial)
    else:
        trial = kept
    report(_with(stand, trial=trial, kept=kept is not None))
    return trial


def measure_grown(grown: Grown, ground: Ground, seed: int) -> Trial:
    """Measure one network."""
    sizes = grown.architecture
    network = assemble(sizes, grown.arrays)
    facts = measure(network, ground.material, (), ground.judged)
    differences, entropy = _reading(network, ground.looked_at)
    return Trial(
        heads=sizes.heads,
        seed=seed,
        d_k=sizes.d_k,
        parameters=grown.parameters,
        attention_parameters=attention_parameters(sizes),
        loss=facts.detection.loss,
        auc=facts.detection.auc,
        divergence=float(differences.mean()) if differences.size else None,
        closest=float(differences.min()) if differences.size else None,
        entropy=entropy,
        removal=_removal(grown, ground),
        subspace=_subspaces_apart(grown),
        relations=facts.relations,
        seconds=grown.seconds,
    )


def _removal(grown: Grown, ground: Ground) -> tuple[float, ...]:
    """Remove every head once, and say by how much the loss rises, in nats per word."""
    sizes = grown.architecture

    def loss(arrays: Any) -> float:  # noqa: ANN401
        return evaluate_detection(assemble(sizes, arrays), ground.looked_at, ground.replacer).loss

    whole = loss(grown.arrays)
    heads = (HeadId(*place) for place in np.ndindex(sizes.layers, sizes.heads))
    return tuple(loss(without_head(sizes, grown.arrays, head)) - whole for head in heads)


def _subspaces_apart(grown: Grown) -> float | None:
    """How far apart the spaces are that heads take their queries, and their keys, from; None for one head.

    A head's logits are x W_Q W_K^T y^T: its matrix of rank d_k reads x in the space of W_Q's columns and y in
    that of W_K's. Both count the same, and all layers do.
    """
    sizes = grown.architecture
    apart = [
        heads_apart(np.split(grown.arrays[f"layers.{layer}.attention.{side}.weight"], sizes.heads, axis=1))
        for layer in range(sizes.layers)
        for side in ("query", "key")
    ]
    known = [share for share in apart if share is not None]
    return float(np.mean(known)) if known else None


def _reading(network: Network, texts: Texts) -> tuple[NDArray[np.float64], float]:
    """Hold the rows of all pairs of heads of a layer against each other, and say how wide rows are.

    Shape:
        Returns divergences (layer, pair) in bits, and entropy as a share of the most; means over words.
    """
    layers, heads = len(network.layers), network.layers[0].attention.heads
    pairs = list(combinations(range(heads), 2))
    apart, entropies, words = np.zeros((layers, len(pairs))), 0.0, 0
    for chosen in in_order(texts.lengths, _TOKENS_AT_ONCE):
        batch = texts.batch(chosen)
        seen = batch.present.sum(axis=-1)[:, None, None]

        def add(layer: int, first: int, weights: Weights, batch: Batch = batch, seen: Any = seen) -> None:  # noqa: ANN401
            nonlocal entropies
            rows = batch.present[:, first : first + weights.shape[-2]]
            shares = relative_entropy(weights, np.broadcast_to(seen, weights.shape[:-1]))
            entropies += float(shares.mean(axis=1)[rows].sum())
            for place, (one, other) in enumerate(pairs):
                apart[layer, place] += divergence(weights[:, one], weights[:, other])[rows].sum()

        read(network, batch.features, add, batch.visible)
        words += int(batch.present.sum())
    return apart / words, entropies / words / layers


def _with(stand: Stand, **more: Any) -> Stand:  # noqa: ANN401
    return Stand(stand.settings, stand.number, stand.trainings, **more)


def _write(path: Path, purpose: str, trial: Trial) -> None:
    content = json.dumps({"schema": TRIAL, "purpose": purpose, "trial": asdict(trial)}, indent=1)
    with whole_file(path, force=True) as temporary:
        temporary.write_text(content + "\n", encoding="utf-8")


def _read(path: Path, purpose: str) -> Trial | None:
    """Read one training, if it is there."""
    if not path.is_file():
        return None
    try:
        stored = json.loads(path.read_bytes())
        trial, meant = Trial.of(stored["trial"]), stored["purpose"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{path} is damaged: {error!r}") from error
    if meant != purpose:
        raise RequestError(f"{path} is of another sweep: got {meant}, allowed {purpose}")
    return trial
