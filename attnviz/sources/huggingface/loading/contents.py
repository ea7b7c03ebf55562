"""What a model's files amount to, told from their names and a little JSON before anything is loaded."""

import json
from collections.abc import Collection
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from attnviz.errors import IncompleteModel, UnsafeModel, UnsupportedModel

CONFIG, INDEX = "config.json", "model.safetensors.index.json"
_WEIGHTS = ("model.safetensors", INDEX)
_PARTS = "modules.json"  # of sentence-transformers: what a text passes through, each part in its own folder
_ADAPTER = "adapter_config.json"

# Formats whose files can hold a program that runs when they are opened, and others that are not read.
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_OTHERS = ("*.gguf", "*.h5", "*.msgpack", "*.onnx", "*.ot", "*.tflite", "*.mlmodel", "*.npz")


def is_in_parts(files: Collection[str]) -> bool:
    """Say whether a model stands in a folder within, as sentence-transformers saves it."""
    return CONFIG not in files and _PARTS in files


def model_folder(name: str, folder: Path) -> Path:
    """Give the folder that holds the network: the one given, or the only one of its parts that is a network.

    Args:
        name: the model's name, for what may go wrong.
        folder: its files.

    Raises:
        UnsupportedModel: none of its parts is a transformer, or several are.
    """
    if not is_in_parts([path.name for path in folder.iterdir()]):
        return folder
    networks = [path.parent for path in sorted(folder.glob(f"*/{CONFIG}")) if "model_type" in said_in(path)]
    if len(networks) != 1:
        named = ", ".join(path.name for path in networks) or "none"
        raise UnsupportedModel(f"{name} is made of parts: got transformers {named}, allowed one")
    return networks[0]


def refuse_without_weights(name: str, files: Collection[str], folder: Path | None = None) -> None:
    """Fail if files are no whole model whose weights can be read safely.

    Args:
        name: the model's name.
        files: the names of its files.
        folder: where they are, if they are here.

    Raises:
        IncompleteModel: there is no configuration or there are no weights.
        UnsafeModel: there are weights, but only in formats that can run code when they are opened.
        UnsupportedModel: there are weights, but of another kind or in another format.
    """
    named = () if folder is None else (str(said_in(folder / CONFIG).get("transformers_weights", "")),)
    if CONFIG in files and any(weights in files for weights in (*_WEIGHTS, *filter(None, named))):
        return
    if _ADAPTER in files:
        raise UnsupportedModel(f"{name} is {_adapter(folder)}: it holds no whole model")
    if "model_index.json" in files:
        raise UnsupportedModel(f"{name} holds several models: allowed the folder of one of them")
    if (found := _first(files, _OTHERS)) and not _first(files, ("*.safetensors", *_PICKLES)):
        raise UnsupportedModel(
            f"{name} has its weights only in another format: got {found}, allowed model.safetensors"
        )
    if CONFIG not in files:
        raise IncompleteModel(f"{name} is no model: it has no {CONFIG}")
    if _first(files, ("model-*-of-*.safetensors",)):
        raise IncompleteModel(f"{name} lacks {INDEX}, which says what its weight files hold")
    if _first(files, _PICKLES):
        raise UnsafeModel(f"{name} has its weights only in a format that can run code: allowed .safetensors")
    if found := _first(files, ("*.safetensors",)):
        raise IncompleteModel(f"{name} has no weights: got {found}, allowed model.safetensors")
    raise IncompleteModel(f"{name} has no weights: it has no .safetensors file")


def said_in(path: Path) -> dict[str, Any]:
    """Read what a JSON file says; nothing if it is not there or not to be read, which others report."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _adapter(folder: Path | None) -> str:
    """Name an adapter by its kind and the model it changes, where its files are here."""
    said = {} if folder is None else said_in(folder / _ADAPTER)
    kind = f" ({said['peft_type']})" if "peft_type" in said else ""
    base = said.get("base_model_name_or_path")
    return f"an adapter{kind} of {base}" if base else f"an adapter{kind} of another model"


def _first(files: Collection[str], patterns: Collection[str]) -> str | None:
    return next((file for file in sorted(files) if any(fnmatch(file, pattern) for pattern in patterns)), None)
