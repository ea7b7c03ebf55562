"""What is shown of heads whose squares do not fit: made while their rows pass by, none of which is kept."""

from typing import TYPE_CHECKING

from attnviz.cli.digested import digest_behind, focus_in, measures_in
from attnviz.cli.long import tell_pooling
from attnviz.cli.outputs import note

if TYPE_CHECKING:
    from attnviz.analysis.comparing.heads import Comparison
    from attnviz.analysis.findings import Focus
    from attnviz.analysis.measures.measured import Measured
    from attnviz.analysis.parts import Parts
    from attnviz.analysis.streaming.digest import Digest
    from attnviz.cli.looking import Look
    from attnviz.frame import Frame
    from attnviz.record import Attention, Block, Statistic
    from attnviz.selection import Selection
    from attnviz.sources.base import Reading

# With more tokens than this, what is said of heads is said while their weights pass by, even if all fit: that
# is quicker then, and comes to the same.
AT_ONCE = 2048


def pooled(seen: "Look", statistic: "Statistic" = "maximum") -> "Attention":
    """Give the maps of heads whose squares do not fit, each cell standing for many weights.

    Raises:
        BudgetError: not even that fits.
    """
    if of := digest_behind(seen.reading):
        part = of.part(seen.selection)
        record = part.maxima if statistic == "maximum" else part.means
    else:
        record = _pooled_anew(seen, statistic)
    tell_pooling(record)
    return record


def _pooled_anew(seen: "Look", statistic: "Statistic") -> "Attention":
    from attnviz.analysis.streaming.pooling import PoolMaps, fit
    from attnviz.studies.digest import allowed

    frame = _frame(seen)
    size = fit(frame, allowed())
    maps = PoolMaps(frame, size, size)
    seen.observe(maps, seen.selection)
    return maps.maxima() if statistic == "maximum" else maps.means()


def digested(seen: "Look") -> "Digest":
    """Keep what the heads shown come to in place of their weights; see `digested_of`."""
    return digested_of(seen.reading, seen.selection, seen.frame.block)


def digested_of(reading: "Reading", selection: "Selection", block: "Block") -> "Digest":
    """Keep what heads come to in place of their weights, with progress on stderr.

    Raises:
        BudgetError: not even that fits.
    """
    if of := digest_behind(reading):
        found = of.part(selection)
    else:
        found = _digested_anew(reading, selection, block)
    tell_pooling(found.maxima)
    for name, why in found.left_out.items():
        note(f"{name} left out: {why}")
    return found


def _digested_anew(reading: "Reading", selection: "Selection", block: "Block") -> "Digest":
    from attnviz.cli.progress import progress
    from attnviz.studies.digest import digest_of

    with progress("reading") as tick:
        return digest_of(reading, selection, block=block, progress=tick)


def focused(seen: "Look", tell: int) -> "Focus":
    """Say what the heads shown read.

    Args:
        seen: the heads.
        tell: how many words and links of each to tell at most.
    """
    if seen.record is not None:
        from attnviz.analysis.focus import focus

        return focus(seen.record, seen.heads, top=tell)
    if of := digest_behind(seen.reading):
        return focus_in(of, seen.heads, tell)
    from attnviz.analysis.streaming.focusing import Focusing

    focusing = Focusing(_frame(seen), tell, seen.heads)
    seen.observe(focusing, seen.selection)
    focusing.settle(seen.observe)
    return focusing.result()


def measured_of(seen: "Look") -> "Measured":
    """Take every measure of the heads shown; a note names those that are left out."""
    if seen.record is not None:
        from attnviz.analysis.measures.table import measure

        return measure(seen.record, seen.heads)
    if of := digest_behind(seen.reading):
        return measures_in(seen, of)
    from attnviz.analysis.streaming.measuring import Measuring

    measuring = Measuring(_frame(seen))
    seen.observe(measuring, seen.selection)
    for name, why in measuring.left_out.items():
        note(f"{name} is left out: {why}; --sort {name} takes it")
    return measuring.result(seen.heads)


def parted(seen: "Look") -> "Parts | None":
    """Sum up what the parts of an input read of each other; None of a digest, which a note says lacks it."""
    if digest_behind(seen.reading):
        note("what the parts read of each other is not in a digest")
        return None
    from attnviz.analysis.parts import Dividing, between_parts

    if seen.record is not None:
        return between_parts(seen.record, seen.heads)
    dividing = Dividing(_frame(seen), seen.heads)
    seen.observe(dividing, seen.selection)
    return dividing.result()


def compared(seen: "Look") -> "Comparison":
    """Hold the heads shown against each other, row by row."""
    from attnviz.analysis.comparing.heads import Comparing, compare

    if seen.record is not None:
        return compare(seen.record, *seen.heads)
    comparing = Comparing(_frame(seen), seen.heads)
    seen.reading.observe(comparing, seen.selection, block=seen.frame.block, side_by_side=True)
    return comparing.result()


def _frame(seen: "Look") -> "Frame":
    """What is known of the heads shown, which may be fewer than were looked over."""
    return seen.reading.frame(seen.selection, block=seen.frame.block)
