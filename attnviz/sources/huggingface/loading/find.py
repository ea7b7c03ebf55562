"""From a model's name, a folder or a hub id, to a folder on this machine."""

import errno
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from huggingface_hub import HfApi, is_offline_mode, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    IncompleteSnapshotError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import logging as hub_logging
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from attnviz.errors import HubUnreachable, NotFound, SourceError
from attnviz.sources.huggingface.faults import brief
from attnviz.sources.huggingface.loading.contents import is_in_parts, model_folder, refuse_without_weights

# A connection that fails gives no error of the hub's own, and which one depends on the HTTP library the hub
# was built on: its bases are that library's error and OSError.
_UNREACHABLE = cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)
_SECONDS_TO_ANSWER = 5.0

# What a model needs and nothing else: repositories often hold the same weights again in other formats.
_WANTED = ["*.json", "*.txt", "*.jinja", "*.model", "*.spm", "*.tiktoken", "*.codes"]
_WANTED += ["model.safetensors", "model-*.safetensors"]
_CODE = ["*.py"]
_SUBFOLDERS = ["*/*"]
_IN_PARTS = ["*/model.safetensors", "*/model-*.safetensors"]

# What this machine refuses, where a connection that fails is an OSError of another number, or of none.
_LOCAL = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}


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


def find(name: str, *, revision: str | None = None, offline: bool = False, code: bool = False) -> Checkpoint:
    """Find a model's folder; one on the hub is downloaded, or taken from the cache if the hub is not there.

    Args:
        name: a folder or a hub id.
        revision: a branch, tag or commit of a hub id.
        offline: use the cache and never ask the hub; HF_HUB_OFFLINE=1 does the same.
        code: download the code that comes with the model, too.

    Raises:
        NotFound: there is no such folder, or the hub has no such model or revision.
        HubUnreachable: the hub does not answer and the model is not in the cache.
        IncompleteModel: there is no configuration or there are no weights.
        UnsafeModel: there are weights, but only in formats that can run code when they are opened.
        UnsupportedModel: there are weights, but of another kind or in another format.
        SourceError: this machine does not let its files be read or written.
    """
    try:
        if _is_folder(name):
            checkpoint = Checkpoint(name, Path(name))
        elif _looks_like_a_path(name):
            raise NotFound(f"no such model folder: got {name!r}{_which_is(name)}")
        else:
            checkpoint = _from_hub_or_cache(name, revision, offline=offline or is_offline_mode(), code=code)
        folder = model_folder(name, checkpoint.folder)
        refuse_without_weights(name, [path.name for path in folder.iterdir()], folder)
        _try_to_open(folder)
    except PermissionError as error:
        raise SourceError(f"cannot read {name}: {error.strerror} ({error.filename})") from error
    return Checkpoint(name, folder, checkpoint.revision)


def _try_to_open(folder: Path) -> None:
    """Fail if a file may not be read: the libraries would say of some that they are not there."""
    for pattern in _WANTED:
        for path in filter(Path.is_file, folder.glob(pattern)):
            path.open("rb").close()


def _is_folder(name: str) -> bool:
    try:
        return bool(name) and Path(name).is_dir()
    except PermissionError:
        raise
    except OSError:  # no name of a file, such as one that is too long
        return False


def _looks_like_a_path(name: str) -> bool:
    """Whether a name can be no hub id; the library speaks of repositories where a folder was meant."""
    return (
        not name or name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1 or _is_file(name)
    )


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:
        return False


def _which_is(name: str) -> str:
    return ", which is a file" if name and _is_file(name) else ""


def _from_hub_or_cache(name: str, revision: str | None, *, offline: bool, code: bool) -> Checkpoint:
    try:
        if offline:
            return _from_cache(name, revision, "the hub was not asked (offline)", code=code)
        return _from_hub(name, revision, code=code)
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
    except RuntimeError as error:  # from the hub's own way of storing large files
        raise SourceError(f"cannot download {name}: {brief(error)}") from error
    except _UNREACHABLE as error:
        if isinstance(error, OSError) and error.errno in _LOCAL:
            raise SourceError(f"cannot download {name}: {error.strerror} ({error.filename})") from error
        return _from_cache(name, revision, f"the hub did not answer ({brief(error)})", code=code)


def _from_hub(name: str, revision: str | None, *, code: bool) -> Checkpoint:
    """Ask the hub once, without the download's 23 seconds of retries, then download what is not here yet."""
    with _silent_hub():
        answer = HfApi().model_info(name, revision=revision, timeout=_SECONDS_TO_ANSWER)
    files = [file.rfilename for file in answer.siblings or ()]
    in_parts = is_in_parts(files)
    if not in_parts:
        refuse_without_weights(name, files)
    wanted = _wanted(in_parts=in_parts, code=code)
    # A download takes minutes: whoever watches a terminal is shown how far it is, a log is not.
    if sys.stderr.isatty() and (size := _size(name, answer.sha, wanted)):
        from attnviz.sources.huggingface.loading.progress import one_bar

        folder = snapshot_download(name, revision=revision, tqdm_class=one_bar(name, size), **wanted)
    else:
        with _silent_hub():
            folder = snapshot_download(name, revision=revision, **wanted)
    return Checkpoint(name, Path(folder), Path(folder).name)


def _wanted(*, in_parts: bool, code: bool) -> dict[str, Any]:
    """Say which files of a repository are wanted, as a download takes it."""
    return {
        "allow_patterns": _WANTED + (_CODE if code else []) + (_IN_PARTS if in_parts else []),
        "ignore_patterns": ["*/*/*"] if in_parts else _SUBFOLDERS,
    }


def _size(name: str, revision: str | None, wanted: dict[str, Any]) -> int:
    """Give how many bytes of a repository are not here yet."""
    with _silent_hub():
        files = snapshot_download(name, revision=revision, dry_run=True, **wanted)
    return sum(file.file_size or 0 for file in files if file.will_download)


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


def _from_cache(name: str, revision: str | None, why: str, *, code: bool) -> Checkpoint:
    """Take a model from the cache, where each commit is a folder of its name."""
    for in_parts in (False, True):
        try:
            folder = snapshot_download(
                name, revision=revision, local_files_only=True, **_wanted(in_parts=in_parts, code=code)
            )
        except IncompleteSnapshotError as error:
            raise HubUnreachable(f"cannot get {name}: only a part is in the cache, and {why}") from error
        except LocalEntryNotFoundError as error:
            raise HubUnreachable(
                f"cannot get {name}: it is no folder here, not in the cache, and {why}"
            ) from error
        if in_parts or not is_in_parts([path.name for path in Path(folder).iterdir()]):
            break
    return Checkpoint(name, Path(folder), Path(folder).name)
