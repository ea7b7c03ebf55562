"""What a page's table knows of each head: what it reads, its shape, how it looks, what depends on it."""

from typing import TYPE_CHECKING

from attnviz.analysis.focus import Focus, HeadFocus, focus
from attnviz.analysis.measures.table import MEASURES
from attnviz.record import Attention
from attnviz.render.labels import printable
from attnviz.render.machine.focus import head_fields
from attnviz.render.machine.plain import Fields, number
from attnviz.render.page.contents import Contents
from attnviz.render.page.digested import digest_of, is_of_runs
from attnviz.render.page.pooled import place_of
from attnviz.selection import HeadId

if TYPE_CHECKING:
    from attnviz.analysis.streaming.digest import Digest

# Of more weights than this, telling what each head reads takes longer than anybody waits for a page.
MOST_WEIGHTS = 1 << 27

# The fields of a head's machine form that the page shows.
_SHOWN = (
    "head",
    "layer",
    "index",
    "focus",
    "links",
    "pattern",
    "entropy",
    "breadth",
    "distance",
    "hidden_mass",
    "self_mass",
    "special_mass",
)


def has_focus(contents: Contents, record: Attention) -> bool:
    """Whether the page says what a record's heads read: words and links are said of weights only.

    Of pooled weights they cannot be told; a digest knows them.
    """
    if record.pooling is not None:
        digest = digest_of(contents, record)
        return contents.focus and digest is not None and digest.focus is not None
    return contents.focus and record.view == "weights" and record.weights.size <= MOST_WEIGHTS


def heads_of(contents: Contents, record: Attention) -> tuple[list[Fields], list[str] | None]:
    """Say what each head of a record reads, and which keys they cover; nothing where that is not said."""
    if not has_focus(contents, record):
        return [], []
    digest = digest_of(contents, record)
    found = digest.focus if digest and digest.focus else focus(record)
    about = Places(record, contents.runs)
    heads = [
        {**about.read(head), **_known(contents, record, head.head), **_measured(digest, head.head)}
        for head in found.heads
    ]
    return heads, covered(found)


def measures_of(contents: Contents, record: Attention) -> list[Fields]:
    """Name the measures that were taken of a digest's heads, in the order of their numbers."""
    digest = digest_of(contents, record)
    if digest is None or digest.measured is None or not has_focus(contents, record):
        return []
    return [
        {"name": name, "unit": unit, "says": MEASURES[name].says if name in MEASURES else ""}
        for name, unit in zip(digest.measured.names, digest.measured.units, strict=True)
    ]


def _measured(digest: "Digest | None", head: HeadId) -> Fields:
    """Give what was measured of a head while its weights went by."""
    if digest is None or digest.measured is None or head not in digest.measured.heads:
        return {}
    place = digest.measured.heads.index(head)
    return {"measures": [number(mean) for mean in digest.measured.means[place].tolist()]}


def covered(found: Focus) -> list[str] | None:
    """Name the keys at either end of some head's link; None where that is not known."""
    if found.together is None:
        return None
    return [printable(found.tokens[place].text) for place in found.together.covered]


class Places:
    """Machine forms as the page needs them: texts that can be shown, places among what is shown."""

    def __init__(self, record: Attention, runs: int | None) -> None:
        self._record, self._runs = record, runs

    def read(self, head: HeadFocus) -> Fields:
        """Write what a head reads."""
        fields = head_fields(head)
        kept = {name: fields[name] for name in _SHOWN}
        kept["focus"] = [self._word(word) for word in fields["focus"]]
        kept["links"] = [self._link(link) for link in fields["links"]]
        evidence = [self._link(link) for link in fields["pattern"]["evidence"]]
        kept["pattern"] = {**fields["pattern"], "evidence": evidence}
        return kept | ({"taught": head.taught} if head.taught else {})

    def _word(self, word: Fields) -> Fields:
        at = {"at": word["position"]} if is_of_runs(self._record.keys) else {}
        return {**word, "token": printable(word["token"]), "position": self._column(word["position"]), **at}

    def _link(self, link: Fields) -> Fields:
        return {
            **link,
            **self._source(link),
            **({"to_token": link["to_position"]} if is_of_runs(self._record.keys) else {}),
            "to": printable(link["to"]),
            "to_position": self._column(link["to_position"]),
        }

    def _source(self, link: Fields) -> Fields:
        """Say from where: of a key that every query reads, from nowhere in particular."""
        if link["from"] is None:
            return {}
        position = place_of(link["from_position"], self._record.queries, self._runs)
        token = {"from_token": link["from_position"]} if is_of_runs(self._record.queries) else {}
        return {"from": printable(link["from"]), "from_position": position, **token}

    def _column(self, position: int) -> int:
        return place_of(position, self._record.keys, self._runs)


def _known(contents: Contents, record: Attention, head: HeadId) -> Fields:
    """Give what was measured of a head beside its weights."""
    followed = record.follows.get(head)
    return {
        **_effect(contents, record, head),
        **({"relation": followed.facts()} if followed else {}),
    }


def _effect(contents: Contents, record: Attention, head: HeadId) -> Fields:
    """Give what the answer loses without a head; effects are of the first record of weights."""
    first = next((one for one in contents.records if one.view == "weights"), None)
    entry = contents.effects.by_head.get(head) if contents.effects and record is first else None
    return {"effect": {"mean": number(entry.mean), "spread": number(entry.spread)}} if entry else {}
