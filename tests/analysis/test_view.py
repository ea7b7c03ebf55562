"""Views as records: their numbers, what they say of tokens and layers, what is made of them elsewhere."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

import attnviz
from attnviz.analysis.hidden import drop_special
from attnviz.analysis.through.flow import flow
from attnviz.analysis.through.norms import joint_norms, norms
from attnviz.analysis.through.relevance import relevance
from attnviz.analysis.through.rollout import rollout
from attnviz.analysis.through.view import NEEDS, describe, view, view_together
from attnviz.analysis.words import merge_words
from attnviz.errors import MissingInternals, OutOfRange, RequestError
from attnviz.outcome import Gradients, Question
from attnviz.prompt import Prompt
from attnviz.record import VIEWS, Attention, Token
from attnviz.selection import TOGETHER, HeadId, Selection
from tests.analysis.records import records
from tests.analysis.test_through_norms import made
from tests.analysis.weights import random_weights

FOX = "The quick brown fox jumps over the lazy dog."
THROUGH = ("rollout", "flow", "relevance")
MADE = [kind for kind in VIEWS if kind != "weights"]


def gradients_of(record: Attention, seed: int = 0) -> Gradients:
    values = np.random.default_rng(seed).normal(size=record.weights.shape).astype(np.float32)
    return Gradients(values, row=1, answer="dog", probability=0.125, token="lazy")


def causal(depth: int = 3, size: int = 5) -> Attention:
    """Random causal weights of some layers, the second of which sees two tokens back."""
    weights = random_weights(0, depth, 2, size, size, causal=True)
    window = np.tri(size, dtype=bool) & ~np.tri(size, k=-2, dtype=bool)
    weights[1] *= window
    weights[1] /= weights[1].sum(axis=-1, keepdims=True)
    visible = np.stack([window if layer == 1 else np.tri(size, dtype=bool) for layer in range(depth)])
    return attnviz.from_arrays(weights, [f"t{n}" for n in range(size)], causal=True, visible=visible)


@pytest.fixture(scope="module")
def fox() -> tuple[Attention, Gradients]:
    """What the built-in model reads, and how its judgement of "fox" depends on it."""
    reading = attnviz.load("builtin").read(Prompt(FOX))
    record = reading.record(internals=True)
    return record, reading.weight_gradients(record, Question("fox"))


@pytest.fixture(scope="module", params=MADE)
def seen(request: pytest.FixtureRequest, fox: tuple[Attention, Gradients]) -> Attention:
    """Every view of it."""
    record, gradients = fox
    return view(record, request.param, gradients=gradients)


class TestNumbers:
    def test_norms_are_shares_of_each_row(self) -> None:
        record = made(0)
        amounts = norms(record)
        found = view(record, "norms")
        assert found.weights == pytest.approx(amounts / amounts.sum(axis=-1, keepdims=True), abs=1e-6)
        assert found.weights.sum(axis=-1) == pytest.approx(np.ones(found.weights.shape[:3]), abs=1e-6)

    def test_norms_together_are_shares_of_what_a_layer_gives(self) -> None:
        record = made(1)
        amounts = joint_norms(record)[1]
        found = view_together(record, layers=[1])
        assert found.head("L1") == pytest.approx(amounts / amounts.sum(axis=-1, keepdims=True), abs=1e-6)

    def test_gradients_keep_the_proportions_of_rows_and_heads(self) -> None:
        record = made(2)
        gradients = gradients_of(record)
        amounts = np.maximum(record.weights * gradients.values, 0)
        found = view(record, "gradients", gradients=gradients).weights
        assert found.sum(axis=-1).max() == pytest.approx(1.0)
        assert found * amounts.sum(axis=-1).max() == pytest.approx(amounts, abs=1e-6)

    def test_an_answer_that_no_weight_speaks_for_leaves_nothing(self) -> None:
        record = made(3)
        against = replace(gradients_of(record), values=-np.ones_like(record.weights))
        for kind in ("gradients", "relevance"):
            assert not view(record, kind, gradients=against).weights.any()

    def test_rollout_and_flow_are_those_of_all_layers_below(self) -> None:
        record = made(4)
        both_ways = replace(record, causal=False)
        assert view(both_ways, "rollout", layers=[1]).weights[0, 0] == pytest.approx(
            rollout(record.weights)[1], abs=1e-6
        )
        amounts = flow(record.weights)[1]
        shares = amounts / amounts.sum(axis=-1, keepdims=True)
        assert view(both_ways, "flow", layers=[1]).weights[0, 0] == pytest.approx(shares, abs=1e-6)

    def test_of_a_causal_record_they_are_relative_to_even_attention(self) -> None:
        record = causal()
        visible = np.stack([record.visible(layer) for layer in record.layers])
        for kind, measure in (("rollout", rollout), ("flow", flow)):
            found = view(record, kind).weights[:, 0]
            assert found == pytest.approx(measure(record.weights.astype(np.float64), visible), abs=1e-6)
            assert found.sum(axis=-1) == pytest.approx(np.ones((3, 5)), abs=1e-6)

    def test_relevance_is_without_the_identity_and_as_shares(self) -> None:
        record = made(5)
        gradients = gradients_of(record)
        grown = relevance(record.weights.astype(np.float64), gradients.values)[1] - np.eye(4)
        whole = grown.sum(axis=-1, keepdims=True)
        expected = np.divide(grown, whole, out=np.zeros_like(grown), where=whole > 0)
        found = view(record, "relevance", layers=[1], gradients=gradients)
        assert found.weights[0, 0] == pytest.approx(expected, abs=1e-6)

    def test_the_layers_asked_for_are_those_of_the_whole(self) -> None:
        record = causal()
        for kind in THROUGH:
            whole = view(record, kind, gradients=gradients_of(record))
            part = view(record, kind, layers=[2, 0], gradients=gradients_of(record))
            assert part.layers == (0, 2)
            assert part.weights == pytest.approx(whole.weights[[0, 2]])


class TestWhatTheySay:
    @given(records())
    def test_any_record_that_can_be_viewed_gives_a_record(self, record: Attention) -> None:
        answer = gradients_of(record)
        found = view(record, "gradients", gradients=answer)
        assert (found.queries, found.keys, found.predictions) == (
            record.queries,
            record.keys,
            record.predictions,
        )
        assert all((found.visible(layer) == record.visible(layer)).all() for layer in found.layers)
        if record.block == "self":
            for kind in THROUGH:
                through = view(record, kind, gradients=answer)
                assert (through.weights.sum(axis=-1) <= 1.001).all()
                for lower, upper in pairwise(through.layers):
                    assert (through.visible(upper) | ~through.visible(lower)).all()
        else:
            with pytest.raises(RequestError, match="attention to other tokens"):
                view(record, "rollout")

    def test_one_map_for_each_layer_is_of_no_head(self) -> None:
        record = replace(causal(), heads_per_key=2, sinks=(0,), taught={HeadId(0, 1): "nsubj"})
        found = view(record, "rollout")
        assert found.heads == (TOGETHER,)
        assert [str(head) for head in found.head_ids] == ["L0", "L1", "L2"]
        assert (found.sinks, dict(found.taught), found.aligning, found.heads_per_key) == ((), {}, (), 1)
        assert (found.internals, found.view, found.answer) == (None, "rollout", None)

    def test_heads_stay_what_they_are(self) -> None:
        record = replace(made(0), heads_per_key=3, sinks=(0,), taught={HeadId(0, 1): "nsubj"})
        found = view(record, "norms", layers=[0])
        assert (found.heads, found.heads_per_key, found.layers) == (record.heads, 3, (0,))
        assert dict(found.taught) == {HeadId(0, 1): "nsubj"}
        assert (found.sinks, found.internals, found.view) == ((), None, "norms")

    def test_what_is_reached_through_windows_widens(self) -> None:
        record = causal(4)
        narrow = replace(
            record, weights=record.weights[[1, 1, 1, 1]], sight=dict.fromkeys(range(4), record.sight[1])
        )
        found = view(narrow, "rollout")
        for layer in range(4):
            back = np.tri(5, dtype=bool) & ~np.tri(5, k=-layer - 2, dtype=bool)
            assert (found.visible(layer) == back).all()
        assert 3 not in found.sight  # four steps back is every token of five

    def test_mass_of_tokens_taken_out_is_still_told(self) -> None:
        tokens = (Token("[CLS]", kind="special"), Token("a", word=0), Token("b", word=1))
        record = Attention(tokens, tokens, random_weights(1, 2, 2, 3, 3), (0, 1), (0, 1), "any")
        kept = drop_special(record)
        found = view(kept, "rollout")
        assert found.dropped == kept.dropped > 0
        assert found.renormalized
        # Taken out of the view instead, their part in it is known.
        dropped = drop_special(view(record, "rollout"))
        gone = view(record, "rollout").weights[:, :, 1:, 0]
        assert dropped.dropped == pytest.approx(gone.mean(), abs=1e-6)

    def test_the_answer_is_told_in_words(self) -> None:
        record = made(0)
        found = view(record, "gradients", gradients=gradients_of(record))
        assert found.answer == "log2 p('dog') at 'lazy' (p = 0.12)"
        assert found.answer in describe(found)
        assert view(record, "norms", gradients=gradients_of(record)).answer is None


class TestRefusals:
    def test_no_such_view(self) -> None:
        with pytest.raises(RequestError, match="got 'weights', allowed norms, gradients, rollout, flow, rel"):
            view(made(0), "weights")
        with pytest.raises(RequestError, match="got rollout, allowed a record of weights"):
            view(view(made(0), "rollout"), "norms")

    def test_layers_that_are_not_there(self) -> None:
        with pytest.raises(OutOfRange, match="no layer 7: this record holds layers 0-1"):
            view(made(0), "norms", layers=[0, 7])
        with pytest.raises(RequestError, match="no layer to show"):
            view(made(0), "norms", layers=[])

    @pytest.mark.parametrize("kind", THROUGH)
    def test_every_layer_below_is_needed(self, kind: str) -> None:
        whole = causal()
        upper = replace(whole, weights=whole.weights[[0, 2]], layers=(0, 2), sight={})
        with pytest.raises(
            RequestError, match="layer 2 goes through every layer below: got layers 0,2, needed 0-2"
        ):
            view(upper, kind, gradients=gradients_of(upper))
        # The lowest lacks none; and in a model whose layer 1 does not attend, neither does the other.
        assert view(upper, kind, layers=[0], gradients=gradients_of(upper)).layers == (0,)
        between = view(upper, kind, gradients=gradients_of(upper), attending=[0, 2, 4])
        assert between.layers == (0, 2)

    def test_gradients_are_of_the_same_heads(self) -> None:
        record = made(0)
        with pytest.raises(RequestError, match="got no answer's gradients"):
            view(record, "relevance")
        with pytest.raises(RequestError, match="gradients do not fit the weights"):
            view(record, "gradients", gradients=gradients_of(made(0, tokens=3)))

    def test_values_are_needed_for_norms(self) -> None:
        with pytest.raises(MissingInternals):
            view(causal(), "norms")
        with pytest.raises(MissingInternals):
            view_together(causal())

    def test_every_view_says_what_it_needs(self) -> None:
        assert tuple(NEEDS) == VIEWS
        assert [kind for kind, needs in NEEDS.items() if needs.layers_below] == [
            "rollout",
            "flow",
            "relevance",
        ]
        assert [kind for kind, needs in NEEDS.items() if needs.answer] == ["gradients", "relevance"]
        assert [kind for kind, needs in NEEDS.items() if needs.internals] == ["norms"]


class TestOnTheBuiltinModel:
    def test_each_is_a_record_with_a_line_of_its_own(self, seen: Attention) -> None:
        line = describe(seen)
        assert line.startswith(f"{seen.view}: ")
        assert "\n" not in line
        assert (len(seen.queries), seen.text) == (10, FOX)

    def test_each_is_read_merged_and_saved_like_weights(self, seen: Attention, tmp_path) -> None:
        told = attnviz.focus(seen)
        assert told.view == seen.view
        assert [head.head for head in told.heads] == list(seen.head_ids)
        assert merge_words(seen).view == seen.view
        path = tmp_path / "view.safetensors"
        attnviz.save(seen, path)
        assert attnviz.read(path) == seen

    def test_norms_bound_the_output(self, fox: tuple[Attention, Gradients]) -> None:
        record, _ = fox
        internals = record.internals
        mixed = np.einsum("lhqk,lhkd,lhdm->lqm", record.weights, internals.values, internals.output_weights)
        joint, each = joint_norms(record).sum(axis=-1), norms(record).sum(axis=(1, 3))
        assert (np.linalg.norm(mixed, axis=-1) <= joint + 1e-4).all()
        assert (joint <= each + 1e-4).all()
        assert (joint > 0.2 * each).all()

    def test_the_answer_stands_on_what_its_row_reads(self, fox: tuple[Attention, Gradients]) -> None:
        record, gradients = fox
        last = view(record, "gradients", gradients=gradients).weights[-1]
        # The judgement of a word is read from its own row of the last layer: no other row there matters.
        others = np.arange(len(record.queries)) != gradients.row
        assert not last[:, others].any()
        assert last[:, gradients.row].any()
        relevant = view(record, "relevance", gradients=gradients)
        assert relevant.weights[-1, 0, gradients.row].sum() == pytest.approx(1.0, abs=1e-6)
        assert "at 'fox'" in describe(relevant)

    def test_part_of_the_heads_is_viewed_too(self) -> None:
        reading = attnviz.load("builtin").read(Prompt(FOX))
        record = reading.record(Selection("1", "2,5"), internals=True)
        assert view(record, "norms").heads == (2, 5)
        found = view(record, "gradients", gradients=reading.weight_gradients(record))
        assert found.head("L1H5").shape == (10, 10)
