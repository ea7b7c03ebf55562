"""Measures of a stream of blocks, held to those of the whole record."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnviz.analysis.measures import repeats
from attnviz.analysis.measures.copying import (
    behind_earlier_equals,
    earlier_equals,
    induction_mass,
    same_token_mass,
)
from attnviz.analysis.measures.repeats import Repeats
from attnviz.analysis.measures.table import MEASURES, Measured, applicable, measure
from attnviz.analysis.readers import counted_queries
from attnviz.analysis.streaming import measuring as module
from attnviz.analysis.streaming.measuring import Measuring
from attnviz.analysis.streaming.sums import Summing, row_sums
from attnviz.arrays import on_cpu
from attnviz.errors import RequestError
from attnviz.frame import frame_of
from attnviz.observe import RowBlock
from attnviz.record import Attention, Token, from_arrays
from attnviz.selection import HeadId
from tests.analysis.records import records
from tests.analysis.streaming.blocks import FORMS, SIZES, as_torch, in_blocks
from tests.analysis.test_measure_table import repeating
from tests.analysis.weights import random_weights, seeds
from tests.render.sample_translation import translation
from tests.render.samples import fox, patched, windowed

NEEDY = ("gini", "confidence", "same token mass", "induction mass")


def plain(record: Attention, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, spreads and what is above chance, of every row at once and each head by itself."""
    counted = counted_queries(record)
    means, spreads, above = (np.full((len(record.head_ids), len(names)), np.nan) for _ in range(3))
    for place, head in enumerate(record.head_ids):
        visible = record.visible(head.layer)
        even = replace(
            record,
            weights=(visible / np.maximum(visible.sum(-1, keepdims=True), 1))[None, None],
            layers=(head.layer,),
            heads=(head.index,),
            sight={head.layer: visible},
            sinks=(),
            internals=None,
        )
        mass = record.head(head).sum(axis=-1, dtype=np.float64)[counted]
        for column, name in enumerate(names):
            values = MEASURES[name].rows(record, head)[counted]
            values = values[~np.isnan(values)]
            means[place, column] = values.mean() if len(values) else np.nan
            spreads[place, column] = values.std() if len(values) else np.nan
            if MEASURES[name].is_mass:
                chance = (MEASURES[name].rows(even, head)[counted] * mass).mean()
                above[place, column] = means[place, column] - chance
    return means, spreads, above


def assert_measured(found: Measured, record: Attention) -> None:
    """Hold what was measured to plain means over rows."""
    means, spreads, above = plain(record, found.names)
    np.testing.assert_allclose(found.means, means, atol=2e-6, rtol=2e-6)
    np.testing.assert_allclose(found.spreads, spreads, atol=5e-6, rtol=2e-6)
    np.testing.assert_allclose(found.over_chance, above, atol=2e-6, rtol=2e-6)


def assert_same(found: Measured, expected: Measured) -> None:
    """Hold one measured input to another, in every number and name."""
    assert (found.heads, found.names, found.units) == (expected.heads, expected.names, expected.units)
    assert (found.counted, found.queries) == (expected.counted, expected.queries)
    assert (found.model, found.text, found.block) == (expected.model, expected.text, expected.block)
    for name in ("means", "spreads", "over_chance"):
        one, other = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(one, other, atol=5e-6, rtol=2e-6, err_msg=name)
    assert found.sink_rate == pytest.approx(expected.sink_rate)


def streamed(record: Attention, rows: int | None, heads: int | None, **how: object) -> Measured:
    measuring = Measuring(frame_of(record))
    for block in in_blocks(record, rows, heads, **how):  # type: ignore[arg-type]
        measuring.update(block)
    return measuring.result()


def band(size: int = 13, reach: int = 3) -> Attention:
    """Layers that see a window to both sides, and everything."""
    apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    seen = np.stack([apart <= reach, apart >= 0])
    weights = random_weights(8, 2, 2, size, size) * seen[:, None]
    return from_arrays(weights, [*"abcabdabcaaab"[:size]], visible=seen, sinks=True)


