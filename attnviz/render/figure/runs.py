"""What stands at the sides of a long input's heatmap: the positions that runs of tokens begin at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from attnviz.record import Attention, Token
from attnviz.render.figure.fonts import Lettering
from attnviz.render.figure.sides import LEFT_TO_RIGHT, Label, Side, TokenLabels, elide
from attnviz.render.labels import is_right_to_left, printable_sentence
from attnviz.render.positions import is_pooled, marks, spans

# No more positions than this are marked.
_MOST_MARKS = 8

# Looking a whole run's text up in the fonts only to cut it would take long.
_MOST_CHARACTERS = 64


@dataclass(frozen=True)
class RunLabels:
    """The labels of a side made of runs of tokens: round positions, and where there is room the words there.

    Attributes:
        tokens: one for each row or column.
        lettering: how they are written.
        limit: where words are elided, in units of the letter size; 0 for none.
    """

    tokens: Sequence[Token]
    lettering: Lettering
    limit: float

    def every(self, step: int) -> Side:
        """Label round positions that are at least so many rows or columns apart, and not too many of them."""
        runs = spans(self.tokens)
        found = marks(runs, max(step, len(runs) // _MOST_MARKS))
        apart = found[1][0] - found[0][0] if len(found) > 1 else len(runs)
        labels = [Label(at, self._label(at, position)) for at, position in found]
        return Side.of(labels, len(runs), apart, self.lettering)

    def _label(self, at: int, position: int) -> str:
        words = printable_sentence(self.tokens[at].text[:_MOST_CHARACTERS]) if self.limit else ""
        if not words:
            return f"{position:,}"
        mark = LEFT_TO_RIGHT if is_right_to_left(words) else ""
        text = f"{mark}{position:,} {self.lettering.spell(words)}"
        return elide(text, self.lettering, self.limit)


def labels_of(
    record: Attention, tokens: Sequence[Token], lettering: Lettering, limit: float, *, words: bool = False
) -> Callable[[int], Side]:
    """Choose how a side is labelled, thinned out by a step.

    Args:
        record: whose side it is.
        tokens: one for each row or column.
        lettering: how labels are written.
        limit: where a label is elided, in units of the letter size.
        words: whether the words of runs stand beside their positions.
    """
    if is_pooled(record, tokens):
        return RunLabels(tokens, lettering, limit if words else 0.0).every
    return TokenLabels(tokens, lettering, limit).every
