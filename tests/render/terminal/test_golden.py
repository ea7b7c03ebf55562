"""What every view looks like, character by character, at three widths, with and without colours.

After a change that is meant, look at the difference and write the files anew:
`ATTNVIZ_WRITE_GOLDEN=1 pytest tests/render/terminal/test_golden.py`.
"""

import os
from pathlib import Path

import pytest

import attnviz
from attnviz.render.terminal.comparison import ComparisonView
from attnviz.render.terminal.focus import FocusTable
from attnviz.render.terminal.heatmap import Heatmap
from attnviz.render.theme import THEMES
from tests.render.sample_translation import translation
from tests.render.samples import fox, long, odd
from tests.render.terminal.console import shown

GOLDEN = Path(__file__).parent / "golden"
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
    "pair": lambda: ComparisonView(attnviz.compare(fox(), "L0H0", "L1H0"), DARK),
    "all_pairs": lambda: ComparisonView(attnviz.compare(fox()), DARK),
}


@pytest.mark.parametrize("colors", [None, "truecolor"], ids=["plain", "color"])
@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", VIEWS)
def test_looks_as_it_did(name, width, colors):
    file = GOLDEN / f"{name}_{width}{'_color' if colors else ''}.txt"
    text = shown(VIEWS[name](), width, colors)
    if os.environ.get("ATTNVIZ_WRITE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
