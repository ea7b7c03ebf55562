"""Run a network: text -> tokens -> the record. The only room that does."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, overload

from attnviz.errors import RequestError
from attnviz.model.parameters import is_model_folder
from attnviz.sources.base import Source
from attnviz.sources.builtin import NAME, BuiltinSource

if TYPE_CHECKING:
    from attnviz.sources.huggingface.modules import ModuleSource


class TorchModule(Protocol):
    """A `torch.nn.Module`, as far as it must be known here, where torch is not imported."""

    def modules(self) -> Iterator[Any]:
        """Give every part of the module."""
        ...


@overload
def load(
    model: str | Path = NAME,
    *,
    revision: str | None = None,
    offline: bool = False,
    device: str = "auto",
    dtype: str = "auto",
    trust_remote_code: bool = False,
) -> Source: ...


@overload
def load(model: TorchModule) -> "ModuleSource": ...


def load(
    model: str | Path | TorchModule = NAME,
    *,
    revision: str | None = None,
    offline: bool = False,
    device: str = "auto",
    dtype: str = "auto",
    trust_remote_code: bool = False,
) -> Source:
    """Load a model that gives records.

    Args:
        model: "builtin", a folder (of ours or of a pretrained model), or a hub id; or a torch module, which
            runs as it is, and whose `attend` takes tensors.
        revision: a branch, tag or commit of a hub id.
        offline: never ask the hub, use what is in its cache.
        device: "cpu", "cuda" or "mps"; "auto" is the fastest there is that the model fits.
        dtype: "float32", "float16" or "bfloat16"; "auto" is float32, wherever it fits. A record's weights are
            float32 in any case.
        trust_remote_code: run code that comes with the model, where it cannot be read without.

    Raises:
        RequestError: a revision of something that is not from the hub; no such device or precision.
        SourceError: the model cannot be found, read or trusted, or is of a kind that is not read.
        ModelTooLarge: it fits no device.
    """
    if not isinstance(model, str | Path):
        from attnviz.sources.huggingface.modules import open_module

        return open_module(model)
    name = str(model)
    ours = name == NAME or _is_ours(Path(name))
    if revision is not None and (ours or os.path.isdir(name)):  # noqa: PTH112 - a name may be no path at all
        raise RequestError(f"only a model from the hub has revisions: got {revision!r} of {name}")
    if ours:
        _refuse_other_place(name, device=device, dtype=dtype)
        return BuiltinSource() if name == NAME else BuiltinSource(Path(name))
    # Imported only now: torch and transformers take seconds, a model that is not there needs neither.
    from attnviz.sources.huggingface.loading.choices import Choices
    from attnviz.sources.huggingface.loading.find import find

    choices = Choices(device, dtype, trust_remote_code)
    choices.refuse_unknown()
    checkpoint = find(name, revision=revision, offline=offline, code=trust_remote_code)
    from attnviz.sources.huggingface.source import open_pretrained

    return open_pretrained(checkpoint, choices)


def _is_ours(folder: Path) -> bool:
    try:
        return is_model_folder(folder)
    except OSError:  # it may not be looked at, or is no name of a folder
        return False


def _refuse_other_place(name: str, *, device: str, dtype: str) -> None:
    """Fail if a model of our own kind is to run elsewhere than it does."""
    for what, got, allowed in (("device", device, "cpu"), ("dtype", dtype, "float32")):
        if got not in ("auto", allowed):
            raise RequestError(f"no such {what} for {name}: got {got}, allowed auto, {allowed}")
