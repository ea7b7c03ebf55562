"""A torch module as a source of records: torch's own transformers, or attention somebody wrote."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from attnviz.errors import RequestError
from attnviz.prompt import Prompt
from attnviz.record import Attention, Block, Token
from attnviz.selection import Selection
from attnviz.sources.base import EVERYTHING, Source
from attnviz.sources.huggingface.faults import brief
from attnviz.sources.huggingface.feed import Answering, Feed, Positions, Side, Written
from attnviz.sources.huggingface.quiet import quiet
from attnviz.sources.huggingface.reading import PretrainedReading
from attnviz.sources.huggingface.watching.sites import watch

_ENCODERS = (nn.TransformerEncoder, nn.TransformerEncoderLayer)
_DECODERS = (nn.TransformerDecoder, nn.TransformerDecoderLayer)

# Words in the names of arguments that are no input of their own.
_NO_INPUT = ("mask", "position", "bias")


@dataclass(frozen=True, eq=False)
class ModuleSource(Source):
    """A torch module.

    Attributes:
        module: the module; it runs in evaluation mode, and is left in the mode it was in.
    """

    module: nn.Module

    @property
    def name(self) -> str:
        """The name of the module's class."""
        return type(self.module).__name__

    def read(self, prompt: Prompt) -> NoReturn:  # noqa: ARG002 - sources are asked alike
        """A module takes tensors, which no prompt holds; see `attend`.

        Raises:
            RequestError: always.
        """
        raise RequestError(f"{self.name} reads tensors: got a prompt, allowed attend(tensor, ...)")

    def attend(  # type: ignore[override] # a module takes what its forward pass takes
        self,
        *inputs: Tensor,
        tokens: Sequence[str] | None = None,
        target_tokens: Sequence[str] | None = None,
        selection: Selection = EVERYTHING,
        block: Block | None = None,
        internals: bool = False,
        **named: Any,  # noqa: ANN401 - whatever the module takes
    ) -> Attention:
        """Run the module on one input and record what its queries look at.

        Args:
            inputs: what the module is called with, a batch of one. `nn.MultiheadAttention` with a query alone
                looks at itself.
            tokens: what to call the positions of what is looked at: of a transformer's source, a decoder's
                memory, the keys of `nn.MultiheadAttention`; of any other module's first input. None numbers
                them.
            target_tokens: what to call the positions of the other side: of what a decoder reads, the queries
                of `nn.MultiheadAttention`; of any other module's second input.
            selection: the layers and heads to keep.
            block: "self", "encoder", "decoder" or "cross", where the module has several.
            internals: keep the query, key and value vectors too.
            named: what else the module is called with, such as masks.

        Raises:
            RequestError: the inputs are not those of the module, or a batch of several.
            OutOfRange: the selection names a layer or head that is not there.
            NoAttention: nothing in the module attends.
            SourceError: what attends cannot be read; the subclass says why.
        """
        reading = self.read_tensors(*inputs, tokens=tokens, target_tokens=target_tokens, **named)
        return reading.record(selection, block=block, internals=internals)

    def read_tensors(
        self,
        *inputs: Tensor,
        tokens: Sequence[str] | None = None,
        target_tokens: Sequence[str] | None = None,
        **named: Any,  # noqa: ANN401 - whatever the module takes
    ) -> PretrainedReading:
        """Watch the module read one input; see `attend`."""
        given = _feed(self.module, inputs, named, (tokens, target_tokens))
        if isinstance(self.module, PreTrainedModel):
            given = replace(given, answering=Answering(self.module))
        with quiet():
            return PretrainedReading(self.name, None, given, watch(given, self.name))


def open_module(module: object) -> ModuleSource:
    """Take a module as a source.

    Raises:
        RequestError: it is none.
    """
    if not isinstance(module, nn.Module):
        got = type(module).__name__
        raise RequestError(f"not a model: got a {got}, allowed a name, a folder or a torch module")
    return ModuleSource(module)


Names = tuple[Sequence[str] | None, Sequence[str] | None]


