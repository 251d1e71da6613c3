"""The figures of one business in one period, each with what it was made of, its definition, and what is behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from analytics.kpis import Average, Money, Rate, definition, engagement_score, lifetime_value
from analytics.kpis.amounts import LARGEST
from events.errors import Rejected
from query.business.meaning import Business
from query.business.money import Amounts, amounts
from query.business.periods import Period
from query.business.reading import SPANS, Reading
from query.business.users import Counted, counted, subscriptions
from query.engine import Session

LEVEL = 0.95
"""Of the intervals of rates and of the lifetime value."""
NAMES = {
    "revenue": "revenue",
    "users": "active_users",
    "conversion": "conversion_rate",
    "cac": "customer_acquisition_cost",
    "ltv": "lifetime_value",
    "churn": "churn_rate",
    "engagement": "engagement_score",
    "arpu": "average_revenue_per_user",
}
"""The figures, and under which name each is defined."""


@dataclass(frozen=True)
class Gathered:
    """All that was read of the log for one summary."""

    reading: Reading
    people: Counted
    money: Amounts

    @property
    def business(self) -> Business:
        return self.reading.business

    @property
    def period(self) -> Period:
        return self.reading.period


@dataclass(frozen=True)
class KPITracker:
    """Reads the figures of a business from the log. ``digits``: of the minor unit of each currency."""

    business: Business
    session: Session
    digits: Mapping[str, int]
    currency: str | None = None
    """To answer in; None: as the business says."""

    def gather(self, period: Period) -> Gathered:
        """Read the log. Raises ``Rejected`` for names that it does not have."""
        reading = Reading(self.business, period, self.session)
        for i, segment in enumerate(self.business.segments):
            if segment.by != "event":
                reading.segment_table(i, segment)
        people = counted(reading)
        subscriptions(reading, people)
        return Gathered(reading, people, amounts(reading, self.digits, self.currency))

    def get_kpis(self, period: Period | Gathered) -> dict[str, dict[str, Any]]:
        """``{revenue, users, conversion, cac, ltv, churn, engagement, arpu}``.

        Of each: its figure (``current``, ``rate``, ``active`` or ``score``), what it was in the ``previous`` span and a
        ``year_before``, what it was made of, and its ``definition`` with its version. Money is in minor units of
        ``currency``, averages of it not rounded. A figure of nothing, such as a rate of no cases, is None.
        """
        found = period if isinstance(period, Gathered) else self.gather(period)
        of = {name: _figures(found, name) for name in SPANS}
        kpis: dict[str, dict[str, Any]] = {}
        for name, called in NAMES.items():
            now, key = of["current"][name], _KEYS.get(name, "current")
            meant = definition(called, self.business.domain)
            kpis[name] = {
                key: now["value"],
                **{part: value for part, value in now.items() if part != "value"},
                "previous": of["previous"][name]["value"],
                "year_before": of["year_before"][name]["value"],
                "definition": {
                    "name": called,
                    "domain": meant.domain,
                    "version": meant.version,
                    "unit": meant.unit,
                    "meaning": meant.meaning,
                },
            }
        kpis["revenue"] |= {"by_currency": found.money.by_currency, "not_converted": found.money.other}
        return kpis


_KEYS = {"users": "active", "conversion": "rate", "churn": "rate", "engagement": "score"}


def figure_of(name: str, kpi: Mapping[str, Any]) -> Any:
    """The figure of a KPI, whatever it is called there."""
    return kpi[_KEYS.get(name, "current")]


def _figures(found: Gathered, span: str) -> dict[str, dict[str, Any]]:
    people, money = found.people.spans[span], found.money
    revenue, spend, customers = money.revenue[span], money.spend[span], money.customers[span]
    conversion = Rate(people.converted, people.eligible)
    churn = Rate(people.left, people.at_start)
    days = found.reading.days(span)
    offered = len(found.business.kinds_offered)
    parts = {
        "frequency": Rate(people.active_days, people.active * days),
        "breadth": Rate(people.kinds_used, people.active * offered),
        "return": Rate(people.stayed, found.people.spans["previous"].active) if span == "current" else None,
    }
    score = engagement_score({part: None if rate is None else rate.value for part, rate in parts.items()})
    worth = lifetime_value(
        _average(revenue * Fraction(found.business.margin), people.at_start, money.currency), churn, LEVEL
    )
    return {
        "revenue": {"value": cents(revenue), "currency": money.currency, "payers": money.payers[span]},
        "users": {"value": people.active},
        "conversion": {
            "value": conversion.value,
            "numerator": people.converted,
            "denominator": people.eligible,
            "interval": conversion.interval(LEVEL),
        },
        "cac": {
            "value": float(spend / customers)
            if customers and any(money.spend.values()) and not money.other_spend
            else None,
            "currency": money.currency,
            "spend": cents(spend),
            "new_customers": plain(customers),
        },
        "ltv": {
            "value": _minor(worth.value),
            "currency": money.currency,
            "interval": None if worth.lower is None else (_minor(worth.lower), _minor(worth.upper)),
            "lifetime_periods": worth.lifetime_periods,
            "margin": float(Fraction(found.business.margin)),
            "customers": people.at_start,
        },
        "churn": {
            "value": churn.value,
            "numerator": people.left,
            "denominator": people.at_start,
            "interval": churn.interval(LEVEL),
        },
        "engagement": {
            "value": score,
            "parts": {
                part: None
                if rate is None
                else {"value": rate.value, "numerator": rate.numerator, "denominator": rate.denominator}
                for part, rate in parts.items()
            },
        },
        "arpu": {"value": float(revenue / people.active) if people.active else None, "currency": money.currency},
    }


def cents(amount: Fraction) -> int:
    """Whole minor units, halves to the even one. Raises ``Rejected`` beyond 64 bits."""
    if abs(amount) > LARGEST:
        raise Rejected(
            "business", "the amounts add up to more than 64 bits of minor units hold; ask for a shorter period"
        )
    return round(amount)


def plain(number: Fraction) -> int | float:
    """A count: whole, where it is."""
    return int(number) if number.denominator == 1 else float(number)


def _average(total: Fraction, count: int, currency: str) -> Average:
    return Average(Money(cents(total), currency), count)


def _minor(amount: Money | None) -> int | None:
    return None if amount is None else amount.minor
