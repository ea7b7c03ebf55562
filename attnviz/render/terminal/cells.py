"""Text measured in terminal cells: a Chinese character takes two, an accent none."""

from itertools import accumulate

from rich.cells import cell_len

from attnviz.render.labels import clusters, is_right_to_left

# After right-to-left letters: keeps a terminal that reorders them from taking the next column along.
_LEFT_TO_RIGHT_MARK = "\u200e"


def elide(text: str, width: int) -> str:
    """Shorten a printable text to at most `width` cells, with "…" for what is missing.

    >>> elide("jumps", 4), elide("狐狸跳过", 6), elide("fox", 3)
    ('jum…', '狐狸…', 'fox')
    """
    if cell_len(text) <= width:
        return text
    parts = clusters(text)
    ends = accumulate(cell_len(part) for part in parts)
    kept = sum(end < width for end in ends)
    return "".join(parts[:kept]) + "…" if width > 0 else ""


def fit(text: str, width: int, align: str = "<") -> str:
    """Give a printable text exactly `width` cells: elided or padded.

    Args:
        text: what to fit.
        width: in cells.
        align: "<" left, ">" right, "^" in the middle.

    >>> fit("fox", 5, ">"), fit("狐狸", 5), fit("jumps", 4)
    ('  fox', '狐狸 ', 'jum…')
    """
    shown = elide(text, width)
    spare = width - cell_len(shown)
    left = {"<": 0, ">": spare, "^": spare // 2}[align]
    mark = _LEFT_TO_RIGHT_MARK if is_right_to_left(shown) else ""
    return " " * left + shown + mark + " " * (spare - left)


def weight_text(weight: float, digits: int = 2) -> str:
    """Write a weight in one cell more than its digits.

    >>> weight_text(0.754), weight_text(0.999), weight_text(0.001), weight_text(0.754, 1)
    ('.75', '1.0', '·', '.8')
    """
    if weight < smallest_written(digits):
        return "·"
    rounded = f"{weight:.{digits}f}"
    return rounded[1:] if rounded[0] == "0" else f"{weight:.{digits - 1}f}"


def smallest_written(digits: int) -> float:
    """Give the weight below which only zeros would be written."""
    return 0.5 * 10.0**-digits
