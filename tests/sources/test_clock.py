"""How much of a sound a position stands for, found by trying: closed forms and what always holds."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from attnviz.sources.huggingface.inputs.clock import is_even, least_samples, lines, lively, spread, step_of


@given(
    step=st.integers(2, 3000),
    field=st.floats(0, 3),
    off=st.floats(0.9, 1.3),
)
def test_the_step_of_evenly_spaced_positions_is_found(step, field, off):
    """Positions of any receptive field and step, from a rough guess of the step."""
    asked = []

    def count(samples):
        asked.append(samples)
        return max(0, (samples - round(field * step)) // step + 1)

    about = step * off
    assert step_of(count, round(4 * about), round(20 * about)) == step
    assert len(asked) < 30


def test_a_model_that_fills_up_has_no_step():
    assert step_of(lambda _: 1500, 100, 500) is None
    assert step_of(lambda _: 0, 100, 500) is None
    assert step_of(lambda samples: samples // 400, 399, 500) is None


def test_the_shortest_sound_is_found():
    assert least_samples(lambda samples: max(0, (samples - 400) // 320 + 1), 10, 5000) == 400


def test_what_is_behind_a_sound_is_told_from_it():
    features = np.zeros((1, 20, 100))
    features[:, :, :37] = np.random.default_rng(0).random((1, 20, 37))
    features[:, :, 37:] = -1.5
    assert lively(features, axis=-1) == 37
    assert lively(features, axis=-2) == 19  # all rows differ, and the last one from none behind it
    assert lively(np.ones((1, 4)), axis=-1) == 0


class Patches(nn.Module):
    """Patches of a spectrogram that overlap, behind a token of the model's own."""

    def __init__(self, wide, high, across, down):
        super().__init__()
        torch.manual_seed(0)
        self.cut = nn.Conv2d(1, 24, (high, wide), stride=(down, across))
        self.norm = nn.LayerNorm(24)
        self.own = nn.Parameter(torch.randn(1, 24))

    def forward(self, features):
        rows = self.cut(features[:, None])[0].flatten(1).T
        return self.norm(torch.cat([self.own, rows]))


def test_overlapping_patches_are_found_in_time_and_frequency():
    patches = Patches(wide=16, high=8, across=10, down=6)
    found = spread(patches, torch.randn(1, 38, 106), (-1, -2))
    assert found.reached.tolist() == [False] + [True] * 60
    times, bands = lines(found.along[:, 0], 106), lines(found.along[:, 1], 38)
    assert (times.count, times.first, times.apart) == (10, 8.0, 10.0)
    assert (bands.count, bands.first, bands.apart) == (6, 4.0, 6.0)
    assert times.numbers.tolist() == list(range(10)) * 6
    assert bands.numbers.tolist() == sorted(list(range(6)) * 10)


def test_what_cannot_be_seen_is_not_guessed():
    assert spread(lambda _: None, torch.randn(1, 8, 8), (-1, -2)) is None


@given(
    rows=st.integers(1, 12),
    columns=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_lines_are_found_in_any_order_and_roughly(rows, columns, seed):
    """Each column holds as many positions, a third of the distance between two of them apart at most."""
    chance = np.random.default_rng(seed)
    places = 4 * columns
    true = np.repeat(np.arange(columns), rows)
    chance.shuffle(true)
    along = (true + 0.5) / columns + chance.uniform(-0.15, 0.15, len(true)) / columns
    found = lines(along, places)
    assert found.numbers.tolist() == true.tolist()
    assert found.apart == pytest.approx(4, abs=1)


@given(st.integers(2, 2000))
def test_positions_one_after_another_are_even(count):
    at = (np.arange(count) + 0.5) / count
    assert is_even(at)
    assert is_even(np.clip(at + 0.05 * np.sin(np.arange(count)), 0, 1))
    assert not is_even(at[::-1])
