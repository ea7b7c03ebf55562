"""Pictures of effects, as the artists that were made."""

import numpy as np
import pytest

from attnviz.errors import RequestError
from attnviz.render.figure import encode
from attnviz.render.figure.ablation import draw_ablation
from attnviz.selection import HeadId
from tests.render.ablations import ablation, odd_ablation
from tests.render.figure.pictures import FOX, bar, cells, cut_off, extents, overlaps, texts

MADE = {
    "heads": lambda: ablation(2, 8),
    "states": lambda: ablation(6, 12, states=True, size=0.05),
    "many": lambda: ablation(24, 16),
    "one layer": lambda: ablation(1, 8),
    "layers": lambda: ablation(3, 2, mode="layers"),
    "together": lambda: ablation(2, 2, mode="together"),
    "odd": odd_ablation,
    "long": lambda: ablation(3, 2, mode="layers", words=[f"word{at}" for at in range(300)]),
}


def axes_named(figure, name):
    return [axes for axes in figure.axes if axes.get_label() == name]


def written(figure):
    return [text.get_text() for text in texts(figure)]


@pytest.mark.parametrize("name", ["heads", "states"])
def test_the_map_shows_every_effect_at_its_layer_and_head(name):
    found = MADE[name]()
    figure = draw_ablation(found)
    (axes,) = axes_named(figure, "effects")
    shown = cells(axes)
    for head, entry in found.effects.by_head.items():
        assert shown[head.layer, head.index] == pytest.approx(entry.mean, rel=1e-6)
    (image,) = axes.images
    assert image.norm.vmax == pytest.approx(max(entry.mean for entry in found.effects.entries))
    assert image.norm.vmin == 0
    assert bar(figure).get_ylim()[1] == pytest.approx(image.norm.vmax)


def test_numbers_in_cells_are_the_effects():
    found = ablation(2, 8)
    (axes,) = axes_named(draw_ablation(found), "effects")
    told = {text.get_position(): text.get_text() for text in axes.texts}
    for head, entry in found.effects.by_head.items():
        text = told[head.index, head.layer]
        assert (0.0 if text == "·" else float(text)) == pytest.approx(entry.mean, abs=0.0051)


def test_small_effects_are_in_thousandths():
    found = ablation(2, 4, states=True, size=0.01)
    figure = draw_ablation(found)
    (axes,) = axes_named(figure, "effects")
    told = {text.get_position(): text.get_text() for text in axes.texts}
    largest = found.ranked[0]
    assert float(told[largest.head.index, largest.head.layer]) == pytest.approx(largest.mean * 1000, rel=0.01)
    assert "Numbers in cells are thousandths." in written(figure)


def test_heads_that_were_not_removed_are_grey():
    found = ablation(2, 3)
    kept = [entry for entry in found.effects.entries if entry.head != HeadId(0, 1)]
    object.__setattr__(found.effects, "entries", tuple(kept))
    figure = draw_ablation(found)
    (axes,) = axes_named(figure, "effects")
    assert np.ma.getmaskarray(np.ma.masked_invalid(cells(axes))).tolist() == [
        [False, True, False],
        [False] * 3,
    ]
    assert "Grey: heads that were not removed." in written(figure)


def test_points_stand_at_importance_and_effect():
    found = ablation(2, 8)
    (axes,) = axes_named(draw_ablation(found), "scatter")
    (points,) = axes.collections
    expected = [(found.importance[head].share, entry.mean) for head, entry in found.effects.by_head.items()]
    np.testing.assert_allclose(points.get_offsets(), expected, rtol=1e-6)
    assert "effect, bits" in axes.yaxis.get_label_text()
    low, high = axes.get_ylim()
    assert low < 0 < max(up for _, up in expected) < high
    named = {text.get_text() for text in axes.texts}
    assert found.ranked[0].name in named
    assert named <= {str(head) for head in found.effects.by_head}


@pytest.mark.parametrize("name", ["states", "one layer", "layers", "together"])
def test_without_importance_or_a_map_there_are_no_points(name):
    assert not axes_named(draw_ablation(MADE[name]()), "scatter")


def test_what_is_no_map_has_a_row_for_each_removal_and_a_column_for_each_token():
    found = ablation(3, 2, mode="layers")
    figure = draw_ablation(found)
    (axes,) = axes_named(figure, "effects")
    np.testing.assert_allclose(cells(axes), [entry.rows for entry in found.effects.entries], rtol=1e-6)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["L0", "L1", "L2"]
    assert [label.get_text() for label in axes.get_xticklabels()] == FOX


@pytest.mark.parametrize(("size", "theme"), [(None, "light"), ("column", "dark"), ("page", "light")])
@pytest.mark.parametrize("name", MADE)
def test_everything_fits_and_nothing_overlaps(name, size, theme):
    figure = draw_ablation(MADE[name](), size=size, theme=theme)
    assert cut_off(figure) == []
    assert overlaps(extents(texts(figure))) == []
    if size == "column":
        assert figure.get_figwidth() == pytest.approx(3.3, abs=0.01)


def test_what_it_is_and_the_caution_are_said():
    found = ablation(2, 8)
    said = " ".join(written(draw_ablation(found)))
    assert "Effect of removing each head" in said
    assert "sample · “The quick brown fox" in said
    assert "KL divergence, in bits; mean over 10 tokens." in said
    assert "other heads may take over its work (Michel et al. 2019)." in said
    assert "±" not in said


# How a PDF is written is the same for every figure: test_encoding.py holds it.
@pytest.mark.parametrize("suffix", [".png", ".svg", pytest.param(".pdf", marks=pytest.mark.long)])
def test_the_same_effects_always_give_the_same_bytes(suffix):
    assert encode(draw_ablation(ablation(2, 4)), suffix) == encode(draw_ablation(ablation(2, 4)), suffix)


def test_a_height_is_refused():
    with pytest.raises(RequestError, match="no height"):
        draw_ablation(ablation(2, 4), size="8x6")
