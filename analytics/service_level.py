"""What was answered, minute by minute: how many requests, how long they took, which failed; and whether an objective holds.

Availability is good of valid requests; valid are those that are not the caller's own fault (4xx). The burn rate says how
many times as fast as allowed the errors come that an objective leaves room for (Beyer et al., The Site Reliability
Workbook, 2018, ch. 5): 1 uses them up exactly by the end of its period.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import erfc, exp, inf, log, sqrt

MINUTES = 12 * 60
"""That are kept: windows of six hours, and those before them."""
MOST_KINDS = 200
"""Kinds of errors that are kept apart; further ones are counted together as ``OTHERS``."""
OTHERS = "(others)"
_STEP = log(1.02)
"""Classes of durations: a quantile is within 1 %."""
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
BURN_WINDOWS_S = {"5m": 300.0, "1h": 3_600.0, "6h": 21_600.0}


@dataclass
class Minute:
    good: int = 0
    refused: int = 0
    """The caller's fault."""
    failed: int = 0
    times: dict[int, int] = field(default_factory=dict[int, int])
    """Requests by class of duration."""
    kinds: dict[str, int] = field(default_factory=dict[str, int])
    """Failed ones by what failed."""


@dataclass(frozen=True)
class Counts:
    """Of one span. ``times`` in ms by quantile; None without requests."""

    good: int
    refused: int
    failed: int
    times: Mapping[str, float | None]
    kinds: Mapping[str, int]

    @property
    def valid(self) -> int:
        return self.good + self.failed

    @property
    def error_rate(self) -> float | None:
        return self.failed / self.valid if self.valid else None


@dataclass
class ServiceLevel:
    """Requests of one service. Times are seconds on any clock that goes on evenly; the caller reads it."""

    minutes: dict[int, Minute] = field(default_factory=dict[int, Minute])
    messages: dict[str, str] = field(default_factory=dict[str, str])
    """Of each kind of error, the newest message."""

    def add(self, now_s: float, took_ms: float, status: int, kind: str = "", message: str = "") -> None:
        """A request was answered. ``kind``: of a failed one (5xx), what failed."""
        at = int(now_s // 60)
        minute = self.minutes.get(at)
        if minute is None:
            minute = self.minutes[at] = Minute()
            for old in [m for m in self.minutes if m <= at - MINUTES]:
                del self.minutes[old]
        place = _class_of(took_ms)
        minute.times[place] = minute.times.get(place, 0) + 1
        if status < 400:
            minute.good += 1
        elif status < 500:
            minute.refused += 1
        else:
            minute.failed += 1
            if kind not in self.messages and len(self.messages) >= MOST_KINDS:
                kind = OTHERS
            self.messages[kind] = message
            minute.kinds[kind] = minute.kinds.get(kind, 0) + 1

    def counts(self, until_s: float, window_s: float) -> Counts:
        """Of the minutes that begin within ``window_s`` before ``until_s``."""
        first, last = int((until_s - window_s) // 60), int(until_s // 60)
        found = [minute for at, minute in self.minutes.items() if first < at <= last]
        times: dict[int, int] = {}
        kinds: dict[str, int] = {}
        for minute in found:
            for place, n in minute.times.items():
                times[place] = times.get(place, 0) + n
            for kind, n in minute.kinds.items():
                kinds[kind] = kinds.get(kind, 0) + n
        return Counts(
            sum(minute.good for minute in found),
            sum(minute.refused for minute in found),
            sum(minute.failed for minute in found),
            {name: _quantile(times, q) for name, q in QUANTILES.items()},
            kinds,
        )

    def burn_rates(self, now_s: float, objective: float) -> dict[str, float | None]:
        """By window."""
        return {
            name: burn_rate(self.counts(now_s, window_s).error_rate, objective)
            for name, window_s in BURN_WINDOWS_S.items()
        }


def burn_rate(error_rate: float | None, objective: float) -> float | None:
    """How many times as fast as ``objective`` allows errors come. Raises ``ValueError`` for one not within (0, 1)."""
    if not 0 < objective < 1:
        raise ValueError(f"an objective lies between 0 and 1, such as 0.999; got {objective}")
    return None if error_rate is None else error_rate / (1 - objective)


def _class_of(took_ms: float) -> int:
    return int(log(max(took_ms, 0.001)) // _STEP)


def _quantile(times: Mapping[int, int], q: float) -> float | None:
    left = q * sum(times.values())
    for place in sorted(times):
        left -= times[place]
        if left <= 0:
            return exp((place + 0.5) * _STEP)
    return None


def trend_of(now: int, before: int) -> str:
    """``up``, ``down`` or ``flat``: whether two counts of equal spans differ beyond chance, at 5 %, two-sided.

    Of two Poisson counts the first is binomial of their sum; the normal approximation of that. One that was never there
    before is ``new``.
    """
    if before == 0 and now > 0:
        return "new"
    if now + before == 0:
        return "flat"
    p = erfc(max(abs(now - before) - 1, 0) / sqrt(now + before) / sqrt(2))
    return "flat" if p >= 0.05 else "up" if now > before else "down"


def histogram_quantile(buckets: Iterable[tuple[float, float]], q: float) -> float | None:
    """Of cumulative counts by upper bound, linear within a bucket, as Prometheus' function of that name; None of none.

    Where it lies beyond the last finite bound, that bound.
    """
    rows: Sequence[tuple[float, float]] = sorted(buckets)
    if not rows or rows[-1][1] <= 0:
        return None
    wanted, low, below = q * rows[-1][1], 0.0, 0.0
    for bound, count in rows:
        if count >= wanted:
            if bound == inf:
                return low
            inside = count - below
            return bound if inside <= 0 else low + (bound - low) * (wanted - below) / inside
        low, below = bound, count
    return low
