"""A sink's column and the tokens that follow."""

from dataclasses import replace

import numpy as np
import pytest

from attnviz.record import Prediction, from_arrays
from attnviz.render.figure import encode, heatmap
from attnviz.render.theme import THEMES
from tests.render.figure.pictures import cells, cut_off, extents, overlaps, panels, sinks, texts
from tests.render.samples import (
    continued,
    crossed,
    fox,
    paired,
    patched,
    seen_and_said,
    sinking,
    windowed,
)

RARE = {
    "window": lambda: windowed(),
    "sinks": lambda: sinking(),
    "one sink": lambda: sinking(heads=1),
    "grid of sinks": lambda: sinking(4, 6),
    "continued": lambda: continued(),
    "continued twice": lambda: continued(2),
    "pair": lambda: paired(),
    "pairs": lambda: paired(4),
    "picture and text": lambda: seen_and_said(),
    "patches": lambda: patched(14, 14),
    "wide": lambda: crossed(7, 400),
    "tall": lambda: crossed(400, 7),
}


def shown(figure):
    return {text.get_text() for text in texts(figure)}


@pytest.mark.parametrize(("theme", "size"), [("light", None), ("dark", "column")])
@pytest.mark.parametrize("name", RARE)
def test_nothing_touches_and_nothing_is_cut_off(name, theme, size):
    figure = heatmap(RARE[name](), theme=theme, size=size, dpi=100)
    assert not overlaps(extents(texts(figure)))
    assert not cut_off(figure)
    assert not overlaps(axes.get_position() for axes in figure.axes)


def test_a_sink_s_column_holds_what_rows_lack_on_the_same_scale():
    record = sinking()
    figure = heatmap(record, "L0H1")
    (axes,), (sink,) = panels(figure), sinks(figure)
    np.testing.assert_allclose(cells(sink)[:, 0], 1 - record.head("L0H1").sum(axis=-1), atol=1e-6)
    assert sink.images[0].get_clim() == axes.images[0].get_clim()
    assert float(cells(sink).max()) <= axes.images[0].get_clim()[1]
    assert [label.get_text() for label in sink.get_xticklabels()] == ["sink"]
    assert "sink: mass on the head's learned sink" in shown(figure)


def test_a_gap_splits_the_sink_from_the_keys_and_its_rows_are_the_same():
    figure = heatmap(sinking(), "L0H1")
    (panel,), (sink,) = ([axes.get_window_extent() for axes in some(figure)] for some in (panels, sinks))
    assert sink.x0 - panel.x1 > 5
    assert (sink.y0, sink.y1) == pytest.approx((panel.y0, panel.y1))
    assert sink.width == pytest.approx(panel.width / 10)


def test_every_panel_has_its_sink_and_the_lowest_say_so():
    figure = heatmap(sinking())
    labels = [[label.get_text() for label in axes.get_xticklabels()] for axes in sinks(figure)]
    assert labels == [[], [], ["sink"], ["sink"]]


def test_numbers_stand_in_the_sink_too():
    (sink,) = sinks(heatmap(sinking(), "L0H1"))
    assert len(sink.texts) == 10


def test_layers_without_a_sink_have_no_column():
    weights = np.stack([np.eye(3), np.eye(3) / 2])[:, None]
    record = from_arrays(weights, "abc", sinks=True)
    assert [axes.get_label() for axes in sinks(heatmap(record))] == ["L1H0 sink"]
    assert not sinks(heatmap(record, "L0H0"))
    assert not sinks(heatmap(fox()))


def test_missing_mass_without_a_sink_stays_a_note():
    figure = heatmap(from_arrays(np.eye(3) / 2, "abc"))
    assert not sinks(figure)
    assert "rows hold 0.50 of their mass or more: the rest goes to no key" in shown(figure)


