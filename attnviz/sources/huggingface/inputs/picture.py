"""From a picture's file to what a model is shown of it, and back from the model's numbers to a picture."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from attnviz.errors import BudgetError, Damaged, NotFound, RequestError, SourceError
from attnviz.sources.huggingface.faults import brief

Picture = NDArray[np.uint8]

# The brightest level of eight bits.
_LEVELS = 255

# The processors' own defaults, where their settings leave these out.
_RESCALE = 1 / 255


def open_picture(path: Path) -> Image.Image:
    """Open any picture as red, green and blue, upright; of an animation the first frame.

    What is transparent is laid on white, as on a page: the colours stored under it are nobody's intention.

    Raises:
        NotFound: there is no such file.
        Damaged: it is no picture, or not a whole one.
        BudgetError: it has so many pixels that the library refuses to unpack it.
        SourceError: it cannot be read.
    """
    with _named(path), warnings.catch_warnings():
        # Between the library's two limits it warns of a large picture, which here is nobody's fault.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as opened:
            upright = ImageOps.exif_transpose(opened)
            return _on_white(_in_eight_bits(upright))


def shown(pixels: Tensor, processor: Any) -> Picture | None:  # noqa: ANN401 - processors have no common class
    """Make a picture back from the numbers a model is given.

    Several views of one picture, such as tiles, are laid below each other.

    Shape:
        pixels: (..., colour, height, width), one view after the other in front.
        result: (height, width, 3), of all views together.

    Args:
        pixels: what the model is given.
        processor: what made them; its mean, deviation and scale are taken back.

    Returns:
        The picture, or None where the numbers are laid out in another way.
    """
    if pixels.ndim < 4 or pixels.shape[-3] not in (1, 3):
        return None
    views = pixels.reshape(-1, *pixels.shape[-3:]).float().cpu().numpy()
    below = np.concatenate(list(views.transpose(0, 2, 3, 1)), axis=0)
    if getattr(processor, "do_normalize", False):
        below = below * np.array(processor.image_std) + np.array(processor.image_mean)
    if getattr(processor, "do_rescale", False):
        below = below / (getattr(processor, "rescale_factor", None) or _RESCALE)
    colours = np.clip(np.rint(below), 0, _LEVELS).astype(np.uint8)
    return np.broadcast_to(colours, (*colours.shape[:2], 3)).copy()


def processed(processor: Any, picture: Image.Image, name: str) -> Mapping[str, Any]:  # noqa: ANN401
    """Turn a picture into a model's tensors.

    Raises:
        RequestError: the model's processor does not take this picture.
    """
    try:
        made: Mapping[str, Any] = processor(images=picture, return_tensors="pt")
    except (ValueError, TypeError, RuntimeError, ZeroDivisionError, MemoryError) as error:
        size = f"{picture.width} x {picture.height} pixels"
        raise RequestError(f"{name} cannot take in this picture of {size}: {brief(error)}") from error
    return made


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name what goes wrong while a picture is read."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"no such picture: {path}") from error
    except IsADirectoryError as error:
        raise NotFound(f"no such picture: {path} is a folder") from error
    except UnidentifiedImageError as error:
        raise Damaged(f"not a picture: {path} is of no format that can be read") from error
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise BudgetError(f"too large a picture: {path} has over {most:,} pixels") from error
    except PermissionError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    # A broken file shows as whatever its decoder stumbles over.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError) as error:
        raise Damaged(f"not a whole picture: {path} ({brief(error)})") from error


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    """Bring light levels of 16 or 32 bits to the 256 that every later step expects; others stay."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    levels = np.nan_to_num(np.asarray(picture, dtype=np.float64), posinf=0.0, neginf=0.0)
    low, high = (0.0, 65535.0) if picture.mode.startswith("I") else (levels.min(), levels.max())
    if levels.min() < low or levels.max() > high:
        low, high = levels.min(), levels.max()
    share = (levels - low) / max(high - low, np.finfo(np.float64).tiny)
    return Image.fromarray(np.rint(share * _LEVELS).astype(np.uint8))


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    seen = picture.convert("RGBA")
    page = Image.new("RGBA", seen.size, "white")
    page.alpha_composite(seen)
    return page.convert("RGB")


def ramp(size: tuple[int, int], axis: int) -> Image.Image:
    """Draw a picture whose light grows evenly from 0 to 255 down (axis 0) or to the right (axis 1).

    Args:
        size: width and height in pixels.
        axis: along which it grows.
    """
    width, height = size
    count = (height, width)[axis]
    levels = np.rint((np.arange(count) + 0.5) / count * _LEVELS).astype(np.uint8)
    grey = np.broadcast_to(levels[:, None] if axis == 0 else levels[None], (height, width))
    return Image.fromarray(np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=-1)))


def evenly(size: tuple[int, int], level: int) -> Image.Image:
    """Draw a picture of one grey."""
    return Image.new("RGB", size, (level, level, level))


def flat(arguments: Mapping[str, Any], original: Image.Image, processor: Any) -> Picture:  # noqa: ANN401
    """Draw a picture at the size at which it was cut into a list of patches.

    Args:
        arguments: what the model is called with; one of them says how many rows and columns there are.
        original: the picture in its file.
        processor: what cut it; it knows how many pixels wide a patch is.
    """
    count = arguments["pixel_values"].shape[-2]
    side = getattr(processor, "patch_size", None)
    shapes = [value.reshape(-1).tolist() for value in arguments.values() if value.numel() in (2, 3)]
    sides = next(((rows, columns) for *_, rows, columns in shapes if rows * columns == count), None)
    if sides is None or not isinstance(side, int):
        return np.asarray(original)
    return np.asarray(original.resize((sides[1] * side, sides[0] * side), Image.Resampling.BICUBIC))
