"""What a model saw, as a PNG inside the page."""

import struct
import zlib
from base64 import b64encode

import numpy as np
from numpy.typing import NDArray

from attnviz.render.machine.plain import Fields
from attnviz.render.pooling import starts

Pixels = NDArray[np.uint8]

# No side of a picture in a page is longer than this.
LONGEST = 1024

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NONE, _SUB, _UP = 0, 1, 2


def picture_fields(picture: Pixels) -> Fields:
    """Write a picture, made smaller where it is large: its size, and a data: URL.

    Shape:
        picture: (height, width, 3).
    """
    shown = shrink(picture)
    source = f"data:image/png;base64,{b64encode(png(shown)).decode('ascii')}"
    return {"width": shown.shape[1], "height": shown.shape[0], "source": source}


def shrink(picture: Pixels, longest: int = LONGEST) -> Pixels:
    """Bring a picture's longer side down to a length: each new pixel is the mean of those it covers.

    Shape:
        picture: (height, width, 3); result: the same, smaller.
    """
    height, width = picture.shape[:2]
    share = longest / max(height, width)
    if share >= 1:
        return picture
    rows, columns = (starts(count, max(round(count * share), 1)) for count in (height, width))
    sums = np.add.reduceat(np.add.reduceat(picture, rows, 0, dtype=np.float64), columns, 1)
    counts = np.outer(np.diff(rows, append=height), np.diff(columns, append=width))
    means: Pixels = np.rint(sums / counts[..., None]).astype(np.uint8)
    return means


def png(picture: Pixels) -> bytes:
    """Write a picture as PNG, true colour, eight bits (ISO/IEC 15948).

    Each row is written as it is, as differences from its left neighbours or from the row above: whichever
    has the smallest numbers.

    Shape:
        picture: (height, width, 3).
    """
    height, width = picture.shape[:2]
    left, above = np.zeros_like(picture), np.zeros_like(picture)
    left[:, 1:], above[1:] = picture[:, :-1], picture[:-1]
    ways = np.stack([picture, picture - left, picture - above]).reshape(3, height, -1)
    # Differences wrap around: 255 is as small as 1.
    best = np.minimum(ways, 0 - ways).sum(axis=-1, dtype=np.int64).argmin(axis=0)
    filters = np.array([_NONE, _SUB, _UP], np.uint8)[best]
    lines = np.concatenate([filters[:, None], ways[best, np.arange(height)]], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
