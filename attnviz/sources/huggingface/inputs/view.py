"""A picture as a model sees it: its numbers, and which of the model's positions stand for which patch."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from attnviz.errors import UnsupportedModel
from attnviz.grid import grid_of
from attnviz.sources.huggingface.faults import brief
from attnviz.sources.huggingface.inputs.patches import Patches, Pieces, named, placed
from attnviz.sources.huggingface.inputs.picture import Picture, evenly, flat, processed, ramp, shown
from attnviz.sources.huggingface.inputs.probe import (
    Enter,
    Wanted,
    added_names,
    entering,
    first_call,
    moved,
)
from attnviz.sources.huggingface.loading.pretrained import Pretrained

PIXELS = "pixel_values"

Places = Sequence[tuple[int, int]]

# How much light is added to a picture to see what it changes, in the numbers a model is given.
BRIGHTER = 0.5


@dataclass(frozen=True, eq=False)
class View:
    """A picture as a model is given it.

    Attributes:
        model: the network that sees.
        arguments: all it is called with.
        original: the picture in its file.
        processor: what turns pictures into such arguments.
        name: the model's name.
    """

    model: nn.Module
    arguments: Mapping[str, Any]
    original: Image.Image
    processor: Any
    name: str

    @property
    def pixels(self) -> Tensor:
        """The picture's numbers."""
        pixels: Tensor = self.arguments[PIXELS]
        return pixels

    @property
    def views(self) -> int:
        """How many pictures the model sees of this one, such as tiles."""
        return int(np.prod(self.pixels.shape[:-3])) if self.pixels.ndim > 3 else 1

    @cached_property
    def seen(self) -> Picture:
        """The picture the model sees, uint8 (height, width, 3)."""
        made = shown(self.pixels, self.processor)
        return flat(self.arguments, self.original, self.processor) if made is None else made

    def enter(self, wanted: Wanted = first_call) -> Enter:
        """Give what tells what enters the first attention of some part when the picture is changed.

        It raises UnsupportedModel where the model does not run on this picture.
        """

        def enter(pixels: Tensor) -> Tensor | None:
            try:
                return entering(self.model, {**self.arguments, PIXELS: pixels}, wanted, self.views)
            except (
                Exception
            ) as error:  # what a model raises that was made for other inputs has no common class
                raise UnsupportedModel(f"{self.name} does not run on this picture: {brief(error)}") from error

        return enter

    def side(self) -> Patches | Pieces:
        """Name the positions of the first attention, and those of the layers behind it."""
        height, width = self.seen.shape[:2]
        places = self.places()
        if places is None:
            return Patches((), height, width) if self.pixels.ndim > 3 else Pieces()
        names = self.added(np.array([place is not None for place in places]))
        return Patches(named(names, places), height, width, stages=self.pixels.ndim > 3)

    def places(self) -> list[tuple[int, int] | None] | None:
        """Find the row and column of each position of the first attention, None for one not of the picture.

        Where what enters answers to no one place, as behind convolutions that overlap, patches are taken to
        come row by row.

        Returns:
            None where that cannot be told, as where the first attention comes in windows.
        """
        enter = self.enter()
        with torch.no_grad():
            before = enter(self.pixels)
            reached = None if before is None else moved(before, enter(self.pixels + BRIGHTER))
            if before is None or reached is None:
                return None
            found = self._places(enter, before, reached)
        if found is None:
            return None
        patches = iter(found)
        return [next(patches) if here else None for here in reached]

    def added(self, others: NDArray[np.bool_]) -> tuple[str, ...]:
        """Name the positions of the first attention that the model added, all but `others`."""
        enter = self.enter()
        return added_names(self.model, lambda: enter(self.pixels), others)

    def _places(self, enter: Enter, before: Tensor, reached: NDArray[np.bool_]) -> Places | None:
        """Find the row and column of each position that the picture reaches.

        Every row is a number, and every column: one run for each binary digit, in which only patches with
        that digit are lighter, gives each position its numbers.
        """
        count = int(reached.sum())
        for grid in self._grids(count):
            lines = self._lines(*grid)
            if lines is None:
                continue
            told = [self._told(enter, before, line)[reached] for line in lines]
            places = list(zip(*(numbers.tolist() for numbers in told), strict=True))
            if len(set(places)) == count and not self._answers_elsewhere(enter, before, lines, places):
                return places
        if self.pixels.ndim < 4:
            return None
        raster = grid_of(count, self.seen.shape[0] / self.seen.shape[1])
        return raster and [divmod(place, raster[1]) for place in range(count)]

    def _told(self, enter: Enter, before: Tensor, line: Tensor) -> NDArray[np.int_]:
        """Find each position's number on one axis: (position,)."""
        numbers = np.zeros(len(before), dtype=int)
        for digit in range(int(line.max()).bit_length()):
            lighter = moved(before, enter(self.pixels + BRIGHTER * (line >> digit & 1).to(self.pixels)))
            if lighter is not None:
                numbers |= lighter.astype(int) << digit
        return numbers

    def _answers_elsewhere(
        self, enter: Enter, before: Tensor, lines: tuple[Tensor, Tensor], places: Places
    ) -> bool:
        """Say whether light at no position's place changes any: then patches are larger than was guessed."""
        rows, columns = lines
        free = torch.ones(int(rows.max()) + 1, int(columns.max()) + 1, device=rows.device)
        for row, column in places:
            if row >= len(free) or column >= free.shape[1]:
                return True
            free[row, column] = 0
        if not free.any():
            return False
        lighter = moved(before, enter(self.pixels + BRIGHTER * free[rows, columns].to(self.pixels)))
        return lighter is None or bool(lighter.any())

    def _grids(self, count: int) -> Iterator[tuple[int, int]]:
        """Guess the rows and columns of patches: by the strides that cut them, then by their number."""
        height, width = self.seen.shape[:2]
        for module in self.model.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d) and min(module.stride[-2:]) > 1:
                yield height // module.stride[-2], width // module.stride[-1]
        if guess := grid_of(count, height / width):
            yield guess

    def _lines(self, rows: int, columns: int) -> tuple[Tensor, Tensor] | None:
        """Give the row and the column that each of the picture's numbers stands in."""
        pixels = self.pixels
        if pixels.ndim < 4:
            return self._listed_lines()
        views, (height, width) = self.views, pixels.shape[-2:]
        down = torch.arange(views * height).reshape(views, 1, height, 1) * rows // (views * height)
        right = torch.arange(width).reshape(1, 1, 1, width) * columns // width
        like = pixels.reshape(-1, *pixels.shape[-3:])
        lines = [line.to(pixels.device).expand_as(like).reshape(pixels.shape) for line in (down, right)]
        return lines[0], lines[1]

    def _listed_lines(self) -> tuple[Tensor, Tensor] | None:
        """The same where a processor has cut the picture into a list: pictures of growing light tell it."""
        size = self.original.size
        black, white = (self._numbers(evenly(size, level)).double() for level in (0, 255))
        span = (white - black).mean(dim=-1)
        ramps = [(self._numbers(ramp(size, axis)).double() - black).mean(dim=-1) / span for axis in (0, 1)]
        places = placed(torch.stack([part.reshape(-1) for part in ramps], dim=-1).cpu().numpy())
        if places is None:
            return None
        shape = (*self.pixels.shape[:-1], 1)
        rows, columns = (
            torch.tensor(line, device=self.pixels.device).reshape(shape).expand(self.pixels.shape)
            for line in zip(*places, strict=True)
        )
        return rows, columns

    def _numbers(self, picture: Image.Image) -> Tensor:
        made: Tensor = processed(self.processor, picture, self.name)[PIXELS].to(self.pixels.device)
        return made[:, : self.pixels.shape[1]] if made.ndim == 3 else made


