"""Whatever a library raises becomes one line of ours."""

import pytest
from safetensors import SafetensorError

from attnviz.errors import Damaged, ForeignCode, MissingPackage, ModelTooLarge, SourceError
from attnviz.sources.huggingface.faults import named_faults

ADVICE = "first line\nthen advice for programmers"


@pytest.mark.parametrize(
    ("raised", "named", "message"),
    [
        (SafetensorError(ADVICE), Damaged, "cannot read the weights of m: first line"),
        (Exception(ADVICE), Damaged, "cannot read the weights of m: first line"),
        (KeyError(), Damaged, "cannot read the weights of m: KeyError"),
        (KeyError("x"), Damaged, "cannot read the weights of m: no 'x'"),
        (ImportError(ADVICE), MissingPackage, "a package is missing to read the weights of m: first line"),
        (MemoryError(), ModelTooLarge, "out of memory: the weights of m do not fit"),
        (
            RuntimeError("CUDA out of memory. Tried"),
            ModelTooLarge,
            "out of memory: the weights of m do not fit",
        ),
        (
            PermissionError(13, "Permission denied"),
            SourceError,
            "cannot read the weights of m: Permission denied",
        ),
        (
            ValueError("pass `trust_remote_code=True`"),
            ForeignCode,
            "to read the weights of m would run code that comes with it",
        ),
    ],
)
def test_each_has_a_name_and_one_line(raised, named, message):
    with pytest.raises(named) as caught, named_faults("m", "the weights"):
        raise raised
    assert str(caught.value) == message
    assert caught.value.__cause__ is raised


def test_an_interruption_stays_one():
    with pytest.raises(KeyboardInterrupt), named_faults("m", "the weights"):
        raise KeyboardInterrupt
