"""Training's whole state in one file, so that an interruption costs at most the steps since the last one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from attnviz.errors import Damaged, RequestError
from attnviz.model.parameters import write_whole

FILE = "checkpoint.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands.

    Attributes:
        step: the steps done.
        purpose: what is being trained on what; a checkpoint continues only the same.
        state: parameters and the optimizer's moments, by name.
    """

    step: int
    purpose: str
    state: Mapping[str, Tensor]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint in one step.

    Raises:
        Unwritable: the folder cannot be written.
    """
    metadata = {"step": str(checkpoint.step), "purpose": checkpoint.purpose}
    write_whole(folder / FILE, save(dict(checkpoint.state), metadata))


def read_checkpoint(folder: Path, purpose: str) -> Checkpoint | None:
    """Read the folder's checkpoint, if it has one.

    Raises:
        Damaged: the file is not what was written.
        RequestError: it belongs to a training with other settings or texts.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            checkpoint = Checkpoint(int(metadata["step"]), metadata["purpose"], state)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise Damaged(f"{path} is damaged: {error}") from error
    if checkpoint.purpose != purpose:
        raise RequestError(f"{path} is of another training: got {checkpoint.purpose}, allowed {purpose}")
    return checkpoint
