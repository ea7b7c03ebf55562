"""What measures need to know of a record beside its weights, made once however many heads are measured."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.measures.copying import behind_earlier_equals, earlier_equals
from attnviz.analysis.measures.entropy import entropy
from attnviz.analysis.measures.keys import delimiter_keys, punctuation_keys, token_numbers
from attnviz.analysis.measures.masses import chance
from attnviz.analysis.patches import is_picture, patch_distances
from attnviz.analysis.readers import self_links
from attnviz.record import Attention, Mask, Weights

Numbers = NDArray[np.floating]


@dataclass(frozen=True)
class Ground:
    """What is known of a record's queries and keys.

    Attributes:
        record: the record.
    """

    record: Attention

    @cached_property
    def start(self) -> int:
        """The first query's position: where keys outnumber queries, the earlier ones came before."""
        return len(self.record.keys) - len(self.record.queries)

    @cached_property
    def is_picture(self) -> bool:
        """Whether queries and keys are patches of a picture."""
        return is_picture(self.record)

    @cached_property
    def is_sequence(self) -> bool:
        """Whether queries and keys are one text or sound in its order."""
        in_bands = any(token.kind == "frame" and token.part for token in self.record.keys)
        return self.record.block != "cross" and not self.is_picture and not in_bands

    @cached_property
    def has_text(self) -> bool:
        """Whether any key was written by the user or the model."""
        return any(key.kind in ("text", "generated") for key in self.record.keys)

    @cached_property
    def itself(self) -> Mask:
        """Where a query meets itself: (query, key)."""
        return self_links(self.record)

    @cached_property
    def first(self) -> Mask:
        """The first key: (key,)."""
        first: Mask = np.arange(len(self.record.keys)) == 0
        return first

    @cached_property
    def delimiters(self) -> Mask:
        """The keys that close or part texts: (key,)."""
        return delimiter_keys(self.record)

    @cached_property
    def punctuation(self) -> Mask:
        """The keys that punctuate: (key,)."""
        return punctuation_keys(self.record)

    @cached_property
    def same_tokens(self) -> Mask:
        """The earlier tokens equal to each query's: (query, key)."""
        equal: Mask = earlier_equals(token_numbers(self.record.keys), len(self.record.queries), self.start)
        return equal

    @cached_property
    def induced(self) -> Mask:
        """The tokens behind earlier ones equal to each query's: (query, key)."""
        numbers = token_numbers(self.record.keys)
        behind: Mask = behind_earlier_equals(numbers, len(self.record.queries), self.start)
        return behind

    @cached_property
    def apart(self) -> NDArray[np.float64]:
        """How far apart patches are: (query, key)."""
        return patch_distances(self.record)

    def beside(self, steps: int) -> Mask:
        """Say which key stands so many tokens after each query: (query, key)."""
        rows, columns = len(self.record.queries), len(self.record.keys)
        return np.eye(rows, columns, self.start + steps, dtype=bool)


@dataclass(frozen=True)
class Sight:
    """What queries can see in a layer, or in several that see alike.

    Attributes:
        visible: (query, key), True where a query can look.
        ground: what is known of the record.
    """

    visible: Mask
    ground: Ground

    @cached_property
    def seen(self) -> NDArray[np.intp]:
        """The number of keys each query can see: (query,)."""
        seen: NDArray[np.intp] = np.count_nonzero(self.visible, axis=-1)
        return seen

    def chance(self, cells: Mask) -> NDArray[np.float64]:
        """Give the share of what each query can see that is of a pattern: (query,).

        Args:
            cells: the pattern's cells (query, key), or whole columns as (key,).
        """
        spread = np.broadcast_to(cells, self.visible.shape)
        share: NDArray[np.float64] = chance(spread, self.visible, np.zeros(0))
        return share


@dataclass(frozen=True)
class Rows:
    """The rows of some heads of one layer.

    Attributes:
        weights: (head, query, key).
        sight: what their queries can see.
    """

    weights: Weights
    sight: Sight

    @property
    def ground(self) -> Ground:
        """What is known of the record."""
        return self.sight.ground

    @cached_property
    def entropy(self) -> Numbers:
        """The entropy of each row, which several measures are made of: (head, query), bits."""
        bits: Numbers = entropy(self.weights)
        return bits
