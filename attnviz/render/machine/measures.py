"""Measures of heads, as JSON."""

import numpy as np

from attnviz.analysis.measures.sinks import SINK
from attnviz.analysis.measures.table import MEASURES, Measured
from attnviz.render.machine.plain import Fields, as_text, identity, plain, tokens

SCHEMA = "attnviz/measures/1"


def measures_json(measured: Measured) -> str:
    """Write measures of heads.

    `tokens` are the queries, `counted` how many of them the means are over: those the user or the model
    wrote. `measures[]` tells the `name`, `unit` and `description` of each measure, and `heads[].measures` by
    name its `mean` and `spread`, the standard deviation over the same queries, null where no query has it; of
    a mass also what the mean is `over_chance`, above that of evenly spread attention. `sink_rate` is the
    share of these heads that give the first key more than `sink_above`, on average over all queries. `view`
    is told where the numbers are not the weights themselves.
    """
    return as_text(
        {
            "schema": SCHEMA,
            "model": measured.model,
            "text": measured.text,
            "block": measured.block,
            **({"view": measured.view} if measured.view != "weights" else {}),
            "tokens": tokens(measured.queries),
            "counted": measured.counted,
            "sink_rate": plain(measured.sink_rate),
            "sink_above": SINK,
            "measures": [
                {"name": name, "unit": unit, "description": MEASURES[name].says}
                for name, unit in zip(measured.names, measured.units, strict=True)
            ],
            "heads": [
                {
                    **identity(head),
                    "measures": {
                        name: _value(measured, row, column) for column, name in enumerate(measured.names)
                    },
                }
                for row, head in enumerate(measured.heads)
            ],
        }
    )


def _value(measured: Measured, row: int, column: int) -> Fields:
    """Give one measure of one head."""
    mean, spread, above = (
        _known(numbers[row, column]) for numbers in (measured.means, measured.spreads, measured.over_chance)
    )
    is_mass = MEASURES[measured.names[column]].is_mass
    return {"mean": mean, "spread": spread, **({"over_chance": above} if is_mass else {})}


def _known(number: float) -> float | None:
    known: float | None = None if np.isnan(number) else plain(number)
    return known
