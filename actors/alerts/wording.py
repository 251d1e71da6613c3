"""How an alert is put into words: figures in the metric's unit, times people can read, and where to look.

revenue.sum is €203.00, limit €1.00
cpu.percent.mean is 93.4 %, limit 90 %
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

MONEY = "money"
"""The unit of amounts in minor units of the currency that the key names."""
OF_VALUES = ("sum", "mean", "min", "max", "p50", "p95", "p99")
"""Aggregates in the unit of what was measured; the others count rows."""
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "VND": "₫", "UAH": "₴"}
GAUGES = {"percent": "%", "bytes_per_s": "B/s", "bytes": "B", "ms": "ms", "s": "s", "seconds": "s"}
"""Units by the last part of a gauge's name: ``cpu.percent``."""
_LARGE = 1000


@dataclass(frozen=True, slots=True)
class Wording:
    """What messages need to know."""

    units: Mapping[str, str] = field(default_factory=dict[str, str])
    """By metric; ``MONEY``, or a text such as ``ms``. The definitions of the metrics say them."""
    digits: Mapping[str, int] = field(default_factory=dict[str, int])
    """Decimal digits of the minor unit of each currency (ISO 4217)."""
    page: str = ""
    """Address of the page, for links; empty: no link."""

    def sentence(self, metric: str, aggregate: str, key: str, value: float | None, bound: float, note: str = "") -> str:
        """What a rule found of one metric and key beside its limit; ``value`` None: there was no data."""
        unit = self._unit(metric, aggregate)
        found = "has no data" if value is None else f"is {self.figure(value, unit, key)}"
        said = f"{metric}.{aggregate} {found}, limit {self.figure(bound, unit, key)}"
        return f"{said} ({note})" if note else said

    def expression(self, text: str, value: float | None, bound: float | None, note: str = "") -> str:
        """The same of a condition over several series, by its first comparison."""
        found = "has no data" if value is None else f"is {_number(value)}"
        said = f"{text} {found}" + ("" if bound is None else f", limit {_number(bound)}")
        return f"{said} ({note})" if note else said

    def figure(self, value: float, unit: str, key: str = "") -> str:
        """A number with its unit; money in whole units of the currency ``key``."""
        if unit == MONEY and key in self.digits:
            return self._money(value, key)
        return f"{_number(value)} {unit}" if unit and unit != MONEY else _number(value)

    def body(self, row: Mapping[str, Any]) -> str:
        """What is sent to the world of a row of ``alerts``: JSON, its time in ISO 8601, with a link to the page."""
        return json.dumps(self._told(row), sort_keys=True)

    def _told(self, row: Mapping[str, Any]) -> dict[str, Any]:
        told = {**row, "time": iso(row["time"])}
        if "alerts" in row:
            told["alerts"] = [self._told(one) for one in row["alerts"]]
        if self.page:
            about = row["alerts"][0]["alert"] if "alerts" in row else row["alert"]
            told["link"] = f"{self.page}/#/alert/{about}"
        return told

    def _unit(self, metric: str, aggregate: str) -> str:
        if aggregate == "rate":
            return "/s"
        if aggregate not in OF_VALUES:
            return ""
        return self.units.get(metric) or GAUGES.get(metric.rpartition(".")[2], "")

    def _money(self, minor: float, currency: str) -> str:
        digits = self.digits[currency]
        text = f"{abs(minor) / 10**digits:,.{digits}f}"
        sign = "−" if minor < 0 else ""
        symbol = SYMBOLS.get(currency)
        return f"{sign}{symbol}{text}" if symbol else f"{sign}{text} {currency}"


def unit_of(metric: Mapping[str, Any]) -> str:
    """The unit that the spec of a metric says, or that its columns do; empty: none."""
    is_money = (metric.get("value"), metric.get("key")) == ("amount", "currency")
    return metric.get("unit") or (MONEY if is_money else "")


def iso(us: int) -> str:
    """Microseconds UTC as ISO 8601 to the second: ``2026-01-31T09:30:00Z``."""
    return datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(value: float) -> str:
    """Four digits that say something; whole from a thousand on, with commas."""
    text = f"{value:,.0f}" if _LARGE <= abs(value) < 1e15 else f"{value:.4g}"
    return text.replace("-", "−") if abs(value) < 1e15 else text
