"""The rhythm of days and weeks (UTC), and when things go wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

from hindcast.simulator.stage import Incident, Script, Stage, Step, Trouble

BUSIEST = 1.6
"""No activity is higher: the bound that arrivals are thinned from."""

FAILING_PER_S = 2.0
"""Failures a second, at least, while something is down."""

_LASTING_S: dict[Trouble, tuple[float, float]] = {
    "checkout": (60, 100),
    "api": (60, 100),
    "quiet": (60, 90),
    "campaign": (40, 70),
}


def evenings(us: int) -> float:
    """How busy people are who learn after work: 0.6 at dawn, 1.5 at eight in the evening, a little more at weekends."""
    hour, weekday = _hour_and_weekday(us)
    day = 1.0 + 0.4 * _peak(hour, 20.0)
    return min(BUSIEST, day * (1.08 if weekday >= 5 else 0.98))


def office_hours(us: int) -> float:
    """How busy people are who market for a living: 1.5 in the afternoon, 0.5 at night, less at weekends."""
    hour, weekday = _hour_and_weekday(us)
    day = 1.0 + 0.5 * _peak(hour, 14.0)
    return min(BUSIEST, day * (0.6 if weekday >= 5 else 1.12))


def arrivals(stage: Stage, per_s: float, activity: float) -> bool:
    """Whether a visitor proposed at the busiest rate is one at this ``activity`` (thinning, Lewis and Shedler 1979)."""
    return per_s > 0 and stage.chance.random() < activity * stage.tide(stage.now_s) / BUSIEST


def failing(stage: Stage, trouble: Trouble, per_s: float) -> float:
    """Seconds until the next failure. While it is down, callers try again and again, on a small platform, too."""
    return stage.chance.expovariate(max(per_s, FAILING_PER_S) if stage.suffers(trouble) else per_s)


def incidents(chance: Random, first_s: float) -> Iterator[Incident]:
    """One thing after another: the first at about ``first_s``, then one every eight or so."""
    at = first_s * chance.uniform(0.8, 1.2)
    while True:
        for trouble in chance.sample(tuple(_LASTING_S), len(_LASTING_S)):
            until = at + chance.uniform(*_LASTING_S[trouble])
            yield Incident(trouble, at, until)
            at = until + 180.0 + chance.expovariate(1 / 240.0)


def calendar(stage: Stage, first_s: float) -> Script:
    """Put one incident after another on the stage, the first at about ``first_s``."""
    for incident in incidents(stage.chance, first_s):
        stage.incident = incident
        yield Step(max(0.0, incident.end_s - stage.now_s))


def _hour_and_weekday(us: int) -> tuple[float, int]:
    at = datetime.fromtimestamp(us / 1e6, UTC)
    return at.hour + at.minute / 60, at.weekday()


def _peak(hour: float, top: float) -> float:
    """-1 to 1 over the day, 1 at ``top`` o'clock."""
    return math.cos((hour - top) / 24 * 2 * math.pi)
