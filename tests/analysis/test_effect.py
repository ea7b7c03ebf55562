"""Effects on an answer: closed forms, properties and naive loops, on numpy and torch."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attnviz.analysis import effect as module
from attnviz.analysis.effect import (
    Ablation,
    Effect,
    Effects,
    Flip,
    cosine_distance,
    cost,
    effect,
    importances,
    kullback_leibler,
    surprisal,
)
from attnviz.errors import RequestError
from attnviz.outcome import Outcome
from attnviz.record import Token
from attnviz.selection import TOGETHER, HeadId

LIBRARIES = [np.asarray, torch.asarray]
logits = arrays(np.float64, (3, 4), elements=st.floats(-30, 30))
states = arrays(np.float64, (3, 4), elements=st.floats(-30, 30).map(lambda x: round(x, 3)))


def softmax(row):
    powers = [math.exp(x - max(row)) for x in row]
    return [power / sum(powers) for power in powers]


def naive_kl(before, after):
    """The definition, answer by answer."""
    return [
        sum(p * math.log2(p / q) for p, q in zip(softmax(one), softmax(other), strict=True) if p > 0)
        for one, other in zip(before.tolist(), after.tolist(), strict=True)
    ]


@pytest.mark.parametrize("library", LIBRARIES, ids=["numpy", "torch"])
@pytest.mark.parametrize(
    ("before", "after", "bits"),
    [
        ([0.5, 0.5], [0.25, 0.75], 0.5 * math.log2(2) + 0.5 * math.log2(2 / 3)),
        ([1.0, 0.0], [0.5, 0.5], 1.0),
        ([1.0, 0.0], [1.0, 0.0], 0.0),
        ([0.5, 0.5], [1.0, 0.0], math.inf),
        ([0.25] * 4, [0.7, 0.1, 0.1, 0.1], -2 - 0.25 * (math.log2(0.7) + 3 * math.log2(0.1))),
    ],
)
def test_divergence_in_closed_form(before, after, bits, library):
    with np.errstate(divide="ignore"):
        rows = [library(np.log([probabilities]) + 3) for probabilities in (before, after)]
    assert float(kullback_leibler(*rows)[0]) == pytest.approx(bits, rel=1e-12)


@given(logits, logits)
def test_divergence_is_that_of_a_naive_loop(before, after):
    np.testing.assert_allclose(
        kullback_leibler(before, after), naive_kl(before, after), rtol=1e-9, atol=1e-12
    )


@given(logits, logits)
def test_divergence_is_at_least_pinskers_bound_and_zero_for_equal_rows(before, after):
    bits = kullback_leibler(before, after)
    apart = [
        sum(abs(p - q) for p, q in zip(softmax(one), softmax(other), strict=True))
        for one, other in zip(before.tolist(), after.tolist(), strict=True)
    ]
    # Pinsker: the divergence is at least half the square of the distance, in nats.
    assert (bits >= np.square(apart) / 2 / math.log(2) * (1 - 1e-9) - 1e-12).all()
    assert (kullback_leibler(before, before.copy()) == 0).all()


@given(logits, logits, st.floats(-50, 50))
def test_logits_may_be_shifted(before, after, by):
    np.testing.assert_allclose(
        kullback_leibler(before + by, after), kullback_leibler(before, after), rtol=1e-6, atol=1e-12
    )


@pytest.mark.parametrize("library", LIBRARIES, ids=["numpy", "torch"])
def test_a_small_divergence_does_not_drown_in_rounding(library):
    chance = np.random.default_rng(0)
    before = chance.normal(size=(5, 5000)) * 3 + 15
    after = before + 1e-4 * chance.normal(size=before.shape)
    exact = kullback_leibler(before, after)
    assert exact.max() < 1e-7
    rounded = kullback_leibler(*(library(rows.astype(np.float32)) for rows in (before, after)))
    np.testing.assert_allclose(np.array(rounded.tolist()), exact, rtol=0.02)


@given(states, states)
def test_turns_are_those_of_a_naive_loop(before, after):
    for one, other, turned in zip(before, after, cosine_distance(before, after), strict=True):
        lengths = math.sqrt(sum(x * x for x in one)), math.sqrt(sum(x * x for x in other))
        if 0 in lengths:
            assert turned == (lengths != (0, 0))
        else:
            cosine = sum(x * y for x, y in zip(one, other, strict=True)) / lengths[0] / lengths[1]
            assert turned == pytest.approx(1 - cosine, abs=1e-9)
        assert 0 <= turned <= 2


@given(states, st.floats(0.01, 100))
def test_a_length_alone_turns_nothing(before, by):
    np.testing.assert_allclose(cosine_distance(before, before * by), 0, atol=1e-24)
    assert (cosine_distance(before, before.copy()) == 0).all()


def test_a_small_turn_does_not_drown_in_rounding():
    angle = 1e-4
    before = torch.tensor([[1.0, 0.0]])
    after = torch.tensor([[math.cos(angle), math.sin(angle)]])
    assert float(cosine_distance(before, after)[0]) == pytest.approx(angle**2 / 2, rel=1e-3)


@pytest.mark.parametrize("library", LIBRARIES, ids=["numpy", "torch"])
@given(rows=logits, chosen=arrays(np.intp, 3, elements=st.integers(0, 3)))
def test_surprisal_is_that_of_a_naive_loop(library, rows, chosen):
    expected = [
        -math.log2(max(softmax(row)[at], 1e-300)) for row, at in zip(rows.tolist(), chosen, strict=True)
    ]
    np.testing.assert_allclose(surprisal(library(rows), chosen), expected, rtol=1e-9, atol=1e-12)


TOKENS = (Token("[CLS]", kind="special"), Token("a"), Token("b"))


def outcome(rows, outlook="masked token", reference=(0, 1, 1), library=np.asarray):
    known = None if outlook == "states" else np.array(reference)
    return Outcome(outlook, library(np.asarray(rows, dtype=np.float32)), TOKENS, known, "xyz".__getitem__)


BEFORE = np.log([[0.6, 0.2, 0.2], [0.2, 0.5, 0.3], [0.1, 0.8, 0.1]])
AFTER = np.log([[0.2, 0.6, 0.2], [0.2, 0.25, 0.55], [0.1, 0.8, 0.1]])


@pytest.mark.parametrize("library", LIBRARIES, ids=["numpy", "torch"])
def test_only_rows_of_the_inputs_own_tokens_count(library):
    found = effect(outcome(BEFORE, library=library), outcome(AFTER, library=library), [HeadId(0, 1)])
    np.testing.assert_allclose(found.rows, naive_kl(BEFORE, AFTER)[1:], atol=1e-6)
    assert found.rows.dtype == np.float64
    assert found.mean == pytest.approx(found.rows.sum() / 2)
    assert found.spread == pytest.approx(found.rows[0] / 2)
    assert found.flips == (Flip(0, "y", "z"),)
    assert found.changed == 0.5
    np.testing.assert_allclose(found.losses, [1.0, 0.0], atol=1e-6)
    assert found.loss == pytest.approx(0.5, abs=1e-6)
    assert (found.largest, found.name) == (0, "L0H1")


def test_states_have_no_answers():
    found = effect(outcome([[1, 0], [1, 0], [1, 0]], "states"), outcome([[1, 0], [0, 1], [-1, 0]], "states"))
    assert found.rows.tolist() == [1.0, 2.0]
    assert (found.flips, found.losses, found.changed, found.loss) == (None, None, None, None)
    assert cost(outcome([[1, 0]] * 3, "states")) is None


def test_cost_is_the_mean_surprisal_of_the_rows_that_count():
    assert cost(outcome(BEFORE)) == pytest.approx((1 - math.log2(0.8)) / 2, rel=1e-5)


def test_rows_taken_a_few_at_a_time_are_the_same(monkeypatch):
    whole = effect(outcome(BEFORE), outcome(AFTER))
    monkeypatch.setattr(module, "_AT_ONCE", 3)
    cut = effect(outcome(BEFORE), outcome(AFTER))
    assert cut.rows.tolist() == whole.rows.tolist()
    assert cut.losses.tolist() == whole.losses.tolist()


def test_outcomes_of_other_inputs_are_refused():
    with pytest.raises(RequestError, match=r"got states \(3, 3\), allowed masked token \(3, 3\)"):
        effect(outcome(BEFORE), outcome(AFTER, "states"))
    with pytest.raises(RequestError, match=r"got masked token \(3, 2\), allowed masked token \(3, 3\)"):
        effect(outcome(BEFORE), outcome(AFTER[:, :2]))


gradients = st.dictionaries(
    st.builds(HeadId, st.integers(0, 3), st.integers(0, 5)), st.floats(-100, 100).map(lambda x: round(x, 6))
)


@given(gradients)
def test_importance_has_length_one_in_each_layer(given_gradients):
    found = importances(given_gradients)
    assert {head: one.gradient for head, one in found.items()} == given_gradients
    for layer in {head.layer for head in given_gradients}:
        own = {head: one for head, one in found.items() if head.layer == layer}
        length = math.sqrt(sum(one.share**2 for one in own.values()))
        dead = all(one.gradient == 0 for one in own.values())
        assert length == pytest.approx(0.0 if dead else 1.0)
        largest = max(own.values(), key=lambda one: abs(one.gradient))
        assert largest.share == max(one.share for one in own.values())


def removal(head, *rows, removed=None):
    return Effect(removed or (head,), head, np.array(rows, dtype=np.float64))


def ablation(mode, *entries, importance=None):
    found = Effects("states", (Token("a"), Token("b")), 1, None, 0.0, entries)
    return Ablation("model", "a b", "self", mode, found, importance or {})


def test_the_most_telling_removal_comes_first():
    entries = [
        removal(HeadId(0, 0), 0.1, 0.3),
        removal(HeadId(0, 1), 0.9, 0.9),
        removal(HeadId(1, 0), 0.0, 0.0),
    ]
    assert [entry.name for entry in ablation("each", *entries).ranked] == ["L0H1", "L0H0", "L1H0"]
    assert [entry.name for entry in ablation("alone", *entries).ranked] == ["L1H0", "L0H0", "L0H1"]


def test_importance_ranks_only_heads_there_are_effects_of():
    entries = [removal(HeadId(0, 0), 0.1), removal(HeadId(0, 1), 0.2)]
    known = importances({HeadId(0, 0): 0.1, HeadId(0, 1): -0.2, HeadId(0, 2): 0.9})
    assert ablation("each", *entries, importance=known).importance_ranks == {HeadId(0, 1): 1, HeadId(0, 0): 2}
    whole = removal(HeadId(0, TOGETHER), 0.1, removed=(HeadId(0, 0), HeadId(0, 1)))
    assert ablation("layers", whole, importance=known).importance_ranks == {}


def test_effects_name_what_they_are_of():
    together = Effect((HeadId(0, 0), HeadId(1, 2)), None, np.array([0.5, 0.5]))
    assert together.name == "L0H0 L1H2"
    assert ablation("together", together).effects.by_head == {}
    layer = removal(HeadId(3, TOGETHER), 0.5, removed=(HeadId(3, 0),))
    assert layer.name == "L3"
    told = ablation("layers", layer).effects
    assert told.by_head == {HeadId(3, TOGETHER): layer}
    assert (
        told.description
        == "how far final states turn: 1 - cosine; mean over 2 tokens ± their standard deviation"
    )
    assert told.unit == ""
