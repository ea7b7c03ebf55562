from dataclasses import replace

import numpy as np
import pytest
from rich.color import Color

from attnviz.record import from_arrays
from attnviz.render.terminal.heatmap import Heatmap
from attnviz.render.terminal.square import Axis
from attnviz.render.theme import THEMES, rgb
from tests.render.samples import (
    FOX,
    continued,
    crossed,
    fox,
    long,
    odd,
    paired,
    patched,
    seen_and_said,
    sinking,
    windowed,
)
from tests.render.terminal.console import shown, styled_lines

LIGHT = THEMES["light"]
TWO = from_arrays([[0.6, 0.4], [0.0, 1.0]], ["lazy", "dog"])
TWO_CAUSAL = from_arrays([[1.0, 0.0], [0.5, 0.5]], ["lazy", "dog"], causal=True)


def heatmap(record, heads=slice(1), theme=LIGHT):
    return Heatmap(record, record.head_ids[heads], theme)


def painted(renderable, width, row, **environment):
    """Background colours and texts of the cells right of a row's label."""
    line = next(
        line
        for line in styled_lines(renderable, width, **environment)
        if line and "".join(segment.text for segment in line).lstrip().startswith(row)
    )
    return [
        (segment.style.bgcolor, segment.text) for segment in line if segment.style and segment.style.bgcolor
    ]


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_cells_have_the_colours_of_their_weights(theme):
    cells = painted(heatmap(TWO, theme=theme), 80, "lazy")
    assert [text.strip() for _, text in cells] == [".60", ".40"]
    for (color, _), weight in zip(cells, [0.6, 0.4], strict=True):
        assert color.triplet == pytest.approx(theme.color(weight), abs=4)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_masked_cells_are_neither_zero_nor_any_weight(theme):
    zero = painted(heatmap(TWO, theme=theme), 80, "dog")[0][0]
    masked = painted(heatmap(TWO_CAUSAL, theme=theme), 80, "lazy")[1][0]
    assert masked == Color.from_rgb(*rgb(theme.masked))
    assert zero == Color.from_rgb(*theme.color(0))
    assert "not visible" in shown(heatmap(TWO_CAUSAL, theme=theme), 80, "truecolor")


def test_without_colours_masked_is_blank_and_zero_is_not():
    assert "·" in shown(heatmap(TWO), 80).splitlines()[5]
    lazy = shown(heatmap(TWO_CAUSAL), 80).splitlines()[4]
    assert lazy.split() == ["lazy", "1.0"]
    assert "blank: not visible" in shown(heatmap(TWO_CAUSAL), 80)


@pytest.mark.parametrize(("colors", "environment"), [("standard", {}), ("truecolor", {"NO_COLOR": "1"})])
def test_too_few_colours_are_none(colors, environment):
    lines = styled_lines(heatmap(TWO), 80, colors, **environment)
    assert not any(segment.style and segment.style.bgcolor for line in lines for segment in line)
    assert ".60" in "".join(segment.text for line in lines for segment in line)


def test_all_heads_share_one_scale():
    record = from_arrays([np.full((2, 2), 0.5), np.eye(2)], ["lazy", "dog"])
    cells = painted(heatmap(record, slice(2)), 80, "lazy")
    assert [(color, text.split()) for color, text in cells] == [
        (Color.from_rgb(*LIGHT.color(0.5)), [".50", ".50"]),
        (Color.from_rgb(*LIGHT.color(1)), ["1.0"]),
        (Color.from_rgb(*LIGHT.color(0)), []),
    ]


def test_both_sides_are_named_and_labelled():
    lines = shown(heatmap(fox()), 80).splitlines()
    assert "to →" in lines[2]
    assert lines[3].split() == ["from", "↓", *FOX]
    assert [line.split()[0] for line in lines[4:14]] == FOX
    assert "rows: from (query), columns: to (key)" in lines[-1]


@pytest.mark.parametrize(
    ("width", "header"), [(80, "quick  brown"), (67, "quick brown"), (50, " 0   1 "), (30, "0 1 2 3 4")]
)
def test_labels_give_way_to_numbers(width, header):
    assert header in shown(heatmap(fox()), width).splitlines()[3]


def test_long_labels_are_elided_before_they_are_numbered():
    words = ["supercalifragilistic" + str(i) for i in range(8)]
    header = shown(heatmap(from_arrays(np.eye(8), words)), 80).splitlines()[3]
    assert header.count("…") == 8


