from dataclasses import replace

import numpy as np

from attnviz.record import from_arrays
from attnviz.render import notes
from attnviz.selection import HeadId
from tests.render.samples import fox, sinking


def test_mass_that_is_told_elsewhere_is_not_unexplained():
    plain = from_arrays([[0.25]], ["a"])
    assert notes.unexplained(plain, plain.head_ids) == plain.head_ids
    assert notes.unexplained(replace(plain, dropped=0.75), plain.head_ids) == ()
    assert notes.unexplained(sinking(), sinking().head_ids) == ()


def test_rows_brought_back_to_one_lack_nothing_to_a_sink():
    assert notes.has_sink(sinking(), HeadId(0, 0))
    assert not notes.has_sink(replace(sinking(), renormalized=True), HeadId(0, 0))


def test_dropped_mass_is_told_as_a_share():
    assert list(notes.dropped(fox())) == []
    assert list(notes.dropped(replace(fox(), dropped=0.126))) == ["13% of the mass is on tokens not shown"]
    (told,) = notes.dropped(replace(fox(), dropped=0.126, renormalized=True))
    assert told.endswith("; rows brought back to 1")


def test_what_sinks_take_is_told_as_mean_and_most():
    record = from_arrays([[0.5, 0.0], [0.25, 0.5]], ["a", "b"], sinks=True)
    assert list(notes.sinks(record, record.head_ids)) == [
        "learned sinks take 38% of the mass, up to 50% of a row"
    ]
    assert list(notes.sinks(fox(), fox().head_ids)) == []


def test_a_head_names_those_it_shares_keys_with():
    record = replace(from_arrays(np.ones((1, 8, 1, 1)), ["a"]), heads_per_key=4)
    assert list(notes.sharing(record, [HeadId(0, 5)])) == ["shares keys with H4,6-7"]
    assert list(notes.sharing(record, record.head_ids)) == ["heads that share keys: 0-3, 4-7"]
    assert list(notes.sharing(fox(), fox().head_ids)) == []


def test_of_many_groups_the_first_and_the_last_are_named():
    record = replace(from_arrays(np.ones((1, 64, 1, 1)), ["a"]), heads_per_key=8)
    assert list(notes.sharing(record, record.head_ids)) == ["heads that share keys: 0-7, 8-15, …, 56-63"]
