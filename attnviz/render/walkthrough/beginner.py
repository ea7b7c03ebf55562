"""The walk for somebody who has read of attention in a newspaper: people at a table read one sentence."""

from collections.abc import Iterator

import numpy as np

from attnviz.analysis.walkthrough.coverage import Coverage
from attnviz.analysis.walkthrough.steps import Joining, Numbers, Walkthrough
from attnviz.render.notes import percent as share_of
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
    shown,
)
from attnviz.render.walkthrough.closing import reads
from attnviz.render.walkthrough.numbers import (
    NEVER,
    keys_to_show,
    name_of,
    nouns,
    percent,
    percent_cell,
    rough,
)

# Fewer rows than others are shown: a reader should see them at one glance.
_MOST_ROWS, _MOST_TERMS = 10, 5

# So many numbers of a list are shown.
_BEGINNING = 5

# A word that gets less than this is not named in the sum.
_NAMED = 0.005

# A largest share that changes by less than this has hardly changed.
_HARDLY = 0.01


def pages(walk: Walkthrough) -> Iterator[Page]:
    """Tell every step, then what the number of readers buys."""
    word = nouns(walk).word
    yield Page(f"Each {word} becomes a list of numbers", (*_picture(walk), *_input(walk)))
    yield Page(f"Three notes about every {word}", tuple(_notes(walk)))
    yield Page("One question is held beside every label", tuple(_shares(walk)))
    yield Page(f"The {word} listens", tuple(_report(walk)))
    yield Page("All reports side by side", tuple(_reports(walk)))
    yield Page(f"One answer for the {word}", tuple(_answer(walk)))
    yield Page("One reader, another reader, all readers", tuple(_closing(walk)))


def _picture(walk: Walkthrough) -> Iterator[Block]:
    """Set the scene."""
    heads, called = len(walk.heads), nouns(walk)
    people = f"{heads} people who sit" if heads > 1 else "a person who sits"
    yield para(
        f"Picture {people} at a table and read this {called.whole}. Each of them looks for something else: "
        "one may look for who does what, another for what belongs together. Nobody sees everything; "
        "together they see a lot. In a program that reads, each of these readers is called a {}, and those "
        "at one table are called a {}. There are several tables, and what one table has found goes on to the "
        f"next. To look at some {called.words} more and at others less is called {{}}.",
        Term("head"),
        Term("layer"),
        Term("attention"),
    )
    yield para(
        f"We follow one of the readers, number {walk.head.index} at table {walk.head.layer} (programs count "
        f"from 0; the short name is {walk.head}), while it reads one {called.word}: {{}}.",
        _query(walk),
    )


def _input(walk: Walkthrough) -> Iterator[Block]:
    width, word, words = walk.projections.width, nouns(walk).word, nouns(walk).words
    long = "a list of numbers" if width is None else f"a list of {width} numbers"
    yield para(
        f"A program can only work with numbers. So each {word} first becomes {long}: a card that says what "
        f"the {word} is like. {words.capitalize()} that are alike have cards that are alike."
    )
    yield _count(walk)
    if walk.head.layer:
        yield para("The readers at the tables before this one have already added to the cards.")
    if walk.projections.inputs is not None:
        begins = walk.projections.inputs[walk.position, :_BEGINNING]
        numbers = ", ".join(rough(float(number)) for number in begins)
        yield para(f"The card of {{}} begins with {numbers} …", _query(walk))


def _count(walk: Walkthrough) -> Paragraph:
    """Say how many cards there are, and for what."""
    own = list(dict.fromkeys(shown(key.text) for key in walk.keys if key.is_special))
    written = [key.text for key in walk.keys if not key.is_special]
    words = sum(any(char.isalnum() for char in text) for text in written)
    signs = len(written) - words
    numbers = [(key.part, key.word) for key in walk.keys if any(char.isalnum() for char in key.text)]
    numbers = [number for number in numbers if number[1] is not None]
    pieces = len(set(numbers)) < len(numbers)
    told = (
        nouns(walk).words if nouns(walk).word != "word" else "words or pieces of words" if pieces else "words"
    )
    parts = [f"{words} {told}"]
    parts += [f"{signs} {'sign' if signs == 1 else 'signs'} such as “.”"] if signs else []
    parts += (
        [f"{sum(key.is_special for key in walk.keys)} that the program puts in itself ({{}})"] if own else []
    )
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    both = " looked at" if walk.block == "cross" else ""
    named = [Word(", ".join(own))] if own else []
    return para(f"Here there are {listed}{both}: {len(walk.keys)} cards.", *named)


