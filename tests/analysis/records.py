"""Records of any tokens: pieces of words, special ones, patches, in self- and cross-attention."""

import numpy as np
from hypothesis import strategies as st

from attnviz.record import Attention, Internals, Prediction, Token
from tests.analysis.weights import random_weights

_KINDS = ["piece", "new word", "special", "patch", "generated", "said on", "nowhere"]


@st.composite
def tokens(draw, least: int = 1) -> tuple[str, tuple[Token, ...]]:
    """A text and its tokens, some of them pieces of one word."""
    kinds = draw(st.lists(st.sampled_from(_KINDS), min_size=least, max_size=9))
    parts = draw(st.lists(st.sampled_from([None, "A", "B"]), min_size=len(kinds), max_size=len(kinds)))
    text, word, found = "", -1, []
    for number, (kind, part) in enumerate(zip(kinds, parts, strict=True)):
        name = f"t{number}"
        if kind == "special":
            found.append(Token("[X]", number, kind="special", part=part))
        elif kind == "patch":
            found.append(Token("", number, kind="patch", place=(0, number), part=part))
        else:
            begins = kind not in ("piece", "said on") or word < 0
            word += begins
            text += " " * (begins and text != "") + name
            span = None if kind == "nowhere" else (len(text) - len(name), len(text))
            made = "generated" if kind in ("generated", "said on") else "text"
            found.append(Token(name, number, span, made, word, part=part))
    return text, tuple(found)


@st.composite
def records(draw) -> Attention:
    """Two layers of two heads over any tokens: causal or not, with sinks, a window, internals or none."""
    text, queries = draw(tokens())
    across = draw(st.booleans())
    keys = draw(tokens())[1] if across else queries
    causal = not across and draw(st.booleans())
    shape = (2, 2, len(queries), len(keys))
    weights = random_weights(draw(st.integers(0, 2**32 - 1)), *shape, causal=causal)
    weights = weights * draw(st.sampled_from([1.0, 0.6]))
    sight = {}
    if draw(st.booleans()):
        seen = np.random.default_rng(len(queries)).random(shape[2:]) < 0.7
        seen &= np.tri(*shape[2:], dtype=bool) if causal else True
        sight = {1: seen}
        weights[1] *= seen
    return Attention(
        queries=queries,
        keys=keys,
        weights=weights,
        layers=(0, 1),
        heads=(0, 1),
        model="any",
        text=text,
        block="cross" if across else "self",
        causal=causal,
        sight=sight,
        sinks=(0,),
        predictions=tuple(Prediction(f"p{row}", 0.5) for row in range(len(queries))),
        internals=Internals(*(np.ones((2, 2, count, 3)) for count in (shape[2], shape[3], shape[3]))),
    )
