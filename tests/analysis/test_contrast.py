"""Two records held against each other: which heads changed, and in what."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import attnviz
from attnviz.analysis.comparing.contrast import contrast
from attnviz.analysis.readers import counted_queries
from attnviz.errors import OutOfRange, RequestError
from attnviz.record import Attention, Token, from_arrays
from attnviz.selection import HeadId
from tests.analysis.records import records
from tests.analysis.weights import random_weights, seeds
from tests.sources.conftest import minilm

__all__ = ["minilm"]

CAT, DOG = "The cat sat on the mat.", "The dog sat on the mat."


def naive_divergence(one: list[float], other: list[float]) -> float:
    """Jensen-Shannon divergence of two distributions, in bits."""
    total = 0.0
    for p, q in zip(one, other, strict=True):
        middle = (p + q) / 2
        total += p / 2 * math.log2(p / middle) if p > 0 else 0.0
        total += q / 2 * math.log2(q / middle) if q > 0 else 0.0
    return total


@given(records())
def test_a_record_against_itself_has_changed_in_nothing(record: Attention) -> None:
    found = contrast(record, record)
    assert [change.head for change in found.changes] == list(record.head_ids)
    assert {(change.divergence.mean, change.divergence.spread) for change in found.changes} == {(0.0, 0.0)}
    assert not found.differences.any()
    assert found.is_whole
    assert found.same_heads
    assert not found.by_words


def test_rows_that_share_no_key_are_one_bit_apart() -> None:
    words = ["a", "b", "c"]
    found = contrast(from_arrays(np.eye(3), words), from_arrays(np.eye(3)[[1, 2, 0]], words))
    assert (found.changes[0].divergence.mean, found.changes[0].divergence.spread) == (1.0, 0.0)
    assert found.differences[0].tolist() == (np.eye(3)[[1, 2, 0]] - np.eye(3)).tolist()


@given(seeds)
def test_means_and_spreads_are_those_of_a_naive_loop_over_matched_words(seed: int) -> None:
    first, second = ["the", "big", "cat", "sat", "."], ["the", "dog", "sat", "on", "it", "."]
    before = from_arrays(random_weights(seed, 2, 2, 5, 5), first)
    after = from_arrays(random_weights(seed + 1, 2, 2, 6, 6), second)
    together, alone, other = [(0, 0), (3, 2), (4, 5)], [1, 2], [1, 3, 4]
    found = contrast(before, after)
    assert [(match.first.text, match.second.text) for match in found.queries] == [
        ("the", "the"), ("sat", "sat"), (".", "."),
    ]  # fmt: skip
    for place, change in enumerate(found.changes):
        one, two = (side.head(change.head).astype(float) for side in (before, after))
        bits = []
        for row, (i, j) in enumerate(together):
            p = [*(one[i, a] for a, _ in together), sum(one[i, a] for a in alone)]
            q = [*(two[j, b] for _, b in together), sum(two[j, b] for b in other)]
            # float32 weights sum to 1 only up to rounding; what they lack is one more key.
            lost = [max(1 - sum(p), 0.0), max(1 - sum(q), 0.0)]
            bits.append(naive_divergence([*p, lost[0]], [*q, lost[1]]))
            expected = [b - a for a, b in zip(p, q, strict=True)]
            assert found.differences[place, row] == pytest.approx(expected[:-1], abs=1e-7)
            assert found.elsewhere[place, row] == pytest.approx(expected[-1], abs=1e-7)
        assert change.divergence.mean == pytest.approx(np.mean(bits), abs=1e-9)
        assert change.divergence.spread == pytest.approx(np.std(bits), abs=1e-9)
    assert found.first.elsewhere == pytest.approx(
        np.mean([before.head(h)[[0, 3, 4]][:, alone].sum(-1) for h in before.head_ids]), abs=1e-6
    )
    assert [token.text for token in found.second.keys] == ["dog", "on", "it"]


@given(seeds, st.integers(1, 3))
def test_heads_of_another_shape_are_held_against_the_nearest(seed: int, layers: int) -> None:
    words = list("abcd")
    before = from_arrays(random_weights(seed, 2, 2, 4, 4), words)
    after = from_arrays(random_weights(seed + 1, layers, 3, 4, 4), words)
    found = contrast(before, after)
    assert not found.same_heads
    for place, change in enumerate(found.changes):
        apart = {
            other: np.mean(
                [naive_divergence([*p, 0], [*q, 0]) for p, q in zip(
                    before.head(change.head).astype(float), after.head(other).astype(float), strict=True
                )]
            )
            for other in after.head_ids
        }  # fmt: skip
        assert apart[change.against] == pytest.approx(min(apart.values()), abs=1e-5)
        assert change.divergence.mean == pytest.approx(min(apart.values()), abs=1e-5)
        difference = after.head(change.against) - before.head(change.head)
        assert found.differences[place] == pytest.approx(difference, abs=1e-6)


def test_a_head_that_is_there_under_another_name_is_found() -> None:
    words = list("abcd")
    weights = random_weights(3, 2, 4, 4, 4)
    moved = weights.reshape(1, 8, 4, 4)[:, ::-1]
    found = contrast(from_arrays(weights, words), from_arrays(moved, words))
    assert [change.against for change in found.changes] == [HeadId(0, 7 - place) for place in range(8)]
    assert max(change.divergence.mean for change in found.changes) == 0


def test_pieces_are_merged_where_tokens_do_not_pair_up() -> None:
    whole = from_arrays([[0.2, 0.8], [0.7, 0.3]], ["the", "cats"])
    pieces = from_arrays([[0.2, 0.4, 0.4], [0.6, 0.1, 0.3], [0.8, 0.1, 0.1]], ["the", "cat", "s"])
    tokens = (*pieces.keys[:2], replace(pieces.keys[2], word=1))
    found = contrast(whole, replace(pieces, queries=tokens, keys=tokens))
    assert found.by_words
    assert found.is_whole
    assert found.changes[0].divergence.mean == pytest.approx(0, abs=1e-6)


def test_pieces_of_other_words_do_not_stand_for_each_other() -> None:
    """Three tokens each, but of two words that are parted in different places."""
    weights = np.eye(3)
    one = from_arrays(weights, ["un", "do", "it"])
    two = from_arrays(weights, ["do", "it", "ly"])
    one_tokens = tuple(replace(token, word=word) for token, word in zip(one.keys, (0, 0, 1), strict=True))
    two_tokens = tuple(replace(token, word=word) for token, word in zip(two.keys, (0, 1, 1), strict=True))
    found = contrast(
        replace(one, queries=one_tokens, keys=one_tokens, text=""),
        replace(two, queries=two_tokens, keys=two_tokens, text=""),
    )
    assert found.by_words
    assert [(match.first.text, match.second.text) for match in found.keys] == [("undo", "do"), ("it", "itly")]


def test_special_tokens_of_one_side_are_listed_with_their_mass() -> None:
    special = (Token("[CLS]", kind="special"), Token("a", word=0), Token("b", word=1))
    weights = np.array([[1.0, 0, 0], [0.5, 0.25, 0.25], [0.25, 0.5, 0.25]])[None, None]
    first = Attention(special, special, weights, layers=(0,), heads=(0,), model="m")
    second = from_arrays([[0.5, 0.5], [0.5, 0.5]], ["a", "b"])
    found = contrast(first, second)
    assert [token.text for token in found.first.keys] == ["[CLS]"]
    assert (found.first.elsewhere, found.second.elsewhere) == (0.375, 0.0)
    assert found.elsewhere[0].tolist() == [-0.5, -0.25]
    bits = [
        naive_divergence([0.25, 0.25, 0.5], [0.5, 0.5, 0]),
        naive_divergence([0.5, 0.25, 0.25], [0.5, 0.5, 0]),
    ]
    assert found.changes[0].divergence.mean == pytest.approx(np.mean(bits))


def test_rows_of_special_tokens_are_shown_but_not_counted() -> None:
    tokens = (Token("[CLS]", kind="special"), Token("a"), Token("b"))
    one, two = np.eye(3), np.eye(3)
    two[0] = [0, 1, 0]
    made = {"layers": (0,), "heads": (0,), "model": "m"}
    found = contrast(*(Attention(tokens, tokens, w[None, None], **made) for w in (one, two)))
    assert [match.counted for match in found.queries] == [False, True, True]
    assert found.changes[0].divergence.mean == 0
    assert found.differences[0, 0].tolist() == [-1, 1, 0]
    assert found.largest(HeadId(0, 0)).weight == 0


def test_the_most_changed_comes_first_and_says_where() -> None:
    words = ["the", "cat", "sat"]
    first = from_arrays([np.eye(3), np.eye(3)], words)
    changed = np.eye(3)
    changed[1] = [0.75, 0.25, 0]
    found = contrast(first, from_arrays([np.eye(3), changed], words))
    assert [str(change.head) for change in found.ranked] == ["L0H1", "L0H0"]
    shift = found.largest(HeadId(0, 1))
    assert (shift.query, shift.key, abs(shift.weight)) == (1, 0, 0.75)


def test_what_moved_away_altogether_is_said_to_be_elsewhere() -> None:
    first = from_arrays([[0.5, 0.5], [0.5, 0.5]], ["the", "cat"])
    second = from_arrays([[0.1, 0.0, 0.9], [0.1, 0.0, 0.9], [0, 0, 1]], ["the", "cat", "sat"])
    shift = contrast(first, second).largest(HeadId(0, 0))
    assert (shift.key, shift.weight) == (None, pytest.approx(0.9))


@given(records())
def test_what_no_query_could_see_has_not_changed(record: Attention) -> None:
    found = contrast(record, record)
    for place, change in enumerate(found.changes):
        assert np.array_equal(found.visible[place], record.visible(change.head.layer))
        assert not found.differences[place][~found.visible[place]].any()
    assert [query.counted for query in found.queries] == counted_queries(record).tolist()


def test_what_cannot_be_compared_is_refused() -> None:
    record = from_arrays(np.eye(2), ["a", "b"])
    with pytest.raises(RequestError, match="no word of one text"):
        contrast(record, from_arrays(np.eye(3), ["x", "y", "z"]))
    with pytest.raises(RequestError, match="got weights and norms"):
        contrast(record, replace(record, view="norms"))
    with pytest.raises(RequestError, match="got self and cross"):
        contrast(record, from_arrays(np.eye(2), ["a", "b"], ["a", "b"]))
    with pytest.raises(OutOfRange, match="L0H1"):
        contrast(record, record, "L0H1")
    with pytest.raises(OutOfRange, match="L1H0 was not compared"):
        contrast(record, record).row(HeadId(1, 0))


def test_a_real_model_reads_a_minimal_pair(minilm: Path) -> None:
    source = attnviz.load(str(minilm))
    found = contrast(source.attend(CAT), source.attend(DOG))
    assert [(m.first.text, m.second.text) for m in found.queries if m.is_replaced] == [("cat", "dog")]
    assert found.is_whole
    assert not found.by_words
    assert len(found.changes) == 72
    assert all(0 < change.divergence.mean < 0.5 for change in found.changes)
    # Cells by hand, of one head: tokens pair up one to one.
    head = found.ranked[0].head
    expected = source.attend(DOG).head(head).astype(float) - source.attend(CAT).head(head).astype(float)
    assert found.differences[found.row(head)] == pytest.approx(expected)


def test_a_changed_head_of_a_real_model_comes_first_and_earlier_layers_have_not_changed(
    minilm: Path, tmp_path: Path
) -> None:
    folder = changed_head(minilm, tmp_path / "changed", layer=3, head=5)
    found = contrast(attnviz.load(str(minilm)).attend(CAT), attnviz.load(str(folder)).attend(CAT))
    assert found.ranked[0].head == HeadId(3, 5)
    means = {change.head: change.divergence.mean for change in found.changes}
    assert {head for head, mean in means.items() if mean > 0} == {
        head for head in means if head.layer > 3 or head == HeadId(3, 5)
    }
    before = [change for change in found.changes if change.head.layer < 3]
    assert {(change.divergence.mean, change.divergence.spread) for change in before} == {(0.0, 0.0)}


def changed_head(minilm: Path, folder: Path, layer: int, head: int) -> Path:
    """Copy the model with the query weights of one head turned round."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(minilm, folder)
    weights = load_file(folder / "model.safetensors")
    name = next(
        name for name in weights if name.endswith(f"encoder.layer.{layer}.attention.self.query.weight")
    )
    size = weights[name].shape[0] // 12
    changed = weights[name].copy()
    changed[head * size : (head + 1) * size] *= -1
    (folder / "model.safetensors").unlink()
    save_file({**weights, name: changed}, folder / "model.safetensors", {"format": "pt"})
    return folder


