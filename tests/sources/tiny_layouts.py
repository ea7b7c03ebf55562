"""Tiny random models that attend in layouts of their own, or not at all."""

import torch
from torch import nn
from transformers import (
    AutoModel,
    BigBirdConfig,
    FNetConfig,
    LEDConfig,
    LongformerConfig,
    LongT5Config,
    Mamba2Config,
    MambaConfig,
    PreTrainedModel,
    ProphetNetConfig,
    ReformerConfig,
    RwkvConfig,
    YosoConfig,
)

from attnviz.record import Token
from attnviz.sources.huggingface.feed import Feed, Written
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.reading import PretrainedReading
from attnviz.sources.huggingface.watching.sites import watch
from tests.sources.tiny_pretrained import WORD_PIECES

TOKENS, TARGET = 21, 9
HEADS, D_V = 4, 8

BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": HEADS, "intermediate_size": 40}
WIDE = {"initializer_range": 0.4}
WORDS = {"vocab_size": WORD_PIECES}
_T5 = {"d_model": 32, "d_kv": D_V, "d_ff": 40, "num_layers": 2, "num_heads": HEADS, "initializer_factor": 2.0}
_BART = {
    f"{side}_{what}": size
    for side in ("encoder", "decoder")
    for what, size in {"layers": 2, "attention_heads": HEADS, "ffn_dim": 40}.items()
}

with quiet():
    LONGFORMER = LongformerConfig(attention_window=8, max_position_embeddings=100, **BERT, **WIDE, **WORDS)
    BIGBIRD = BigBirdConfig(
        block_size=2, num_random_blocks=1, max_position_embeddings=100, **BERT, **WIDE, **WORDS
    )
    LONGT5 = LongT5Config(local_radius=3, num_decoder_layers=2, **_T5, **WORDS)
    SUMMARIZING = LongT5Config(
        local_radius=3,
        global_block_size=4,
        encoder_attention_type="transient-global",
        num_decoder_layers=2,
        **_T5,
        **WORDS,
    )
    REFORMER = ReformerConfig(
        hidden_size=32,
        attention_head_size=D_V,
        num_attention_heads=HEADS,
        feed_forward_size=40,
        attn_layers=["local", "lsh", "local", "lsh"],
        lsh_attn_chunk_length=4,
        local_attn_chunk_length=4,
        num_hashes=2,
        num_buckets=4,
        axial_pos_shape=[8, 12],
        axial_pos_embds_dim=[16, 16],
        max_position_embeddings=96,
        is_decoder=True,
        **WIDE,
        **WORDS,
    )
    PROPHETNET = ProphetNetConfig(
        hidden_size=32,
        num_encoder_layers=2,
        num_decoder_layers=2,
        num_encoder_attention_heads=HEADS,
        num_decoder_attention_heads=HEADS,
        encoder_ffn_dim=40,
        decoder_ffn_dim=40,
        ngram=2,
        num_buckets=8,
        relative_max_distance=16,
        max_position_embeddings=64,
        init_std=0.4,
        **WORDS,
    )
    LED = LEDConfig(
        d_model=32,
        attention_window=8,
        max_encoder_position_embeddings=64,
        max_decoder_position_embeddings=64,
        init_std=0.4,
        **_BART,
        **WORDS,
    )


def made(config, **how) -> PreTrainedModel:
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(0)
        return AutoModel.from_config(config, **how).eval()


def written(count) -> Written:
    return Written(tuple(Token(str(place)) for place in range(count)))


def ids(count, seed=0) -> torch.Tensor:
    return torch.randint(5, WORD_PIECES, (1, count), generator=torch.Generator().manual_seed(seed))


def text_feed(model, **more) -> Feed:
    tokens, side = ids(TOKENS), written(TOKENS)
    given = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), **more}
    return Feed(model, given, {"self": (side, side)})


def translation_feed(model) -> Feed:
    source, target = written(TOKENS), written(TARGET)
    arguments = {**text_feed(model).arguments, "decoder_input_ids": ids(TARGET, seed=1)}
    sides = {"encoder": (source, source), "decoder": (target, target), "cross": (target, source)}
    return Feed(model, arguments, sides, encoder=model.get_encoder())


