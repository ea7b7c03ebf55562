"""A figure as the bytes of a file: the same figure always gives the same bytes."""

from io import BytesIO

import matplotlib
from matplotlib.figure import Figure
from matplotlib.text import Text

from attnviz.render.figure.fonts import has_postscript_outlines

# Pixels per inch of the images inside vector files: their cells stay sharp when the page is enlarged.
_VECTOR_DPI = 600

_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def to_bytes(figure: Figure, kind: str) -> bytes:
    """Write a figure as "png", "svg" or "pdf"."""
    families = {family for text in figure.findobj(Text) for family in text.get_fontfamily()}
    settings = {
        # Text stays text: it can be searched and copied, and a reader without the font sees another one.
        "svg.fonttype": "none",
        "svg.hashsalt": "attnviz",
        # Publishers refuse Type 3 fonts, but PostScript outlines fit in no other of matplotlib's.
        "pdf.fonttype": 3 if has_postscript_outlines(families) else 42,
    }
    target = BytesIO()
    dpi = figure.dpi if kind == "png" else max(figure.dpi, _VECTOR_DPI)
    with matplotlib.rc_context(settings):
        figure.savefig(target, format=kind, dpi=dpi, facecolor="auto", metadata=_METADATA[kind])
    return target.getvalue()
