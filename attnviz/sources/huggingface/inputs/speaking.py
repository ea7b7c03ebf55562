"""A model that speaks: what it says, what it expected at each step, and whether one pass gives the same."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationMixin

from attnviz.errors import AttnvizError, CaptureFailed, RequestError
from attnviz.prompt import Prompt
from attnviz.record import Prediction, Token
from attnviz.sources.huggingface.faults import brief
from attnviz.sources.huggingface.feed import uncached as uncached
from attnviz.sources.huggingface.inputs.said import Writer
from attnviz.sources.huggingface.loading.pretrained import Pretrained
from attnviz.sources.huggingface.streaming.scale import SCALE
from attnviz.sources.keep import refuse_beyond_memory

# How far the logits of one pass may be from those the steps saw, by the precision they were computed in.
_SAME = {torch.float32: 1e-4, torch.float64: 1e-6}
_COARSE = 5e-2


@dataclass(frozen=True, eq=False)
class Speech:
    """What a model said.

    Attributes:
        before: the tokens in front of the first step, in the sequence it continues.
        ids: what it said, without the token that ended it.
        ending: the token that ended it; None where the limit did.
        logits: what it expected at each step, that of the ending among them: (step, vocabulary).
    """

    before: tuple[int, ...]
    ids: tuple[int, ...]
    ending: int | None
    logits: Tensor

    @property
    def sequence(self) -> tuple[int, ...]:
        """All that was read and said."""
        return self.before + self.ids

    @property
    def is_long(self) -> bool:
        """Whether logits after each token would take more room than all else."""
        return len(self.sequence) > SCALE.long

    def apart(self, logits: Tensor) -> float:
        """Measure how far a pass over the whole sequence expects anything else than the steps did.

        Shape:
            logits: (query, vocabulary), a row for each token of the sequence, or for each of the last.

        Returns:
            The largest difference of two logits, as a multiple of the largest logit where that is above 1.
        """
        left_out = max(len(self.sequence) - len(logits), 0)
        first = len(self.before) - 1 - left_out
        ours = logits[first : first + len(self.logits)]
        usual = self.logits[: len(ours)].to(ours)
        scale = max(1.0, float(usual[usual.isfinite()].abs().max()))
        return float((ours - usual).nan_to_num().abs().max()) / scale


def speak(
    pretrained: Pretrained,
    prompt: Prompt,
    given: Mapping[str, Any],
    most: int,
    at_once: Callable[[Speech], Mapping[str, Any]],
) -> tuple[Speech, Tensor]:
    """Let a model continue, step by step: the likeliest token each time, or one drawn by chance.

    Drawing is from the whole softmax at the prompt's temperature. All else is as the model's own generation
    settings say: tokens it must or must not say, and what ends a text. Where what a model keeps from step to
    step does not work, or makes it expect something else than it does when it reads everything anew, the
    steps are done without keeping anything.

    Args:
        pretrained: the model.
        prompt: how to draw.
        given: what the model is called with.
        most: how many tokens it may add.
        at_once: what it is called with to read all that was said in one pass.

    Returns:
        What it said, and the logits of that one pass (query, vocabulary): of a long text those of the steps
        alone, where the model can leave the others out.

    Raises:
        RequestError: it cannot continue this.
        BudgetError: the logits would not fit this machine's memory.
        CaptureFailed: the one pass expects something else than the steps did, so that what it attends to is
            not what they attended to.
    """
    speaker = pretrained.speaker
    fault: AttnvizError | None = None
    for remembering in (True, False):
        try:
            speech = _steps(speaker, prompt, {**given, "use_cache": remembering}, most)
        except Exception as error:  # what a model raises that was not made for this has no common class
            fault = RequestError(f"{pretrained.name} cannot continue a text: {brief(error)}")
            continue
        last = len(speech.ids) + 1 if speech.is_long else None
        logits = expected(pretrained, at_once(speech), last)
        apart = speech.apart(logits)
        if apart <= _SAME.get(logits.dtype, _COARSE):
            return speech, logits
        fault = CaptureFailed(
            f"{pretrained.name} expects other tokens when it reads what it wrote at once: {apart:.2g} apart"
        )
    assert fault is not None
    raise fault


def _steps(speaker: Any, prompt: Prompt, given: Mapping[str, Any], most: int) -> Speech:  # noqa: ANN401
    """Run the steps."""
    drawing = {"do_sample": True, "temperature": prompt.temperature, "top_k": 0, "top_p": 1.0}
    # A class may have a loop of its own that begins a decoder's text as it likes; here it is begun already.
    loop = GenerationMixin.generate if "decoder_input_ids" in given else type(speaker).generate
    device = speaker.device
    with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(prompt.seed)
        said: Any = loop(
            speaker,
            **given,
            **(drawing if prompt.temperature > 0 else {"do_sample": False}),
            max_new_tokens=most,
            num_beams=1,
            forced_eos_token_id=None,  # the limit is ours: nothing ends there
            return_dict_in_generate=True,
            output_logits=True,
        )
    steps = len(said.logits)
    ids = tuple(said.sequences[0].tolist())
    before, ids = ids[:-steps], ids[-steps:]
    ends = speaker.generation_config.eos_token_id
    ending = ids[-1] if ids[-1] in (ends if isinstance(ends, list) else [ends]) else None
    return Speech(before, ids if ending is None else ids[:-1], ending, torch.cat(said.logits))


def expected(pretrained: Pretrained, given: Mapping[str, Any], last: int | None = None) -> Tensor:
    """Run a model once, with the head that predicts: logits (query, vocabulary).

    Args:
        pretrained: the model.
        given: what it is called with.
        last: after how many of the last tokens they are needed; None means all. Not every model can leave
            out the others.

    Raises:
        RequestError: its weights hold no such head.
        BudgetError: what it expects would take more than half of this machine's memory.
    """
    speaker = pretrained.speaker
    few = {}
    if last is not None and "logits_to_keep" in inspect.signature(speaker.forward).parameters:
        few["logits_to_keep"] = last
    tokens = given.get("decoder_input_ids", given.get("input_ids"))
    head: Any = speaker.get_output_embeddings()  # type: ignore[no-untyped-call]
    if isinstance(tokens, Tensor) and isinstance(head, nn.Linear):
        count, known = few.get("logits_to_keep", tokens.shape[1]), head.out_features
        refuse_beyond_memory(count * known, f"the logits of {known} tokens after each of {count}")
    with torch.no_grad():
        logits: Tensor = speaker(**given, **few, **uncached(speaker)).logits[0]
    return logits


def predictions(writer: Writer, logits: Tensor, following: Sequence[Token | None]) -> tuple[Prediction, ...]:
    """Say what a model expects after each query, with the probability of its plain softmax.

    Shape:
        logits: (query, vocabulary).

    Args:
        writer: writes tokens.
        logits: what the model gave.
        following: for each query the token that does follow, whose probability is told; None asks for the
            likeliest one.

    Raises:
        CaptureFailed: the model expects something that is no number, or has no row for each query.
    """
    if len(logits) != len(following):
        got = f"got {len(logits)}, allowed {len(following)}"
        raise CaptureFailed(f"what the model expects does not line up with its tokens: {got}")
    likeliest = logits.argmax(dim=-1).tolist()
    told = [
        writer.token(number) if token is None or token.id is None else token
        for number, token in zip(likeliest, following, strict=True)
    ]
    ids = torch.tensor([[token.id] for token in told], device=logits.device)
    exact = logits.float()
    shares = (exact.gather(1, ids)[:, 0] - exact.logsumexp(dim=-1)).exp()
    if not shares.isfinite().all():
        raise CaptureFailed("the model expects something that is not a finite number")
    return tuple(
        Prediction(token.text, min(share, 1.0)) for token, share in zip(told, shares.tolist(), strict=True)
    )
