"""What rows add up to, held to plain loops, in whatever blocks and arrays they come."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnviz.analysis.streaming.sums import Adding, Summing, row_sums
from attnviz.arrays import on_cpu
from attnviz.observe import RowBlock, RowSums, Wanted
from attnviz.record import Attention, from_arrays
from tests.analysis.records import records
from tests.analysis.streaming.blocks import FORMS, SIZES, as_torch, in_blocks
from tests.analysis.weights import random_weights


class Kept:
    """Keeps sums."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted, self.sums = wanted, list[RowSums]()

    def take(self, sums: RowSums) -> None:
        self.sums.append(sums)


def wanted_of(record: Attention, steps: tuple[int, ...] = (-1, 0, 1, -20, 20)) -> Wanted:
    keys = len(record.keys)
    return Wanted(
        keys={
            "first": np.arange(keys) == 0,
            "third": np.arange(keys) % 3 == 0,
            "none": np.zeros(keys, dtype=bool),
            "all": np.ones(keys, dtype=bool),
        },
        steps=steps,
        counted=np.arange(len(record.queries)) % 2 == 0,
        first=None if record.block == "cross" else keys - len(record.queries),
    )


def by_hand(record: Attention, wanted: Wanted, layer: int, head: int) -> Iterator[dict[str, float]]:
    """What one head's rows add up to, a query at a time."""
    for i, row in enumerate(record.weights[layer, head].astype(float).tolist()):
        at = i + (wanted.first or 0)
        yield {
            "mass": sum(row),
            "entropy": -sum(w * math.log2(w) for w in row if w > 0),
            "squares": sum(w * w for w in row),
            "distance": sum(w * abs(at - j) for j, w in enumerate(row)),
            **{
                name: sum(w for w, of in zip(row, keys, strict=True) if of)
                for name, keys in wanted.keys.items()
            },
            **{
                str(step): row[at + step] if 0 <= at + step < len(row) and wanted.first is not None else 0.0
                for step in wanted.steps
            },
        }


def assert_sums(record: Attention, wanted: Wanted, kept: list[RowSums]) -> None:
    """Hold sums to the loops, and the rows that they cover to all there are."""
    layers, heads, queries, keys = record.weights.shape
    covered = np.zeros((layers, heads, queries), dtype=int)
    received = np.zeros((layers, heads, keys))
    for sums in kept:
        layer = record.layers.index(sums.layer)
        rows = slice(sums.start, sums.start + sums.mass.shape[1])
        np.testing.assert_array_equal(on_cpu(sums.seen), record.visible(sums.layer)[rows].sum(axis=1))
        for place in range(len(sums.mass)):
            head = sums.first_head + place
            covered[layer, head, rows] += 1
            received[layer, head] += on_cpu(sums.received)[place]
            expected = list(by_hand(record, wanted, layer, head))[rows]
            found = {"mass": sums.mass, "entropy": sums.entropy, "squares": sums.squares, **sums.on}
            found |= {str(step): beside for step, beside in sums.beside.items()}
            if wanted.first is not None:
                found["distance"] = sums.distance
            for name, values in found.items():
                told = [row[name] for row in expected]
                np.testing.assert_allclose(on_cpu(values)[place], told, atol=2e-6, rtol=2e-6, err_msg=name)
    assert (covered == 1).all()
    weights = record.weights[:, :, wanted.counted].astype(float)
    np.testing.assert_allclose(received, weights.sum(axis=2), atol=1e-5)


@given(records(), st.sampled_from([1, 2, 7, None]), st.sampled_from([1, None]), st.booleans(), st.booleans())
def test_any_record_adds_up_as_in_plain_loops(
    record: Attention, rows: int | None, heads: int | None, cut: bool, torches: bool
) -> None:
    kept = Kept(wanted_of(record))
    summing = Summing(kept)
    for block in in_blocks(record, rows, heads, as_torch if torches else np.asarray, cut=cut):
        summing.update(block)
    assert_sums(record, kept.wanted, kept.sums)


