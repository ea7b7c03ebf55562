"""A digest says of an input what its whole record says, and never holds the record."""

from dataclasses import replace

import numpy as np
import pytest

import attnviz
from attnviz import memory
from attnviz.analysis.findings import Focus
from attnviz.analysis.streaming.digest import Digest
from attnviz.errors import BudgetError, CaptureFailed, OutOfRange
from attnviz.frame import Frame, blocks_of
from attnviz.observe import Observer
from attnviz.record import Attention, Block
from attnviz.selection import Selection
from attnviz.sources.base import EVERYTHING
from attnviz.sources.saved import SavedReading
from attnviz.studies.digest import Limits, Plan, digest, digest_of, plan
from tests.analysis.streaming.squares import square, with_added
from tests.analysis.streaming.test_pooling import cell_by_cell
from tests.analysis.streaming.test_topkeys import sorted_rows

TEXT = "The quick brown fox, which nobody had seen before, jumps over the lazy dogs of the old miller. " * 4


class Streamed(SavedReading):
    """A record handed on in small blocks, that counts how often."""

    def __init__(self, record: Attention) -> None:
        super().__init__(record)
        self.passes: list[Selection] = []

    def observe(
        self,
        observer: Observer,
        selection: Selection = EVERYTHING,
        *,
        block: Block | None = None,
        side_by_side: bool = False,
    ) -> None:
        assert not side_by_side
        self.passes.append(selection)
        for each in blocks_of(self.record(selection, block=block), rows=7, heads=2):
            observer.update(each)


def wide(layers: int = 12, heads: int = 12, tokens: int = 16384) -> Frame:
    side = tuple(attnviz.Token("a") for _ in range(tokens))
    return Frame(side, side, tuple(range(layers)), tuple(range(heads)), "wide", causal=True)


def in_words(focus: Focus | None) -> list[object]:
    """What is told of each head, without the numbers, which differ by rounding."""
    assert focus is not None
    return [
        (
            head.head,
            head.pattern.label,
            [word.position for word in head.words],
            [(link.source_position, link.target_position) for link in head.links],
        )
        for head in focus.heads
    ] + [focus.together.covered]


@pytest.mark.parametrize(
    "record",
    [with_added(square(61, causal=True)), square(80), square(33, 50), square(70, causal=True)],
    ids=repr,
)
def test_a_digest_says_what_the_whole_record_says(record: Attention) -> None:
    found = digest_of(Streamed(record), limits=Limits(pool=16, top=3))
    maxima, means, _ = cell_by_cell(record, 16, 16)
    positions, weights = sorted_rows(record, 3)
    assert np.array_equal(found.maxima.weights, maxima.astype(np.float32))
    np.testing.assert_allclose(found.means.weights, means, rtol=1e-6, atol=1e-9)
    assert found.top is not None
    assert np.array_equal(found.top.positions, positions)
    assert np.array_equal(found.top.weights, weights)
    measured = attnviz.measure(record)
    assert found.measured is not None
    assert found.measured.names == measured.names
    np.testing.assert_allclose(found.measured.means, measured.means, rtol=1e-5, atol=1e-7)
    assert in_words(found.focus) == in_words(attnviz.focus(record))
    assert found.left_out == {}


def test_the_built_in_model_is_read_as_its_record_says() -> None:
    source = attnviz.load("builtin")
    found, record = digest(source, TEXT, pool=32), source.attend(TEXT)
    maxima, _, _ = cell_by_cell(record, 32, 32)
    np.testing.assert_allclose(found.maxima.weights, maxima, rtol=1e-5, atol=1e-7)
    assert in_words(found.focus) == in_words(attnviz.focus(record))
    assert (found.frame.text, found.frame.queries) == (record.text, record.queries)
    assert repr(found) == "Digest(builtin: 16 heads, 84 queries x 84 keys in 32 x 32 cells)"


