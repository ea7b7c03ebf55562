"""Pictures of every kind, opened as a person would see them; and the grids their patches stand in."""

import struct
import zlib
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from attnviz.errors import BudgetError, Damaged, NotFound
from attnviz.sources.huggingface.inputs.patches import Patches, placed
from attnviz.sources.huggingface.inputs.picture import open_picture, ramp, shown
from tests.sources.drawn import saved, shaded


def test_no_picture_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="no such picture"):
        open_picture(tmp_path / "none.png")
    with pytest.raises(NotFound, match="is a folder"):
        open_picture(tmp_path)


@pytest.mark.parametrize("content", [b"", b"a text", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0"])
def test_what_is_no_picture_is_damage(content, tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(Damaged, match=r"not a (whole )?picture"):
        open_picture(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "tiff", "bmp"])
def test_half_a_picture_is_damage(suffix, tmp_path):
    whole = saved(shaded(), tmp_path, f"whole.{suffix}").read_bytes()
    path = tmp_path / f"half.{suffix}"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Damaged, match="not a"):
        open_picture(path)


def test_too_many_pixels_are_refused_before_they_are_unpacked(tmp_path):
    def chunk(name, content):
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    path = tmp_path / "huge.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )
    with pytest.raises(BudgetError, match="too large a picture"):
        open_picture(path)


def test_a_large_picture_is_opened_without_a_warning(tmp_path, recwarn, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert open_picture(saved(shaded((40, 30)), tmp_path)).size == (40, 30)
    assert not recwarn.list


def test_what_is_transparent_lies_on_white(tmp_path):
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    clear.paste((255, 0, 0, 255), (0, 0, 2, 4))
    for name in ("clear.png", "clear.webp", "clear.gif"):
        seen = np.asarray(
            open_picture(saved(clear, tmp_path, name, **({"lossless": True} if "webp" in name else {})))
        )
        assert (seen[:, 3] == 255).all(), name
        assert (seen[:, 0] == (255, 0, 0)).all(), name


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_every_mode_becomes_red_green_and_blue(mode, tmp_path):
    light = np.zeros((8, 8), dtype=np.uint8)
    light[:, 4:] = 255
    if mode in ("I;16", "I"):
        picture = Image.fromarray(light.astype(np.uint16 if mode == "I;16" else np.int32) * 257)
    elif mode == "F":
        picture = Image.fromarray(light.astype(np.float32) / 255)
    else:
        picture = Image.fromarray(light).convert("RGB").convert(mode)
    seen = np.asarray(open_picture(saved(picture, tmp_path, "picture.tiff")))
    assert seen.shape == (8, 8, 3)
    assert seen[:, 0].max() <= 8
    assert seen[:, -1].min() >= 247


def test_a_photograph_stands_upright(tmp_path):
    lying = Image.new("RGB", (40, 20), (0, 0, 255))
    lying.paste((255, 0, 0), (0, 0, 10, 20))
    turned = Image.Exif()
    turned[0x0112] = 6  # the right side is the top
    seen = open_picture(saved(lying, tmp_path, "photo.png", exif=turned))
    assert seen.size == (20, 40)
    assert seen.getpixel((10, 2)) == (255, 0, 0)


def test_of_an_animation_the_first_frame_is_seen(tmp_path):
    frames = [Image.new("RGB", (8, 8), color) for color in ((255, 0, 0), (0, 255, 0))]
    path = saved(frames[0], tmp_path, "moving.gif", save_all=True, append_images=frames[1:])
    assert open_picture(path).getpixel((4, 4)) == (255, 0, 0)


@given(st.integers(1, 30), st.integers(1, 30), st.randoms())
def test_places_are_found_in_any_order(rows, columns, random):
    places = [(row, column) for row in range(rows) for column in range(columns)]
    random.shuffle(places)
    centres = np.array([((row + 0.5) / rows, (column + 0.5) / columns) for row, column in places])
    assert placed(centres) == tuple(places)


def test_two_patches_at_one_place_are_no_grid():
    assert placed(np.array([[0.25, 0.25], [0.25, 0.25], [0.75, 0.75]])) is None


def test_patches_that_fill_no_grid_are_named_by_nobody():
    side = Patches((), 32, 32)
    assert [side.fits(count) for count in (15, 16)] == [False, True]
    assert [len(side.tokens(count)) for count in (1, 4, 9, 16)] == [1, 4, 9, 16]


def test_light_grows_evenly_along_a_ramp():
    down = np.asarray(ramp((3, 100), 0))[:, 0, 0].astype(int)
    assert all(0 <= after - before <= 4 for before, after in pairwise(down))
    assert (np.asarray(ramp((3, 100), 1)).std(axis=0) == 0).all()


def test_views_of_a_picture_are_shown_below_each_other():
    views = torch.stack([torch.zeros(3, 2, 2), torch.ones(3, 2, 2)])[None]
    seen = shown(views, object())
    assert seen.shape == (4, 2, 3)
    assert (seen[:2] == 0).all()
    assert (seen[2:] == 1).all()
