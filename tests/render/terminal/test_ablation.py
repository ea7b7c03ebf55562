"""The table and the map of effects: how they look, and that they tell the numbers they are made of."""

import re

import pytest
from rich.cells import cell_len

from attnviz.render import effects
from attnviz.render.terminal.ablation import TOLD, AblationView
from attnviz.render.theme import THEMES
from attnviz.selection import HeadId
from tests.render.ablations import ablation, odd_ablation
from tests.render.terminal.console import hold_to_golden, shown, styled_lines

DARK = THEMES["dark"]
CAUTION = "other heads may take over its work (Michel et al. 2019)."

VIEWS = {
    "ablation": lambda: ablation(2, 8),
    "ablation_states": lambda: ablation(6, 12, states=True, size=0.05),
    "ablation_alone": lambda: ablation(1, 4, mode="alone"),
    "ablation_layers": lambda: ablation(3, 2, mode="layers"),
    "ablation_together": lambda: ablation(2, 2, mode="together"),
    "ablation_odd": odd_ablation,
}


def view(found, told=TOLD):
    return AblationView(found, DARK, told)


@pytest.mark.parametrize("colors", [None, "truecolor"], ids=["plain", "color"])
@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", VIEWS)
def test_looks_as_it_did(name, width, colors):
    hold_to_golden(name, view(VIEWS[name]()), width, colors)


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("name", VIEWS)
def test_nothing_is_wider_than_there_is_room(name, width):
    for line in shown(view(VIEWS[name]()), width).splitlines():
        assert cell_len(line) <= width


@pytest.mark.parametrize("width", [40, 80, 200])
def test_rows_are_ranked_and_the_rest_is_counted(width):
    found = ablation(2, 8)
    lines = shown(view(found, 5), width).splitlines()
    names = [line.split()[0] for line in lines if re.match(r"L\d+H\d+ ", line)]
    assert names == [entry.name for entry in found.ranked[:5]]
    assert "and 11 more, with less effect" in lines
    everything = shown(view(found, 16), width)
    assert "more, with" not in everything
    assert "and 4 more, with more effect" in shown(view(ablation(1, 8, mode="alone"), 4), width)


def test_the_map_tells_every_effect():
    found = ablation(2, 8)
    text = shown(view(found, 1), 80)
    lines = dict(re.findall(r"^(L\d)  (.*)$", text, re.MULTILINE))
    for layer in range(2):
        cells = lines[f"L{layer}"].split()
        assert len(cells) == 8
        for index, cell in enumerate(cells):
            mean = found.effects.by_head[HeadId(layer, index)].mean
            assert (0.0 if cell == "·" else float(cell)) == pytest.approx(mean, abs=0.0051)


def test_small_effects_are_told_in_thousandths():
    found = ablation(2, 4, states=True, size=0.01)
    text = shown(view(found), 80)
    assert "numbers are thousandths" in text
    largest = max(entry.mean for entry in found.effects.entries)
    assert f"{largest * 1000:.1f}" in text or f"{largest * 1000:.2f}" in text
    assert "thousandths" not in shown(view(ablation(2, 4)), 80)


def test_a_narrow_map_has_shades():
    text = shown(view(ablation(4, 16)), 60)
    assert "█" in text
    assert "effect in bits: · less, ░" in text


def test_a_narrow_map_names_the_heads_it_has():
    found = ablation(2, 40)
    kept = [entry for entry in found.effects.entries if entry.head.index >= 25]
    object.__setattr__(found.effects, "entries", tuple(kept))
    lines = shown(view(found), 40).splitlines()
    tens, ones = lines[lines.index(next(line for line in lines if "head →" in line)) + 1 :][:2]
    assert tens.split() == ["2"] * 5 + ["3"] * 10
    assert ones.split() == [str(at % 10) for at in range(25, 40)]


def test_colours_run_with_the_effects():
    """The largest effect has the last colour of the scale, none at all the first."""
    found = ablation(2, 3, odd=(HeadId(1, 2),))
    pieces = [piece for line in styled_lines(view(found), 80) for piece in line]
    painted = [piece.style.bgcolor.triplet for piece in pieces if piece.style and piece.style.bgcolor]
    assert DARK.color(1.0) in [tuple(color) for color in painted]
    assert DARK.color(0.0) in [tuple(color) for color in painted]


def test_heads_that_were_not_removed_are_left_blank():
    found = ablation(2, 3)
    kept = [entry for entry in found.effects.entries if entry.head not in (HeadId(0, 0), HeadId(1, 2))]
    object.__setattr__(found.effects, "entries", tuple(kept))
    text = shown(view(found), 80)
    assert "blank: not removed" in text
    assert re.search(r"^L0        +\.?\d", text, re.MULTILINE)


def test_a_single_removal_is_told_token_by_token():
    found = ablation(2, 2, mode="together")
    text = shown(view(found), 80)
    (entry,) = found.ranked
    assert "2 heads removed together: L0H0, L0H1" in text
    for token, value in zip(found.effects.tokens, entry.rows, strict=True):
        word = f"“{token.text}”" if token.text == "." else token.text
        (row,) = re.findall(rf"^{re.escape(word)} +(<?[\d.]+) ", text, re.MULTILINE)
        assert float(row.removeprefix("<")) == pytest.approx(value, abs=0.011)
    assert "and 7 more tokens, with less effect" in shown(view(found, 3), 80)


def test_only_what_is_known_is_told():
    told = " ".join(shown(view(ablation(2, 4, states=True)), 200).split())
    for absent in ("surprisal", "Surprisal", "bits", "answer changes", "Importance:"):
        assert absent not in told
    assert "No importance: the model has no head that answers." in told
    assert "2 tokens that the model added not counted." in told
    assert "Run again" not in told
    noisy = " ".join(shown(view(ablation(2, 4, noise=0.0004)), 200).split())
    assert "Run again with nothing removed, the answer moves by 0.0004." in noisy
    assert "importance" not in shown(view(ablation(2, 4, known=False)), 200)


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", VIEWS)
def test_the_caution_is_always_there(name, width):
    assert CAUTION in " ".join(shown(view(VIEWS[name]()), width).split())


def test_an_input_of_one_row_has_no_spread():
    text = shown(view(ablation(2, 2, words=("whole",))), 200)
    assert "±" not in text
    assert "mean over" not in text
    assert "±" not in shown(view(ablation(2, 2, mode="together", words=("whole",))), 200)


def test_effects_that_are_all_zero_are_shown():
    heads = tuple(HeadId(layer, index) for layer in range(2) for index in range(2))
    text = shown(view(ablation(2, 2, odd=heads)), 80)
    assert len(re.findall(r"^L\dH\d +0 ±0 ", text, re.MULTILINE)) == 4


def test_titles_are_short_and_say_what_was_removed():
    titles = {name: effects.title(make()) for name, make in VIEWS.items()}
    assert titles == {
        "ablation": "Effect of removing each head",
        "ablation_states": "Effect of removing each head",
        "ablation_alone": "Effect of leaving each head alone in its layer",
        "ablation_layers": "Effect of removing whole layers",
        "ablation_together": "Effect of removing L0H0, L0H1",
        "ablation_odd": "Effect of removing each head",
    }
