"""Sums from fused attention are those of the whole square of weights, which is never made."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModel

from attnviz.analysis.measures.table import measure
from attnviz.analysis.streaming.measuring import Measuring
from attnviz.errors import CaptureFailed
from attnviz.frame import frame_of
from attnviz.observe import RowSums, Wanted
from attnviz.record import Token
from attnviz.sources.huggingface.feed import Feed, Written
from attnviz.sources.huggingface.paths.call import Call
from attnviz.sources.huggingface.paths.sdpa import FusedCall
from attnviz.sources.huggingface.paths.table import TableCall, intercepted
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.reading import PretrainedReading
from attnviz.sources.huggingface.streaming import fused
from attnviz.sources.huggingface.streaming.fused import fused_sums, hand_on_sums, is_cheaper
from attnviz.sources.huggingface.streaming.plain import Sight
from attnviz.sources.huggingface.watching.sites import watch
from tests.sources.huggingface.streaming.oracle import as_call, assert_alike, joined, sums_of, weights_of
from tests.sources.tiny_pretrained import DECODERS, ENCODERS

# Torch's fused attention on a processor takes exponentials to 20 bits, and logits reach 40 here.
EXACT, SINGLE = 1e-11, 1e-4
STEPS = (-3, -1, 0, 1, 2)


def vectors(
    heads: int, key_heads: int, tokens: int, keys: int | None = None, width: int = 5, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    chance = torch.Generator().manual_seed(seed)
    shapes = (heads, tokens), (key_heads, keys or tokens), (key_heads, keys or tokens)
    query, key, value = (torch.randn(*shape, width, generator=chance).double() for shape in shapes)
    return 3 * query, key, value


def wanted_of(tokens: int, keys: int | None = None, first: int | None = 0, seed: int = 0) -> Wanted:
    chance = np.random.default_rng(seed)
    sets = {name: chance.random(keys or tokens) < share for name, share in (("some", 0.3), ("many", 0.8))}
    return Wanted(sets, STEPS if first == 0 else (), chance.random(tokens) < 0.6, first)


def ours(call: Call, wanted: Wanted, **options: Any) -> list[RowSums]:
    found = fused_sums(call, wanted, layer=4, usual=call.as_usual(), **options)
    assert found is not None
    return list(found)


def theirs(call: FusedCall, visible: Tensor, wanted: Wanted) -> dict[str, np.ndarray]:
    weights = weights_of(call.query[0], call.key[0], visible, call.scale)
    return sums_of(weights, visible.numpy(), wanted)


def seen(tokens: int, back: int | None, ahead: int | None) -> Tensor:
    steps = torch.arange(tokens) - torch.arange(tokens)[:, None]
    low, high = -tokens if back is None else -back, tokens if ahead is None else ahead
    return (low <= steps) & (steps <= high)


@pytest.mark.parametrize("tokens", [1, 2, 3, 31, 64, 129, 700])
@pytest.mark.parametrize("causal", [True, False])
def test_sums_are_those_of_the_square(tokens: int, causal: bool) -> None:
    call, wanted = as_call(*vectors(3, 3, tokens), causal=causal), wanted_of(tokens)
    visible = seen(tokens, None, 0 if causal else None)
    assert_alike(joined(ours(call, wanted)), theirs(call, visible, wanted), EXACT)


@settings(deadline=None, max_examples=60)
@given(
    tokens=st.integers(1, 40),
    key_heads=st.integers(1, 3),
    share=st.integers(1, 3),
    width=st.integers(1, 19),
    reach=st.tuples(*[st.none() | st.integers(0, 45)] * 2),
    hidden=st.lists(st.integers(0, 39), max_size=12),
    seed=st.integers(0, 9),
)
def test_any_band_and_any_hidden_keys(
    tokens: int,
    key_heads: int,
    share: int,
    width: int,
    reach: tuple[int | None, int | None],
    hidden: list[int],
    seed: int,
) -> None:
    visible = seen(tokens, *reach)
    visible[:, [key for key in hidden if key < tokens]] = False
    call = as_call(*vectors(key_heads * share, key_heads, tokens, width=width, seed=seed), mask=visible)
    wanted = wanted_of(tokens, seed=seed)
    found = fused_sums(call, wanted, layer=0)
    assert found is not None
    assert_alike(joined(list(found)), theirs(call, visible, wanted), EXACT)


@pytest.mark.parametrize(("tokens", "reach"), [(700, 128), (331, 64), (130, 129), (130, 130)])
def test_a_sliding_window(tokens: int, reach: int) -> None:
    visible = seen(tokens, reach - 1, 0)
    call, wanted = as_call(*vectors(2, 1, tokens), mask=visible[None, None]), wanted_of(tokens)
    assert_alike(joined(ours(call, wanted)), theirs(call, visible, wanted), EXACT)


def test_keys_that_are_padding() -> None:
    padding = torch.arange(50) < 43
    call, wanted = as_call(*vectors(2, 2, 50), mask=padding[None, None, None]), wanted_of(50)
    visible = padding.expand(50, 50)
    assert_alike(joined(ours(call, wanted)), theirs(call, visible, wanted), EXACT)


def test_two_texts_have_no_distances() -> None:
    call, wanted = as_call(*vectors(2, 2, 21, 34)), wanted_of(21, 34, first=None)
    [sums] = ours(call, wanted)
    assert sums.distance is None
    assert_alike(joined([sums]), theirs(call, torch.ones(21, 34, dtype=torch.bool), wanted), EXACT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("causal", [True, False])
def test_single_and_half_precision_add_up_in_single(dtype: torch.dtype, causal: bool) -> None:
    call = as_call(*(given.to(dtype) for given in vectors(4, 2, 257, width=16)), causal=causal)
    wanted, visible = wanted_of(257), seen(257, None, 0 if causal else None)
    sums = ours(call, wanted)
    assert sums[0].entropy.dtype == torch.float32
    assert_alike(joined(sums), theirs(call, visible, wanted), SINGLE)


def test_a_long_text_is_done_in_steps_and_near_keys_stay_exact() -> None:
    # Each query looks at the key before it alone: the mean distance is the difference of far larger places.
    tokens = 5000
    turn = torch.arange(tokens, dtype=torch.float32)[:, None] * torch.tensor([1.0, 0.1, 0.01, 0.001])
    key = torch.cat([turn.sin(), turn.cos()], dim=1)
    before = torch.cat([key[:1], key[:-1]])
    call = as_call(before[None], key[None], key[None], causal=True, scale=4000.0)
    [sums] = ours(call, replace(wanted_of(tokens), steps=(-1,)))
    assert sums.distance is not None
    torch.testing.assert_close(sums.beside[-1][0, 1:], torch.ones(tokens - 1), atol=1e-2, rtol=0)
    torch.testing.assert_close(sums.distance[0, 1:], 1 + 0 * sums.distance[0, 1:], atol=2e-2, rtol=0)


def test_a_bias_that_all_keys_have_in_common_costs_no_digits() -> None:
    query, key, value = (given.float() for given in vectors(2, 2, 90))
    wanted = wanted_of(90)
    moved = as_call(query, key + 64.0, value, causal=True)
    plain = theirs(as_call(query, key, value), seen(90, None, 0), wanted)
    assert_alike(joined(ours(moved, wanted)), plain, 2e-4)


def test_heads_come_in_the_order_asked_for_and_in_chunks() -> None:
    call, wanted = as_call(*vectors(6, 3, 33), causal=True), wanted_of(33)
    parts = ours(call, wanted, heads=[4, 1, 5], chunk_bytes=1)
    assert [(part.first_head, len(part.mass), part.layer, part.start) for part in parts] == [
        (0, 1, 4, 0), (1, 1, 4, 0), (2, 1, 4, 0)
    ]  # fmt: skip
    chosen = replace(call, query=call.query[:, [4, 1, 5]], key=call.key[:, [2, 0, 2]])
    assert_alike(joined(parts), theirs(chosen, seen(33, None, 0), wanted), EXACT)
    assert len(ours(call, wanted)) == 1


def test_more_columns_than_a_call_takes_come_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "_WIDEST", 8)
    call = as_call(*vectors(2, 2, 40, width=5), causal=True)
    sets = {str(place): np.arange(40) % 12 == place for place in range(12)}
    wanted = replace(wanted_of(40), keys=sets)
    assert_alike(joined(ours(call, wanted)), theirs(call, seen(40, None, 0), wanted), EXACT)


class _Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor made has."""

    numbers = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple) else (made,):
            if isinstance(tensor, Tensor):
                self.numbers = max(self.numbers, tensor.numel())
        return made