RECORDS = {
    "fox": fox(),
    "windowed": windowed(),
    "repeating": repeating(),
    "translation": translation(),
    "patched": patched(),
    "band": band(),
}


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cut", [False, True])
def test_streamed_is_as_whole_in_any_blocks(name: str, form: str, cut: bool) -> None:
    record = RECORDS[name]
    whole = measure(record)
    assert_measured(whole, record)
    for rows, heads in SIZES:
        assert_same(streamed(record, rows, heads, form=FORMS[form], cut=cut), whole)


@settings(max_examples=50)
@given(records(), st.sampled_from([1, 2, 7, None]), st.sampled_from([1, None]), st.booleans(), st.booleans())
def test_any_record_streamed_is_as_whole(
    record: Attention, rows: int | None, heads: int | None, cut: bool, torches: bool
) -> None:
    whole = measure(record)
    assert_measured(whole, record)
    form = as_torch if torches else np.asarray
    assert_same(streamed(record, rows, heads, form=form, cut=cut), whole)


@given(seeds, st.integers(1, 12), st.integers(1, 4), st.integers(1, 5), st.booleans())
def test_listed_cells_are_those_of_the_masks(
    seed: int, size: int, kinds: int, rows: int, often: bool
) -> None:
    generator = np.random.default_rng(seed)
    tokens, first_key = generator.integers(kinds, size=size), int(generator.integers(size))
    weights = random_weights(seed, 2, size, size)
    weights[..., :first_key] = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "_LISTED", 1 if often else 2**20)
        found = Repeats(tokens)
        for _ in range(2):  # lists that are kept are those that were made
            for at in range(0, size, rows):
                block = weights[:, at : at + rows]
                for behind, of in ((0, same_token_mass), (1, induction_mass)):
                    mass = found.mass(np.ascontiguousarray(block[..., first_key:]), at, first_key, behind)
                    np.testing.assert_allclose(mass, of(block, tokens, at), atol=1e-6)


def test_cells_are_listed_or_multiplied_alike_on_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = np.array([0, 1, 0, 0, 2, 1, 0, 0])
    weights = random_weights(2, 3, 8, 8).astype(np.float32)
    masks = earlier_equals(tokens, 8), behind_earlier_equals(tokens, 8)
    for listed in (2, 2**20):
        monkeypatch.setattr(repeats, "_LISTED", listed)
        for behind, mask in enumerate(masks):
            found = Repeats(tokens).mass(as_torch(weights), 0, 0, behind)
            np.testing.assert_allclose(on_cpu(found), (weights * mask).sum(-1), atol=1e-6)