def test_numbers_stand_beside_the_row_labels():
    assert [line.split()[:2] for line in shown(heatmap(fox()), 30).splitlines()[4:14]] == [
        [str(i), word] for i, word in enumerate(FOX)
    ]


def test_numbered_keys_that_are_no_queries_are_listed():
    keys = [f"Schlüssel{i}" for i in range(30)]
    record = from_arrays(np.full((2, 30), 1 / 30), ["a", "b"], keys)
    text = shown(heatmap(record), 60)
    assert all(f"{i} Schlüssel{i}" in text for i in range(30))
    assert "cross attention" in text


def test_many_tokens_are_pooled_to_their_largest_weight():
    weights = np.full((200, 200), 0.5 / 199)
    weights[:, 150] = 0.5
    record = from_arrays(weights, [str(i) for i in range(200)])
    text = shown(heatmap(record), 80)
    assert "the largest of 4 × 4 weights" in text
    rows = [
        line for line in text.splitlines() if "█" in line and "148-151" not in line and "weight" not in line
    ]
    assert len({line.index("█") for line in rows}) == 1
    assert sum("█" in line for line in text.splitlines()) >= 49


def test_few_heads_stand_side_by_side_and_more_in_bands():
    text = shown(heatmap(fox(), slice(3)), 80)
    assert "L0H0  " in text.splitlines()[1]
    assert "L0H2" in text.splitlines()[1]
    narrow = shown(heatmap(fox(), slice(3)), 40)
    assert sum("to →" in line for line in narrow.splitlines()) == 3


def test_many_heads_are_a_grid_of_layers():
    squares = np.broadcast_to(np.eye(12, dtype=np.float32), (6, 12, 12, 12))
    record = from_arrays(squares, [str(i) for i in range(12)])
    lines = shown(heatmap(record, slice(None)), 200, "truecolor").splitlines()
    assert sum("▀" in line for line in lines) == 6 * 6
    assert lines[1].count("H") == 12
    plain = shown(heatmap(record, slice(None)), 200).splitlines()
    assert [line.split()[0] for line in plain if line.startswith("L")] == [f"L{i}" for i in range(6)]


def test_heads_that_were_taught_are_marked_and_explained():
    text = shown(heatmap(fox(), slice(3, 5)), 80)
    assert "L1H0*" in text
    assert "L1H1*" not in text
    assert "* L1H0 was taught modifier -> noun" in text
    assert "H0*" in shown(heatmap(long_taught(), slice(None)), 80)


def long_taught():
    record = long(20, heads=9)
    return replace(record, taught={record.head_ids[0]: "previous"})


def test_mass_that_goes_nowhere_is_told():
    assert "rows hold .25 of their mass" in shown(heatmap(from_arrays([[0.25]], ["a"])), 60)
    assert "mass" not in shown(heatmap(TWO), 60)


def test_markup_and_escape_sequences_show_as_text():
    text = shown(heatmap(odd()), 120, "truecolor")
    assert "[red]" in text
    assert "\\x1b[31m" in text
    assert "odd[/]" in text
    assert "\x1b[31m" not in text


@pytest.mark.parametrize("weights", [[[0.0]], [[1.0]], [[1e-6]]])
def test_one_token_of_any_weight(weights):
    assert "L0H0" in shown(heatmap(from_arrays(weights, ["a"])), 20, "truecolor")


def test_keys_outside_a_window_are_hatched_and_later_ones_are_not():
    lines = shown(heatmap(windowed()), 80).splitlines()
    jumps = next(line for line in lines if line.lstrip().startswith("jumps"))
    assert jumps.split()[1] == "╱"
    assert jumps.count("╱") == 1
    assert "blank: later keys   ╱ keys outside the query's window" in lines


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_a_painted_hatching_is_no_colour_alone(theme):
    hatched, *_, later = painted(heatmap(windowed(), theme=theme), 80, "jumps")
    assert set(hatched[1].strip()) == {"╱"}
    assert not later[1].strip()
    assert hatched[0] == later[0] == Color.from_rgb(*rgb(theme.masked))


def test_thumbnails_are_hatched_where_both_halves_of_a_cell_are_hidden():
    record = windowed(3, 3, 20)
    text = shown(Heatmap(record, record.head_ids, LIGHT), 80, "truecolor")
    assert "╱╱╱" in text
    assert "keys outside the query's window" in text


def test_no_window_no_sign_of_one():
    assert "╱" not in shown(heatmap(TWO_CAUSAL), 80)
    assert "window" not in shown(heatmap(TWO_CAUSAL), 80)


