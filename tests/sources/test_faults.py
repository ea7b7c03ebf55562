"""Whatever a library raises becomes one line of ours."""

import pytest
from safetensors import SafetensorError

from attnviz.errors import Damaged, UnsafeModel, UnsupportedModel
from attnviz.sources.huggingface.faults import named_faults

ADVICE = "first line\nthen advice for programmers"


@pytest.mark.parametrize(
    ("raised", "named", "message"),
    [
        (SafetensorError(ADVICE), Damaged, "cannot read the weights of m: first line"),
        (Exception(ADVICE), Damaged, "cannot read the weights of m: first line"),
        (KeyError(), Damaged, "cannot read the weights of m: KeyError"),
        (ImportError(ADVICE), UnsupportedModel, "a package is missing to read the weights of m: first line"),
        (
            ValueError("pass `trust_remote_code=True`"),
            UnsafeModel,
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
