"""Text being generated: one pass over what was read and said has the weights of every step."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoTokenizer,
    BertLMHeadModel,
    ByT5Tokenizer,
    XLNetConfig,
)

from attnviz.errors import BudgetError, CaptureFailed, RequestError, TextTooLong
from attnviz.prompt import Prompt
from attnviz.sources import load
from attnviz.sources.huggingface.inputs import speaking
from attnviz.sources.huggingface.inputs.said import Writer
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.streaming.scale import Scale
from tests.sources.tiny_pretrained import DECODERS, ENCODERS, FOX, HYBRID

STEPS = 6
START = "The quick brown fox"


@pytest.fixture
def save_speaker(tmp_path):
    """Makes a random model with a head that predicts and saves it with a tokenizer."""

    def save(config, tokenizer, kind=AutoModelForCausalLM, **settings):
        with quiet(), torch.random.fork_rng():
            torch.manual_seed(0)
            model = kind.from_config(config) if kind is not BertLMHeadModel else kind(config)
            for name, value in settings.items():
                setattr(model.generation_config, name, value)
            model.save_pretrained(tmp_path / "speaker")
            tokenizer.save_pretrained(tmp_path / "speaker")
        return tmp_path / "speaker"

    return save


@pytest.fixture
def speaking_gpt2(save_speaker, byte_pieces):
    return save_speaker(DECODERS["gpt2"], byte_pieces)


def said_by_itself(folder, text, steps=STEPS, **how):
    """What a separately loaded model says, and the weights of its steps: (layer, head, query, key)."""
    with quiet(), torch.no_grad():
        model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
        read = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", return_token_type_ids=False)
        said = model.generate(
            **read, max_new_tokens=steps, output_attentions=True, return_dict_in_generate=True, **how
        )
    return said.sequences[0].tolist(), stitched(said.attentions)


def stitched(steps):
    """Put the rows of one step after another under each other; a step may hold only the last keys."""
    layers = [[layer[0].numpy() for layer in step if layer is not None] for step in steps]
    rows = sum(step[0].shape[1] for step in layers)
    whole = np.zeros((len(layers[0]), layers[0][0].shape[0], rows, rows), dtype=np.float32)
    start = 0
    for step in layers:
        stop = start + step[0].shape[1]
        for layer, weights in enumerate(step):
            whole[layer, :, start:stop, stop - weights.shape[-1] : stop] = weights
        start = stop
    return whole


@pytest.mark.parametrize("config", [*DECODERS.values(), HYBRID], ids=[*DECODERS, "jamba (hybrid)"])
def test_one_pass_has_the_weights_of_the_steps(config, save_speaker, byte_pieces):
    folder = save_speaker(config, byte_pieces)
    record = load(folder).attend(START, generate=STEPS)
    ids, weights = said_by_itself(folder, START, do_sample=False)
    kept = len(ids) - (ids[-1] == byte_pieces.eos_token_id)
    assert [token.id for token in record.keys] == ids[:kept]
    assert record.causal
    rows = min(kept, weights.shape[2])  # the token said last is not read in the steps
    assert rows > record.border > 0
    np.testing.assert_allclose(record.weights[:, :, :rows, :rows], weights[:, :, :rows, :rows], atol=1e-5)
    assert len(record.queries) == len(record.predictions) == kept


def test_what_was_said_is_behind_the_prompt(speaking_gpt2):
    record = load(speaking_gpt2).attend("Pack my", generate=STEPS)
    border = record.border
    kinds = [token.kind for token in record.keys]
    assert kinds == ["text"] * border + ["generated"] * (len(kinds) - border)
    assert record.text.startswith("Pack my")
    assert record.queries == record.keys
    words = [token.word for token in record.keys]
    assert words[border] == words[border - 1] + 1
    assert words == sorted(words)
    for token in record.keys:
        assert record.text[slice(*token.span)] == token.text


def test_the_prompt_alone_reads_as_before(speaking_gpt2):
    source = load(speaking_gpt2)
    alone, longer = source.attend(FOX), source.attend(FOX, generate=3)
    count = len(alone.keys)
    assert longer.keys[:count] == alone.keys
    np.testing.assert_allclose(longer.weights[:, :, :count, :count], alone.weights, atol=1e-5)
    assert alone.predictions == ()


def test_predictions_are_those_of_the_models_own_softmax(speaking_gpt2):
    record = load(speaking_gpt2).attend(START, generate=STEPS)
    with quiet(), torch.no_grad():
        model = AutoModelForCausalLM.from_pretrained(speaking_gpt2)
        row = torch.tensor([[token.id for token in record.keys]])
        shares = model(row).logits[0].double().softmax(dim=-1)
    likeliest = shares.max(dim=-1).values.tolist()
    # The likeliest token is always taken, so every row tells of it.
    assert [found.probability for found in record.predictions] == pytest.approx(likeliest, abs=1e-5)
    said = record.keys[record.border :]
    assert [found.text for found in record.predictions[record.border - 1 : -1]] == [
        token.text for token in said
    ]


def test_drawing_is_by_the_seed_and_tells_the_token_drawn(speaking_gpt2):
    source = load(speaking_gpt2)
    one, again, other = (
        source.attend(START, generate=STEPS, temperature=3.0, seed=seed) for seed in (1, 1, 2)
    )
    assert one == again
    assert one.text != other.text
    assert [found.text for found in one.predictions[one.border - 1 : -1]] == [
        token.text for token in one.keys[one.border :]
    ]
    likeliest = source.attend(START, generate=1).predictions[one.border - 1].probability
    assert one.predictions[one.border - 1].probability < likeliest


def test_drawing_leaves_chance_elsewhere_alone(speaking_gpt2):
    source = load(speaking_gpt2)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    source.attend(START, generate=2, temperature=1.0, seed=3)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_token_that_ends_the_text_has_no_row_and_is_predicted(save_speaker, byte_pieces):
    folder = save_speaker(DECODERS["gpt2"], byte_pieces, eos_token_id=list(range(1, 300)))
    record = load(folder).attend(START, generate=STEPS)
    plain = load(folder).attend(START)
    assert record.border is None
    assert record.keys == plain.keys
    assert record.predictions[-1].text
    np.testing.assert_allclose(record.weights, plain.weights, atol=1e-6)


def test_a_token_that_closes_every_text_is_left_out_of_a_prompt(speaking_gpt2):
    source = load(speaking_gpt2)
    tokenizer = source.pretrained.tokenizer
    open_ended = source.attend("Pack my box", generate=2)
    from tokenizers.processors import TemplateProcessing

    tokenizer._tokenizer.post_processor = TemplateProcessing(
        single="$A <|end|>", special_tokens=[("<|end|>", tokenizer.eos_token_id)]
    )
    assert source.attend("Pack my box").keys[-1].is_special
    closed = source.attend("Pack my box", generate=2)
    assert closed == open_ended


def test_a_model_saved_without_its_head_has_it_if_it_is_shared_with_the_embedding(tiny_gpt2):
    assert load(tiny_gpt2).attend(START, generate=2).border is not None


def test_a_model_without_a_head_cannot_continue(tiny_llama):
    with pytest.raises(RequestError) as error:
        load(tiny_llama).attend(START, generate=2)
    assert str(error.value).count("cannot continue a text") == 1


@pytest.mark.parametrize("kind", ["bert", "modernbert (sliding window)", "distilbert"])
def test_encoders_cannot_continue(kind, save_model, word_pieces):
    with pytest.raises(RequestError, match="cannot continue a text"):
        load(save_model(ENCODERS[kind], word_pieces)).attend(START, generate=2)


@pytest.mark.parametrize("kind", [AutoModelForMaskedLM, BertLMHeadModel])
def test_encoders_with_a_head_that_predicts_cannot_continue_either(kind, save_speaker, word_pieces):
    folder = save_speaker(ENCODERS["bert"], word_pieces, kind)
    with pytest.raises(RequestError, match="its tokens see those after them"):
        load(folder).attend(START, generate=2)


def test_a_model_that_sees_both_ways_has_no_length_but_cannot_continue(save_speaker, byte_pieces):
    config = XLNetConfig(vocab_size=300, d_model=32, n_layer=2, n_head=4, d_inner=40)
    source = load(save_speaker(config, byte_pieces))
    assert not source.attend(START).causal
    with pytest.raises(RequestError, match="its tokens see those after them"):
        source.attend(START, generate=2)


def test_a_target_is_for_two_sides(speaking_gpt2):
    with pytest.raises(RequestError, match="got target"):
        load(speaking_gpt2).attend(START, target="Hund")


def test_what_is_to_be_added_counts_to_the_length(speaking_gpt2):
    source = load(speaking_gpt2)
    count = len(source.attend(START).keys)
    assert len(source.attend(START, generate=64 - count).keys) <= 64
    with pytest.raises(TextTooLong, match="got 65 tokens, allowed 64"):
        source.attend(START, generate=65 - count)


def test_other_logits_than_the_steps_saw_are_an_error(speaking_gpt2, monkeypatch):
    usual = speaking.expected

    def shifted(*given):
        return usual(*given).roll(1, dims=-1)

    monkeypatch.setattr(speaking, "expected", shifted)
    with pytest.raises(CaptureFailed, match="expects other tokens"):
        load(speaking_gpt2).attend(START, generate=2)


def test_logits_that_do_not_fit_are_refused_before_they_are_made(speaking_gpt2, monkeypatch):
    monkeypatch.setattr("attnviz.sources.keep._memory", lambda: 10_000.0)
    with pytest.raises(BudgetError, match="the logits of 300 tokens"):
        load(speaking_gpt2).read(Prompt(START, generate=2))


@pytest.mark.parametrize("kind", ["gpt2", "llama (grouped heads)"])
def test_a_long_text_has_logits_of_the_steps_alone(kind, save_speaker, byte_pieces, monkeypatch):
    source = load(save_speaker(DECODERS[kind], byte_pieces))
    short = source.read(Prompt(START, generate=STEPS))
    monkeypatch.setattr(speaking, "SCALE", Scale(long=10))
    made, expected = [], speaking.expected
    monkeypatch.setattr(speaking, "expected", lambda *asked: made.append(expected(*asked)) or made[-1])
    long = source.read(Prompt(START, generate=STEPS))
    assert (long.frame().queries, long.text) == (short.frame().queries, short.text)
    said = sum(token.kind == "generated" for token in long.frame().queries)
    assert [len(logits) for logits in made] == [said + 1]
    assert short.frame().predictions
    assert long.frame().predictions == ()


def test_predictions_that_are_no_numbers_are_an_error(byte_pieces):
    with pytest.raises(CaptureFailed, match="not a finite number"):
        speaking.predictions(Writer(byte_pieces), torch.full((2, 4), float("nan")), (None, None))
    with pytest.raises(CaptureFailed, match="does not line up"):
        speaking.predictions(Writer(byte_pieces), torch.zeros(3, 4), (None, None))


@settings(max_examples=60)
@given(before=st.text(min_size=1, max_size=12).filter(str.strip), said=st.text(min_size=1, max_size=20))
def test_what_was_said_reads_as_it_was_written(byte_pieces, before, said):
    tokenizer = byte_pieces
    try:
        given_ids, ids = tokenizer(before)["input_ids"], tokenizer(said)["input_ids"]
    except UnicodeEncodeError:
        return  # half characters cannot be said
    text, tokens = Writer(tokenizer).tokens(ids, before=given_ids, at=len(before), word=3)
    assert text == said
    assert [token.id for token in tokens] == ids
    covered = set()
    for token in tokens:
        start, stop = (place - len(before) for place in token.span)
        assert said[start:stop] == token.text != ""
        covered |= set(range(start, stop))
    # Nothing but the whitespace around tokens is left out.
    assert all(char.isspace() for place, char in enumerate(said) if place not in covered)
    words = [token.word for token in tokens]
    assert words == sorted(words)
    assert words[0] == 3


@settings(max_examples=60)
@given(ids=st.lists(st.integers(1, 299), min_size=1, max_size=24))
def test_bytes_that_are_no_character_still_have_a_place(byte_pieces, ids):
    ids = [number for number in ids if number < len(byte_pieces)]
    text, tokens = Writer(byte_pieces).tokens(ids)
    assert len(tokens) == len(ids)
    assert all(token.text for token in tokens)
    assert all(text[slice(*token.span)] == token.text for token in tokens)


def test_tokens_of_one_character_share_it(byte_pieces):
    ids = byte_pieces(" 狐!")["input_ids"]
    text, tokens = Writer(byte_pieces).tokens(ids, before=byte_pieces("a")["input_ids"])
    assert text == " 狐!"
    assert [token.text for token in tokens][-4:] == ["狐", "狐", "狐", "!"]
    assert len({token.word for token in tokens if token.text == "狐"}) == 1


@pytest.mark.parametrize("text", ["Füchse 狐, ok", "👩‍🚀", "é"])
def test_bytes_that_are_dropped_till_a_character_is_complete_share_it(text):
    tokenizer = ByT5Tokenizer()
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    written, tokens = Writer(tokenizer).tokens(ids)
    assert written == text
    assert [token.text for token in tokens] == [char for char in text for _ in char.encode()]


def test_a_byte_that_is_never_completed_has_its_name():
    [token] = Writer(ByT5Tokenizer()).tokens(ByT5Tokenizer()("é", add_special_tokens=False)["input_ids"][:1])[
        1
    ]
    assert (token.text, token.span) == ("Ã", (0, 0))


def test_word_pieces_are_joined_by_the_decoder(word_pieces):
    ids = word_pieces("brown fox", add_special_tokens=False)["input_ids"]
    before = word_pieces("the quick", add_special_tokens=False)["input_ids"]
    text, tokens = Writer(word_pieces).tokens(ids, before=before, at=9)
    assert text == " brown fox"
    assert "".join(token.text for token in tokens if token.word == 0) == "brown"


def test_special_tokens_said_have_no_word_and_no_place(word_pieces):
    ids = [word_pieces.sep_token_id, *word_pieces("fox", add_special_tokens=False)["input_ids"]]
    text, (first, *fox) = Writer(word_pieces).tokens(ids)
    assert text == "fox"
    assert (first.text, first.kind, first.span, first.word) == ("[SEP]", "special", None, None)
    assert all(token.kind == "generated" for token in fox)


def test_the_prompt_may_be_a_single_token(speaking_gpt2):
    record = load(speaking_gpt2).read(Prompt("a", generate=1)).record()
    assert len(record.keys) in (1, 2)
