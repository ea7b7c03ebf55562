"""Code that comes with a model runs when it is asked for, and never otherwise."""

import json
import sys

import numpy as np
import pytest
import torch
from transformers import dynamic_module_utils

from attnviz.errors import Damaged, UnsafeModel
from attnviz.sources import load
from tests.sources.tiny_pretrained import FOX, WORD_PIECES

CONFIGURATION = """
from transformers import PreTrainedConfig

class OwnConfig(PreTrainedConfig):
    model_type = "own"

    def __init__(self, vocab_size=120, width=16, heads=2, **others):
        self.vocab_size, self.width, self.heads = vocab_size, width, heads
        super().__init__(**others)
"""

# Attention as people write it by hand, through torch's own function.
MODEL = """
import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput
from .configuration_own import OwnConfig

class OwnAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config.heads
        self.inputs = nn.Linear(config.width, 3 * config.width)
        self.output = nn.Linear(config.width, config.width)

    def forward(self, x):
        split = (*x.shape[:2], self.heads, -1)
        query, key, value = (part.view(split).transpose(1, 2) for part in self.inputs(x).chunk(3, -1))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return x + self.output(mixed.transpose(1, 2).flatten(2))

class OwnModel(PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.layers = nn.ModuleList([OwnAttention(config) for _ in range(2)])
        self.post_init()

    def get_input_embeddings(self):
        return self.embedding

    def forward(self, input_ids=None, attention_mask=None, **_):
        x = self.embedding(input_ids)
        for layer in self.layers:
            x = layer(x)
        return BaseModelOutput(last_hidden_state=x)
"""


@pytest.fixture
def own_code(tmp_path, monkeypatch, word_pieces):
    """A folder with a model of its own kind, whose code says when it runs."""
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder, ran = tmp_path / "own", tmp_path / "ran"
    word_pieces.save_pretrained(folder)
    (folder / "configuration_own.py").write_text(f"open({str(ran)!r}, 'w').close()\n" + CONFIGURATION)
    (folder / "modeling_own.py").write_text(f"open({str(ran)!r}, 'w').close()\n" + MODEL)
    classes = {"AutoConfig": "configuration_own.OwnConfig", "AutoModel": "modeling_own.OwnModel"}
    said = {"model_type": "own", "architectures": ["OwnModel"], "auto_map": classes}
    (folder / "config.json").write_text(json.dumps({**said, "vocab_size": WORD_PIECES, "width": 16}))
    torch.manual_seed(0)
    weights = {"embedding.weight": torch.randn(WORD_PIECES, 16)}
    for layer in range(2):
        weights |= {f"layers.{layer}.inputs.weight": torch.randn(48, 16)}
        weights |= {f"layers.{layer}.inputs.bias": torch.randn(48)}
        weights |= {f"layers.{layer}.output.weight": torch.randn(16, 16)}
        weights |= {f"layers.{layer}.output.bias": torch.randn(16)}
    from safetensors.torch import save_file

    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder, ran, weights


def test_it_never_runs_by_itself_nor_asks(own_code, monkeypatch):
    folder, ran, _ = own_code
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("a question was asked"))
    with pytest.raises(UnsafeModel, match="can only be used by running code that comes with it"):
        load(folder)
    assert not ran.exists()


def test_asked_for_it_runs_and_its_weights_are_captured(own_code):
    folder, ran, weights = own_code
    source = load(folder, trust_remote_code=True)
    assert ran.exists()
    record = source.attend(FOX)
    assert (record.layers, record.heads) == ((0, 1), (0, 1))
    ids = torch.tensor([token.id for token in record.queries])
    x = weights["embedding.weight"][ids]
    inputs = x @ weights["layers.0.inputs.weight"].T + weights["layers.0.inputs.bias"]
    query, key, _ = (part.view(len(ids), 2, 8).transpose(0, 1) for part in inputs.chunk(3, -1))
    expected = (query @ key.transpose(1, 2) / 8**0.5).softmax(-1)
    np.testing.assert_allclose(record.weights[0], expected, atol=1e-6)


def test_code_that_breaks_is_one_line(own_code):
    folder, _, _ = own_code
    (folder / "modeling_own.py").write_text("raise RuntimeError('one\\ntwo')")
    with pytest.raises(Damaged, match=r"cannot read the code of .*: one$"):
        load(folder, trust_remote_code=True)


def test_a_known_type_with_a_class_of_its_own_is_not_taken_for_the_librarys(tiny_bert):
    (tiny_bert / "own.py").write_text("raise SystemExit('code was run')")
    path = tiny_bert / "config.json"
    said = {**json.loads(path.read_text()), "auto_map": {"AutoModel": "own.JinaBertModel"}}
    path.write_text(json.dumps({**said, "architectures": ["JinaBertModel"]}))
    with pytest.raises(UnsafeModel, match="running code"):
        load(tiny_bert)
    # A class the library has needs no other code, whatever else there is.
    path.write_text(json.dumps({**said, "architectures": ["BertModel"]}))
    assert load(tiny_bert).attend(FOX)
