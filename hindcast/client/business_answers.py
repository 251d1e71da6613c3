"""What the API answers of the business and of operations, as types."""

from __future__ import annotations

from typing import Any, TypedDict


class Overview(TypedDict):
    """Money in minor units of ``currency``; growth and rates are fractions, None where there is nothing to divide by."""

    total_revenue: int
    revenue_growth: float | None
    active_users: int
    user_growth: float | None
    conversion_rate: float | None
    conversion_trend: str | None


class KeyMetrics(TypedDict):
    customer_acquisition_cost: float | None
    lifetime_value: int | None
    churn_rate: float | None
    engagement_score: float | None


class Recommendation(TypedDict):
    """``impact_basis``: ``measured`` where the record supports the impact, ``static`` where the rule just says it."""

    category: str
    priority: str
    recommendation: str
    expected_impact: str
    impact_basis: str
    evidence: dict[str, Any]


class ExecutiveSummary(TypedDict):
    """See docs/executive.md. ``as_of`` is the token of its moment: asked as of that, the same is answered."""

    business: str
    title: str
    domain: str
    period: dict[str, str]
    currency: str
    currency_digits: int
    overview: Overview
    key_metrics: KeyMetrics
    kpis: dict[str, dict[str, Any]]
    trends: dict[str, dict[str, Any]]
    comparisons: dict[str, Any]
    drivers: dict[str, Any]
    recommendations: list[Recommendation]
    warnings: list[str]
    definition: dict[str, Any]
    businesses: list[dict[str, str]]
    asked_at: float
    as_of: str


class OperationalMetrics(TypedDict):
    """See docs/operations.md."""

    system_health: dict[str, float | None]
    performance: dict[str, Any]
    errors: dict[str, Any]
    alerts: list[dict[str, Any]]
    hindcast: dict[str, Any]
    services: list[dict[str, Any]]
    window_s: float
    asked_at: float
