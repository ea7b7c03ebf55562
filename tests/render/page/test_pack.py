"""Buffers: what is written is what Python's zlib and base64 read."""

import zlib
from base64 import b64decode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from attnviz.render.page.pack import Buffers, deflate, pack

some = st.sampled_from([np.uint8, np.int16, np.float32]).flatmap(
    lambda kind: arrays(kind, array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=20))
)


@given(some)
def test_bytes_come_back(array):
    raw = zlib.decompress(b64decode(pack(array), validate=True))
    assert raw == array.astype(array.dtype.newbyteorder("<")).tobytes()


def test_numbers_are_little_endian_whatever_they_were():
    assert zlib.decompress(deflate(np.array([258], ">i2"))) == b"\x02\x01"


def test_parts_of_arrays_are_written_in_the_order_they_are_read():
    square = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert zlib.decompress(deflate(square.T)) == square.T.tobytes()


@pytest.mark.parametrize("size", [1 << 12, 1 << 18], ids=["small", "large"])
def test_rows_that_repeat_are_found(size):
    row = np.random.default_rng(0).integers(0, 256, 512, np.uint8)
    assert len(deflate(np.tile(row, size // len(row)))) < 0.5 * size


def test_large_arrays_come_back_by_either_way():
    chance = np.random.default_rng(0)
    for array in (
        chance.integers(0, 4, 1 << 18, np.uint8),
        np.tile(chance.integers(0, 256, 999, np.uint8), 300),
    ):
        assert zlib.decompress(deflate(array)) == array.tobytes()


def read(text):
    return zlib.decompress(b64decode(text))


def test_buffers_keep_the_order_they_were_added_in():
    with Buffers() as buffers:
        numbers = [buffers.add(lambda n=n: np.full(n, n, np.uint8)) for n in range(40)]
        texts = buffers.texts()
    assert numbers == list(range(40))
    assert [read(text) for text in texts] == [bytes([n]) * n for n in range(40)]


def test_a_buffer_made_after_others_knows_what_they_gave():
    seen = []

    def make(number):
        seen.append(number)
        return np.zeros(1 << 16, np.uint8)

    with Buffers() as buffers:
        numbers = [buffers.add(lambda n=n: make(n)) for n in range(9)]
        last = buffers.add(lambda: np.array(sorted(seen), np.uint8), after=numbers)
        assert read(buffers.texts()[last]) == bytes(range(9))


def test_equal_arrays_share_a_buffer():
    with Buffers() as buffers:
        one, same, other = (np.eye(3, dtype=bool), np.eye(3, dtype=bool), np.ones((3, 3), bool))
        found = [buffers.share(array, np.packbits) for array in (one, same, other, one)]
    assert found == [0, 0, 1, 0]


def test_what_fails_while_a_buffer_is_made_is_told():
    with Buffers() as buffers:
        buffers.add(lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            buffers.texts()
