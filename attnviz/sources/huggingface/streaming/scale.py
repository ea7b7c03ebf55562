"""How long is long, and how much of it is done at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """The sizes by which a capture chooses its way.

    Attributes:
        long: inputs with more tokens are streamed. Up to here the calls of all layers take little room, and a
            model's own pass, after which a record costs no second one, is cheaper than anything else.
        prefix: of so many tokens a long text's layers are learnt. They cost 3 % of a pass over 2,048 tokens,
            and what is learnt is not believed: each call of the whole text is held against it.
        block_bytes: about how much one block of weights takes. Larger ones leave the processor's cache.
    """

    long: int = 1024
    prefix: int = 64
    block_bytes: int = 4 * 2**20


SCALE = Scale()