def view(pretrained: Pretrained, model: nn.Module, original: Image.Image) -> View:
    """Turn a picture into what a model, or the seeing part of one, is called with.

    Raises:
        RequestError: the model's processor does not take this picture.
        SourceError: the processor cannot be used.
    """
    processor = pretrained.image_processor
    made = processed(processor, original, pretrained.name)
    return View(model, accepted(pretrained, model, made), original, processor, pretrained.name)


def accepted(pretrained: Pretrained, model: nn.Module, made: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a model can be called with, where and in the precision it computes; padding is cut off."""
    known = inspect.signature(model.forward).parameters
    precision = pretrained.model.dtype
    given = {
        name: value.to(pretrained.device, precision if value.is_floating_point() else None)
        for name, value in made.items()
        if name in known and isinstance(value, Tensor)
    }
    return _unpadded(given)


def _unpadded(given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Cut off patches that only fill up a list of them: (1, patch, number) with a mask (1, patch)."""
    pixels = given.get(PIXELS)
    if pixels is None or pixels.ndim != 3:
        return given
    masks = [name for name, value in given.items() if value.shape == pixels.shape[:2]]
    if len(masks) != 1:
        return given
    count = int(given[masks[0]].sum())
    return {name: value[:, :count] if name in (PIXELS, *masks) else value for name, value in given.items()}
