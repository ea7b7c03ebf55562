"""Every step of a walk made again by plain loops, from the model's own tensors where it has them."""

import math
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import attnviz
from attnviz.analysis.focus import links_of
from attnviz.analysis.walkthrough.choose import called, clearest_head, find_query
from attnviz.analysis.walkthrough.coverage import coverage
from attnviz.analysis.walkthrough.telling import leads, telling_links
from attnviz.analysis.walkthrough.walk import walkthrough
from attnviz.errors import MissingInternals, OutOfRange, RequestError
from attnviz.model.network import read
from attnviz.prompt import Prompt
from attnviz.record import Internals, Token
from attnviz.selection import HeadId, Selection
from tests.analysis.pretrained import minilm
from tests.sources.tiny_pretrained import DECODERS

FOX = "The quick brown fox jumps over the lazy dog."


@cache
def builtin():
    return attnviz.load("builtin")


def walk_of(record, head=None, position=None):
    chosen = clearest_head(record, record.head_ids) if head is None else HeadId.parse(head)
    return walkthrough(record, chosen, find_query(record, chosen, position))


def fox(layer="1", head="L1H0", position=2):
    return walk_of(builtin().attend(FOX, Selection(layer), internals=True), head, position)


def by_loops(walk):
    """Logits, weights and weighted sum of one query, number by number."""
    query, keys, values = (getattr(walk.projections, name).tolist() for name in ("query", "keys", "values"))
    logits = []
    for key, visible, added in zip(keys, walk.scores.visible, walk.scores.added, strict=True):
        product = 0.0
        for one, other in zip(query, key, strict=True):
            product += one * other
        logits.append(product * walk.scores.scale + float(added) if visible else -math.inf)
    raised = [math.exp(logit - max(logits)) for logit in logits]
    mass = 1 - walk.scores.lost
    weights = [number / sum(raised) * mass for number in raised]
    output = [0.0] * len(values[0])
    for weight, value in zip(weights, values, strict=True):
        for at, number in enumerate(value):
            output[at] += weight * number
    return logits, weights, output


def agrees(walk, output=1e-5):
    """Hold a walk to the loops, and its shares to their sums."""
    logits, weights, mixed = by_loops(walk)
    np.testing.assert_allclose(walk.scores.logits, logits, atol=1e-9)
    np.testing.assert_allclose(weights, walk.scores.weights, atol=1e-6)
    np.testing.assert_allclose(walk.scores.exponentials / walk.scores.total, weights, atol=1e-9)
    np.testing.assert_allclose(walk.mixture.output, mixed, atol=output)
    np.testing.assert_allclose(walk.concatenated[walk.place], walk.mixture.output, atol=1e-9)
    assert walk.mixture.shares.sum() == pytest.approx(1)
    entropy = -sum(weight * math.log2(weight) for weight in walk.scores.weights.tolist() if weight)
    assert walk.scores.spread.entropy == pytest.approx(entropy, abs=1e-9)
    if walk.joining is not None:
        summed = walk.joining.bias.copy()
        for part in walk.joining.contributions:
            summed += part
        np.testing.assert_allclose(summed, walk.joining.output, atol=1e-12)
        assert walk.joining.shares.sum() + walk.joining.bias_share == pytest.approx(1)
        for part, share in zip(walk.joining.contributions, walk.joining.shares, strict=True):
            along = sum(a * b for a, b in zip(part, walk.joining.output, strict=True))
            assert share == pytest.approx(along / sum(b * b for b in walk.joining.output), abs=1e-9)


@pytest.mark.parametrize("layer", ["0", "1"])
@pytest.mark.parametrize("head", [0, 3, 7])
@pytest.mark.parametrize("position", [0, 4, 9])
def test_the_built_in_model_step_by_step(layer, head, position):
    walk = fox(layer, f"L{layer}H{head}", position)
    agrees(walk)
    attention = builtin().network.layers[int(layer)].attention
    own = slice(16 * head, 16 * head + 16)
    x = walk.projections.inputs
    query = x[position] @ attention.query.weight[:, own] + attention.query.bias[own]
    np.testing.assert_allclose(walk.projections.query, query, atol=2e-6)
    for place in range(10):
        distance = attention.distances[head, np.clip(place - position, -16, 16) + 16].astype(float)
        added = sum(a * b for a, b in zip(walk.projections.query, distance, strict=True)) / math.sqrt(16)
        assert walk.scores.added[place] == pytest.approx(added, abs=1e-6)
    assert (walk.scores.addition, walk.scores.scale, walk.scores.scale_is_known) == ("distance", 0.25, True)


