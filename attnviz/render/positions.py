"""Where tokens stand in the whole input, of which a record may hold a part, or runs of tokens in one."""

from collections.abc import Sequence

from attnviz.record import Attention, Token

# So many positions apart are marks, or ten, a hundred ... times as many.
_ROUND = (1, 2, 5)


def spans(tokens: Sequence[Token]) -> tuple[range, ...]:
    """Give the positions each token stands for: those of its run, elsewhere its own place.

    >>> spans([Token("The"), Token("fox jumps", run=(4, 5))])
    (range(0, 1), range(4, 6))
    """
    return tuple(
        range(token.run[0], token.run[1] + 1) if token.run else range(at, at + 1)
        for at, token in enumerate(tokens)
    )


def is_part(tokens: Sequence[Token]) -> bool:
    """Whether tokens say themselves where they stand: they are runs, or from the midst of an input."""
    return any(token.run for token in tokens)


def is_pooled(record: Attention, tokens: Sequence[Token]) -> bool:
    """Whether a side of a record is made of runs of tokens that share their cells."""
    return record.pooling is not None and any(token.run and token.run[0] < token.run[1] for token in tokens)


def marks(runs: Sequence[range], least: int) -> list[tuple[int, int]]:
    """Choose round positions to mark along a side.

    Args:
        runs: the positions each row or column stands for, ascending.
        least: how many rows or columns two marks are apart at the least.

    Returns:
        For each mark the row or column and the position, which is the first of the row or column where all
        of them stand for as many tokens and these are a power of two.

    >>> marks([range(at, at + 32) for at in range(1024, 2048, 32)], 8)
    [(0, 1024), (8, 1280), (16, 1536), (24, 1792)]
    >>> marks([range(at, at + 10) for at in range(0, 100, 10)], 3)
    [(0, 0), (5, 50)]
    """
    apart = _round_step(runs, least * (runs[-1].stop - runs[0].start) / len(runs))
    found: list[tuple[int, int]] = []
    for at, run in enumerate(runs):
        position = -(-run.start // apart) * apart
        if position < run.stop:
            found.append((at, position))
    return found or [(0, runs[0].start)]


def _round_step(runs: Sequence[range], least: float) -> int:
    """Give the smallest round number of positions that is no less than `least`."""
    length = len(runs[0])
    if length > 1 and length & (length - 1) == 0 and all(len(run) == length for run in runs[:-1]):
        while length < least:
            length *= 2
        return length
    scale = 1
    while scale * _ROUND[-1] < least:
        scale *= 10
    return next(step * scale for step in _ROUND if step * scale >= least)
