"""The walk for somebody who has read of attention in a newspaper: people at a table read one sentence."""

from collections.abc import Iterator

import numpy as np

from attnviz.analysis.walkthrough.steps import Walkthrough
from attnviz.render.walkthrough import tables
from attnviz.render.walkthrough.blocks import (
    Bars,
    Block,
    Column,
    Page,
    Paragraph,
    Points,
    Table,
    Term,
    Word,
    para,
)
from attnviz.render.walkthrough.closing import reads
from attnviz.render.walkthrough.numbers import keys_to_show, name_of, percent, rough

# Fewer rows than others are shown: a reader should see them at one glance.
_MOST_ROWS = 10

# So many numbers of a list are shown.
_BEGINNING = 5

# A word that gets less than this is not named.
_NAMED = 0.005


def pages(walk: Walkthrough) -> Iterator[Page]:
    """Tell every step, then what the number of readers buys."""
    yield Page("Each word becomes a list of numbers", (*_picture(walk), *_input(walk)))
    yield Page("Three notes about every word", tuple(_notes(walk)))
    yield Page("One question is held beside every label", tuple(_shares(walk)))
    yield Page("The word listens", tuple(_report(walk)))
    yield Page("All reports side by side", tuple(_reports(walk)))
    yield Page("One answer for the word", tuple(_answer(walk)))
    yield Page("One reader, another reader, all readers", tuple(_closing(walk)))


def _picture(walk: Walkthrough) -> Iterator[Block]:
    """Set the scene."""
    heads = len(walk.heads)
    people = f"{heads} people who sit" if heads > 1 else "a person who sits"
    yield para(
        f"Picture {people} at a table and read this sentence. Each of them looks for something else: one may "
        "look for who does what, another for which word describes which. Nobody sees everything; together "
        "they see a lot. In a program that reads, each of these readers is called a {}, and those at one "
        "table are called a {}: a program has several tables, and what one table has found goes on to the "
        "next. To look at some words more and at others less is called {}.",
        Term("head"),
        Term("layer"),
        Term("attention"),
    )
    yield para(
        f"We follow one of the readers, number {walk.head.index} at table {walk.head.layer} (programs count "
        f"from 0; the short name is {walk.head}), while it reads one word: {{}}.",
        _query(walk),
    )


def _input(walk: Walkthrough) -> Iterator[Block]:
    written = sum(not token.is_special for token in walk.keys)
    own = [token for token in walk.keys if token.is_special]
    width = walk.projections.width
    long = "a list of numbers" if width is None else f"a list of {width} numbers"
    yield para(
        f"A program can only work with numbers. So each word first becomes {long}: a card that says what the "
        "word is like. Words that are used alike have cards that are alike."
    )
    signs = "words, pieces of words and signs"
    if own:
        yield para(
            f"Here there are {written} {signs}, and {len(own)} that the program puts in itself ({{}}): "
            f"{len(walk.keys)} cards.",
            Word(", ".join(dict.fromkeys(token.text.strip() for token in own))),
        )
    else:
        yield para(f"Here there are {written} {signs}, so {written} cards.")
    if walk.head.layer:
        yield para("The readers at the tables before this one have written on the cards already.")
    if walk.projections.inputs is not None:
        begins = _beginning(walk.projections.inputs[walk.position])
        yield para(f"The card of {{}} begins with {begins} …", _query(walk))


def _notes(walk: Walkthrough) -> Iterator[Block]:
    found, key = walk.projections, name_of(walk.keys, walk.strongest)
    long = f"of {found.d_k} numbers each" if found.d_k == found.d_v else "of fewer numbers"
    yield para(f"From each card, the reader writes three short notes {long}:")
    yield Points(
        (
            para("the question (its name is {}): what is this word looking for?", Term("query")),
            para("the label (its name is {}): what does this word have to offer?", Term("key")),
            para("the content (its name is {}): what does it say to a word that listens?", Term("value")),
        )
    )
    yield para(
        "Nobody told the reader how to write them. It has found out by reading very many sentences and being "
        "corrected each time, a little: that is called {}. Every reader has found a way of its own, so each "
        "one writes other notes about the same words.",
        Term("training"),
    )
    if len(found.sharing) > 1:
        yield para(
            f"To save work, {len(found.sharing)} readers at this table share their labels and contents; each "
            "of them still asks questions of its own."
        )
    rows = [
        ("question", _query(walk).text, found.query),
        ("label", key.text, found.keys[walk.strongest]),
        ("content", key.text, found.values[walk.strongest]),
    ]
    yield Table(
        (
            Column("note", tuple(name for name, _, _ in rows), "left"),
            Column("of", tuple(word for _, word, _ in rows), "left"),
            Column("begins with", tuple(f"{_beginning(vector)} …" for _, _, vector in rows), "left"),
        )
    )


