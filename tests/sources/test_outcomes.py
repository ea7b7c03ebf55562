"""What a model gives in the end is what transformers' own class gives, said in one form for every kind."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForPreTraining,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BartConfig,
    BertForPreTraining,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPProcessor,
    GPT2LMHeadModel,
    OpenAIGPTConfig,
    SwinConfig,
    T5Config,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
)
from transformers.modeling_outputs import CausalLMOutput

import attnviz
from attnviz.errors import BudgetError, CaptureFailed, UnsupportedModel
from attnviz.prompt import Prompt
from attnviz.selection import HeadId
from attnviz.sources import keep, load
from attnviz.sources.huggingface.intervening import pieces as in_pieces
from attnviz.sources.huggingface.intervening.answers import states
from attnviz.sources.huggingface.intervening.gates import gating
from attnviz.sources.huggingface.intervening.outcomes import run_outcome
from attnviz.sources.huggingface.modules import ModuleSource
from attnviz.sources.huggingface.paths.rerun import hooked
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.watching.sites import run
from tests.sources import tiny_hearing, tiny_scenes
from tests.sources.drawn import disc, save_seeing, saved
from tests.sources.tiny_layouts import made, read, text_feed
from tests.sources.tiny_pretrained import BYTE_PIECES, DECODERS, ENCODERS, FOX, HYBRID, plain_states

CLOSED = {"self": {HeadId(1, 0): 0.0, HeadId(1, 3): 0.0}}
_SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 40}
_TWO_SIDES = {"vocab_size": BYTE_PIECES, "eos_token_id": 0, "pad_token_id": 2, "decoder_start_token_id": 1}
_T5 = T5Config(**_TWO_SIDES, d_model=32, d_kv=8, d_ff=40, num_layers=2, num_heads=4)
_BART = BartConfig(
    **_TWO_SIDES, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, init_std=0.4,
    decoder_attention_heads=4, encoder_ffn_dim=40, decoder_ffn_dim=40, bos_token_id=0,
)  # fmt: skip


@pytest.fixture
def save(tmp_path):
    """Makes a random model of a class and saves it with a tokenizer."""

    def made_and_saved(kind, config, tokenizer, **options):
        folder = tmp_path / "model"
        with quiet(), torch.random.fork_rng():
            torch.manual_seed(0)
            make = kind.from_config if hasattr(kind, "from_config") else kind
            make(config, **options).save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        return folder

    return made_and_saved


def plain(folder, kind, text=FOX, **beside):
    """What a separately loaded model of a class gives."""
    with quiet(), torch.no_grad():
        model = kind.from_pretrained(folder, dtype=torch.float32).eval()
        given = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", return_token_type_ids=False)
        return model(**given, **beside)


def outcome_of(folder, text=FOX, gates=None, **beside):
    return load(folder).read(Prompt(text, **beside)).outcome(gates or {})


def assert_same(rows, theirs):
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("config", [*DECODERS.values(), HYBRID], ids=[*DECODERS, "jamba (hybrid)"])
def test_decoders_say_what_follows(config, save, byte_pieces):
    folder = save(AutoModelForCausalLM, config, byte_pieces)
    found = outcome_of(folder)
    logits = plain(folder, AutoModelForCausalLM).logits[0]
    assert found.outlook == "next token"
    assert found.answers
    assert_same(found.rows, logits)
    ids = AutoTokenizer.from_pretrained(folder)(FOX)["input_ids"]
    assert [token.id for token in found.tokens] == ids
    assert found.reference.tolist() == [*ids[1:], int(logits[-1].argmax())]
    assert found.naming(ids[1]) == found.tokens[1].text
    assert found.naming(0) == "<|end|>"
    layers = load(folder).read(Prompt(FOX)).outlines["self"].numbers
    closed = outcome_of(folder, gates={"self": {HeadId(layers[-1], 0): 0.0}})
    assert closed.outlook == "next token"
    assert (closed.rows - found.rows).abs().max() > 1e-3


def test_one_token_alone_does_not_hide_what_predicts(save, byte_pieces):
    config = OpenAIGPTConfig(vocab_size=BYTE_PIECES, n_positions=64, n_embd=32, n_layer=2, n_head=4)
    reading = load(save(AutoModelForCausalLM, config, byte_pieces)).read(Prompt("a"))
    assert not any(layer.causal for layer in reading.outlines["self"].layers)  # there is nothing later to see
    assert reading.outcome().outlook == "next token"


@pytest.mark.parametrize("name", ENCODERS)
def test_masked_language_models_say_what_stands_there(name, save, word_pieces):
    folder = save(AutoModelForMaskedLM, ENCODERS[name], word_pieces)
    found = outcome_of(folder)
    assert found.outlook == "masked token"
    assert_same(found.rows, plain(folder, AutoModelForMaskedLM).logits[0])
    assert found.reference.tolist() == [token.id for token in found.tokens]
    assert [found.naming(number) for number in (2, 3)] == ["[CLS]", "[SEP]"]
    assert found.tokens[0].is_special
    assert (outcome_of(folder, gates=CLOSED).rows - found.rows).abs().max() > 1e-3


def test_a_model_saved_with_two_heads_is_asked_for_its_tokens(save, word_pieces):
    folder = save(BertForPreTraining, ENCODERS["bert"], word_pieces)
    found = outcome_of(folder)
    assert found.outlook == "masked token"
    assert_same(found.rows, plain(folder, BertForPreTraining).prediction_logits[0])


@pytest.mark.parametrize("text", [FOX, "fox fox"], ids=["many tokens", "few tokens"])
def test_a_discriminator_judges_each_token(text, save, word_pieces):
    folder = save(AutoModelForPreTraining, ENCODERS["electra"], word_pieces)
    found = outcome_of(folder, text)
    scores = plain(folder, AutoModelForPreTraining, text).logits[0]
    assert found.outlook == "judgement"
    assert_same(found.rows, torch.stack([torch.zeros_like(scores), scores], dim=-1))
    torch.testing.assert_close(found.rows.softmax(-1)[:, 1], scores.sigmoid())
    assert not found.reference.any()
    assert [found.naming(number) for number in (0, 1)] == ["original", "replaced"]
    assert len(found.tokens) == len(scores)


@pytest.mark.parametrize("labels", [2, 3, 4], ids=str)
def test_classifiers_name_the_whole(labels, save, word_pieces):
    config = type(ENCODERS["bert"])(**{
        **ENCODERS["bert"].to_dict(), "id2label": {number: f"kind {number}" for number in range(labels)},
    })  # fmt: skip
    folder = save(AutoModelForSequenceClassification, config, word_pieces)
    # "fox fox" has four tokens with [CLS] and [SEP]: as many as there may be classes.
    found = outcome_of(folder, "fox fox")
    logits = plain(folder, AutoModelForSequenceClassification, "fox fox").logits
    assert found.outlook == "class"
    assert_same(found.rows, logits)
    assert found.reference.tolist() == [int(logits.argmax())]
    assert found.naming(1) == "kind 1"
    assert [token.kind for token in found.tokens] == ["special"]
    assert (outcome_of(folder, "fox fox", CLOSED).rows - found.rows).abs().max() > 1e-4


def test_a_judge_is_told_from_a_classifier_of_as_many_classes(save, word_pieces):
    config = type(ENCODERS["electra"])(**{**ENCODERS["electra"].to_dict(), "num_labels": 4})
    folder = save(AutoModelForPreTraining, config, word_pieces)
    found = outcome_of(folder, "fox fox")
    assert (found.outlook, tuple(found.rows.shape)) == ("judgement", (4, 2))


def test_one_score_alone_is_a_class_and_its_opposite(save, word_pieces):
    config = type(ENCODERS["bert"])(**{**ENCODERS["bert"].to_dict(), "num_labels": 1})
    folder = save(AutoModelForSequenceClassification, config, word_pieces)
    found = outcome_of(folder)
    score = plain(folder, AutoModelForSequenceClassification).logits[0, 0]
    assert_same(found.rows, torch.tensor([[0.0, float(score)]]))
    assert [found.naming(number) for number in (0, 1)] == ["not LABEL_0", "LABEL_0"]


def test_classes_of_each_token_are_a_row_each(save, word_pieces):
    config = type(ENCODERS["bert"])(**{**ENCODERS["bert"].to_dict(), "num_labels": 5})
    folder = save(AutoModelForTokenClassification, config, word_pieces)
    found = outcome_of(folder)
    logits = plain(folder, AutoModelForTokenClassification).logits[0]
    assert found.outlook == "class"
    assert_same(found.rows, logits)
    assert found.reference.tolist() == logits.argmax(-1).tolist()
    assert len(found.tokens) == len(logits)


@pytest.mark.parametrize("config", [_T5, _BART], ids=["t5", "bart"])
def test_encoder_decoders_say_what_follows_in_their_target(config, save, byte_pieces):
    folder = save(AutoModelForSeq2SeqLM, config, byte_pieces)
    target = "Pack my box"
    reading = load(folder).read(Prompt(FOX, target=target))
    found = reading.outcome()
    ids = [token.id for token in found.tokens]
    logits = plain(folder, AutoModelForSeq2SeqLM, decoder_input_ids=torch.tensor([ids])).logits[0]
    assert found.outlook == "next token"
    assert_same(found.rows, logits)
    assert found.reference.tolist() == [*ids[1:], int(logits[-1].argmax())]
    for block in ("encoder", "decoder", "cross"):
        assert (reading.outcome({block: {HeadId(0, 0): 0.0}}).rows - found.rows).abs().max() > 1e-5


def test_what_was_said_is_the_reference(save, byte_pieces):
    folder = save(AutoModelForCausalLM, DECODERS["gpt2"], byte_pieces)
    reading = load(folder).read(Prompt("The quick brown fox", generate=4))
    found, record = reading.outcome(), reading.record()
    assert found.tokens == record.queries
    ids = [token.id for token in record.queries]
    assert found.reference[:-1].tolist() == ids[1:]
    shares = found.rows.softmax(-1).gather(1, torch.tensor(found.reference)[:, None])[:, 0]
    np.testing.assert_allclose(
        shares[-4:], [prediction.probability for prediction in record.predictions][-4:], rtol=1e-4
    )


def test_a_model_without_a_head_gives_its_states(minilm):
    found = outcome_of(minilm)
    assert found.outlook == "states"
    assert not found.answers
    assert found.reference is None
    torch.testing.assert_close(found.rows, plain_states(minilm, FOX), atol=1e-5, rtol=0)
    assert [found.tokens[place].text for place in (0, -1)] == ["[CLS]", "[SEP]"]


def test_a_head_that_the_files_lack_does_not_answer(save, word_pieces):
    folder = save(AutoModel, ENCODERS["bert"], word_pieces)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["BertForMaskedLM"]}))
    assert load(folder).pretrained.made_up
    assert outcome_of(folder).outlook == "states"


def test_a_head_that_asks_something_else_gives_states(save, word_pieces):
    folder = save(AutoModelForQuestionAnswering, ENCODERS["bert"], word_pieces)
    found = outcome_of(folder)
    assert found.outlook == "states"
    assert_same(found.rows, plain(folder, AutoModel).last_hidden_state[0])


def test_a_head_that_does_not_take_this_input_gives_states(save, byte_pieces):
    # It wants an ending in the very text the decoder reads.
    folder = save(AutoModelForSequenceClassification, _BART, byte_pieces)
    reading = load(folder).read(Prompt(FOX, target="Pack my box"))
    assert reading.outcome().outlook == reading.outcome({"cross": {HeadId(0, 0): 0.0}}).outlook == "states"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype, save, byte_pieces):
    folder = save(AutoModelForCausalLM, DECODERS["llama (grouped heads)"], byte_pieces)
    reading = load(folder, dtype=dtype).read(Prompt(FOX))
    found = reading.outcome()
    assert next(reading.feed.model.parameters()).dtype == getattr(torch, dtype)
    assert found.rows.dtype == torch.float32
    with torch.no_grad():
        assert_same(found.rows, reading.feed.answering.model(**reading.feed.arguments).logits[0].float())
    opened = {"self": {HeadId(layer, head): 1.0 for layer in range(3) for head in range(4)}}
    assert torch.equal(reading.outcome(opened).rows, found.rows)
    closed, exactly = reading.outcome(CLOSED), outcome_of(folder, gates=CLOSED)
    assert (closed.rows - exactly.rows).abs().mean() < 0.1 * (closed.rows - found.rows).abs().mean()


def test_pictures_have_classes(tmp_path):
    config = ViTConfig(**_SIZES, image_size=32, patch_size=8, id2label={0: "disc", 1: "ring", 2: "none"})
    torch.manual_seed(0)
    processor = ViTImageProcessorPil(size={"height": 32, "width": 32})
    model = ViTForImageClassification(config)
    folder = save_seeing(tmp_path / "vit", model, processor)
    path = saved(disc(), tmp_path)
    reading = load(folder).read(Prompt("", image=path))
    found = reading.outcome()
    with torch.no_grad():
        logits = model(**processor(disc(), return_tensors="pt")).logits
    assert found.outlook == "class"
    assert_same(found.rows, logits)
    assert found.naming(0) == "disc"
    assert (reading.outcome(CLOSED).rows - logits).abs().max() > 1e-5


def test_stages_of_patches_end_in_the_last_ones_states(tmp_path):
    config = SwinConfig(
        image_size=32, patch_size=4, embed_dim=16, depths=[1, 1], num_heads=[2, 4], window_size=4
    )
    torch.manual_seed(0)
    processor = ViTImageProcessorPil(size={"height": 32, "width": 32})
    folder = save_seeing(tmp_path / "swin", AutoModel.from_config(config), processor)
    found = load(folder).read(Prompt("", image=saved(disc(), tmp_path))).outcome()
    assert (found.outlook, tuple(found.rows.shape)) == ("states", (16, 32))
    assert {token.kind for token in found.tokens} == {"patch"}


def test_a_tower_gives_states(tmp_path):
    text = {**_SIZES, "vocab_size": 120, "max_position_embeddings": 64, "eos_token_id": 3, "bos_token_id": 2}
    config = CLIPConfig(text_config=text, vision_config={**_SIZES, "image_size": 32, "patch_size": 8})
    square = {"height": 32, "width": 32}
    processor = CLIPProcessor(CLIPImageProcessorPil(size=square, crop_size=square), tiny_scenes.words())
    folder = save_seeing(tmp_path / "clip", AutoModel.from_config(config), processor)
    source = load(folder)
    written = source.read(Prompt("a red disc"))
    seen = source.read(Prompt("", image=saved(disc(), tmp_path)))
    for reading, count in ((written, len(written.record().queries)), (seen, 17)):
        found = reading.outcome()
        assert (found.outlook, len(found.rows)) == ("states", count)
        assert found.tokens == reading.record().queries


def test_a_picture_and_a_text_are_gone_on_with(tmp_path):
    torch.manual_seed(0)
    model, processor = tiny_scenes.llava()
    folder = save_seeing(tmp_path / "llava", model, processor)
    reading = load(folder).read(Prompt("What is it?", image=saved(disc(), tmp_path)))
    found = reading.outcome()
    assert found.outlook == "next token"
    with torch.no_grad():
        assert_same(found.rows, model(**reading.feed.arguments).logits[0])
    ids = [token.id for token in found.tokens]
    known = [place for place, number in enumerate(ids[1:]) if number is not None]
    assert [found.reference[place] for place in known] == [ids[place + 1] for place in known]
    assert (reading.outcome({"encoder": {HeadId(0, 0): 0.0}}).rows - found.rows).abs().max() > 1e-5


def sound(tmp_path):
    return tiny_hearing.write(tmp_path / "tone.wav", tiny_hearing.tone(1.0, 440))


def test_what_is_heard_is_written_down(tmp_path, byte_pieces):
    folder = tiny_hearing.save("whisper", tmp_path / "whisper", byte_pieces)
    reading = load(folder).read(Prompt("", audio=sound(tmp_path), target="a fox"))
    found = reading.outcome()
    assert found.outlook == "next token"
    with torch.no_grad():
        whole = reading.feed.answering.model(**reading.feed.arguments)
    assert_same(found.rows, whole.logits[0])
    for block in ("encoder", "decoder", "cross"):
        assert (reading.outcome({block: {HeadId(0, 0): 0.0}}).rows - found.rows).abs().max() > 1e-5


def test_sounds_have_classes(tmp_path):
    config = ASTConfig(**_SIZES, max_length=96, num_mel_bins=40, id2label={0: "speech", 1: "music"})
    torch.manual_seed(0)
    ASTForAudioClassification(config).save_pretrained(tmp_path / "ast")
    ASTFeatureExtractor(max_length=96, num_mel_bins=40).save_pretrained(tmp_path / "ast")
    found = load(tmp_path / "ast").read(Prompt("", audio=sound(tmp_path))).outcome()
    assert (found.outlook, tuple(found.rows.shape), found.naming(1)) == ("class", (1, 2), "music")


def test_letters_of_a_sound_are_classes_of_each_frame(tmp_path, byte_pieces):
    config = Wav2Vec2Config(
        **_SIZES, vocab_size=BYTE_PIECES, conv_dim=(16, 16), conv_stride=(80, 4), conv_kernel=(80, 4),
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4,
    )  # fmt: skip
    torch.manual_seed(0)
    Wav2Vec2ForCTC(config).save_pretrained(tmp_path / "ctc")
    Wav2Vec2FeatureExtractor().save_pretrained(tmp_path / "ctc")
    byte_pieces.save_pretrained(tmp_path / "ctc")
    found = load(tmp_path / "ctc").read(Prompt("", audio=sound(tmp_path))).outcome()
    assert found.outlook == "class"
    assert found.rows.shape == (len(found.tokens), BYTE_PIECES)
    assert {token.kind for token in found.tokens} == {"frame"}
    assert found.naming(0) == "<|end|>"


def test_a_module_gives_a_state_for_each_query():
    torch.manual_seed(0)
    module, x = nn.TransformerEncoderLayer(32, 4, 40).eval(), torch.randn(6, 1, 32)
    words = ["a", "b", "c", "d", "e", "f"]
    found = ModuleSource(module).read_tensors(x, tokens=words).outcome()
    assert found.outlook == "states"
    torch.testing.assert_close(found.rows, module(x)[:, 0].detach())
    assert [token.text for token in found.tokens] == words


class Attending(nn.Module):
    """A layer, and what is made of all of it together."""

    def __init__(self):
        super().__init__()
        self.attention, self.end = nn.MultiheadAttention(16, 4, batch_first=True), nn.Linear(16, 3)

    def forward(self, x):
        return {"count": torch.tensor(3), "whole": self.end(self.attention(x, x, x)[0].mean(1))}


def test_one_state_stands_for_the_whole_where_there_is_one():
    torch.manual_seed(0)
    module, x = Attending().eval(), torch.randn(1, 6, 16)
    reading = ModuleSource(module).read_tensors(x)
    found = reading.outcome()
    torch.testing.assert_close(found.rows, module(x)["whole"].detach())
    assert [token.text for token in found.tokens] == ["[WHOLE]"]
    assert not torch.equal(reading.outcome({"self": {HeadId(0, 0): 0.0}}).rows, found.rows)


class Pooling(GPT2LMHeadModel):
    """A head that attends itself, before it predicts."""

    def __init__(self, config):
        super().__init__(config)
        self.pool = nn.MultiheadAttention(config.n_embd, 4, batch_first=True)

    def forward(self, input_ids, **named):
        found = super().forward(input_ids, **named)
        states = self.transformer.wte(input_ids)
        found.logits = found.logits + self.lm_head(self.pool(states, states, states)[0])
        return found


def test_what_attends_in_a_head_is_let_be(save, byte_pieces):
    folder = save(AutoModelForCausalLM, DECODERS["gpt2"], byte_pieces)
    torch.manual_seed(0)
    with quiet():
        model = Pooling.from_pretrained(folder).eval()
    source = load(folder)
    object.__setattr__(source.pretrained, "model", model)
    reading = source.read(Prompt(FOX))
    found = reading.outcome({"self": {HeadId(0, 2): 0.0}})
    with torch.no_grad():
        without = model.transformer.h[0].attn.c_proj
        without.weight[16:24] = 0
        assert_same(found.rows, model(**reading.feed.arguments).logits[0])


class Twice(GPT2LMHeadModel):
    """A model that reads its input twice before it answers."""

    def forward(self, input_ids, **named):
        self.transformer(input_ids)
        return super().forward(input_ids, **named)


class Never(GPT2LMHeadModel):
    """A model that answers without reading."""

    def forward(self, input_ids, **_named):
        return CausalLMOutput(logits=self.lm_head(self.transformer.wte(input_ids)))


@pytest.mark.parametrize("kind", [Twice, Never])
def test_a_model_that_is_run_otherwise_than_it_was_watched_gives_states(kind, save, byte_pieces):
    folder = save(AutoModelForCausalLM, DECODERS["gpt2"], byte_pieces)
    source = load(folder)
    with quiet():
        object.__setattr__(source.pretrained, "model", kind.from_pretrained(folder).eval())
    reading = source.read(Prompt(FOX))
    found = reading.outcome()
    assert found.outlook == reading.outcome(CLOSED).outlook == "states"
    torch.testing.assert_close(found.rows, states(run(reading.feed), reading.feed).rows)


def test_what_goes_wrong_in_a_change_is_named(save, byte_pieces):
    reading = load(save(AutoModel, DECODERS["gpt2"], byte_pieces)).read(Prompt(FOX))

    def too_few(_site, call):
        return call.as_usual()[:, :2]

    with pytest.raises(UnsupportedModel, match="GPT2Model does not run on this input"):
        run_outcome(reading.feed, reading.watched, too_few)


def test_what_is_no_number_is_no_outcome(save, byte_pieces):
    reading = load(save(AutoModelForCausalLM, DECODERS["gpt2"], byte_pieces)).read(Prompt(FOX))
    with pytest.raises(CaptureFailed, match="no number"):
        reading.outcome({"self": {HeadId(0, 0): float("nan")}})


def test_answers_keep_gradients_if_asked(save, byte_pieces):
    reading = load(save(AutoModelForCausalLM, DECODERS["gpt2"], byte_pieces)).read(Prompt(FOX))
    gates = {("self", 0): torch.ones(4).requires_grad_()}
    with torch.enable_grad():
        found = run_outcome(reading.feed, reading.watched, gating(gates, reading.watched.sites))
        (slopes,) = torch.autograd.grad(found.rows.square().sum(), list(gates.values()))
    assert slopes.abs().min() > 0
    assert not reading.outcome().rows.requires_grad


def test_a_module_of_transformers_gives_the_states_of_its_positions():
    feed = text_feed(made(DECODERS["gpt2"]))
    reading = read(feed)
    torch.testing.assert_close(reading.outcome().rows, run(feed).last_hidden_state[0])


def test_a_module_of_transformers_with_a_head_answers_in_numbers():
    with quiet():
        module = GPT2LMHeadModel(DECODERS["gpt2"]).eval()
    ids = torch.tensor([[5, 9, 200, 9]])
    found = ModuleSource(module).read_tensors(ids).outcome()
    assert found.outlook == "next token"
    assert_same(found.rows, module(ids).logits[0].detach())
    assert found.reference[:-1].tolist() == [9, 200, 9]
    assert found.naming(200) == "200"


def test_a_model_without_a_head_runs_once(minilm):
    reading = load(minilm).read(Prompt(FOX))
    runs = []
    with hooked(reading.feed.model.register_forward_pre_hook(lambda *_given: runs.append(1))):
        reading.outcome(CLOSED)
    assert len(runs) == 1


_OF_WORDS = [
    *((AutoModelForCausalLM, config, "byte_pieces") for config in DECODERS.values()),
    *((AutoModelForMaskedLM, config, "word_pieces") for config in ENCODERS.values()),
]


@pytest.mark.parametrize("gates", [{}, CLOSED], ids=["open", "closed"])
@pytest.mark.parametrize(("kind", "config", "pieces"), _OF_WORDS, ids=[*DECODERS, *ENCODERS])
def test_logits_of_a_long_text_are_made_in_pieces(kind, config, pieces, gates, save, request, monkeypatch):
    folder = save(kind, config, request.getfixturevalue(pieces))
    reading = load(folder).read(Prompt(FOX))
    whole = reading.outcome(gates)
    monkeypatch.setattr(in_pieces, "MOST_BYTES", 0)
    found = reading.outcome(gates)
    # What stands between OPT and its head is run by itself, so its head is handed no states of ours.
    assert isinstance(found.rows, in_pieces.Pieces) or folder_is_of(folder, "opt")
    assert found.rows.shape == whole.rows.shape
    for step in (1, 4, 100):
        made = [found.rows[first : first + step] for first in range(0, len(whole.rows), step)]
        assert_same(torch.cat(made), whole.rows)
    assert (found.outlook, found.tokens) == (whole.outlook, whole.tokens)
    assert found.reference.tolist() == whole.reference.tolist()


def folder_is_of(folder, kind):
    return json.loads((folder / "config.json").read_text())["model_type"] == kind


def test_effects_of_a_long_text_are_those_of_its_logits(save, byte_pieces, monkeypatch):
    folder = save(AutoModelForCausalLM, DECODERS["gpt2"], byte_pieces)
    whole = attnviz.ablate(load(folder), FOX, "0-2", importance=False).effects
    monkeypatch.setattr(in_pieces, "MOST_BYTES", 0)
    found = attnviz.ablate(load(folder), FOX, "0-2").effects
    for ours, theirs in zip(found.entries, whole.entries, strict=True):
        np.testing.assert_allclose(ours.rows, theirs.rows, atol=1e-6)
        np.testing.assert_allclose(ours.losses, theirs.losses, atol=1e-5)
        assert ours.flips == theirs.flips


def test_a_head_that_looks_at_several_states_is_not_made_in_pieces(save, byte_pieces, monkeypatch):
    class Smoothed(nn.Linear):
        def forward(self, states):
            return super().forward(states + states.mean(dim=1, keepdim=True))

    source = load(save(AutoModelForCausalLM, DECODERS["gpt2"], byte_pieces))
    head = source.pretrained.model.lm_head
    smoothed = Smoothed(head.in_features, head.out_features, bias=False)
    smoothed.weight = head.weight
    source.pretrained.model.lm_head = smoothed
    monkeypatch.setattr(in_pieces, "MOST_BYTES", 0)
    assert isinstance(source.read(Prompt(FOX)).outcome().rows, torch.Tensor)
    monkeypatch.setattr(keep, "_memory", lambda: 1e3)
    with pytest.raises(BudgetError, match=r"the logits of \d+ tokens after each of"):
        source.read(Prompt(FOX)).outcome()
