"""Heads at a step of their training: named, on one scale, and never higher or wider than the window."""

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from attnviz.analysis.emergence import rises
from attnviz.analysis.patterns.find import find_patterns
from attnviz.history import History
from attnviz.render.terminal.beneath import Beneath
from attnviz.render.terminal.emergence import Emergence, RiseTable, curve
from attnviz.render.theme import THEMES
from attnviz.selection import HeadId
from tests.histories import learning
from tests.render.terminal.console import hold_to_golden, shown, styled_lines

DARK = THEMES["dark"]


def emergence(history: History, place=-1, fitted=False):
    record = history.record(place)
    heads = record.head_ids
    return Emergence(record, heads, find_patterns(record, heads), DARK, "step 7 of 9", fitted=fitted)


def table(history):
    return RiseTable(rises(history), history.steps)


VIEWS = {
    "emergence": lambda: emergence(learning(3), 1),
    "emergence_many": lambda: emergence(learning(2, layers=(0, 1, 2, 3, 4, 5))),
    "rises": lambda: table(learning(8)),
}


@pytest.mark.parametrize("colors", [None, "truecolor"], ids=["plain", "color"])
@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", VIEWS)
def test_looks_as_it_did(name, width, colors):
    hold_to_golden(name, VIEWS[name](), width, colors)


def window(view, width, height, colors=None):
    """The lines of a view in a window."""
    console = Console(
        width=width,
        height=height,
        color_system=colors,
        force_terminal=True,
        legacy_windows=False,
        _environ={},
    )
    return console.render_lines(view, console.options.update(height=None), pad=False)


def plain(lines):
    return ["".join(segment.text for segment in line) for line in lines]


@pytest.mark.parametrize("width", [20, 31, 50, 80, 133, 250])
@pytest.mark.parametrize("height", [8, 12, 24, 50])
@pytest.mark.parametrize("colors", [None, "truecolor"])
def test_a_window_is_never_overfull(width, height, colors):
    history = learning(2, layers=tuple(range(5)))
    for view in (emergence(history, fitted=True), Beneath(emergence(history, fitted=True), Text("42 of 99"))):
        lines = plain(window(view, width, height, colors))
        assert len(lines) <= height
        assert all(cell_len(line) <= width for line in lines)
        assert lines[0].startswith("step 7 of 9")
        assert "L0H0" in "".join(lines)
    assert lines[-1] == "42 of 99"


def test_heads_that_do_not_fit_are_counted():
    history = learning(2, layers=tuple(range(5)))
    lines = plain(window(emergence(history, fitted=True), 60, 12))
    named = [head for head in map(str, history.head_ids) if any(head in line for line in lines)]
    assert lines[-1].startswith(f"and {10 - len(named)} more heads")
    everything = plain(window(emergence(history), 60, 12))
    assert all(any(str(head) in line for line in everything) for head in history.head_ids)


def test_what_explains_the_squares_goes_before_a_head_does():
    history = learning(2)
    roomy = plain(window(emergence(history, fitted=True), 60, 13))
    tight = plain(window(emergence(history, fitted=True), 60, 10))
    for lines in (roomy, tight):
        assert all(any(str(head) in line for line in lines) for head in history.head_ids)
    assert any("columns: to" in line for line in roomy)
    assert not any("columns: to" in line for line in tight)


def test_a_colour_means_the_same_at_every_step():
    colors = set()
    for place in range(3):
        history = learning(3, layers=(0,), taught={})
        for line in styled_lines(emergence(history, place), 60):
            # The second head stays even: its first row is all of one colour at every step.
            painted = [segment.style.bgcolor for segment in line if segment.style and segment.style.bgcolor]
            if any("The" in segment.text for segment in line):
                colors.add(str(painted[-1]))
    assert len(colors) == 1


def test_a_pattern_is_named_with_its_share_and_a_taught_head_marked():
    text = shown(emergence(learning(2)), 80)
    assert "L0H0 previous 1.0" in text or ("L0H0 1.0" in text and "previous" in text)
    assert "L1H0*" in text
    assert "L1H1*" not in text
    assert "* taught grammar" in text
    assert "?" not in text


def test_a_head_between_two_patterns_is_marked_as_unclear():
    history = learning(60, taught={})
    unclear = next(
        place
        for place in range(60)
        if find_patterns(history.record(place))[HeadId(0, 0)].label == "no clear pattern"
    )
    text = shown(emergence(history, unclear), 80)
    assert "? closest, but not clear" in text
    assert "* taught" not in text


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 200])
def test_the_table_tells_what_was_found(width):
    history = learning(8)
    lines = shown(table(history), width).splitlines()
    assert all(cell_len(line) <= width for line in lines)
    if width < 40:
        return
    for rise in rises(history):
        (line,) = (line for line in lines if line.startswith(str(rise.head)))
        assert rise.pattern in line
        assert f" {rise.since} " in f"{line} "
        assert curve(rise.scores, 8).strip() in line
    assert ("modifier -> noun" in "".join(lines)) == (width >= 80)


def test_a_curve_keeps_its_ends_and_its_mean():
    shares = np.linspace(0, 1, 100)
    assert curve(shares, 10) == "".join(
        " ▁▂▃▄▅▆▇█"[round(8 * share)] for share in shares.reshape(10, 10).mean(axis=1)
    )
    assert curve([1.0], 5) == "█"
    assert curve([-0.1, 1.1], 5) == " █"
    assert len(curve(shares, 61)) == 61
