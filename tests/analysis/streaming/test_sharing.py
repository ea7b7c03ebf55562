"""Sums that several observers share, held to those each of them makes for itself."""

from dataclasses import replace

import numpy as np
import pytest

from attnviz.analysis.focus import focus
from attnviz.analysis.measures.table import measure
from attnviz.analysis.streaming import gathering, reducing
from attnviz.analysis.streaming.focusing import Focusing
from attnviz.analysis.streaming.measuring import Measuring
from attnviz.analysis.streaming.sharing import Sharing, can_share, together
from attnviz.errors import RequestError
from attnviz.frame import frame_of
from attnviz.observe import Wanted
from tests.analysis.heads import pure_heads
from tests.analysis.streaming.blocks import FORMS, in_blocks
from tests.analysis.streaming.test_focusing import assert_same


@pytest.mark.parametrize("short", [0, 1024])
@pytest.mark.parametrize("form", sorted(FORMS))
def test_shared_sums_say_what_each_says_alone(form: str, short: int, monkeypatch: pytest.MonkeyPatch) -> None:
    record, _ = pure_heads(120, causal=True)
    told, measured = focus(record), measure(record)
    for module in (reducing, gathering):
        monkeypatch.setattr(module, "SHORT", short)
    measuring, focusing = Measuring(frame_of(record)), Focusing(frame_of(record))
    assert can_share([measuring, focusing])
    sharing = Sharing([measuring, focusing])
    for block in in_blocks(record, 17, 3, FORMS[form], cut=True):
        sharing.update(block)
    focusing.settle(lambda observer, _: _again(observer, record, form))
    assert_same(focusing.result(), told, within=1e-4)
    for name in ("means", "spreads", "over_chance"):
        found, alone = getattr(measuring.result(), name), getattr(measured, name)
        np.testing.assert_allclose(found, alone, atol=2e-6, rtol=2e-5)


def _again(observer, record, form) -> None:
    for block in in_blocks(record, 17, None, FORMS[form]):
        heads = sorted({int(head.split("H")[1]) for head in observer.selection.heads.split(",")})
        observer.update(replace(block, weights=block.weights[heads]))


def test_what_differs_is_not_shared() -> None:
    one = Wanted({"first": np.array([True, False])}, (-1,), np.zeros(2, dtype=bool))
    other = replace(one, keys={"last": np.array([False, True])}, steps=(0, -1))
    both = together([one, other])
    assert (sorted(both.keys), both.steps) == (["first", "last"], (-1, 0))
    changes = {"keys": {"first": np.array([True, True])}, "first": None, "counted": np.ones(2, dtype=bool)}
    for name, value in changes.items():
        with pytest.raises(RequestError, match="differs"):
            together([one, replace(one, **{name: value})])
