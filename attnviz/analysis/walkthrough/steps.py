"""What a walk through one head finds, step by step."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.walkthrough.coverage import Coverage
from attnviz.record import Block, Mask, Token
from attnviz.selection import HeadId

Numbers = NDArray[np.float64]

# What logits hold beside scale x q k^T: nothing; a term for each distance, learned and known; or something
# that only the weights tell of: positions, a mask of numbers, a cap.
Addition = Literal["nothing", "distance", "recovered"]


@dataclass(frozen=True, eq=False)
class Projections:
    """Steps 1 and 2: what comes in, and the vectors one head makes of it.

    Attributes:
        inputs: (token, d_model), what the projections take; None where the record does not hold it.
        width: d_model; None where nothing tells it.
        query: (d_k), of the chosen query.
        keys: (key, d_k).
        values: (key, d_v).
        sharing: the heads of the layer that read the same keys and values, this one among them.
    """

    inputs: Numbers | None
    width: int | None
    query: Numbers
    keys: Numbers
    values: Numbers
    sharing: tuple[HeadId, ...]

    @property
    def d_k(self) -> int:
        """The length of a query or key."""
        return len(self.query)

    @property
    def d_v(self) -> int:
        """The length of a value."""
        return int(self.values.shape[1])


@dataclass(frozen=True)
class Spread:
    """How far a row of weights spreads.

    Attributes:
        factor: what q k^T is multiplied by.
        entropy: bits.
        largest: the largest weight.
    """

    factor: float
    entropy: float
    largest: float

    @property
    def breadth(self) -> float:
        """2^entropy: so many keys, all alike, would spread as far."""
        return float(2.0**self.entropy)


@dataclass(frozen=True, eq=False)
class Scores:
    """Step 3: from products to weights, for each key.

    Attributes:
        products: (key), q k^T.
        scale: what they are multiplied by.
        scale_is_known: whether the model told it; else 1 / sqrt(d_k) is taken, as is usual.
        addition: what is added then.
        added: (key), how much; zeros where nothing is.
        visible: (key), whether the query may look there.
        logits: (key), what the softmax takes; -inf where the query may not look.
        weights: (key), as the record has them.
        lost: the mass that goes to no key of the record, such as to a learned sink; 0 for most models.
        lost_logit: the logit of that; -inf where nothing is lost.
        spread: of the weights.
        otherwise: of what the weights would be, were products multiplied by 1; or, in a model that does just
            that, by 1 / sqrt(d_k). What is added stays as it is, but for a term of distances, which is a
            product with the query as well.
    """

    products: Numbers
    scale: float
    scale_is_known: bool
    addition: Addition
    added: Numbers
    visible: Mask
    logits: Numbers
    weights: Numbers
    lost: float
    lost_logit: float
    spread: Spread
    otherwise: Spread

    @property
    def scaled(self) -> Numbers:
        """The products times the scale: (key)."""
        return self.products * self.scale

    @property
    def largest(self) -> float:
        """The largest logit, which is taken off before the exponentials."""
        return float(max(self.logits.max(), self.lost_logit))

    @property
    def exponentials(self) -> Numbers:
        """The logits' exponentials, the largest taken off first: (key)."""
        raised: Numbers = np.exp(self.logits - self.largest)
        return raised

    @property
    def lost_exponential(self) -> float:
        """The same of what is lost."""
        return float(np.exp(self.lost_logit - self.largest))

    @property
    def total(self) -> float:
        """The sum of the exponentials, by which each is divided."""
        return float(self.exponentials.sum() + self.lost_exponential)


@dataclass(frozen=True, eq=False)
class Mixture:
    """Step 4: the weighted sum of the values.

    Attributes:
        terms: (key, d_v), weight x value.
        output: (d_v), their sum.
        order: keys, the longest term first.
        shares: (key), how much of the sum each term makes: term . output / |output|^2, which sum to 1. Below
            0 a term takes away.
    """

    terms: Numbers
    output: Numbers
    order: tuple[int, ...]
    shares: Numbers


@dataclass(frozen=True, eq=False)
class Joining:
    """Step 6: the output projection, and what each head adds to what comes out.

    Attributes:
        contributions: (head, d_model), what the projection makes of each head's output.
        bias: (d_model), what it adds of its own.
        output: (d_model), the sum of both: what the layer's attention gives for the query.
        shares: (head), contribution . output / |output|^2; with the bias's they sum to 1.
        bias_share: the bias's.
    """

    contributions: Numbers
    bias: Numbers
    output: Numbers
    shares: Numbers
    bias_share: float


@dataclass(frozen=True, eq=False)
class Walkthrough:
    """One head of one layer at one query, with every number on the way.

    Attributes:
        model: the model's name.
        text: the source text.
        block: which attention of the model this is.
        queries: the tokens that look.
        keys: the tokens looked at.
        head: the head that is followed.
        heads: the numbers of all heads of its layer.
        taught: what the head was trained towards, or None.
        position: the place of the query that is followed, from 0.
        projections: steps 1 and 2.
        scores: step 3.
        mixture: step 4.
        concatenated: step 5, (head, d_v): the outputs of all heads for the query.
        joining: step 6; None where the model does not show its output projection.
        coverage: which links the heads of the layer have between them; None where they have none.
    """

    model: str
    text: str
    block: Block
    queries: tuple[Token, ...]
    keys: tuple[Token, ...]
    head: HeadId
    heads: tuple[int, ...]
    taught: str | None
    position: int
    projections: Projections
    scores: Scores
    mixture: Mixture
    concatenated: Numbers
    joining: Joining | None
    coverage: Coverage | None

    @property
    def query(self) -> Token:
        """The token that looks."""
        return self.queries[self.position]

    @property
    def place(self) -> int:
        """The place of the head among those of its layer."""
        return self.heads.index(self.head.index)

    @property
    def strongest(self) -> int:
        """The key with the largest weight."""
        return int(self.scores.weights.argmax())
