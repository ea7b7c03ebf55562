"""How good a trained network is: at its task, at following grammar, and what each of its heads does."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.model.network import Network, read
from attnviz.model.training.examples import Batch, Replacer, Texts, in_order
from attnviz.model.training.material import Treebank
from attnviz.model.training.teaching import Direction, Relation, Sentence, gold_pairs
from attnviz.relation import Followed
from attnviz.selection import HeadId

Counts = NDArray[np.int64]


def offset_name(offset: int) -> str:
    """Name a distance in words.

    >>> offset_name(-1), offset_name(2)
    ('previous word', '2 words ahead')
    """
    if abs(offset) == 1:
        return "next word" if offset > 0 else "previous word"
    return f"{abs(offset)} words {'ahead' if offset > 0 else 'back'}"


_TOKENS_AT_ONCE = 4096
_FARTHEST = 5
OFFSETS = tuple(offset for offset in range(-_FARTHEST, _FARTHEST + 1) if offset)

# Where a link can go without regard to grammar: a distance, or the end of the text.
PLACES = (*map(offset_name, OFFSETS), "last word or sign")

DIRECTIONS: dict[Direction, str] = {
    "up": "dependent -> head",
    "down": "head -> dependent",
    "both": "both",
}
_ONE_WAY: tuple[Direction, ...] = ("up", "down")
_TESTED = ("nsubj", "obj", "det", "amod", "case", "advmod", "obl", "nmod", "aux", "mark", "conj", "cc")
TESTS = tuple(
    Relation(f"{label}: {DIRECTIONS[direction]}", frozenset({label}), direction)
    for label in _TESTED
    for direction in _ONE_WAY
)


@dataclass(frozen=True)
class Detection:
    """How well replaced words are told from original ones.

    Attributes:
        texts: the number of texts judged.
        words: the number of words judged.
        loss: binary cross-entropy in nats per word.
        accuracy: the share of words judged rightly, when half is the threshold.
        auc: the chance that a replaced word gets a higher judgement than an original one; 1/2 is guessing.
    """

    texts: int
    words: int
    loss: float
    accuracy: float
    auc: float


@dataclass(frozen=True, eq=False)
class Links:
    """How often each head's strongest link to another word is the one a relation asks for.

    Attributes:
        tests: the relations.
        hits: (layer, head, test), words whose strongest link is right.
        offset_hits: (offset, test), words for which a fixed offset would be right.
        rows: (test), words that have the relation.
    """

    tests: tuple[Relation, ...]
    hits: Counts
    offset_hits: Counts
    rows: Counts

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """The share of words whose strongest link is right: (layer, head, test), 0 to 1."""
        return self.hits / np.maximum(1, self.rows)

    @property
    def best_offset(self) -> NDArray[np.float64]:
        """What always looking the same distance ahead or back would reach at best: (test), 0 to 1."""
        best: NDArray[np.float64] = (self.offset_hits / np.maximum(1, self.rows)).max(axis=0)
        return best

    def followed(self, head: HeadId, test: int) -> Followed:
        """Give what was found of one head and one relation."""
        relation = self.tests[test]
        direction = DIRECTIONS[relation.direction]
        return Followed(
            head=head,
            relation=relation.name.removesuffix(f": {direction}"),
            direction=direction,
            accuracy=float(self.accuracy[head.layer, head.index, test]),
            best_offset=float(self.best_offset[test]),
            offset=OFFSETS[self.offset_hits[:, test].argmax()],
            words=int(self.rows[test]),
        )


def evaluate_detection(network: Network, texts: Texts, replacer: Replacer) -> Detection:
    """Replace words of texts the network was not trained on, always the same ones, and let it judge."""
    rng = np.random.default_rng(0)
    judgements, replaced = [], []
    for chosen in in_order(texts.lengths, _TOKENS_AT_ONCE):
        batch = texts.batch(chosen)
        features, answer = replacer.replace(batch, rng)
        reading = read(network, features, lambda *_: None, batch.visible)
        judgements.append(reading.judgements[batch.present])
        replaced.append(answer[batch.present])
    logits, truth = np.concatenate(judgements).astype(np.float64), np.concatenate(replaced)
    losses = np.logaddexp(0, np.where(truth, -logits, logits))
    accuracy = float(((logits > 0) == truth).mean())
    return Detection(len(texts.ends), len(truth), float(losses.mean()), accuracy, _auc(logits, truth))


def evaluate_links(network: Network, treebank: Treebank, tests: Sequence[Relation]) -> Links:
    """Compare each head's strongest links with gold dependencies.

    Source: Clark et al. 2019, "What does BERT look at?", section 4.2: a word's link is the other word it
    gives most weight; a relation is measured on the words that have it, against the best fixed offset.
    """
    shape = (len(network.layers), network.layers[0].attention.heads, len(tests))
    hits, offset_hits = np.zeros(shape, dtype=int), np.zeros((len(OFFSETS), len(tests)), dtype=int)
    rows = np.zeros(len(tests), dtype=int)
    for chosen in in_order(treebank.texts.lengths, _TOKENS_AT_ONCE):
        batch = treebank.texts.batch(chosen)
        strongest = strongest_links(network, batch)
        sentences = [treebank.sentences[number] for number in chosen]
        right, offset_right, having = tally(strongest, sentences, tests)
        hits += right.reshape(shape)
        offset_hits += offset_right
        rows += having
    return Links(tuple(tests), hits, offset_hits, rows)


def tally(
    links: Counts, sentences: Sequence[Sentence], tests: Sequence[Relation]
) -> tuple[Counts, Counts, Counts]:
    """Count how often links are the gold ones.

    Shape:
        links: (sentence, head, query), the word that each looks at; itself where it looks at none.

    Returns:
        Words whose link is right (head, test); words for which a fixed offset would be right (offset, test);
        words that have the relation (test).
    """
    hits = np.zeros((links.shape[1], len(tests)), dtype=int)
    offset_hits, rows = np.zeros((len(OFFSETS), len(tests)), dtype=int), np.zeros(len(tests), dtype=int)
    for place, test in enumerate(tests):
        pairs = gold_pairs(sentences, test, links.shape[-1])
        hits[:, place] = _right(links, pairs).sum(axis=(0, -1))
        offset_hits[:, place] = _right(_shifted(pairs), pairs).sum(axis=(0, -1))
        rows[place] = pairs.any(axis=-1).sum()
    return hits, offset_hits, rows


def evaluate_places(network: Network, texts: Texts) -> NDArray[np.float64]:
    """Say where each head's strongest links to another word go.

    Shape:
        Returns shares of all words (layer, head, place), 0 to 1, for the places of `PLACES`.
    """
    shape = (len(network.layers), network.layers[0].attention.heads)
    counts, words = np.zeros((*shape, len(PLACES))), 0
    for chosen in in_order(texts.lengths, _TOKENS_AT_ONCE):
        batch = texts.batch(chosen)
        links = strongest_links(network, batch)
        last = batch.present.sum(axis=-1)[:, None, None] - 1
        distances = links - np.arange(batch.present.shape[1])
        for place, right in enumerate((*(distances == offset for offset in OFFSETS), links == last)):
            counts[..., place] += (right & batch.present[:, None]).sum(axis=(0, -1)).reshape(shape)
        words += batch.present.sum()
    return counts / max(1, words)


def strongest_links(network: Network, batch: Batch) -> Counts:
    """Find the other word to which each word gives most weight.

    Shape:
        Returns positions (text, layer x head, query).
    """
    blocks: list[list[Counts]] = [[] for _ in network.layers]

    def keep(layer: int, first: int, weights: NDArray[np.float32]) -> None:
        others = weights.copy()
        rows = np.arange(weights.shape[-2])
        others[..., rows, rows + first] = -1
        blocks[layer].append(others.argmax(axis=-1))

    read(network, batch.features, keep, batch.visible)
    return np.concatenate([np.concatenate(layer, axis=-1) for layer in blocks], axis=1)


def _right(links: Counts, pairs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which links are gold: links (text, head, query), pairs (text, query, key)."""
    squares = np.broadcast_to(pairs[:, None], (*links.shape, pairs.shape[-1]))
    return np.take_along_axis(squares, links[..., None], axis=-1)[..., 0]


def _shifted(pairs: NDArray[np.bool_]) -> Counts:
    """The links that fixed offsets would make: (text, offset, query); beyond the end, to the word itself."""
    rows = np.arange(pairs.shape[-1])
    links = rows + np.asarray(OFFSETS)[:, None]
    inside = (links >= 0) & (links < len(rows))
    return np.broadcast_to(np.where(inside, links, rows), (len(pairs), *links.shape))


def _auc(logits: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Area under the ROC curve from ranks (Mann & Whitney 1947), equal logits sharing theirs."""
    _, places, sizes = np.unique(logits, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[places]
    positives = int(truth.sum())
    pairs = positives * (len(truth) - positives)
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / pairs) if pairs else 0.5
