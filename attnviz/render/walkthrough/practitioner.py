"""The walk in plain words, with shapes at every arrow and every sum to check."""

import math
from collections.abc import Iterator

from attnviz.analysis.walkthrough.steps import Walkthrough
from attnviz.render.notes import percent as share_of
from attnviz.render.walkthrough import tables
from attnviz.render.walkthrough.blocks import Block, Page, Paragraph, Term, Word, para
from attnviz.render.walkthrough.closing import reads
from attnviz.render.walkthrough.numbers import FOLLOWED, name_of, percent, scale_text, things

CAUTION = "Attention shows what a head reads, not why the model answered."

# A scale this near to 1 / sqrt(d_k) is it.
_ROUNDING = 1e-5

# Bits below this would be written as none.
_LEAST = 0.0005


def pages(walk: Walkthrough) -> Iterator[Page]:
    """Tell every step, then what the number of heads buys."""
    yield Page("Input: one vector per token", tuple(_input(walk)))
    yield Page("Query, key and value: three linear maps for each head", tuple(_projections(walk)))
    yield Page("Scores, scaling, mask, softmax", tuple(_scores(walk)))
    yield Page("The weighted sum of the values", tuple(_mixture(walk)))
    yield Page("Concatenation of the heads", tuple(_concatenation(walk)))
    yield Page("The output projection", tuple(_joining(walk)))
    yield Page("One head, another head, all heads", tuple(closing(walk)))


def _input(walk: Walkthrough) -> Iterator[Block]:
    found = walk.projections
    count, width = len(walk.keys), found.width
    yield tables.shapes(walk, 1)
    long = "" if width is None else f" of {width} numbers (d_model)"
    yield para(
        f"Each of the {count} {things(walk)} comes into layer {walk.head.layer} as a vector{long}: what it "
        "is and where it stands, and what the layers below have added to that."
        if walk.head.layer
        else f"Each of the {count} {things(walk)} comes into layer 0 as a vector{long}: what it is, and in "
        "most models where it stands."
    )
    if walk.block == "cross":
        yield para(
            f"Here {len(walk.queries)} tokens of the decoder look at {count} of the encoder: queries are made "
            "from the first, keys and values from the second."
        )
    if table := tables.inputs(walk):
        yield para(f"How the vectors begin; {{}}, at place {walk.position}, is followed:", _query(walk))
        yield table
    else:
        yield para("What these numbers are is not recorded for this model; all that is made of them is.")


def _projections(walk: Walkthrough) -> Iterator[Block]:
    found, heads = walk.projections, len(walk.heads)
    yield tables.shapes(walk, 2)
    yield para(
        f"Each of the {heads} heads has three matrices of its own, learned in training. They turn every "
        f"vector into a {{}} (what we look for) and a {{}} (what it contains), {found.d_k} numbers each "
        f"(d_k), and a {{}} (the content), {found.d_v} numbers (d_v). Side by side, the matrices of all heads "
        "are one matrix each.",
        Term("query"),
        Term("key"),
        Term("value"),
    )
    if len(found.sharing) > 1:
        yield para(
            f"In this model groups of heads share keys and values: {', '.join(map(str, found.sharing))} have "
            "queries of their own, but the same K and V (grouped-query attention)."
        )
    if walk.scores.addition != "distance":
        yield para(
            "If the model rotates queries and keys by their positions (rotary positions), that has been done: "
            "these are the vectors that are compared."
        )
    yield para("How three of them begin:")
    yield tables.vectors(walk)


def _scores(walk: Walkthrough) -> Iterator[Block]:
    found, key = walk.scores, name_of(walk.keys, walk.strongest)
    yield tables.shapes(walk, 3)
    yield para(
        f"The query of {{}} is compared with every key: multiply the {walk.projections.d_k} pairs of numbers "
        "and add the products up. For {}, the key it reads most:",
        _query(walk),
        key,
    )
    yield tables.product(walk)
    yield from _way(walk)
    yield tables.scores(walk)
    yield from _spread(walk)


def _way(walk: Walkthrough) -> Iterator[Paragraph]:
    """Say what the columns of the scores are."""
    found = walk.scores
    if found.scale == 1:
        scaled = "This model does not scale its scores: they are taken as they are."
    else:
        usual = f"1/√{walk.projections.d_k}"
        told = f"{usual} = {scale_text(found.scale)}" if _is_usual(walk) else scale_text(found.scale)
        scaled = f"The same for every key, each score times {told}"
        scaled += "." if found.scale_is_known else ", which is usual; this model does not tell."
    added = {
        "nothing": "",
        "distance": " Then a term for the key's distance is added: the query times a vector learned for that "
        "distance, scaled alike.",
        "recovered": " What else this model adds (positions, a mask, a cap) is recovered from the weights, up "
        "to a constant that changes none of them.",
    }[found.addition]
    raised = (
        " e is raised to each logit less the largest, and each result divided by their sum: these are the "
        "weights (softmax). All of it with enough digits for a pocket calculator:"
    )
    yield para(scaled + added + raised)
    hidden = int((~found.visible).sum())
    if hidden:
        yield para(
            f"{hidden} of the {len(walk.keys)} {things(walk)} are hidden from this query by a mask: {{}}.",
            "their logit is −∞, their weight 0",
        )
    if found.lost:
        yield para(
            f"{percent(found.lost)} goes to none of the {things(walk)}: to a learned sink, or to what is not shown."
        )


