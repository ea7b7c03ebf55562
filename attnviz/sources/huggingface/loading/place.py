"""Where a model runs and in which precision, decided before it is loaded."""

import json
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch

from attnviz.errors import ModelTooLarge, RequestError
from attnviz.sources.huggingface.loading.choices import AUTO, CPU, PRECISIONS, Choices
from attnviz.sources.huggingface.loading.find import Checkpoint

# The names of torch's own and of safetensors' headers, for the precisions a model may be asked for in.
DTYPES = {name: getattr(torch, name) for name in PRECISIONS}
_STORED = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}

# The bytes of a number in a safetensors file; of formats below a byte there are several in one.
_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}
_FLOATING = ("F64", *_STORED)
_GIB = 2**30

# A pass needs room beside the weights.
_SHARE_FOR_WEIGHTS = 0.9

_HEADER_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True)
class Place:
    """Where the weights go.

    Attributes:
        device: a device's name; None spreads them over all there are.
        dtype: their precision; None leaves it to the checkpoint.
        because: why this is not what "auto" usually means, if it is not.
    """

    device: str | None
    dtype: str | None
    because: str = ""


def devices() -> tuple[str, ...]:
    """Name the devices of this machine, the one preferred first."""
    found = [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()), (CPU, True)]
    return tuple(name for name, there in found if there)


def chosen_device(asked: str, there: tuple[str, ...]) -> str:
    """Give the device asked for; "auto" is the first there is.

    Raises:
        RequestError: there is no such device.
    """
    if asked == AUTO:
        return there[0]
    if asked not in there:
        raise RequestError(f"no such device: got {asked}, allowed {', '.join((AUTO, *sorted(there)))}")
    return asked


def place(checkpoint: Checkpoint, choices: Choices, *, quantized: bool) -> Place:
    """Decide where a model runs on this machine.

    Args:
        checkpoint: its files.
        choices: what was asked for.
        quantized: whether its weights are of a format of their own, which then stays.

    Raises:
        RequestError: there is no such device or precision.
        ModelTooLarge: it fits nowhere.
    """
    choices.refuse_unknown_dtype()
    device = chosen_device(choices.device, devices())
    free = {name: _SHARE_FOR_WEIGHTS * free_memory(name) for name in (device, CPU)}
    stored = stored_numbers(checkpoint.folder)
    saved = None if quantized else _saved_dtype(stored)
    spreads = find_spec("accelerate") is not None
    return fitting(checkpoint.name, stored, choices, saved=saved, device=device, free=free, spreads=spreads)


def fitting(
    name: str,
    stored: Mapping[str, int],
    choices: Choices,
    *,
    saved: str | None,
    device: str,
    free: Mapping[str, float],
    spreads: bool,
) -> Place:
    """Find a place where a model's weights fit.

    float32 comes first: half precision changes weights by up to 1.7e-2. Beside a processor, where memory is
    scarcer, the precision the weights were saved in comes next; then all devices together.

    Args:
        name: the model's name.
        stored: how many numbers of each format its files hold.
        choices: what was asked for.
        saved: the precision of its files; None for a format of their own.
        device: the device it is to run on.
        free: the bytes free on that device and on the CPU.
        spreads: whether a model can be spread over several devices.

    Raises:
        ModelTooLarge: it fits nowhere.
    """
    asked = None if choices.dtype == AUTO else choices.dtype
    first = asked or (saved and "float32")
    less = asked or saved
    room = ", ".join(f"{free[where] / _GIB:.1f} GiB on {where}" for where in dict.fromkeys((device, CPU)))
    why = f"{name} takes {_size(stored, first) / _GIB:.1f} GiB{_in(first)}, and there is room for {room}"
    if _size(stored, first) <= free[device]:
        return Place(device, first)
    if device != CPU and _size(stored, less) <= free[device]:
        return Place(device, less, f"{why}: it runs{_in(less)}")
    if device != CPU and spreads and _size(stored, less) <= sum(free.values()):
        return Place(None, less, f"{why}: it is spread over both{_in(less)}")
    if choices.device == AUTO and _size(stored, first) <= free[CPU]:
        return Place(CPU, first, f"{why}: it runs on the CPU")
    raise ModelTooLarge(f"the model does not fit: {why}")


def _in(dtype: str | None) -> str:
    return f" in {dtype}" if dtype else ""


def stored_numbers(folder: Path) -> Counter[str]:
    """Count the numbers of each format that a folder's weight files hold, by the files' own headers.

    A file that cannot be read counts as empty: reading its weights will say what is wrong with it.
    """
    counted: Counter[str] = Counter()
    for path in folder.glob("*.safetensors"):
        counted += _numbers_in(path)
    return counted


def _numbers_in(path: Path) -> Counter[str]:
    counted: Counter[str] = Counter()
    try:
        with path.open("rb") as file:
            (length,) = _HEADER_LENGTH.unpack(file.read(_HEADER_LENGTH.size))
            header = json.loads(file.read(min(length, path.stat().st_size)))
        for name, tensor in header.items():
            if name != "__metadata__":
                start, stop = tensor["data_offsets"]
                counted[tensor["dtype"]] += (stop - start) // _BYTES.get(tensor["dtype"], 1)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error):
        return Counter()
    return counted


def free_memory(device: str) -> float:
    """Give the bytes that are free on a device; without bound where nobody tells."""
    if device == "cuda":
        return float(torch.cuda.mem_get_info()[0])
    if device == "mps":
        return float(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        kib = {name: amount.split()[0] for name, amount in (line.split(":") for line in lines)}
        return float(kib["MemAvailable"]) * 1024
    except (OSError, ValueError, LookupError):
        return float("inf")


def _size(stored: Mapping[str, int], dtype: str | None) -> int:
    """The bytes of weights whose floating-point numbers are brought to one precision, or left as they are."""
    return sum(
        count * (DTYPES[dtype].itemsize if dtype and name in _FLOATING else _BYTES.get(name, 1))
        for name, count in stored.items()
    )


def _saved_dtype(stored: Mapping[str, int]) -> str:
    """The precision most floating-point numbers were saved in."""
    floating = {name: count for name, count in stored.items() if name in _STORED}
    return _STORED[max(floating, key=lambda name: floating[name])] if floating else "float32"