def _notes(walk: Walkthrough) -> Iterator[Block]:
    found, key, word = walk.projections, name_of(walk.keys, walk.strongest), nouns(walk).word
    long = f" of {found.d_k} numbers each" if found.d_k == found.d_v else ""
    yield para(f"From each card, the reader writes three shorter notes{long}:")
    yield Points(
        (
            para(f"the question (its name is {{}}): what is this {word} looking for?", Term("query")),
            para(f"the label (its name is {{}}): what does this {word} have to offer?", Term("key")),
            para(
                f"the content (its name is {{}}): what does it say to a {word} that listens?", Term("value")
            ),
        )
    )
    yield para(
        "How to write them, the reader has learned by reading very much, and by being corrected a little "
        "each time. That is called {}. Every reader has learned a way of its own, so each one writes other "
        f"notes about the same {nouns(walk).words}.",
        Term("training"),
    )
    if len(found.sharing) > 1:
        yield para(
            f"To save room, {len(found.sharing)} readers at this table share their labels and contents; each "
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
            Column("of", tuple(text for _, text, _ in rows), "left"),
            Column("begins with", tuple(f"{_beginning(vector)} …" for _, _, vector in rows), "left"),
        )
    )


def _shares(walk: Walkthrough) -> Iterator[Block]:
    called = nouns(walk)
    yield para(
        f"Now the reader takes the question of {{}} and holds it beside the label of every {called.word}. "
        "Number by number, the two are multiplied, and the results are added up. The better they fit, the "
        "more points.",
        _query(walk),
    )
    yield from _other_points(walk)
    yield para(
        "Points become shares: a few points more make a much larger share, and all shares come to 100%. Such "
        f"a share is called a {{}}. It says how much of its attention {{}} gives to each {called.word}.",
        Term("weight"),
        _query(walk),
    )
    yield _table_of_shares(walk)
    yield _why_smaller(walk)


def _other_points(walk: Walkthrough) -> Iterator[Paragraph]:
    """Say what else points depend on."""
    found, called = walk.scores, nouns(walk)
    if found.scale != 1:
        yield para(
            f"The points are then made smaller: each is multiplied by {found.scale:.3g}. We will see why."
        )
    if found.addition == "distance":
        yield para(
            f"More points are given, or taken, for how far away a {called.word} is, and on which side."
        )
    if found.addition == "recovered":
        yield para(
            f"More points are given, or taken, for other reasons, such as how far away a {called.word} is."
        )
    if not found.visible.all():
        yield para(
            f"Some {called.words} are hidden: this program may not look at them from here, most often "
            "because they come later. They get no share."
        )


def _table_of_shares(walk: Walkthrough) -> Table:
    found, places, called = walk.scores, keys_to_show(walk, _MOST_ROWS), nouns(walk)
    hidden = [place for place in range(len(walk.keys)) if place not in places]
    names = [name_of(walk.keys, place).text for place in places]
    points = [rough(float(found.logits[place])) for place in places]
    shares = [float(found.weights[place]) for place in places]
    if hidden:
        names.append(f"{len(hidden)} other {called.words}")
        shares.append(float(found.weights[hidden].sum()))
    if found.lost:
        names.append("nothing at all")
        shares.append(found.lost)
    points += [""] * (len(names) - len(points))
    return Table(
        (
            Column(called.word, tuple(names), "left"),
            Column("points", tuple("hidden" if point == NEVER else point for point in points)),
            Column("share", tuple(map(percent_cell, shares))),
        ),
        Bars(tuple(shares)),
        tuple(row for row, place in enumerate(places) if place == walk.strongest),
    )


def _why_smaller(walk: Walkthrough) -> Paragraph:
    """Say why points are made smaller."""
    one, other = percent(walk.scores.spread.largest), percent(walk.scores.otherwise.largest)
    word = nouns(walk).word
    if walk.scores.scale == 1:
        return para(
            f"Many programs make the points smaller first, so that one {word} does not take everything. This "
            f"one does not: the largest share is {one}, and with smaller points it would be {other}."
        )
    little = abs(walk.scores.spread.largest - walk.scores.otherwise.largest) < _HARDLY
    here = (
        f"that hardly changes anything, since one {word} is far ahead" if little else "it would change much"
    )
    return para(
        f"Why were the points made smaller? With large points one {word} takes everything, and a reader who "
        f"only ever looks at one {word} hardly learns to look at another. Here {here}: the largest share is "
        f"{one}, and with large points it would be {other}."
    )


def _report(walk: Walkthrough) -> Iterator[Block]:
    found, called = walk.mixture, nouns(walk)
    at = int(np.argmax(abs(found.output)))
    yield para(
        f"Now {{}} listens to every {called.word}, as much as its share says. The content of each "
        f"{called.word} is multiplied by its share, and all are added up. What comes out is again a list of "
        f"{len(found.output)} numbers: the reader's report on {{}}.",
        _query(walk),
        _query(walk),
    )
    yield para(
        f"Here is the sum for one of these {len(found.output)} numbers, the one at place {at + 1}, which "
        f"comes out largest. The {called.word} that says most comes first:"
    )
    yield _table_of_terms(walk, at)


