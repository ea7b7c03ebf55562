"""The record is frozen, and checked when it is made."""

import dataclasses

import numpy as np
import pytest

from attnviz.errors import OutOfRange, RequestError
from attnviz.record import Attention, Internals, Prediction, Token, from_arrays
from attnviz.selection import HeadId

ROWS = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.2, 0.3, 0.5]])


def record(**changes: object) -> Attention:
    words = tuple(Token(text) for text in ("a", "b", "c"))
    facts = {
        "queries": words,
        "keys": words,
        "weights": ROWS[None, None],
        "layers": (4,),
        "heads": (2,),
        "model": "m",
    }
    return Attention(**{**facts, **changes})  # type: ignore[arg-type]


def test_nothing_of_a_record_can_be_changed() -> None:
    made = record()
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.model = "other"  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        made.weights[0, 0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        made.head("L4H2")[0, 0] = 1


def test_changing_the_array_it_was_made_from_changes_no_record() -> None:
    array = ROWS[None, None].astype(np.float32)
    made = record(weights=array)
    array[:] = 0
    assert made.weights.sum() == pytest.approx(3)


def test_an_array_nobody_can_change_is_not_copied() -> None:
    array = ROWS[None, None].astype(np.float32)
    array.flags.writeable = False
    assert record(weights=array).weights is array


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.full((3, 3), np.nan), "finite"),
        (np.diag([1.0, np.inf, 1.0]), "finite"),
        (ROWS - np.array([0.1, 0, 0]), "allowed 0 or more"),
        (ROWS * 1.1, "sums to 1.1"),
    ],
)
def test_what_is_no_attention_is_refused(weights: np.ndarray, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        record(weights=weights[None, None])


@pytest.mark.parametrize(
    "change",
    [
        {"weights": ROWS[None]},
        {"layers": (4, 5)},
        {"queries": (Token("a"),)},
        {"keys": ()},
        {"block": "sideways"},
        {"queries": (Token("a"), Token("b"), Token("c", kind="odd"))},  # type: ignore[arg-type]
        {"causal": True},
        {"sight": {4: np.ones((2, 3), dtype=bool)}},
        {"sight": {4: np.eye(3, dtype=bool)}},
        {"sinks": (5,)},
        {"heads_per_key": 0},
        {"predictions": (Prediction("a", 0.5),)},
        {"predictions": (Prediction("a", 1.5),) * 3},
        {"dropped": float("nan")},
        {"picture": np.zeros((2, 2), dtype=np.uint8)},
        {"picture": np.zeros((2, 2, 3))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_does_not_fit_together_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(RequestError):
        record(**change)


def test_a_row_may_keep_mass_back() -> None:
    assert record(weights=ROWS[None, None] / 2).weights.sum() == pytest.approx(1.5)


def test_heads_go_by_the_models_own_numbers() -> None:
    made = record()
    assert made.head_ids == (HeadId(4, 2),)
    assert np.array_equal(made.head("l4h2"), ROWS.astype(np.float32))
    with pytest.raises(OutOfRange, match="no head L0H0: this record holds layers 4, heads 2"):
        made.head("L0H0")


def test_a_causal_query_sees_keys_up_to_itself() -> None:
    causal = from_arrays(np.tri(3) / np.arange(1, 4)[:, None], ["a", "b", "c"], causal=True)
    assert np.array_equal(causal.visible(4), np.tri(3, dtype=bool))
    assert record().visible(4).all()


def test_later_queries_see_all_earlier_keys() -> None:
    continued = from_arrays([[0.5, 0.5, 0.0], [0.4, 0.3, 0.3]], ["b", "c"], ["a", "b", "c"], causal=True)
    assert continued.visible(0).tolist() == [[True, True, False], [True, True, True]]


def test_records_are_equal_when_all_they_say_is() -> None:
    assert record() == record()
    assert record() != record(text="other")
    assert record() != record(weights=ROWS[None, None] / 2)
    assert record() != "a record"


def test_what_queries_see_cannot_be_changed_and_layers_share_it() -> None:
    seen = np.ones((3, 3), dtype=bool)
    made = record(weights=np.stack([ROWS[None]] * 2), layers=(4, 5), sight={4: seen, 5: seen})
    seen[:] = False
    assert made.visible(4).all()
    assert made.sight[4] is made.sight[5]
    with pytest.raises(ValueError, match="read-only"):
        made.sight[4][0, 0] = False


def test_internals_are_read_only_too() -> None:
    vectors = np.ones((1, 1, 3, 2))
    with pytest.raises(ValueError, match="read-only"):
        Internals(vectors, vectors, vectors).values[0] = 0


@pytest.mark.parametrize("shape", [(2, 3), (1, 2, 3), (4, 1, 2, 3)])
def test_arrays_of_two_to_four_dimensions_make_a_record(shape: tuple[int, ...]) -> None:
    made = from_arrays(np.full(shape, 1 / 3), ["x", "y"], ["a", "b", "c"])
    assert made.block == "cross"
    assert made.weights.shape == (1,) * (4 - len(shape)) + shape


def test_one_row_alone_is_no_matrix() -> None:
    with pytest.raises(RequestError, match="got 1 dimensions"):
        from_arrays([1.0], ["a"])


def test_arrays_may_say_what_each_layer_lets_a_query_see() -> None:
    weights = np.stack([np.eye(3)] * 2)[:, None]
    window = np.tri(3, dtype=bool) & ~np.tri(3, k=-2, dtype=bool)
    every = from_arrays(weights, ["a", "b", "c"], causal=True, visible=window)
    assert every.sight[0] is every.sight[1]
    assert np.array_equal(every.visible(1), window)
    each = from_arrays(weights, ["a", "b", "c"], visible=[np.ones((3, 3)), window])
    assert each.visible(0).all()
    assert not each.visible(1).all()
    with pytest.raises(RequestError, match=r"got \(2, 2\), allowed \(3, 3\)"):
        from_arrays(weights, ["a", "b", "c"], visible=np.ones((2, 2)))
    with pytest.raises(RequestError, match="hidden from it"):
        from_arrays(weights[..., ::-1], ["a", "b", "c"], visible=window)


def test_arrays_may_say_that_what_rows_lack_went_to_sinks() -> None:
    weights = np.stack([ROWS, ROWS / 4])[:, None]
    assert from_arrays(weights, ["a", "b", "c"], sinks=True).sinks == (1,)
    assert from_arrays(weights, ["a", "b", "c"]).sinks == ()


def test_finite_weights_whose_sum_is_none_are_too_much_mass() -> None:
    with pytest.raises(RequestError, match="a row sums to inf, allowed at most 1"):
        from_arrays(np.full((1, 1, 2, 2), 3e38, dtype=np.float32), ["a", "b"])


def test_a_row_of_many_weights_may_sum_to_one_but_for_rounding() -> None:
    row = np.full((1, 1, 1, 16_384), 1 / 16_384, dtype=np.float32)
    assert from_arrays(row, ["a"], ["b"] * 16_384).lost("L0H0") == pytest.approx(0, abs=1e-6)