@pytest.mark.parametrize(("rows", "heads"), SIZES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("causal", [False, True])
def test_a_text_adds_up_alike_in_any_blocks(
    rows: int | None, heads: int | None, form: str, causal: bool
) -> None:
    weights = random_weights(4, 2, 3, 19, 19, causal=causal)
    record = from_arrays(weights, ["a"] * 19, causal=causal)
    kept = Kept(wanted_of(record))
    summing = Summing(kept)
    for block in in_blocks(record, rows, heads, FORMS[form], cut=True):
        summing.update(block)
    assert_sums(record, kept.wanted, kept.sums)


def test_the_last_queries_of_a_text_are_as_far_from_their_keys_as_in_the_whole() -> None:
    whole = from_arrays(random_weights(6, 9, 9), ["a"] * 9)
    sums = [
        row_sums(block, wanted_of(part))
        for part in (whole, Attention(whole.queries[4:], whole.keys, whole.weights[:, :, 4:], (0,), (0,), ""))
        for block in in_blocks(part, None, None)
    ]
    np.testing.assert_allclose(sums[1].distance, sums[0].distance[:, 4:], rtol=1e-6)
    np.testing.assert_array_equal(sums[1].beside[-1], sums[0].beside[-1][:, 4:])


def test_a_head_that_looks_at_itself_is_at_no_distance_however_long_the_text() -> None:
    rows, keys = 4, 2**17
    weights = np.zeros((1, rows, keys), dtype=np.float32)
    start = keys - rows
    weights[0, np.arange(rows), start + np.arange(rows) - 1] = 1 / 3
    weights[0, np.arange(rows), start + np.arange(rows)] = 2 / 3
    wanted = Wanted({}, (), np.zeros(keys, dtype=bool), 0)
    sums = row_sums(RowBlock(0, start, weights), wanted)
    np.testing.assert_allclose(sums.distance, 1 / 3, rtol=1e-6)


def test_an_entropy_that_comes_with_the_rows_is_taken_as_it_is() -> None:
    given = np.full((1, 3), 0.25, dtype=np.float32)
    block = RowBlock(0, 0, np.eye(3, dtype=np.float32)[None], entropy=given)
    sums = row_sums(block, Wanted({}, (), np.zeros(3, dtype=bool)))
    np.testing.assert_array_equal(sums.entropy, given)


@given(st.integers(0, 1000), st.booleans(), st.integers(0, 6))
def test_a_mass_that_comes_with_the_rows_gives_the_same_sums(seed: int, causal: bool, start: int) -> None:
    record = from_arrays(random_weights(seed, 2, 11, 11, causal=causal), ["a"] * 11, causal=causal)
    block = RowBlock(0, start, record.weights[0, :, start : start + 5])
    wanted = wanted_of(record)
    alone, told = (row_sums(each, wanted) for each in (block, replace(block, mass=block.weights.sum(-1))))
    np.testing.assert_allclose(told.mass, alone.mass, rtol=1e-6)
    np.testing.assert_allclose(told.distance, alone.distance, atol=1e-5)


def test_a_rounded_mass_makes_no_distance_negative() -> None:
    rows, keys = 64, 4096
    weights = np.zeros((1, rows, keys), dtype=np.float32)
    weights[0, np.arange(rows), keys - rows + np.arange(rows)] = 1
    mass = np.full((1, rows), np.nextafter(np.float32(1), np.float32(0)))
    wanted = Wanted({}, (), np.zeros(keys, dtype=bool), 0)
    distance = row_sums(RowBlock(0, keys - rows, weights, mass=mass), wanted).distance
    np.testing.assert_array_equal(distance, 0)


def test_between_two_texts_there_is_no_distance_and_nothing_beside() -> None:
    block = RowBlock(0, 0, np.full((1, 2, 3), 1 / 3, dtype=np.float32))
    sums = row_sums(block, Wanted({}, (0, 1), np.ones(2, dtype=bool), None))
    assert sums.distance is None
    assert not any(beside.any() for beside in sums.beside.values())


def test_what_is_visible_is_asked_once_for_all_heads() -> None:
    asked = list[int]()
    record = from_arrays(random_weights(1, 3, 5, 5), ["a"] * 5)
    summing = Summing(Kept(wanted_of(record)))
    for block in in_blocks(record, 2, 1):
        start, visible = block.start, block.visible
        counting = RowBlock(
            0,
            start,
            block.weights,
            block.first_head,
            visible=lambda v=visible, s=start: asked.append(s) or v(),
        )
        summing.update(counting)
    assert asked == [0, 2, 4]


def test_half_precision_is_added_up_in_single_precision() -> None:
    weights = torch.full((1, 1, 4096), 1 / 4096, dtype=torch.bfloat16)
    sums = row_sums(RowBlock(0, 4095, weights), Wanted({}, (), np.zeros(4096, dtype=bool)))
    np.testing.assert_allclose(on_cpu(sums.mass), 1.0, rtol=1e-6)


def test_arrays_of_another_device_stay_there() -> None:
    weights = torch.empty((2, 3, 4), device="meta")
    entropy = torch.empty((2, 3), device="meta")
    wanted = wanted_of(from_arrays(random_weights(0, 4, 4), ["a"] * 4), (-1, 0))
    seen = torch.empty(3, device="meta", dtype=torch.int64)
    sums = Adding(wanted).up(RowBlock(0, 1, weights, entropy=entropy), seen)
    parts = (sums.mass, sums.squares, sums.distance, sums.received, *sums.on.values(), *sums.beside.values())
    assert {str(part.device) for part in parts} == {"meta"}
