"""Models run backwards say what small changes say, whatever way their attention is seen."""

import inspect
import math
import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it
from torch.overrides import TorchFunctionMode
from transformers import (
    BertForMaskedLM,
    GPT2LMHeadModel,
    LlamaForCausalLM,
    T5ForConditionalGeneration,
    ViTForImageClassification,
)
from transformers.modeling_outputs import CausalLMOutput
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

import attnviz
from attnviz.errors import BudgetError, NoAnswer, OutOfRange, RequestError, UnsupportedModel
from attnviz.outcome import Question
from attnviz.prompt import Prompt
from attnviz.record import Token
from attnviz.selection import HeadId, Selection
from attnviz.sources import keep, load
from attnviz.sources.huggingface.capturing.filled import Filled
from attnviz.sources.huggingface.feed import Answering, Feed, Positions, Written
from attnviz.sources.huggingface.intervening import gradients
from attnviz.sources.huggingface.intervening.answers import states
from attnviz.sources.huggingface.intervening.gates import gating
from attnviz.sources.huggingface.intervening.outcomes import run_outcome
from attnviz.sources.huggingface.modules import ModuleSource
from attnviz.sources.huggingface.paths.rerun import hooked
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.reading import PretrainedReading
from attnviz.sources.huggingface.watching.sites import once
from tests.sources.architectures import ARCHITECTURES
from tests.sources.test_gates import READINGS
from tests.sources.test_modules import LENGTH, D, Heads
from tests.sources.test_output_projection import PROJECTIONS
from tests.sources.test_parity import GIVEN
from tests.sources.tiny_layouts import read
from tests.sources.tiny_pretrained import FOX


@dataclass(frozen=True)
class Case:
    """A model with its head, in double precision."""

    reading: PretrainedReading
    model: nn.Module
    projections: dict[str, str]


KINDS = {
    "bert": BertForMaskedLM,
    "gpt2": GPT2LMHeadModel,
    "llama": LlamaForCausalLM,
    "t5": T5ForConditionalGeneration,
    "vit": ViTForImageClassification,
}


def case(name, *, attention="sdpa", special=True) -> Case:
    architecture = ARCHITECTURES[name]
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(0)
        config = type(architecture.build().config)(**architecture.options)
        model = KINDS[name]._from_config(config, attn_implementation=attention).double().eval()
    body = model.base_model
    feed = architecture.feed(body)
    arguments = {
        what: given.double() if isinstance(given, Tensor) and given.is_floating_point() else given
        for what, given in feed.arguments.items()
    }
    sides = feed.sides if name == "vit" else {
        block: tuple(written(arguments, side.count, special) for side in both)
        for block, both in feed.sides.items()
    }  # fmt: skip
    feed = replace(feed, arguments=arguments, sides=sides, answering=Answering(model))
    return Case(read(feed, name), model, PROJECTIONS[name])


def written(arguments, count, special) -> Written:
    ids = next(given[0].tolist() for given in arguments.values() if given.shape == (1, count))
    kinds = ["special" if special else "text", *["text"] * (count - 1)]
    return Written(tuple(Token(str(i), i, kind=kind) for i, kind in zip(ids, kinds, strict=True)))


CASES = list(KINDS)


@contextmanager
def gated(made: Case, gates):
    """Multiply what enters output projections: by block and head, in double precision."""

    def multiply(factors):
        return lambda _module, given: (given[0] * factors, *given[1:])

    with ExitStack() as hooks:
        for block, of_heads in gates.items():
            for head, gate in of_heads.items():
                part = made.model.base_model.get_submodule(made.projections[block].format(head.layer))
                factors = torch.ones(32, dtype=torch.float64).unflatten(0, (4, 8))
                factors[head.index] = gate
                hooks.enter_context(hooked(part.register_forward_pre_hook(multiply(factors.flatten()))))
        yield


