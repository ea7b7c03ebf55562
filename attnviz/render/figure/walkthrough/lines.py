"""Text set in lines as wide as a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from attnviz.render.figure.fonts import Lettering
from attnviz.render.figure.walkthrough.paper import (
    BETWEEN,
    FINE,
    MARGIN,
    ROOM,
    THEME,
    Part,
    Sheet,
    Style,
    space,
)
from attnviz.render.labels import clusters

_LEADING = 1.45
_MEASURER = TextToPath()


@dataclass(frozen=True)
class Piece:
    """Text in one style."""

    text: str
    style: Style


@dataclass(frozen=True)
class Setter:
    """Sets text in lines as wide as a page.

    Attributes:
        lettering: in which letters.
    """

    lettering: Lettering

    def lines(self, pieces: Sequence[Piece], indent: float = 0.0) -> Iterator[Part]:
        """Break text into lines, between words; a word that is too long in itself."""
        line: list[Piece] = []
        used = 0.0
        for word in self._words(pieces):
            width = self.width(word)
            if line and used + self.width(Piece(word.text.rstrip(), word.style)) > ROOM - indent:
                yield self._line(line, indent)
                line, used = [], 0.0
            line.append(word)
            used += width
        if line:
            yield self._line(line, indent)

    def _words(self, pieces: Sequence[Piece]) -> Iterator[Piece]:
        """Split text after its blanks, and what is wider than a page between letters."""
        for piece in pieces:
            start = 0
            for at in range(1, len(piece.text) + 1):
                if at == len(piece.text) or (piece.text[at - 1] == " " and piece.text[at] != " "):
                    yield from self._cut(Piece(piece.text[start:at], piece.style))
                    start = at

    def _cut(self, word: Piece) -> Iterator[Piece]:
        if self.width(word) <= ROOM - 20:
            yield word
            return
        kept = ""
        for cluster in clusters(word.text):
            if kept and self.width(Piece(kept + cluster, word.style)) > ROOM - 20:
                yield Piece(kept, word.style)
                kept = ""
            kept += cluster
        yield Piece(kept, word.style)

    def _line(self, words: Sequence[Piece], indent: float) -> Part:
        """Set a line; words of one style that follow each other are one text."""
        runs: list[Piece] = []
        for word in words:
            if runs and runs[-1].style == word.style:
                runs[-1] = Piece(runs[-1].text + word.text, word.style)
            else:
                runs.append(word)
        height = max(run.style.size for run in runs) * _LEADING

        def draw(sheet: Sheet, top: float) -> None:
            x = MARGIN + indent
            for run in runs:
                sheet.write(run.text.rstrip(), x, top + height / 2, run.style)
                x += self.width(run)

        return Part(height, draw)

    def width(self, piece: Piece) -> float:
        """Say how wide a piece is, in points."""
        style = piece.style
        # The blanks at an end are not measured, but stand there.
        text = self.lettering.spell(piece.text)
        return style.size * (
            _measured(f"|{text}|", self.lettering.families, style.bold, style.slanted)
            - _measured("||", self.lettering.families, style.bold, style.slanted)
        )

    def caption(self, text: str) -> Iterator[Part]:
        """Set what stands below a drawing."""
        yield space(4)
        yield from self.lines([Piece(text, Style(FINE, THEME.muted))])
        yield space(BETWEEN)


@lru_cache(maxsize=8192)
def _measured(text: str, families: tuple[str, ...], bold: bool, slanted: bool) -> float:
    """Give the width of a text in units of the letter size."""
    font = FontProperties(
        family=list(families),
        size=100.0,
        weight="bold" if bold else "normal",
        style="italic" if slanted else "normal",
    )
    width, _, _ = _MEASURER.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 100.0
