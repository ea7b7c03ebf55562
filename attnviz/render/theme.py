"""The colours of every picture: one scale from "no weight" to "all of it", and what stands around it."""

from dataclasses import dataclass

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Theme:
    """A set of colours, each a hex string such as "#08306b".

    Attributes:
        name: what `--theme` calls it.
        scale: evenly spaced stops of the weight scale, from no weight to the most; lightness only rises or
            only falls along it, so it survives printing in grey.
        diverging: evenly spaced stops of the scale of differences, an odd number, from the most lost over no
            difference at all to the most gained; orange and blue, which no common colour blindness confuses,
            and lightness only rises or only falls from the middle to either end.
        background: the page.
        foreground: text and axes.
        muted: what matters less: ticks, special tokens, captions.
        masked: a cell the model could not look at; on no point of the scale.
        hatch: lines across a masked cell whose key lies outside a window.
        rule: thin lines: frames, and what parts the tiles of a grid.
    """

    name: str
    scale: tuple[str, ...]
    diverging: tuple[str, ...]
    background: str
    foreground: str
    muted: str
    masked: str
    hatch: str
    rule: str

    def color(self, share: float) -> RGB:
        """Give the colour of a weight.

        Args:
            share: the weight as a share of the scale's top, 0 to 1; outside, the nearer end is meant.
        """
        return _along(self.scale, share)

    def difference(self, share: float) -> RGB:
        """Give the colour of a difference of weights.

        Args:
            share: the difference as a share of the largest, -1 to 1; outside, the nearer end is meant.
        """
        return _along(self.diverging, (share + 1) / 2)


def _along(stops: tuple[str, ...], share: float) -> RGB:
    """Give the colour at a place between the first stop, 0, and the last, 1."""
    position = min(max(share, 0.0), 1.0) * (len(stops) - 1)
    below = min(int(position), len(stops) - 2)
    low, high = rgb(stops[below]), rgb(stops[below + 1])
    red, green, blue = (round(a + (b - a) * (position - below)) for a, b in zip(low, high, strict=True))
    return red, green, blue


def rgb(color: str) -> RGB:
    """Read a hex colour.

    >>> rgb("#08306b")
    (8, 48, 107)
    """
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def luminance(color: RGB) -> float:
    """Give a colour's relative luminance, 0 (black) to 1 (white); WCAG 2.2, "relative luminance"."""
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (part / 255 for part in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# Stops of ColorBrewer's "Blues" (Cynthia Brewer, colorbrewer2.org) with white at the bottom, so that no
# weight leaves the paper blank, and of "viridis" (Smith and van der Walt, CC0) from its dark end. Differences
# run from the oranges of ColorBrewer's "PuOr" to its "Blues", and on the dark page from amber to sky blue.
THEMES = {
    "light": Theme(
        name="light",
        scale=(
            "#ffffff",
            "#deebf7",
            "#c6dbef",
            "#9ecae1",
            "#6baed6",
            "#4292c6",
            "#2171b5",
            "#08519c",
            "#08306b",
        ),
        diverging=(
            "#7f3b08",
            "#b35806",
            "#e08214",
            "#fdb863",
            "#ffffff",
            "#9ecae1",
            "#4292c6",
            "#2171b5",
            "#08306b",
        ),
        background="#ffffff",
        foreground="#1a1a1a",
        muted="#6b6b6b",
        masked="#e4e0d8",
        hatch="#aaa396",
        rule="#bfbfbf",
    ),
    "dark": Theme(
        name="dark",
        scale=(
            "#440154",
            "#472d7b",
            "#3b528b",
            "#2c728e",
            "#21918c",
            "#28ae80",
            "#5ec962",
            "#addc30",
            "#fde725",
        ),
        diverging=(
            "#ffc774",
            "#e8902c",
            "#a65f14",
            "#5c3812",
            "#14171b",
            "#123e57",
            "#176f9c",
            "#3fa7dc",
            "#a5ddff",
        ),
        background="#111418",
        foreground="#e8e8e8",
        muted="#9a9a9a",
        masked="#2a2d31",
        hatch="#6a7078",
        rule="#4a4e54",
    ),
}

# Colours of things that have no order, as groups (Okabe and Ito 2008): told apart by every kind of eye.
CATEGORIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
