"""What a terminal shows of two records held against each other."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from attnviz.analysis.comparing.contrast import contrast
from attnviz.record import from_arrays
from attnviz.render.contrasts import difference_map, label, overview, pool_differences, signed
from attnviz.render.machine.contrast import contrast_json
from attnviz.render.terminal.contrast import ContrastView
from attnviz.render.terminal.differences import PaintedDifferences, TypedDifferences
from attnviz.render.theme import THEMES, luminance
from attnviz.selection import HeadId
from tests.render.contrasted import causal, grown, long, minimal_pair, other_shape, unchanged
from tests.render.samples import records
from tests.render.terminal.console import hold_to_golden, shown

DARK = THEMES["dark"]
VIEWS = {
    "contrast": minimal_pair,
    "contrast_grown": grown,
    "contrast_shapes": other_shape,
    "contrast_causal": lambda: causal(40),
    "contrast_long": long,
}


def view(found, heads=None, told=10):
    return ContrastView(found, DARK, tuple(heads or [found.ranked[0].head]), told)


@pytest.mark.parametrize("colors", [None, "truecolor"], ids=["plain", "color"])
@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", VIEWS)
def test_looks_as_it_did(name, width, colors):
    hold_to_golden(name, view(VIEWS[name]()), width, colors)


@given(records(), st.integers(20, 120), st.sampled_from([None, "truecolor"]))
def test_nothing_is_wider_than_the_terminal(record, width, colors):
    text = shown(view(contrast(record, record)), width, colors)
    assert max(map(cell_len, re.sub("\x1b\\[[0-9;]*m", "", text).splitlines()), default=0) <= width


def table(text):
    """The heads listed, with their means, spreads and what changed most."""
    row = re.compile(r"^(L\d+H\d+)(?: → (L\d+H\d+))?\s+(\d\.\d{3}) ±(\d\.\d{3})[ ━╸]*(.*?)\s*$", re.MULTILINE)
    return row.findall(text)


@pytest.mark.parametrize("name", VIEWS)
def test_the_table_agrees_with_the_json(name):
    found = VIEWS[name]()
    told = json.loads(contrast_json(found, [found.ranked[0].head]))
    listed = table(shown(view(found), 120))
    assert [row[0] for row in listed] == [head["head"] for head in told["heads"] if head["divergence"]][:10]
    for (_, against, mean, spread, most), head in zip(listed, told["heads"], strict=False):
        assert (mean, spread) == (f"{head['divergence']:.3f}", f"{head['spread']:.3f}")
        assert not against or against == head["against"]
        largest = head["largest"]
        keys = [key["first"]["text"] for key in told["keys"]]
        at = "elsewhere" if largest["key"] is None else keys[largest["key"]]
        assert most.endswith(signed(largest["difference"]))
        assert at.strip("“”") in most


def test_the_json_says_what_the_contrast_is():
    found = grown()
    head = found.ranked[0].head
    told = json.loads(contrast_json(found, [head]))
    assert told["schema"] == "attnviz/contrast/1"
    assert (told["first"]["model"], told["second"]["text"]) == ("sample", "The very old cat sat down .")
    assert [token["text"] for token in told["second"]["unmatched"]["keys"]] == ["very", "old"]
    assert told["second"]["unmatched"]["mass"] == pytest.approx(found.second.elsewhere)
    (difference,) = told["differences"]
    np.testing.assert_allclose(difference["weights"], found.differences[found.row(head)], atol=1e-6)
    np.testing.assert_allclose(difference["elsewhere"], found.elsewhere[found.row(head)], atol=1e-6)
    assert len(told["keys"]) == len(difference["weights"][0]) == 5


def test_only_so_many_heads_are_listed_as_asked_for():
    assert len(table(shown(view(minimal_pair(), told=2), 80))) == 2


def test_heads_that_have_not_changed_are_counted_and_not_listed():
    text = shown(view(minimal_pair()), 80)
    assert "3 of 6 heads have not changed at all" in text
    assert len(table(text)) == 3


def test_where_nothing_changed_nothing_else_is_said():
    text = shown(view(unchanged()), 80)
    assert "no head has changed" in text
    assert "sample → copy" in text
    assert "bits" not in text


def test_what_was_matched_and_what_was_not_is_said():
    assert "5 tokens matched, replaced: cat→dog" in shown(view(minimal_pair()), 120)
    text = shown(view(grown()), 120)
    share = f"{grown().second.elsewhere:.0%}"
    assert f"only in the second: very, old, with {share} of its mass, shown as elsewhere" in text
    assert "only in the first" not in text
    other = shown(view(other_shape()), 120)
    assert "only in the second: [CLS], with" in other
    assert "heads of other shapes" in other


def test_plus_and_minus_are_told_apart_without_colours():
    text = shown(view(minimal_pair(), [HeadId(1, 1)]), 80)
    cells = difference_map(minimal_pair(), HeadId(1, 1))
    for value in cells[np.abs(cells) >= 0.005]:
        assert signed(value) in text
    signs = {TypedDifferences(1.0, "").cell(value, 2).text.strip() for value in (-0.9, -0.2, 0.0, 0.2, 0.9)}
    assert signs == set("▼▽·△▲")


def test_a_long_text_is_pooled_to_the_largest_differences_of_either_sign():
    text = shown(view(causal(90)), 60)
    assert "each cell: the largest of several differences" in text
    assert "▲" in text
    assert "▼" in text


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99), st.data())
def test_pooling_keeps_the_largest_difference_and_its_sign(rows, columns, seed, data):
    cells = np.random.default_rng(seed).normal(size=(rows, columns))
    cells[np.random.default_rng(seed + 1).random(cells.shape) < 0.3] = np.nan
    high, wide = data.draw(st.integers(1, rows)), data.draw(st.integers(1, columns))
    pooled = pool_differences(cells, high, wide)
    assert pooled.shape == (high, wide)
    for i in range(high):
        for j in range(wide):
            run = cells[
                i * rows // high : (i + 1) * rows // high, j * columns // wide : (j + 1) * columns // wide
            ]
            known = run[~np.isnan(run)]
            expected = known[np.abs(known).argmax()] if known.size else np.nan
            assert pooled[i, j] == expected or (np.isnan(expected) and np.isnan(pooled[i, j]))


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("difference", np.linspace(-1, 1, 21))
def test_numbers_are_readable_on_their_cells(theme, difference):
    style = PaintedDifferences(theme, 1.0, "").cell(difference, 6).style
    pair = sorted((luminance(tuple(color.triplet)) for color in (style.color, style.bgcolor)), reverse=True)
    assert (pair[0] + 0.05) / (pair[1] + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("difference", "written"), [(0.5, "+.50"), (-0.123, "-.12"), (1, "+1.0"), (-0.001, "±0")]
)
def test_differences_are_written_with_their_sign(difference, written):
    assert signed(difference) == written


def test_the_overview_leaves_heads_that_were_not_asked_for_empty():
    first = from_arrays(np.eye(2)[None, None].repeat(2, 0).repeat(2, 1), ["a", "b"])
    values, layers, indices = overview(contrast(first, first, "L0H1", "L1H0"))
    assert (layers, indices) == ([0, 1], [0, 1])
    assert np.isnan(values).tolist() == [[True, False], [False, True]]


def test_words_of_another_case_are_one_word():
    found = contrast(from_arrays(np.eye(2), ["The", "end"]), from_arrays(np.eye(2), ["the", "end"]))
    assert [label(match) for match in found.keys] == ["The", "end"]


def test_columns_with_numbers_are_explained():
    assert "5 elsewhere" in shown(view(grown()), 40)
    assert "5 elsewhere" not in shown(view(grown()), 200)


@pytest.mark.parametrize("width", [20, 33, 80, 160])
@pytest.mark.parametrize("colors", [None, "truecolor"])
def test_a_long_one_is_never_wider_than_the_terminal(width, colors):
    text = shown(view(long()), width, colors)
    assert max(map(cell_len, re.sub("\x1b\\[[0-9;]*m", "", text).splitlines())) <= width


def test_a_long_one_says_what_a_cell_is_and_where_elsewhere_stands():
    found = long()
    text = " ".join(shown(view(found), 200).split())
    assert "each cell: the largest of several differences" in text
    assert "last column: elsewhere" in text
    assert "positions count tokens that were matched" in text
    assert "elsewhere goes beyond the colours" in text
    plain = " ".join(shown(view(long(grows=False)), 200).split())
    assert "last column" not in plain
    assert "positions count" not in plain


def test_the_json_of_a_long_one_tells_what_was_pooled():
    found = long()
    heads = found.pooled.heads
    told = json.loads(contrast_json(found, heads))
    assert [entry["head"] for entry in told["differences"]] == list(map(str, heads))
    for entry, cells in zip(told["differences"], found.pooled.cells, strict=True):
        assert entry["pooling"] == {"statistic": "largest", "queries": 900, "keys": 900}
        np.testing.assert_allclose(entry["weights"], np.nan_to_num(cells), atol=1e-6)
        assert len(entry["elsewhere"]) == 64
    assert len(told["queries"]) == 900
