"""Frames of a sound, in words and as cells."""

from dataclasses import replace

import numpy as np

import attnviz
from attnviz.record import Attention
from attnviz.render.terminal.focus import FocusTable
from attnviz.render.terminal.heatmap import Heatmap
from attnviz.render.theme import THEMES
from attnviz.selection import HeadId
from tests.render.terminal.console import shown
from tests.spoken import frames, spoken


def heard(count):
    """A sound whose frames look at the one before."""
    tokens = frames(count)
    weights = np.eye(count, k=-1)
    weights[0, 0] = 1
    return Attention(tokens, tokens, weights[None, None].astype(np.float32), (0,), (0,), model="heard")


def test_frames_are_counted_as_frames_and_told_by_their_seconds():
    text = " ".join(shown(FocusTable(attnviz.focus(heard(6))), 80).split())
    assert "0.02-0.04s → 0.00-0.02s 1.0" in text
    assert "previous 1.0" in text
    assert "reads 1.0 ±0.0 frames" in text
    assert "that frame of the sound" in text
    assert "Means are over the frames" in text


def test_a_transcript_s_words_look_at_frames():
    text = " ".join(shown(FocusTable(attnviz.focus(spoken(), [HeadId(2, 0), HeadId(2, 2)])), 100).split())
    assert "of 170 frames" in text
    assert "the word dog looks at that frame" in text
    assert "source word" not in text
    assert "band" not in text


def test_bands_are_explained_where_there_are_some():
    record = heard(4)
    bands = tuple(replace(token, text=f"{token.text}·b0", part="band 0") for token in record.keys)
    banded = replace(record, queries=bands, keys=bands)
    assert "b3: the band of frequencies" in shown(FocusTable(attnviz.focus(banded)), 80)


def test_rows_that_stand_for_several_frames_say_from_when_to_when():
    text = shown(Heatmap(heard(200), (HeadId(0, 0),), THEMES["dark"]), 60)
    assert "0.00-0.10s" in text
    assert "…" not in text.split("keys that")[0]
