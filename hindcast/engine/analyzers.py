"""What collected rows say: what happened, what comes next, and what to look at first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from analytics.kernels import F64, I64
from hindcast.engine.processing import Processor

if TYPE_CHECKING:
    from hindcast.client import Client

WIDTHS_S = (86_400, 3_600, 600, 60)
"""Of the windows in which rows are counted; the widest is taken that gives enough of them."""
ENOUGH = 30
"""Windows without which nothing is forecast or recommended."""
HORIZON = 12
LEVEL = 80.0
"""Percent of the outcomes that a forecast's band is meant to hold."""
MOST = 20
"""Types, the most frequent first, of which something is said."""
ALPHA = 0.01
"""The chance to recommend something for a type that only varies by chance, before the number of types is allowed for."""


_RECORDED = """
    SELECT watch, metric, aggregate, coalesce(key, '') AS key, epoch_us(time) AS made_us, width_us / 1e6 AS width_s, level,
      n AS windows, message, epoch_us(start) AS time_us, expected, lower, upper
    FROM (SELECT *, max(row_offset) FILTER (WHERE type = 'forecast.withdrawn') OVER one AS gone, max(time) OVER one AS newest
          FROM forecasts WINDOW one AS (PARTITION BY watch))
    WHERE type = 'forecast.made' AND time = newest AND row_offset > coalesce(gone, -1)
    ORDER BY watch, key, step"""


class Analyzer(Protocol):
    """Makes insights of rows."""

    def analyze(self, data: pa.Table) -> dict[str, Any]:
        """What the rows say; they have ``time`` and ``type``, and may have ``subject`` and ``value``."""
        ...


class DescriptiveAnalyzer:
    """What happened, by type: rows, people, and what the values say (see ``analytics.description``)."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor

    def analyze(self, data: pa.Table) -> dict[str, Any]:
        return self._processor.process(data).insights()


class PredictiveAnalyzer:
    """What comes next, by type: the number of rows in each of the next windows, with its band.

    ``recorded`` answers the forecasts that the system itself has made of its metrics (see ``recorded_forecasts``).
    """

    def __init__(self, recorded: Callable[[], list[dict[str, Any]]] = list) -> None:
        self._recorded = recorded

    def analyze(self, data: pa.Table) -> dict[str, Any]:
        """``{types: {type: {status, width_s, windows, forecast: [{time_us, expected, lower, upper}]}}, metrics: […]}``.

        ``status`` is ``ready`` or ``not enough data``. The band is meant to hold 80 % of the outcomes. ``metrics`` has the
        newest recorded forecast of each series that is watched, over the whole log.
        """
        from analytics.forecast.engine import forecast  # here: statsforecast takes more than a second to import

        found: dict[str, Any] = {}
        for type, counted in series_of(data).items():
            said: dict[str, Any] = {"status": "not enough data", "windows": len(counted.value), "needed": ENOUGH}
            if len(counted.value) >= ENOUGH:
                made = forecast(
                    [type] * len(counted.value), counted.time_us, counted.value, horizon=HORIZON, levels=[LEVEL]
                )
                ahead = zip(made.time, made.forecast, made.lo[LEVEL], made.hi[LEVEL], strict=True)
                said = {
                    "status": "ready",
                    "width_s": counted.width_s,
                    "windows": len(counted.value),
                    "level": LEVEL,
                    "forecast": [
                        {"time_us": int(at), "expected": float(point), "lower": float(low), "upper": float(high)}
                        for at, point, low, high in ahead
                    ],
                }
            found[type] = said
        return {"types": found, "metrics": self._recorded()}


def recorded_forecasts(client: Client) -> list[dict[str, Any]]:
    """The newest forecast of each series, as definitions of the kind ``forecast`` have them made and recorded.

    ``{metric, aggregate, key, made_us, width_s, level, windows, message, forecast: [{time_us, expected, lower, upper}]}``.
    """
    rows = client.query(_RECORDED)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        said = found.setdefault(
            (row["watch"], row["key"]),
            {
                name: row[name]
                for name in ("metric", "aggregate", "key", "made_us", "width_s", "level", "windows", "message")
            }
            | {"forecast": []},
        )
        said["forecast"].append({name: row[name] for name in ("time_us", "expected", "lower", "upper")})
    return [*found.values()]


class PrescriptiveAnalyzer:
    """What to look at first: types whose numbers rise or fall beyond chance, each with the figures that say so."""

    def analyze(self, data: pa.Table) -> dict[str, Any]:
        """``{recommendations: [{type, recommendation, direction, before, now, windows, width_s, p_value, impact_basis}]}``.

        ``before`` and ``now`` are rows a window, on average over the first and the last third; ``p_value`` is of the trend,
        corrected for the number of types (Bonferroni). ``impact_basis`` is ``measured``: no effect is promised.
        """
        from analytics.trend.analyzer import analyze

        counted = {type: one for type, one in series_of(data).items() if len(one.value) >= ENOUGH}
        found: list[dict[str, Any]] = []
        for type, one in counted.items():
            trend = analyze(one.time_us, one.value, alpha=ALPHA / len(counted))
            if trend.direction not in ("up", "down"):
                continue
            third = len(one.value) // 3
            before, now = float(one.value[:third].mean()), float(one.value[-third:].mean())
            word = "rises" if trend.direction == "up" else "falls"
            remedy = "find out what drives it, and whether the system is ready for it"
            if trend.direction == "down":
                remedy = "look at what changed when it began to fall"
            found.append(
                {
                    "type": type,
                    "recommendation": f"{type} {word} from {before:.4g} to {now:.4g} a window: {remedy}",
                    "direction": trend.direction,
                    "before": before,
                    "now": now,
                    "windows": len(one.value),
                    "width_s": one.width_s,
                    "p_value": min(1.0, (trend.p_value or 0.0) * len(counted)),
                    "impact_basis": "measured",
                }
            )
        found.sort(key=lambda one: (one["p_value"], one["type"]))
        enough = len(counted)
        return {"recommendations": found, "types_judged": enough, "status": "ready" if enough else "not enough data"}


class Counted:
    """How many rows of one type each window had: ``time_us`` int64[n] its start, ``value`` float64[n]."""

    def __init__(self, time_us: I64, value: F64, width_s: int) -> None:
        self.time_us, self.value, self.width_s = time_us, value, width_s


def series_of(data: pa.Table) -> dict[str, Counted]:
    """The rows of the most frequent types counted in whole windows.

    The first window and the last one are left out, for rows of them may be missing: the newest rows are collected, and
    more may be under way.
    """
    if not len(data):
        return {}
    times = data.column("time").cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    types = np.array(data.column("type").to_pylist(), dtype=object)
    first, last = int(times.min()), int(times.max())
    width_s = next((w for w in WIDTHS_S if (last - first) // (w * 1_000_000) - 1 >= ENOUGH), WIDTHS_S[-1])
    width = width_s * 1_000_000
    begin, end = first // width + 1, last // width
    names, counts = np.unique(types.astype(str), return_counts=True)
    found: dict[str, Counted] = {}
    for at in sorted(range(len(names)), key=lambda i: (-counts[i], names[i]))[:MOST]:
        windows = times[types == names[at]] // width
        inside = windows[(windows >= begin) & (windows < end)] - begin
        value = np.bincount(inside, minlength=max(0, end - begin)).astype(np.float64)
        start = np.arange(begin, max(begin, end), dtype=np.int64) * width
        found[str(names[at])] = Counted(start, value, width_s)
    return found
