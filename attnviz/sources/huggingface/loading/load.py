"""From a folder to a model: it is loaded whole and safely, or not at all."""

import json
import re
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import torch
import transformers
from transformers import (
    CONFIG_MAPPING,
    MODEL_MAPPING,
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.dynamic_module_utils import get_class_from_dynamic_module
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING,
)
from transformers.quantizers.auto import AutoHfQuantizer

from attnviz.errors import (
    Damaged,
    ForeignCode,
    IncompleteModel,
    MissingPackage,
    RequestError,
    UnsupportedModel,
)
from attnviz.sources.huggingface.faults import brief, named_faults
from attnviz.sources.huggingface.loading.choices import AS_USUAL, CPU, Choices
from attnviz.sources.huggingface.loading.contents import CONFIG, INDEX, said_in
from attnviz.sources.huggingface.loading.find import Checkpoint
from attnviz.sources.huggingface.loading.place import DTYPES, Place, place
from attnviz.sources.huggingface.quiet import quiet

# It only reads what the last layer gives, so attention does not depend on it, and many models lack it.
_POOLER = "pooler"
_TOKENIZER_FILES = ("tokenizer.json", "vocab.*", "*.model", "tekken.json", "*.spm", "*.tiktoken", "bpe.codes")

# The classes with a head that predicts tokens, by configuration.
# The first mapping is asked first: many an encoder-decoder has a class for its decoder alone, too.
_SPEAKERS = (
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
)

# What the library's own attention functions are called; others need packages or run on some devices only.
_PLAIN = (None, "eager", "sdpa")

_NUMBERS = re.compile(r"\d+")

