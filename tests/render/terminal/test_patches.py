"""What a query reads of a picture, in a terminal."""

from dataclasses import replace

import numpy as np
import pytest

from attnviz.errors import RequestError
from attnviz.render.terminal.patches import PatchMap
from attnviz.render.theme import THEMES
from tests.render.samples import patched
from tests.render.terminal.console import shown, styled_lines


def seeing(rows=4, columns=4, heads=1, weight=0.5):
    """The class token of head h reads patch h, and nothing else."""
    record = patched(rows, columns, heads=heads)
    weights = record.weights.copy()
    weights[:, :, 0] = 0
    for head in range(heads):
        weights[:, head, 0, 1 + head] = weight
    return replace(record, weights=weights)


def map_of(record, query=None):
    return PatchMap(record, record.head_ids, THEMES["dark"], query)


def test_rows_and_columns_are_the_pictures():
    lines = shown(map_of(seeing(2, 3)), 60).splitlines()
    assert lines[0] == "patched, from [CLS]"
    assert [line.split() for line in lines[3:6]] == [
        ["row", "↓", "0", "1", "2"],
        ["0", ".50", "·", "·"],
        ["1", "·", "·", "·"],
    ]


def test_the_query_is_named():
    assert shown(map_of(seeing(), "2,3"), 60).splitlines()[0] == "patched, from row 2 column 3"
    with pytest.raises(RequestError):
        shown(map_of(seeing(), "4,4"), 60)


def test_tiny_weights_are_shares_of_the_largest():
    text = shown(map_of(seeing(14, 14, weight=0.004)), 100)
    assert "1.0" in text
    assert "weight as a share of the largest (0.004)" in text


def test_weight_beside_the_patches_is_told():
    record = seeing()
    weights = record.weights.copy()
    weights[:, :, 0, 0] = 0.5
    assert "50% of the weight is on tokens that are no patches" in shown(
        map_of(replace(record, weights=weights)), 100
    )
    assert "no patches" not in shown(map_of(record), 100)


def test_patches_that_were_not_seen_are_blank():
    record = seeing()
    kept = [0, *range(2, 17)]
    tokens = tuple(record.keys[place] for place in kept)
    weights = record.weights[:, :, kept][..., kept]
    text = shown(map_of(replace(record, queries=tokens, keys=tokens, weights=weights), "1,1"), 60)
    assert "blank: patches that were not seen" in text


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize(
    ("shape", "heads"), [((4, 4), 1), ((14, 14), 3), ((14, 14), 12), ((3, 40), 2), ((37, 37), 1)]
)
def test_no_line_is_wider_than_the_terminal(shape, heads, width):
    for colors in (None, "truecolor"):
        for line in styled_lines(map_of(seeing(*shape, heads=heads)), width, colors):
            assert sum(segment.cell_length for segment in line) <= width


def test_the_patch_that_is_read_stands_out():
    lines = styled_lines(map_of(seeing(2, 2)), 40)
    cells = [segment for line in lines for segment in line if segment.text.strip() == ".50"]
    assert len(cells) == 1
    red, green, blue = cells[0].style.bgcolor.triplet
    assert np.ptp((red, green, blue)) > 60
