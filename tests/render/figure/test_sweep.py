"""The picture of a sweep, inspected part by part."""

import json

import pytest

from attnviz.errors import RequestError
from attnviz.render.figure import encode
from attnviz.render.figure.sweep import sweep_figure
from attnviz.render.machine.sweep import sweep_json
from tests.render.figure.pictures import cut_off, extents, overlaps, texts
from tests.render.sample_sweep import COUNTS, sweep

PANELS = ["loss", "divergence", "relations", "removal", "subspace", "time"]


def lines(axes, label):
    return [line for line in axes.lines if line.get_label() == label]


def points(axes, label):
    return [point for line in lines(axes, label) for point in zip(*map(list, line.get_data()), strict=True)]


@pytest.mark.parametrize("name", PANELS)
def test_dots_and_lines_are_the_numbers_of_the_json(name):
    told = json.loads(sweep_json(sweep()))
    (axes,) = (axes for axes in sweep_figure(sweep()).axes if axes.get_label() == name)
    values = [count["quantities"][name] for count in told["counts"]]
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    assert points(axes, "mean") == [(place, value["mean"]) for place, value in known]
    assert points(axes, "seeds") == [(place, one) for place, value in known for one in value["values"]]
    assert [label.get_text() for label in axes.get_xticklabels()] == [str(count) for count in COUNTS]


def test_what_needs_no_training_is_dashed():
    told = json.loads(sweep_json(sweep()))
    axes = {axes.get_label(): axes for axes in sweep_figure(sweep()).axes}
    assert points(axes["subspace"], "reference") == [
        (place, count["random_subspaces"]) for place, count in enumerate(told["counts"]) if place
    ]
    assert points(axes["relations"], "reference") == [
        (place, told["fixed_offset"]) for place in range(len(COUNTS))
    ]
    assert not points(axes["loss"], "reference")


def test_every_dot_lies_inside_its_panel():
    for axes in sweep_figure(sweep()).axes:
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        for line in axes.lines:
            for x, y in zip(*line.get_data(), strict=True):
                assert left < x < right
                assert low <= y <= high


def test_only_what_was_measured_has_a_panel():
    drawn = [axes.get_label() for axes in sweep_figure(sweep((1,), 2)).axes]
    assert drawn == ["loss", "relations", "removal", "time"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [None, "column", "page", "slide", "5x7"])
def test_nothing_written_leaves_the_picture_or_touches(theme, size):
    figure = sweep_figure(sweep(), theme=theme, size=size)
    assert cut_off(figure) == []
    assert overlaps(extents(texts(figure))) == []


def test_is_as_wide_as_a_column_unless_told():
    assert sweep_figure(sweep()).get_size_inches()[0] == pytest.approx(3.3)
    assert sweep_figure(sweep(), size="page").get_size_inches()[0] == pytest.approx(6.9)


def test_a_picture_without_room_for_its_panels_is_refused():
    with pytest.raises(RequestError, match="too small"):
        sweep_figure(sweep(), size="3.3x1.6")


def test_the_same_sweep_gives_the_same_bytes():
    assert encode(sweep_figure(sweep()), ".png") == encode(sweep_figure(sweep()), ".png")
