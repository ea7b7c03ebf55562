import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from attnviz.render.labels import clusters, printable
from attnviz.render.terminal.cells import elide, fit, weight_text
from attnviz.render.terminal.flow import Flow
from attnviz.render.terminal.square import evenly
from tests.render.samples import tokens
from tests.render.terminal.console import shown


@given(tokens, st.integers(0, 20))
def test_elided_text_fits_and_keeps_whole_characters(token, width):
    text = printable(token)
    short = elide(text, width)
    assert cell_len(short) <= width
    if short != text and width > 0:
        kept = clusters(short.removesuffix("…"))
        assert short.endswith("…")
        assert kept == clusters(text)[: len(kept)]


@given(tokens, st.integers(0, 20), st.sampled_from("<>^"))
def test_fitted_text_is_exactly_as_wide_as_asked(token, width, align):
    assert cell_len(fit(printable(token), width, align)) == width


def test_right_to_left_labels_do_not_take_the_next_column_along():
    assert fit("كلب", 5) == "كلب\u200e  "


@given(st.floats(0, 1), st.sampled_from([1, 2]))
def test_weights_are_written_to_half_a_digit(weight, digits):
    text = weight_text(weight, digits)
    assert len(text) <= digits + 1
    assert float(text.replace("·", "0")) == pytest.approx(weight, abs=0.5 * 10**-digits + 1e-9)


@given(st.integers(1, 50), st.integers(1, 50))
def test_even_lines_are_as_few_as_full_ones(count, across):
    even = evenly(count, across)
    assert even <= across
    assert -(-count // even) == -(-count // across)


def test_flow_breaks_between_pieces_only():
    flow = Flow((Text("lazy → dog .99"), Text("brown → fox .96"), Text("The → fox .75")))
    assert shown(flow, 40) == "lazy → dog .99   brown → fox .96\nThe → fox .75\n"
    assert shown(flow, 14).splitlines()[0] == "lazy → dog .99"
