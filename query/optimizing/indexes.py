"""What the statistics of archived files save a query: the files that it need not open, known before it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from events.archive.segments import Segment
from query.history import History
from query.optimizing.analysis import Analysis, Touched


@dataclass(frozen=True, slots=True)
class Index:
    """One stream's archived files, of which each knows the least and greatest event time of its rows.

    ``depth``: how many files lie over one moment at most. 1 is as well clustered as can be; where rows came late, or were
    imported, files overlap, and a span of time concerns more of them.
    """

    files: int
    skipped: int
    """Files that have no row within the span which the query asks about: they are not opened."""
    rows_skipped: int
    bytes_skipped: int
    depth: int


class IndexOptimizer:
    """Says which files of the archive a query passes over. The scan does it by itself (``query.scan``)."""

    def optimize_indexes(self, analysis: Analysis, history: History) -> Mapping[str, Index]:
        """By stream that the query touches and that has archived files."""
        found: dict[str, Index] = {}
        for name, touched in analysis.streams.items():
            segments = history.archived(name)
            if segments:
                found[name] = _index(segments, touched)
        return found


def _index(segments: Sequence[Segment], touched: Touched) -> Index:
    since, until = _us(touched.since), _us(touched.until)
    skipped = [segment for segment in segments if _outside(segment, since, until)]
    return Index(
        len(segments),
        len(skipped),
        sum(segment.rows for segment in skipped),
        sum(segment.bytes for segment in skipped),
        _depth(segments),
    )


def _outside(segment: Segment, since: int | None, until: int | None) -> bool:
    """Whether no row can be within the span; a row without a time may be anywhere."""
    if segment.earliest is None or segment.latest is None:
        return False
    return (since is not None and segment.latest < since) or (until is not None and segment.earliest > until)


def _depth(segments: Sequence[Segment]) -> int:
    """The most files over one moment."""
    edges: list[tuple[int, int]] = []
    for segment in segments:
        if segment.earliest is not None and segment.latest is not None:
            edges += [(segment.earliest, -1), (segment.latest, 1)]  # at one moment files begin before others end
    open_now = most = 0
    for _, edge in sorted(edges):
        open_now -= edge
        most = max(most, open_now)
    return most


def _us(said: str | None) -> int | None:
    if said is None:
        return None
    at = datetime.fromisoformat(said)
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000_000)
