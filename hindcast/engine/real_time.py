"""One event at a time, judged by what came before it: is it unusual, where does its series go, what moves with it?"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from analytics.anomaly import AnomalyDetector
from analytics.correlation import correlate
from analytics.trend.analyzer import analyze

logger = logging.getLogger(__name__)
WINDOW_S = 60
"""Width of the windows of which trends and correlations are made."""
KEPT = 240
"""Windows that are kept of each series."""
MOST_SERIES = 1_000
"""Series beyond the first so many are judged by their values alone."""
LEAST = 20
"""Windows without which nothing is said of trends and correlations."""
BESIDE = 20
"""Series beside which one is held at most."""


class Series:
    """The windows of one type of event: how many there were, and the sum of their values."""

    def __init__(self) -> None:
        self.windows: deque[tuple[int, int, float]] = deque(maxlen=KEPT)
        """(window number, events, sum of values)"""
        self.told: dict[str, dict[str, Any]] = {}
        """What was said of the closed windows, by analyzer; nothing once one of them changed, or another was closed."""

    def add(self, window: int, value: float | None) -> None:
        """Take in an event; one of a window that is no longer kept is left out."""
        for i in range(len(self.windows) - 1, -1, -1):
            number, events, total = self.windows[i]
            if number == window:
                self.windows[i] = (number, events + 1, total + (value or 0.0))
                if i < len(self.windows) - 1:
                    self.told.clear()
                return
            if number < window:
                break
        if not self.windows or window > self.windows[-1][0]:
            self.windows.append((window, 1, value or 0.0))
            self.told.clear()

    def closed(self) -> dict[int, float]:
        """Events in each window that is over, gaps as zero."""
        counts = {number: float(events) for number, events, _ in list(self.windows)[:-1]}
        if not counts:
            return {}
        return {number: counts.get(number, 0.0) for number in range(min(counts), max(counts) + 1)}


class RealTimeAnalysis:
    """Keeps what is needed to judge the next event: bounded, in memory, of this object alone.

    The system's own analyzers do the same over the log, exactly once (``actors.analyzers``); this is for a program that has
    events at hand and wants an answer for each. Events come in any order; a late one is judged, and learned from where its
    window is still kept.
    """

    def __init__(self, false_alarms_per_week: float = 1.0, window_s: int = WINDOW_S) -> None:
        self._detector = AnomalyDetector(false_alarms_per_week)
        self._window_us = window_s * 1_000_000
        self._series: dict[str, Series] = {}

    def analyze(self, event: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """``{anomaly, trend, correlation}`` of an event with ``type``, and perhaps ``time`` and ``value``.

        ``value`` is the event's own, or that of its ``data``. Each answer has a ``status``:
        ``ready``, ``warming_up`` (not enough is known yet), ``no_value``, or ``error`` with what went wrong; one that
        fails leaves the others. Raises ``ValueError`` for an event without a type, or with a time that cannot be read.
        """
        type = event.get("type")
        if not isinstance(type, str) or not type:
            raise ValueError(f"type: must be a text that is not empty, got {type!r}")
        at, value = _time(event.get("time")), _value(event)
        series = self._series.get(type)
        if series is None and len(self._series) < MOST_SERIES:
            series = self._series[type] = Series()
        if series is not None:
            series.add(at // self._window_us, value)
        questions: dict[str, Callable[[], dict[str, Any]]] = {
            "anomaly": lambda: self._anomaly(type, at, value),
            "trend": lambda: self._trend(series),
            "correlation": lambda: self._correlation(type, series),
        }
        known = series.told if series else {}
        found: dict[str, dict[str, Any]] = {}
        for name, ask in questions.items():
            try:
                found[name] = known[name] if name in known else ask()
                if name != "anomaly":
                    known[name] = found[name]
            except Exception as error:  # noqa: BLE001 - one analyzer that fails leaves the others
                logger.error("Analysis error in %s: %s", name, error)
                found[name] = {"status": "error", "error": f"{error.__class__.__name__}: {error}"}
        return found

    def _anomaly(self, type: str, at: int, value: float | None) -> dict[str, Any]:
        if value is None:
            return {"status": "no_value", "is_anomaly": False}
        scores = self._detector.update([at], [value], [type])
        return {
            "status": "ready" if scores.status[0] else "warming_up",
            "is_anomaly": bool(scores.is_anomaly[0]),
            "score": float(scores.score[0]),
            "expected": _finite(scores.expected[0]),
            "lower": _finite(scores.lower[0]),
            "upper": _finite(scores.upper[0]),
        }

    def _trend(self, series: Series | None) -> dict[str, Any]:
        counts = series.closed() if series else {}
        if len(counts) < LEAST:
            return {"status": "warming_up", "windows": len(counts), "needed": LEAST}
        times = np.array(list(counts), np.int64) * self._window_us
        found = analyze(times, np.array(list(counts.values())))
        return {
            "status": "ready" if found.enough else "warming_up",
            "direction": found.direction,
            "p_value": found.p_value,
            "windows": len(counts),
            "notes": list(found.notes),
        }

    def _correlation(self, type: str, series: Series | None) -> dict[str, Any]:
        own = series.closed() if series else {}
        others = {
            name: other.closed() for name, other in self._series.items() if name != type and len(other.windows) > LEAST
        }
        if len(own) < LEAST or not others:
            return {"status": "warming_up", "windows": len(own), "needed": LEAST, "series": len(others) + 1}
        busiest = sorted(others, key=lambda name: (-sum(others[name].values()), name))[:BESIDE]
        names = [type, *busiest]
        windows = sorted(own)
        table = np.array([[own[w], *(others[name].get(w, 0.0) for name in busiest)] for w in windows])
        pairs = [pair for pair in correlate(table, names=names).pairs if type in (pair.first, pair.second)]
        beside = [pair for pair in pairs if pair.significant]
        return {
            "status": "ready" if any(pair.status == "judged" for pair in pairs) else "warming_up",
            "windows": len(windows),
            "with": [
                {
                    "type": pair.second if pair.first == type else pair.first,
                    "coefficient": _finite(pair.coefficient),
                    "q_value": _finite(pair.q_value),
                }
                for pair in beside
            ],
        }


def _time(said: object) -> int:
    """Us UTC of a time: text in ISO 8601, a ``datetime``, or none, which is now."""
    if said is None:
        return int(datetime.now(UTC).timestamp() * 1_000_000)
    try:
        at = said if isinstance(said, datetime) else datetime.fromisoformat(str(said))
    except ValueError:
        raise ValueError(f"time: is no time in ISO 8601, got {str(said)[:80]!r}") from None
    if at.tzinfo is None:
        raise ValueError(f"time: says no zone, got {str(said)[:80]!r}; write 2026-11-28T12:00:00Z")
    return int(at.timestamp() * 1_000_000)


def _value(event: Mapping[str, Any]) -> float | None:
    data = event.get("data")
    said = event.get("value", data.get("value") if isinstance(data, Mapping) else None)
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) else None


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