def test_two_real_models_are_compared_by_words(minilm: Path) -> None:
    found = contrast(attnviz.load("builtin").attend(CAT), attnviz.load(str(minilm)).attend(CAT))
    assert not found.same_heads
    assert [token.text for token in found.second.keys if token.is_special] == ["[CLS]", "[SEP]"]
    assert 0.1 < found.second.elsewhere < 0.9
    assert found.first.elsewhere == 0
    assert [match.first.text for match in found.queries] == ["The", "cat", "sat", "on", "the", "mat", "."]
    assert len(found.changes) == 16
    assert {change.against.layer for change in found.changes} <= set(range(6))


def test_one_text_is_cut_where_both_models_cut_it(minilm: Path) -> None:
    text = "Unbelievably, he doesn't purr (much)."
    found = contrast(attnviz.load("builtin").attend(text), attnviz.load(str(minilm)).attend(text))
    assert [match.first.text for match in found.keys] == [match.second.text for match in found.keys]
    assert [match.first.text for match in found.keys] == [
        "Unbelievably", ",", "he", "doesn't", "purr", "(", "much", ")", ".",
    ]  # fmt: skip
    assert not found.first.keys


def test_a_sign_at_the_end_of_a_word_is_not_lost_with_it(minilm: Path) -> None:
    source = attnviz.load(str(minilm))
    found = contrast(source.attend("The cat purred unbelievably."), source.attend("The cat purred."))
    assert found.by_words
    assert [match.first.text for match in found.keys] == ["[CLS]", "The", "cat", "purred", ".", "[SEP]"]
    assert [token.text for token in found.first.keys] == ["unbelievably"]
