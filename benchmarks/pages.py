"""What was measured of pages, and how benchmarks/README.md tells it."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.opening import Opening
from benchmarks.writing import Writing

_HEAD = """
## The page

One record, all-MiniLM-L6-v2's 72 heads reading this repository's own prose, written by attnviz and by
bertviz 1.4.1 in turn, each time in a process of its own, after a short text that is not counted, and opened
from disk in turn, each time in a fresh headless {browser}, 1280 x 800. Medians.

"""

_COLUMNS = {
    "page": "",
    "tokens": "",
    "size": "",
    "bytes per weight": "",
    "to write": "",
    "memory": "what writing took above what the process held before",
    "first paint": "the browser's first contentful paint",
    "drawn": "the first view stands there, and two frames have passed",
    "every head": "so does all it shows; in ours a picture of each head stands beside the view",
    "moving": (
        "what 95 % of the frames take at most (a screen has 17 ms for each) in five seconds in which "
        "the wheel zooms into our heatmap and the mouse drags it about, or the wheel scrolls bertviz's view "
        "and the mouse points about in it"
    ),
    "asked for": "requests to any host",
}

_LIBRARIES = """
bertviz's pages were handed the libraries they ask a host for at once, as no network would (from npm; jQuery
2.1.0 in place of 2.0.0). Without a network they {offline}.
"""

_NEVER = """
"Never" was waited for {limit:g} s: such a page's one script is longer than the longest string of Chromium's
JavaScript (2²⁹ − 24 characters), so it is dropped and nothing is drawn. It holds the weights twice, once in a
comment.
"""


@dataclass(frozen=True)
class Pages:
    """One maker's pages of one record."""

    maker: str
    tokens: int
    weights: int
    writings: tuple[Writing, ...]
    openings: tuple[Opening, ...]
    offline: Opening | None  # None where not tried
    frames: tuple[float, ...]  # seconds between frames while a view is moved; none where it never is drawn
    browser: str

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.writings[0].size

    def row(self) -> str:
        """Give a row of a Markdown table."""
        cells = (
            self.maker,
            str(self.tokens),
            f"**{self.size / 1e6:.2f} MB**",
            f"{self.size / self.weights:.2f}",
            f"**{statistics.median(writing.seconds for writing in self.writings):.2f} s**",
            f"{statistics.median(writing.memory for writing in self.writings) / 1e6:.0f} MB",
            _typical(opening.painted for opening in self.openings),
            f"**{_typical(opening.drawn for opening in self.openings)}**",
            _typical(opening.whole for opening in self.openings),
            f"{1000 * statistics.quantiles(self.frames, n=20)[-1]:.0f} ms" if self.frames else "",
            str(self.openings[0].requests),
        )
        return f"| {' | '.join(cells)} |"


def from_json(facts: dict[str, Any]) -> Pages:
    """Read back what results.json keeps."""
    offline = facts["offline"]
    return Pages(
        **{
            **facts,
            "writings": tuple(Writing(**writing) for writing in facts["writings"]),
            "openings": tuple(Opening(**opening) for opening in facts["openings"]),
            "offline": None if offline is None else Opening(**offline),
            "frames": tuple(facts["frames"]),
        }
    )


def section(pages: list[Pages], limit: float) -> str:
    """Give the section on the page, in Markdown."""
    drawn = all(opening.drawn for page in pages for opening in page.openings)
    alone = any(page.offline and page.offline.drawn for page in pages)
    return "".join(
        (
            _HEAD.format(browser=pages[0].browser),
            f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}\n",
            *(page.row() + "\n" for page in pages),
            "\n",
            *(f"- **{column}**: {meaning}.\n" for column, meaning in _COLUMNS.items() if meaning),
            _LIBRARIES.format(offline="draw too" if alone else "draw nothing"),
            "" if drawn else _NEVER.format(limit=limit),
        )
    )


def _typical(times: Iterable[float | None]) -> str:
    """Give the median of times, if the thing ever happened."""
    happened = [time for time in times if time is not None]
    return f"{statistics.median(happened):.2f} s" if happened else "never"
