"""A sweep over the number of heads whose numbers come from formulas, near those of real ones."""

from attnviz.analysis.headcount.sweep import Conditions, Sweep, Trial
from attnviz.relation import BestHead

COUNTS, WIDTH, LAYERS = (1, 2, 4, 8, 16), 128, 2
RELATIONS = ("nsubj: dependent -> head", "nsubj: head -> dependent", "det: dependent -> head")
_LOSSES = {1: 0.4215, 2: 0.3924, 4: 0.3826, 8: 0.3772, 16: 0.3791}


def trial(heads: int, seed: int) -> Trial:
    """One training."""
    off = (seed * 7 + heads * 3) % 5 - 2
    loss = _LOSSES.get(heads, 0.4) + 0.001 * off
    return Trial(
        heads=heads,
        seed=seed,
        d_k=WIDTH // heads,
        parameters=1_149_313,
        attention_parameters=140_544,
        loss=loss,
        auc=1.16 - loss + 0.0005 * off,
        divergence=None if heads == 1 else 0.4 + 0.6 / heads + 0.01 * off,
        closest=None if heads == 1 else 0.2 + 0.6 / heads + 0.01 * off,
        entropy=0.4 + 0.015 * heads + 0.002 * off,
        removal=tuple(0.08 / heads * (1 + 0.3 * (place % 3 - 1)) for place in range(LAYERS * heads)),
        subspace=None if heads == 1 else 1 - 1 / heads - 0.004 * (off + 3),
        relations=tuple(
            BestHead(name, "L1H0", 0.2 + 0.1 * place + 0.012 * heads + 0.002 * off, 0.3 + 0.1 * place, 900)
            for place, name in enumerate(RELATIONS)
        ),
        seconds=0.2 * (1 + 0.03 * heads) + 0.001 * off,
    )


def sweep(counts: tuple[int, ...] = COUNTS, seeds: int = 3) -> Sweep:
    """All trainings of given numbers of heads and seeds."""
    conditions = Conditions(
        width=WIDTH,
        layers=LAYERS,
        steps=360,
        texts=122_217,
        words=2_395_324,
        held_out=2000,
        looked_at=500,
        judged=2001,
        command="attnviz sweep book.txt --treebank some.conllu",
    )
    return Sweep(conditions, tuple(trial(heads, seed) for seed in range(seeds) for heads in counts))