def test_a_sink_is_a_column_of_its_own_behind_a_gap():
    record = from_arrays([[0.25, 0.5], [0.1, 0.8]], ["lazy", "dog"], sinks=True)
    lines = shown(heatmap(record), 80).splitlines()
    assert lines[3].split() == ["from", "↓", "lazy", "dog", "sink"]
    assert [line.split()[-1] for line in lines[4:6]] == [".25", ".10"]
    assert "sink: mass on the head's learned sink" in lines
    assert not any("no key" in line for line in lines)


def test_a_narrow_sink_has_a_sign():
    text = shown(heatmap(sinking(), slice(4)), 80)
    assert "∅: mass on the head's learned sink" in text
    assert text.count("∅") == 5


def test_sinks_raise_the_top_of_the_scale_only_where_they_are_shown():
    record = from_arrays(np.full((9, 1, 2, 2), 0.05), ["lazy", "dog"], sinks=True)
    assert " 0.9" in shown(heatmap(record), 80, "truecolor")
    assert "0.044" in shown(heatmap(record, slice(None)), 80)
    assert "learned sinks take 90% of the mass, up to 90% of a row" in shown(heatmap(record, slice(None)), 80)


def test_mass_on_dropped_tokens_is_told_and_not_lost_to_no_key():
    record = replace(from_arrays([[0.25]], ["a"]), dropped=0.75)
    text = shown(heatmap(record), 60)
    assert "75% of the mass is on tokens not shown" in text
    assert "no key" not in text


def test_heads_that_share_keys_are_told():
    assert "L0H1 shares keys with H0" in shown(heatmap(sinking(), slice(1, 2)), 80)
    assert "heads that share keys: 0-1, 2-3" in shown(heatmap(sinking(), slice(4)), 80)


def test_what_the_model_said_stands_behind_lines_and_what_follows_beside_it():
    lines = shown(heatmap(continued()), 100).splitlines()
    at = next(number for number, line in enumerate(lines) if "━" in line)
    assert lines[at - 1].lstrip().startswith("jumps")
    assert lines[at + 1].lstrip().startswith("across")
    assert lines[at].index("╋") == lines[at - 1].index("┃") == lines[at + 1].index("┃")
    assert lines[at - 1].endswith("→ across .83")
    assert lines[at - 3].endswith("→ fox <.01")
    text = "\n".join(lines)
    assert "┃ where what the model said itself begins" in text
    assert "→ the next token, and the probability the model gives it" in text


def test_what_follows_is_left_out_where_it_has_no_room():
    text = shown(heatmap(continued()), 24)
    assert "next tokens left out: no room" in text.replace("\n", " ")
    assert "→ across" not in text
    assert "→ across" not in shown(heatmap(continued(2), slice(2)), 200)


def test_parts_are_split_by_lines_and_named():
    lines = shown(heatmap(paired()), 80).splitlines()
    assert "│ A 0-4, B 5-9" in lines
    line = next(line for line in lines if "┼" in line)
    assert line.strip(" ─┼") == ""


def test_parts_of_two_different_sides_are_told_for_each():
    record = seen_and_said()
    across = replace(record, queries=record.queries[-4:], weights=record.weights[:, :, -4:], block="cross")
    text = shown(heatmap(across), 120)
    assert "│ user 0, assistant 1-3" in text
    assert "│ user 0-13, assistant 14-16" in text


def test_a_few_queries_over_many_keys_keep_their_rows():
    text = shown(heatmap(crossed(7, 500)), 80)
    assert all(f"wort{at} " in text for at in range(7))
    assert "the largest of 1 × 8 weights" in text
    assert "keys that columns begin with:" in text


def test_many_queries_over_a_few_keys_are_pooled_to_a_screen():
    lines = shown(heatmap(crossed(500, 7)), 80).splitlines()
    assert len(lines) < 90
    assert lines[3].split()[2:] == [f"word{at}" for at in range(7)]
    assert any("the largest of 7 × 1 weights" in line for line in lines)


def test_patches_in_one_cell_are_named_by_the_first_and_the_last():
    text = shown(heatmap(patched(14, 14)), 60)
    assert "[CLS]…0," in text


def test_a_heavy_line_outweighs_a_light_one_where_both_fall_together():
    axis = Axis(
        "", tuple("abcd"), (False,) * 4, tuple(range(at, at + 1) for at in range(4)), {2: True, 3: False}
    )
    assert axis.pooled(2).lines == {1: True}
