"""Where each KPI is going: growth over the span before, direction of its history with a test, and what is to come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from analytics.forecast.remainder import to_come
from analytics.kpis import growth_rate
from analytics.trend import TrendAnalyzer, analyze
from query.business.kpis import Gathered, figure_of

SEASONS = {"hour": 24, "day": 7, "week": 1, "month": 1}
LEVEL = 0.8


@dataclass(frozen=True)
class KpiTrendAnalyzer:
    """Asks each KPI of a summary where it goes."""

    analyzer: TrendAnalyzer = field(default_factory=TrendAnalyzer)

    def analyze_trends(self, kpis: Mapping[str, Mapping[str, Any]], period: Gathered) -> dict[str, dict[str, Any]]:
        """By KPI ``{growth_rate, growth_year, trend, p_value, n, history}``.

        ``growth_rate`` is over the previous span of equal length, a fraction; None on a base of zero. ``trend`` is up, flat
        or down by a test that allows for serial correlation, of the whole points of ``history``; None where they are too
        few, or where there is no history of the figure. ``revenue`` has a ``forecast``, too.
        """
        histories = _histories(period)
        found: dict[str, dict[str, Any]] = {}
        for name, kpi in kpis.items():
            now = figure_of(name, kpi)
            said: dict[str, Any] = {
                "growth_rate": _growth(now, kpi["previous"]),
                "growth_year": _growth(now, kpi["year_before"]),
                "trend": None,
                "p_value": None,
                "n": 0,
                "history": histories.get(name, []),
            }
            points = [p for p in said["history"] if p["complete"] and p["value"] is not None]
            if name in histories and points:
                time_us = np.array([p["at_us"] for p in points], np.int64)
                value = np.array([p["value"] for p in points], np.float64)
                judged = analyze(time_us, value, alpha=self.analyzer.alpha)
                said |= {"trend": judged.direction, "p_value": judged.p_value, "n": len(points)}
                said["test"] = None if judged.test is None else judged.test.name
            found[name] = said
        if "revenue" in found:
            found["revenue"]["forecast"] = _forecast(period, histories["revenue"], kpis["revenue"]["current"])
        for said in found.values():
            said["history"] = [{k: v for k, v in point.items() if k != "at_us"} for point in said["history"]]
        return found


def _growth(now: Any, before: Any) -> float | None:
    return None if now is None or before is None else growth_rate(now, before)


def _histories(found: Gathered) -> dict[str, list[dict[str, Any]]]:
    """By KPI: every point from the first one with an event on. The first may lack rows, so it is not complete."""
    people, money = found.people.history, found.money.history
    known = {*people, *money}
    said: dict[str, list[dict[str, Any]]] = {"revenue": [], "users": [], "conversion": []}
    begun = False
    for key, at, complete in found.reading.points():
        if not begun and key not in known:
            continue
        users, eligible, converted = people.get(key, (0, 0, 0))
        values = {
            "revenue": float(money.get(key, 0)),
            "users": users,
            "conversion": converted / eligible if eligible else None,
        }
        for name, value in values.items():
            said[name].append(
                {"at": found.period.text(at), "at_us": at, "value": value, "complete": complete and begun}
            )
        begun = True
    return said


def _forecast(found: Gathered, history: list[dict[str, Any]], so_far: int) -> dict[str, Any]:
    """Of the revenue: up to the end of the period, or where it is over, of as many points after it."""
    period, grain = found.period, found.period.grain
    whole = [point for point in history if point["complete"]]
    going_on = period.end_us > period.until_us
    last = whole[-1]["at_us"] if whole else period.since_us
    width = {"hour": 3_600, "day": 86_400, "week": 604_800, "month": 2_629_746}[grain] * 1_000_000
    until = period.end_us if going_on else period.until_us + (period.until_us - period.since_us)
    begun = [point for point in history if point["at_us"] > last]
    begun_us = begun[0]["at_us"] if begun else last + width
    start = begun_us if going_on else period.until_us
    steps = max(1, round((until - start) / width))
    said: dict[str, Any] = {
        "until": period.text(until),
        "of": "period" if going_on else "next period",
        "level": LEVEL,
        "status": "not enough data",
        "expected": None,
        "lower": None,
        "upper": None,
    }
    value = np.array([point["value"] for point in whole], np.float64)
    made = to_come(value, steps, SEASONS[grain], LEVEL) if len(value) else None
    if made is None:
        return said
    here = sum(point["value"] for point in begun) if going_on else 0.0
    base = (so_far - here) if going_on else 0.0
    expected, lower, upper = (base + max(part, here) for part in (made.expected, made.lower, made.upper))
    return {
        **said,
        "status": "ready",
        "level": made.level,
        "expected": round(expected),
        "lower": round(lower),
        "upper": round(upper),
        "origins": made.origins,
        "way": made.way,
    }
