"""When in a training something is, in words a terminal and a figure share."""


def when(step: int, planned: int, loss: float | None) -> str:
    """Say how far a training is.

    >>> when(340, 600, 0.31234), when(0, 600, None)
    ('step 340 of 600 · loss 0.312', 'step 0 of 600 · before training')
    """
    told = "before training" if loss is None else f"loss {loss:.3f}"
    return f"step {step} of {planned} · {told}"
