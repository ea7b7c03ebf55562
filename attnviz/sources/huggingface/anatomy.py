"""What a pretrained model is made of: its configuration's words, and what it does with something to read."""

import math
import tempfile
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attnviz.anatomy import SAMPLE, Anatomy
from attnviz.errors import AttnvizError, NoAttention, RequestError, UnsupportedModel
from attnviz.outline import Layer, Outline
from attnviz.prompt import Prompt
from attnviz.record import Block
from attnviz.selection import Selection
from attnviz.sources.huggingface.inputs import feed
from attnviz.sources.huggingface.loading.pretrained import Pretrained
from attnviz.sources.huggingface.projections import find_projections, not_attending
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.reading import PretrainedReading
from attnviz.sources.huggingface.watching.sites import watch

if TYPE_CHECKING:
    from torch import nn

_RATE, _SECONDS, _TONE = 16_000, 1, 440
_SIDE = 64

# What configurations call the length of the vectors between layers, and the number of positions.
_WIDTHS = ("hidden_size", "d_model", "dim", "n_embd")
_POSITIONS = ("max_position_embeddings", "n_positions", "max_target_positions")


def describe(pretrained: Pretrained) -> Anatomy:
    """Let a model read a sample of what it reads, and say what it is made of.

    Raises:
        RequestError: it reads none of the samples.
        CaptureFailed: a check of its weights failed.
        SourceError: it cannot be used; the subclass says why.
    """
    known = Anatomy(
        model=pretrained.name,
        revision=pretrained.checkpoint.revision,
        kind=pretrained.model.config.model_type,
        network=type(pretrained.model).__name__,
        parameters=pretrained.model.num_parameters(),
        sample="",
        width=_said(pretrained, _WIDTHS),
        positions=_said(pretrained, _POSITIONS),
    )
    with samples(pretrained) as prompts:
        try:
            readings = _readings(pretrained, prompts)
        except NoAttention:
            return replace(known, beside=not_attending(pretrained.backbone, ()))
        first, *others = [_told(pretrained, known, reading) for reading in readings]
        return replace(first, halves=tuple(others))


def _told(pretrained: Pretrained, known: Anatomy, reading: PretrainedReading) -> Anatomy:
    """Add what a reading shows to what is known of a model."""
    given, sites = reading.feed, reading.watched.sites
    checks = {check.name: check.detail for check in reading.checks()}
    with quiet():
        projections = find_projections(given, sites)
    default = list(reading.outlines.values())[-1]
    return replace(
        known,
        sample=_in_words(reading, default),
        scales=pretrained.backbone.main_input_name == "input_ids" and given.picture is None,
        blocks={block: _filled_in(pretrained, reading, block) for block in reading.outlines},
        projections=projections,
        beside=not_attending(given.model, [site.seen.name for site in sites]),
        checks=checks,
    )


def _readings(pretrained: Pretrained, prompts: list[Prompt]) -> list[PretrainedReading]:
    """Let the model read the first sample it can read, and what else reaches layers that nothing has reached.

    Raises:
        NoAttention: nothing in it attends.
        AttnvizError: why it could not read the first, if it can read none.
    """
    made_of_several = len(pretrained.model.config.sub_configs) > 1
    found: list[PretrainedReading] = []
    reached: set[nn.Module] = set()
    refused: list[AttnvizError] = []
    for prompt in prompts:
        if found and not made_of_several:
            break
        try:
            with quiet():
                given = feed(pretrained, prompt)
                watched = watch(given, pretrained.name)
        except (RequestError, UnsupportedModel) as error:
            refused.append(error)
            continue
        attending = {site.seen.module for site in watched.sites if site.block is not None}
        if not attending & reached:
            reached |= attending
            revision = pretrained.checkpoint.revision
            found.append(PretrainedReading(pretrained.name, revision, given, watched))
    if not found:
        raise refused[0]
    return found


@contextmanager
def samples(pretrained: Pretrained) -> Iterator[list[Prompt]]:
    """Make something to read for a model: a text, a drawn picture, a tone; what it likely reads first."""
    with tempfile.TemporaryDirectory() as folder:
        picture, tone = Path(folder, "picture.png"), Path(folder, "tone.wav")
        _draw(picture)
        _sound(tone)
        text, image, audio = Prompt(SAMPLE), Prompt(image=picture), Prompt(audio=tone)
        both = Prompt(SAMPLE, image=picture)
        main = pretrained.backbone.main_input_name
        sees = getattr(pretrained.model.config, "vision_config", None) is not None
        order = [audio, text] if main in ("input_features", "input_values") else [text, audio]
        order = [both, image, *order] if sees else order
        yield [image] if main == "pixel_values" else [*order, Prompt(SAMPLE, target=SAMPLE)]


def _draw(path: Path) -> None:
    """Draw a disc on a slope of grey."""
    from PIL import Image

    down, across = np.mgrid[0:_SIDE, 0:_SIDE] / _SIDE
    disc = (down - 0.5) ** 2 + (across - 0.5) ** 2 < 0.1
    grey = np.where(disc, 0.9, 0.2 + 0.4 * across)
    Image.fromarray((grey[..., None] * [255, 220, 180]).astype(np.uint8)).save(path)


def _sound(path: Path) -> None:
    """Write a tone of a second."""
    time = np.arange(_RATE * _SECONDS) / _RATE
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes((0.3 * 2**15 * np.sin(2 * math.pi * _TONE * time)).astype("<i2").tobytes())


def _in_words(reading: PretrainedReading, outline: Outline) -> str:
    layer = outline.layers[0]
    kinds = {token.kind for token in reading.feed.sides[outline.block][1].tokens(layer.keys)}
    what = "a picture" if reading.feed.picture is not None else "a sound" if "frame" in kinds else "a text"
    return f"{what} of {layer.keys} tokens"


def _filled_in(pretrained: Pretrained, reading: PretrainedReading, block: Block) -> Outline:
    """Describe a block, with what only its weights or the configuration show."""
    outline = reading.outlines[block]
    sinks: set[int] = set()
    for layers in outline.alike:
        numbers = ",".join(str(layer.number) for layer in layers)
        sinks |= set(reading.record(Selection(numbers), block=block).sinks)
    return Outline(
        block,
        tuple(
            replace(_with_lengths(pretrained, layer), sinks=layer.sinks or layer.number in sinks)
            for layer in outline.layers
        ),
    )


def _with_lengths(pretrained: Pretrained, layer: Layer) -> Layer:
    """Fill in d_k and d_v where they could not be seen, if the configuration says how long heads are."""
    config = pretrained.model.config.get_text_config()
    width = _said(pretrained, _WIDTHS)
    said = getattr(config, "head_dim", None) or (width and width // len(layer.heads))
    length = said if isinstance(said, int) else None
    return replace(layer, d_k=layer.d_k or length, d_v=layer.d_v or length)


def _said(pretrained: Pretrained, names: tuple[str, ...]) -> Any:  # noqa: ANN401
    """What a configuration says under the first of some names, if it is a number."""
    config = pretrained.model.config
    for part in (config, config.get_text_config()):
        for name in names:
            value = getattr(part, name, None)
            if isinstance(value, int):
                return value
    return None
