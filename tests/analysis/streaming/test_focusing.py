"""What heads read of a stream of blocks, held to what they read of the whole record."""

import weakref
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import attnviz
from attnviz.analysis.focus import Focus, focus, focus_stream, links_of
from attnviz.analysis.patterns.find import find_patterns, score_patterns
from attnviz.analysis.streaming import gathering, layout, linking, reducing, sums
from attnviz.analysis.streaming.focusing import Focusing
from attnviz.analysis.streaming.patterning import Patterning
from attnviz.errors import OutOfRange
from attnviz.frame import blocks_of, frame_of
from attnviz.observe import Observer, RowBlock
from attnviz.prompt import Prompt
from attnviz.record import Attention, from_arrays
from attnviz.selection import HeadId, Selection
from attnviz.store import read
from tests.analysis.heads import pure_heads
from tests.analysis.records import records
from tests.analysis.streaming.blocks import FORMS, SIZES, in_blocks
from tests.analysis.weights import random_weights, seeds
from tests.sources.conftest import minilm

__all__ = ["minilm"]

SAMPLES = Path(__file__).parents[3] / "samples"
RECORDS = sorted(path.name for path in SAMPLES.glob("*.safetensors") if path.name != "history.safetensors")

TEXT = (
    "The cat sat on the mat. The dog, which was old, slept by the door, and the cat watched the dog. When "
    "the bell rang, the dog barked, the cat ran, and the door opened."
)


def told(
    record: Attention, blocks: Iterable[RowBlock], heads: Sequence[HeadId] | None = None, top: int = 3
) -> Focus:
    """The focus of a stream, in two looks where two are needed."""
    blocks = list(blocks)
    focusing = Focusing(frame_of(record), top, heads)
    for block in blocks:
        focusing.update(block)
    if again := focusing.again(record.heads):
        for block in blocks:
            again.update(block)
        again.settle()
    return focusing.result()


def assert_same(one: Any, other: Any, within: float = 2e-6) -> None:
    """Hold results against each other, numbers up to rounding."""
    assert type(one) is type(other)
    if is_dataclass(one):
        for part in fields(one):
            assert_same(getattr(one, part.name), getattr(other, part.name), within)
    elif isinstance(one, tuple | list):
        assert len(one) == len(other)
        for first, second in zip(one, other, strict=True):
            assert_same(first, second, within)
    elif isinstance(one, float):
        assert one == pytest.approx(other, abs=within, rel=within, nan_ok=True)
    else:
        assert one == other


@given(records(), st.sampled_from(SIZES), st.sampled_from(sorted(FORMS)), st.booleans())
def test_any_blocks_give_what_the_record_gives(
    record: Attention, size: tuple[int | None, int | None], form: str, cut: bool
) -> None:
    streamed = told(record, in_blocks(record, *size, FORMS[form], cut=cut))
    assert_same(streamed, focus(record))


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("size", [(7, 1), (1, None)])
def test_records_of_models_are_told_alike(name: str, size: tuple[int, int | None]) -> None:
    record = read(SAMPLES / name)
    assert_same(told(record, in_blocks(record, *size), top=5), focus(record, top=5))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("form", sorted(FORMS))
