"""The scale of differences: two colours around none, and what stands at its ends."""

import numpy as np
import pytest

from attnviz.render.figure.colors import DifferenceScale
from attnviz.render.theme import CATEGORIES, THEMES, luminance, rgb

every_theme = pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)


@every_theme
def test_lightness_runs_in_one_direction_from_the_middle_to_either_end(theme):
    halves = [[luminance(theme.difference(share)) for share in np.linspace(0, end, 101)] for end in (-1, 1)]
    for lightness in halves:
        steps = np.diff(lightness)
        assert (steps >= -1e-4).all() or (steps <= 1e-4).all()
        assert abs(lightness[-1] - lightness[0]) > 0.4


@every_theme
def test_no_difference_is_the_stop_in_the_middle(theme):
    assert len(theme.diverging) % 2 == 1
    assert theme.difference(0) == rgb(theme.diverging[len(theme.diverging) // 2])
    assert theme.difference(-1) == theme.difference(-5) == rgb(theme.diverging[0])
    assert theme.difference(1) == theme.difference(5) == rgb(theme.diverging[-1])


@every_theme
def test_less_and_more_differ_in_blue_and_not_in_red_and_green_alone(theme):
    """Without red or green told apart, orange and blue still are."""
    for share in (0.25, 0.5, 1.0):
        less, more = theme.difference(-share), theme.difference(share)
        assert more[2] - less[2] > 40


@every_theme
def test_masked_is_on_no_point_of_the_scale(theme):
    masked = np.array(rgb(theme.masked))
    nearest = min(
        np.abs(np.array(theme.difference(share)) - masked).max() for share in np.linspace(-1, 1, 401)
    )
    assert nearest >= 10


@every_theme
def test_a_figure_has_the_colours_of_the_theme(theme):
    scale = DifferenceScale(theme, 0.5)
    for difference in (-0.5, -0.1, 0.0, 0.3, 0.5):
        drawn = np.array(scale.colormap(scale.norm(difference))[:3]) * 255
        assert drawn == pytest.approx(theme.difference(difference / 0.5), abs=2)


@every_theme
def test_rounding_beyond_an_end_has_the_colour_of_the_end(theme):
    scale = DifferenceScale(theme, 0.3)
    assert scale.colormap(scale.norm(-0.3000001)) == scale.colormap(scale.norm(-0.3))
    assert scale.colormap(scale.norm(0.3000001)) == scale.colormap(scale.norm(0.3))


def test_categories_are_all_different():
    assert len(set(CATEGORIES)) == len(CATEGORIES)