def _shares(walk: Walkthrough) -> Iterator[Block]:
    found, places = walk.scores, keys_to_show(walk, _MOST_ROWS)
    strongest = name_of(walk.keys, walk.strongest)
    yield para(
        "Now the reader takes the question of {} and holds it beside the label of every word. Number by "
        "number, the two are multiplied, and the results are added up. The better they fit, the more points.",
        _query(walk),
    )
    yield from _more_points(walk)
    yield para(
        "Points become shares: a few points more make a much larger share, and all shares come to 100%. Such "
        "a share is called a {}. It says how much of its attention {} gives to each word.",
        Term("weight"),
        _query(walk),
    )
    hidden = [place for place in range(len(walk.keys)) if place not in places]
    names = [name_of(walk.keys, place).text for place in places]
    points = [rough(float(found.logits[place])) for place in places]
    shares = [float(found.weights[place]) for place in places]
    if hidden:
        names.append(f"{len(hidden)} other words")
        points.append("")
        shares.append(float(found.weights[hidden].sum()))
    if found.lost:
        names.append("nothing at all")
        points.append("")
        shares.append(found.lost)
    yield Table(
        (
            Column("word", tuple(names), "left"),
            Column("points", tuple("hidden" if point == "−∞" else point for point in points)),
            Column("share", tuple(map(percent, shares))),
        ),
        Bars(tuple(shares)),
        tuple(row for row, place in enumerate(places) if place == walk.strongest),
    )
    yield from _smaller(walk, strongest)


def _more_points(walk: Walkthrough) -> Iterator[Paragraph]:
    """Say what else points depend on."""
    found = walk.scores
    if found.scale != 1:
        yield para(
            f"The points are then made smaller: each is multiplied by {found.scale:.3g}. We will see why."
        )
    if found.addition == "distance":
        yield para("More points are given, or taken, for how far away a word stands, and on which side.")
    if found.addition == "recovered":
        yield para("More points are given, or taken, for other reasons, such as how far away a word stands.")
    if not found.visible.all():
        yield para(
            "Some words are hidden: this program may not look at them from here, most often because they come "
            "later. They get no share."
        )


def _smaller(walk: Walkthrough, strongest: Word) -> Iterator[Paragraph]:
    """Say why points are made smaller."""
    one, other = walk.scores.spread, walk.scores.otherwise
    if walk.scores.scale == 1:
        yield para(
            "Many programs make the points smaller first, so that one word does not take everything. This one "
            f"does not: the largest share is {percent(one.largest)}, and would be {percent(other.largest)} with "
            "smaller points."
        )
        return
    yield para(
        f"Why were the points made smaller? Left as they were, the largest share would be "
        f"{percent(other.largest)}, not {percent(one.largest)}. With large points one word takes everything, "
        "and a reader who only ever looks at one word hardly learns to look at another."
    )


def _report(walk: Walkthrough) -> Iterator[Block]:
    found, weights = walk.mixture, walk.scores.weights
    at = int(np.argmax(abs(found.output)))
    places = [place for place in found.order if weights[place] >= _NAMED][:5]
    rest = [place for place in range(len(walk.keys)) if place not in places]
    yield para(
        "Now {} listens to every word, as much as its share says. The content of each word is multiplied by "
        f"the word's share, and all are added up. What comes out is again a list of {len(found.output)} "
        "numbers: the reader's report on {}.",
        _query(walk),
        _query(walk),
    )
    yield para(
        f"Here is the sum for one of these {len(found.output)} numbers, the one at place {at + 1}, where most "
        "comes together. The word that says most comes first:"
    )
    names = [name_of(walk.keys, place).text for place in places]
    shares = [f"{weights[place]:.4f}" for place in places]
    contents = [f"{walk.projections.values[place, at]:.4f}" for place in places]
    sums = [f"{found.terms[place, at]:.4f}" for place in places]
    if rest:
        names.append("all other words")
        shares.append(f"{weights[rest].sum():.4f}")
        contents.append("")
        sums.append(f"{found.terms[rest, at].sum() + 0.0:.4f}")
    yield Table(
        (
            Column("word", (*names, "sum"), "left"),
            Column("share", (*shares, "")),
            Column("× content", (*contents, "")),
            Column("= part", (*sums, f"{found.output[at]:.4f}")),
        ),
        closed=True,
    )


