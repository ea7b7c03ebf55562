"""`attnviz page` for models of every kind: all blocks, what was said, a picture."""

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast, T5Config

from tests.cli.run import attnviz
from tests.cli.test_page import facts
from tests.sources.conftest import SaveModel

T5 = T5Config(
    vocab_size=120, d_model=32, d_kv=8, d_ff=40, num_layers=2, num_heads=4, decoder_start_token_id=0
)


@pytest.fixture
def translator(save_model: SaveModel, word_pieces: PreTrainedTokenizerFast) -> Path:
    return save_model(T5, word_pieces)


def test_a_translator_shows_all_three_blocks(translator: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    done = attnviz("page", "the quick fox", "--target", "a dog", "-m", translator, "-o", path)
    assert done.code == 0, done.err
    held = facts(path)["maps"]
    assert held[0]["id"] == "cross"
    assert {one["block"] for one in held} == {"cross", "encoder", "decoder"}
    assert held[0]["queries"] != held[0]["keys"]


def test_one_block_alone_when_it_is_asked_for(translator: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    arguments = ("--target", "a dog", "--block", "encoder", "--view", "weights", "-o", path)
    assert attnviz("page", "the quick fox", "-m", translator, *arguments).code == 0
    assert [one["id"] for one in facts(path)["maps"]] == ["encoder"]


def test_what_a_model_says_is_marked_and_predicted(tiny_gpt2: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    done = attnviz("page", "the quick fox", "-m", tiny_gpt2, "--generate", "3", "-o", path)
    assert done.code == 0, done.err
    held = facts(path)
    kinds = [token["kind"] for token in held["sequences"][0]["tokens"]]
    assert kinds[-3:] == ["generated"] * 3
    assert len(held["maps"][0]["predictions"]) == len(kinds)
