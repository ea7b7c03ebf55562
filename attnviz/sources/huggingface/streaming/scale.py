"""How long is long, and how much of it is done at once."""

from dataclasses import dataclass, replace

import torch

_FLOAT32_BYTES = 4

# By how much blocks are larger there; logits and weights of one then take 256 MB.
_ACCELERATED = 32


@dataclass(frozen=True)
class Scale:
    """The sizes by which a capture chooses its way.

    Attributes:
        long: inputs with more tokens are streamed. Up to here the calls of all layers take little room, and a
            model's own pass, after which a record costs no second one, is cheaper than anything else.
        prefix: of so many tokens a long text's layers are learnt. They cost 3 % of a pass over 2,048 tokens,
            and what is learnt is not believed: each call of the whole text is held against it.
        block_bytes: about how much one block of weights of several heads takes. Larger ones leave the
            processor's cache; of one head they are no slower for it.
        rows: the fewest and the most queries of a block. Products of fewer rows are slower for each of them,
            those of 64 by a quarter; those of more are not faster, and where later keys are hidden more of
            them is done in vain.
        step: blocks begin and end at multiples of so many keys, so that few sizes recur.
    """

    long: int = 1024
    prefix: int = 64
    block_bytes: int = 4 * 2**20
    rows: tuple[int, int] = (128, 128)
    step: int = 64

    def block_rows(self, queries: int, keys: int) -> int:
        """Say how many queries one block has, of one head at the least."""
        fewest, most = self.rows
        return max(1, min(queries, max(fewest, min(most, self.cells // keys))))

    def on(self, device: torch.device) -> "Scale":
        """Give larger blocks to a device that takes longer to begin a product than to make a small one."""
        if device.type == "cpu":
            return self
        fewest, most = self.rows
        return replace(self, block_bytes=_ACCELERATED * self.block_bytes, rows=(fewest, 8 * most))

    @property
    def cells(self) -> int:
        """About how many weights one block has."""
        return self.block_bytes // _FLOAT32_BYTES


SCALE = Scale()