@pytest.mark.parametrize("causal", [True, False])
def test_nothing_is_as_large_as_a_square(causal: bool) -> None:
    call, wanted = as_call(*vectors(4, 4, 700), causal=causal), wanted_of(700)
    usual = call.as_usual()
    with _Largest() as largest:
        found = fused_sums(call, wanted, layer=0, usual=usual)
        assert found is not None
        assert len(list(found)) == 1
    assert 0 < largest.numbers <= 4 * 700 * 16


def test_an_output_made_otherwise_is_noticed() -> None:
    call, wanted = as_call(*vectors(2, 2, 20), causal=True), wanted_of(20)
    usual = call.as_usual()
    usual[0, 1, 13, 2] += 1e-3
    found = fused_sums(call, wanted, layer=7, usual=usual)
    assert found is not None
    with pytest.raises(CaptureFailed, match="the weights of layer 7 do not explain its output"):
        list(found)


def spotted() -> Tensor:
    mask = seen(12, None, 0)
    mask[7, 3] = False
    return mask


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(spotted(), id="a hole"),
        pytest.param(torch.zeros(12, 12), id="numbers"),
        pytest.param(torch.stack([seen(12, None, 0), seen(12, 3, 0)])[None], id="other for each head"),
    ],
)
def test_a_mask_that_is_no_band_is_refused(mask: Tensor) -> None:
    assert fused_sums(as_call(*vectors(2, 2, 12), mask=mask), wanted_of(12), layer=0) is None


