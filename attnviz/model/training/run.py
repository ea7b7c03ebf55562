"""From texts and parsed sentences to a model folder: read, train, measure, write."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from attnviz.model.network import assemble
from attnviz.model.parameters import CARD, half_precision, save_model, write_whole
from attnviz.model.training.card import model_card
from attnviz.model.training.checkpoint import remove_checkpoint
from attnviz.model.training.facts import as_json, measure
from attnviz.model.training.loop import Progress, Trained, train
from attnviz.model.training.material import SHORTEST, Material, prepare
from attnviz.model.training.sentence import SENTENCE
from attnviz.model.training.settings import Settings
from attnviz.model.training.snapshots import Snapshot, Snapshots
from attnviz.model.training.teaching import Parse, heads_taught, sentences_of

_LONGEST_JUDGED = 60
_SET_ASIDE = 10


def make_model(
    folder: Path,
    settings: Settings,
    texts: Iterable[str],
    treebank: Iterable[Parse] = (),
    judged: Iterable[Parse] = (),
    *,
    command: str = "",
    words_of_its_makers: str = "",
    report: Callable[[Progress], None] = lambda _: None,
    watched: str = SENTENCE,
    show: Callable[[Snapshot], None] = lambda _: None,
) -> None:
    """Train a model and write its folder: weights, vocabulary, facts, card, and how its heads came about.

    Args:
        folder: where the model goes, and meanwhile the checkpoints; one that is there is continued.
        settings: how to train.
        texts: what to learn from.
        treebank: parsed sentences to teach some heads from; without any, all heads are left to themselves.
        judged: parsed sentences to measure on; if there are none, every tenth of the treebank is set aside.
        command: what the card gives as the way to make the model again.
        words_of_its_makers: what the card says beside the measurements, in Markdown.
        report: told after every step.
        watched: the sentence on which it is kept what heads do while they learn.
        show: handed what they do each time it is kept.

    Raises:
        EmptyText: there is too little to learn from, or no word in the sentence to watch.
        Damaged: the checkpoint cannot be read.
        RequestError: the checkpoint is of a training with other settings or on other material, the history is
            of another sentence, or the sentence to watch has more than 48 words.
        Unwritable: the folder cannot be written.
    """
    taught_from, judged_by = _set_aside(list(treebank), list(judged))
    material = prepare(texts, taught_from, settings.words, settings.endings)
    snapshots = Snapshots(folder, settings, material, watched, show)
    trained = train(material, settings, folder, report, watcher=snapshots)
    architecture = settings.architecture(material.vocabulary.rows)
    stored = {name: array.astype(np.float32) for name, array in half_precision(trained.arrays).items()}
    sentences = sentences_of(judged_by, SHORTEST, _LONGEST_JUDGED)
    facts = measure(assemble(architecture, stored), material, trained.lessons, sentences)
    taught = heads_taught(trained.lessons, settings.layers)
    about = {
        "taught": {str(head): relation for head, relation in taught.items()},
        "training": _training_facts(material, settings, trained, command),
        "facts": as_json(facts),
    }
    snapshots.keep()
    whole = save_model(folder, architecture, material.vocabulary, trained.arrays, about)
    write_whole(folder / CARD, model_card(whole, words_of_its_makers).encode())
    remove_checkpoint(folder)


def _set_aside(treebank: Sequence[Parse], judged: Sequence[Parse]) -> tuple[Sequence[Parse], Sequence[Parse]]:
    if judged:
        return treebank, judged
    taught = [sentence for number, sentence in enumerate(treebank) if number % _SET_ASIDE]
    return taught, treebank[::_SET_ASIDE]


def _training_facts(material: Material, settings: Settings, trained: Trained, command: str) -> dict[str, Any]:
    return {
        "command": command,
        "settings": asdict(settings),
        "texts": len(material.texts.ends),
        "words": len(material.texts.features),
        "treebank_sentences": len(material.treebank.sentences),
        "treebank_words": len(material.treebank.texts.features),
        "seconds": round(trained.seconds),
        "torch": torch.__version__,
    }
