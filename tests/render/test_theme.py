import numpy as np
import pytest

from attnviz.render.terminal.ink import Painted
from attnviz.render.theme import THEMES, luminance, rgb

every_theme = pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)


@every_theme
def test_the_scale_runs_in_one_direction_of_lightness(theme):
    steps = np.diff([luminance(theme.color(share)) for share in np.linspace(0, 1, 101)])
    assert (steps >= -1e-4).all() or (steps <= 1e-4).all()


@every_theme
def test_ends_of_the_scale_are_its_first_and_last_stop(theme):
    assert theme.color(0) == theme.color(-3) == rgb(theme.scale[0])
    assert theme.color(1) == theme.color(7) == rgb(theme.scale[-1])


@every_theme
def test_masked_is_on_no_point_of_the_scale(theme):
    masked = np.array(rgb(theme.masked))
    nearest = min(np.abs(np.array(theme.color(share)) - masked).max() for share in np.linspace(0, 1, 201))
    assert nearest >= 10


@every_theme
@pytest.mark.parametrize("weight", np.linspace(0.01, 1, 34))
def test_numbers_are_readable_on_their_cells(theme, weight):
    style = Painted(theme, 1.0, "weight").cell(weight, 5).style
    light, dark = sorted(
        (luminance(tuple(color.triplet)) for color in (style.color, style.bgcolor)), reverse=True
    )
    assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.2, 1.4.3


@every_theme
def test_text_is_readable_on_the_page(theme):
    for color in (theme.foreground, theme.muted):
        light, dark = sorted(map(luminance, (rgb(color), rgb(theme.background))), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5
