"""One training of a sweep: the same batches for any number of heads, no push, heads that can be removed."""

import numpy as np
import pytest

from attnviz.errors import RequestError
from attnviz.model.layers import Linear, layer_norm, multi_head_attention, remember
from attnviz.model.network import assemble, parameter_shapes, read
from attnviz.model.training.loop import train
from attnviz.model.training.material import prepare
from attnviz.model.training.plan import Plan
from attnviz.model.training.settings import Settings
from attnviz.model.training.sweep import attention_parameters, grow, without_head
from attnviz.selection import HeadId
from tests.model.training.treebank import texts


@pytest.fixture(scope="module")
def material():
    return prepare(texts(400), (), vocabulary_size=60, endings=20)


def tiny(heads, **more):
    return Settings(**{"steps": 4, "layers": 2, "heads": heads, "width": 8, "threads": 1, **more})


def test_every_number_of_heads_is_trained_with_every_seed_one_seed_after_the_other():
    plan = Plan(heads=(1, 2, 4), width=16, layers=1, steps=7, seeds=2, seed=5, threads=2)
    assert [(run.seed, run.heads) for run in plan.runs] == [
        (seed, heads) for seed in (5, 6) for heads in (1, 2, 4)
    ]
    assert {(run.width, run.layers, run.steps, run.threads) for run in plan.runs} == {(16, 1, 7, 2)}


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"heads": (1, 3)}, "allowed a multiple of 3 heads"),
        ({"heads": ()}, "heads: got none"),
        ({"heads": (2, 1)}, "heads: got 2,1"),
        ({"heads": (2, 2)}, "heads: got 2,2"),
        ({"heads": (0, 2)}, "heads: got 0"),
        ({"seeds": 0}, "seeds: got 0"),
        ({"steps": 0}, "steps: got 0"),
        ({"seed": -1}, "seed: got -1"),
    ],
    ids=str,
)
def test_an_impossible_plan_is_refused(choices, message):
    with pytest.raises(RequestError, match=message):
        Plan(**choices)


def test_networks_of_any_number_of_heads_read_the_same_batches(material):
    words = []
    for heads in (1, 4):
        words.append([])
        grow(material, tiny(heads), lambda progress: words[-1].append(progress.words))
    assert words[0] == words[1]
    assert len(words[0]) == 4


def test_networks_of_any_number_of_heads_have_as_many_parameters(material):
    grown = [grow(material, tiny(heads, steps=1)) for heads in (1, 2, 8)]
    assert len({one.parameters for one in grown}) == 1
    assert len({attention_parameters(one.architecture) for one in grown}) == 1
    assert all(one.seconds > 0 for one in grown)
    sizes = grown[0].architecture
    # Two layers: four square projections with their biases, and a key for each of 33 distances.
    assert attention_parameters(sizes) == 2 * (4 * (8 * 8 + 8) + 33 * 8)
    assert grown[0].parameters == sum(int(np.prod(shape)) for shape in parameter_shapes(sizes).values())


def test_heads_are_not_pushed_apart(material, tmp_path):
    pushed = {heads: train(material, tiny(heads), tmp_path / str(heads)).arrays for heads in (1, 2)}
    grown = {heads: grow(material, tiny(heads)).arrays for heads in (1, 2)}
    name = "layers.1.attention.query.weight"
    np.testing.assert_array_equal(grown[1][name], pushed[1][name])  # one head has no other to be kept from
    assert not np.array_equal(grown[2][name], pushed[2][name])


def test_a_training_without_the_push_does_not_continue_one_with_it(material, tmp_path, monkeypatch):
    monkeypatch.setattr("attnviz.model.training.loop._CHECKPOINT_EVERY", 1)
    train(material, tiny(2, steps=1), tmp_path)
    with pytest.raises(RequestError, match="another training"):
        train(material, tiny(2, steps=1), tmp_path, pushed_apart=False)


def test_the_same_seed_gives_the_same_network_and_another_does_not(material):
    one, again, other = (grow(material, tiny(2, seed=seed)).arrays["embedding"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_head_that_is_removed_adds_nothing_and_the_others_what_they_did(material):
    grown = grow(material, tiny(4, layers=1))
    features = material.held_out.batch(np.arange(2)).features
    layer = assemble(grown.architecture, grown.arrays).layers[0]
    x = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    y = layer_norm(x, layer.attention_norm)

    def output(arrays):
        parameters = assemble(grown.architecture, arrays).layers[0].attention
        return multi_head_attention(y, remember(y, parameters), parameters).output

    kept = multi_head_attention(y, remember(y, layer.attention), layer.attention)
    values = remember(y, layer.attention).values
    for index in range(4):
        added = kept.weights[index] @ values[index] @ layer.attention.output.weight[2 * index : 2 * index + 2]
        less = without_head(grown.architecture, grown.arrays, HeadId(0, index))
        np.testing.assert_allclose(output(less), kept.output - added, atol=1e-5)
        assert set(less) == set(grown.arrays)
        assert grown.arrays["layers.0.attention.output.weight"][2 * index].any()  # the original is untouched

    none = grown.arrays
    for index in range(4):
        none = without_head(grown.architecture, none, HeadId(0, index))
    np.testing.assert_allclose(output(none), np.broadcast_to(layer.attention.output.bias, (5, 8)), atol=1e-6)
    judged = [
        read(assemble(grown.architecture, arrays), features, lambda *_: None).judgements
        for arrays in (grown.arrays, none)
    ]
    assert not np.allclose(*judged)
    assert isinstance(layer.attention.output, Linear)