def test_only_the_heads_asked_for_are_kept() -> None:
    found = digest_of(Streamed(square(40)), Selection("1", "0,2"), Limits(pool=8))
    assert (found.maxima.layers, found.maxima.heads) == ((1,), (0, 2))
    assert found.top is not None
    assert found.top.positions.shape == (1, 2, 40, 8)
    assert found.focus is not None
    assert [str(head.head) for head in found.focus.heads] == ["L1H0", "L1H2"]


def test_what_nobody_asked_for_is_not_kept() -> None:
    reading = Streamed(square(40))
    found = digest_of(reading, limits=Limits(top=0, tell=0))
    assert (found.top, found.focus, found.left_out, reading.passes) == (None, None, {}, [EVERYTHING])


def test_progress_counts_rows_up_to_all() -> None:
    told: list[tuple[int, int]] = []
    digest_of(
        Streamed(square(40)),
        limits=Limits(tell=0),
        progress=lambda done, total: told.append((done, total)),
    )
    assert told[-1] == (240, 240)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_weights_that_are_none_are_the_captures_fault() -> None:
    class Wrong(Streamed):
        def observe(self, observer: Observer, *_: object, **__: object) -> None:
            for each in blocks_of(self.saved):
                observer.update(replace(each, weights=each.weights * 9))

    with pytest.raises(CaptureFailed, match="the capture of arrays failed a check"):
        digest_of(Wrong(square(4)), limits=Limits(tell=0))


def test_a_head_that_is_not_there_is_out_of_range() -> None:
    with pytest.raises(OutOfRange):
        digest_of(Streamed(square(4)), Selection("7"))


def test_what_fits_is_kept() -> None:
    assert plan(wide(), Limits(budget=10**10)) == Plan(512, 8, 499_580_928, {})
    some = plan(wide(), Limits(budget=200 * 10**6))
    assert (some.cells, some.top) == (256, 4)
    assert some.left_out == {"top keys": "4 of 8 of each query kept: 8 take 151 MB"}
    few = plan(wide(), Limits(budget=60 * 10**6))
    assert few.needed <= 60 * 10**6
    assert few.left_out == {"top keys": "none of each query kept: 8 take 151 MB"}
    assert plan(wide(1, 12), Limits(budget=200 * 10**6)).cells == 512


def test_cells_and_keys_are_halved_as_the_budget_shrinks() -> None:
    frame = wide()
    ways = [plan(frame, Limits(budget=budget * 10**6)) for budget in range(600, 50, -5)]
    assert all(way.needed <= (600 - 5 * place) * 10**6 for place, way in enumerate(ways))
    needed = [way.needed for way in ways]
    assert needed == sorted(needed, reverse=True)
    assert {way.cells for way in ways} <= {512, 256, 128, 64, 32}


def test_what_does_not_fit_even_so_is_refused_before_anything_runs() -> None:
    reading = Streamed(square(400))
    with pytest.raises(
        BudgetError, match=r"2 layers x 3 heads for 400 x 400 .* takes 328 kB, allowed 1.0 kB"
    ) as e:
        digest_of(reading, limits=Limits(budget=1000))
    assert e.value.exit_code == 4
    assert reading.passes == []


def test_the_budget_is_what_was_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "limit", lambda: 1000)
    with pytest.raises(BudgetError, match=r"allowed 1\.0 kB"):
        digest_of(Streamed(square(4)))


def test_two_digests_differ_in_whatever_they_hold() -> None:
    found = digest_of(Streamed(square(40)), limits=Limits(pool=8))
    assert found == digest_of(Streamed(square(40)), limits=Limits(pool=8))
    assert found != digest_of(Streamed(square(40, seed=1)), limits=Limits(pool=8))
    assert found != replace(found, top=None)
    assert found != replace(found, frame=replace(found.frame, text="another"))
    assert found != Digest(found.frame, found.maxima, found.means)
    assert found != "a digest"
