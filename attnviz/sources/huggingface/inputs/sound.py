"""A sound in a file, as the samples a model hears: one channel, at the model's own rate."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import Damaged, MissingPackage, NotFound, RequestError, SourceError
from attnviz.sources.huggingface.faults import brief

Samples = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sound:
    """One channel of sound.

    Attributes:
        samples: (sample,), -1 to 1 unless the file holds louder ones.
        rate: samples in a second.
    """

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate


def open_sound(path: Path, rate: int) -> Sound:
    """Open any sound that libsndfile reads, such as wav, flac, ogg or mp3.

    Several channels become one, their mean. Another rate is converted by libsoxr, which lets no frequency
    through that the model's rate could not hold.

    Args:
        path: the file.
        rate: the model's own, in samples a second.

    Raises:
        NotFound: there is no such file.
        Damaged: it is no sound, or does not say what its numbers mean.
        RequestError: there is nothing in it.
        SourceError: it cannot be read.
        MissingPackage: the packages that read sounds are not installed.
    """
    soundfile, soxr = _packages()
    with _named(path, soundfile):
        channels, own_rate = soundfile.read(path, dtype="float32", always_2d=True)
    if not len(channels):
        raise RequestError(f"an empty sound: got no sample in {path}, allowed one or more")
    if not np.isfinite(channels).all():
        raise Damaged(f"not a sound: {path} holds samples that are no finite numbers")
    samples = channels.mean(axis=1)
    if own_rate != rate:
        samples = soxr.resample(samples, own_rate, rate)
        if not len(samples):
            raise RequestError(f"too short a sound: got no sample of {path} at {rate} a second, allowed one")
    return Sound(np.ascontiguousarray(samples, dtype=np.float32), rate)


def _packages() -> tuple[ModuleType, ModuleType]:
    """Import what reads and what converts sounds; a user of text models needs neither."""
    try:
        import soundfile
        import soxr
    except (ImportError, OSError) as error:  # OSError: the library behind a package is missing
        what = "sounds need the packages of the extra attnviz[audio]"
        raise MissingPackage(f"{what}: {brief(error)}") from error
    return soundfile, soxr


@contextmanager
def _named(path: Path, soundfile: Any) -> Iterator[None]:  # noqa: ANN401 - a module
    """Turn what may go wrong with a file into a fault that names it."""
    try:
        with path.open("rb"):
            pass
        yield
    except FileNotFoundError as error:
        raise NotFound(f"no such file: {path}") from error
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    except soundfile.LibsndfileError as error:
        raise Damaged(f"not a sound: {path}: {error.error_string.strip().rstrip('.')}") from error
    except (TypeError, ValueError) as error:  # of bare samples, whose file does not say what they are
        raise Damaged(f"not a sound that says its own rate: {path}") from error
