"""What turns pictures into a model's tensors, and joins them with a text: loaded with Pillow alone.

The library prefers torchvision where that is installed, whose resizing differs a little; asked for Pillow it
gives the same numbers on every machine.
"""

import json
from pathlib import Path
from typing import Any, cast

import transformers
from transformers import (
    AutoImageProcessor,
    AutoProcessor,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
    ViTImageProcessorPil,
)
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING
from transformers.video_processing_utils import VideoProcessorMixin

from attnviz.errors import UnsupportedModel
from attnviz.sources.huggingface.faults import named_faults
from attnviz.sources.huggingface.loading.choices import AS_USUAL, Choices
from attnviz.sources.huggingface.loading.find import Checkpoint

_SETTINGS = ("processor_config.json", "preprocessor_config.json")
_NAMING = (*_SETTINGS, "tokenizer_config.json")

# The settings of the plain recipe: resize, crop, rescale, normalize. What has no others can be done by Pillow
# even where the class that is named was written for torchvision only.
_PLAIN = {
    "do_resize",
    "size",
    "resample",
    "do_center_crop",
    "crop_size",
    "do_rescale",
    "rescale_factor",
    "do_normalize",
    "image_mean",
    "image_std",
    "do_convert_rgb",
}
_NAMES = {
    "image_processor_type",
    "feature_extractor_type",
    "processor_class",
    "default_to_square",
    "data_format",
    "input_data_format",
    "device",
    "disable_grouping",
    "do_pad",
    "return_tensors",
}


def load_image_processor(
    checkpoint: Checkpoint, config: PreTrainedConfig, choices: Choices = AS_USUAL
) -> Any:  # noqa: ANN401 - processors have no common class
    """Load what turns a picture into a model's tensors.

    A folder without settings of its own gets those the library gives models of its type.

    Raises:
        UnsupportedModel: a package is missing for it.
        Damaged: its settings cannot be read.
    """
    with named_faults(checkpoint.name, "the image processor"):
        if not any((checkpoint.folder / name).is_file() for name in _SETTINGS):
            return _usual(config)
        try:
            return AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
                checkpoint.folder, backend="pil", **choices.safely
            )
        except (ImportError, ValueError) as error:
            if "torchvision" in str(error).lower():
                return _plain(checkpoint, config)
            # The library's message goes on to list every type it knows.
            raise type(error)(str(error).partition(". ")[0]) from error


def load_joining_processor(
    checkpoint: Checkpoint,
    config: PreTrainedConfig,
    tokenizer: PreTrainedTokenizerBase,
    choices: Choices = AS_USUAL,
) -> Any:  # noqa: ANN401 - processors have no common class
    """Load what joins a picture with a text.

    Many such processors read films too, and the part for those needs torchvision; it is never asked here, so
    an empty one stands in its place.

    Raises:
        UnsupportedModel: a package is missing for it, or the model has none.
        Damaged: its settings cannot be read.
    """
    with named_faults(checkpoint.name, "the processor"):
        kind = _joining_class(checkpoint, config)
        parts = kind.get_attributes()
    own = {"image_processor", "tokenizer", "video_processor"}
    if not own.issuperset(parts):
        with named_faults(checkpoint.name, "the processor"):
            return AutoProcessor.from_pretrained(checkpoint.folder, **choices.safely)  # type: ignore[no-untyped-call]
    made: dict[str, Any] = {"tokenizer": tokenizer}
    if "image_processor" in parts:
        made["image_processor"] = load_image_processor(checkpoint, config, choices)
    with named_faults(checkpoint.name, "the processor"):
        if "video_processor" in parts:
            made["video_processor"] = VideoProcessorMixin()
            # Looking for the class that stands for films, the library would import torchvision.
            kind = type(kind.__name__, (kind,), {"check_argument_for_proper_class": _as_given})
        settings, further = kind.get_processor_dict(checkpoint.folder, local_files_only=True)
        further.pop("local_files_only", None)
        return kind.from_args_and_dict([made[part] for part in parts], settings, **further)


def _as_given(_processor: Any, _name: str, part: Any) -> type:  # noqa: ANN401
    """Take a processor's part for what it is."""
    return type(part)


def _joining_class(checkpoint: Checkpoint, config: PreTrainedConfig) -> Any:  # noqa: ANN401
    """The class of processor a folder names, or the library's for models of its type."""
    named = (_read(checkpoint.folder / name).get("processor_class") for name in _NAMING)
    for name in filter(None, named):
        if hasattr(transformers, name):
            return getattr(transformers, name)
    if type(config) not in PROCESSOR_MAPPING:
        raise UnsupportedModel(f"{checkpoint.name} has no processor that joins a picture with a text")
    return PROCESSOR_MAPPING[type(config)]


def _plain(checkpoint: Checkpoint, config: PreTrainedConfig) -> Any:  # noqa: ANN401
    """Do with Pillow what a class for torchvision is set to do, if that is the plain recipe."""
    read = _read(checkpoint.folder / "preprocessor_config.json")
    read = read or _read(checkpoint.folder / "processor_config.json").get("image_processor", {})
    settings = {name: value for name, value in read.items() if value is not None and name not in _NAMES}
    unknown = sorted(set(settings) - _PLAIN)
    if unknown or not settings:
        own = read.get("image_processor_type", f"that of {config.model_type}")
        raise ImportError(f"the image processor ({own}) needs torchvision")
    return ViTImageProcessorPil(**settings)


def _usual(config: PreTrainedConfig) -> Any:  # noqa: ANN401
    """The image processor of a model's type, set to the size of picture its configuration names."""
    # The library's table says of itself that it holds strings; it holds what each backend's class is.
    kinds = cast("dict[str, Any]", IMAGE_PROCESSOR_MAPPING.get(type(config), {}))
    kind = kinds.get("pil") or ViTImageProcessorPil
    sides = getattr(getattr(config, "vision_config", None) or config, "image_size", None)
    if not sides:
        return kind()
    height, width = (sides, sides) if isinstance(sides, int) else sides[-2:]
    size = {"height": height, "width": width}
    return kind(size=size, crop_size=size)


def _read(path: Path) -> dict[str, Any]:
    """Read a file of settings; one that is not there holds none."""
    if not path.is_file():
        return {}
    read = json.loads(path.read_text(encoding="utf-8"))
    return read if isinstance(read, dict) else {}