def _table_of_terms(walk: Walkthrough, at: int) -> Table:
    found, weights, called = walk.mixture, walk.scores.weights, nouns(walk)
    places = [place for place in found.order if weights[place] >= _NAMED][:_MOST_TERMS]
    rest = [place for place in range(len(walk.keys)) if place not in places]
    names = [name_of(walk.keys, place).text for place in places]
    shares = [f"{weights[place]:.4f}" for place in places]
    contents = [f"{walk.projections.values[place, at]:.4f}" for place in places]
    sums = [_four(found.terms[place, at]) for place in places]
    if rest:
        names.append(f"all other {called.words}")
        shares.append(f"{weights[rest].sum():.4f}")
        contents.append("")
        sums.append(_four(found.terms[rest, at].sum()))
    return Table(
        (
            Column(called.word, (*names, "sum"), "left"),
            Column("share", (*shares, "")),
            Column("× content", (*contents, "")),
            Column("= part", (*sums, _four(found.output[at]))),
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
        f"on {{}} are laid side by side: {heads} × {d_v} = {heads * d_v} numbers. Those of our reader, "
        f"{walk.head}, are at the places {place * d_v + 1} to {(place + 1) * d_v}.",
        _query(walk),
    )
    yield tables.strip(walk)


def _answer(walk: Walkthrough) -> Iterator[Block]:
    found, key = walk.joining, name_of(walk.keys, walk.strongest)
    if found is None:
        yield para(
            "A last step mixes the reports into one list again. This program does not show how, so we cannot "
            "tell how much comes from each reader."
        )
        return
    itself = key == _query(walk) and walk.block != "cross"
    knows = [] if itself else [key]
    yield para(
        f"A last step mixes the {len(walk.heads)} reports into one list of {len(found.output)} numbers. It "
        f"is added to the card of {{}}{'.' if itself else ', which now says something of {}, too.'}",
        _query(walk),
        *knows,
    )
    yield para("Not every reader has the same say. So much of this list comes from each:")
    yield _table_of_readers(walk, found)
    below = " A part below 0 takes something away again." if (found.shares < 0).any() else ""
    yield para(f"All parts come to 100%.{below}")


def _table_of_readers(walk: Walkthrough, found: Joining) -> Table:
    order = sorted(range(len(walk.heads)), key=lambda place: -float(found.shares[place]))
    kept = sorted({*order[:_MOST_ROWS], walk.place}, key=order.index)
    rows = [(f"L{walk.head.layer}H{walk.heads[place]}", float(found.shares[place])) for place in kept]
    if rest := [place for place in order if place not in kept]:
        rows.append((f"{len(rest)} other readers", float(found.shares[rest].sum())))
    if found.bias.any():
        rows.append(("always the same", found.bias_share))
    return Table(
        (
            Column("reader", tuple(name for name, _ in rows), "left"),
            Column("part", tuple(percent_cell(share) for _, share in rows)),
        ),
        Bars(tuple(share for _, share in rows)),
        (kept.index(walk.place),),
    )


def _closing(walk: Walkthrough) -> Iterator[Block]:
    found, called = walk.coverage, nouns(walk)
    if found is None:
        yield para(f"In this {called.whole}, each reader at this table looks a little everywhere: no links.")
    else:
        yield para(
            f"Sometimes one {called.word} gives another much of its attention, and most others do not. Call "
            "that a {}, written with an arrow: brown → fox says that brown looks at fox. The readers at this "
            f"table find {found.every} different ones in this {called.whole}.",
            Term("link"),
        )
        yield from _readers(walk, found)
    yield para("All this shows what a reader looks at, not why the program answers as it does.")


def _readers(walk: Walkthrough, found: Coverage) -> Iterator[Paragraph]:
    for covered in (found.first, found.second):
        if covered is not None:
            told, count = reads(walk, covered), len(covered.links)
            finds = "1 link" if count == 1 else f"{count} links"
            yield para(f"Reader {covered.head} finds {finds}: {'{}' * len(told)}.", *told)
    if found.second is None:
        yield para("No other reader at this table adds a link to these.")
        return
    first, second = len(found.first.links) / found.every, len(found.second.links) / found.every
    rest = " To find them all, it takes the others, too." if found.both < found.every else ""
    yield para(
        f"The first alone finds {share_of(first)} of all links, the second {share_of(second)}. Together they "
        f"find {share_of(found.both / found.every)}: {found.both} of {found.every}.{rest} That is why more "
        "than one reader sits at a table."
    )


def _query(walk: Walkthrough) -> Word:
    return name_of(walk.queries, walk.position)


def _beginning(vector: Numbers) -> str:
    return " ".join(f"{rough(float(number)):>5}" for number in vector[:_BEGINNING])


def _four(value: float) -> str:
    return f"{round(float(value), 4) + 0.0:.4f}"