@pytest.mark.parametrize("name", RECORDS)
def test_sums_alone_measure_what_follows_from_them(name: str) -> None:
    record = RECORDS[name]
    measuring = Measuring(frame_of(record))
    summing = Summing(measuring)
    for block in in_blocks(record, 3, 1):
        summing.update(block)
    found, whole = measuring.result(), measure(record)
    kept = [place for place, one in enumerate(whole.names) if one in found.names]
    missing = set(whole.names) - set(found.names)
    assert missing <= {*NEEDY, "distance", "self mass"}
    assert missing >= set(NEEDY) & set(whole.names)
    assert set(measuring.left_out) == missing
    np.testing.assert_allclose(found.means, whole.means[:, kept], atol=2e-6)
    np.testing.assert_allclose(found.spreads, whole.spreads[:, kept], atol=5e-6)
    above = ~np.isnan(found.over_chance)
    np.testing.assert_allclose(found.over_chance[above], whole.over_chance[:, kept][above], atol=2e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_sums_alone_tell_chance_where_everything_or_the_past_is_seen(causal: bool) -> None:
    record = from_arrays(random_weights(2, 2, 9, 9, causal=causal), [*"ab,ab.ab,"], causal=causal)
    measuring = Measuring(frame_of(record))
    for block in in_blocks(record, 4, None):
        measuring.take(row_sums(block, measuring.wanted))
    masses = [MEASURES[name].is_mass for name in measuring.result().names]
    assert np.isfinite(measuring.result().over_chance[:, masses]).all()


def test_where_sums_do_not_say_which_keys_are_seen_no_chance_is_told() -> None:
    record = band()
    measuring = Measuring(frame_of(record), ["sink"])
    for block in in_blocks(record, None, None):
        measuring.take(row_sums(block, measuring.wanted))
    above = measuring.result().over_chance[:, 0]
    assert np.isnan(above).tolist() == [head.layer == 0 for head in record.head_ids]


@pytest.mark.parametrize("name", ["repeating", "patched", "band"])
def test_parts_merge_to_the_whole_in_any_order(name: str) -> None:
    record = RECORDS[name]
    parts = [Measuring(frame_of(record)) for _ in range(3)]
    for number, block in enumerate(in_blocks(record, 2, 1)):
        parts[number % 3].update(block)
    first, second, third = parts
    second.merge(third)
    first.merge(second)
    assert_same(first.result(), measure(record))


def test_rows_that_wait_are_in_the_result_and_may_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    record = fox()
    for at_once in (1, 4, 10**6):
        monkeypatch.setattr(module, "_AT_ONCE", at_once)
        measuring = Measuring(frame_of(record))
        blocks = list(in_blocks(record, 3, 2))
        for block in blocks[: len(blocks) // 2]:
            measuring.update(block)
        measuring.result()
        for block in blocks[len(blocks) // 2 :]:
            measuring.update(block)
        assert_same(measuring.result(), measure(record))


def test_what_takes_an_order_of_every_row_is_left_out_of_long_texts_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = fox()
    assert "gini" in Measuring(frame_of(record)).names
    monkeypatch.setattr(module, "_SORTED", 8)
    measuring = Measuring(frame_of(record))
    assert set(applicable(record)) - set(measuring.names) == {"gini"}
    why = "it puts every row in order, which takes longer than all else"
    assert dict(measuring.left_out) == {"gini": why}
    named = Measuring(frame_of(record), ["gini"])
    assert (named.names, dict(named.left_out)) == (("gini",), {})
    assert "gini" in measure(record).names


def test_what_means_nothing_is_refused_and_only_what_is_asked_is_taken() -> None:
    with pytest.raises(RequestError, match="no such measure of this record: got 'next mass'"):
        Measuring(frame_of(translation()), ["next mass"])
    record = fox()
    measuring = Measuring(frame_of(record), ["breadth", "sink"])
    for block in in_blocks(record, 4, 1):
        measuring.update(block)
    head = [HeadId(record.layers[-1], record.heads[0])]
    assert_same(measuring.result(head), measure(record, head, ["breadth", "sink"]))


def test_nothing_seen_yet_is_no_number() -> None:
    measured = Measuring(frame_of(fox())).result()
    assert np.isnan(measured.means).all()
    assert np.isnan(measured.spreads).all()


def test_a_picture_of_several_scales_meets_itself_where_patches_are_the_same() -> None:
    queries = tuple(Token("", kind="patch", place=(row, column)) for row in range(2) for column in range(3))
    keys = (Token("[CLS]", kind="special"), *queries[::-1])
    record = Attention(queries, keys, random_weights(3, 1, 2, 6, 7), (0,), (0, 1), "vit")
    expected = record.weights[0, :, np.arange(6), 6 - np.arange(6)].mean(axis=0)
    for rows, heads in SIZES:
        measured = streamed(record, rows, heads)
        np.testing.assert_allclose(measured.means[:, measured.names.index("self mass")], expected, rtol=1e-6)


def test_weights_are_never_kept() -> None:
    record = fox()
    measuring = Measuring(frame_of(record))
    for block in in_blocks(record, 3, 1):
        own = block.weights.copy()
        measuring.update(RowBlock(block.layer, block.start, own, block.first_head, visible=block.visible))
        own[:] = 7
    assert_same(measuring.result(), measure(record))
