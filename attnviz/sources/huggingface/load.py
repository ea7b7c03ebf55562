"""From a folder to a source: the model is loaded whole and safely, or not at all."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from attnviz.errors import Damaged, IncompleteModel, UnsafeModel, UnsupportedModel
from attnviz.sources.huggingface.faults import named_faults
from attnviz.sources.huggingface.find import Checkpoint
from attnviz.sources.huggingface.outline import outline, refuse_unless_text
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.source import HuggingFaceSource

# It only reads what the last layer gives, so attention does not depend on it, and many models lack it.
_POOLER = "pooler."
_TOKENIZER_FILES = ("tokenizer.json", "vocab.*", "*.model", "tekken.json")

# Left to themselves these ask on stdin whether to run a model's own code, and look on the hub for more files.
_SAFELY: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}


def load_pretrained(checkpoint: Checkpoint) -> HuggingFaceSource:
    """Load a text encoder or decoder in float32 on the CPU.

    Raises:
        SourceError: it cannot be read or trusted, or is no text encoder or decoder.
    """
    with quiet():
        config = _load_config(checkpoint)
        refuse_unless_text(config, checkpoint.name)
        tokenizer = _load_tokenizer(checkpoint)
        model = _load_model(checkpoint, config)
        return HuggingFaceSource(checkpoint, tokenizer, model, outline(model, checkpoint.name))


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
        config: PreTrainedConfig = AutoConfig.from_pretrained(checkpoint.folder, **_SAFELY)
        return config


def _load_tokenizer(checkpoint: Checkpoint) -> PreTrainedTokenizerBase:
    if not any(path for pattern in _TOKENIZER_FILES for path in checkpoint.folder.glob(pattern)):
        raise IncompleteModel(
            f"{checkpoint.name} has no tokenizer: it has no tokenizer.json and no vocabulary"
        )
    with named_faults(checkpoint.name, "the tokenizer"):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(checkpoint.folder, **_SAFELY)
    # Without its files a tokenizer is made all the same, of special tokens only.
    if len(tokenizer) <= len(set(tokenizer.all_special_ids)):
        raise IncompleteModel(f"the tokenizer of {checkpoint.name} has no vocabulary")
    return tokenizer


def _load_model(checkpoint: Checkpoint, config: PreTrainedConfig) -> PreTrainedModel:
    _refuse_missing_shards(checkpoint)
    with named_faults(checkpoint.name, "the weights"):
        model, report = AutoModel.from_pretrained(
            checkpoint.folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            output_loading_info=True,
            **_SAFELY,
        )
    missing = sorted(key for key in report["missing_keys"] if not key.startswith(_POOLER))
    if missing:
        raise IncompleteModel(f"{checkpoint.name} lacks {len(missing)} of its weights, such as {missing[0]}")
    loaded: PreTrainedModel = model.eval()
    return loaded


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
