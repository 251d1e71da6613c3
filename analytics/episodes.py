"""How well pages fit what really happened: precision, recall and delay of spans beside labelled spans. All times are us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

WEEK_US = 7 * 86_400_000_000


class Span(NamedTuple):
    """From ``start`` to ``end``, us UTC; the end is not in it."""

    start: int
    end: int


class Share(NamedTuple):
    """A fraction with what it is made of; ``value`` None: of nothing there is no share."""

    value: float | None
    of: int
    among: int

    @classmethod
    def made(cls, of: int, among: int) -> Share:
        return cls(of / among if among else None, of, among)


class Fit(NamedTuple):
    """``precision``: pages that meet an incident, among all pages. ``recall``: incidents that a page meets, among all.

    ``delay_us``: the median time from the start of an incident to its first page; None where no incident has a page. A page
    that began before the incident did has no delay.
    """

    precision: Share
    recall: Share
    delay_us: float | None


def fit(pages: Sequence[Span], incidents: Sequence[Span], tolerance_us: int = 0) -> Fit:
    """Compare pages with incidents. They meet when they overlap, the incident's end moved by the tolerance."""
    late = [Span(i.start, i.end + tolerance_us) for i in incidents]
    meets = np.array([[p.start < i.end and max(p.end, p.start + 1) > i.start for i in late] for p in pages], np.bool_)
    meets = meets.reshape(len(pages), len(incidents))
    delays = [
        max(0, min(p.start for p, met in zip(pages, column, strict=True) if met) - incident.start)
        for incident, column in zip(incidents, meets.T, strict=True)
        if column.any()
    ]
    return Fit(
        Share.made(int(meets.any(axis=1).sum()), len(pages)),
        Share.made(int(meets.any(axis=0).sum()), len(incidents)),
        float(np.median(delays)) if delays else None,
    )


def a_week(n: int, span_us: int) -> float | None:
    """``n`` in ``span_us`` as a rate per week; None where the span is empty."""
    return n * WEEK_US / span_us if span_us > 0 else None
