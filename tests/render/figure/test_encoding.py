"""Figures as bytes: three formats, the same bytes every time, text that stays text."""

import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from attnviz.errors import UnknownSuffix
from attnviz.render.figure import SUFFIXES, encode, heatmap
from tests.render.figure.pictures import FOX, record

STARTS = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_figure_gives_the_same_bytes(suffix):
    first, second = (encode(heatmap(record(FOX, causal=True)), suffix) for _ in range(2))
    assert first == second
    assert first.startswith(STARTS[suffix])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_date_and_no_version_is_written(suffix):
    written = encode(heatmap(record(FOX)), suffix)
    assert not re.search(rb"CreationDate|dc:date|Software|Matplotlib v", written)


def test_encoding_leaves_the_figure_as_it_was():
    figure = heatmap(record(FOX))
    before = encode(figure, ".png")
    encode(figure, ".svg")
    assert encode(figure, ".png") == before


def test_suffixes_may_be_in_capitals():
    assert encode(heatmap(record(["a"])), ".PNG").startswith(STARTS[".png"])


@pytest.mark.parametrize("suffix", [".gif", "png", ""])
def test_an_unknown_suffix_is_refused_with_the_known_ones(suffix):
    with pytest.raises(UnknownSuffix, match=r"\.png, \.svg, \.pdf"):
        encode(heatmap(record(["a"])), suffix)


@pytest.mark.parametrize(("dpi", "width"), [(None, 660), (100, 330)])
def test_dpi_sets_the_pixels(dpi, width):
    png = encode(heatmap(record(FOX), size="column", dpi=dpi), ".png")
    assert struct.unpack(">I", png[16:20]) == (width,)


def test_svg_text_can_be_searched_and_read_in_another_font():
    svg = ElementTree.fromstring(encode(heatmap(record(["fox", "<b>", "$x$", "العربية"])), ".svg"))
    written = list(svg.iter("{http://www.w3.org/2000/svg}text"))
    assert {"fox", "<b>", "$x$", "العربية", "from (query)"} <= {text.text for text in written}
    assert all("sans-serif" in text.get("style") for text in written)


def test_pdf_fonts_are_embedded_as_truetype():
    pdf = encode(heatmap(record(FOX)), ".pdf")
    assert b"/CIDFontType2" in pdf
    assert b"/Type3" not in pdf


def test_drawing_needs_no_pyplot_and_asking_needs_no_matplotlib():
    program = """
import sys
import attnviz, attnviz.render.figure as figure
assert "matplotlib" not in sys.modules
picture = attnviz.heatmap(attnviz.from_arrays([[1.0]], ["a"]))
for suffix in figure.SUFFIXES:
    figure.encode(picture, suffix)
assert "matplotlib.figure" in sys.modules
assert not {"matplotlib.pyplot", "torch", "rich"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
