"""A sound for a model that hears: frames of it are the tokens.

Models that fill every sound up to one length, such as Whisper's thirty seconds, attend to the silence they
added too. A record holds the frames of the sound itself; the mass on the rest is its `dropped`.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from torch import Tensor, nn

from attnviz.errors import RequestError, TextTooLong, UnsupportedModel
from attnviz.prompt import Prompt
from attnviz.sources.base import refuse_beside
from attnviz.sources.huggingface.faults import brief
from attnviz.sources.huggingface.feed import Feed, Positions, Side
from attnviz.sources.huggingface.inputs.clock import (
    Spread,
    count_positions,
    exactly,
    is_even,
    least_samples,
    lines,
    lively,
    spread,
    step_of,
)
from attnviz.sources.huggingface.inputs.frames import Frames, numbered
from attnviz.sources.huggingface.inputs.probe import added_names, entering, first_call
from attnviz.sources.huggingface.inputs.sound import Samples, Sound, open_sound
from attnviz.sources.huggingface.inputs.transcript import transcribed
from attnviz.sources.huggingface.loading.pretrained import Pretrained
from attnviz.sources.huggingface.quiet import quiet

# What models call the sound they are given: its samples, or a spectrogram of them.
HEARD = ("input_values", "input_features")

# Between sounds of about so many positions it is tried how much longer one must be for one position more.
_FROM, _TO = 4, 20

# The same for the places of a spectrogram, in seconds: less than any model fills its sounds up to.
_PLACES_FROM, _PLACES_TO = 0.05, 0.25

# Every model that hears anything hears something of a sound of so many seconds.
_LONG_ENOUGH = 2.0


def hears(pretrained: Pretrained) -> bool:
    """Say whether a model reads sounds and no text beside them."""
    known = inspect.signature(pretrained.backbone.forward).parameters
    alone = "input_ids" not in known and any(name in known for name in HEARD)
    return pretrained.backbone.main_input_name in HEARD or alone


def sound_feed(pretrained: Pretrained, prompt: Prompt) -> Feed:
    """Make the input of a model that hears a sound, with what it writes down if it does.

    Raises:
        RequestError: there is no sound, something beside it, or too little of it.
        NotFound, Damaged: the sound cannot be read.
        TextTooLong: it is longer than the model hears.
        SourceError: the model cannot be used, or not with this input.
    """
    if prompt.audio is None:
        raise RequestError(f"{pretrained.name} hears sounds: got no sound, allowed one")
    if prompt.text.strip():
        raise RequestError(f"{pretrained.name} reads no text: got a sound and a text, allowed a sound")
    writes = pretrained.model.config.is_encoder_decoder
    beside = ("generate", "target") if writes else ()
    refuse_beside(prompt, "audio", *beside, name=pretrained.name)
    extractor = pretrained.feature_extractor
    heard = _Heard(pretrained, extractor, open_sound(prompt.audio, extractor.sampling_rate))
    side = heard.side()
    given = Feed(model=pretrained.backbone, arguments=heard.arguments, sides={"self": (side, side)})
    return transcribed(pretrained, prompt, given) if writes else given


@dataclass(frozen=True, eq=False)
class _Heard:
    """A sound as a model is given it.

    Attributes:
        pretrained: the model.
        extractor: what turns samples into what the model is called with.
        sound: the samples.
    """

    pretrained: Pretrained
    extractor: Any
    sound: Sound

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """All the model is called with.

        Raises:
            UnsupportedModel: what prepares its sounds does not take this one.
        """
        try:
            return self._made(self.sound.samples)
        except Exception as error:  # what an extractor raises has no common class
            what = f"{self.pretrained.name} cannot prepare this sound"
            raise UnsupportedModel(f"{what}: {brief(error)}") from error

    @property
    def name(self) -> str:
        """What the model calls the sound."""
        return next(name for name in HEARD if name in self.arguments)

    @cached_property
    def encoder(self) -> nn.Module:
        """The part of the model that hears."""
        backbone = self.pretrained.backbone
        part: nn.Module = backbone.get_encoder() if backbone.config.is_encoder_decoder else backbone
        return part

    def side(self) -> Side:
        """Name the positions of the model by the seconds they stand for.

        Raises:
            RequestError: the sound is too short.
            TextTooLong: it is longer than the model hears.
        """
        total = self._total()
        if not total:
            self._refuse_too_short()
            _ = self.arguments  # where they cannot be made, this says why
            return Positions()  # what attends does not show itself in a call: only its number is known
        frames = self._frames(total)
        if frames is None:
            return numbered(total)
        self._refuse_too_long(total * frames.length if frames.bands is None else self._window)
        return frames.side(self.sound.seconds)

    def _total(self) -> int:
        """Count the positions the model has for the sound, filling included; 0 where it cannot be heard."""
        try:
            return count_positions(self.encoder, _accepted(self.encoder, self.arguments))
        except UnsupportedModel:
            return 0

    def _frames(self, total: int) -> Frames | None:
        """Find where every position is in time; None where that cannot be told."""
        about = len(self.sound.samples) / total
        step = step_of(self._count, round(_FROM * about), round(_TO * about))
        if step is not None:
            return Frames.evenly(total, step / self.sound.rate)
        features, (axis, places) = self.arguments[self.name].float(), self._places
        second = places / self.sound.rate
        evenly = Frames.evenly(total, features.shape[axis] * second / total)
        with exactly(self.encoder):
            found = spread(self._enter, features, (axis, -3 - axis))
            if found is None:
                return evenly if total <= features.shape[axis] else None
            if len(found.reached) == total and is_even(found.along[:, 0]):
                return evenly
            return self._in_bands(found, features, axis, second)

    def _in_bands(self, found: Spread, features: Tensor, axis: int, second: float) -> Frames | None:
        """Find the times and bands of positions that stand in a grid of both.

        Args:
            found: where positions look.
            features: what the model is given.
            axis: which axis of it is time.
            second: how many seconds a place on that axis stands for.
        """
        sides = (axis, -3 - axis)
        times, bands = (lines(found.along[:, at], features.shape[side]) for at, side in enumerate(sides))
        if times.count == 1 or times.count * bands.count != found.reached.sum():
            return None
        starts = np.full(len(found.reached), np.nan)
        every = np.zeros(len(found.reached), dtype=np.intp)
        starts[found.reached] = (times.centres - times.apart / 2) * second
        every[found.reached] = bands.numbers
        names = added_names(self.encoder, lambda: self._enter(features), found.reached)
        return Frames(starts, times.apart * second, every if bands.count > 1 else None, names)

    @property
    def _window(self) -> float:
        """How many seconds what the model is given stands for, filling included."""
        axis, step = self._places
        return float(self.arguments[self.name].shape[axis] * step / self.sound.rate)

    @cached_property
    def _places(self) -> tuple[int, float]:
        """Which axis of what the model is given is time, and how many samples each place on it stands for."""
        low, high = self._samples(_PLACES_FROM), self._samples(_PLACES_TO)
        for axis in (-1, -2):
            step = step_of(partial(self._lively, axis), low, high)
            if step is not None:
                return axis, step
        raise UnsupportedModel(
            f"cannot tell which part of a sound is where in what {self.pretrained.name} reads"
        )

    def _lively(self, axis: int, samples: int) -> int:
        """Count the places along an axis that a sound of so many samples takes."""
        features = self._made(_noise(samples), padding=False)[self.name]
        return lively(features.float().cpu().numpy(), axis) if features.ndim >= -axis else 0

    def _count(self, samples: int) -> int:
        """Count the positions of a sound of so many samples, without filling if that can be left out."""
        try:
            made = self._made(_noise(samples), padding=False)
        except Exception:  # each extractor has its own way to fail at a sound too short for it
            return 0
        return count_positions(self.encoder, _accepted(self.encoder, made))

    def _enter(self, features: Tensor) -> Tensor | None:
        """Give what enters the first attention, for other numbers than those of the sound."""
        arguments = _accepted(self.encoder, {**self.arguments, self.name: features})
        return entering(self.encoder, arguments, first_call)

    def _made(self, samples: Samples, **options: Any) -> dict[str, Any]:  # noqa: ANN401
        """Turn samples into what the model is called with, where and in the precision it computes."""
        with quiet():
            made = self.extractor(samples, sampling_rate=self.sound.rate, return_tensors="pt", **options)
        where = self.pretrained.model
        given = {
            name: value.to(self.pretrained.device, where.dtype if value.is_floating_point() else None)
            for name, value in made.items()
            if isinstance(value, Tensor)
        }
        return _accepted(self.pretrained.backbone, given)

    def _samples(self, seconds: float) -> int:
        return round(seconds * self.sound.rate)

    def _refuse_too_short(self) -> None:
        """Refuse a sound if a longer one would have been heard."""
        low, high = len(self.sound.samples), self._samples(_LONG_ENOUGH)
        if low >= high or not self._count(high):
            return
        least = least_samples(self._count, low, high) / self.sound.rate
        raise RequestError(
            f"the sound is too short for {self.pretrained.name}: got {self.sound.seconds:.3g} s, "
            f"allowed {least:.3g} s or more"
        )

    def _refuse_too_long(self, heard: float) -> None:
        """Refuse a sound of which the model is given only the beginning, `heard` seconds of it."""
        # What does not fill a whole position at the end is heard by none, and that is no cut.
        if self.sound.seconds > heard * 1.02 + 0.1:
            raise TextTooLong(
                f"the sound is too long for {self.pretrained.name}: got {self.sound.seconds:.2f} s, "
                f"allowed {heard:.4g} s"
            )


def _accepted(model: nn.Module, made: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a model can be called with."""
    known = inspect.signature(model.forward).parameters
    return {name: value for name, value in made.items() if name in known}


def _noise(samples: int) -> Samples:
    """Give a sound that is nowhere silent, the same every time."""
    return np.random.default_rng(0).normal(scale=0.1, size=samples).astype(np.float32)