class Double(TorchFunctionMode):
    """Keeps models from doing parts of their work in single precision."""

    def __torch_function__(self, func, _types, args=(), kwargs=None):
        named = kwargs or {}
        if func is Tensor.float or (func is Tensor.to and args[1:] == (torch.float32,)):
            return args[0]
        if named.get("dtype") is torch.float32:
            named = {**named, "dtype": torch.float64}
        return func(*args, **named)


def logits(made: Case) -> Tensor:
    with torch.no_grad(), Double():
        return made.model(**made.reading.feed.arguments).logits[0]


def loss(rows: Tensor, reference, counted) -> float:
    said = torch.log_softmax(rows.reshape(-1, rows.shape[-1]), -1) / math.log(2)
    return -float(np.mean([float(said[row, reference[row]]) for row in counted]))


@pytest.mark.parametrize("name", CASES)
def test_gate_gradients_are_differences_of_the_loss(name):
    made, step = case(name), 1e-4
    found = made.reading.gate_gradients()
    outcome = made.reading.outcome()
    assert outcome.counted_rows == list(range(name != "vit", len(outcome.tokens)))
    assert {block: list(of) for block, of in found.items()} == {
        block: [HeadId(layer.number, head) for layer in outline.layers for head in layer.heads]
        for block, outline in made.reading.outlines.items()
    }
    for block, of_heads in found.items():
        for head, slope in of_heads.items():
            ends = []
            for sign in (1, -1):
                with gated(made, {block: {head: 1 + sign * step}}):
                    ends.append(loss(logits(made), outcome.reference, outcome.counted_rows))
            assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4, abs=1e-5)
    assert max(abs(slope) for of_heads in found.values() for slope in of_heads.values()) > 1e-3


@pytest.mark.parametrize("name", CASES)
def test_gate_gradients_are_differences_of_outcomes(name):
    reading, step = case(name).reading, 3e-4
    for block, of_heads in reading.gate_gradients().items():
        head, slope = max(of_heads.items(), key=lambda item: abs(item[1]))
        ends = [reading.outcome({block: {head: 1 + sign * step}}) for sign in (1, -1)]
        losses = [loss(end.rows.double(), end.reference, end.counted_rows) for end in ends]
        assert slope == pytest.approx((losses[0] - losses[1]) / (2 * step), rel=1e-2)


def test_special_tokens_count_where_there_are_no_others():
    made = case("bert")
    counted = made.reading.gate_gradients()["self"]
    every = case("bert", special=False).reading.gate_gradients()["self"]
    assert any(abs(counted[head] - every[head]) > 1e-4 for head in counted)
    only = tuple(replace(token, kind="special") for token in made.reading.feed.sides["self"][0].known)
    sides = {"self": (Written(only), Written(only))}
    alone = read(replace(made.reading.feed, sides=sides)).gate_gradients()["self"]
    assert alone == pytest.approx(every, rel=1e-5)


@pytest.mark.parametrize("name", ["bert", "llama"])
def test_a_dead_head_scores_nothing(name):
    made = case(name)
    projection = made.model.base_model.get_submodule(made.projections["self"].format(1))
    with torch.no_grad():
        projection.weight[:, 8:16] = 0
    reading = read(made.reading.feed)
    slopes = reading.gate_gradients()["self"]
    assert slopes[HeadId(1, 1)] == 0
    assert all(slope for head, slope in slopes.items() if head != HeadId(1, 1))
    found = reading.weight_gradients(reading.record()).values
    assert not found[1, 1].any()
    assert found[1, 0].any()


class Softmaxes(TorchFunctionMode):
    """Adds a number to one cell of what one softmax of a pass gives."""

    def __init__(self, number, cell, added):
        super().__init__()
        self.pending, self.cell, self.added = number, cell, added

    def __torch_function__(self, func, _types, args=(), kwargs=None):
        result = func(*args, **kwargs or {})
        if func is F.softmax:
            assert result.dtype == torch.float64
            if self.pending == 0:
                result = result.clone()
                result[0, *self.cell] += self.added
            self.pending -= 1
        return result


# In which order softmaxes come; a decoder's layer of T5 looks at itself and then across.
ORDER = {
    "self": lambda layer: layer,
    "encoder": lambda layer: layer,
    "decoder": lambda layer: 3 + 2 * layer,
    "cross": lambda layer: 4 + 2 * layer,
}