# For a model none of whose own code may run.
SAFELY = AS_USUAL.safely


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model as its files say it is.

    Attributes:
        model: the network, in evaluation mode.
        made_up: weights that the files lack and no attention depends on: they are random numbers.
    """

    model: PreTrainedModel
    made_up: tuple[str, ...] = ()


def load_model(checkpoint: Checkpoint, choices: Choices = AS_USUAL) -> Loaded:
    """Load a model as it was saved.

    Args:
        checkpoint: its files.
        choices: where it is to run, in which precision, and whether its own code may.

    Raises:
        RequestError: there is no such device or precision.
        SourceError: it cannot be read or trusted.
        ModelTooLarge: it fits nowhere.
    """
    with quiet():
        config = _load_config(checkpoint, choices)
        _refuse_missing_shards(checkpoint)
        kind = _saved_class(checkpoint, config, choices)
        where = place(checkpoint, choices, quantized=_is_quantized(config))
        loaded, unused = _load_whole(kind, checkpoint, config, choices, where)
    if where.because:
        warnings.warn(where.because, stacklevel=2)
    if unused:
        more = f"the weight files of {checkpoint.name} hold more layers than its {CONFIG} says"
        warnings.warn(f"{more}: {unused[0]} is not used", stacklevel=2)
    return loaded


def load_speaker(
    checkpoint: Checkpoint, model: PreTrainedModel, choices: Choices = AS_USUAL
) -> PreTrainedModel:
    """Load a model again, with the head that predicts tokens.

    Raises:
        RequestError: there is no such head for its type, or the weights do not hold it.
        SourceError: it cannot be read.
    """
    config = model.config
    wanted = next((classes[type(config)] for classes in _SPEAKERS if type(config) in classes), None)
    if wanted is None:
        raise RequestError(f"{checkpoint.name} cannot continue a text: it has no head that predicts tokens")
    with quiet():
        where = place(checkpoint, choices, quantized=_is_quantized(config))
        kind = cast("type[PreTrainedModel]", wanted)
        loaded, _ = _load_whole(kind, checkpoint, config, choices, where)
    refuse_made_up(checkpoint.name, loaded)
    return loaded.model


def refuse_made_up(name: str, loaded: Loaded) -> None:
    """Fail if the head that predicts tokens would predict at random.

    Raises:
        RequestError: its weights are not those of the files.
    """
    made_up = [weight for weight in loaded.made_up if _POOLER not in weight.split(".")]
    if made_up:
        raise RequestError(f"{name} cannot continue a text: its files lack {made_up[0]}")


def load_tokenizer(checkpoint: Checkpoint, choices: Choices = AS_USUAL) -> PreTrainedTokenizerBase:
    """Load what cuts a text into tokens.

    Raises:
        IncompleteModel: the folder has none.
        Damaged: it cannot be read.
    """
    if not (_has_vocabulary(checkpoint.folder) or choices.trust_remote_code):
        raise IncompleteModel(
            f"{checkpoint.name} has no tokenizer: it has no tokenizer.json and no vocabulary"
        )
    with quiet(), named_faults(checkpoint.name, "the tokenizer"):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            checkpoint.folder, **choices.safely
        )
    # Without its files a tokenizer is made all the same, of special tokens only.
    if len(tokenizer) <= len(set(tokenizer.all_special_ids)):
        raise IncompleteModel(f"the tokenizer of {checkpoint.name} has no vocabulary")
    return tokenizer


def _has_vocabulary(folder: Path) -> bool:
    """Whether a folder holds a vocabulary, or a tokenizer that needs none, such as one of bytes."""
    if any(path for pattern in _TOKENIZER_FILES for path in folder.glob(pattern)):
        return True
    named = getattr(transformers, str(said_in(folder / "tokenizer_config.json").get("tokenizer_class")), None)
    return isinstance(named, type) and not getattr(named, "vocab_files_names", True)


def _load_config(checkpoint: Checkpoint, choices: Choices) -> PreTrainedConfig:
    path = checkpoint.folder / CONFIG
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        model_type, own_code = written.get("model_type"), written.get("auto_map")
    except (ValueError, AttributeError) as error:
        raise Damaged(f"{CONFIG} of {checkpoint.name} cannot be read: {brief(error)}") from error
    if own_code and not choices.trust_remote_code and model_type not in CONFIG_MAPPING:
        raise ForeignCode(f"{checkpoint.name} can only be used by running code that comes with it")
    if model_type is None and "pretrained_cfg" in written:
        raise UnsupportedModel(f"{checkpoint.name} is a model of timm: allowed models of transformers")
    if model_type is None:
        raise Damaged(f"{CONFIG} of {checkpoint.name} does not say which type of model it is")
    if not own_code and model_type not in CONFIG_MAPPING:
        raise UnsupportedModel(f"unknown model type in {checkpoint.name}: got {model_type!r}")
    with named_faults(checkpoint.name, CONFIG):
        config: PreTrainedConfig = AutoConfig.from_pretrained(checkpoint.folder, **choices.safely)
    if config._attn_implementation not in _PLAIN:
        config._attn_implementation = None
    return config


def _saved_class(checkpoint: Checkpoint, config: PreTrainedConfig, choices: Choices) -> type[PreTrainedModel]:
    """The class the model was saved as: only that one finds all of its weights.

    Raises:
        ForeignCode: it is in code that comes with the model.
        UnsupportedModel: there is none for its type.
    """
    name = next(iter(config.architectures or ()), "")
    own = {key: path for key, path in _own_code(config).items() if key.startswith("AutoModel")}
    if own and choices.trust_remote_code:
        path = next((path for path in own.values() if path.split(".")[-1] == name), next(iter(own.values())))
        with named_faults(checkpoint.name, "the code"):
            return get_class_from_dynamic_module(path, checkpoint.folder, local_files_only=True)
    named = getattr(transformers, str(name), None)
    if isinstance(named, type) and issubclass(named, PreTrainedModel):
        return named
    if own:
        raise ForeignCode(f"{checkpoint.name} can only be used by running code that comes with it")
    if type(config) not in MODEL_MAPPING:
        raise UnsupportedModel(f"no model for {checkpoint.name}: got type {config.model_type!r} without one")
    return cast("type[PreTrainedModel]", AutoModel)


def _own_code(config: PreTrainedConfig) -> dict[str, str]:
    """Where the classes are that come with a model, by the name of the library's class they stand in for."""
    said = getattr(config, "auto_map", None) or {}
    return {key: path for key, path in said.items() if isinstance(path, str)}


def _is_quantized(config: PreTrainedConfig) -> bool:
    return _quantization(config) is not None


def _quantization(config: PreTrainedConfig) -> Any:  # noqa: ANN401 - a dictionary or an object
    """What a configuration says of the format of its weights, if they have one of their own."""
    own = getattr(config, "quantization_config", None)
    return own or getattr(config.get_text_config(), "quantization_config", None)