@pytest.mark.parametrize("layer", [0, 1])
def test_what_comes_out_is_what_the_built_in_layer_adds(layer):
    reading = builtin().read(Prompt(FOX))
    attention = builtin().network.layers[layer].attention
    features = builtin().features(reading.tokens)
    found = read(builtin().network, features, lambda *_: None)
    walk = fox(str(layer), f"L{layer}H1", 3)
    y, memory = found.inputs[layer], found.memories[layer]
    output = np.zeros(128)
    for head in range(8):
        weights = reading.record().weights[layer, head, 3]
        part = sum(weight * value for weight, value in zip(weights, memory.values[head], strict=True))
        output += part @ attention.output.weight[16 * head : 16 * head + 16]
    np.testing.assert_allclose(walk.joining.output, output + attention.output.bias, atol=1e-5)
    np.testing.assert_array_equal(walk.projections.inputs, y)


@contextmanager
def projection_of(model, suffix):
    """Keep what a model's output projections are handed, and give: the last call's."""
    seen, hooks = [], []
    for name, module in model.named_modules():
        if name.endswith(suffix):
            hooks.append(module.register_forward_hook(lambda _, given, out: seen.append((given[0], out))))
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def held_to_the_model(source, suffix, layer, text=FOX, block=None):
    """Hold every head's walk of a layer to what a model's own projection is handed, and gives."""
    import torch

    reading = source.read(Prompt(text))
    record = reading.record(Selection(str(layer)), block=block, internals=True)
    with projection_of(reading.feed.model, suffix) as seen, torch.no_grad():
        reading.feed.model(**reading.feed.arguments)
    given, made = (tensor.detach().float().numpy().reshape(-1, tensor.shape[-1]) for tensor in seen[layer])
    for head in record.head_ids:
        for position in (1, len(record.queries) - 1):
            walk = walkthrough(record, head, position)
            agrees(walk)
            np.testing.assert_allclose(walk.concatenated.reshape(-1), given[position], atol=1e-5)
            np.testing.assert_allclose(walk.joining.output, made[position], atol=2e-5)
    return walk


def test_minilm_step_by_step():
    walk = held_to_the_model(attnviz.load(minilm()), "attention.output.dense", 2)
    assert (walk.scores.addition, walk.scores.visible.all(), len(walk.heads)) == ("nothing", True, 12)
    assert walk.scores.scale == pytest.approx(1 / math.sqrt(32))
    assert walk.projections.inputs is None
    assert walk.projections.width == 384


def test_a_model_like_gpt2_step_by_step(tiny_gpt2):
    walk = held_to_the_model(attnviz.load(tiny_gpt2), "attn.c_proj", 1)
    assert walk.scores.addition == "nothing"
    early = walkthrough(attnviz.load(tiny_gpt2).attend(FOX, Selection("1"), internals=True), HeadId(1, 2), 1)
    assert early.scores.visible.sum() == 2
    assert np.isneginf(early.scores.logits[2:]).all()
    assert not early.scores.weights[2:].any()


def test_a_model_like_llama_step_by_step(tiny_llama):
    """Positions are rotated into queries and keys, which two heads share."""
    walk = held_to_the_model(attnviz.load(tiny_llama), "self_attn.o_proj", 2)
    assert walk.scores.addition == "nothing"
    assert [str(head) for head in walk.projections.sharing] == ["L2H2", "L2H3"]