def _reports(walk: Walkthrough) -> Iterator[Block]:
    heads, d_v, place = len(walk.heads), walk.projections.d_v, walk.place
    if heads == 1:
        yield para("At this table there is one reader only, so there is one report.")
        return
    yield para(
        f"The other {heads - 1} readers have done the same, each with notes of its own. The {heads} reports "
        f"about {{}} are laid side by side: {heads} × {d_v} = {heads * d_v} numbers. Those of our reader are at "
        f"the places {place * d_v + 1} to {(place + 1) * d_v}.",
        _query(walk),
    )
    yield tables.strip(walk)


def _answer(walk: Walkthrough) -> Iterator[Block]:
    found = walk.joining
    if found is None:
        yield para(
            "A last step mixes the reports into one list again. This program does not show how, so we cannot "
            "tell how much comes from each reader."
        )
        return
    strongest = name_of(walk.keys, walk.strongest)
    more = (
        ": it now knows something of {}." if walk.strongest != walk.position else ": what {} said of itself."
    )
    yield para(
        f"A last step mixes the {len(walk.heads)} reports into one list of {len(found.output)} numbers. That is "
        "written on the card of {}" + more,
        _query(walk),
        strongest,
    )
    yield para("Not every reader has the same say. So much of what is written comes from each:")
    order = sorted(range(len(walk.heads)), key=lambda place: -found.shares[place])
    kept = sorted({*order[:_MOST_ROWS], walk.place}, key=order.index)
    rows = [(f"L{walk.head.layer}H{walk.heads[place]}", float(found.shares[place])) for place in kept]
    if rest := [place for place in order if place not in kept]:
        rows.append((f"{len(rest)} other readers", float(found.shares[rest].sum())))
    if found.bias.any():
        rows.append(("the same in every sentence", found.bias_share))
    yield Table(
        (
            Column("reader", tuple(name for name, _ in rows), "left"),
            Column("part", tuple(percent(share) for _, share in rows)),
        ),
        Bars(tuple(share for _, share in rows)),
        (kept.index(walk.place),),
    )
    below = " A part below 0 takes something away again." if any(share < 0 for _, share in rows) else ""
    yield para(f"All parts come to 100%.{below}")


def _closing(walk: Walkthrough) -> Iterator[Block]:
    found = walk.coverage
    if found is None:
        yield para(
            "In this sentence no reader at this table has a link: all of them look a little everywhere."
        )
        yield _caution()
        return
    yield para(
        "When a word gives another word much of its attention, more than most other words do, call that a "
        f"{{}}. In this sentence the readers at this table have {found.every} different links between them.",
        Term("link"),
    )
    for covered in (found.first, found.second):
        if covered is not None:
            told = reads(walk, covered, " to ")
            yield para(f"Reader {covered.head} has {_links(len(covered.links))}: {'{}' * len(told)}.", *told)
    if found.second is not None:
        yield para(
            f"The first alone sees {percent(len(found.first.links) / found.every)} of all links, the second "
            f"{percent(len(found.second.links) / found.every)}. Together they see "
            f"{percent(found.both / found.every)}: {found.both} of {found.every}. To see all of them, it takes "
            "more readers. That is why there are so many at one table."
        )
    else:
        yield para("No other reader at this table adds a link to these.")
    yield _caution()


def _links(count: int) -> str:
    return "1 link" if count == 1 else f"{count} links"


def _caution() -> Paragraph:
    return para("All this shows what a reader looks at, not why the program answers as it does.")


def _query(walk: Walkthrough) -> Word:
    return name_of(walk.queries, walk.position)


def _beginning(vector: np.ndarray) -> str:
    return " ".join(f"{rough(float(number)):>5}" for number in vector[:_BEGINNING])
