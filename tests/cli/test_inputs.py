"""What a model reads and how its tokens are shown, as a user asks for it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import GPT2Config, T5Config, ViTConfig, ViTImageProcessor, ViTModel

from attnviz.store import read
from tests.cli.run import FOX, attnviz
from tests.sources import tiny_hearing
from tests.sources.drawn import disc, save_seeing, saved
from tests.sources.tiny_pretrained import BYTE_PIECES

SPEAKER = GPT2Config(
    vocab_size=BYTE_PIECES,
    n_positions=64,
    n_embd=32,
    n_layer=2,
    n_head=4,
    initializer_range=0.4,
    bos_token_id=0,
    eos_token_id=0,
    architectures=["GPT2LMHeadModel"],
)
TRANSLATOR = T5Config(
    d_model=32,
    d_kv=8,
    d_ff=40,
    num_layers=2,
    num_heads=4,
    vocab_size=BYTE_PIECES,
    initializer_factor=5.0,
    decoder_start_token_id=0,
    eos_token_id=0,
    pad_token_id=0,
)


@pytest.mark.parametrize("verb", ["heatmap", "focus", "compare"])
def test_words_and_special_tokens(verb: str, minilm: Path) -> None:
    done = attnviz(verb, "It isn't unbelievable.", "-m", minilm, "--words", "--special", "drop", "--json")
    assert done.code == 0
    assert "special tokens dropped: they hold" in done.err
    found = json.loads(done.out)
    tokens = found["queries"] if verb == "heatmap" else found["tokens"]
    assert [token["text"] for token in tokens] == ["It", "isn't", "unbelievable."]


def test_rows_are_brought_back_to_one(minilm: Path, tmp_path: Path) -> None:
    given = (FOX, "-m", minilm, "--special", "drop", "--renormalize", "-o", tmp_path / "fox.safetensors")
    assert attnviz("export", *given).code == 0
    record = read(tmp_path / "fox.safetensors")
    np.testing.assert_allclose(record.weights.sum(-1), 1, atol=1e-5)
    assert record.renormalized
    assert 0 < record.dropped < 1


def test_a_saved_record_is_shown_in_words_too(minilm: Path, tmp_path: Path) -> None:
    path = tmp_path / "pieces.safetensors"
    assert attnviz("export", "Unbelievable", "-m", minilm, "-o", path).code == 0
    merged = attnviz("heatmap", "--record", path, "--words", "--json")
    assert [token["text"] for token in json.loads(merged.out)["keys"]] == ["[CLS]", "Unbelievable", "[SEP]"]


def test_a_pair_tells_what_passes_between_its_parts(minilm: Path) -> None:
    done = attnviz("focus", "Where is the fox?", "--pair", "It jumps over the dog.", "-m", minilm)
    assert done.code == 0
    assert "A → B" in done.out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--renormalize"], "nothing to renormalize"),
        (["--pair", "more"], "got pair"),
        (["--target", "more"], "got target"),
        (["--generate", "3"], "got generate"),
        (["--chat"], "got chat"),
        (["--image", "fox.png"], "got image"),
        (["--audio", "fox.wav"], "got audio"),
        (["--block", "cross"], "no such block"),
        (["--device", "cuda"], "no such device"),
        (["--target", "a", "--generate", "3"], "two decoder sides"),
    ],
)
def test_what_the_builtin_model_cannot_read_is_refused(options: list[str], complaint: str) -> None:
    done = attnviz("focus", FOX, *options)
    assert done.code == 2
    assert done.out == ""
    assert complaint in done.err
    assert len(done.err.splitlines()) <= 2


@pytest.mark.parametrize("option", [["--pair", "b"], ["--image", "x.png"], ["--generate", "2"], ["--chat"]])
def test_a_record_takes_no_other_input(option: list[str], tmp_path: Path) -> None:
    assert attnviz("export", FOX, "-o", tmp_path / "fox.safetensors").code == 0
    done = attnviz("focus", "--record", tmp_path / "fox.safetensors", *option)
    assert done.code == 2
    assert "two inputs" in done.err


def test_what_a_decoder_adds_is_read_too(save_model, byte_pieces, tmp_path: Path) -> None:
    folder = save_model(SPEAKER, byte_pieces)
    path = tmp_path / "said.safetensors"
    assert attnviz("export", "The quick", "-m", folder, "--generate", "4", "-o", path).code == 0
    record = read(path)
    assert record.border is not None
    assert [token.kind for token in record.queries].count("generated") >= 1
    assert len(record.predictions) == len(record.queries)
    drawn = [
        attnviz("focus", "The quick", "-m", folder, "--generate", "4", "--temperature", "2", "--seed", seed)
        for seed in (1, 1)
    ]
    assert drawn[0].out == drawn[1].out


def test_an_encoder_decoder_shows_three_blocks(save_model, byte_pieces, tmp_path: Path) -> None:
    folder = save_model(TRANSLATOR, byte_pieces)
    given = ("The dog", "--target", "Der Hund", "-m", folder)
    done = attnviz("focus", *given, "--json")
    assert json.loads(done.out)["block"] == "cross"
    assert "--block" in done.err
    for block in ("encoder", "decoder", "cross"):
        assert json.loads(attnviz("focus", *given, "--block", block, "--json").out)["block"] == block
    assert attnviz("export", *given, "-o", tmp_path / "all").code == 0
    for block in ("encoder", "decoder", "cross"):
        assert read(tmp_path / "all" / block / "record.safetensors").block == block
        assert (tmp_path / "all" / block / "grid.png").is_file()


def test_a_picture_and_its_numbers_at_once(tmp_path: Path) -> None:
    done = attnviz("heatmap", FOX, "--layer", "1", "-o", tmp_path / "fox.png", "--json")
    assert json.loads(done.out)["schema"] == "attnviz/heatmap/1"
    assert (tmp_path / "fox.png").is_file()


@pytest.fixture
def seeing(tmp_path: Path) -> tuple[str, Path]:
    """A tiny model that sees 4 x 4 patches, and a picture."""
    torch.manual_seed(0)
    config = ViTConfig(
        image_size=32,
        patch_size=8,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
    )
    processor = ViTImageProcessor(size={"height": 32, "width": 32})
    folder = save_seeing(tmp_path / "vit", ViTModel(config), processor)
    return folder, saved(disc(), tmp_path)


def test_what_a_model_sees_is_drawn_over_the_picture(seeing: tuple[str, Path], tmp_path: Path) -> None:
    model, picture = seeing
    given = ("--image", picture, "-m", model)
    over, square, elsewhere = (tmp_path / name for name in ("over.png", "square.png", "elsewhere.png"))
    assert attnviz("heatmap", *given, "-o", over).code == 0
    assert attnviz("heatmap", *given, "--matrix", "-o", square).code == 0
    assert attnviz("heatmap", *given, "--query", "2,1", "-o", elsewhere).code == 0
    assert len({path.read_bytes() for path in (over, square, elsewhere)}) == 3
    shown = attnviz("heatmap", *given, "--head", "0")
    assert "from [CLS]" in shown.out
    focus = attnviz("focus", *given)
    assert "row " in focus.out
    kept = tmp_path / "seen.safetensors"
    assert attnviz("export", *given, "-o", kept).code == 0
    again = attnviz("heatmap", "--record", kept, "--head", "0", "--layer", "-1")
    assert again.out.splitlines()[2:] == shown.out.splitlines()[2:]


def test_queries_are_only_chosen_over_a_picture(seeing: tuple[str, Path]) -> None:
    model, picture = seeing
    assert "every query is drawn" in attnviz("heatmap", FOX, "--query", "0").err
    for query in ("9,9", "99", "nothing"):
        done = attnviz("heatmap", "--image", picture, "-m", model, "--query", query)
        assert (done.code, done.out) == (2, "")
        assert "no such query" in done.err


def test_words_are_lined_up_with_a_sound(byte_pieces, tmp_path: Path) -> None:
    folder = tiny_hearing.save("whisper", tmp_path / "whisper", byte_pieces)
    sound = tiny_hearing.write(tmp_path / "rise.wav", tiny_hearing.chirp(1.0))
    given = ("--audio", sound, "-m", folder, "--target", "quick brown fox")
    told = attnviz("align", *given, "--json")
    found = json.loads(told.out)
    assert found["schema"] == "attnviz/align/1"
    assert "--block" not in told.err
    assert [word["word"] for word in found["words"]] == ["quick", "brown", "fox"]
    times = [moment for word in found["words"] for moment in (word["start"], word["end"])]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= found["seconds"] + 1e-6
    assert "quick" in attnviz("align", *given).out
    assert attnviz("align", *given, "-o", tmp_path / "times.png").code == 0
    assert (tmp_path / "times.png").read_bytes().startswith(b"\x89PNG")
    assert attnviz("align", FOX).code == 2
