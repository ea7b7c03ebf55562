"""Both sides of an encoder-decoder: three blocks with the model's own weights; a target, or what is said."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModel,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BartConfig,
    BertConfig,
    EncoderDecoderConfig,
    M2M100Config,
    MarianConfig,
    MBartConfig,
    MT5Config,
    PegasusConfig,
    PegasusXConfig,
    T5Config,
    T5Gemma2Config,
    T5Gemma2DecoderConfig,
    T5Gemma2EncoderConfig,
    T5GemmaConfig,
    T5GemmaModuleConfig,
)

from attnviz.errors import EmptyText, RequestError, TextTooLong, UnsupportedModel
from attnviz.prompt import Prompt
from attnviz.sources import load
from attnviz.sources.huggingface.inputs import translation
from attnviz.sources.huggingface.quiet import quiet
from tests.sources.tiny_pretrained import BYTE_PIECES, FOX

TARGET = "Pack my quick box"
END, START = 0, 1

_SPECIAL = {"vocab_size": BYTE_PIECES, "eos_token_id": END, "bos_token_id": END, "pad_token_id": 2}
_T5 = {
    **_SPECIAL,
    "decoder_start_token_id": START,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 40,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_heads": 4,
}
_BART = {
    **_SPECIAL,
    "decoder_start_token_id": START,
    "d_model": 32,
    "encoder_layers": 3,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 40,
    "max_position_embeddings": 64,
    "init_std": 0.4,
}
_SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 40}
_BERT = {**_SIZES, "vocab_size": BYTE_PIECES, "max_position_embeddings": 64, "initializer_range": 0.4}
_GEMMA = {**_SIZES, "vocab_size": BYTE_PIECES, "num_key_value_heads": 2, "head_dim": 8, "sliding_window": 4}

with quiet():
    _half = T5GemmaModuleConfig(layer_types=["sliding_attention", "full_attention"], **_GEMMA)
    BOTH_SIDES = {
        "t5": T5Config(**_T5),
        "t5 (more decoder layers)": T5Config(**{**_T5, "num_decoder_layers": 3}),
        "mt5": MT5Config(**_T5),
        "bart": BartConfig(**_BART),
        "mbart": MBartConfig(**_BART),
        "marian": MarianConfig(**_BART),
        "pegasus": PegasusConfig(**_BART),
        "m2m": M2M100Config(**_BART),
        "m2m (begins with its padding)": M2M100Config(**{**_BART, "pad_token_id": START}),
        "t5gemma (grouped heads, sliding window)": T5GemmaConfig(
            encoder=_half, decoder=_half, **{**_SPECIAL, "bos_token_id": START}
        ),
        "bert and bert (a layer between)": EncoderDecoderConfig.from_encoder_decoder_configs(
            BertConfig(**_BERT),
            BertConfig(**{**_BERT, "hidden_size": 16}),
            decoder_start_token_id=START,
            eos_token_id=END,
            pad_token_id=2,
        ),
    }
    _both = {**_GEMMA, "layer_types": ["sliding_attention", "full_attention"]}
    MERGED = T5Gemma2Config(
        encoder=T5Gemma2EncoderConfig(
            text_config=_both,
            vision_config={**_SIZES, "image_size": 8, "patch_size": 4},
            image_token_index=299,
            boi_token_index=298,
            eoi_token_index=297,
            mm_tokens_per_image=4,
        ),
        decoder=T5Gemma2DecoderConfig(**_both),
        image_token_index=299,
        **{**_SPECIAL, "bos_token_id": START},
    )


@pytest.fixture
def save_pair(tmp_path):
    """Makes a random encoder-decoder with a head that predicts and saves it with a tokenizer."""

    def save(config, tokenizer, kind=AutoModelForSeq2SeqLM, **settings):
        with quiet(), torch.random.fork_rng():
            torch.manual_seed(0)
            model = kind.from_config(config)
            for name, value in settings.items():
                setattr(model.generation_config, name, value)
            model.save_pretrained(tmp_path / "pair")
            tokenizer.save_pretrained(tmp_path / "pair")
        return tmp_path / "pair"

    return save


@pytest.fixture
def tiny_t5(save_pair, byte_pieces):
    return save_pair(BOTH_SIDES["t5"], byte_pieces)


@pytest.fixture
def tiny_bart(save_pair, byte_pieces):
    return save_pair(BOTH_SIDES["bart"], byte_pieces)


def by_itself(folder, text, decoder):
    """What a separately loaded model gives when it is asked: its weights by block, and its softmax."""
    with quiet(), torch.no_grad():
        model = AutoModelForSeq2SeqLM.from_pretrained(
            folder, attn_implementation="eager", dtype=torch.float32
        )
        read = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", return_token_type_ids=False)
        found = model.eval()(**read, decoder_input_ids=torch.tensor([decoder]), output_attentions=True)
    blocks = {
        "encoder": found.encoder_attentions,
        "decoder": found.decoder_attentions,
        "cross": found.cross_attentions,
    }
    assert all(blocks.values())
    weights = {block: torch.cat(layers).numpy() for block, layers in blocks.items()}
    return weights, found.logits[0].double().softmax(dim=-1)


@pytest.mark.parametrize("config", BOTH_SIDES.values(), ids=BOTH_SIDES)
@pytest.mark.parametrize("how", [{"target": TARGET}, {"generate": 5}], ids=["target", "generated"])
def test_every_block_has_the_models_own_weights(config, how, save_pair, byte_pieces):
    folder = save_pair(config, byte_pieces)
    reading = load(folder).read(Prompt(FOX, **how))
    assert list(reading.outlines) == ["encoder", "decoder", "cross"]
    cross = reading.record()
    weights, shares = by_itself(folder, FOX, [token.id for token in cross.queries])
    for block in reading.outlines:
        record = reading.record(block=block)
        assert record.block == block
        assert record.layers == tuple(range(len(weights[block])))
        np.testing.assert_allclose(record.weights, weights[block], atol=1e-5)
        assert record.causal == (block == "decoder")
    assert reading.record(block="encoder").predictions == ()
    assert reading.record(block="decoder").predictions == cross.predictions
    followers = [token.id for token in cross.queries[1:]]
    expected = [float(row[number]) for row, number in zip(shares, followers, strict=False)]
    assert [found.probability for found in cross.predictions[:-1]] == pytest.approx(expected, abs=1e-5)
    assert cross.predictions[-1].probability == pytest.approx(float(shares[-1].max()), abs=1e-5)


@pytest.mark.parametrize("kind", ["bart", "t5", "bert and bert (a layer between)"])
def test_a_square_is_cross_attention_too(kind, save_pair, byte_pieces):
    folder = save_pair(BOTH_SIDES[kind], byte_pieces)
    reading = load(folder).read(Prompt("Pack my box!", target="Pack my box"))
    record = reading.record()
    assert record.weights.shape[-2] == record.weights.shape[-1]
    weights, _ = by_itself(folder, "Pack my box!", [token.id for token in record.queries])
    for block in ("encoder", "decoder", "cross"):
        np.testing.assert_allclose(reading.record(block=block).weights, weights[block], atol=1e-5)


def test_both_sides_looked_at_at_once_are_one_block(save_pair, byte_pieces):
    folder = save_pair(MERGED, byte_pieces)
    reading = load(folder).read(Prompt(FOX, target=TARGET))
    assert list(reading.outlines) == ["encoder", "cross"]
    record = reading.record()
    assert record.keys == record.queries + reading.record(block="encoder").keys
    weights, _ = by_itself(folder, FOX, [token.id for token in record.queries])
    merged = np.concatenate([weights["decoder"], weights["cross"]], axis=-1)
    np.testing.assert_allclose(record.weights, merged, atol=1e-5)
    assert len(record.predictions) == len(record.queries)
    assert load(folder).attend(FOX, generate=3).border == 1


def test_every_word_of_a_target_has_a_row_and_its_place(tiny_t5):
    record = load(tiny_t5).attend(FOX, target=TARGET)
    assert record.text == FOX + "\n" + TARGET
    start, *words = record.queries
    assert (start.id, start.kind, start.span, start.word) == (START, "special", None, None)
    assert "".join(token.text for token in words).replace(" ", "") == TARGET.replace(" ", "")
    for token in (*words, *record.keys):
        assert record.text[slice(*token.span)] == token.text
    assert [token.kind for token in words] == ["text"] * len(words)
    assert words[0].word == record.keys[0].word == 0
    assert [found.text for found in record.predictions[:-1]] == [token.text for token in words]


def test_what_is_said_has_a_row_and_its_place(tiny_bart):
    record = load(tiny_bart).attend(FOX, generate=5)
    start, *said = record.queries
    assert start.kind == "special"
    assert len(said) == 5
    assert {token.kind for token in said} == {"generated"}
    assert record.text.startswith(FOX + "\n")
    for token in said:
        assert record.text[slice(*token.span)] == token.text


def test_what_is_said_is_what_the_model_says(tiny_bart):
    record = load(tiny_bart).attend(FOX, generate=5)
    with quiet(), torch.no_grad():
        model = AutoModelForSeq2SeqLM.from_pretrained(tiny_bart)
        read = AutoTokenizer.from_pretrained(tiny_bart)(FOX, return_tensors="pt")
        said = model.generate(
            input_ids=read["input_ids"],
            max_new_tokens=5,
            num_beams=1,
            do_sample=False,
            forced_eos_token_id=None,
        )
    assert [token.id for token in record.queries] == said[0].tolist()


def test_left_to_itself_a_model_says_so_much_and_no_more(tiny_t5, monkeypatch):
    record = load(tiny_t5).attend("Pack my box")
    assert len(record.queries) - 1 == translation.AT_MOST
    monkeypatch.setattr(translation, "AT_MOST", 4)
    longer = load(tiny_t5).attend(FOX)
    assert len(longer.queries) - 1 == 2 * len(longer.keys)


def test_left_to_itself_a_model_stays_within_its_positions(tiny_bart):
    assert len(load(tiny_bart).attend(FOX).queries) == 64


def test_a_target_or_so_many_steps_may_be_too_long_for_the_decoder(tiny_bart):
    source = load(tiny_bart)
    with pytest.raises(TextTooLong, match="got 65 tokens, allowed 64"):
        source.attend(FOX, generate=64)
    with pytest.raises(TextTooLong, match="decoder"):
        source.attend("a", target=" ".join(["quick"] * 80))


@pytest.mark.parametrize("target", ["", "  \n"])
def test_an_empty_target_is_an_empty_text(target, tiny_t5):
    with pytest.raises(EmptyText):
        load(tiny_t5).attend(FOX, target=target)


def closing(tokenizer, template):
    """Let a tokenizer put its end token where a template says."""
    tokenizer._tokenizer.post_processor = TemplateProcessing(
        single=template, special_tokens=[("<|end|>", END)]
    )


@pytest.mark.parametrize(
    ("template", "expected"), [("$A <|end|>", [START]), ("<|end|> $A <|end|>", [START, END])]
)
def test_a_closing_token_is_not_read_by_the_decoder(template, expected, tiny_bart):
    source = load(tiny_bart)
    closing(source.pretrained.tokenizer, template)
    record = source.attend(FOX, target=TARGET)
    special = [token.id for token in record.queries if token.is_special]
    assert special == expected
    assert not record.queries[-1].is_special
    assert record.keys[-1].is_special


def test_an_opening_token_is_not_said_twice(save_pair, byte_pieces):
    source = load(save_pair(BOTH_SIDES["bart"], byte_pieces, decoder_start_token_id=END))
    closing(source.pretrained.tokenizer, "<|end|> $A <|end|>")
    record = source.attend(FOX, target=TARGET)
    assert [token.id for token in record.queries if token.is_special] == [END]


@pytest.mark.parametrize("how", [{"target": TARGET}, {"generate": 3}])
def test_a_token_that_must_come_first_does(how, save_pair, byte_pieces):
    language = 5
    source = load(save_pair(BOTH_SIDES["bart"], byte_pieces, forced_bos_token_id=language))
    closing(source.pretrained.tokenizer, "<|end|> $A <|end|>")
    record = source.attend(FOX, **how)
    assert [token.id for token in record.queries[:2]] == [START, language]
    assert [token.kind for token in record.queries[:2]] == ["special"] * 2
    assert not any(token.is_special for token in record.queries[2:])
    assert len(record.queries) == 5 or "target" in how


def test_a_decoder_may_begin_otherwise(tiny_bart):
    source = load(tiny_bart)
    encoded = translation.replace(source.read(Prompt(FOX, target=TARGET)).feed, sides={}, predictions=())
    side = source.read(Prompt(FOX, target=TARGET)).feed.sides["encoder"]
    given_ids = {name: encoded.arguments[name] for name in ("input_ids", "attention_mask")}
    alone = translation.replace(encoded, arguments=given_ids, sides={"self": side}, text="")
    made = translation.translated(source.pretrained, Prompt(target=TARGET), alone, start=[END, 3, 4])
    assert made.arguments["decoder_input_ids"][0, :3].tolist() == [END, 3, 4]
    assert made.text == TARGET
    assert made.sides["cross"][0].known[3].span == (0, 2)


def test_a_tokenizer_with_a_target_mode_is_used_so(tiny_t5, monkeypatch):
    source = load(tiny_t5)
    seen = []
    usual = type(source.pretrained.tokenizer).__call__

    def noted(self, text=None, *rest, text_target=None, **options):
        seen.append((text, text_target))
        return usual(self, text, *rest, text_target=text_target, **options)

    monkeypatch.setattr(type(source.pretrained.tokenizer), "__call__", noted)
    source.attend(FOX, target=TARGET)
    assert (FOX, None) in seen
    assert (None, TARGET) in seen


def test_without_a_head_a_target_still_has_its_attention(save_pair, byte_pieces):
    config = BartConfig(**_BART, tie_word_embeddings=False)
    source = load(save_pair(config, byte_pieces, AutoModel))
    record = source.attend(FOX, target=TARGET)
    assert record.predictions == ()
    assert record.block == "cross"
    with pytest.raises(RequestError, match="cannot continue a text"):
        source.attend(FOX)


def test_a_model_that_shares_its_head_can_speak_however_it_was_saved(save_pair, byte_pieces):
    assert load(save_pair(BOTH_SIDES["bart"], byte_pieces, AutoModel)).attend(FOX, generate=2).predictions


def test_a_model_that_does_not_say_how_to_begin_is_refused(save_pair, byte_pieces):
    nothing = {"decoder_start_token_id": None, "bos_token_id": None, "pad_token_id": None}
    folder = save_pair(T5Config(**{**_T5, **nothing}), byte_pieces)
    with pytest.raises(UnsupportedModel, match="does not say with which token its decoder begins"):
        load(folder).attend(FOX, target=TARGET)


def test_drawing_is_by_the_seed(tiny_bart):
    source = load(tiny_bart)
    one, again, other = (source.attend(FOX, generate=6, temperature=2.0, seed=seed) for seed in (4, 4, 5))
    assert one == again
    assert one.text != other.text


@settings(max_examples=25)
@given(text=st.text(min_size=1, max_size=8), target=st.text(min_size=1, max_size=8))
def test_any_text_and_target_keep_their_tokens_in_line(text, target, any_t5):
    try:
        record = any_t5.attend(text, target=target)
    except (EmptyText, RequestError):
        return
    assert record.weights.shape[-2:] == (len(record.queries), len(record.keys))
    assert record.text == text + "\n" + target
    for token in (*record.queries, *record.keys):
        if token.span is not None:
            assert record.text[slice(*token.span)] == token.text or not record.text[slice(*token.span)]
    assert all(token.span[0] > len(text) for token in record.queries if token.span is not None)
    assert all(token.span[1] <= len(text) for token in record.keys if token.span is not None)


@pytest.fixture(scope="module", params=["byte_pieces", "word_pieces"])
def any_t5(request, tmp_path_factory):
    """A T5 that reads bytes, and one that reads word pieces."""
    folder = tmp_path_factory.mktemp("any_t5")
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModelForSeq2SeqLM.from_config(BOTH_SIDES["t5"]).save_pretrained(folder)
        request.getfixturevalue(request.param).save_pretrained(folder)
    return load(folder)


def test_an_encoder_that_shows_no_weights_is_left_out_with_a_word(save_pair, byte_pieces):
    folder = save_pair(PegasusXConfig(**_BART, block_size=4, num_global_tokens=2), byte_pieces)
    with pytest.warns(UserWarning, match="the encoder of .* shows no weights: its attention is left out"):
        reading = load(folder).read(Prompt("the fox jumps", target="der fuchs"))
    assert "encoder" not in reading.outlines
