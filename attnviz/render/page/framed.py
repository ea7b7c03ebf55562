"""A page in a frame of its own, as notebooks show it."""

from html import escape

# A page that was asked for may have more, but a notebook of this size is slow to open.
HEAVY = 10_000_000

# High enough for a grid and its controls, low enough for a laptop.
_HEIGHT = 720


def shown(page: str, told: str, size: int) -> str:
    """Show a page inside a notebook, unless it would weigh the notebook down.

    Args:
        page: the page.
        told: a line about it.
        size: how many bytes it has.
    """
    if size > HEAVY:
        return f"<p>{escape(told)}. Too large to show here: use its <code>save</code></p>"
    return frame(page, told)


def frame(page: str, title: str) -> str:
    """Put a page into a frame: it runs alone, so several never clash, and reaches nothing around it."""
    return (
        f'<iframe title="{escape(title)}" sandbox="allow-scripts allow-downloads" width="100%" '
        f'height="{_HEIGHT}" style="border: 0; width: 100%; height: {_HEIGHT}px" '
        f'srcdoc="{escape(page)}"></iframe>'
    )
