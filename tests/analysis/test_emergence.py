"""How each head became what it is, held to what is asked of each step by itself."""

import pytest

from attnviz.analysis.emergence import rises
from attnviz.analysis.patterns.find import NO_PATTERN, find_pattern, score_patterns
from attnviz.errors import OutOfRange
from attnviz.selection import HeadId
from tests.histories import learning


def test_every_step_is_asked_by_itself():
    history = learning(5)
    for rise in rises(history):
        final = find_pattern(history.record(-1), rise.head)
        assert (rise.pattern, rise.clear) == (final.nearest, final.label != NO_PATTERN)
        for place, record in enumerate(history):
            assert rise.scores[place] == pytest.approx(score_patterns(record, rise.head)[rise.pattern].score)
            assert rise.names[place] == find_pattern(record, rise.head).label


def test_a_head_that_learns_is_told_from_one_that_does_not():
    learned, even = rises(learning(6), [HeadId(1, 0), HeadId(1, 1)])
    assert (learned.pattern, learned.lesson) == ("previous", "modifier -> noun")
    assert learned.scores == tuple(sorted(learned.scores))
    assert learned.scores[0] < 0.2 < 0.99 < learned.scores[-1]
    first = learned.names.index("previous")
    assert first > 0
    assert set(learned.names[first:]) == {"previous"}
    assert learned.since == learning(6).steps[first]
    assert (even.pattern, even.since, even.lesson) == ("broad", 0, None)


def test_a_broken_run_counts_from_its_last_part():
    history = learning(6)
    order = [5, 5, 0, 5, 5, 5]
    mixed = learning(6, weights=history.weights[order])
    assert rises(mixed, [HeadId(0, 0)])[0].since == 30


def test_a_head_without_a_clear_pattern_has_no_step():
    history = learning(6, weights=learning(60).weights[12:18])
    (rise,) = rises(history, [HeadId(0, 0)])
    assert not rise.clear
    assert rise.since is None


def test_progress_is_told_after_every_step():
    told = []
    rises(learning(4), [HeadId(0, 0)], lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_head_that_is_not_there_is_refused():
    with pytest.raises(OutOfRange):
        rises(learning(2), [HeadId(7, 0)])