@pytest.mark.parametrize("name", CASES)
def test_weight_gradients_are_differences(name):
    made, plain, step = case(name), case(name, attention="eager"), 1e-4
    torch.testing.assert_close(logits(made), logits(plain), atol=1e-6, rtol=1e-6)
    row = 0 if name == "vit" else 4
    for block in made.reading.outlines:
        record = made.reading.record(block=block)
        found = made.reading.weight_gradients(record, Question(row))
        answer = int(logits(plain).reshape(-1, logits(plain).shape[-1])[row].argmax())
        assert (found.row, found.values.shape) == (row, record.weights.shape)
        largest = float(np.abs(found.values).max())
        for layer in record.layers:
            visible = np.argwhere(np.broadcast_to(record.visible(layer), record.weights.shape[1:]))
            for cell in map(tuple, visible[:: len(visible) // 4 + 1]):
                ends = []
                for sign in (1, -1):
                    with Softmaxes(ORDER[block](layer), cell, sign * step) as mode:
                        rows = logits(plain)
                    assert mode.pending < 0
                    said = torch.log_softmax(rows.reshape(-1, rows.shape[-1])[row], -1)[answer]
                    ends.append(float(said) / math.log(2))
                difference = (ends[0] - ends[1]) / (2 * step)
                place = record.layers.index(layer)
                assert found.values[place, *cell] == pytest.approx(difference, rel=1e-4, abs=1e-5 * largest)
        assert largest > 1e-4


class Answers(nn.Module):
    """A head over whatever a model gives, the same one each time."""

    def __init__(self, feed: Feed):
        super().__init__()
        self.body, self.feed, self.output = feed.model, feed, None

    def forward(self, **arguments):
        caches = "use_cache" in inspect.signature(self.body.forward).parameters
        self.output = self.body(**{**({"use_cache": False} if caches else {}), **arguments})
        rows = states(self.output, self.feed).rows
        chance = torch.Generator().manual_seed(0)
        matrix = torch.randn(rows.shape[-1], 5, generator=chance) / rows.shape[-1] ** 0.5
        return CausalLMOutput(logits=(rows @ matrix)[None])


def answered(name) -> PretrainedReading:
    feed = READINGS[name]()
    return read(replace(feed, answering=Answering(Answers(feed))), name)


# Models that give the very tensors their values are multiplied with.
SAYING = [
    "bert", "gpt2", "llama", "gemma2", "gpt_oss", "deepseek_v3", "falcon", "jamba", "t5", "bart", "whisper",
    "vit", "wav2vec2", "segformer", "qwen2_vl", "deberta", "mpnet", "bloom", "gptj", "roformer",
]  # fmt: skip


@pytest.mark.parametrize("name", SAYING)
def test_weight_gradients_are_what_torch_gives_for_a_models_own_weights(name):
    architecture, reading = ARCHITECTURES[name], answered(name)
    row = len(reading.outcome().tokens) // 2
    eager = architecture.build("eager")
    feed = architecture.feed(eager, output_attentions=True)
    head = Answers(feed)
    with quiet(), torch.enable_grad():
        rows = once(head, feed.arguments).logits[0]
        said = torch.log_softmax(rows[row], -1).max() / math.log(2)
    for block, outline in reading.outlines.items():
        given = attrgetter(GIVEN.get(block, architecture.reference))(head.output)
        given = [layer for layer in given if layer is not None]
        given = given if len(given) == len(outline.numbers) else [given[number] for number in outline.numbers]
        slopes = torch.autograd.grad(said, given, retain_graph=True)
        theirs = dict(zip(outline.numbers, slopes, strict=True))
        for layers in outline.alike:
            numbers = ",".join(str(layer.number) for layer in layers)
            record = reading.record(Selection(numbers), block=block)
            ours = reading.weight_gradients(record, Question(row)).values
            for layer, of_layer in zip(record.layers, ours, strict=True):
                expected = np.where(record.visible(layer), theirs[layer][0].numpy(), 0)
                assert np.abs(expected).max() > 0
                np.testing.assert_allclose(of_layer, expected, atol=5e-5 * np.abs(expected).max(), rtol=0)


# Every way attention is seen, every form a layer is cut in, and models that use their weights twice.
WAYS = [
    "bert", "albert", "llama", "gpt_oss", "granite_swa", "diffllama", "falcon (alibi)", "lilt", "xlnet",
    "wavlm", "squeezebert", "convbert", "qwen3_next", "vitdet", "git", "llava", "swin (windows)",
    "longformer", "longformer, some tokens look everywhere", "bigbird (block sparse)", "longt5 (local)",
    "led", "prophetnet (streams)",
]  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_weights_times_their_gradients_are_what_a_gate_changes(name):
    """A gate multiplies all weights of its head: the answer's slope by it is the sum of weight x slope."""
    reading = answered(name)
    row = len(reading.outcome().tokens) // 2
    for block, outline in reading.outlines.items():
        gates = {
            (block, layer.number): torch.ones(len(layer.heads)).requires_grad_() for layer in outline.layers
        }
        with torch.enable_grad():
            rows = run_outcome(reading.feed, reading.watched, gating(gates, reading.watched.sites)).rows
            said = torch.log_softmax(rows[row], -1).max() / math.log(2)
        slopes = torch.autograd.grad(said, list(gates.values()))
        expected = dict(zip(outline.numbers, (slope.numpy() for slope in slopes), strict=True))
        compared = 0
        for layers in outline.alike:
            numbers = ",".join(str(layer.number) for layer in layers)
            record = reading.record(Selection(numbers), block=block)
            found = reading.weight_gradients(record, Question(row))
            sums = (record.weights * found.values).sum(axis=(2, 3), dtype=np.float64)
            sizes = np.abs(record.weights * found.values).sum(axis=(2, 3), dtype=np.float64)
            for layer, ours, size in zip(record.layers, sums, sizes, strict=True):
                np.testing.assert_allclose(ours, expected[layer], atol=1e-4 * size.max(), rtol=1e-3)
                compared += bool(np.abs(ours).max() > 0)
        assert compared == len(outline.layers)


def test_what_is_not_selected_does_not_matter():
    reading = case("llama").reading
    whole = reading.weight_gradients(reading.record(), Question(3)).values
    some = reading.weight_gradients(reading.record(Selection("0,2", "1,3")), Question(3)).values
    np.testing.assert_allclose(some, whole[np.ix_([0, 2], [1, 3])], rtol=1e-5, atol=1e-9)


def test_where_there_is_no_weight_there_is_no_gradient():
    reading = answered("mistral")
    record = reading.record()
    found = reading.weight_gradients(record).values
    assert record.sight  # a window
    for layer, of_layer in zip(record.layers, found, strict=True):
        assert not of_layer[:, ~record.visible(layer)].any()
        assert of_layer[:, record.visible(layer)].any()


def test_only_the_inputs_own_rows_and_columns_are_told():
    feed = case("t5").reading.feed
    own = (1, 2, 5, 8)
    known = feed.sides["encoder"][0].known
    filled = Filled(tuple(known[place] for place in own), own, len(known))
    target = feed.sides["cross"][0]
    sides = {"encoder": (filled, filled), "decoder": (target, target), "cross": (target, filled)}
    cut, whole = read(replace(feed, sides=sides)), read(feed)
    for block, rows in {"encoder": own, "cross": range(len(target.known))}.items():
        ours = cut.weight_gradients(cut.record(block=block)).values
        theirs = whole.weight_gradients(whole.record(block=block)).values
        assert ours.shape[2:] == (len(rows), 4)
        np.testing.assert_array_equal(ours, theirs[:, :, rows][..., own])


def test_a_question_names_row_and_answer():
    made = case("gpt2")
    record = made.reading.record(Selection("2"))
    rows = logits(made).softmax(-1)
    usual = made.reading.weight_gradients(record)
    assert (usual.row, usual.token) == (11, record.queries[11].text)
    assert usual.answer == str(int(rows[11].argmax()))
    assert usual.probability == pytest.approx(float(rows[11].max()), rel=1e-4)
    other = made.reading.weight_gradients(record, Question(-3, "7"))
    assert (other.row, other.answer) == (9, "7")
    assert other.probability == pytest.approx(float(rows[9, 7]), rel=1e-4)
    assert not np.allclose(usual.values, other.values)
    with pytest.raises(OutOfRange, match="no row 12"):
        made.reading.weight_gradients(record, Question(12))
    with pytest.raises(RequestError, match="no such answer"):
        made.reading.weight_gradients(record, Question(answer="fox"))


def test_later_queries_of_a_decoder_do_not_matter():
    reading = case("gpt2").reading
    found = reading.weight_gradients(reading.record(), Question(6)).values
    assert found[:, :, :7].any()
    assert not found[:, :, 7:].any()
    assert not found[-1, :, :6].any()


@dataclass(frozen=True)
class Kept:
    """Everything of a model that running it backwards could change."""

    wanting: list[bool]
    gradients: list[Tensor | None]
    training: list[bool]
    numbers: list[Tensor]
    hooks: int
    table: tuple[object, ...]

    @classmethod
    def of(cls, model) -> "Kept":
        parameters = list(model.parameters())
        return cls(
            [part.requires_grad for part in parameters],
            [part.grad for part in parameters],
            [part.training for part in model.modules()],
            [part.detach().clone() for part in parameters],
            sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.modules()),
            tuple(ALL_ATTENTION_FUNCTIONS.get(name) for name in ("sdpa", "eager")),
        )

    def assert_same(self, model) -> None:
        now = Kept.of(model)
        assert all(torch.equal(*pair) for pair in zip(self.numbers, now.numbers, strict=True))
        assert replace(self, numbers=[]) == replace(now, numbers=[])


def test_the_model_is_left_as_it_was(monkeypatch):
    made = case("t5")
    for number, part in enumerate(made.model.parameters()):
        part.requires_grad_(number % 3 > 0)
    made.model.train()
    made.model.encoder.block[0].eval()
    before = Kept.of(made.model)
    made.reading.gate_gradients()
    made.reading.weight_gradients(made.reading.record())
    before.assert_same(made.model)

    def fails(*_given, **_named):
        raise RuntimeError

    monkeypatch.setattr(gradients, "settle", fails)
    with pytest.raises(RuntimeError):
        made.reading.weight_gradients(made.reading.record())
    before.assert_same(made.model)


@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode])
def test_it_does_not_matter_whether_the_caller_keeps_gradients(without):
    made = case("bert")
    with torch.enable_grad():
        usual = made.reading.gate_gradients()
    with without():
        assert made.reading.gate_gradients() == usual
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_half_precision_gives_the_same_but_for_rounding(precision):
    feed = READINGS["gpt2"]()
    usual = read(replace(feed, answering=Answering(Answers(feed))))
    expected = usual.weight_gradients(usual.record(), Question(5, "2"))
    feed.model.to(precision)
    half = read(usual.feed)
    ours = half.weight_gradients(half.record(), Question(5, "2"))
    assert ours.values.dtype == np.float32
    np.testing.assert_allclose(ours.values, expected.values, atol=0.1 * np.abs(expected.values).max())
    slopes = half.gate_gradients()["self"]
    assert all(np.isfinite(slope) for slope in slopes.values())