def test_each_pattern_is_found_in_a_stream(form: str, causal: bool) -> None:
    record, names = pure_heads(300, causal=causal)
    whole = focus(record)
    if not causal:
        assert [head.pattern.label for head in whole.heads] == names
    assert_same(told(record, in_blocks(record, 37, 3, FORMS[form], cut=causal)), whole)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_long_rows_in_single_precision_say_the_same(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels, positions and evidence are the same; an error near 0 is where single precision shows."""
    record, _ = pure_heads(300, causal=True)
    whole = focus(record)
    for module in (reducing, gathering):
        monkeypatch.setattr(module, "SHORT", 0)
    assert_same(told(record, in_blocks(record, 64, 1, FORMS[form], cut=True)), whole, within=1e-4)


def test_blocks_of_another_device_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where weights are not the processor's own they stay with their library until they are summed up."""
    record, _ = pure_heads(150, causal=True)
    whole = focus(record)
    for module in (reducing, gathering):
        monkeypatch.setattr(module, "SHORT", 0)
    monkeypatch.setattr(sums, "near", lambda array: array)
    assert_same(told(record, in_blocks(record, 20, 4, FORMS["torch"], cut=True)), whole, within=1e-4)


@pytest.mark.parametrize("picked", [0, 10**9])
def test_products_with_sets_of_keys_are_as_good_as_picking_cells(
    picked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, _ = pure_heads(150)
    whole = focus(record)
    monkeypatch.setattr(layout, "_PICKED", picked)
    assert_same(told(record, in_blocks(record, 20, 2)), whole)


def test_cells_that_are_not_kept_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    record, _ = pure_heads(150)
    whole = focus(record)
    monkeypatch.setattr(layout, "_KEPT", 0)
    assert_same(told(record, in_blocks(record, 20, 1)), whole)


def test_heads_may_come_in_any_company() -> None:
    """A capture may hand on many heads of short rows, and single ones of long rows."""
    record, _ = pure_heads(60)
    many = [block for block in blocks_of(record, rows=20) if block.start < 40]
    single = [block for block in blocks_of(record, rows=20, heads=1) if block.start >= 40]
    assert_same(told(record, [*many, *reversed(single)]), focus(record))


def test_rows_of_heads_may_be_cut_differently() -> None:
    record = from_arrays(
        random_weights(5, 2, 23, 23, causal=True), [f"w{i % 5}" for i in range(23)], causal=True
    )
    blocks = [
        RowBlock(
            0,
            start,
            record.weights[0, head : head + 1, start : start + rows],
            head,
            visible=lambda start=start, rows=rows: record.visible(0)[start : start + rows],
        )
        for head, rows in ((0, 4), (1, 7))
        for start in range(0, 23, rows)
    ]
    assert_same(told(record, blocks), focus(record))


@given(seeds)
def test_windows_give_the_record_of_a_window(seed: int) -> None:
    """A layer that sees a few tokens back hands on their columns alone."""
    window = np.tri(19, dtype=bool) & ~np.tri(19, k=-6, dtype=bool)
    weights = random_weights(seed, 2, 2, 19, 19, causal=True)
    weights[1] *= window
    weights[1] /= weights[1].sum(axis=-1, keepdims=True)
    visible = np.stack([np.tri(19, dtype=bool), window])
    record = from_arrays(weights, [f"w{i % 6}" for i in range(19)], causal=True, visible=visible)
    assert_same(told(record, in_blocks(record, 4, 1, cut=True)), focus(record))


def test_a_model_hands_on_what_is_needed_again_alone() -> None:
    reading = attnviz.load("builtin").read(Prompt(TEXT))
    asked: list[Selection] = []

    def observe(observer: Observer, selection: Selection) -> None:
        asked.append(selection)
        reading.observe(observer, selection)

    streamed = focus_stream(observe, reading.frame(), top=4)
    assert_same(streamed, focus(reading.record(), top=4))
    assert len(asked) <= 2
    assert asked[0] == Selection()


def test_a_head_in_doubt_is_looked_at_twice_and_no_other() -> None:
    record, names = pure_heads(150)
    focusing = Focusing(frame_of(record))
    for block in blocks_of(record, rows=16):
        focusing.update(block)
    again = focusing.again()
    assert again is not None
    doubted = {names[int(head.split("H")[1])] for head in again.selection.heads.split(",")}
    assert {"block", "same word", "induction"} <= doubted
    assert not doubted & {"previous", "first", "vertical", "self", "broad", "special"}


def test_some_heads_are_told_as_among_all() -> None:
    record, _ = pure_heads(60)
    heads = [HeadId(0, 8), HeadId(0, 0), HeadId(0, 9)]
    some, whole = focus(record, heads), focus(record)
    by_name = {head.head: head for head in whole.heads}
    assert_same(some.heads, tuple(by_name[head] for head in heads))
    scored, found = score_patterns(record, HeadId(0, 8)), find_patterns(record)[HeadId(0, 8)]
    assert_same(scored[found.label], found)


def test_links_of_a_head_are_those_it_tells() -> None:
    record, _ = pure_heads(60)
    for head in focus(record, top=10**6).heads:
        listed = links_of(record, head.head)
        assert sorted(listed, key=lambda link: -link.weight) == list(head.links)


def test_a_head_that_is_not_there_is_refused() -> None:
    record, _ = pure_heads(30)
    for observer in (Focusing, lambda frame, _, heads: Patterning(frame, heads)):
        with pytest.raises(OutOfRange, match="no head L3H0"):
            observer(frame_of(record), 3, [HeadId(3, 0)])


@given(seeds)
def test_the_most_telling_link_of_each_query_is_found_by_a_plain_loop(seed: int) -> None:
    weights = random_weights(seed, 2, 2, 7, 7)
    record = from_arrays(weights, [*"abcdefg"])
    best: dict[int, tuple[float, HeadId, int]] = {}
    for head in record.head_ids:
        usual = record.head(head).mean(axis=0, dtype=np.float64)
        for link in links_of(record, head):
            above = link.weight - usual[link.target_position]
            if above > best.get(link.source_position, (-np.inf,))[0]:
                best[link.source_position] = (above, head, link.target_position)
    found = {link.source_position: (link.head, link.target_position) for link in focus(record).together.links}
    assert found == {query: link[1:] for query, link in best.items()}


def test_equal_links_go_to_the_last_head_and_key() -> None:
    rows = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
    record = from_arrays(np.stack([rows, rows]), [*"abc"])
    found = [(str(link.head), link.target) for link in told(record, in_blocks(record, 1, 1)).together.links]
    assert found == [("L0H1", "c"), ("L0H1", "c"), ("L0H1", "b")]


def test_a_link_needs_no_more_than_its_share_in_double_precision() -> None:
    enough = linking.enough_to_tell(np.array([0, 1, 7, 19, 21]))
    assert enough.tolist() == [0.1, 0.5, 2 / 7, 2 / 19, 0.1]
    assert (linking._at_least(enough) >= enough).all()


def test_a_real_model_is_told_alike_in_a_stream(minilm: Path) -> None:
    reading = attnviz.load(str(minilm)).read(Prompt(TEXT))
    streamed = focus_stream(lambda observer, selection: reading.observe(observer, selection), reading.frame())
    assert_same(streamed, focus(reading.record()), within=1e-4)


@pytest.mark.parametrize("short", [0, 1024])
@given(seed=seeds, resting=st.sampled_from([0.0, 0.3, 0.6, 0.95]))
def test_links_beside_those_many_heads_rest_on_are_found_by_a_plain_loop(
    short: int, seed: int, resting: float
) -> None:
    """The first key and the one before are known; what else a row gives enough must be found as well."""
    size = 40
    rows = random_weights(seed, 1, 1, size, size, causal=True)[0, 0] ** 3
    rows = rows / np.maximum(rows.sum(axis=-1, keepdims=True), 1e-9) * (1 - resting)
    rows[:, 0] += resting / 2
    rows[np.arange(1, size), np.arange(size - 1)] += resting / 2
    rows = (rows / rows.sum(axis=-1, keepdims=True)).astype(np.float32)
    record = from_arrays(rows, [f"w{i}" for i in range(size)], causal=True)
    enough = linking._at_least(linking.enough_to_tell(np.arange(size)))
    wanted = [
        (query, key) for query in range(size) for key in range(query) if rows[query, key] >= enough[query]
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reducing, "SHORT", short)
        found = [(link.source_position, link.target_position) for link in links_of(record, HeadId(0, 0))]
    assert found == wanted


def test_sums_made_in_pieces_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    record, _ = pure_heads(150, causal=True)
    whole = focus(record)
    monkeypatch.setattr(gathering, "_ALONE", 600)
    monkeypatch.setattr(sums, "_ALONE", 7)
    assert_same(told(record, in_blocks(record, 20, 2)), whole)


def test_what_rows_come_to_is_let_go_once_their_head_is_told() -> None:
    record = from_arrays(
        random_weights(3, 4, 30, 30, causal=True), [f"w{i % 5}" for i in range(30)], causal=True
    )
    patterning = Patterning(frame_of(record))
    told = [
        weakref.ref(rows)
        for block in in_blocks(record, 7, 2)
        if (reduced := patterning.reducing.reduced(block))
        for rows in patterning.take(reduced).values()
    ]
    assert len(told) == len(record.head_ids)
    assert not any(rows() for rows in told)
