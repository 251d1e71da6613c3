"""Words of the stories about alerts, keys and dashboards: what happens, for ``when``, and what is expected, for ``then``.

Time passes in windows of ten seconds. A story begins in the middle of life, long after the clock's beginning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hindcast.testing.story import Story, Word

SECOND = 1_000_000
WINDOW = 10 * SECOND
BEGIN = 1_760_000_000 * SECOND


# -- what happens --------------------------------------------------------------------------------------------------


def command(type_: str, subject: str, **data: Any) -> Word:
    """Somebody says so on ``control``."""
    return lambda story: story.rows("control", type=type_, subject=subject, data=json.dumps(data), time=_now(story))


def rule(name: str, condition: str, threshold: float = 0.0, **policy: Any) -> Word:
    """An alert rule is defined; who is told of it is ``channels``, by default ``ops``."""
    spec = {"name": name, "condition": condition, "threshold": threshold, "channels": ["ops"], **policy}
    return command("rule.defined", name, spec=spec, owner="api", by="ada")


def sampled(metric: str, *means: float, key: str = "") -> Word:
    """One window after another closes, each with a sample of this mean."""

    def happens(story: Story) -> None:
        for mean in means:
            story.now = _now(story) + WINDOW
            story.rows(
                "metrics", type="metric.sampled", key=key, mean=mean, count=1, revision=0, **_window(story, metric)
            )
            _close(story, metric)

    return happens


def counted(metric: str, *counts: int) -> Word:
    """One window after another closes, each with so many events; a window with none has no sample."""

    def happens(story: Story) -> None:
        for count in counts:
            story.now = _now(story) + WINDOW
            if count:
                said = {"key": "", "count": count, "revision": 0}
                story.rows("metrics", type="metric.sampled", **said, **_window(story, metric))
            _close(story, metric)

    return happens


def silent(metric: str, seconds: int) -> Word:
    """Windows close without any sample."""
    return counted(metric, *[0] * (seconds * SECOND // WINDOW))


def recounted(metric: str, count: int, *, windows_ago: int) -> Word:
    """Late rows came: a window that was closed so many windows ago has another count."""

    def happens(story: Story) -> None:
        end = _now(story) - windows_ago * WINDOW
        window = {**_window(story, metric), "start": end - WINDOW, "time": end}
        story.rows("metrics", type="metric.sampled", key="", count=count, revision=1, **window)

    return happens


def passes(seconds: float) -> Word:
    """The clock goes on, in one tick."""

    def happens(story: Story) -> None:
        story.now = _now(story) + int(seconds * SECOND)
        story.tick(story.now)

    return happens


def alert(type_: str, id: str = "a1", *, rule: str = "busy", key: str = "", by: str | None = None) -> Word:
    """An alert takes this turn, as the evaluator says it."""

    def happens(story: Story) -> None:
        row = {"alert": id, "rule": rule, "severity": "high", "message": "cpu is 95 %", "key": key, "by": by}
        story.rows("alerts", type=f"alert.{type_}", time=_now(story), **row)

    return happens


def _now(story: Story) -> int:
    story.now = story.now or BEGIN
    return story.now


def _window(story: Story, metric: str) -> dict[str, Any]:
    return {"metric": metric, "source": metric, "start": story.now - WINDOW, "time": story.now, "width_us": WINDOW}


def _close(story: Story, metric: str) -> None:
    story.rows("metrics", type="window.closed", key=None, count=0, **_window(story, metric)).tick(story.now)


# -- what is expected ----------------------------------------------------------------------------------------------


def alerts(*turns: str, **columns: Any) -> Word:
    """Exactly these turns of alerts were told, in this order; ``columns`` of each as well."""
    return lambda story: story.then("alerts", type=[f"alert.{turn}" for turn in turns], **columns)


def told(*channels: str) -> Word:
    """Exactly these channels are to be told something."""
    return lambda story: story.then("outbox", channel=list(channels))


def nobody_is_told(story: Story) -> None:
    """No channel is to be told anything."""
    story.then("outbox", channel=[])


def shows(topic: str, **values: Any) -> Word:
    """The view of the topic has these values at its top level; None: it has no such entry."""
    return lambda story: story.then_shows(topic, **values)


def shows_alert(id: str = "a1", **fields: Any) -> Word:
    """The page shows the alert with these fields among others."""

    def expected(story: Story) -> None:
        shown = _view(story, "alerts").get(id)
        assert shown is not None, f"{id} is not shown"
        assert {name: shown[name] for name in fields} == fields

    return expected


def shows_no_alert(story: Story) -> None:
    """The page shows no alert at all."""
    assert _view(story, "alerts") == {}


def _view(story: Story, topic: str) -> Mapping[str, Any]:
    return story.view(topic)
