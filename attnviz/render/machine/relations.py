"""Which grammatical relations heads follow, as JSON."""

from attnviz.analysis.links import Relations, is_clear
from attnviz.relation import Followed
from attnviz.render.machine.plain import Fields, as_text, identity, names, plain

SCHEMA = "attnviz/relations/1"


def relations_json(found: Relations) -> str:
    """Write which grammatical relations heads follow in a treebank.

    `relations[]` has an entry for each relation and direction that occurs, the one furthest above a fixed
    distance first: the `head` that follows it best, its `accuracy` on the `words` that have it, what links
    of one length would reach at best (`best_offset`, at `offset` words), and whether the head is above that
    by more than chance (`found`). `by_head[]` tells of each head that follows a relation clearly the one it
    follows best. Heads were chosen on `choosing` sentences and scored on the other `reporting` ones;
    `skipped` sentences of all `sentences` were left out.
    """
    return as_text({"schema": SCHEMA, "model": found.model, "block": found.block, **relations_fields(found)})


def relations_fields(found: Relations) -> Fields:
    """Give what was found, without its schema; see `relations_json`."""
    return {
        "sentences": found.sentences,
        "skipped": found.skipped,
        "choosing": found.choosing,
        "reporting": found.reporting,
        "heads": names(found.heads),
        "relations": [{**_followed(one), "found": is_clear(one)} for one in found.relations],
        "by_head": [_followed(one) for one in found.by_head.values()],
    }


def _followed(followed: Followed) -> Fields:
    facts = followed.facts()
    shares = {name: plain(facts[name]) for name in ("accuracy", "best_offset")}
    return {**identity(followed.head), **facts, **shares}
