"""What a model is made of, in words and figures."""

from dataclasses import replace

import pytest
from rich.cells import cell_len

from attnviz.anatomy import Anatomy, Projection
from attnviz.outline import Layer, Outline
from attnviz.render.terminal.anatomy import AnatomyTable
from tests.render.terminal.console import shown

HEADS = tuple(range(8))


def anatomy():
    """A made-up model: a hybrid with grouped keys, a window and sinks in some layers."""
    plain = Layer(1, HEADS, 12, 12, causal=True, key_heads=2, d_k=64, d_v=64, path="table")
    windowed = replace(plain, number=3, window=128, sinks=True)
    matrices = tuple(
        Projection((role,), f"{role}_proj", 512, size, 512 * size)
        for role, size in (("query", 512), ("key", 128), ("value", 128), ("output", 512))
    )
    return Anatomy(
        model="owner/model",
        revision="0123abc",
        kind="made-up",
        network="MadeUpForCausalLM",
        parameters=12_345_678,
        width=512,
        positions=4096,
        sample="a text of 12 tokens",
        blocks={"self": Outline("self", (plain, windowed))},
        projections={"self": {1: matrices, 3: matrices}},
        beside={"layers": {0: "mamba", 2: "mamba"}},
        checks={
            "no weight is negative": "",
            "the weights make the output of their layer": "at most 2e-07 apart",
        },
    )


@pytest.mark.parametrize("width", [80, 200])
def test_it_tells_what_attends_at_what_cost_and_how_it_was_checked(width):
    lines = shown(AnatomyTable(anatomy()), width).splitlines()
    told = [" ".join(line.split()) for line in lines]
    for line in (
        "owner/model: MadeUpForCausalLM (made-up), revision 0123abc",
        "Its attention weights can be captured: 2 layers with 16 heads in all.",
        "parameters 12,345,678, of them 655,360 (5%) in attention",
        "query 262,144; key 65,536; value 65,536; output 262,144",
        "d_model 512",
        "positions 4,096",
        "layers 1,3 of 0-3 attend; the others: mamba",
        "128 tokens 168 M 16.8 M 16.8 M 201 M 1.0 MiB",
        "Checked on a text of 12 tokens:",
        "✓ no weight is negative",
        "✓ the weights make the output of their layer (at most 2e-07 apart)",
    ):
        assert line in told
    assert "self 1 8 2 64 64 itself and before" in " ".join(told)
    assert "128 tokens, itself and before, or a sink" in " ".join(told) or width < 100


@pytest.mark.parametrize("width", [20, 40, 75, 76, 80, 200])
def test_nothing_is_wider_than_asked(width):
    assert max(map(cell_len, shown(AnatomyTable(anatomy()), width).splitlines())) <= width


def test_a_model_in_which_nothing_attends():
    nothing = replace(
        anatomy(), blocks={}, projections={}, checks={}, beside={"layers": {0: "Mixer", 1: "Mixer"}}
    )
    text = shown(AnatomyTable(nothing), 80)
    assert "It has no attention weights: nothing in it attends." in text
    assert "layers 0-1: Mixer" in text
    assert "Cost" not in text
    assert "Checked" not in text


def test_stacks_are_named_where_there_are_several():
    both = replace(
        anatomy(), beside={"encoder.layers": {0: "mamba"}, "decoder.layers": {2: "conv", 4: "mamba"}}
    )
    text = shown(AnatomyTable(both), 80)
    assert "encoder.layers 0 do not attend: mamba" in text
    assert "decoder.layers 2,4 do not attend: conv (2), mamba (4)" in text


def test_halves_stand_side_by_side_each_with_what_it_reads():
    seen = replace(anatomy(), sample="a picture of 17 tokens", scales=False, beside={})
    text = shown(AnatomyTable(replace(seen, halves=(replace(anatomy(), beside={}),))), 140)
    told = [" ".join(line.split()) for line in text.splitlines()]
    assert "Its attention weights can be captured: 4 layers with 32 heads in all." in told
    assert "parameters 12,345,678, of them 1,310,720 (11%) in attention" in told
    assert sum(line.startswith("self (a picture) ") for line in told) == 2
    assert sum(line.startswith("self (a text) ") for line in told) == 2
    assert sum(line.startswith(("a picture of 17 tokens ", "a text of 12 tokens ")) for line in told) == 2
    assert "Checked on a picture of 17 tokens and a text of 12 tokens:" in told


def test_what_is_not_known_is_left_open():
    layer = Layer(0, HEADS, 5, 5, path="new way")
    unknown = replace(anatomy(), blocks={"self": Outline("self", (layer,))}, projections={}, beside={})
    text = shown(AnatomyTable(replace(unknown, width=None, positions=None, scales=False)), 100)
    assert " ".join(text.splitlines()[6].split()) == "self 0 8 ? ? ? every token new way"
    assert "d_model" not in text
    assert "a text of 12 tokens" in text


def test_a_name_cannot_act_on_the_terminal():
    text = shown(AnatomyTable(replace(anatomy(), model="a\x1b[31mb", kind="k\x07")), 80)
    assert "\x1b[31mb" not in text
    assert "\x07" not in text
