import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.errors import RequestError
from attnviz.render.figure.size import SIZES, Size, check_dpi, parse_size


@pytest.mark.parametrize(
    ("text", "width", "height"),
    [
        ("8x6", 8, 6),
        ("8 x 6 in", 8, 6),
        ("25.4cm", 10, None),
        ("84mm", 84 / 25.4, None),
        ("10X5CM", 10 / 2.54, 5 / 2.54),
    ],
)
def test_sizes_are_read(text, width, height):
    size = parse_size(text)
    assert size.width == pytest.approx(width)
    assert size.height == (None if height is None else pytest.approx(height))


@pytest.mark.parametrize("text", ["", "x", "8x", "x6", "-3x4", "8x6px", "1x1", "61", "nan", "1e9", "8x6x4"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(RequestError, match="not a size"):
        parse_size(text)


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_refused(text):
    try:
        size = parse_size(text)
    except RequestError:
        return
    assert text in SIZES or 1.5 <= size.width <= 60


def test_dpi_is_200_unless_told():
    assert check_dpi(None, Size()) == 200
    assert check_dpi(72, Size()) == 72
