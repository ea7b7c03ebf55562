"""Run a network: text -> tokens -> the record. The only room that does."""

from pathlib import Path

from attnviz.errors import RequestError
from attnviz.model.parameters import is_model_folder
from attnviz.sources.base import Source
from attnviz.sources.builtin import NAME, BuiltinSource


def load(model: str | Path = NAME, *, revision: str | None = None, offline: bool = False) -> Source:
    """Load a model that gives records.

    Args:
        model: "builtin", a folder (of ours or of a pretrained model), or a hub id.
        revision: a branch, tag or commit of a hub id.
        offline: never ask the hub, use what is in its cache.

    Raises:
        RequestError: a revision of something that is not from the hub.
        SourceError: the model cannot be found, read or trusted, or is of a kind that is not read.
    """
    name = str(model)
    if revision is not None and (name == NAME or Path(name).is_dir()):
        raise RequestError(f"only a model from the hub has revisions: got {revision!r} of {name}")
    if name == NAME:
        return BuiltinSource()
    if is_model_folder(Path(name)):
        return BuiltinSource(Path(name))
    # Imported only now: torch and transformers take seconds, a model that is not there needs neither.
    from attnviz.sources.huggingface.find import find

    checkpoint = find(name, revision=revision, offline=offline)
    from attnviz.sources.huggingface.source import open_pretrained

    return open_pretrained(checkpoint)