def test_states_have_no_probability(minilm):
    reading = load(minilm).read(Prompt(FOX))
    for ask in (reading.gate_gradients, lambda: reading.weight_gradients(reading.record())):
        with pytest.raises(NoAnswer, match="no head that answers"):
            ask()


def test_records_of_something_else_are_refused():
    reading = case("bert").reading
    record = reading.record()
    dropped = attnviz.from_arrays(record.weights[:, :, 1:, 1:] * 0, ["a"] * 11)
    with pytest.raises(RequestError, match="a record of other tokens"):
        reading.weight_gradients(dropped)
    for other, what in [
        (replace(record, block="cross"), "another model"),
        (replace(record, layers=(0, 1, 7)), "another model"),
        (replace(record, heads=(0, 1, 2, 9)), "other heads"),
    ]:
        with pytest.raises(RequestError, match=what):
            reading.weight_gradients(other)


class Stopped(nn.Module):
    """A stack of which some layers are cut off from what made them, and some do not count."""

    def __init__(self, lost=None, idle=None):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.MultiheadAttention(16, 4, batch_first=True) for _ in range(3))
        self.out, self.lost, self.idle = nn.Linear(16, 5), lost, idle

    def forward(self, x):
        for number, layer in enumerate(self.layers):
            made = layer(x, x, x)[0]
            made = made.detach() if number == self.lost else made
            x = x if number == self.idle else x + made
        return CausalLMOutput(logits=self.out(x))


