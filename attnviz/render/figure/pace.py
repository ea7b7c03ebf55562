"""Which pictures move, and how fast; asked before anything is drawn."""

from attnviz.errors import RequestError

# Both know pictures that move; an animated PNG may be called either.
SUFFIXES = (".gif", ".png", ".apng")

# Times a second; GIF counts in hundredths, and viewers slow down what is shorter than two.
FASTEST = 50

# The last frame is what is to be looked at: it stays so long, in seconds.
HELD = 2.5


def frame_durations(count: int, fps: float) -> list[int]:
    """Say how long each frame is shown, in milliseconds; GIF counts in hundredths of a second.

    Raises:
        RequestError: no speed a viewer keeps up with.

    >>> frame_durations(3, 8)
    [120, 120, 2500]
    """
    if not 0.1 <= fps <= FASTEST:
        raise RequestError(f"frames a second: got {fps:g}, allowed 0.1 to {FASTEST}")
    each = 10 * round(100 / fps)
    return [each] * (count - 1) + [max(each, round(1000 * HELD))]
