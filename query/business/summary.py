"""The executive summary: what a manager reads every morning, made of the log, as of any moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from events.errors import Rejected
from events.log import LogReader
from query import as_of
from query.as_of import Moment
from query.bounds import Limits, Stop
from query.business.advice import generate_recommendations
from query.business.comparing import ComparisonEngine
from query.business.drivers import tree
from query.business.kpis import Gathered, KPITracker
from query.business.meaning import Business
from query.business.money import Amounts
from query.business.periods import period_of
from query.business.trends import KpiTrendAnalyzer
from query.engine import Engine
from query.questions.expressions import refuse_unknown, unseen
from query.questions.schema import Match

LIMITS = Limits(rows=5_000_000, result_bytes=256 << 20, seconds=120.0)


@dataclass(frozen=True)
class ExecutiveDashboard:
    """Summaries of one business over one log. ``digits``: of the minor unit of each currency."""

    log: LogReader
    tenant: str
    business: Business
    digits: Mapping[str, int]
    limits: Limits = LIMITS
    comparison_engine: ComparisonEngine = field(default_factory=ComparisonEngine)
    trend_analyzer: KpiTrendAnalyzer = field(default_factory=KpiTrendAnalyzer)

    def generate_executive_summary(
        self,
        time_period: str,
        now: float,
        *,
        zone: str = "UTC",
        currency: str | None = None,
        moment: Moment | None = None,
        valid_at: int | None = None,
        stop: Stop | None = None,
    ) -> dict[str, Any]:
        """``{overview, key_metrics, trends, comparisons, recommendations}``, and what they stand on.

        ``time_period``: ``7d``, ``month``, ``last_month``, ``2026-11-01/2026-11-08``; see ``period_of``. ``now``: seconds
        UTC from which it is counted. ``moment``: what was known then; None: now. ``currency``: of the figures. Money is in
        minor units, growth and rates are fractions. Raises ``Rejected`` with field and remedy.
        """
        period = period_of(time_period, now, zone)
        moment = moment or as_of.now(self.log, self.tenant)
        engine = Engine(self.log, self.limits)
        opened = engine.open(
            tenant=self.tenant,
            commands=False,
            moment=moment,
            valid_at=valid_at,
            stop=stop,
            keep_bytes=self.limits.memory_bytes // 4,
        )
        with opened as session:
            tracker = KPITracker(self.business, session, self.digits, currency)
            found = tracker.gather(period)
            kpis = tracker.get_kpis(found)
            trends = self.trend_analyzer.analyze_trends(kpis, found)
            comparisons = self.comparison_engine.generate_comparisons(kpis, found)
            warnings = [*_unknown(found), *unseen(session, self.business.stream, _matches(self.business))]
            drivers = tree(found)
        code = found.money.currency
        return {
            "business": self.business.name,
            "title": self.business.title or self.business.name,
            "domain": self.business.domain,
            "period": {
                "said": period.said,
                "since": period.text(period.since_us),
                "until": period.text(period.until_us),
                "end": period.text(period.end_us),
                "zone": zone,
                "grain": period.grain,
            },
            "currency": code,
            "currency_digits": self.digits.get(code, 2),
            "overview": {
                "total_revenue": kpis["revenue"]["current"],
                "revenue_growth": trends["revenue"]["growth_rate"],
                "active_users": kpis["users"]["active"],
                "user_growth": trends["users"]["growth_rate"],
                "conversion_rate": kpis["conversion"]["rate"],
                "conversion_trend": trends["conversion"]["trend"],
            },
            "key_metrics": {
                "customer_acquisition_cost": kpis["cac"]["current"],
                "lifetime_value": kpis["ltv"]["current"],
                "churn_rate": kpis["churn"]["rate"],
                "engagement_score": kpis["engagement"]["score"],
            },
            "kpis": kpis,
            "trends": trends,
            "comparisons": comparisons,
            "drivers": drivers,
            "recommendations": generate_recommendations(kpis, trends, comparisons, found),
            "warnings": [*warnings, *_of_currencies(found.money, code)],
            "asked_at": now,
            "as_of": moment.token,
        }


def _unknown(found: Gathered) -> list[str]:
    """A property that no event has. The business stands, and its first event with it may come yet: so it is a warning."""
    try:
        refuse_unknown(found.reading.session, found.reading.sql)
    except Rejected as error:
        return [error.reason]
    return []


def _matches(business: Business) -> list[Match]:
    named = [business.revenue, business.refunds, business.spend, business.active, business.eligible, business.converted]
    return [match for match in (*named, *business.kinds, business.new_customers) if match is not None]


def _of_currencies(money: Amounts, code: str) -> list[str]:
    remedy = "give the business a currency, and rates to it, to take them in"
    said: list[str] = []
    if money.other:
        said.append(f"the revenue is in {code} and leaves out {_named(money.other)}; {remedy}")
    if money.other_spend:
        said.append(
            f"the cost of a new customer is not known in {code}: {_named(money.other_spend)} were spent; {remedy}"
        )
    return said


def _named(amounts: Mapping[str, int]) -> str:
    return ", ".join(
        f"{amount} minor units of {currency or 'no currency'}" for currency, amount in sorted(amounts.items())
    )
