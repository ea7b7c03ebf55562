"""What a model loses without its heads, as JSON."""

from attnviz.analysis.effect import Ablation, Effect, Effects, Flip
from attnviz.render.machine.plain import Fields, as_text, identity, names, plain, tokens
from attnviz.selection import HeadId

ABLATION = "attnviz/ablate/1"


def ablation_json(ablation: Ablation) -> str:
    """Write what a model loses without its heads, the most telling removal first.

    `mode` is "each" (head alone), "together", "alone" (all others of the layer removed) or "layers".
    `measured` is what effects are of, as in `measured_fields`, and `removals[]` the effects, as in
    `effect_fields`, each with the heads `removed` and the `head` it is said of: its name, or that of a
    layer, null for a set. `importance` of a head is its `share` of its layer's, 0 to 1, the `gradient` of the
    loss by its gate, in bits, and among `removals` its `rank`; of all heads of the block in `importance[]`.
    `importance_unknown` says why there is none.
    """
    ranks = ablation.importance_ranks
    return as_text(
        {
            "schema": ABLATION,
            "model": ablation.model,
            "text": ablation.text,
            "block": ablation.block,
            "mode": ablation.mode,
            "measured": measured_fields(ablation.effects),
            "removals": [
                {
                    **_said_of(entry.head),
                    "removed": names(entry.removed),
                    **effect_fields(entry),
                    **(
                        {"importance": {**_importance(ablation, entry.head), "rank": ranks[entry.head]}}
                        if entry.head in ranks
                        else {}
                    ),
                }
                for entry in ablation.ranked
            ],
            "importance": [{**identity(head), **_importance(ablation, head)} for head in ablation.importance],
            **({"importance_unknown": ablation.unknown} if ablation.unknown else {}),
        }
    )


def measured_fields(effects: Effects) -> Fields:
    """Write what effects are of.

    `outlook` is what the model answers: "next token", "masked token", "judgement", "class", or "states" where
    it has no answer; `unit` is "bits" of KL divergence, or null for 1 - cosine. `tokens` are those the means
    are over, one for each row, and `uncounted` how many rows are left out; `cost` is what the references cost
    with all heads, in bits per row, and `noise` the mean effect of removing nothing.
    """
    return {
        "outlook": effects.outlook,
        "unit": effects.unit or None,
        "description": effects.description,
        "tokens": tokens(effects.tokens),
        "uncounted": effects.aside,
        "cost": None if effects.cost is None else plain(effects.cost),
        "noise": plain(effects.noise),
    }


def effect_fields(effect: Effect) -> Fields:
    """Write one effect.

    `effect` is the mean and `spread` the standard deviation of `rows`; `changed` the share of rows whose
    likeliest answer is another one, each in `flips` with its answer `before` and `after`; `loss` how many
    bits more the references cost, the mean of `losses`. All but the first three are null for states.
    """
    return {
        "effect": plain(effect.mean),
        "spread": plain(effect.spread),
        "rows": plain(effect.rows),
        "changed": None if effect.changed is None else plain(effect.changed),
        "flips": None if effect.flips is None else [_flip(flip) for flip in effect.flips],
        "loss": None if effect.loss is None else plain(effect.loss),
        "losses": None if effect.losses is None else plain(effect.losses),
    }


def _said_of(head: HeadId | None) -> Fields:
    return {"head": None} if head is None else identity(head)


def _importance(ablation: Ablation, head: HeadId) -> Fields:
    known = ablation.importance[head]
    return {"share": plain(known.share), "gradient": plain(known.gradient)}


def _flip(flip: Flip) -> Fields:
    return {"row": flip.row, "before": flip.before, "after": flip.after}