def test_a_sink_is_pooled_with_its_rows():
    record = from_arrays(np.full((900, 900), 0.5 / 900), [str(at) for at in range(900)], sinks=True)
    figure = heatmap(record, size="column", dpi=72)
    (axes,), (sink,) = panels(figure), sinks(figure)
    assert cells(sink).shape == (cells(axes).shape[0], 1)


def test_the_grid_says_what_sinks_take():
    figure = heatmap(sinking(4, 4))
    assert not sinks(figure)
    assert any(line.startswith("learned sinks take") for line in shown(figure))


def test_dropped_mass_is_told_and_not_lost_to_no_key():
    record = replace(from_arrays(np.eye(3) / 2, "abc"), dropped=0.5)
    lines = shown(heatmap(record))
    assert "50% of the mass is on tokens not shown" in lines
    assert not any("no key" in line for line in lines)


def test_heads_that_share_keys_are_told():
    assert "L0H1 · shares keys with H0" in shown(heatmap(sinking(), "L0H1"))
    assert "heads that share keys: 0-1, 2-3" in shown(heatmap(sinking()))
    figure = heatmap(sinking(4, 4))
    assert "a line above joins heads that share keys: 0-1, 2-3" in shown(figure)
    (axes,) = panels(figure)
    ends = [tuple(line.get_xdata()) for line in axes.lines]
    assert [(round(first), round(last)) for first, last in ends] == [(0, 1), (2, 3)]


def test_the_next_token_stands_beside_each_row_of_one_head():
    figure = heatmap(continued())
    assert {"→ across .83", "→ fox <.01", "→ . 1.0", "→ ↵ .50"} <= shown(figure)
    assert "→ the next token, and the probability the model gives it" in shown(figure)
    (axes,) = panels(figure)
    rows = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert rows["→ across .83"] == 4
    assert not any("→ across" in text for text in shown(heatmap(continued(2))))


def test_next_tokens_follow_the_rows_that_are_labelled():
    count = 200
    record = replace(
        from_arrays(np.eye(count), [f"w{at}" for at in range(count)]),
        predictions=tuple(Prediction(f"n{at}", 0.5) for at in range(count)),
    )
    (axes,) = panels(heatmap(record))
    beside = [text.get_text() for text in axes.texts if text.get_text().startswith("→")]
    assert beside == [f"→ n{at:.0f} .50" for at in axes.get_yticks()]
    assert len(beside) < count


def test_next_tokens_without_room_are_said_to_be_left_out():
    record = replace(continued(), predictions=(Prediction("x" * 40, 0.5),) * 9)
    figure = heatmap(record, size="1.5x2.5", dpi=100)
    assert not any("→" in text for text in shown(figure))
    assert any(text.startswith("next tokens left out") for text in shown(figure))


@pytest.mark.parametrize("theme", THEMES)
def test_next_tokens_are_text_whatever_they_say(theme):
    record = replace(
        continued(), predictions=tuple(Prediction(text, 0.5) for text in ["$x$", "\x1b[31m", "\ud800"] * 3)
    )
    figure = heatmap(record, theme=theme)
    assert {"→ $x$ .50", "→ \\x1b[31m .50", "→ \\ud800 .50"} <= shown(figure)
    assert encode(figure, ".svg")


def test_patches_are_labelled_row_by_row_of_the_picture():
    (axes,) = panels(heatmap(patched(14, 14)))
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"{row},0" for row in range(14)]
    (axes,) = panels(heatmap(patched(14, 14), size="1.5x1.8"))
    assert {label.get_text().split(",")[1] for label in axes.get_yticklabels()} == {"0"}


def test_patches_among_words_are_thinned_out_as_words_are():
    record = seen_and_said()
    many = (*record.keys, *record.keys, *record.keys, *record.keys, *record.keys, *record.keys)
    long = from_arrays(np.eye(len(many)), [token.text for token in many])
    (axes,) = panels(heatmap(replace(long, queries=many, keys=many), size="column"))
    steps = np.diff(axes.get_yticks())
    assert len(set(steps.tolist())) == 1
