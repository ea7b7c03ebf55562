"""A model folder: weights in half precision, vocabulary, and one JSON file that says what they are."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from attnviz.errors import Damaged, IncompleteModel, NotFound
from attnviz.files import whole_file
from attnviz.model.network import Architecture, Network, assemble, parameter_shapes
from attnviz.model.vocabulary import Vocabulary
from attnviz.relation import Followed
from attnviz.selection import HeadId

CARD = "card.md"
SCHEMA = "attnviz/model/1"
SHIPPED = Path(__file__).parent / "shipped"

_ABOUT, _WEIGHTS, _VOCABULARY = "model.json", "model.safetensors", "vocabulary.json"

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Model:
    """A network that can be used, and what is known of it.

    Attributes:
        architecture: its sizes.
        vocabulary: the words it knows.
        network: its parameters, in float32.
        taught: for heads trained towards a relation of a treebank, the relation's name.
        followed: for heads that follow a relation of a treebank, the one they follow best; empty where none
            was measured.
        facts: what was measured when it was trained, as JSON.
        revision: the first 12 digits of the SHA-256 of its weights.
    """

    architecture: Architecture
    vocabulary: Vocabulary
    network: Network
    taught: Mapping[HeadId, str] = field(default_factory=dict)
    followed: Mapping[HeadId, Followed] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    revision: str = ""


def is_model_folder(folder: Path) -> bool:
    """Tell whether a folder claims to hold a model of this kind."""
    return (folder / _ABOUT).is_file()


def load_model(folder: Path = SHIPPED) -> Model:
    """Read a model folder, checking each file against the hash it was written with.

    Raises:
        NotFound: there is no such folder.
        IncompleteModel: one of its files is missing.
        Damaged: a file is not what was written.
    """
    if not folder.is_dir():
        raise NotFound(f"no model folder {folder}")
    about = _about(folder)
    weights = _checked(folder / _WEIGHTS, about["sha256"][_WEIGHTS])
    words = _checked(folder / _VOCABULARY, about["sha256"][_VOCABULARY])
    try:
        return _model(about, load(weights), json.loads(words))
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        raise Damaged(f"{folder} holds no model of this version: {error!r}") from error


def half_precision(arrays: Arrays) -> dict[str, NDArray[np.float16]]:
    """Round parameters to what is stored."""
    return {name: np.asarray(array, dtype=np.float16) for name, array in arrays.items()}


def save_model(
    folder: Path,
    architecture: Architecture,
    vocabulary: Vocabulary,
    arrays: Arrays,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Write a model folder; the file that names the others' hashes comes last.

    Args:
        folder: where the files go; those of a model that is there already are replaced.
        architecture: the network's sizes.
        vocabulary: the words it knows.
        arrays: its parameters by name.
        about: `taught` (head to relation) and whatever else was measured, as JSON.

    Returns:
        The content of the JSON file.

    Raises:
        Unwritable: the folder cannot be written.
    """
    words = {"words": vocabulary.words, "endings": vocabulary.endings}
    contents = {
        _WEIGHTS: save(half_precision(arrays)),
        _VOCABULARY: json.dumps(words, ensure_ascii=False, separators=(",", ":")).encode(),
    }
    hashes = {name: sha256(content).hexdigest() for name, content in contents.items()}
    whole = {"schema": SCHEMA, "architecture": asdict(architecture), "sha256": hashes, **about}
    contents[_ABOUT] = json.dumps(whole, ensure_ascii=False, indent=1).encode() + b"\n"
    for name, content in contents.items():
        write_whole(folder / name, content)
    return whole


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of a model folder, replacing the one before in one step."""
    with whole_file(path, force=True) as temporary:
        temporary.write_bytes(content)


def _about(folder: Path) -> dict[str, Any]:
    try:
        about: dict[str, Any] = json.loads(_content(folder / _ABOUT))
        if about["schema"] == SCHEMA and {_WEIGHTS, _VOCABULARY} <= about["sha256"].keys():
            return about
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{folder / _ABOUT} is damaged: {error!r}") from error
    raise Damaged(f"{folder / _ABOUT}: got schema {about['schema']!r}, allowed {SCHEMA!r}")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise IncompleteModel(f"the model folder {path.parent} lacks {path.name}") from error


def _checked(path: Path, expected: str) -> bytes:
    content = _content(path)
    if sha256(content).hexdigest() != expected:
        raise Damaged(f"{path} is damaged: its SHA-256 is not the one in {_ABOUT}")
    return content


def _model(about: Mapping[str, Any], stored: Arrays, words: Mapping[str, list[str]]) -> Model:
    architecture = Architecture(**about["architecture"])
    shapes = {name: array.shape for name, array in stored.items()}
    if shapes != parameter_shapes(architecture):
        raise ValueError("the weights do not have the shapes of the architecture")
    arrays = {name: array.astype(np.float32) for name, array in stored.items()}
    return Model(
        architecture,
        Vocabulary(tuple(words["words"]), tuple(words["endings"])),
        assemble(architecture, arrays),
        {HeadId.parse(head): relation for head, relation in about.get("taught", {}).items()},
        {followed.head: followed for followed in _followed(about)},
        about,
        about["sha256"][_WEIGHTS][:12],
    )


def _followed(about: Mapping[str, Any]) -> Iterator[Followed]:
    """Read what was measured of heads and relations; models of earlier versions lack it."""
    for entry in about.get("facts", {}).get("followed", ()):
        yield Followed(**{**entry, "head": HeadId.parse(entry["head"])})
