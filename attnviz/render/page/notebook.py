"""A record shown inside a notebook: a page in a frame of its own, made smaller where it is large."""

from html import escape

# High enough for a grid and its controls, low enough for a laptop.
_HEIGHT = 720


def frame(page: str, title: str = "Attention weights") -> str:
    """Put a page into a frame: it runs alone, so several never clash, and reaches nothing around it."""
    return (
        f'<iframe title="{escape(title)}" sandbox="allow-scripts allow-downloads" width="100%" '
        f'height="{_HEIGHT}" style="border: 0; width: 100%; height: {_HEIGHT}px" '
        f'srcdoc="{escape(page)}"></iframe>'
    )
