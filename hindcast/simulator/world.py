"""Both platforms at once, as one endless line of events."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from hindcast.simulator.course import CoursePlatform
from hindcast.simulator.rhythm import calendar
from hindcast.simulator.saas import MarketingPlatform
from hindcast.simulator.stage import Event, Stage

COURSE, SAAS = "course-web", "saas-web"
WARM_UP_S = 300.0
"""How long the world has been going on when it is first looked at: sessions are in full swing from the first event."""


def events(seed: int, start_us: int, rate: float = 40.0) -> Iterator[Event]:
    """The events of both platforms from ``start_us`` (µs UTC) on, without end; the same for the same arguments.

    ``rate`` is the mean number of events a second over a week; by day and night it is about half to one and a half of it.
    Every few minutes something goes wrong for a minute or so: payments fail, the API fails, one site falls silent, or a
    campaign is opened by everybody at once.
    """
    if rate <= 0:
        raise ValueError(f"rate must be positive, got {rate}")
    stage = Stage(Random(f"{seed}/world"), start_us - int(WARM_UP_S * 1e6))
    course, saas = CoursePlatform(stage, COURSE), MarketingPlatform(stage, SAAS)
    for source, script in (
        (COURSE, course.open(rate / 2)),
        (COURSE, course.trouble(rate)),
        (SAAS, saas.open(rate / 2)),
        (SAAS, saas.trouble(rate)),
        (SAAS, saas.advertise()),
        (COURSE, calendar(stage, WARM_UP_S + 120.0)),
    ):
        stage.play(source, script)
    before = WARM_UP_S
    for source, kind, kwargs in stage.perform():
        if stage.now_s < WARM_UP_S:
            continue
        if source == COURSE and stage.suffers("quiet") and stage.chance.random() < 0.9:
            continue
        yield Event(stage.now_s - before, source, kind, kwargs)
        before = stage.now_s