@pytest.mark.parametrize(
    ("block", "suffix"), [("encoder", "SelfAttention.o"), ("cross", "EncDecAttention.o")]
)
def test_a_model_like_t5_step_by_step(tiny_t5, block, suffix):
    """No scaling, and a bias for positions that only the weights tell of."""
    source = attnviz.load(tiny_t5)
    reading = source.read(Prompt(FOX, target=FOX))
    record = reading.record(Selection("0"), block=block, internals=True)
    import torch

    with projection_of(reading.feed.model, suffix) as seen, torch.no_grad():
        reading.feed.model(**reading.feed.arguments)
    given, made = (tensor.detach().float().numpy().reshape(-1, tensor.shape[-1]) for tensor in seen[0])
    for head in record.head_ids:
        walk = walkthrough(record, head, 3)
        agrees(walk)
        np.testing.assert_allclose(walk.concatenated.reshape(-1), given[3], atol=1e-5)
        np.testing.assert_allclose(walk.joining.output, made[3], atol=2e-5)
        assert walk.scores.scale == 1
        assert walk.scores.otherwise.factor == pytest.approx(1 / math.sqrt(8))
        assert walk.scores.addition == ("recovered" if block == "encoder" else "nothing")
        if block == "encoder":
            table = next(
                part for name, part in reading.feed.model.named_modules() if "relative_attention_bias" in name
            )
            attention = next(
                part for name, part in reading.feed.model.named_modules() if name.endswith("SelfAttention")
            )
            count = len(record.keys)
            bias = attention.compute_bias(count, count)[0, head.index, 3].detach().numpy()
            assert table.weight.abs().max() > 0
            difference = walk.scores.added - bias
            np.testing.assert_allclose(difference, difference[0], atol=1e-4)


def made(weights, vectors, **internals):
    """A record of one head with the same queries, keys and values."""
    record = attnviz.from_arrays(weights, [f"t{place}" for place in range(len(weights))])
    stacked = np.asarray(vectors, dtype=np.float32)[None, None]
    return replace(record, internals=Internals(stacked, stacked, stacked, **internals))


def test_where_nothing_tells_the_scale_the_usual_one_is_taken():
    vectors = np.random.default_rng(0).normal(size=(3, 4))
    logits = vectors @ vectors.T / 2
    weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    walk = walkthrough(made(weights, vectors), HeadId(0, 0), 1)
    assert (walk.scores.scale, walk.scores.scale_is_known, walk.scores.addition) == (0.5, False, "nothing")
    assert walk.joining is None
    assert walk.projections.width is None
    again = walkthrough(made(weights, vectors, scales=np.array([np.nan])), HeadId(0, 0), 1)
    assert not again.scores.scale_is_known


def test_what_is_added_is_recovered_up_to_a_constant():
    chance = np.random.default_rng(1)
    vectors, bias = chance.normal(size=(5, 4)), chance.normal(size=(5, 5))
    logits = vectors @ vectors.T * 0.3 + bias
    weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    walk = walkthrough(made(weights, vectors, scales=np.array([0.3])), HeadId(0, 0), 2)
    assert walk.scores.addition == "recovered"
    assert np.ptp(walk.scores.added - bias[2]) < 1e-5
    assert walk.scores.weights @ walk.scores.added == pytest.approx(0, abs=1e-9)
    agrees(walk)


def test_a_sink_takes_its_part_of_the_softmax():
    vectors = np.random.default_rng(2).normal(size=(4, 4))
    logits = np.c_[vectors @ vectors.T / 2, np.full(4, 1.5)]
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    walk = walkthrough(made(shares[:, :4], vectors, scales=np.array([0.5])), HeadId(0, 0), 0)
    assert walk.scores.lost == pytest.approx(shares[0, 4], abs=1e-6)
    assert walk.scores.lost_logit == pytest.approx(1.5, abs=1e-5)
    agrees(walk)
    np.testing.assert_allclose(walk.scores.exponentials / walk.scores.total, walk.scores.weights, atol=1e-6)


def test_a_model_like_gpt_oss_gives_mass_to_its_sinks(save_model, byte_pieces):
    source = attnviz.load(save_model(DECODERS["gpt_oss (sinks)"], byte_pieces))
    model = source.read(Prompt(FOX)).feed.model
    for layer in model.layers:
        layer.self_attn.sinks.data.fill_(6.0)
    record = source.attend(FOX, Selection("1"), internals=True)
    assert record.sinks == (1,)
    for head in record.head_ids:
        for position in range(0, len(record.queries), 5):
            walk = walkthrough(record, head, position)
            agrees(walk)
            if walk.scores.lost > 1e-3:
                assert walk.scores.lost_logit == pytest.approx(6.0, abs=1e-2)


def test_unscaled_weights_are_what_they_would_be():
    walk = fox(position=1)
    logits = walk.scores.logits / 0.25
    weights = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert walk.scores.otherwise.largest == pytest.approx(weights.max())
    assert walk.scores.otherwise.entropy == pytest.approx(
        -sum(weight * math.log2(weight) for weight in weights if weight), abs=1e-9
    )
    assert walk.scores.otherwise.entropy < walk.scores.spread.entropy