def test_what_has_no_positions_or_several_squares_is_refused() -> None:
    two_texts, one = as_call(*vectors(2, 2, 12, 15)), as_call(*vectors(2, 2, 12))
    assert fused_sums(two_texts, wanted_of(12, 15), layer=0) is None
    assert fused_sums(replace(two_texts, hides_later=True), wanted_of(12, 15, None), layer=0) is None
    assert fused_sums(one, replace(wanted_of(12), first=3), layer=0) is None
    batch = replace(one, query=one.query.repeat(2, 1, 1, 1), key=one.key.repeat(2, 1, 1, 1))
    assert fused_sums(batch, wanted_of(12), layer=0) is None


def calls_of(config: Any, attention: str, **more: Any) -> list[Call]:
    """The attention calls of one pass of a tiny random model."""
    torch.manual_seed(0)
    with quiet():
        model = AutoModel.from_config(config, attn_implementation=attention).train(False)
    ids, calls = torch.randint(5, 100, (1, 30)), []

    def keep(call: TableCall) -> Tensor:
        calls.append(call)
        return call.as_usual()

    with intercepted(keep), torch.no_grad():
        model(input_ids=ids, **more)
    return calls


def chosen_configs() -> dict[str, Any]:
    every = {**ENCODERS, **DECODERS}
    wanted = ("bert", "modernbert", "gpt2", "llama", "mistral", "qwen2", "opt")
    return {name: every[name] for name in every if name.split(" ")[0] in wanted}


@pytest.mark.parametrize("name", chosen_configs())
@torch.no_grad()
def test_sums_of_models_are_those_of_their_rows(name: str) -> None:
    calls, wanted = calls_of(chosen_configs()[name], "sdpa"), wanted_of(30)
    assert calls
    for call in calls:
        weights = call.rows(0, 30)[1][0].double().numpy()
        visible = call.visible()
        visible = np.ones((30, 30), bool) if visible is None else visible[0].numpy()
        assert_alike(joined(ours(call, wanted)), sums_of(weights, visible, wanted), SINGLE)