def looking_everywhere(*places) -> torch.Tensor:
    mask = torch.zeros(1, TOKENS, dtype=torch.long)
    mask[0, list(places)] = 1
    return mask


# What each module's values come out of, and what the context goes into; None where the module gives it.
FEEDS = {
    "longformer": (lambda: text_feed(made(LONGFORMER)), ("value",), None),
    "longformer, some tokens look everywhere": (
        lambda: text_feed(made(LONGFORMER), global_attention_mask=looking_everywhere(0, 7)),
        ("value", "value_global"),
        None,
    ),
    "bigbird (block sparse)": (lambda: text_feed(made(BIGBIRD)), ("value",), None),
    "longt5 (local)": (lambda: text_feed(made(LONGT5).encoder), ("v",), "o"),
    "longt5 (local and summaries)": (lambda: text_feed(made(SUMMARIZING).encoder), ("v",), "o"),
    "reformer (local and hashed)": (lambda: text_feed(made(REFORMER)), ("value",), None),
    "prophetnet (streams)": (lambda: translation_feed(made(PROPHETNET)), ("value_proj",), "out_proj"),
    "led": (lambda: translation_feed(made(LED)), ("value", "v_proj"), "out_proj"),
}


def read(feed, name="a model") -> PretrainedReading:
    with quiet():
        return PretrainedReading(name, None, feed, watch(feed, name))


NO_ATTENTION = {
    "fnet": FNetConfig(hidden_size=32, num_hidden_layers=2, intermediate_size=40, **WORDS),
    "mamba": MambaConfig(hidden_size=32, num_hidden_layers=2, state_size=4, **WORDS),
    "mamba2": Mamba2Config(
        hidden_size=32, num_hidden_layers=2, state_size=4, head_dim=8, num_heads=8, n_groups=1, **WORDS
    ),
    "rwkv": RwkvConfig(
        hidden_size=32, num_hidden_layers=2, attention_hidden_size=32, intermediate_size=40, **WORDS
    ),
    "yoso (rows are divided by their length)": YosoConfig(use_expectation=True, **BERT, **WIDE, **WORDS),
}


class Kernel(nn.Module):
    """Attention with a kernel of its own: its shares are squares of how alike query and key are."""

    def __init__(self, key_heads=2, *, looks_back=False):
        super().__init__()
        self.query, self.key = nn.Linear(32, 32), nn.Linear(32, 8 * key_heads)
        self.value, self.out = nn.Linear(32, 8 * key_heads), nn.Linear(32, 32)
        self.shared, self.looks_back = 4 // key_heads, looks_back

    def weights(self, states):
        rows = len(states[0])
        query = self.query(states)[0].view(rows, 4, 8).transpose(0, 1)
        key = self.key(states)[0].view(rows, -1, 8).transpose(0, 1).repeat_interleave(self.shared, 0)
        alike = (query @ key.mT).square() + 0.1
        alike = alike.tril() if self.looks_back else alike
        return alike / alike.sum(-1, keepdim=True)

    def forward(self, states):
        weights, rows = self.weights(states), len(states[0])
        value = self.value(states)[0].view(rows, -1, 8).transpose(0, 1).repeat_interleave(self.shared, 0)
        return self.out((weights @ value).transpose(0, 1).reshape(1, rows, 32))


class Gated(Kernel):
    """What it makes of its values is scaled channel by channel: there is no one weight for a head."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(32, 32)

    def forward(self, states):
        out, made = self.out, []
        self.out = nn.Identity()
        made = super().forward(states) * self.gate(states).sigmoid()
        self.out = out
        return out(made)


class FeedForward(nn.Module):
    """Each position by itself: in proportion to one projection, decided by another."""

    def __init__(self):
        super().__init__()
        self.up, self.gate, self.down = nn.Linear(32, 32), nn.Linear(32, 1), nn.Linear(32, 32)

    def forward(self, states):
        return self.down(self.up(states) * self.gate(states).sigmoid())


class Average(nn.Module):
    """Every position takes the mean of all: nothing decides what is looked at."""

    def __init__(self):
        super().__init__()
        self.value, self.out = nn.Linear(32, 32), nn.Linear(32, 32)

    def forward(self, states):
        return self.out(self.value(states).mean(1, keepdim=True).expand_as(states))