def _feed(module: nn.Module, inputs: Sequence[Tensor], named: Mapping[str, Any], names: Names) -> Feed:
    """Tell from the module's kind which of its inputs are looked at from which."""
    if isinstance(module, nn.MultiheadAttention) and inputs and not named.keys() & {"key", "value"}:
        # Given a query alone, it looks at itself; with keys alone, they are the values too.
        inputs = (*inputs, *[inputs[-1]] * (3 - len(inputs)))
    arguments = _arguments(module, inputs, named)
    texts = " ".join(word for words in names for word in words or ())
    first, second = _sequences(module, arguments)
    batch_first = _batch_first(module)
    source = _side(first, names[0], batch_first)
    if second is None or second is first:
        return Feed(module, arguments, {"self": (source, source)}, texts)
    target = _side(second, names[1], batch_first)
    if isinstance(module, nn.MultiheadAttention):
        return Feed(module, arguments, {"cross": (target, source)}, texts)
    decoding: dict[Block, tuple[Side, Side]] = {"decoder": (target, target), "cross": (target, source)}
    if isinstance(module, _DECODERS):
        return Feed(module, arguments, decoding, texts, memory=first)
    if (encoder := _encoder(module)) is not None:
        return Feed(module, arguments, {"encoder": (source, source), **decoding}, texts, encoder=encoder)
    # What a module without an encoder takes beside its input is what the input may look at.
    sides: dict[Block, tuple[Side, Side]] = {"cross": (source, target), "self": (source, source)}
    return Feed(module, arguments, sides, texts, memory=second)


def _arguments(module: nn.Module, inputs: Sequence[Tensor], named: Mapping[str, Any]) -> dict[str, Any]:
    """Name every argument of a call.

    Raises:
        RequestError: the module's forward pass takes others.
    """
    try:
        bound = inspect.signature(module.forward).bind(*inputs, **named)
    except TypeError as error:
        raise RequestError(f"{type(module).__name__} takes other inputs: {brief(error)}") from error
    arguments = dict(bound.arguments)
    for parameter in bound.signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments |= arguments.pop(parameter.name, {})
        elif parameter.kind is parameter.VAR_POSITIONAL and arguments.pop(parameter.name, ()):
            raise RequestError(f"{type(module).__name__} takes other inputs: give each by its name")
    return arguments


def _sequences(module: nn.Module, arguments: Mapping[str, Any]) -> tuple[Tensor, Tensor | None]:
    """Find the input, and what else is read: a decoder's side, the queries, or what is looked at.

    Raises:
        RequestError: there is no tensor.
    """
    if isinstance(module, nn.MultiheadAttention):
        return arguments["key"], arguments["query"]
    if isinstance(module, _DECODERS):
        return arguments["memory"], arguments["tgt"]
    found = [
        value
        for name, value in arguments.items()
        if isinstance(value, Tensor) and value.ndim and value.dtype != torch.bool
        if not any(word in name for word in _NO_INPUT)
    ]
    if not found:
        raise RequestError(f"{type(module).__name__} reads tensors: got none")
    alone = len(found) == 1 or isinstance(module, _ENCODERS)
    return found[0], None if alone else found[1]


def _encoder(module: nn.Module) -> nn.Module | None:
    """The part that encodes, if the module has one and a decoder."""
    if getattr(getattr(module, "config", None), "is_encoder_decoder", False):
        encoder: nn.Module = module.get_encoder()  # type: ignore[operator] # a model of transformers has it
        return encoder
    parts = dict(module.named_children())
    return parts.get("encoder") if "decoder" in parts else None


def _batch_first(module: nn.Module) -> bool | None:
    """Whether inputs are (batch, token, d) and not (token, batch, d); None if the module does not say."""
    if not isinstance(module, (nn.MultiheadAttention, nn.Transformer, *_ENCODERS, *_DECODERS)):
        return None
    attending = next(part for part in module.modules() if isinstance(part, nn.MultiheadAttention))
    return bool(attending.batch_first)


def _side(sequence: Tensor, names: Sequence[str] | None, batch_first: bool | None) -> Side:
    """Name the positions of a sequence.

    Raises:
        RequestError: it is a batch of several, or has another number of positions than there are names.
    """
    count = _count(sequence, batch_first)
    if names is not None:
        if batch_first is not None and len(names) != count:
            raise RequestError(f"tokens do not fit the input: got {len(names)}, allowed {count}")
        return Written(tuple(Token(name, word=place) for place, name in enumerate(names)))
    if not sequence.is_floating_point():
        return Written(
            tuple(
                Token(str(number), number, word=place)
                for place, number in enumerate(sequence.flatten().tolist())
            )
        )
    return Positions(count)


def _count(sequence: Tensor, batch_first: bool | None) -> int | None:
    """Count positions: the first dimension that is not the batch; None for pictures, which are cut up.

    Raises:
        RequestError: it is a batch of several.
    """
    shape = tuple(sequence.shape)
    batched = sequence.ndim >= (3 if sequence.is_floating_point() else 2)
    if not batched:
        return shape[0]
    # Where the module does not say, a dimension of one is the batch.
    batch = int(shape[0] > 1 and shape[1] == 1) if batch_first is None else int(not batch_first)
    if shape[batch] != 1:
        raise RequestError(f"one input at a time: got a batch of {shape[batch]}, allowed 1")
    return shape[1 - batch] if sequence.ndim <= 3 else None