def stopped(**how) -> PretrainedReading:
    module = Stopped(**how).eval()
    x = torch.randn(1, 6, 16, generator=torch.Generator().manual_seed(1))
    side = Positions(6)
    return read(Feed(module, {"x": x}, {"self": (side, side)}, answering=Answering(module)))


def test_a_model_that_loses_track_is_refused():
    reading = stopped(lost=1)
    for ask in (reading.gate_gradients, lambda: reading.weight_gradients(reading.record())):
        with pytest.raises(
            UnsupportedModel, match="cannot be run backwards: torch loses track of its layer 1"
        ):
            ask()
    with pytest.raises(UnsupportedModel, match="torch loses track"):
        answered("reformer (local and hashed)").gate_gradients()  # it makes its layers' states anew
    later = reading.weight_gradients(reading.record(Selection("2")))
    assert later.values.any()


def test_a_layer_that_does_not_count_scores_nothing():
    reading = stopped(idle=2)
    slopes = reading.gate_gradients()["self"]
    assert [slope == 0 for slope in slopes.values()] == [head.layer == 2 for head in slopes]
    found = reading.weight_gradients(reading.record()).values
    assert [bool(of_layer.any()) for of_layer in found] == [True, True, False]


def test_what_is_no_finite_number_is_refused():
    class Root(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(16, 4, batch_first=True, bias=False)

        def forward(self, x):
            made = self.attention(x, x, x)[0]
            return CausalLMOutput(logits=(made - made.detach()).abs().sqrt())

    module, side = Root().eval(), Positions(6)
    reading = read(
        Feed(module, {"x": torch.ones(1, 6, 16)}, {"self": (side, side)}, answering=Answering(module))
    )
    with pytest.raises(UnsupportedModel, match="no finite number"):
        reading.weight_gradients(reading.record())


@pytest.mark.parametrize(
    ("said", "fault"), [("CUDA out of memory", BudgetError), ("one was modified in place", UnsupportedModel)]
)
def test_what_goes_wrong_backwards_is_named(said, fault, monkeypatch):
    def fails(*_given, **_named):
        raise RuntimeError(said)

    reading = case("bert").reading
    monkeypatch.setattr(torch.autograd, "grad", fails)
    for ask in (reading.gate_gradients, lambda: reading.weight_gradients(reading.record())):
        with pytest.raises(fault, match="BertModel"):
            ask()


def test_too_many_weights_are_refused_before_anything_runs(monkeypatch):
    reading = case("bert").reading
    record = reading.record()
    monkeypatch.setattr(keep, "_memory", lambda: 2 * 4 * record.weights.size * 2)
    monkeypatch.setattr(gradients, "run_outcome", None)
    what = re.escape("the gradients of weights for 12 x 12 tokens do not fit")
    with pytest.raises(BudgetError, match=what):
        reading.weight_gradients(record)


@pytest.mark.parametrize("options", [{}, {"add_bias_kv": True}, {"add_zero_attn": True}], ids=str)
@pytest.mark.parametrize("batch_first", [True, False])
def test_multihead_attention_with_keys_of_its_own(options, batch_first):
    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.attention = nn.MultiheadAttention(16, 4, batch_first=batch_first, **options)

        def forward(self, x):
            rows = self.attention(x, x, x)[0]
            return CausalLMOutput(logits=rows if batch_first else rows.transpose(0, 1))

    module = Head().eval()
    x = torch.randn(6, 16, generator=torch.Generator().manual_seed(1))
    x = x[None] if batch_first else x[:, None]
    reading = ModuleSource(module).read_tensors(x)
    reading = replace(reading, feed=replace(reading.feed, answering=Answering(module)))
    record = reading.record()
    ours = reading.weight_gradients(record, Question(2)).values
    with torch.no_grad():
        weight, bias = module.attention.in_proj_weight.chunk(3)[2], module.attention.in_proj_bias.chunk(3)[2]
        values = F.linear(x.reshape(6, 16), weight, bias).unflatten(-1, (4, 4)).transpose(0, 1)
    added = torch.zeros(4, 6, 6, requires_grad=True)
    with torch.enable_grad():
        more = F.linear((added @ values).transpose(0, 1).flatten(1), module.attention.out_proj.weight)
        rows = module(x).logits[0].detach() + more
        said = torch.log_softmax(rows[2], -1).max() / math.log(2)
    (theirs,) = torch.autograd.grad(said, added)
    np.testing.assert_allclose(ours[0], theirs.numpy(), atol=1e-6)


class Cut(nn.Module):
    """Attention to whole, or to pieces of, what comes in, written in one call or in several."""

    def __init__(self, *, at_once, alone):
        super().__init__()
        torch.manual_seed(0)
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 5)
        self.at_once, self.alone = at_once, alone

    def forward(self, x):
        query, key, value = (one.unflatten(-1, (4, 4)).transpose(1, 2) for one in self.qkv(x).chunk(3, -1))
        piece = torch.arange(12) // 5
        mask = piece[:, None] == piece if self.alone else torch.ones(12, 12, dtype=torch.bool)
        if self.at_once:
            made = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        else:
            made = torch.cat([self.part(query, key, value, piece == number) for number in range(3)], dim=2)
        return CausalLMOutput(logits=self.out(made.transpose(1, 2).flatten(2)))

    def part(self, query, key, value, own):
        seen = (key[:, :, own], value[:, :, own]) if self.alone else (key, value)
        return F.scaled_dot_product_attention(query[:, :, own], *seen)