def test_a_padded_text_of_a_model() -> None:
    padding = torch.ones(1, 30, dtype=torch.long)
    padding[0, 25:] = 0
    wanted = wanted_of(30)
    for call in calls_of(ENCODERS["bert"], "sdpa", attention_mask=padding):
        visible = call.visible()
        assert visible is not None
        weights = call.rows(0, 30)[1][0].double().numpy()
        assert_alike(joined(ours(call, wanted)), sums_of(weights, visible[0].numpy(), wanted), SINGLE)


@pytest.mark.parametrize("name", [name for name in DECODERS if name.split(" ")[0] in ("gemma2", "gpt_oss")])
def test_models_that_cap_logits_or_have_sinks_are_refused(name: str) -> None:
    calls = calls_of(DECODERS[name], "eager")
    assert calls
    assert all(fused_sums(call, wanted_of(30), layer=0) is None for call in calls)


@pytest.mark.parametrize("name", ["gpt2", "llama (grouped heads)"])
@torch.no_grad()
def test_measures_by_sums_are_those_of_the_record(name: str) -> None:
    torch.manual_seed(1)
    with quiet():
        model = AutoModel.from_config(DECODERS[name], attn_implementation="sdpa").train(False)
    ids = torch.randint(5, 100, (1, 30))
    side = Written(tuple(Token(str(number), number) for number in ids[0].tolist()))
    feed = Feed(model, {"input_ids": ids}, {"self": (side, side)})
    record = PretrainedReading(name, None, feed, watch(feed, name)).record()
    measuring, layers = Measuring(frame_of(record)), iter(record.layers)

    def take(call: TableCall) -> Tensor:
        usual = call.as_usual()
        assert hand_on_sums(call, measuring, usual, layer=next(layers))
        return usual

    with intercepted(take):
        model(input_ids=ids)
    summed = measuring.result()
    whole = measure(record, names=summed.names)
    assert {"entropy", "participation", "distance", "previous mass", "sink"} <= set(summed.names)
    np.testing.assert_allclose(summed.means, whole.means, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(summed.spreads, whole.spreads, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(summed.over_chance, whole.over_chance, atol=1e-5, rtol=1e-5)


def test_what_cannot_be_added_up_is_not_handed_on() -> None:
    class Takes:
        wanted = wanted_of(12)

        def take(self, sums: RowSums) -> None:
            raise AssertionError(f"nothing was to come: {sums}")

    call = as_call(*vectors(2, 2, 12), mask=torch.zeros(12, 12))
    assert not hand_on_sums(call, Takes(), call.as_usual(), layer=0)


def test_a_band_told_without_a_square() -> None:
    sight = Sight(back=2, ahead=0, keys=torch.tensor([False, True, True, True, True]))
    assert sight.counts(5, 5, torch.device("cpu")).tolist() == [0, 1, 2, 3, 3]
    assert torch.equal(sight.rows(1, 3, 5, torch.device("cpu")).int(), torch.tensor(
        [[0, 1, 0, 0, 0], [0, 1, 1, 0, 0]], dtype=torch.int32
    ))  # fmt: skip


def test_it_is_the_way_of_graphics_cards() -> None:
    assert is_cheaper(torch.device("cuda"))
    assert not is_cheaper(torch.device("cpu"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
@pytest.mark.parametrize("reach", [(None, 0), (None, None), (63, 0), (40, 40)])
def test_a_graphics_card_gives_the_same(reach: tuple[int | None, int | None]) -> None:
    visible, wanted = seen(700, *reach), wanted_of(700)
    query, key, value = (given.float() for given in vectors(4, 2, 700, width=64))
    there = as_call(*(given.cuda() for given in (query, key, value)), mask=visible.cuda(), scale=0.05)
    here = theirs(as_call(query, key, value, scale=0.05), visible, wanted)
    assert_alike(joined(ours(there, wanted)), here, SINGLE)
