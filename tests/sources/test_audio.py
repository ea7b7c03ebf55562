"""Models that hear, made tiny and random: whose frames are where, and what they attend to."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from transformers import AutoFeatureExtractor, AutoModel

from attnviz.analysis.alignment import align
from attnviz.errors import IncompleteModel, NotFound, RequestError, TextTooLong
from attnviz.prompt import Prompt
from attnviz.selection import HeadId
from attnviz.sources import load
from attnviz.sources.huggingface.inputs import audio, feed
from attnviz.sources.huggingface.inputs.clock import Spread
from attnviz.sources.huggingface.inputs.probe import entering, first_call
from attnviz.sources.huggingface.inputs.sound import open_sound
from attnviz.sources.huggingface.quiet import quiet
from tests.sources.tiny_hearing import (
    ENGLISH,
    GERMAN,
    HEARING,
    NAMES,
    PLAIN,
    RATE,
    START,
    TRANSLATE,
    WRITE,
    chirp,
    save,
    tone,
    write,
)

SECONDS = 0.6
WORDS = "the lazy dog"
WRITING = ("moonshine", "speech2text", "whisper")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return write(tmp_path_factory.mktemp("sounds") / "chirp.wav", chirp(SECONDS))


@pytest.fixture(scope="module")
def folders(tmp_path_factory, byte_pieces):
    """The folder of a model by its name, made when it is first asked for."""
    made = {}

    def folder(name):
        if name not in made:
            tokenizer = _with_names(byte_pieces)
            made[name] = save(name, tmp_path_factory.mktemp(name) / "model", tokenizer)
        return made[name]

    return folder


def _with_names(tokenizer):
    """A copy of the byte tokenizer that knows the words a transcript begins with."""
    named = deepcopy(tokenizer)
    named.add_special_tokens({"additional_special_tokens": NAMES})
    return named


@pytest.fixture(scope="module")
def sources(folders):
    """Each model loaded once."""
    loaded = {}

    def source(name):
        if name not in loaded:
            loaded[name] = load(folders(name))
        return loaded[name]

    return source


def reading(source, sound, **beside):
    """What a model makes of a sound; one that writes is told what."""
    if source.pretrained.model.config.is_encoder_decoder and "target" not in beside:
        beside = {"target": WORDS, **beside}
    return source.read(Prompt(audio=sound, **beside))


def hearing_block(outlines):
    return "encoder" if "encoder" in outlines else "self"


def eager(folder, sound, **more):
    """What a separately loaded model gives itself when it is asked."""
    with quiet(), torch.no_grad():
        extractor = AutoFeatureExtractor.from_pretrained(folder)
        heard = open_sound(sound, extractor.sampling_rate)
        made = extractor(heard.samples, sampling_rate=heard.rate, return_tensors="pt")
        model = AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
        return model(**made, output_attentions=True, **more)


@pytest.mark.parametrize("name", HEARING)
def test_frames_follow_each_other_as_far_as_the_sound_goes(sources, sound, name):
    read = reading(sources(name), sound)
    record = read.record(block=hearing_block(read.outlines))
    length = HEARING[name][2]
    frames = [token for token in record.keys if token.kind == "frame"]
    assert record.queries == record.keys
    starts = [token.place[0] for token in frames if token.part in (None, "band 0")]
    assert np.diff(starts) == pytest.approx(length, abs=1e-9)
    assert all(token.place[1] - token.place[0] <= length + 1e-9 for token in frames)
    assert SECONDS - 2 * length <= max(token.place[1] for token in frames) <= SECONDS + 1e-9
    digits = 3 if name == "moonshine" else 2
    start, end = frames[1].place
    band = "·b0" if name == "ast" else ""
    assert frames[1].text == f"{start:.{digits}f}-{end:.{digits}f}s{band}"


@pytest.mark.parametrize("name", HEARING)
@pytest.mark.parametrize("at", [0.15, 0.4])
def test_a_moment_changes_the_frame_of_its_time_most(sources, tmp_path, name, at):
    """Heard by what enters the first attention: of noise, and of it with five other milliseconds."""
    chance = np.random.default_rng(0)
    samples = chance.normal(scale=0.1, size=round(SECONDS * RATE))
    other = samples.copy()
    other[round(at * RATE) : round(at * RATE) + 80] = chance.normal(scale=0.1, size=80)
    model = sources(name).pretrained
    states, tokens = [], ()
    for number, heard in enumerate((samples, other)):
        given = feed(model, _prompt(write(tmp_path / f"{number}.wav", heard, subtype="FLOAT"), model))
        states.append(entering(given.model, given.arguments, first_call).detach())
        side = next(iter(given.sides.values()))[0]
        tokens = side.tokens(len(states[0]))
        positions = getattr(side, "positions", range(len(states[0])))
    change = (states[1] - states[0]).norm(dim=-1)[list(positions)].numpy()
    loudest = tokens[int(change.argmax())]
    assert loudest.kind == "frame"
    length = HEARING[name][2]
    assert loudest.place[0] - 1.5 * length <= at <= loudest.place[1] + 1.5 * length


def _prompt(path, pretrained):
    return Prompt(audio=path, target=WORDS if pretrained.model.config.is_encoder_decoder else None)


@pytest.mark.parametrize("name", ["wav2vec2", "hubert", "wav2vec2-bert", "ast"])
def test_weights_are_the_model_s_own(sources, folders, sound, name):
    record = reading(sources(name), sound).record()
    weights = torch.stack(eager(folders(name), sound).attentions)[:, 0].numpy()
    kept = range(weights.shape[-1])
    if name == "ast":  # positions behind the sound's end are left out
        side = feed(sources(name).pretrained, Prompt(audio=sound)).sides["self"][0]
        kept = side.positions
    assert record.weights == pytest.approx(weights[:, :, kept][..., kept], abs=1e-5)


def test_gated_position_bias_makes_the_model_s_own_mean_over_heads(sources, folders, sound):
    """All that WavLM itself gives is the mean over its heads."""
    record = reading(sources("wavlm"), sound).record()
    weights = torch.stack(eager(folders("wavlm"), sound).attentions)[:, 0].mean(dim=1)
    assert record.weights.mean(axis=1) == pytest.approx(weights.numpy(), abs=1e-5)
    assert record.weights.std(axis=1).max() > 0.01


def test_the_silence_a_model_adds_is_left_out_and_told(sources, folders, sound):
    """Two seconds are heard, of which the sound is 0.6: thirty frames of a hundred."""
    read = reading(sources("whisper"), sound)
    encoder = torch.stack(
        eager(folders("whisper"), sound, decoder_input_ids=torch.tensor([[START]])).encoder_attentions
    )
    whole = encoder[:, 0].numpy()
    record = read.record(block="encoder")
    assert whole.shape[-1] == 100
    assert record.weights == pytest.approx(whole[:, :, :30, :30], abs=1e-5)
    assert record.dropped == pytest.approx(float(whole[:, :, :30, 30:].sum(axis=-1).mean()), abs=1e-5)
    assert record.sinks == ()
    assert read.outlines["encoder"].layers[0].keys == 100
    assert {check.name for check in read.checks()}


def test_vectors_are_cut_like_the_weights(sources, sound):
    record = reading(sources("whisper"), sound).record(block="cross", internals=True)
    assert record.internals.queries.shape[2] == len(record.queries)
    assert record.internals.keys.shape[2] == record.internals.values.shape[2] == len(record.keys) == 30


def test_a_spectrogram_s_patches_have_a_time_and_a_band(sources, sound):
    record = reading(sources("ast"), sound).record()
    assert [token.text for token in record.queries[:2]] == ["[CLS]", "[DIST]"]
    assert {token.part for token in record.queries[2:]} == {"band 0", "band 1", "band 2"}
    first = record.queries[2]
    assert (first.text, first.place) == ("0.03-0.13s·b0", pytest.approx((0.03, 0.13)))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["wav2vec2", "whisper", "ast"])
def test_times_do_not_depend_on_the_precision(sources, folders, sound, name, dtype):
    coarse = load(folders(name), dtype=dtype)
    block = "encoder" if name == "whisper" else None
    read, exact = reading(coarse, sound), reading(sources(name), sound)
    assert read.record(block=block).keys == exact.record(block=block).keys
    assert {str(part.dtype) for part in coarse.pretrained.model.parameters()} == {f"torch.{dtype}"}


def test_times_that_cannot_be_told_are_not_made_up(sources, sound, monkeypatch):
    """As of a model whose positions answer to no one place."""
    nowhere = Spread(np.ones(27, dtype=bool), np.full((27, 2), 0.5))
    monkeypatch.setattr(audio, "spread", lambda *_: nowhere)
    keys = reading(sources("ast"), sound).record().keys
    assert [(token.text, token.kind, token.place) for token in keys[:2]] == [
        ("frame0", "frame", None),
        ("frame1", "frame", None),
    ]


@pytest.mark.parametrize("name", WRITING)
def test_a_transcript_looks_at_the_frames(sources, sound, name):
    read = reading(sources(name), sound)
    assert list(read.outlines) == ["encoder", "decoder", "cross"]
    record = read.record()
    assert record.block == "cross"
    assert record.text == WORDS
    written = [token for token in record.queries if token.kind == "text"]
    assert [record.text[slice(*token.span)] for token in written] == [token.text for token in written]
    assert "".join(token.text for token in written) == WORDS.replace(" ", "")
    assert all(token.kind == "frame" for token in record.keys)
    assert read.record(block="decoder").causal


@pytest.mark.parametrize("name", WRITING)
def test_a_model_writes_down_what_it_hears(sources, sound, name):
    record = sources(name).attend(audio=sound, generate=6)
    said = [token for token in record.queries if token.kind == "generated"]
    assert 1 <= len(said) <= 6
    assert len(record.predictions) == len(record.queries)
    again = sources(name).attend(audio=sound, generate=6)
    assert np.array_equal(record.weights, again.weights)


def test_left_to_itself_it_writes_until_its_positions_end(sources, sound):
    record = sources("whisper").attend(audio=sound)
    assert 5 <= len(record.queries) <= 40


def test_a_transcript_begins_with_the_language_that_is_heard_and_the_task(sources, sound):
    model = sources("whisper").pretrained.speaker
    given = feed(sources("whisper").pretrained, Prompt(audio=sound, target=WORDS))
    with torch.no_grad():
        features = given.arguments["input_features"]
        logits = model(input_features=features, decoder_input_ids=torch.tensor([[START]])).logits[0, -1]
    heard = ENGLISH if logits[ENGLISH] > logits[GERMAN] else GERMAN
    begun = given.arguments["decoder_input_ids"][0, :4].tolist()
    assert begun == [START, heard, WRITE, PLAIN]
    tokens = given.sides["cross"][0].tokens(given.arguments["decoder_input_ids"].shape[1])
    assert [token.kind for token in tokens[:5]] == ["special"] * 4 + ["text"]


def test_a_language_and_a_task_that_are_set_are_kept(sources, sound):
    pretrained = sources("whisper").pretrained
    settings = pretrained.model.generation_config
    settings.language, settings.task = "de", "translate"
    try:
        given = feed(pretrained, Prompt(audio=sound, target=WORDS))
    finally:
        del settings.language, settings.task
    assert given.arguments["decoder_input_ids"][0, :4].tolist() == [START, GERMAN, TRANSLATE, PLAIN]


def test_the_heads_its_authors_named_are_told(sources, sound):
    read = reading(sources("whisper"), sound)
    assert read.record().aligning == (HeadId(0, 1), HeadId(1, 3))
    assert read.record(block="encoder").aligning == ()
    assert reading(sources("moonshine"), sound).record().aligning == ()


@pytest.mark.parametrize("name", WRITING)
def test_words_line_up_with_the_sound(sources, sound, name):
    found = align(reading(sources(name), sound).record())
    assert [word.text for word in found.words] == WORDS.split()
    times = [time for word in found.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= SECONDS
    assert found.named is (name == "whisper")
    assert all(0 <= word.probability <= 1 for word in found.words)


@pytest.mark.parametrize("hertz", [0, 440])
@pytest.mark.parametrize("name", ["wav2vec2", "whisper"])
def test_silence_and_pure_tones_are_heard_too(sources, tmp_path, name, hertz):
    path = write(tmp_path / "a.flac", np.stack([tone(0.5, hertz, 44_100)] * 2, axis=-1), 44_100)
    record = reading(sources(name), path).record()
    assert record.keys[-1].place[1] == pytest.approx(0.5, abs=0.03)


def test_a_sound_longer_than_the_model_hears_is_refused(sources, tmp_path):
    long = write(tmp_path / "a.wav", chirp(3))
    with pytest.raises(TextTooLong, match=r"too long for .*: got 3\.00 s, allowed 2 s"):
        reading(sources("whisper"), long)
    with pytest.raises(TextTooLong, match=r"got 3\.00 s, allowed 0\.96 s"):
        reading(sources("ast"), long)


def test_a_sound_of_the_whole_length_is_heard_whole(sources, tmp_path):
    record = reading(sources("whisper"), write(tmp_path / "a.wav", chirp(2))).record()
    assert len(record.keys) == 100
    assert record.dropped == 0


@pytest.mark.parametrize("name", ["wav2vec2", "moonshine", "speech2text"])
def test_a_sound_too_short_to_be_heard_is_refused(sources, tmp_path, name):
    with pytest.raises(RequestError, match=r"too short for .*: got 0\.00\d+ s, allowed 0\.\d+ s or more"):
        reading(sources(name), write(tmp_path / "a.wav", chirp(0.002)))


def test_the_shortest_sound_it_says_is_heard(sources, tmp_path):
    """wav2vec2's convolutions take 400 samples for their first frame."""
    with pytest.raises(RequestError, match=r"allowed 0\.025 s or more"):
        reading(sources("wav2vec2"), write(tmp_path / "a.wav", chirp(399 / RATE)))
    assert len(reading(sources("wav2vec2"), write(tmp_path / "b.wav", chirp(400 / RATE))).record().keys) == 1


def test_what_does_not_go_together_is_refused(sources, tiny_bert, sound, tmp_path):
    hearing, writing, text = sources("wav2vec2"), sources("whisper"), load(tiny_bert)
    with pytest.raises(RequestError, match="got no sound, allowed one"):
        hearing.attend("a text")
    with pytest.raises(RequestError, match="got a sound and a text, allowed a sound"):
        hearing.attend("a text", audio=sound)
    with pytest.raises(RequestError, match="got audio, allowed a text"):
        text.attend(audio=sound)
    with pytest.raises(RequestError, match="got generate"):
        hearing.attend(audio=sound, generate=3)
    with pytest.raises(RequestError, match="got chat"):
        writing.attend(audio=sound, chat=True)
    with pytest.raises(NotFound):
        writing.attend(audio=tmp_path / "gone.wav")


def test_a_model_without_what_prepares_a_sound_is_incomplete(tmp_path, sound):
    with quiet():
        HEARING["wav2vec2"][0]().save_pretrained(tmp_path)
    with pytest.raises(IncompleteModel, match="nothing to prepare a sound with"):
        load(tmp_path).attend(audio=sound)
