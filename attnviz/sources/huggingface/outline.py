"""Which layers and heads attend, found by running the model on two tokens and watching what it does."""

from dataclasses import dataclass

import torch
from transformers import MODEL_MAPPING, PreTrainedConfig, PreTrainedModel

from attnviz.errors import UnsupportedModel
from attnviz.sources.huggingface.faults import brief
from attnviz.sources.huggingface.table import Call, intercepted

_TOKENS = 2
_ALLOWED = "allowed one encoder or decoder of text"


@dataclass(frozen=True)
class Outline:
    """What a model's attention looks like from outside.

    Attributes:
        layers: the model's own numbers of the layers that attend, in the order they are called: ascending.
        heads: how many heads each of them has.
        causal: whether no query of any layer sees a later key.
    """

    layers: tuple[int, ...]
    heads: int
    causal: bool


def refuse_unless_text(config: PreTrainedConfig, name: str) -> None:
    """Refuse what is not one stack of layers over the tokens of a text, before its weights are loaded.

    Raises:
        UnsupportedModel: an encoder-decoder, a model of pictures or sounds, or one of several towers.
    """
    model_class = MODEL_MAPPING.get(type(config), None)
    first = model_class[0] if isinstance(model_class, tuple) else model_class
    if first is None:
        raise _unsupported(config, name, "transformers has no plain model of this type")
    if config.is_encoder_decoder:
        raise _unsupported(config, name, f"it is an encoder-decoder, {_ALLOWED}")
    if config.get_text_config() is not config or any(_is_tower(config, part) for part in config.sub_configs):
        raise _unsupported(config, name, f"it has more than one tower, {_ALLOWED}")
    if first.main_input_name != "input_ids":
        raise _unsupported(config, name, f"it reads {first.main_input_name}, {_ALLOWED}")


def _is_tower(config: PreTrainedConfig, part: str) -> bool:
    """Whether a part of a configuration has layers of its own; others only group a few settings."""
    return bool(getattr(getattr(config, part, None), "num_hidden_layers", None))


def outline(model: PreTrainedModel, name: str) -> Outline:
    """Watch the model read two tokens.

    Raises:
        UnsupportedModel: its attention cannot be read, or not with certainty of which layer it is.
    """
    calls = _watch(model, name)
    if not calls:
        raise _unsupported(model.config, name, "no layer asks transformers' table for its attention function")
    if any((call.query.shape[0], call.queries, call.keys) != (1, _TOKENS, _TOKENS) for call in calls):
        raise _unsupported(model.config, name, "its queries and keys are not its tokens")
    heads = {call.heads for call in calls}
    if len(heads) > 1:
        raise _unsupported(model.config, name, "its layers have different numbers of heads")
    layers = _numbers(calls, getattr(model.config, "num_hidden_layers", 0))
    if layers is None:
        raise _unsupported(
            model.config, name, f"cannot tell which layers its {len(calls)} attention calls are"
        )
    return Outline(layers, heads.pop(), all(call.causal for call in calls))


def _watch(model: PreTrainedModel, name: str) -> list[Call]:
    """Every attention call of a forward pass over two tokens."""
    calls: list[Call] = []

    def note(call: Call) -> torch.Tensor:
        calls.append(call)
        return call.as_usual()

    ids = torch.zeros(1, _TOKENS, dtype=torch.long, device=model.device)
    try:
        with intercepted(note), torch.no_grad():
            model(input_ids=ids, attention_mask=torch.ones_like(ids))
    except Exception as error:  # what a model raises that is not made for plain text has no common class
        raise _unsupported(model.config, name, f"it does not run on plain text: {brief(error)}") from error
    return calls


def _numbers(calls: list[Call], total: int) -> tuple[int, ...] | None:
    """The layers' own numbers, one per call: the modules' where they know them, else by order if none misses.

    In a hybrid only some layers attend. ALBERT calls one module again for each layer: only the order tells.
    """
    own = [getattr(call.module, "layer_idx", None) for call in calls]
    known = [number for number in own if isinstance(number, int) and 0 <= number < total]
    if len(known) == len(own) and known == sorted(set(known)):
        return tuple(known)
    return tuple(range(total)) if len(calls) == total else None


def _unsupported(config: PreTrainedConfig, name: str, why: str) -> UnsupportedModel:
    return UnsupportedModel(f"cannot read the attention of {name} (model type {config.model_type}): {why}")
