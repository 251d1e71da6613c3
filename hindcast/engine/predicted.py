"""What the predictive face takes and answers."""

from __future__ import annotations

from typing import Any, Protocol, TypedDict


class Engineer(Protocol):
    """Makes features of what is known of one case."""

    def engineer(self, data: Any) -> dict[str, Any]:
        """Features by name, each in its name space."""
        ...


class Retention(TypedDict):
    """What ``predict_user_retention`` answers."""

    retention_probability: float
    feature_importance: dict[str, float]
    """What each feature adds to this user's probability, the largest first."""
    global_importance: dict[str, float]
    confidence_interval: dict[str, float]
    """``{low, high, level}`` of this user's probability."""
    confidence: dict[str, Any]
    """What such intervals are worth: ``{level, coverage, width, rows}``, measured."""
    recommendations: list[dict[str, Any]]
    alternative_scenarios: list[dict[str, Any]]
    horizon_days: float | None


class Campaign(TypedDict):
    """What ``predict_campaign_performance`` answers."""

    predictions: dict[str, float | None]
    """``reach, engagement, conversions, cost_per_acquisition``."""
    intervals: dict[str, dict[str, float | None]]
    """Of each prediction ``{low, high, level}``; no upper end of a cost where no conversion may come."""
    recommendations: list[dict[str, Any]]
    confidence_scores: dict[str, Any]
    alternative_scenarios: list[dict[str, Any]]
    feature_importance: dict[str, float]
