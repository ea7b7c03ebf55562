"""Pictures that move: each frame is the figure it would be by itself, all of one size and on one scale."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from attnviz.errors import OutOfRange, RequestError, UnknownSuffix
from attnviz.render.figure.animation import animate, frames, scale_top
from attnviz.render.figure.drawing import draw
from attnviz.render.figure.encoding import to_bytes
from attnviz.render.figure.frame import Moment
from attnviz.render.figure.pace import frame_durations
from attnviz.render.figure.size import Size, parse_size
from attnviz.render.theme import THEMES
from attnviz.selection import HeadId
from tests.histories import learning
from tests.render.figure.pictures import bar, cells, cut_off, panels, texts

ONE, SEVERAL = (HeadId(1, 0),), (HeadId(1, 0), HeadId(1, 1))
COLUMN = parse_size("column")


def opened(content):
    """Every frame of a picture as pixels, and how long each is shown."""
    picture = Image.open(BytesIO(content))
    seen = []
    for place in range(picture.n_frames):
        picture.seek(place)
        seen.append((np.asarray(picture.convert("RGB")).astype(int), picture.info.get("duration")))
    return picture, [pixels for pixels, _ in seen], [duration for _, duration in seen]


def figure_at(history, place, heads, when, size=COLUMN, theme="light"):
    moment = Moment(when, scale_top(history, heads))
    return draw(history.record(place), heads, THEMES[theme], size, 100, moment)


@pytest.mark.parametrize("suffix", [".png", ".apng", ".PNG"])
def test_a_png_holds_the_very_pixels_of_each_figure(suffix):
    history = learning(4)
    content = animate(history, SEVERAL, suffix, size=COLUMN, fps=10)
    picture, shown, durations = opened(content)
    assert (picture.format, picture.n_frames) == ("PNG", 4)
    assert durations == [100, 100, 100, 2500]
    whens = ["step 0 of 40 · before training", "step 10 of 40 · loss 0.900", "step 20 of 40 · loss 0.800"]
    for place, when in enumerate(whens):
        figure = figure_at(history, place, SEVERAL, when)
        with Image.open(BytesIO(to_bytes(figure, "png"))) as alone:
            np.testing.assert_array_equal(shown[place], np.asarray(alone.convert("RGB")))


def test_a_gif_is_the_same_in_256_colours():
    history = learning(4)
    content = animate(history, SEVERAL, ".gif", size=COLUMN, fps=8)
    picture, shown, durations = opened(content)
    assert (picture.format, picture.n_frames, picture.info["loop"]) == ("GIF", 4, 0)
    assert durations == [120, 120, 120, 2500]
    for pixels, exact in zip(shown, frames(history, SEVERAL, size=COLUMN), strict=True):
        assert pixels.shape == exact.shape
        off = np.abs(pixels - exact.astype(int))
        assert off.mean() < 0.3
        assert off.max() < 40


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_the_same_history_gives_the_same_bytes(suffix):
    one, other = (animate(learning(2), ONE, suffix, size=COLUMN) for _ in range(2))
    assert one == other


def test_one_step_alone_is_a_picture_too():
    for suffix in (".gif", ".png"):
        picture, _, _ = opened(animate(learning(3).thinned(1), ONE, suffix, size=COLUMN))
        assert picture.n_frames == 1


def test_a_colour_means_the_same_in_every_frame():
    history = learning(3)
    top = scale_top(history, ONE)
    assert top == pytest.approx(1)
    for place in range(3):
        figure = figure_at(history, place, ONE, "now")
        (axes,) = panels(figure)
        assert axes.images[0].norm.vmax == top
        assert bar(figure).get_ylim()[1] == pytest.approx(top)
        np.testing.assert_array_equal(cells(axes), history.record(place).head(ONE[0]))
    assert scale_top(history, [HeadId(1, 1)]) == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize("heads", [ONE, SEVERAL], ids=["one", "several"])
def test_the_title_begins_with_the_step_and_no_number_stands_in_a_cell(heads):
    history = learning(3)
    figure = figure_at(history, 1, heads, "step 10 of 30 · loss 0.900", size=Size(5.0))
    said = [text.get_text() for text in texts(figure)]
    assert any(line.startswith("step 10 of 30 · loss 0.900 · L") for line in said)
    assert not [text for axes in panels(figure) for text in axes.texts if text.get_text().startswith("0.")]
    assert cut_off(figure) == []


def test_many_heads_are_a_grid_on_the_scale_of_all_steps():
    layers = tuple(range(8))
    history = learning(2, layers=layers, taught={})
    first, last = frames(history, history.head_ids, size=Size(4.0))
    assert first.shape == last.shape
    # Even weights are light where the darkest is a weight of 1.
    assert first.mean() > last.mean() - 60
    assert np.abs(first.astype(int) - last).max() > 100


def test_both_themes_and_every_size():
    light, dark = (next(frames(learning(2), ONE, theme=theme, size=COLUMN)) for theme in ("light", "dark"))
    assert light.mean() > 150 > 60 > dark.mean()
    assert light.shape[1] == 330
    assert next(frames(learning(2), ONE)).shape[1] == 500
    assert next(frames(learning(2), ONE, size=COLUMN, dpi=50)).shape[1] == 165


def test_a_head_of_a_whole_training_is_under_a_megabyte():
    times = 9
    assert len(animate(learning(times), ONE, ".gif")) * 61 / times < 1_000_000


def test_progress_is_told_after_every_frame():
    told = []
    animate(learning(3), ONE, ".gif", size=COLUMN, tick=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("fps", [0, -1, 51, 0.01, float("nan")])
def test_an_impossible_speed_is_refused(fps):
    with pytest.raises(RequestError, match="frames a second"):
        frame_durations(3, fps)


@pytest.mark.parametrize("fps", [0.1, 1, 3, 7.5, 24, 30, 50])
def test_durations_are_whole_hundredths(fps):
    durations = frame_durations(5, fps)
    assert all(duration % 10 == 0 and duration >= 20 for duration in durations)
    assert durations[0] == pytest.approx(1000 / fps, abs=5.01)
    assert durations[-1] >= 2500


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(UnknownSuffix, match=r"\.gif, \.png, \.apng"):
        animate(learning(2), ONE, ".svg")
    with pytest.raises(OutOfRange):
        animate(learning(2), [HeadId(4, 0)], ".gif")
    with pytest.raises(RequestError, match="theme"):
        animate(learning(2), ONE, ".gif", theme="blue")
