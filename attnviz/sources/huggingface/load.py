"""From a folder to a model: it is loaded whole and safely, or not at all."""

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
)

from attnviz.errors import Damaged, IncompleteModel, RequestError, UnsafeModel, UnsupportedModel
from attnviz.sources.huggingface.faults import named_faults
from attnviz.sources.huggingface.find import Checkpoint
from attnviz.sources.huggingface.quiet import quiet

# It only reads what the last layer gives, so attention does not depend on it, and many models lack it.
_POOLER = "pooler."
_TOKENIZER_FILES = ("tokenizer.json", "vocab.*", "*.model", "tekken.json")

# The classes with a head that predicts tokens, by configuration.
_SPEAKERS = (MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING)

# Left to themselves these ask on stdin whether to run a model's own code, and look on the hub for more files.
SAFELY: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}


def load_model(checkpoint: Checkpoint) -> PreTrainedModel:
    """Load a model as it was saved, in float32 on the CPU.

    Raises:
        SourceError: it cannot be read or trusted.
    """
    with quiet():
        config = _load_config(checkpoint)
        _refuse_missing_shards(checkpoint)
        return _load_whole(_saved_class(config), checkpoint, config)


def load_speaker(checkpoint: Checkpoint, model: PreTrainedModel) -> PreTrainedModel:
    """Load a model again, with the head that predicts tokens.

    Raises:
        RequestError: there is no such head for its type, or the weights do not hold it.
    """
    config = model.config
    wanted = next((classes[type(config)] for classes in _SPEAKERS if type(config) in classes), None)
    if wanted is None:
        raise RequestError(f"{checkpoint.name} cannot continue a text: it has no head that predicts tokens")
    try:
        with quiet():
            return _load_whole(wanted, checkpoint, config)
    except IncompleteModel as error:
        raise RequestError(f"{checkpoint.name} cannot continue a text: {error}") from error


def _saved_class(config: PreTrainedConfig) -> type[PreTrainedModel]:
    """The class the model was saved as, if the library has it: only that one finds all of its weights."""
    named = getattr(transformers, (config.architectures or ["none"])[0], None)
    known: type[PreTrainedModel] = AutoModel
    return named if isinstance(named, type) and issubclass(named, PreTrainedModel) else known


def _load_config(checkpoint: Checkpoint) -> PreTrainedConfig:
    path = checkpoint.folder / "config.json"
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        model_type = written["model_type"]
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"config.json of {checkpoint.name} does not say which type of model it is") from error
    if model_type not in CONFIG_MAPPING:
        if "auto_map" in written:
            raise UnsafeModel(f"{checkpoint.name} can only be used by running code that comes with it")
        raise UnsupportedModel(f"unknown model type in {checkpoint.name}: got {model_type!r}")
    with named_faults(checkpoint.name, "config.json"):
        config: PreTrainedConfig = AutoConfig.from_pretrained(checkpoint.folder, **SAFELY)
        return config


def load_tokenizer(checkpoint: Checkpoint) -> PreTrainedTokenizerBase:
    """Load what cuts a text into tokens.

    Raises:
        IncompleteModel: the folder has none.
        Damaged: it cannot be read.
    """
    if not any(path for pattern in _TOKENIZER_FILES for path in checkpoint.folder.glob(pattern)):
        raise IncompleteModel(
            f"{checkpoint.name} has no tokenizer: it has no tokenizer.json and no vocabulary"
        )
    with named_faults(checkpoint.name, "the tokenizer"):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(checkpoint.folder, **SAFELY)
    # Without its files a tokenizer is made all the same, of special tokens only.
    if len(tokenizer) <= len(set(tokenizer.all_special_ids)):
        raise IncompleteModel(f"the tokenizer of {checkpoint.name} has no vocabulary")
    return tokenizer


def _load_whole(
    model_class: type[PreTrainedModel], checkpoint: Checkpoint, config: PreTrainedConfig
) -> PreTrainedModel:
    with named_faults(checkpoint.name, "the weights"):
        loaded: Any = model_class.from_pretrained(
            checkpoint.folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            output_loading_info=True,
            **SAFELY,
        )
    model, report = loaded
    missing = sorted(key for key in report["missing_keys"] if not key.startswith(_POOLER))
    if missing:
        raise IncompleteModel(f"{checkpoint.name} lacks {len(missing)} of its weights, such as {missing[0]}")
    whole: PreTrainedModel = model.eval()
    return whole


def _refuse_missing_shards(checkpoint: Checkpoint) -> None:
    index = checkpoint.folder / "model.safetensors.index.json"
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
