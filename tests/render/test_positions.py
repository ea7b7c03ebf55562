"""Where rows and columns stand in a long input, and which positions are marked."""

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from attnviz.record import Token
from attnviz.render import notes
from attnviz.render.positions import is_pooled, marks, spans
from attnviz.runs import starts
from tests.render.longer import part_of, pooled, runs_of
from tests.render.samples import fox


@given(st.integers(1, 5000), st.integers(1, 600), st.integers(0, 10**6), st.integers(1, 100))
def test_marks_are_round_apart_and_in_their_cell(tokens, cells, start, least):
    cells = min(cells, tokens)
    runs = spans(runs_of(tokens, cells, start))
    found = marks(runs, least)
    assert found
    places = [at for at, _ in found]
    assert all(after - before >= least - 1 for before, after in itertools.pairwise(places))
    assert all(position in runs[at] for at, position in found)
    steps = {after[1] - before[1] for before, after in itertools.pairwise(found)}
    assert len(steps) <= 1


def test_marks_of_even_cells_are_where_cells_begin():
    runs = spans(runs_of(16384, 512))
    assert marks(runs, 64) == [(at, at * 32) for at in range(0, 512, 64)]


def test_marks_of_uneven_cells_are_round_numbers():
    assert [position for _, position in marks(spans(runs_of(10_000, 512)), 60)] == [*range(0, 10_000, 2000)]


def test_only_a_side_of_runs_is_pooled():
    record = pooled()
    assert is_pooled(record, record.keys)
    assert not is_pooled(record, (Token("fox", run=(4, 4)), Token("jumps")))
    assert not is_pooled(part_of(fox(), 7), part_of(fox(), 7).keys)


def test_what_was_pooled_is_said_once():
    record = pooled("mean")
    assert [*notes.pooled(record)] == ["pooled 1,024 × 1,024 to 64 × 64, mean per cell"]
    assert [*notes.positions(record)] == ["query and key positions 0 to 1,023, 16 tokens a cell"]
    assert [*notes.per_cell(record)] == ["mean per cell"]
    assert [*notes.logarithmic(record, 0.5)] == [
        "logarithmic colours from 0.00098 up, an even spread over 1,024 keys"
    ]
    assert [*notes.logarithmic(record, 0.002)] == ["logarithmic colours from 0.0002 up"]


def test_uneven_cells_and_other_sides_are_told_apart():
    uneven = replace(pooled(cells=64), queries=runs_of(1000, 64), keys=runs_of(1024, 64))
    assert [*notes.positions(uneven)] == [
        "query positions 0 to 999, 15 to 16 tokens a cell",
        "key positions 0 to 1,023, 16 tokens a cell",
    ]


def test_a_window_says_where_it_is_in_the_whole():
    assert [*notes.positions(part_of(fox(), 1000))] == [
        "query and key positions 1,000 to 1,009 of the whole input"
    ]
    assert [*notes.positions(part_of(fox(), 1000, keys_too=False))] == [
        "query positions 1,000 to 1,009 of the whole input"
    ]


def test_nothing_is_said_of_a_whole_record():
    told = (notes.pooled, notes.positions, notes.per_cell, lambda record: notes.logarithmic(record, 1.0))
    assert [note for tell in told for note in tell(fox())] == []


def test_no_sink_and_no_lost_mass_is_told_of_pooled_cells():
    record = pooled(sink=True)
    head = record.head_ids[0]
    assert not notes.has_sink(record, head)
    assert notes.unexplained(record, record.head_ids) == ()
    assert [*notes.sinks(record, record.head_ids)] == []


def test_runs_are_cut_as_pooled_records_are():
    assert [run.start for run in spans(runs_of(1000, 7))] == starts(1000, 7).tolist()
