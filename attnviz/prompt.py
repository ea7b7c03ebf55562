"""What a model is given: a text, and whatever stands beside it."""

from dataclasses import dataclass
from pathlib import Path

from attnviz.errors import EmptyText, RequestError


@dataclass(frozen=True)
class Prompt:
    """One input, as a person would give it.

    Attributes:
        text: what is read; may be empty beside a picture or a sound.
        pair: a second segment, for models that read two.
        target: what the decoder side of an encoder-decoder reads; None leaves it to the model.
        image: a picture's file.
        audio: a sound's file.
        generate: how many tokens the model is to add.
        temperature: 0 always takes the likeliest token; above 0 draws, the flatter the higher.
        seed: where the chance of drawing comes from.
        chat: whether the text is wrapped in the model's chat template.
    """

    text: str = ""
    pair: str | None = None
    target: str | None = None
    image: Path | None = None
    audio: Path | None = None
    generate: int = 0
    temperature: float = 0.0
    seed: int = 0
    chat: bool = False

    def __post_init__(self) -> None:
        if self.generate < 0:
            raise RequestError(f"cannot generate: got {self.generate} tokens, allowed 0 or more")
        if self.temperature < 0:
            raise RequestError(f"cannot sample: got temperature {self.temperature:g}, allowed 0 or more")
        if self.target is not None and self.generate:
            raise RequestError("two decoder sides: got a target and generate, allowed one of them")

    @property
    def beside(self) -> tuple[str, ...]:
        """Name what stands beside the text: "pair", "target", "image", "audio", "generate", "chat"."""
        names = ("pair", "target", "image", "audio", "generate", "chat")
        return tuple(name for name in names if getattr(self, name) not in (None, 0, False))


def refuse_unreadable(text: str, name: str = "text") -> None:
    """Refuse what no tokenizer can read; this can be told before a model is loaded.

    Raises:
        EmptyText: there is no word in the text.
        RequestError: it holds half characters.
    """
    if not text.strip():
        raise EmptyText(f"the {name} is empty: it has no word")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RequestError(f"the {name} is not valid Unicode: got {text[error.start]!r}") from error
