"""Numbers of heads held against each other: subspaces, means over seeds, and what may be concluded."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.headcount.quantities import QUANTITIES, quantities_of, quantity
from attnviz.analysis.headcount.subspaces import heads_apart, random_subspace_distance, subspace_distance
from attnviz.analysis.headcount.sweep import Summary, Sweep, apart, conclusion
from tests.render.sample_sweep import sweep, trial

seeds = st.integers(0, 2**32 - 1)


def normal(seed, rows, columns):
    return np.random.default_rng(seed).normal(size=(rows, columns))


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.0, np.pi / 2])
def test_two_lines_are_apart_by_the_square_of_the_sine_of_their_angle(angle):
    turned = np.array([[np.cos(angle)], [np.sin(angle)], [0.0]])
    assert subspace_distance(np.eye(3)[:, :1], turned) == pytest.approx(np.sin(angle) ** 2, abs=1e-12)


def test_a_space_is_not_apart_from_one_that_holds_it_and_far_from_an_orthogonal_one():
    axes = np.eye(6)
    assert subspace_distance(axes[:, :2], axes[:, :4]) == pytest.approx(0)
    assert subspace_distance(axes[:, :3], axes[:, 3:]) == pytest.approx(1)
    assert np.isnan(subspace_distance(axes[:, :2], np.zeros((6, 2))))


@given(seeds, st.integers(1, 4), st.integers(1, 4))
def test_only_the_spaces_matter_not_how_they_are_spanned(seed, one, other):
    first, second = normal(seed, 7, one), normal(seed + 1, 7, other)
    distance = subspace_distance(first, second)
    assert 0 <= distance <= 1
    assert subspace_distance(second, first) == pytest.approx(distance, abs=1e-9)
    mixed = first @ (normal(seed + 2, one, one) + 5 * np.eye(one))
    assert subspace_distance(mixed, second) == pytest.approx(distance, abs=1e-6)
    doubled = np.concatenate([first, 2 * first], axis=1)
    assert subspace_distance(doubled, second) == pytest.approx(subspace_distance(first, second), abs=1e-6)


@given(seeds)
def test_agrees_with_principal_angles_found_one_by_one(seed):
    """Each principal angle is that of the best pair of directions, found by turning and taking them away."""
    first, second = (np.linalg.qr(normal(seed + k, 5, 2))[0] for k in range(2))
    turns = np.linspace(0, np.pi, 721)
    directions = np.stack([np.cos(turns), np.sin(turns)])
    cosines = np.abs((first @ directions).T @ (second @ directions))
    at, beside = np.unravel_index(cosines.argmax(), cosines.shape)
    # In a plane, the second direction of each space is the one at a right angle to its first.
    rest = np.abs(
        (first @ [-directions[1, at], directions[0, at]])
        @ (second @ [-directions[1, beside], directions[0, beside]])
    )
    naive = 1 - (cosines.max() ** 2 + rest**2) / 2
    assert subspace_distance(first, second) == pytest.approx(naive, abs=1e-3)


@pytest.mark.parametrize("directions", [1, 3, 6, 12])
def test_random_spaces_are_as_far_apart_as_said(directions):
    rng = np.random.default_rng(0)
    drawn = [subspace_distance(*rng.normal(size=(2, 12, directions))) for _ in range(400)]
    assert np.mean(drawn) == pytest.approx(random_subspace_distance(12, directions), abs=0.02)


def test_heads_apart_is_the_mean_over_pairs():
    axes = np.eye(4)
    assert heads_apart([axes[:, :2], axes[:, 1:3], axes[:, 2:]]) == pytest.approx((0.5 + 1 + 0.5) / 3)
    assert heads_apart([axes]) is None


def test_the_spread_is_the_sample_standard_deviation():
    summary = Summary((1.0, 2.0, 6.0))
    assert (summary.mean, summary.spread) == (3.0, pytest.approx(np.std([1, 2, 6], ddof=1)))
    assert Summary((1.0,)).spread is None


@given(*[st.lists(st.floats(0, 9), min_size=2, max_size=4)] * 2)
def test_numbers_differ_only_where_mean_and_spread_do_not_overlap(one, other):
    first, second = Summary(tuple(one)), Summary(tuple(other))
    low, high = sorted((first, second), key=lambda summary: summary.mean)
    clear = low.mean + low.spread < high.mean - high.spread
    touching = low.mean + low.spread == pytest.approx(high.mean - high.spread)
    assert touching or apart(first, second) == clear
    assert apart(first, second) == apart(second, first)


def losses(**by_heads):
    """A sweep of given losses: h1=[.42, .43] is those of two seeds with one head."""
    trials = [
        replace(trial(int(name[1:]), seed), loss=loss)
        for name, values in by_heads.items()
        for seed, loss in enumerate(values)
    ]
    return Sweep(sweep().conditions, tuple(trials))


def test_a_gain_is_said_only_where_the_rule_allows_it():
    found = losses(h1=[0.50, 0.51], h2=[0.40, 0.41], h4=[0.40, 0.405], h8=[0.45, 0.46])
    assert [found.against_fewer(heads) for heads in found.heads] == [None, "gain", "no gain", "worse"]
    assert found.enough == 2
    assert "more heads than 2 bring no further gain" in conclusion(found)


def test_nothing_is_concluded_from_one_seed_or_one_number_of_heads():
    single = losses(h1=[0.5], h2=[0.1])
    assert (single.against_fewer(2), single.enough) == (None, None)
    assert "single seed" in conclusion(single)
    assert "nothing to compare" in conclusion(losses(h4=[0.5, 0.6]))


def test_the_most_heads_may_still_be_a_gain_and_one_may_be_enough():
    assert "8, are still a gain" in conclusion(losses(h2=[0.5, 0.51], h8=[0.4, 0.41]))
    assert "more heads than 1 bring" in conclusion(losses(h1=[0.5, 0.51], h8=[0.5, 0.52]))


def test_time_is_a_ratio_to_the_fewest_heads_of_the_same_seed():
    found = sweep()
    for heads in found.heads:
        ratios = quantity("time").over_seeds(found, heads).values
        for one, first, ratio in zip(found.of(heads), found.of(found.heads[0]), ratios, strict=True):
            assert one.seed == first.seed
            assert ratio == one.seconds / first.seconds


def test_means_over_relations_and_heads_are_means():
    found = sweep()
    one = found.of(4)[0]
    assert quantity("relations").over_seeds(found, 4).values[0] == pytest.approx(
        np.mean([followed.score for followed in one.relations])
    )
    assert quantity("over_offset").over_seeds(found, 4).values[0] == sum(
        followed.score > followed.fixed_offset for followed in one.relations
    )
    assert quantity("removal").over_seeds(found, 4).values[0] == pytest.approx(1000 * np.mean(one.removal))
    assert quantity("removal_spread").over_seeds(found, 4).values[0] == pytest.approx(
        1000 * np.std(one.removal)
    )


def test_what_was_not_measured_is_not_told():
    without = Sweep(sweep().conditions, tuple(replace(one, relations=()) for one in sweep().trials))
    names = {one.name for one in QUANTITIES} - {one.name for one in quantities_of(without)}
    assert names == {"relations", "over_offset"}
    only_one = Sweep(sweep().conditions, sweep().of(1))
    assert {"divergence", "closest", "subspace"}.isdisjoint(one.name for one in quantities_of(only_one))


def test_a_sweep_is_read_back_as_it_was_written():
    found = sweep()
    stored = {"conditions": asdict(found.conditions), "trainings": [asdict(one) for one in found.trials]}
    assert Sweep.of_stored(stored) == found


def broken(**change):
    stored = {"conditions": asdict(sweep().conditions), "trainings": [asdict(one) for one in sweep().trials]}
    stored["trainings"][1] |= change
    return stored


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({**broken(), "trainings": []}, "no training"),
        ({**broken(), "conditions": {"width": 8}}, "missing"),
        (broken(heads=0), "0 heads"),
        (broken(loss="low"), "loss: got 'low', allowed a number"),
        (broken(auc=None), "auc: got None"),
        (broken(heads=1), "twice"),
        (broken(relations=[]), "different relations"),
        (broken(removal=[]), "no training has"),
        (broken(relations=[{"relation": "det"}]), "missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_sweep_is_refused(stored, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Sweep.of_stored(stored)
