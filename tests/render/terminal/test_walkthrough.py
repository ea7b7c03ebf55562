"""A walk in the terminal: how it looks, whatever the width, and that nothing is lost where it is narrow."""

import re

import pytest
from rich.cells import cell_len

from attnviz.render.terminal.walkthrough import PageView, StoryView
from attnviz.render.walkthrough.blocks import Table
from attnviz.render.walkthrough.tell import LEVELS, tell
from tests.render.terminal.console import hold_to_golden, shown
from tests.render.walks import several, walked


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("level", LEVELS)
def test_looks_as_it_did(level, width):
    hold_to_golden(f"explain_{level}", StoryView(tell(walked(), level)), width)


def test_words_terms_and_sums_stand_out_in_colour():
    hold_to_golden("explain_practitioner", StoryView(tell(walked(), "practitioner")), 80, "truecolor")


@pytest.mark.parametrize(
    "width", [40, 80, 200, *(pytest.param(width, marks=pytest.mark.long) for width in (60, 120))]
)
@pytest.mark.parametrize("name", several())
@pytest.mark.parametrize("level", LEVELS)
def test_nothing_is_wider_than_the_terminal(name, level, width):
    text = shown(StoryView(tell(several()[name], level)), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_number_is_lost_or_cut_where_it_is_narrow(width):
    story = tell(walked(), "practitioner")
    for number, page in enumerate(story.pages):
        text = shown(PageView(story, number), width)
        for block in page.blocks:
            if isinstance(block, Table):
                for column in block.columns[1:]:
                    assert all(cell in text for cell in column.cells)


def test_lines_of_text_stay_short_however_wide_the_terminal_is():
    text = shown(StoryView(tell(walked(), "beginner")), 300)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 96


def test_every_step_is_numbered_and_the_end_is_not():
    text = shown(StoryView(tell(walked(), "practitioner")), 80)
    assert re.findall(r"^Step (\d) of 6", text, re.MULTILINE) == ["1", "2", "3", "4", "5", "6"]
    assert "One head, another head, all heads" in text


def test_parts_that_take_away_are_drawn_differently():
    walk = walked("The cat sat on the mat because it was tired.")
    assert (walk.joining.shares < 0).any() or walk.joining.bias_share < 0 or (walk.mixture.shares < 0).any()
    story = tell(several()["many"], "practitioner")
    assert "┄" in shown(StoryView(story), 100)
