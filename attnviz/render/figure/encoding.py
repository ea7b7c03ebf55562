"""A figure as the bytes of a file: the same figure always gives the same bytes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import matplotlib
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.text import Text

from attnviz.render.figure.fonts import BASE, has_postscript_outlines

# An image inside a vector file has more pixels than the figure: its cells stay sharp when it is enlarged.
_SHARPER = 2

# Of zlib, 1 to 9: more effort takes twice the time and saves a tenth of the size.
_EFFORT = 1

_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def to_bytes(figure: Figure, kind: str) -> bytes:
    """Write a figure as "png", "svg" or "pdf"."""
    target = BytesIO()
    options: dict[str, Any] = {"format": kind, "metadata": _METADATA[kind], "facecolor": "auto"}
    with matplotlib.rc_context(_settings(figure)):
        if kind == "png":
            figure.savefig(target, dpi=figure.dpi, pil_kwargs={"compress_level": _EFFORT}, **options)
        else:
            with _any_reader(figure):
                figure.savefig(target, dpi=figure.dpi * _SHARPER, **options)
    return target.getvalue()


def pages_to_bytes(figures: Sequence[Figure]) -> bytes:
    """Write figures as the pages of one PDF."""
    target = BytesIO()
    with matplotlib.rc_context(_settings(*figures)), PdfPages(target, metadata=_METADATA["pdf"]) as pages:
        for figure in figures:
            pages.savefig(figure, dpi=figure.dpi * _SHARPER, facecolor="auto")
    return target.getvalue()


def _settings(*figures: Figure) -> dict[Any, Any]:
    texts = [text for figure in figures for text in figure.findobj(Text)]
    families = {family for text in texts for family in text.get_fontfamily()}
    return {
        # Text stays text: it can be searched and copied.
        "svg.fonttype": "none",
        "svg.hashsalt": "attnviz",
        "font.sans-serif": [BASE],
        # Publishers refuse Type 3 fonts, but PostScript outlines fit in no other of matplotlib's.
        "pdf.fonttype": 3 if has_postscript_outlines(families) else 42,
        # Hinting would move letters to whole pixels, away from where they were measured.
        "text.hinting": "no_hinting",
        "savefig.bbox": None,
    }


@contextmanager
def _any_reader(figure: Figure) -> Iterator[None]:
    """Let a reader of an SVG who has none of its fonts see another one, with the same text."""
    before = [(text, text.get_fontfamily()) for text in figure.findobj(Text)]
    try:
        for text, families in before:
            text.set_fontfamily([*families, "sans-serif"])
        yield
    finally:
        for text, families in before:
            text.set_fontfamily(families)
