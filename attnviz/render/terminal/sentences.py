"""What a head reads, in words."""

from collections.abc import Sequence
from math import isnan

from rich.text import Text

from attnviz.analysis.focus import Focus, FocusWord, HeadFocus, Link, Together
from attnviz.analysis.patterns.evidence import Evidence
from attnviz.analysis.patterns.find import NO_PATTERN, Pattern
from attnviz.analysis.patterns.naming import BROAD
from attnviz.record import Prediction, Token
from attnviz.render.labels import printable
from attnviz.render.positions import is_part, spans
from attnviz.render.terminal.cells import elide, smallest_written, weight_text

_LONGEST_WORD = 24

# In more tokens than this a word is not found by its text alone.
_MOST_FOUND = 512

# A sentence names this many words of a head, and is told of at most this many heads.
_NAMED, _MOST_HEADS = 2, 8

# In queries' worth of attention: what is too little to name in a sentence.
_HARDLY_READ = 0.3

# A pattern that lies this little above chance is not even near.
_NEAR = 0.1


def word(token: str, place: tuple[int, int] | None = None) -> str:
    """Show a token within a sentence; one without letters or digits would be taken for punctuation.

    Args:
        token: its text.
        place: its row and column, where it is a patch of a picture.

    >>> word("fox"), word("."), word("r3c5", (3, 5))
    ('fox', '“.”', 'row 3 column 5')
    """
    if place is not None:
        return f"row {place[0]} column {place[1]}"
    shown = elide(printable(token), _LONGEST_WORD)
    return shown if any(char.isalnum() for char in shown) else f"“{shown}”"


def enumeration(parts: Sequence[Text]) -> list[Text]:
    """Give parts the commas and the "and" of speech.

    >>> [part.plain for part in enumeration([Text("fox"), Text("jumps"), Text("dog")])]
    ['fox,', 'jumps', 'and dog']
    """
    if len(parts) < 2:
        return list(parts)
    *before, second_to_last, last = parts
    return [*(part + "," for part in before), second_to_last, Text("and ") + last]


def positions(tokens: Sequence[Token]) -> Sequence[str]:
    """Say where each token of a long input stands, for behind its text; elsewhere nothing.

    >>> positions([Token("The"), Token("fox")])
    ['', '']
    """
    if len(tokens) <= _MOST_FOUND and not is_part(tokens):
        return [""] * len(tokens)
    return [f" at {run[0]:,}" for run in spans(tokens)]


def focus_words(words: Sequence[FocusWord], at: Sequence[str]) -> list[Text]:
    """Name the words a head focuses on, each with the attention it receives beyond chance.

    Args:
        words: which.
        at: where each key stands, from `positions`.
    """
    named = [
        Text.assemble(
            (word(found.token, found.place), "bold"), (f"{at[found.position]}{_mass(found)}", "dim")
        )
        for found in words
    ]
    return enumeration(named) or [Text("no word in particular", style="dim")]


def _mass(found: FocusWord) -> str:
    spread = "" if found.spread is None else f" ±{found.spread:.1f}"
    return f" ({found.mass:.1f}{spread})"


def link(found: Link, sources: Sequence[str], targets: Sequence[str]) -> Text:
    """Say which word looks at which, with the weight.

    Args:
        found: the link.
        sources: where each query stands, from `positions`.
        targets: where each key stands.
    """
    source, target = word(found.source, found.source_place), word(found.target, found.target_place)
    return Text.assemble(
        source,
        (sources[found.source_position], "dim"),
        f" → {target}",
        (f"{targets[found.target_position]} {weight_text(found.weight)}", "dim"),
    )


def pattern(found: Pattern) -> list[Text]:
    """Name a pattern with its score, its margin over chance and what carries it, or the one that came near.

    >>> [text.plain for text in pattern(Pattern("next", "next", 0.62, 0.53, error=0.04))]
    ['next .62 (+.53 ±.04 over chance)']
    """
    score = f" {decimals(found.score)} ({decimals(found.over_chance, '+')}"
    if found.label != NO_PATTERN:
        error = "" if isnan(found.error) else f" ±{decimals(found.error)}"
        margin = f"{score}{error} over chance)" if found.label != BROAD else f" {decimals(found.score)}"
        named = Text.assemble(found.label, (margin, "dim"))
        return [named, *(_evidence(one) for one in found.evidence[:1])]
    if found.over_chance < _NEAR:
        return [Text(NO_PATTERN)]
    return [Text(NO_PATTERN), Text(f"nearest: {found.nearest}{score})", style="dim")]


def _evidence(found: Evidence) -> Text:
    """Say what carries a pattern most: a link, or a key that all queries look at."""
    target = word(found.key)
    told = f"at {target}" if found.query is None else f"as in {word(found.query)} → {target}"
    return Text(f"{told} {weight_text(found.weight)}", style="dim")


