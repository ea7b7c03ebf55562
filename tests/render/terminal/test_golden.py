"""What every view looks like, character by character, at three widths, with and without colours.

After a change that is meant, look at the difference and write the files anew:
`ATTNVIZ_WRITE_GOLDEN=1 pytest tests/render/terminal/test_golden.py`.
"""

import pytest

import attnviz
from attnviz.render.terminal.comparison import ComparisonView
from attnviz.render.terminal.focus import FocusTable
from attnviz.render.terminal.heatmap import Heatmap
from attnviz.render.theme import THEMES
from tests.render.longer import compared, focused, part_of, pooled
from tests.render.sample_translation import translation
from tests.render.samples import (
    continued,
    crossed,
    fox,
    long,
    odd,
    paired,
    seen_and_said,
    sinking,
    windowed,
)
from tests.render.terminal.console import hold_to_golden

DARK = THEMES["dark"]

VIEWS = {
    "one_head": lambda: Heatmap(fox(), fox().head_ids[3:4], DARK),
    "few_heads": lambda: Heatmap(fox(), fox().head_ids[2:5], DARK),
    "grid": lambda: Heatmap(long(30, heads=12), long(30, heads=12).head_ids, DARK),
    "odd_tokens": lambda: Heatmap(odd(), odd().head_ids, DARK),
    "many_tokens": lambda: Heatmap(long(90), long(90).head_ids, DARK),
    "focus": lambda: FocusTable(attnviz.focus(fox())),
    "focus_across": lambda: FocusTable(attnviz.focus(translation())),
    "focus_odd": lambda: FocusTable(attnviz.focus(odd())),
    "window": lambda: Heatmap(windowed(), windowed().head_ids, DARK),
    "window_grid": lambda: Heatmap(windowed(3, 4, 20), windowed(3, 4, 20).head_ids, DARK),
    "sink": lambda: Heatmap(sinking(), sinking().head_ids[:2], DARK),
    "sink_grid": lambda: Heatmap(sinking(3), sinking(3).head_ids, DARK),
    "continued": lambda: Heatmap(continued(), continued().head_ids, DARK),
    "parts": lambda: Heatmap(paired(2), paired(2).head_ids, DARK),
    "picture_and_text": lambda: Heatmap(seen_and_said(), seen_and_said().head_ids, DARK),
    "wide": lambda: Heatmap(crossed(7, 150), crossed(7, 150).head_ids, DARK),
    "tall_grid": lambda: Heatmap(crossed(60, 7, 12), crossed(60, 7, 12).head_ids, DARK),
    "pooled": lambda: Heatmap(pooled(), pooled().head_ids[:1], DARK),
    "pooled_means": lambda: Heatmap(pooled("mean"), pooled("mean").head_ids[1:2], DARK),
    "pooled_grid": lambda: Heatmap(pooled(sink=True), pooled(sink=True).head_ids, DARK),
    "part": lambda: Heatmap(part_of(long(40), 1000, keys_too=False), long(40).head_ids[:1], DARK),
    "pair_in_a_long_text": lambda: ComparisonView(compared(2), DARK),
    "focus_in_a_long_text": lambda: FocusTable(focused(3)),
    "pair": lambda: ComparisonView(attnviz.compare(fox(), "L0H0", "L1H0"), DARK),
    "all_pairs": lambda: ComparisonView(attnviz.compare(fox()), DARK),
}


@pytest.mark.parametrize("colors", [None, "truecolor"], ids=["plain", "color"])
@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", VIEWS)
def test_looks_as_it_did(name, width, colors):
    hold_to_golden(name, VIEWS[name](), width, colors)
