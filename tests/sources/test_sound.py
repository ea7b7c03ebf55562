"""Sounds in files: whatever their format, rate and channels, one channel at the model's rate."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.errors import Damaged, NotFound, RequestError, SourceError, UnsupportedModel
from attnviz.sources.huggingface.inputs.sound import open_sound
from tests.sources.tiny_hearing import RATE, tone, write


def loudest_hertz(sound):
    return np.abs(np.fft.rfft(sound.samples)).argmax() / sound.seconds


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_every_format_and_rate_keeps_its_pitch_and_its_length(tmp_path, suffix, rate):
    both = np.stack([tone(0.5, 440, rate)] * 2, axis=-1)
    sound = open_sound(write(tmp_path / f"a.{suffix}", both, rate), RATE)
    assert sound.samples.dtype == np.float32
    assert sound.samples.ndim == 1
    assert sound.seconds == pytest.approx(0.5, abs=0.001)
    assert loudest_hertz(sound) == pytest.approx(440, abs=2)
    assert np.abs(sound.samples).max() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "PCM_U8"])
def test_every_kind_of_number_means_the_same(tmp_path, subtype):
    sound = open_sound(write(tmp_path / "a.wav", tone(0.1, 440), subtype=subtype), RATE)
    assert sound.samples == pytest.approx(tone(0.1, 440), abs=0.01)


def test_channels_become_their_mean(tmp_path):
    left, right = tone(0.1, 440), tone(0.1, 660)
    sound = open_sound(write(tmp_path / "a.wav", np.stack([left, right, 0 * left], axis=-1)), RATE)
    assert sound.samples == pytest.approx((left + right) / 3, abs=1e-4)


def test_what_the_rate_cannot_hold_is_taken_out(tmp_path):
    sound = open_sound(write(tmp_path / "a.wav", tone(0.5, 10_000, 44_100), 44_100), RATE)
    assert np.abs(sound.samples[100:-100]).max() < 0.001


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFound, match=r"no such file: .*gone\.wav"):
        open_sound(tmp_path / "gone.wav", RATE)
    with pytest.raises(SourceError, match="cannot read"):
        open_sound(tmp_path, RATE)


@pytest.mark.parametrize(
    "content", [b"", b"a text, no sound at all", bytes(range(256)) * 40, b"RIFF\x00\x00"]
)
@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.flac", "a.raw", "a"])
def test_what_is_no_sound_is_named(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Damaged, match="not a sound"):
        open_sound(tmp_path / name, RATE)


def test_half_a_compressed_sound_is_damaged(tmp_path):
    whole = write(tmp_path / "a.flac", tone(1, 440)).read_bytes()
    (tmp_path / "half.flac").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Damaged, match="not a sound"):
        open_sound(tmp_path / "half.flac", RATE)


def test_a_sound_without_a_sample_is_refused(tmp_path):
    with pytest.raises(RequestError, match="got no sample"):
        open_sound(write(tmp_path / "a.wav", np.zeros(0)), RATE)
    with pytest.raises(RequestError, match="got no sample"):
        open_sound(write(tmp_path / "b.wav", np.zeros(1), 192_000), 8_000)


def test_numbers_that_are_none_are_refused(tmp_path):
    samples = tone(0.1, 440)
    samples[7] = np.nan
    with pytest.raises(Damaged, match="no finite numbers"):
        open_sound(write(tmp_path / "a.wav", samples, subtype="FLOAT"), RATE)


@pytest.mark.parametrize("package", ["soundfile", "soxr"])
def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UnsupportedModel, match=r"the extra attnviz\[audio\]"):
        open_sound(tmp_path / "a.wav", RATE)


@given(st.binary(max_size=300))
def test_no_bytes_bring_it_down(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "a.wav"
    path.write_bytes(content)
    with pytest.raises((Damaged, RequestError)):
        open_sound(path, RATE)
