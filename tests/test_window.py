"""What --from and --to ask for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.errors import OutOfRange, RequestError
from attnviz.window import Window, parse_window


def test_nothing_asked_is_no_window() -> None:
    assert parse_window(None, None, 9, 9) is None


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        ("2", "4", Window(range(2, 5), range(2, 5))),
        ("7", None, Window(range(7, 9), range(7, 9))),
        (None, "-8", Window(range(2), range(2))),
        ("2-4", None, Window(range(2, 5), range(9))),
        (None, "0-0", Window(range(9), range(1))),
        ("-2--1", "0-3", Window(range(7, 9), range(4))),
    ],
)
def test_positions_cut_a_square_and_ranges_a_side_each(start: str, stop: str, expected: Window) -> None:
    assert parse_window(start, stop, 9, 9) == expected
    assert expected.is_square == ("-" not in f"{start}{stop}".replace("-8", ""))


@pytest.mark.parametrize(
    ("start", "stop", "said"),
    [
        ("fox", None, "no window: got --from fox"),
        ("2-4", "6", "no window: got --from 2-4 and --to 6"),
        ("4", "2", "an empty window: got --from 4 --to 2"),
        ("4-2", None, "an empty window: got --from 4-2"),
        ("", None, "no window"),
    ],
)
def test_what_is_no_window_is_refused(start: str, stop: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        parse_window(start, stop, 9, 9)


@pytest.mark.parametrize(("start", "stop"), [("9", None), (None, "9"), ("0-9", None), ("-10", None)])
def test_a_position_that_is_not_there_is_refused(start: str, stop: str) -> None:
    with pytest.raises(OutOfRange, match="allowed 0 to 8"):
        parse_window(start, stop, 9, 9)


def test_two_texts_have_no_square_window() -> None:
    with pytest.raises(RequestError, match="as many queries as keys: got 3 and 9"):
        parse_window("1", "2", 3, 9)
    assert parse_window("1-2", "0-8", 3, 9) == Window(range(1, 3), range(9))


@given(st.text(max_size=8), st.text(max_size=8), st.integers(1, 9), st.integers(1, 9))
def test_any_text_is_a_window_within_the_input_or_is_refused(
    start: str, stop: str, queries: int, keys: int
) -> None:
    try:
        found = parse_window(start, stop, queries, keys)
    except RequestError:
        return
    assert found is not None
    assert found.queries
    assert set(found.queries) <= set(range(queries))
    assert found.keys
    assert set(found.keys) <= set(range(keys))