def _spread(walk: Walkthrough) -> Iterator[Paragraph]:
    """Say what scaling does."""
    found = walk.scores
    one, other = found.spread, found.otherwise
    if found.scale == 1:
        first, second = "Unscaled, as in this model", f"scaled by 1/√{walk.projections.d_k}"
    else:
        first, second = "With the scaling", "without it"
    yield para(
        f"{first}, the weights have an entropy of {_bits(one.entropy)} bits, as much as {one.breadth:.2f} "
        f"{things(walk)} read alike, and the largest is {percent(one.largest)}; {second}, {_bits(other.entropy)} "
        f"bits, {other.breadth:.2f} {things(walk)}, and {percent(other.largest)}. The more numbers a query "
        "has, the larger its products: unscaled, softmax soon gives everything to one key, and hardly learns."
    )


def _mixture(walk: Walkthrough) -> Iterator[Block]:
    first = walk.mixture.order[0]
    yield tables.shapes(walk, 4)
    yield para(
        f"What head {walk.head} says about {{}} is the sum of all values, each times its weight. The longest "
        f"term first; of each value the {_followed(walk.projections.d_v)}. Each line's share says how much "
        f"it makes of the sum, measured along it; a share below 0 pulls the other way. {{}} makes "
        f"{percent(float(walk.mixture.shares[first]))}.",
        _query(walk),
        name_of(walk.keys, first),
    )
    yield tables.mixture(walk)


def _concatenation(walk: Walkthrough) -> Iterator[Block]:
    d_v, heads, place = walk.projections.d_v, len(walk.heads), walk.place
    yield tables.shapes(walk, 5)
    yield para(
        f"The other {heads - 1} heads do the same with matrices of their own. Their {heads} sums are put side "
        f"by side: {heads} × {d_v} = {heads * d_v} numbers, of which those of {walk.head} are "
        f"[{place * d_v}] to [{(place + 1) * d_v - 1}]."
        if heads > 1
        else f"This layer has a single head: its {d_v} numbers are all there is."
    )
    yield tables.strip(walk)


def _joining(walk: Walkthrough) -> Iterator[Block]:
    found = walk.joining
    if found is None:
        yield para(
            "This model does not show its output projection: what is made of the heads' sums passes through "
            "something else before it is one matrix. How much of the result comes from each head is not known."
        )
        return
    yield tables.shapes(walk, 6)
    yield para(
        f"One more matrix mixes the heads into one vector of {len(found.output)} numbers, which is added to "
        "the vector {} came in with. Since it is a matrix, each head has rows of its own in it, and what comes "
        f"out is a sum of {len(walk.heads)} parts{' and a bias' if found.bias.any() else ''}. Each part's length, "
        f"the {_followed(len(found.output))}, and its share along the sum:",
        _query(walk),
    )
    yield tables.joining(walk, found)
    share = float(found.shares[walk.place])
    yield para(f"{walk.head} makes {percent(share)} of what comes out for {{}}.", _query(walk))


def closing(walk: Walkthrough) -> Iterator[Paragraph]:
    """Say how many links one head has, two have, and all have."""
    found = walk.coverage
    if found is None:
        yield para("In this text no head of this layer has a link worth telling: it spreads its weights.")
        yield para(CAUTION)
        return
    first, second = found.first, found.second
    yield para(
        f"A link is a query that gives a key more than twice what an even spread would, and more than other "
        f"queries give it. Between them, the {found.heads} heads of layer {walk.head.layer} have {found.every} "
        "different links here."
    )
    yield para(
        f"Head {first.head} reads {'{}' * len(reads(walk, first, ' → '))}.", *reads(walk, first, " → ")
    )
    if second is not None:
        yield para(
            f"Head {second.head} reads {'{}' * len(reads(walk, second, ' → '))}.", *reads(walk, second, " → ")
        )
        yield para(
            f"Alone, {first.head} has {_of(len(first.links), found.every)} and {second.head} "
            f"{_of(len(second.links), found.every)}. Together they have {_of(found.both, found.every)}; all "
            f"{found.heads} heads have {found.every}. That is what several "
            "heads buy."
        )
    else:
        yield para("No other head of this layer adds a link to these.")
    yield para(CAUTION)


def _of(count: int, every: int) -> str:
    return f"{count} of {every} ({share_of(count / every)})"


def _query(walk: Walkthrough) -> Word:
    return name_of(walk.queries, walk.position)


def _is_usual(walk: Walkthrough) -> bool:
    return abs(walk.scores.scale * math.sqrt(walk.projections.d_k) - 1) < _ROUNDING


def _followed(length: int) -> str:
    """Name the numbers that are followed of vectors of a length."""
    return "numbers" if length <= FOLLOWED else f"{FOLLOWED} numbers in which the sum is largest"


def _bits(entropy: float) -> str:
    return "under 0.001" if 0 < entropy < _LEAST else f"{entropy:.3f}"
