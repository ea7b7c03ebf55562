"""bertviz in a folder of its own, and the libraries its pages fetch from a host."""

import importlib
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import torch

from attnviz.record import Attention

FOLDER = Path(__file__).parent.parent / "build" / "bertviz"
REQUIREMENTS = Path(__file__).with_suffix(".txt")
HOST = "https://cdnjs.cloudflare.com/"

# What a page asks the host for: the npm package that holds the same file. npm begins jQuery 2 with 2.1.0,
# bertviz asks for 2.0.0; it only picks elements with it.
LIBRARIES = {
    "require.min.js": ("requirejs@2.3.6", "require.js"),
    "d3.min.js": ("d3@5.7.0", "dist/d3.min.js"),
    "jquery.min.js": ("jquery@2.1.0", "dist/jquery.min.js"),
}


def view(name: str, record: Attention) -> Callable[[], str]:
    """Make ready to write `model_view` or `head_view`: it takes tensors, so it gets the record's as such."""
    sys.path.append(str(FOLDER))
    write = getattr(importlib.import_module("bertviz"), name)
    weights = [torch.from_numpy(layer[None].copy()) for layer in record.weights]
    tokens = [token.text for token in record.queries]
    return lambda: str(write(weights, tokens, html_action="return").data)


def install() -> None:
    """Fetch what is not there yet, bertviz with pip and its pages' libraries with npm."""
    if not (FOLDER / "bertviz").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(FOLDER)]
        subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True)
    for asked, (package, _) in LIBRARIES.items():
        if not library(asked).is_file():
            _fetch(package)


def library(address: str) -> Path:
    """Find the file that an address of the host stands for."""
    package, file = LIBRARIES[address.rsplit("/", 1)[-1]]
    return _unpacked(package) / "package" / file


def _fetch(package: str) -> None:
    if shutil.which("npm") is None:
        raise SystemExit("no npm: it fetches the libraries of bertviz's pages (apt-get install npm)")
    _unpacked(package).mkdir(parents=True, exist_ok=True)
    npm = ["npm", "pack", package, "--silent", "--pack-destination", str(_unpacked(package))]
    subprocess.run(npm, check=True, stdout=subprocess.DEVNULL)
    (archive,) = _unpacked(package).glob("*.tgz")
    with tarfile.open(archive) as files:
        files.extractall(_unpacked(package), filter="data")


def _unpacked(package: str) -> Path:
    return FOLDER / "npm" / package
