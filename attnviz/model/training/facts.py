"""What is known of a trained model, measured and ready to be written down."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.model.network import Network
from attnviz.model.training.evaluation import (
    PLACES,
    TESTS,
    Detection,
    Links,
    evaluate_detection,
    evaluate_links,
    evaluate_places,
)
from attnviz.model.training.examples import Replacer
from attnviz.model.training.material import Material, Treebank
from attnviz.model.training.teaching import Relation, Sentence
from attnviz.relation import BestHead, Followed
from attnviz.selection import HeadId

# A free head is named after a place or a relation only where it clearly follows it.
_CLEAR_SHARE = 0.4
_CLEAR_GAIN = 0.1


@dataclass(frozen=True)
class HeadFacts:
    """What one head does.

    Attributes:
        head: its name, such as "L1H0".
        taught: whether a treebank taught it.
        pattern: what it was taught, or the pattern it found by itself.
        score: the share of words whose strongest link to another word follows the pattern; of the words that
            have the relation where the pattern is one, else of all words.
        fixed_offset: what always looking the same distance ahead or back would score; None for a place.
    """

    head: str
    taught: bool
    pattern: str
    score: float
    fixed_offset: float | None


@dataclass(frozen=True)
class Facts:
    """All that was measured.

    Attributes:
        detection: how well replaced words are found in held-out texts.
        heads: every head, from the words up.
        relations: every tested relation; empty without a treebank to test on.
        followed: the relation each head follows best, of heads that follow one; empty without a treebank to
            test on.
        choosing_sentences: the parsed sentences on which heads were chosen.
        reporting_sentences: those on which they were scored.
    """

    detection: Detection
    heads: tuple[HeadFacts, ...]
    relations: tuple[BestHead, ...]
    followed: tuple[Followed, ...]
    choosing_sentences: int
    reporting_sentences: int


def measure(
    network: Network, material: Material, lessons: Sequence[Relation], judged: Sequence[Sentence]
) -> Facts:
    """Measure a trained network.

    Args:
        network: its parameters, on numpy.
        material: what it was trained on, with the texts held out.
        lessons: what the first heads of the last layer were taught.
        judged: parsed sentences it was not trained on: every second is for choosing heads, the others for
            scoring them.
    """
    tests = (*lessons, *TESTS)
    halves = [Treebank.of(judged[part::2], material.vocabulary) for part in (0, 1)]
    choosing, reporting = (evaluate_links(network, half, tests) for half in halves)
    places = evaluate_places(network, material.held_out)
    detection = evaluate_detection(network, material.held_out, Replacer(material.texts, material.vocabulary))
    heads = np.ndindex(places.shape[:2])
    return Facts(
        detection,
        tuple(_head_facts(HeadId(*head), places[head], lessons, choosing, reporting) for head in heads),
        _relation_facts(choosing, reporting),
        best_followed(choosing, reporting, len(lessons)),
        *(len(half.sentences) for half in halves),
    )


def as_json(facts: Facts) -> dict[str, Any]:
    """Give facts as what a model's JSON file holds, heads by their names."""
    plain = asdict(facts)
    for entry, followed in zip(plain["followed"], facts.followed, strict=True):
        entry["head"] = str(followed.head)
    return plain


def best_followed(choosing: Links, reporting: Links, lessons: int) -> tuple[Followed, ...]:
    """Give the relation each head follows best, head by head.

    That of a taught head is its lesson; that of another the one in which it is furthest above the best fixed
    distance, chosen on one half and scored on the other. A head that is above it in none follows none.

    Args:
        choosing: what was found on the half for choosing.
        reporting: what was found on the half for scoring.
        lessons: how many of the tests, the first ones, were taught to the first heads of the last layer.
    """
    occurs = (choosing.rows > 0) & (reporting.rows > 0)
    gains = np.where(occurs, choosing.accuracy - choosing.best_offset, -np.inf)
    best, follows = gains.argmax(axis=-1), gains.max(axis=-1) > 0
    best[-1, :lessons], follows[-1, :lessons] = range(lessons), occurs[:lessons]
    return tuple(
        reporting.followed(HeadId(*head), int(test)) for head, test in np.ndenumerate(best) if follows[head]
    )


def _head_facts(
    head: HeadId,
    places: NDArray[np.float64],
    lessons: Sequence[Relation],
    choosing: Links,
    reporting: Links,
) -> HeadFacts:
    last = head.layer == len(choosing.hits) - 1
    if last and head.index < len(lessons):
        return _following(head, head.index, reporting, taught=True)
    place = int(places.argmax())
    share = float(places[place])
    if share >= _CLEAR_SHARE:
        return HeadFacts(str(head), False, PLACES[place], share, None)
    gains = choosing.accuracy[head.layer, head.index] - choosing.best_offset
    if gains.max() >= _CLEAR_GAIN:
        return _following(head, int(gains.argmax()), reporting, taught=False)
    return HeadFacts(str(head), False, f"mixed; most often {PLACES[place]}", share, None)


def _following(head: HeadId, test: int, links: Links, *, taught: bool) -> HeadFacts:
    score = float(links.accuracy[head.layer, head.index, test])
    return HeadFacts(str(head), taught, links.tests[test].name, score, float(links.best_offset[test]))


def _relation_facts(choosing: Links, reporting: Links) -> tuple[BestHead, ...]:
    """Give every relation that occurs, with the head that follows it best."""
    facts = []
    for test, relation in enumerate(reporting.tests):
        if not reporting.rows[test]:
            continue
        layer, index = np.unravel_index(choosing.hits[..., test].argmax(), choosing.hits.shape[:2])
        followed = _following(HeadId(int(layer), int(index)), test, reporting, taught=False)
        score, fixed = followed.score, float(reporting.best_offset[test])
        facts.append(BestHead(relation.name, followed.head, score, fixed, int(reporting.rows[test])))
    return tuple(facts)
