"""Grammatical relations that heads follow: what was measured of a head and a relation."""

from dataclasses import asdict, dataclass
from typing import Any

from attnviz.selection import HeadId


@dataclass(frozen=True)
class Followed:
    """How well one head follows one relation of a treebank.

    Source: Clark et al. 2019, "What does BERT look at?", section 4.2: a word's link is the other word to
    which it gives most weight, and the relation is measured on the words that have it.

    Attributes:
        head: the head.
        relation: the relation's name, such as "nsubj" or "verb <-> object".
        direction: whose links are meant: "dependent -> head", "head -> dependent" or "both".
        accuracy: the share of those words whose link is the right one, 0 to 1.
        best_offset: the share that would be right if every word's link went the same distance, for the
            distance at which that share is largest, 0 to 1.
        offset: that distance in words, negative ones back; or the name of a place, where a fixed place was
            tried and is better.
        words: the number of words that have the relation.
    """

    head: HeadId
    relation: str
    direction: str
    accuracy: float
    best_offset: float
    offset: int | str
    words: int

    def facts(self) -> dict[str, Any]:
        """Give it as the fields of the machine forms, the head aside."""
        fields = asdict(self)
        del fields["head"]
        return fields

    @property
    def gain(self) -> float:
        """How much more often the head is right than a fixed distance: -1 to 1, 0 where grammar adds nothing.

        >>> round(Followed(HeadId(7, 9), "obj", "head -> dependent", 0.868, 0.4, 2, 250).gain, 3)
        0.468
        """
        return self.accuracy - self.best_offset


@dataclass(frozen=True)
class BestHead:
    """How well the best head of a model follows one relation.

    Attributes:
        relation: its name and direction.
        head: the head that follows it best, chosen on other sentences.
        score: the share of words whose strongest link to another word is the one asked for.
        fixed_offset: the same for the best of always looking the same distance ahead or back.
        words: the number of words that have the relation.
    """

    relation: str
    head: str
    score: float
    fixed_offset: float
    words: int
