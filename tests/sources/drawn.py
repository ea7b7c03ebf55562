"""Pictures drawn for tests, tiny models that see, and processors for models that read beside seeing."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from transformers import PreTrainedModel

from attnviz.sources.huggingface.quiet import quiet


def disc(size=(48, 32), at=(12, 20), radius=8, background=(40, 70, 180)):
    """A red disc on blue."""
    picture = Image.new("RGB", size, background)
    box = [at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius]
    ImageDraw.Draw(picture).ellipse(box, fill=(220, 40, 30))
    return picture


def shaded(size=(96, 64)):
    """Colours that change everywhere, as in a photograph."""
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    light = np.stack([rows * 255 / size[1], columns * 255 / size[0], (rows + columns) % 64 * 3], axis=-1)
    return Image.fromarray(light.astype(np.uint8))


def saved(picture: Image.Image, folder: Path, name="picture.png", **options) -> Path:
    path = folder / name
    picture.save(path, **options)
    return path


def save_seeing(folder: Path, model: PreTrainedModel, processor) -> str:
    """Save a random model with what turns pictures into its tensors; its added tokens differ from nothing."""
    with quiet(), torch.no_grad():
        for name, part in model.named_parameters():
            if "token" in name or "class_embed" in name:
                part.normal_(0, 0.5, generator=torch.Generator().manual_seed(part.numel()))
        model.eval().save_pretrained(folder)
        processor.save_pretrained(folder)
    return str(folder)