def shows_a_picture(focus: Focus) -> bool:
    """Say whether what is looked at are the patches of a picture, beside what the model added."""
    return all(token.kind == "patch" or token.is_special for token in focus.tokens) and any(
        token.kind == "patch" for token in focus.tokens
    )


def shows_a_sound(focus: Focus) -> bool:
    """Say whether what is looked at are the frames of a sound, beside what the model added."""
    return all(token.kind == "frame" or token.is_special for token in focus.tokens) and any(
        token.kind == "frame" for token in focus.tokens
    )


def things(focus: Focus) -> str:
    """Name what is looked at: "words", "patches" or "frames"."""
    return "patches" if shows_a_picture(focus) else "frames" if shows_a_sound(focus) else "words"


def breadth(head: HeadFocus, things: str = "words") -> list[Text]:
    """Say how many words, or other things, a head reads, and which shares of the mass are set aside."""
    shares = (("self", head.self_mass), ("special", head.special_mass))
    aside = [
        Text(f"{name} {weight_text(share.mean)} ±{decimals(share.spread)} aside", style="dim")
        for name, share in shares
        if share.mean >= smallest_written(2)
    ]
    reads = Text.assemble(
        f"reads {head.breadth.mean:.1f}", (f" ±{head.breadth.spread:.1f}", "dim"), f" {things}"
    )
    return [reads, *aside]


def coverage(focus: Focus, together: Together) -> str:
    """Say how many of the words the heads' links reach between them.

    Written "all 9 words" or "8 of 9 words"; where a decoder looks across, they are the source's words, and
    of a picture the patches and of a sound the frames.
    """
    covered, coverable = len(together.covered), together.coverable
    words = things(focus)
    words = "source words" if focus.block == "cross" and words == "words" else words
    return f"all {coverable:,} {words}" if covered == coverable else f"{covered:,} of {coverable:,} {words}"


def said(focus: Focus, most: int) -> list[Text]:
    """Name what was said, or what a target says, each token with the probability the model gave it there.

    Args:
        focus: what heads read, with the model's predictions.
        most: how many tokens to name; of more the last ones are counted.

    Returns:
        One text for each token, and one for what would come next; nothing where nothing was predicted.
    """
    if not focus.predictions:
        return []
    # Each row predicts the token of the next one.
    told = focus.predictions[_begin(focus) : -1]
    more = [Text(f"and {len(told) - most:,} more", style="dim")] if len(told) > most else []
    return [
        *map(_expected, told[:most]),
        *more,
        Text("then ", style="dim") + _expected(focus.predictions[-1]),
    ]


def _begin(focus: Focus) -> int:
    """The first row that predicts a token which was said, or which a target has."""
    wanted = {"generated"}
    if focus.block != "self" and all(token.kind not in wanted for token in focus.queries):
        wanted = {"text"}
    said = (place for place, token in enumerate(focus.queries) if token.kind in wanted)
    return max(next(said, len(focus.queries)) - 1, 0)


def _expected(prediction: Prediction) -> Text:
    seen = prediction.probability >= smallest_written(2)
    probability = weight_text(prediction.probability) if seen else "<.01"
    return Text.assemble((word(prediction.text), "bold"), (f" {probability}", "dim"))


def in_a_sentence(focus: Focus) -> Text | None:
    """Tell what a few heads read in one sentence; None if they are too many, or none prefers a word."""
    telling = [head for head in focus.heads if head.words and head.words[0].mass >= _HARDLY_READ]
    if not telling or len(focus.heads) > _MOST_HEADS:
        return None
    clauses = [Text.assemble(str(head.head), " ", _named(head)) for head in telling[1:]]
    first = Text.assemble(f"{telling[0].head} reads ", _named(telling[0]))
    together = focus.together if len(focus.heads) > 1 else None
    whole = f"; together they link {coverage(focus, together)}." if together else "."
    return Text(", ").join([first, *clauses]) + whole


def _named(head: HeadFocus) -> Text:
    """Name a head's first words, one that stands at several places once."""
    tokens = dict.fromkeys(word(found.token, found.place) for found in head.words)
    named = [Text(token, style="bold") for token in list(tokens)[:_NAMED]]
    return Text(" ").join(enumeration(named))


def decimals(share: float, sign: str = "-") -> str:
    """Write a share of 1 with two decimals and no zero before them; `sign` "+" marks gains too.

    >>> decimals(0.5), decimals(0.12, "+"), decimals(-0.05, "+")
    ('.50', '+.12', '-.05')
    """
    return f"{round(share, 2) + 0.0:{sign}.2f}".replace("0.", ".", 1)
