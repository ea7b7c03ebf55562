"""From a model's name, a folder or a hub id, to a folder on this machine."""

import logging
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import cast

from huggingface_hub import HfApi, is_offline_mode, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import logging as hub_logging
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from attnviz.errors import HubUnreachable, IncompleteModel, NotFound, UnsafeModel
from attnviz.sources.huggingface.faults import brief

# A connection that fails gives no error of the hub's own, and which one depends on the HTTP library the hub
# was built on: its bases are that library's error and OSError.
_UNREACHABLE = cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)
_SECONDS_TO_ANSWER = 5.0

# What a model needs and nothing else: repositories often hold the same weights again in other formats.
_WANTED = ["*.json", "*.txt", "*.model", "model.safetensors", "model-*.safetensors"]
_SUBFOLDERS = ["*/*"]
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")


@dataclass(frozen=True)
class Checkpoint:
    """A pretrained model on this machine.

    Attributes:
        name: the folder or hub id as it was given.
        folder: where its files are.
        revision: the commit of a model from the hub; None for a folder.
    """

    name: str
    folder: Path
    revision: str | None = None


def find(name: str, *, revision: str | None = None, offline: bool = False) -> Checkpoint:
    """Find a model's folder; one on the hub is downloaded, or taken from the cache if the hub is not there.

    Args:
        name: a folder or a hub id.
        revision: a branch, tag or commit of a hub id.
        offline: use the cache and never ask the hub; HF_HUB_OFFLINE=1 does the same.

    Raises:
        NotFound: there is no such folder, or the hub has no such model or revision.
        HubUnreachable: the hub does not answer and the model is not in the cache.
        IncompleteModel: there is no configuration or there are no weights.
        UnsafeModel: there are weights, but only in formats that can run code when they are opened.
    """
    if name and Path(name).is_dir():
        checkpoint = Checkpoint(name, Path(name))
    elif _looks_like_a_path(name):
        raise NotFound(f"no such model folder: got {name!r}")
    else:
        checkpoint = _from_hub_or_cache(name, revision, offline=offline or is_offline_mode())
    _refuse_without_weights(name, [path.name for path in checkpoint.folder.iterdir()])
    return checkpoint


def _looks_like_a_path(name: str) -> bool:
    """Whether a name can be no hub id; the library speaks of repositories where a folder was meant."""
    return (
        not name
        or name.startswith((".", "/", "~"))
        or "\\" in name
        or name.count("/") > 1
        or Path(name).exists()
    )


def _from_hub_or_cache(name: str, revision: str | None, *, offline: bool) -> Checkpoint:
    try:
        if offline:
            return _from_cache(name, revision, "the hub was not asked (offline)")
        return _from_hub(name, revision)
    except HFValidationError as error:
        raise NotFound(f"no such model: got {name!r}, allowed a folder or a hub id (owner/name)") from error
    except GatedRepoError as error:
        raise NotFound(
            f"the hub does not give out {name}: its licence must be accepted there first"
        ) from error
    except RepositoryNotFoundError as error:
        raise NotFound(f"no such model: {name} is no folder here and no public model on the hub") from error
    except RevisionNotFoundError as error:
        raise NotFound(f"no such revision of {name}: got {revision}") from error
    except _UNREACHABLE as error:
        return _from_cache(name, revision, f"the hub did not answer ({brief(error)})")


def _from_hub(name: str, revision: str | None) -> Checkpoint:
    """Ask the hub once, without the download's 23 seconds of retries, then download what is not here yet."""
    with _silent_hub():
        answer = HfApi().model_info(name, revision=revision, timeout=_SECONDS_TO_ANSWER)
    _refuse_without_weights(name, [file.rfilename for file in answer.siblings or ()])
    # A download takes minutes: whoever watches a terminal is shown how far it is, a log is not.
    with nullcontext() if sys.stderr.isatty() else _silent_hub():
        folder = snapshot_download(
            name, revision=revision, allow_patterns=_WANTED, ignore_patterns=_SUBFOLDERS
        )
    return Checkpoint(name, Path(folder), Path(folder).name)


@contextmanager
def _silent_hub() -> Iterator[None]:
    """Keep the hub's library from writing on stderr, and restore what it does."""
    level, bars = hub_logging.get_verbosity(), not are_progress_bars_disabled()
    hub_logging.set_verbosity(logging.CRITICAL)
    disable_progress_bars()
    try:
        yield
    finally:
        hub_logging.set_verbosity(level)
        if bars:
            enable_progress_bars()


def _from_cache(name: str, revision: str | None, why: str) -> Checkpoint:
    """Take a model from the cache, where each commit is a folder of its name."""
    try:
        folder = snapshot_download(
            name,
            revision=revision,
            allow_patterns=_WANTED,
            ignore_patterns=_SUBFOLDERS,
            local_files_only=True,
        )
    except LocalEntryNotFoundError as error:
        raise HubUnreachable(
            f"cannot get {name}: it is no folder here, not in the cache, and {why}"
        ) from error
    return Checkpoint(name, Path(folder), Path(folder).name)


def _refuse_without_weights(name: str, files: Collection[str]) -> None:
    if "config.json" not in files:
        raise IncompleteModel(f"{name} is no model: it has no config.json")
    if any(fnmatch(file, "*.safetensors") for file in files):
        return
    if any(fnmatch(file, pattern) for file in files for pattern in _PICKLES):
        raise UnsafeModel(f"{name} has its weights only in a format that can run code: allowed .safetensors")
    raise IncompleteModel(f"{name} has no weights: it has no .safetensors file")