def _refuse_unreadable_format(checkpoint: Checkpoint, config: PreTrainedConfig, device_map: Any) -> None:  # noqa: ANN401
    """Fail if this machine lacks what quantized weights are read with.

    Raises:
        MissingPackage: a package is missing.
        UnsupportedModel: a device is missing, or the format is not known.
    """
    said = _quantization(config)
    if said is None:
        return
    method = said.get("quant_method", "?") if isinstance(said, dict) else said.quant_method
    try:
        quantizer = AutoHfQuantizer.from_config(said, pre_quantized=True)
        quantizer.validate_environment(device_map=device_map, weights_only=True)
    except Exception as error:  # each format's checks raise what they like
        what = f"{checkpoint.name} is quantized ({getattr(method, 'value', method)})"
        kind = MissingPackage if isinstance(error, ImportError) else UnsupportedModel
        raise kind(f"{what} and cannot be read here: {brief(error)}") from error


def _load_whole(
    model_class: type[PreTrainedModel],
    checkpoint: Checkpoint,
    config: PreTrainedConfig,
    choices: Choices,
    where: Place,
) -> tuple[Loaded, list[str]]:
    """Load all weights that attention depends on.

    Returns:
        The model, and the names of weights in the files that belong to layers it does not have.
    """
    quantized = _is_quantized(config)
    # Only accelerate loads onto a device at once; without it the CPU comes first.
    spreads = find_spec("accelerate") is not None and (quantized or where.device is None)
    spread: dict[str, Any] = {"device_map": where.device or "auto"} if spreads else {}
    _refuse_unreadable_format(checkpoint, config, spread.get("device_map"))
    with named_faults(checkpoint.name, "the weights"):
        loaded: Any = model_class.from_pretrained(
            checkpoint.folder,
            config=config,
            dtype=DTYPES[where.dtype] if where.dtype else "auto",
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=not quantized,
            **spread,
            **choices.safely,
        )
        model, report = loaded
        model = model if quantized or where.device in (None, CPU) else model.to(where.device)
    whole = Loaded(model.eval(), _made_up(checkpoint, model, report))
    return whole, _of_further_layers(model, report["unexpected_keys"])


def _made_up(checkpoint: Checkpoint, model: PreTrainedModel, report: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Name the weights that are random because the files do not hold them.

    Raises:
        IncompleteModel: attention depends on one of them.
        Damaged: one that attention depends on has another shape.
    """
    needed = _needed(model)
    unlike = {name: (tuple(got), tuple(made)) for name, got, made in report["mismatched_keys"]}
    missing = sorted(set(report["missing_keys"]) - set(unlike))
    if lacking := [name for name in missing if name in needed]:
        raise IncompleteModel(f"{checkpoint.name} lacks {len(lacking)} of its weights, such as {lacking[0]}")
    for name, (got, made) in sorted(unlike.items()):
        if name in needed:
            sizes = f"{name} has shape {got}, allowed {made} by its {CONFIG}"
            raise Damaged(f"cannot read the weights of {checkpoint.name}: {sizes}")
    return (*missing, *sorted(unlike))


def _needed(model: PreTrainedModel) -> set[str]:
    """Name the weights attention can depend on: not those of what reads the last layer's output."""
    backbone = model.base_model
    head: Any = model.get_output_embeddings() if model.can_generate() else None  # type: ignore[no-untyped-call]
    outside = {id(part) for part in head.parameters()} if isinstance(head, torch.nn.Module) else set()
    if isinstance(inputs := _inputs(model), torch.nn.Module):
        outside -= {id(part) for part in inputs.parameters()}
    within = {id(part) for part in (*backbone.parameters(), *backbone.buffers())} - outside
    named = (*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False))
    return {name for name, part in named if id(part) in within and _POOLER not in name.split(".")}


def _inputs(model: PreTrainedModel) -> Any:  # noqa: ANN401
    try:
        return model.get_input_embeddings()
    except NotImplementedError:  # as models of pictures have it
        return None


def _of_further_layers(model: PreTrainedModel, unused: Any) -> list[str]:  # noqa: ANN401
    """Name unused weights that are called like used ones but for a number: their layers were left out."""
    used = {_NUMBERS.sub("#", name) for name, _ in model.named_parameters()}
    return sorted(name for name in unused if _NUMBERS.search(name) and _NUMBERS.sub("#", name) in used)


def _refuse_missing_shards(checkpoint: Checkpoint) -> None:
    index = checkpoint.folder / INDEX
    if not index.is_file():
        return
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{index.name} of {checkpoint.name} cannot be read") from error
    missing = sorted(shard for shard in shards if not Path(checkpoint.folder, shard).is_file())
    if missing:
        raise IncompleteModel(
            f"{checkpoint.name} lacks {len(missing)} of its weight files, such as {missing[0]}"
        )