@pytest.mark.parametrize("alone", [False, True])
def test_pieces_are_one_layer(alone):
    found = []
    for at_once in (True, False):
        module, side = Cut(at_once=at_once, alone=alone).eval(), Positions(12)
        x = torch.randn(1, 12, 16, generator=torch.Generator().manual_seed(1))
        reading = read(Feed(module, {"x": x}, {"self": (side, side)}, answering=Answering(module)))
        assert len(reading.watched.sites) == (1 if at_once else 3)
        found.append(reading.weight_gradients(reading.record(), Question(7)).values)
    assert found[0][:, :, 7].any()
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)


def test_heads_in_modules_of_their_own_have_their_own_gradients():
    torch.manual_seed(0)
    module, x = Heads().eval(), torch.randn(1, LENGTH, D, generator=torch.Generator().manual_seed(1))
    reading = ModuleSource(module).read_tensors(x)
    reading = replace(reading, feed=replace(reading.feed, answering=Answering(Answers(reading.feed))))
    record = reading.record()
    found = reading.weight_gradients(record, Question(2)).values
    rows = reading.outcome().rows
    answer, step = int(rows[2].argmax()), 1e-2
    for head in record.heads:
        ends = [reading.outcome({"self": {HeadId(0, head): 1 + sign * step}}).rows for sign in (1, -1)]
        said = [float(torch.log_softmax(end[2].double(), -1)[answer]) / math.log(2) for end in ends]
        ours = float((record.weights[0] * found[0])[record.heads.index(head)].sum())
        assert ours == pytest.approx((said[0] - said[1]) / (2 * step), rel=1e-2, abs=1e-4)
        assert abs(ours) > 1e-3
