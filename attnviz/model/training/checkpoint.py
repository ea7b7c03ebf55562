"""Training's whole state in one file, so that an interruption costs at most the steps since the last one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from attnviz.errors import Damaged, RequestError
from attnviz.model.parameters import write_whole

_FILE = "checkpoint.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands.

    Attributes:
        step: the steps done.
        purpose: what is being trained on what; a checkpoint continues only the same.
        seconds: the time they took.
        state: parameters and the optimizer's moments, by name.
    """

    step: int
    purpose: str
    seconds: float
    state: Mapping[str, Tensor]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint in one step.

    Raises:
        Unwritable: the folder cannot be written.
    """
    metadata = {
        "step": str(checkpoint.step),
        "purpose": checkpoint.purpose,
        "seconds": str(checkpoint.seconds),
    }
    write_whole(folder / _FILE, save(dict(checkpoint.state), metadata))


def has_checkpoint(folder: Path) -> bool:
    """Tell whether an interrupted training stands in a folder."""
    return (folder / _FILE).is_file()


def remove_checkpoint(folder: Path) -> None:
    """Forget where a training stood, because it is done or to be done anew."""
    (folder / _FILE).unlink(missing_ok=True)


def read_checkpoint(folder: Path, purpose: str) -> Checkpoint | None:
    """Read the folder's checkpoint, if it has one.

    Raises:
        Damaged: the file is not what was written.
        RequestError: it belongs to a training with other settings or texts.
    """
    if not has_checkpoint(folder):
        return None
    path = folder / _FILE
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            seconds = float(metadata["seconds"])
            checkpoint = Checkpoint(int(metadata["step"]), metadata["purpose"], seconds, state)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise Damaged(f"{path} is damaged: {error}") from error
    if checkpoint.purpose != purpose:
        raise RequestError(f"{path} is of another training: got {checkpoint.purpose}, allowed {purpose}")
    return checkpoint
