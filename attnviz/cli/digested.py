"""A digest that was saved of a long input: what verbs show of it, and what they refuse."""

from typing import TYPE_CHECKING

from attnviz.cli.options import Showing, SpecialTokens, ViewName
from attnviz.cli.outputs import note

if TYPE_CHECKING:
    from attnviz.analysis.findings import Focus
    from attnviz.analysis.measures.measured import Measured
    from attnviz.cli.looking import Look
    from attnviz.selection import HeadId
    from attnviz.sources.base import Reading
    from attnviz.studies.digested import DigestReading


def digest_behind(reading: "Reading") -> "DigestReading | None":
    """Give a reading that is of a digest; None of any other."""
    # Asked by what it has, so that nothing of digests is loaded where there is none.
    found: DigestReading | None = reading if hasattr(reading, "digest") else None  # type: ignore[assignment]
    return found


def refuse_on_digest(of: "DigestReading", showing: Showing) -> None:
    """Refuse what needs single weights.

    Raises:
        MissingWeights: it is asked for.
    """
    view, tokens = showing.viewed.view, showing.tokens
    asked = {
        f"--view {view.value}": view is not ViewName.weights,
        "--words": tokens.words,
        "--special drop": tokens.special is SpecialTokens.drop,
        "--from": showing.long.start is not None,
        "--to": showing.long.stop is not None,
    }
    if got := next((name for name, is_asked in asked.items() if is_asked), None):
        raise of.lacking(got)


def focus_in(of: "DigestReading", heads: "tuple[HeadId, ...]", tell: int) -> "Focus":
    """Give what heads read, as the digest says; a note says where it says less than was asked for.

    Raises:
        MissingWeights: it says nothing of it.
    """
    from attnviz.studies.digest_focus import focus_of, shortened

    if of.digest.focus is None:
        raise of.lacking("what heads read")
    found = focus_of(of.digest.focus, heads)
    known = max(max(len(head.words), len(head.links)) for head in found.heads)
    if tell > known:
        note(f"a digest tells few words and links of each head: here at most {known}")
    if found.together is None and len(heads) > 1:
        note(f"what heads read together is known of all {len(of.digest.focus.heads)}: --layer all")
    return shortened(found, tell)


def measures_in(seen: "Look", of: "DigestReading") -> "Measured":
    """Give the measures of the heads shown.

    Raises:
        MissingWeights: the digest holds none.
    """
    if of.digest.measured is None:
        raise of.lacking("measures")
    return of.digest.measured.of(seen.heads)
