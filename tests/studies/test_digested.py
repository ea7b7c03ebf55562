"""A saved digest serves like its model, as far as it goes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attnviz.analysis.ranking import RecordRows, rank_rows
from attnviz.analysis.streaming.digest import Digest
from attnviz.errors import MissingWeights, NotFound, OutOfRange, RequestError
from attnviz.prompt import Prompt
from attnviz.record import Attention
from attnviz.selection import HeadId, Selection
from attnviz.sources.saved import SavedReading
from attnviz.studies.digest import Limits, digest_of
from attnviz.studies.digest_files import save_digest
from attnviz.studies.digested import DigestReading, DigestRows, DigestSource
from tests.analysis.streaming.squares import square, with_added

RECORD = replace(
    with_added(square(40, causal=True, window=9)), sinks=(1,), taught={HeadId(1, 2): "det"}, model="ours"
)


def made(record: Attention = RECORD, selection: Selection | None = None) -> Digest:
    return digest_of(SavedReading(record), selection or Selection(), Limits(pool=8, top=3))


@pytest.fixture
def source(tmp_path: Path) -> DigestSource:
    return DigestSource(save_digest(made(), tmp_path / "x.safetensors"))


def test_it_is_opened_and_gives_all_it_holds(source: DigestSource) -> None:
    reading = source.read(Prompt())
    assert (source.name, reading.model, reading.text) == ("ours", "ours", RECORD.text)
    assert reading.part() == reading.digest == made()
    outline = reading.outlines["self"]
    assert (outline.numbers, outline.layers[0].queries) == ((0, 1), 40)


@pytest.mark.parametrize("selection", [Selection("1"), Selection("all", "0,2"), Selection(heads="L1H2,L0H1")])
def test_a_part_is_what_would_have_been_made_of_it(selection: Selection) -> None:
    reading = DigestReading(made())
    part, alone = reading.part(selection), made(selection=selection)
    assert part.focus is not None
    assert alone.focus is not None
    assert part == replace(alone, focus=replace(alone.focus, together=None))
    assert part.frame.layers == reading.frame(selection).layers
    assert reading.frame(selection).taught == alone.frame.taught


def test_what_is_not_there_is_named(source: DigestSource) -> None:
    reading = source.read(Prompt())
    with pytest.raises(OutOfRange, match="no layer 5"):
        reading.part(Selection("5"))
    with pytest.raises(RequestError, match="no such block"):
        reading.frame(block="cross")
    with pytest.raises(RequestError, match="another text"):
        source.read(Prompt("fox"))
    with pytest.raises(NotFound):
        DigestSource(Path("nothing.safetensors"))


def test_single_weights_are_refused(source: DigestSource) -> None:
    reading = source.read(Prompt())
    for ask in (reading.record, lambda: reading.observe(None), reading.rows, source.attend):  # type: ignore[arg-type]
        with pytest.raises(MissingWeights, match="not in a digest: got weights, allowed pooled maps"):
            ask()
    for run in (reading.outcome, reading.gate_gradients, lambda: reading.weight_gradients(RECORD)):
        with pytest.raises(RequestError, match="cannot be run again: allowed its model, ours"):
            run()


@pytest.mark.parametrize("criterion", ["entropy", "distance", "pattern"])
def test_heads_are_ranked_by_what_it_holds(criterion: str) -> None:
    plain = rank_rows(RecordRows(RECORD), by=criterion)
    saved = rank_rows(DigestRows(DigestReading(made())), by=criterion)
    assert [one.head for one in saved.entries] == [one.head for one in plain.entries]
    for one, other in zip(saved.entries, plain.entries, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-6)


def test_a_pattern_is_ranked_where_all_come_nearest_to_it() -> None:
    rows = DigestRows(DigestReading(made()))
    nearest = {head: pattern.nearest for head, pattern in rows.patterns(RECORD.head_ids).items()}
    name = nearest[RECORD.head_ids[0]]
    alike = [head for head in RECORD.head_ids if nearest[head] == name]
    plain = rank_rows(RecordRows(RECORD), alike, name)
    assert [one.head for one in rank_rows(rows, alike, name).entries] == [one.head for one in plain.entries]
    with pytest.raises(MissingWeights, match="got every head's score for first"):
        rank_rows(rows, by="first")


def test_what_a_digest_was_made_without_is_named() -> None:
    rows = DigestRows(DigestReading(replace(made(), measured=None, focus=None)))
    with pytest.raises(MissingWeights, match="got entropy"):
        rank_rows(rows, by="entropy")
    with pytest.raises(MissingWeights, match="got patterns"):
        rank_rows(rows, by="pattern")


def test_a_part_has_its_own_share_of_sinks() -> None:
    digest = made()
    assert digest.measured is not None
    firsts = digest.measured.first_key
    np.testing.assert_allclose(firsts, RECORD.weights[..., 0].mean(axis=-1).ravel(), atol=1e-6)
    part = digest.measured.of(digest.measured.heads[2:4])
    assert part.sink_rate == (firsts[2:4] > 0.3).mean()