def test_what_cannot_be_walked_through_is_refused():
    record = builtin().attend(FOX, internals=True)
    with pytest.raises(OutOfRange, match="no query 10: this text has queries 0-9"):
        walkthrough(record, HeadId(0, 0), 10)
    with pytest.raises(OutOfRange, match="no head L0H8"):
        walkthrough(record, HeadId(0, 8), 0)
    with pytest.raises(MissingInternals, match="layer 1 of builtin comes without its query, key and value"):
        walkthrough(builtin().attend(FOX), HeadId(1, 0), 0)
    with pytest.raises(RequestError, match="nothing to walk through"):
        walkthrough(replace(record, view="norms"), HeadId(0, 0), 0)
    nothing = replace(record, weights=np.zeros_like(record.weights))
    with pytest.raises(RequestError, match="query 3 looks at no key"):
        walkthrough(nothing, HeadId(0, 0), 3)


def test_coverage_counts_different_links_by_loops():
    record = builtin().attend("The cat sat on the mat because it was tired.", Selection("1"))
    found = coverage(record, record.head_ids)
    pairs = {
        head: {(link.source_position, link.target_position) for link in telling_links(record, head)}
        for head in record.head_ids
    }
    first = found.first.head
    assert len(pairs[first]) == max(map(len, pairs.values()))
    best = max(len(pairs[head] | pairs[first]) for head in pairs)
    assert found.both == best == len(pairs[first] | pairs[found.second.head])
    assert found.every == len({pair for own in pairs.values() for pair in own})
    assert (found.heads, len(found.first.links)) == (8, len(pairs[first]))


def test_a_key_that_most_queries_look_at_makes_no_link():
    record = builtin().attend(FOX, Selection("1"))
    resting = HeadId(1, 6)  # gives every word the full stop
    assert len(links_of(record, resting)) == 9
    assert telling_links(record, resting) == ()


def test_leads_by_loops():
    record = builtin().attend(FOX, Selection("1"))
    found, weights = leads(record, HeadId(1, 7)), record.head("L1H7")
    for i in range(10):
        for j in range(10):
            others = [weights[k, j] if k != j else 0.0 for k in range(10) if k != i]
            expected = -1.0 if i == j else weights[i, j] - sum(others) / 9
            assert found[i, j] == pytest.approx(expected, abs=1e-6)


def test_heads_without_links_have_no_coverage():
    even = attnviz.from_arrays(np.full((2, 20, 20), 0.05), [f"w{place}" for place in range(20)])
    assert coverage(even, even.head_ids) is None
    assert clearest_head(even, even.head_ids) == HeadId(0, 0)
    assert 0 <= find_query(even, HeadId(0, 0)) < 20


def test_a_second_head_that_adds_nothing_is_none():
    rows = np.eye(4)[[1, 2, 3, 0]]
    record = attnviz.from_arrays(np.stack([rows, rows]), "abcd")
    found = coverage(record, record.head_ids)
    assert (found.first.head, found.second, found.both, found.every) == (HeadId(0, 0), None, 4, 4)


def test_one_word_can_be_walked_through():
    record = builtin().attend("Stop", Selection("1"), internals=True)
    walk = walk_of(record)
    agrees(walk)
    assert (walk.coverage, walk.scores.weights.tolist()) == (None, [1.0])


def test_a_query_is_found_by_place_word_and_pieces():
    record = builtin().attend(FOX)
    head = HeadId(1, 0)
    assert [find_query(record, head, wanted) for wanted in (-1, 3, "fox", "FOX", " lazy ")] == [9, 3, 3, 3, 7]
    assert called(record.queries, "the") == [6]
    assert called(record.queries, "THE") == [0, 6]
    with pytest.raises(
        RequestError, match=r"no such query: got 'cat', allowed a place from 0 on or one of The, quick,"
    ):
        find_query(record, head, "cat")
    with pytest.raises(OutOfRange, match="no query -11: this text has queries 0-9"):
        find_query(record, head, -11)
    pieces = [Token("un", word=0), Token("seen", word=0), Token(" fox", word=1)]
    assert called(pieces, "unseen") == [0, 1]


def test_the_default_query_tells_nearly_most():
    record = builtin().attend(FOX)
    ahead = leads(record, HeadId(1, 0)).max(-1)
    assert ahead[find_query(record, HeadId(1, 0))] >= ahead.max() - 0.25
