"""What the number of heads buys, as JSON."""

from dataclasses import asdict

from attnviz.analysis.headcount.quantities import Quantity, quantities_of
from attnviz.analysis.headcount.sweep import RULE, Summary, Sweep, mean_fixed_offset
from attnviz.render.machine.plain import Fields, as_text

SCHEMA = "attnviz/sweep/1"


def sweep_json(sweep: Sweep) -> str:
    """Write a sweep over the number of heads.

    `conditions` is what all trainings have in common. `counts[]` tells of each number of `heads` its `d_k`,
    `parameters`, `attention_parameters`, the `quantities` by name, each with `mean`, `spread` (the standard
    deviation over the seeds; null for one) and `values` (by seed), or null where one head has no such thing;
    `random_subspaces`, how far apart random spaces of that size are; and `against_fewer`: whether the loss is
    a "gain", "no gain" or "worse" than the best with fewer heads, by the `rule`. `enough` is the smallest
    number over which no larger one is a gain. `relations[]` tells the same of each `relation`, with the
    `fixed_offset` to beat and the number of `words`. `trainings[]` are the single trainings, from which all
    of this is made: `attnviz sweep --show` reads them.
    """
    return as_text(
        {
            "schema": SCHEMA,
            "conditions": asdict(sweep.conditions),
            "seeds": list(sweep.seeds),
            "rule": RULE,
            "enough": sweep.enough,
            "fixed_offset": mean_fixed_offset(sweep),
            "quantities": [_named(quantity) for quantity in quantities_of(sweep)],
            "counts": [_count(sweep, heads) for heads in sweep.heads],
            "relations": [_relation(sweep, relation) for relation in sweep.relations],
            "trainings": [asdict(trial) for trial in sweep.trials],
        }
    )


def _named(quantity: Quantity) -> Fields:
    return {"name": quantity.name, "unit": quantity.unit, "description": quantity.says}


def _count(sweep: Sweep, heads: int) -> Fields:
    trials = sweep.of(heads)
    return {
        "heads": heads,
        "d_k": trials[0].d_k,
        "parameters": trials[0].parameters,
        "attention_parameters": trials[0].attention_parameters,
        "against_fewer": sweep.against_fewer(heads),
        "random_subspaces": sweep.random_subspaces(heads),
        "quantities": {one.name: _summary(one.over_seeds(sweep, heads)) for one in quantities_of(sweep)},
    }


def _relation(sweep: Sweep, relation: str) -> Fields:
    return {
        "relation": relation,
        "words": next(one.words for one in sweep.trials[0].relations if one.relation == relation),
        "fixed_offset": sweep.fixed_offset(relation),
        "by_heads": {str(heads): _summary(sweep.followed(heads, relation)) for heads in sweep.heads},
    }


def _summary(summary: Summary | None) -> Fields | None:
    if summary is None:
        return None
    return {"mean": summary.mean, "spread": summary.spread, "values": list(summary.values)}
